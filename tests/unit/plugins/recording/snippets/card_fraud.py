"""Payments that may be fraud, in the columns of the well-known simulated data: balances that do not add up, odd hours."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "isFraud"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "step": [1, 26, 95, 234, 500, 743, 12, 300],
            "type": ["PAYMENT", "TRANSFER", "CASH_OUT", "CASH_IN", "DEBIT", "TRANSFER", "CASH_OUT", "PAYMENT"],
            "amount": [9839.64, 181.0, 181.0, 229133.94, 5337.77, 1277212.77, 0.0, 28.95],
            "nameOrig": ["C1231006815", "C1305486145", "C840083671", "C905080434", "C712410124", "C1280323807", "C1", "C77"],
            "oldbalanceOrg": [170136.0, 181.0, 181.0, 15325.0, 41720.0, 1277212.77, 0.0, 0.0],
            "newbalanceOrig": [160296.36, 0.0, 0.0, 244458.94, 36382.23, 0.0, 0.0, 0.0],
            "nameDest": ["M1979787155", "C553264065", "C38997010", "C1509514333", "C195600860", "C873221189", "C9", "M4"],
            "oldbalanceDest": [0.0, 0.0, 21182.0, 5083.0, 41898.0, 0.0, None, 0.0],
            "newbalanceDest": [0.0, 0.0, 0.0, 51513.44, 40348.79, 1277212.77, None, 0.0],
            "isFraud": [0, 1, 1, 0, 0, 1, 0, 0],
        }
    )


def features(X: pd.DataFrame) -> pd.DataFrame:
    X["errorBalanceOrig"] = X.newbalanceOrig + X.amount - X.oldbalanceOrg
    X["errorBalanceDest"] = X.oldbalanceDest + X.amount - X.newbalanceDest
    X["hour"] = X["step"] % 24
    X["day"] = X["step"] // 24
    X["is_night"] = X["hour"].between(0, 5).astype("int8")
    X["to_merchant"] = X["nameDest"].str.startswith("M")
    X["emptied"] = np.where((X["oldbalanceOrg"] > 0) & (X["newbalanceOrig"] == 0), 1, 0)
    X.loc[(X.oldbalanceDest == 0) & (X.newbalanceDest == 0) & (X.amount != 0), ["oldbalanceDest", "newbalanceDest"]] = -1
    X["amount_log"] = np.log1p(X["amount"])
    X["share_of_balance"] = X["amount"] / X["oldbalanceOrg"].replace(0, np.nan)
    X["share_of_balance"] = X["share_of_balance"].fillna(-1).clip(upper=10)
    X["round_amount"] = X["amount"] % 1 == 0
    X["risky"] = X["type"].isin(["TRANSFER", "CASH_OUT"]) & (X["amount"] > 200_000)
    X["type"] = X["type"].map({"PAYMENT": 0, "TRANSFER": 1, "CASH_OUT": 2, "CASH_IN": 3, "DEBIT": 4})
    return X.drop(["nameOrig", "nameDest", "step"], axis=1)
