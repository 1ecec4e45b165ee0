"""House prices: what is missing means none, qualities as numbers, areas added up, has-it flags."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "SalePrice"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "MSSubClass": [60, 20, 70, 60, 20],
            "MSZoning": ["RL", "RL", "RM", None, "FV"],
            "LotFrontage": [65.0, 80.0, None, 60.0, 84.0],
            "LotArea": [8450, 9600, 11250, 9550, 14260],
            "ExterQual": ["Gd", "TA", "Gd", "TA", "Ex"],
            "BsmtQual": ["Gd", "Gd", None, "TA", "Ex"],
            "TotalBsmtSF": [856.0, 1262.0, None, 756.0, 1145.0],
            "1stFlrSF": [856, 1262, 920, 961, 1145],
            "2ndFlrSF": [854, 0, 866, 756, 0],
            "FullBath": [2, 2, 2, 1, 2],
            "HalfBath": [1, 0, 1, 0, 1],
            "PoolArea": [0, 0, 0, 512, 0],
            "PoolQC": [None, None, None, "Ex", None],
            "GarageArea": [548.0, 460.0, 608.0, None, 836.0],
            "YearBuilt": [2003, 1976, 2001, 1915, 2000],
            "YearRemodAdd": [2003, 1976, 2002, 1970, 2000],
            "YrSold": [2008, 2007, 2008, 2006, 1999],
            "SalePrice": [208500, 181500, 223500, 140000, 250000],
        }
    )


def features(all_data: pd.DataFrame) -> pd.DataFrame:
    all_data["LotFrontage"] = all_data["LotFrontage"].fillna(all_data["LotFrontage"].median())
    for col in ("PoolQC", "BsmtQual"):
        all_data[col] = all_data[col].fillna("None")
    for col in ("GarageArea", "TotalBsmtSF"):
        all_data[col] = all_data[col].fillna(0)
    all_data["MSZoning"] = all_data["MSZoning"].fillna(all_data["MSZoning"].mode()[0])
    all_data["MSSubClass"] = all_data["MSSubClass"].apply(str)

    quality = {"None": 0, "Po": 1, "Fa": 2, "TA": 3, "Gd": 4, "Ex": 5}
    for col in ["ExterQual", "BsmtQual", "PoolQC"]:
        all_data[col] = all_data[col].map(quality).astype(int)

    all_data["TotalSF"] = all_data["TotalBsmtSF"] + all_data["1stFlrSF"] + all_data["2ndFlrSF"]
    all_data["TotalBath"] = all_data["FullBath"] + 0.5 * all_data["HalfBath"]
    all_data["HouseAge"] = (all_data["YrSold"] - all_data["YearBuilt"]).apply(lambda x: 0 if x < 0 else x)
    all_data["Remodeled"] = (all_data["YearRemodAdd"] != all_data["YearBuilt"]) * 1
    all_data["haspool"] = all_data["PoolArea"].apply(lambda x: 1 if x > 0 else 0)
    all_data["has2ndfloor"] = all_data["2ndFlrSF"].apply(lambda x: 1 if x > 0 else 0)
    for feat in ["LotArea", "TotalSF", "GarageArea"]:
        all_data[feat] = np.log1p(all_data[feat])
    return pd.get_dummies(all_data)
