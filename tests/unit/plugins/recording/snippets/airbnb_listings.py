"""Flats for rent: prices and rates as texts, "t" and "f", bathrooms in words, a list of amenities in one text."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "booked"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": ["Cosy flat near station", "LOFT with view!!", None, "Family house, garden & pool", "Room in Neukölln"],
            "price": ["$85.00", "$1,234.50", "$40.00", None, "$129.99"],
            "host_response_rate": ["98%", None, "100%", "0%", "87%"],
            "host_is_superhost": ["t", "f", None, "t", "f"],
            "host_since": ["2015-04-21", "2019-11-02", "2012-01-30", None, "2023-08-15"],
            "bathrooms_text": ["1 bath", "2.5 baths", "1 shared bath", "Half-bath", None],
            "bedrooms": [1.0, 2.0, None, 4.0, 1.0],
            "accommodates": [2, 4, 1, 8, 2],
            "amenities": [
                '["Wifi", "Kitchen", "Heating"]',
                '["Wifi", "Elevator", "Pool", "Hot tub", "Kitchen"]',
                "[]",
                '["Pool", "Kitchen", "Free parking on premises"]',
                '["Wifi"]',
            ],
            "room_type": ["Entire home/apt", "Entire home/apt", "Shared room", "Entire home/apt", "Private room"],
            "booked": [1, 0, 1, 1, 0],
        }
    )


def features(df: pd.DataFrame) -> pd.DataFrame:
    df["price"] = df["price"].str.replace("$", "", regex=False).str.replace(",", "", regex=False).astype(float)
    df["price"] = df["price"].fillna(df["price"].median())
    low, high = df["price"].quantile([0.05, 0.95])
    df["price"] = df["price"].clip(low, high)
    df["log_price"] = np.log(df["price"])
    df["host_response_rate"] = df["host_response_rate"].str.rstrip("%").astype(float) / 100
    df["host_is_superhost"] = df["host_is_superhost"].map({"t": True, "f": False}).fillna(False).astype(bool)
    df["host_days"] = (pd.Timestamp("2024-06-01") - pd.to_datetime(df["host_since"])).dt.days
    df["bathrooms"] = df["bathrooms_text"].str.extract(r"(\d+\.?\d*)", expand=False).astype(float)
    df.loc[df["bathrooms_text"].str.contains("half", case=False, na=False), "bathrooms"] = 0.5
    df["shared_bath"] = df["bathrooms_text"].str.contains("shared", na=False).astype(int)
    df["bedrooms"] = df["bedrooms"].fillna(df["bedrooms"].median())
    df["price_per_guest"] = df["price"] / df["accommodates"]
    df["n_amenities"] = df["amenities"].str.count('"') // 2
    for amenity in ["Wifi", "Pool", "Kitchen"]:
        df[f"has_{amenity.lower()}"] = df["amenities"].str.contains(amenity).astype(int)
    df["name_length"] = df["name"].fillna("").str.len()
    return df.drop(columns=["name", "amenities", "bathrooms_text", "host_since"])
