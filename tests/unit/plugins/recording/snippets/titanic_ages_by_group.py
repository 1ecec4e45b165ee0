"""Titanic again, with the well-known trick: missing ages from the passengers of the same title and class."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "Survived"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Survived": [0, 1, 1, 0, 1, 0, 0, 1],
            "Pclass": [3, 1, 3, 3, 1, 3, 3, 1],
            "Name": [
                "Kelly, Mr. James",
                "Wilkes, Mrs. James (Ellen Needs)",
                "Connolly, Miss. Kate",
                "Svensson, Mr. Johan Cervin",
                "Snyder, Mrs. John Pillsbury",
                "Wirz, Mr. Albert",
                "Ilieff, Mr. Ylio",
                "Chaffee, Mrs. Herbert Fuller",
            ],
            "Age": [34.5, 47.0, 30.0, 14.0, None, 27.0, None, 46.0],
            "Fare": [7.8292, 7.0, 7.6292, 9.225, 82.2667, 8.6625, None, 61.175],
        }
    )


def features(t: pd.DataFrame) -> pd.DataFrame:
    t["Title"] = t["Name"].str.split(", ", expand=True)[1].str.split(".", expand=True)[0]
    t["Fare"] = t["Fare"].fillna(t["Fare"].mean())
    t["LogFare"] = np.log1p(t["Fare"])
    t["Age"] = t["Age"].fillna(t.groupby(["Title", "Pclass"])["Age"].transform("median"))
    t["IsChild"] = (t["Age"] < 16).astype(int)
    return t.drop(columns=["Name"])
