"""Sales of a chain of shops: parts of the date, holidays, promotions, discounts, prices limited to what is usual."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "units"

HOLIDAYS = ["2023-12-25", "2023-12-26", "2024-01-01", "2024-05-01"]


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "date": ["2023-12-23", "2023-12-25", "2024-01-01", "2024-01-31", "2024-02-29", "2024-03-31", "2024-05-02"],
            "store": ["S01", "S02", "S01", "S03", "S02", "S01", "S09"],
            "store_type": ["a", "b", "a", "c", "b", "a", None],
            "list_price": [19.99, 5.49, 249.0, 12.0, 7.5, 3.2, 0.0],
            "paid_price": [14.99, 5.49, 199.0, 12.0, None, 3.2, 0.0],
            "promo": ["2 for 1", None, "SALE -20%", "", None, "sale -5%", None],
            "temperature": [2.5, -4.0, 0.0, 11.2, None, 15.8, 21.0],
            "units": [12, 3, 1, 8, 5, 20, 0],
        }
    )


def features(sales: pd.DataFrame) -> pd.DataFrame:
    sales["date"] = pd.to_datetime(sales["date"], format="%Y-%m-%d")
    sales["year"] = sales["date"].dt.year
    sales["month"] = sales["date"].dt.month
    sales["quarter"] = sales["date"].dt.quarter
    sales["dayofyear"] = sales["date"].dt.dayofyear
    sales["week"] = sales["date"].dt.isocalendar().week.astype(int)
    sales["is_month_end"] = sales["date"].dt.is_month_end.astype(int)
    sales["is_weekend"] = np.where(sales["date"].dt.dayofweek > 4, 1, 0)
    sales["is_holiday"] = sales["date"].isin(pd.to_datetime(HOLIDAYS))
    sales["season"] = sales["month"] % 12 // 3 + 1
    sales["season"] = sales["season"].map({1: "winter", 2: "spring", 3: "summer", 4: "autumn"})
    sales["paid_price"] = sales["paid_price"].fillna(sales["list_price"])
    sales["discount"] = np.where(sales["list_price"] == 0, 0, 1 - sales["paid_price"] / sales["list_price"])
    sales["promo_pct"] = pd.to_numeric(sales["promo"].str.extract(r"-(\d+)%")[0], errors="coerce").fillna(0)
    sales["has_promo"] = sales["promo"].notna() & (sales["promo"] != "")
    upper = sales["list_price"].quantile(0.9)
    sales["list_price"] = sales["list_price"].mask(sales["list_price"] > upper, upper)
    sales["temp_z"] = (sales["temperature"] - sales["temperature"].mean()) / sales["temperature"].std()
    sales["temp_z"] = sales["temp_z"].fillna(0)
    return pd.get_dummies(sales.drop("date", axis=1), columns=["season", "store_type"], dummy_na=False)
