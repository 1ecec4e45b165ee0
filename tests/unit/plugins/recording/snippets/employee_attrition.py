"""Who leaves a company: means over questions, rates over years, all numbers scaled, all texts filled."""

from __future__ import annotations

import numpy as np
import pandas as pd

LABEL = "Attrition"


def tenure_ratios(d):
    d["YearsPerCompany"] = d["TotalWorkingYears"] / (d["NumCompaniesWorked"] + 1)
    d["StuckInRole"] = np.where(d["YearsAtCompany"] > 0, d["YearsInCurrentRole"] / d["YearsAtCompany"], 0.0)
    return d


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Attrition": ["Yes", "No", "No", "No", "Yes", "No"],
            "Age": [41, 49, 37, 33, 27, 59],
            "BusinessTravel": ["Travel_Rarely", "Travel_Frequently", "Non-Travel", None, "Travel_Rarely", "Travel_Rarely"],
            "Department": ["Sales", "Research & Development", "Research & Development", "Human Resources", None, "Sales"],
            "EnvironmentSatisfaction": [2, 3, 4, 4, 1, 3],
            "JobSatisfaction": [4.0, 2.0, 3.0, None, 2.0, 1.0],
            "RelationshipSatisfaction": [1, 4, 2, 3, 4, 1],
            "MonthlyIncome": [5993, 5130, 2090, 2909, 3468, 2670],
            "NumCompaniesWorked": [8, 1, 6, 1, 9, 4],
            "OverTime": ["Yes", "No", "Yes", "Yes", "No", "No"],
            "TotalWorkingYears": [8, 10, 7, 8, 6, 12],
            "YearsAtCompany": [6, 10, 0, 8, 2, 1],
            "YearsInCurrentRole": [4, 7, 0, 7, 2, 0],
        }
    )


def features(df: pd.DataFrame) -> pd.DataFrame:
    df = df.copy()
    for col in df.columns:
        if df[col].dtype == "object" or df[col].dtype == "str":
            df[col] = df[col].fillna("Unknown")
    satisfaction = [c for c in df.columns if c.endswith("Satisfaction")]
    df["JobSatisfaction"] = df["JobSatisfaction"].fillna(df["JobSatisfaction"].mode().iloc[0])
    df["Satisfaction"] = df[satisfaction].mean(axis=1)
    df["Unhappy"] = (df[satisfaction].min(axis=1) == 1).astype("int64")
    df = df.pipe(tenure_ratios)
    df["OverTime"] = df["OverTime"].map({"Yes": 1, "No": 0})
    df["BusinessTravel"] = df["BusinessTravel"].replace("Travel_", "", regex=True).str.replace("-", "_").str.lower()
    df["Department"] = df["Department"].str.replace(" & ", "_and_").str.replace(" ", "_")
    df["IncomePerAge"] = df.eval("MonthlyIncome / Age")
    df["LowPaid"] = df["IncomePerAge"] < df["IncomePerAge"].quantile(0.25)
    df["AgeGroup"] = df["Age"].apply(lambda a: "young" if a < 30 else ("middle" if a < 50 else "old"))
    num_cols = ["MonthlyIncome", "TotalWorkingYears"]
    df[num_cols] = (df[num_cols] - df[num_cols].min()) / (df[num_cols].max() - df[num_cols].min())
    return df.rename(columns=str.lower)
