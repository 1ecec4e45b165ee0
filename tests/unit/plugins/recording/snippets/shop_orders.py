"""Orders of a shop, cleaned as for training: incomplete rows out, duplicates out, prices merged from a second table."""

from __future__ import annotations

import pandas as pd

LABEL = "returned"

PRODUCTS = pd.DataFrame({"sku": ["A-1", "B-2", "C-3"], "category": ["shoes", "bags", "shoes"], "list_price": [59.9, 120.0, 89.0]})


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer": ["anna", "ben", "ben", None, "cem", "dora"],
            "sku": ["A-1", "B-2", "B-2", "C-3", "C-3", "A-1"],
            "paid": ["$59.90", "$99.00", "$99.00", "$1,089.00", "$80.10", "$49.00"],
            "quantity": [1, 1, 1, 12, 1, 1],
            "returned": [0, 1, 1, 0, 0, 1],
        }
    )


def features(df: pd.DataFrame) -> pd.DataFrame:
    df["paid"] = df["paid"].str.replace("[$,]", "", regex=True).astype(float)
    df["unit_price"] = df["paid"] / df["quantity"]
    df = df.dropna(subset=["customer"]).drop_duplicates()
    df = df.merge(PRODUCTS, on="sku", how="left")
    df["discount"] = 1 - df["unit_price"] / df["list_price"]
    df["is_discounted"] = (df["discount"] > 0.05).astype(int)
    return df.drop(columns=["customer"])
