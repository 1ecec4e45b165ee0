"""Payments with the history of each card in the frame itself: time since the last one, its number, the change of the amount."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "fraud"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "card_id": ["a1", "b7", "a1", "a1", "b7", "c3"],
            "ts": [
                "2024-01-05 10:00:00",
                "2024-01-05 11:30:00",
                "2024-01-05 10:02:10",
                "2024-01-07 09:00:00",
                "2024-01-05 11:30:20",
                "2024-01-08 22:10:00",
            ],
            "amount": [12.5, 230.0, 99.9, 15.0, 1.0, 45.0],
            "fraud": [0, 0, 1, 0, 1, 0],
        }
    )


def features(df: pd.DataFrame) -> pd.DataFrame:
    df["ts"] = pd.to_datetime(df["ts"])
    df["hour"] = df["ts"].dt.hour
    df = df.sort_values(["card_id", "ts"])
    df["seconds_since_last"] = df.groupby("card_id")["ts"].diff().dt.total_seconds().fillna(-1)
    df["nth"] = df.groupby("card_id").cumcount() + 1
    df["amount_change"] = df["amount"] / df.groupby("card_id")["amount"].shift(1)
    df["fast"] = np.where(df["seconds_since_last"].between(0, 60), 1, 0)
    return df.drop(columns=["ts"])
