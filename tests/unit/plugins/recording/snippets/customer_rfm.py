"""Recency, frequency and money of customers: scores by thresholds, one code of three digits, segments with names."""

from __future__ import annotations

import pandas as pd

LABEL = "responded"


def segment(score):
    if score >= 9:
        return "champion"
    elif score >= 6:
        return "loyal"
    elif score >= 5:
        return "promising"
    return "lost"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer_id": [12346, 12347, 12348, 12349, 12350, 12352, 12353],
            "first_order": ["2010-12-01", "2010-12-07", "2010-12-16", "2011-11-21", "2011-02-02", "2011-02-16", "2011-05-19"],
            "last_order": ["2011-01-18", "2011-12-07", "2011-09-25", "2011-11-21", "2011-02-02", "2011-11-03", "2011-05-19"],
            "orders": [2, 7, 4, 1, 1, 11, 1],
            "revenue": [0.0, 4310.0, 1797.24, 1757.55, 334.4, 1545.41, 89.0],
            "responded": [0, 1, 1, 0, 0, 1, 0],
        }
    )


def features(rfm: pd.DataFrame) -> pd.DataFrame:
    snapshot = pd.to_datetime("2011-12-10")
    rfm["recency"] = (snapshot - pd.to_datetime(rfm["last_order"])).dt.days
    rfm["lifetime"] = (pd.to_datetime(rfm["last_order"]) - pd.to_datetime(rfm["first_order"])).dt.days
    rfm["avg_order"] = (rfm["revenue"] / rfm["orders"]).round(2)
    rfm["R"] = pd.cut(rfm["recency"], bins=[-1, 30, 90, 180, 9999], labels=[4, 3, 2, 1]).astype(int)
    rfm["F"] = pd.cut(rfm["orders"], bins=[0, 1, 3, 8, 9999], labels=[1, 2, 3, 4]).astype(int)
    rfm["M"] = pd.qcut(rfm["revenue"], 4, labels=False) + 1
    rfm["RFM"] = rfm["R"].astype(str) + rfm["F"].astype(str) + rfm["M"].astype(str)
    rfm["score"] = rfm[["R", "F", "M"]].sum(axis=1)
    rfm["segment"] = rfm["score"].apply(segment)
    rfm["one_timer"] = rfm["orders"].eq(1)
    rfm["days_between"] = rfm["lifetime"] / (rfm["orders"] - 1).where(rfm["orders"] > 1)
    return rfm.drop(columns=["customer_id", "first_order", "last_order"])
