"""Bookings of hotels that may be cancelled: nights and guests added up, months by name, rare countries together."""

from __future__ import annotations

import calendar

import numpy as np
import pandas as pd

LABEL = "is_canceled"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "hotel": ["Resort Hotel", "City Hotel", "City Hotel", "Resort Hotel", "City Hotel", "City Hotel", "City Hotel"],
            "is_canceled": [0, 1, 0, 0, 1, 1, 0],
            "lead_time": [342, 7, 0, 85, 419, 31, 120],
            "arrival_date_year": [2015, 2016, 2017, 2015, 2016, 2016, 2017],
            "arrival_date_month": ["July", "December", "February", "August", "May", "October", "July"],
            "arrival_date_day_of_month": [1, 24, 28, 15, 3, 31, 9],
            "stays_in_weekend_nights": [0, 2, 0, 4, 1, 0, 2],
            "stays_in_week_nights": [0, 1, 3, 10, 2, 1, 5],
            "adults": [2, 2, 1, 2, 0, 3, 2],
            "children": [0.0, 1.0, 0.0, 2.0, None, 0.0, 0.0],
            "babies": [0, 0, 0, 1, 0, 0, 0],
            "country": ["PRT", "GBR", "PRT", None, "FRA", "PRT", "GBR"],
            "agent": [None, 9.0, 240.0, None, 1.0, 9.0, 14.0],
            "deposit_type": ["No Deposit", "No Deposit", "Refundable", "No Deposit", "Non Refund", "Non Refund", "No Deposit"],
            "adr": [0.0, 98.0, 75.5, 210.25, -6.38, 5400.0, 107.42],
        }
    )


def features(h: pd.DataFrame) -> pd.DataFrame:
    months = {name: i for i, name in enumerate(calendar.month_name) if name}
    h["children"] = h["children"].fillna(0).astype(int)
    h["guests"] = h[["adults", "children", "babies"]].sum(axis=1)
    h["nights"] = h["stays_in_weekend_nights"] + h["stays_in_week_nights"]
    h["is_family"] = ((h["children"] + h["babies"]) > 0).astype(int)
    h["month"] = h["arrival_date_month"].map(months)
    date = pd.to_datetime({"year": h["arrival_date_year"], "month": h["month"], "day": h["arrival_date_day_of_month"]})
    h["arrival_weekday"] = date.dt.weekday
    h["booked_month"] = (date - pd.to_timedelta(h["lead_time"], unit="D")).dt.month
    h["adr"] = h["adr"].clip(0, h["adr"].quantile(0.95))
    h["adr_per_person"] = (h["adr"] / h["guests"]).replace([np.inf, -np.inf], 0).fillna(0)
    h["has_agent"] = h["agent"].notnull().astype(int)
    h["lead_bin"] = np.digitize(h["lead_time"], [7, 30, 90, 365])
    h["deposit"] = h["deposit_type"].map(lambda d: 0 if d == "No Deposit" else 1)
    top = h["country"].value_counts().index[:2]
    h["country"] = h["country"].fillna("unknown")
    h.loc[~h["country"].isin(top), "country"] = "other"
    h["resort"] = h.pop("hotel").eq("Resort Hotel").astype(int)
    h = h.drop(columns=["arrival_date_month", "agent", "deposit_type"])
    return pd.get_dummies(h, columns=["country"])
