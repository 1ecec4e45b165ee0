"""Clicks of visitors: means over the last clicks, and against the mean of the visitor."""

from __future__ import annotations

import pandas as pd

LABEL = "bought"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "visitor": ["v1", "v1", "v1", "v2", "v2", "v3"],
            "page": ["home", "PDP", "cart ", "home", "pdp", "Home"],
            "dwell": [3.0, 40.0, None, 5.5, 61.0, 2.0],
            "bought": [0, 0, 1, 0, 0, 0],
        }
    )


def features(t: pd.DataFrame) -> pd.DataFrame:
    t["page"] = t["page"].str.strip().str.lower()
    t["dwell"] = t["dwell"].fillna(0)
    t["dwell_last_3"] = t["dwell"].rolling(3, min_periods=1).mean()
    t["dwell_vs_visitor"] = t["dwell"] - t.groupby("visitor")["dwell"].transform("mean")
    t["is_cart"] = t["page"].eq("cart").astype(int)
    return t
