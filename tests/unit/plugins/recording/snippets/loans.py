"""Loans: terms, rates and years of employment as texts, grades as numbers, ratios of debt, months of credit history."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "loan_status"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "loan_amnt": [5000, 2500, 35000, 10000, 3000],
            "term": [" 36 months", " 60 months", " 60 months", " 36 months", " 36 months"],
            "int_rate": ["10.65%", "15.27%", " 7.90%", "13.49%", None],
            "installment": [162.87, 59.83, 708.0, 339.31, 98.2],
            "grade": ["B", "C", "A", "C", "E"],
            "emp_length": ["10+ years", "< 1 year", "1 year", None, "9 years"],
            "home_ownership": ["RENT", "MORTGAGE", "ANY", "OWN", "NONE"],
            "annual_inc": [24000.0, 30000.0, 120000.0, 0.0, None],
            "dti": [27.65, 1.0, 8.72, 999.0, 17.94],
            "earliest_cr_line": ["Jan-1985", "Apr-1999", "Nov-2001", "Feb-1996", "Jan-2010"],
            "issue_d": ["Dec-2011", "Dec-2011", "Jan-2012", "Feb-2012", "Mar-2012"],
            "fico_low": [735, 740, 690, 695, 660],
            "fico_high": [739, 744, 694, 699, 664],
            "loan_status": ["Fully Paid", "Charged Off", "Fully Paid", "Fully Paid", "Charged Off"],
        }
    )


def features(df: pd.DataFrame) -> pd.DataFrame:
    df["term"] = df["term"].str.replace(" months", "").str.strip().astype(int)
    df["int_rate"] = df["int_rate"].str.strip().str.replace("%", "").astype(float)
    df["int_rate"] = df["int_rate"].fillna(df["int_rate"].mean())
    df["emp_length"] = df["emp_length"].replace({"< 1 year": "0 years", "10+ years": "10 years"})
    df["emp_length"] = df["emp_length"].str.extract(r"(\d+)")[0].astype(float)
    df["emp_length_na"] = df["emp_length"].isnull()
    df["emp_length"] = df["emp_length"].fillna(-1).astype(int)
    df["grade"] = df["grade"].map({g: i for i, g in enumerate("ABCDEFG", start=1)})
    df["home_ownership"] = df["home_ownership"].replace(["NONE", "ANY"], "OTHER")
    df["annual_inc"] = df["annual_inc"].fillna(df["annual_inc"].median())
    df["log_income"] = np.log1p(df["annual_inc"])
    df["income_to_loan"] = np.where(df["loan_amnt"] > 0, df["annual_inc"] / df["loan_amnt"], 0)
    df["installment_ratio"] = (df["installment"] * 12 / df["annual_inc"]).replace([np.inf, -np.inf], np.nan).fillna(1)
    df["dti"] = df["dti"].clip(0, 60)
    df["fico"] = df[["fico_low", "fico_high"]].mean(axis=1)
    issued = pd.to_datetime(df["issue_d"], format="%b-%Y")
    first = pd.to_datetime(df["earliest_cr_line"], format="%b-%Y")
    df["history_months"] = (issued.dt.year - first.dt.year) * 12 + issued.dt.month - first.dt.month
    df = df.drop(columns=["issue_d", "earliest_cr_line", "fico_low", "fico_high"])
    return pd.get_dummies(df, columns=["home_ownership"], prefix="home")
