"""Used cars: prices with the signs of currencies, powers and engines in words, brands from the name, damages in a text."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "sold_fast"

RATES = {"€": 1.0, "£": 1.17, "$": 0.92}


def to_euro(text):
    if pd.isna(text):
        return np.nan
    sign = text.strip()[0]
    return float(text.strip()[1:].replace(",", "")) * RATES.get(sign, 1.0)


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": ["Volkswagen Golf VII 1.6 TDI", "BMW 320d", "audi A4 Avant", "Hyundai i10", "Mercedes-Benz C 180", "BMW X5"],
            "price": ["€12,500", "£18,990.50", "$9,800", None, "€ 22,450", "€1"],
            "registered": ["03/2015", "11/2018", "07/2012", "01/2020", None, "06/2021"],
            "km": ["120.000 km", "45.300 km", "210.500 km", "8 km", None, "60.000 km"],
            "power": ["85 kW (116 PS)", "140 kW (190 PS)", "- kW", "49 kW (67 PS)", "115 kW (156 PS)", None],
            "gearbox": ["Manual", "automatic", "MANUAL", "manual ", "Automatic", None],
            "owners": [2, 1, 4, 1, 2, 1],
            "damaged": ["nein", "ja", None, "nein", "nein", "nein"],
            "sold_fast": [1, 0, 0, 1, 0, 0],
        }
    )


def features(cars: pd.DataFrame) -> pd.DataFrame:
    cars["brand"] = cars["name"].str.split(" ", n=1).str[0].str.upper()
    cars["diesel"] = cars["name"].str.contains(r"\b(?:TDI|\d{3}d)\b", regex=True)
    cars["price"] = cars["price"].apply(to_euro)
    cars.loc[cars["price"] < 100, "price"] = np.nan
    cars["price"] = cars["price"].fillna(cars["price"].median())
    cars["km"] = pd.to_numeric(cars["km"].str.replace(" km", "").str.replace(".", "", regex=False))
    cars["kw"] = cars["power"].str.extract(r"(\d+) kW")[0].astype("float")
    parts = cars["registered"].str.split("/", expand=True)
    cars["reg_month"], cars["reg_year"] = parts[0].astype(float), parts[1].astype(float)
    cars["age"] = (2024 - cars["reg_year"]).fillna((2024 - cars["reg_year"]).median())
    cars["km_per_year"] = (cars["km"] / cars["age"].clip(lower=1)).round()
    cars["gearbox"] = cars["gearbox"].str.strip().str.lower().map({"manual": 0, "automatic": 1}).fillna(-1)
    cars["damaged"] = cars["damaged"].fillna("nein") == "ja"
    brand_price = cars.groupby("brand")["price"].median().to_dict()
    cars["brand_price"] = cars["brand"].map(brand_price)
    cars["vs_brand"] = cars["price"] / cars["brand_price"]
    cars["bargain"] = (cars["vs_brand"] < 0.8) & ~cars["damaged"]
    cars["score"] = -cars["age"] * 0.5 - cars["owners"] + cars["kw"].fillna(cars["kw"].mean()) / 50
    cars[["kw", "km"]] = cars[["kw", "km"]].fillna(-1)
    return cars.drop(columns=["name", "power", "registered"])
