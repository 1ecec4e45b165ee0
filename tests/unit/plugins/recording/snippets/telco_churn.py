"""Churn of a telephone company: charges as texts with blanks, Yes and No, services counted, groups of tenure."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "Churn"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customerID": ["7590-VHVEG", "5575-GNVDE", "3668-QPYBK", "7795-CFOCW", "9237-HQITU", "4472-LVYGI", "1452-KIOVK"],
            "gender": ["Female", "Male", "Male", "Male", "Female", "Female", "Male"],
            "SeniorCitizen": [0, 0, 0, 1, 0, 0, 0],
            "Partner": ["Yes", "No", "No", "No", "No", "Yes", "No"],
            "tenure": [1, 34, 2, 45, 2, 0, 61],
            "OnlineSecurity": ["No", "Yes", "Yes", "Yes", "No", "Yes", "No internet service"],
            "OnlineBackup": ["Yes", "No", "Yes", "No", "No", "No", "No internet service"],
            "TechSupport": ["No", "No", "No", "Yes", "No", "Yes", "No internet service"],
            "Contract": ["Month-to-month", "One year", "Month-to-month", "One year", "Month-to-month", "Two year", "Two year"],
            "PaymentMethod": [
                "Electronic check",
                "Mailed check",
                "Mailed check",
                "Bank transfer (automatic)",
                "Electronic check",
                "Bank transfer (automatic)",
                "Credit card (automatic)",
            ],
            "MonthlyCharges": [29.85, 56.95, 53.85, 42.3, 70.7, 52.55, 20.15],
            "TotalCharges": ["29.85", "1889.5", "108.15", "1840.75", "151.65", " ", "1253.8"],
            "Churn": ["No", "No", "Yes", "No", "Yes", "No", "No"],
        }
    )


def features(df: pd.DataFrame) -> pd.DataFrame:
    df = df.drop("customerID", axis=1)
    df["TotalCharges"] = pd.to_numeric(df["TotalCharges"], errors="coerce")
    df["TotalCharges"] = df["TotalCharges"].fillna(df["TotalCharges"].median())

    services = ["OnlineSecurity", "OnlineBackup", "TechSupport"]
    for col in services:
        df[col] = df[col].replace({"No internet service": "No"})
    df["NumServices"] = (df[services] == "Yes").sum(axis=1)
    for col in ["Partner", *services]:
        df[col] = df[col].map({"Yes": 1, "No": 0})
    df["gender"] = (df["gender"] == "Male").astype(int)

    df["TenureGroup"] = pd.cut(df["tenure"], bins=[-1, 12, 24, 48, 60, np.inf], labels=["0-1", "1-2", "2-4", "4-5", "5+"])
    df["AvgCharge"] = df["TotalCharges"] / (df["tenure"] + 1)
    df["ChargeDiff"] = df["MonthlyCharges"] - df["AvgCharge"]
    df["AutoPay"] = df["PaymentMethod"].str.contains("automatic").astype(int)
    df["NewAndMonthly"] = ((df["tenure"] < 6) & (df["Contract"] == "Month-to-month")).astype(int)
    return pd.get_dummies(df, columns=["Contract", "TenureGroup", "PaymentMethod"], drop_first=True)
