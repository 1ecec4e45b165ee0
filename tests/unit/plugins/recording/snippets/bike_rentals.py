"""Bicycles for rent, as one chain of methods: the cycle of the hour, rush hours, the weather in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "count"


def add_time(df):
    return df.assign(
        datetime=lambda d: pd.to_datetime(d["datetime"]),
        hour=lambda d: d["datetime"].dt.hour,
        dayofweek=lambda d: d["datetime"].dt.dayofweek,
    )


def add_cycles(df, column, period):
    df[f"{column}_sin"] = np.sin(2 * np.pi * df[column] / period)
    df[f"{column}_cos"] = np.cos(2 * np.pi * df[column] / period)
    return df


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "datetime": [
                "2011-01-01 00:00:00",
                "2011-01-03 08:00:00",
                "2011-06-15 17:00:00",
                "2011-07-04 13:00:00",
                "2012-12-19 23:00:00",
            ],
            "season": [1, 1, 2, 3, 4],
            "holiday": [0, 0, 0, 1, 0],
            "workingday": [0, 1, 1, 0, 1],
            "weather": [1, 2, 3, 1, 4],
            "temp": [9.84, 5.74, 28.7, 33.62, 13.94],
            "atemp": [14.395, 6.06, None, 37.12, 16.665],
            "humidity": [81, 59, 0, 40, 61],
            "count": [16, 210, 601, 432, 88],
        }
    )


def features(t: pd.DataFrame) -> pd.DataFrame:
    return (
        t.pipe(add_time)
        .pipe(add_cycles, "hour", 24)
        .pipe(add_cycles, "dayofweek", 7)
        .assign(
            rush_hour=lambda d: ((d["workingday"] == 1) & (d["hour"].between(7, 9) | d["hour"].between(16, 18))).astype(int),
            atemp=lambda d: d["atemp"].fillna(d["temp"]),
            feels_off=lambda d: (d["atemp"] - d["temp"]).abs().round(1),
            humidity=lambda d: d["humidity"].replace(0, d["humidity"].median()),
            muggy=lambda d: d["temp"] * d["humidity"] / 100,
            weather=lambda d: d["weather"].replace({4: 3}).map({1: "clear", 2: "mist", 3: "rain"}),
            season=lambda d: d["season"].astype(str),
        )
        .rename(columns={"atemp": "feels_like"})
        .drop(columns=["datetime"])
        .pipe(pd.get_dummies, columns=["weather", "season"], dtype=int)
    )
