"""Visits of a shop: their fields, and rows of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

SCHEMA: dict[str, Any] = {
    "age": {"type": "float?", "range": [18, 90], "decimals": 0, "missing": 0.2},
    "country": {"type": "string", "choices": {"DE": 3, "FR": 1}},
    "segment": {"type": "string?", "categories": ["a", "b", "c"]},
    "seen_at": {"type": "timestamp", "range": ["2026-03-01", "2026-03-31T23:00:00Z"]},
    "note": "string",
    "vip": "bool",
    "pages": {"type": "int", "range": [1, 5]},
    "visits": "int?",
}


def visits(count: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Real rows: skewed money, spending that grows with age, opening hours, a long tail of texts."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 80, count).astype(float)
    spent = np.round(age * rng.gamma(2, 1, count), 2)
    day = rng.integers(0, 60, count)
    hours = rng.choice([9, 10, 14], count, p=[0.6, 0.3, 0.1])
    seen = np.datetime64("2026-01-05", "us") + day * np.timedelta64(1, "D") + hours * np.timedelta64(1, "h")
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(count) < 0.1, np.nan, age),
            "spent": spent,
            "country": rng.choice(["DE", "FR", "US"], count, p=[0.7, 0.2, 0.1]),
            "city": [f"c{i % 7}" if i % 5 else f"village{i}" for i in range(count)],
            "seen_at": seen,
            "pages": rng.poisson(4, count),
            "vip": rng.random(count) < 0.25,
        }
    )
    return frame[day % 7 < 5].reset_index(drop=True)  # it starts on a Monday, and is closed at weekends
