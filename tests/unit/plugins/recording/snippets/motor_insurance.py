"""Pricing of motor insurance: ages, bands, kilometres a year, a rule of thumb applied row by row."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "claims"


def risk_class(row):
    if row["driver_age"] < 25 and row["power_kw"] > 110:
        return "high"
    if row["driver_age"] < 25 or row["bonus_malus"] > 100:
        return "medium"
    return "low"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "birth_year": [1960, 2001, 1988, 1975, 2004, 1943],
            "vehicle_year": [2010, 2022, 2019, None, 2003, 2023],
            "power_kw": [77, 140, 96, 55, 85, 210],
            "mileage": [154_000.0, 12_000.0, None, 98_500.0, 240_000.0, 800.0],
            "bonus_malus": [50, 120, 64, 50, 106, 50],
            "brand": ["VW", "BMW ", "vw", "Dacia", "Opel", "Porsche"],
            "region": ["urban", "urban", "rural", None, "suburban", "urban"],
            "fuel": ["diesel", "petrol", "electric", "petrol", "diesel", "petrol"],
            "claims": [0, 1, 0, 0, 2, 0],
        }
    )


def features(df: pd.DataFrame) -> pd.DataFrame:
    df = df.copy()
    df["driver_age"] = 2024 - df["birth_year"]
    df["vehicle_age"] = (2024 - df["vehicle_year"]).clip(lower=0)
    df["vehicle_age_missing"] = df["vehicle_age"].isna().astype(int)
    df["vehicle_age"] = df["vehicle_age"].fillna(df["vehicle_age"].median())
    df["km_per_year"] = df["mileage"] / df["vehicle_age"].replace(0, 1)
    df["km_per_year"] = df["km_per_year"].fillna(df["km_per_year"].mean())
    df["age_band"] = pd.cut(df["driver_age"], [17, 25, 35, 50, 65, 120], labels=False)
    df["power_band"] = np.select(
        [df["power_kw"] < 60, df["power_kw"].between(60, 100), df["power_kw"] > 100],
        ["small", "medium", "large"],
        default="unknown",
    )
    df["risk"] = df.apply(risk_class, axis=1)
    df["brand"] = df["brand"].str.strip().str.upper()
    df["premium_brand"] = df["brand"].isin(["BMW", "PORSCHE", "AUDI", "MERCEDES"])
    df["power_per_age"] = df["power_kw"] / df["driver_age"]
    df["region"] = df["region"].fillna("unknown")
    return pd.get_dummies(
        df.drop(columns=["birth_year", "vehicle_year"]), columns=["fuel", "region", "power_band", "risk"], dtype=int
    )
