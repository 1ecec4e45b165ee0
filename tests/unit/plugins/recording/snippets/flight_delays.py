"""Delays of flights: times as numbers like 1455, routes, hubs, seasons from a dict made on the way."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "ArrDel15"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Month": [1, 4, 7, 10, 12, 8],
            "DayofMonth": [1, 15, 4, 31, 24, 9],
            "DayOfWeek": [1, 5, 7, 6, 2, 3],
            "CRSDepTime": [5, 655, 1455, 1830, 2359, 1200],
            "CRSArrTime": [130, 910, 1400, 2215, 725, 1329],
            "UniqueCarrier": ["AA", "DL", "WN", "UA", "XE", "HA"],
            "Origin": ["ATL", "JFK", "MDW", "ORD", "LAX", "HNL"],
            "Dest": ["ORD", "LAX", "STL", "EWR", "JFK", "OGG"],
            "Distance": [606, 2475, 251, 719, 2475, 100],
            "DepDelay": [None, -3.0, 0.0, 45.0, 120.0, -12.0],
            "ArrDel15": [0, 0, 0, 1, 1, 0],
        }
    )


def features(flights: pd.DataFrame) -> pd.DataFrame:
    seasons = {m: s for s, months in {"winter": [12, 1, 2], "spring": [3, 4, 5], "summer": [6, 7, 8]}.items() for m in months}
    flights["season"] = flights["Month"].map(seasons).fillna("autumn")
    for c in ["Dep", "Arr"]:
        flights[f"{c}Hour"] = flights[f"CRS{c}Time"] // 100
        flights[f"{c}Minutes"] = flights[f"{c}Hour"] * 60 + flights[f"CRS{c}Time"] % 100
    flights["Overnight"] = flights["ArrMinutes"] < flights["DepMinutes"]
    flights["Planned"] = flights["ArrMinutes"] - flights["DepMinutes"] + np.where(flights["Overnight"], 24 * 60, 0)
    flights["Speed"] = flights["Distance"] / (flights["Planned"] / 60)
    flights["DepPeriod"] = pd.cut(
        flights["DepHour"], bins=[-1, 5, 11, 17, 23], labels=["night", "morning", "afternoon", "evening"]
    )
    flights["Route"] = flights["Origin"].str.cat(flights["Dest"], sep="-")
    hubs = {"ATL", "ORD", "DFW", "LAX", "JFK"}
    flights["FromHub"] = flights["Origin"].isin(hubs)
    flights["HubToHub"] = flights["FromHub"] & flights["Dest"].isin(hubs)
    flights["LongHaul"] = np.where(flights["Distance"] > 1500, "long", np.where(flights["Distance"] > 500, "medium", "short"))
    flights["Peak"] = flights[["DepHour", "DayOfWeek"]].apply(
        lambda r: int(r["DepHour"] in (16, 17, 18) and r["DayOfWeek"] <= 5), axis=1
    )
    flights["Delayed"] = (flights["DepDelay"].fillna(0) > 15).astype(int)
    flights["DepDelay"] = np.maximum(flights["DepDelay"].fillna(flights["DepDelay"].mean()), 0)
    flights["Sunday"] = flights.DayOfWeek == 7
    return flights.drop(columns=["CRSDepTime", "CRSArrTime"])
