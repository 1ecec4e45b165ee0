"""Measures of patients from scikit-learn: z-scores, limits, products and squares made in loops over columns."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

LABEL = "target"


def frame() -> pd.DataFrame:
    data = load_diabetes(as_frame=True, scaled=False).frame.iloc[::15].reset_index(drop=True)
    data.loc[[3, 11], "bmi"] = np.nan
    data.loc[7, "bp"] = np.nan
    return data


def features(df: pd.DataFrame) -> pd.DataFrame:
    numeric = [c for c in df.columns if c not in ("target", "sex")]
    for col in numeric:
        if df[col].isnull().any():
            df[col + "_missing"] = df[col].isnull().astype(int)
            df[col] = df[col].fillna(df[col].median())
    for col in numeric:
        q1, q3 = df[col].quantile(0.25), df[col].quantile(0.75)
        iqr = q3 - q1
        df[col] = df[col].clip(lower=q1 - 1.5 * iqr, upper=q3 + 1.5 * iqr)
        df[f"{col}_z"] = (df[col] - df[col].mean()) / df[col].std()
    for a, b in combinations(["bmi", "bp", "s5"], 2):
        df[f"{a}_x_{b}"] = df[a] * df[b]
    df["bmi_sq"] = df["bmi"] ** 2
    df["bmi_class"] = pd.cut(df["bmi"], [0, 18.5, 25, 30, 100], right=False, labels=["under", "normal", "over", "obese"])
    df["chol_ratio"] = df["s1"] / df["s3"]
    df["age_decade"] = (df["age"] // 10).astype(int)
    df["log_s5"] = df["s5"].transform(np.log)
    df["sex"] = df["sex"].map({1: "f", 2: "m"})
    df["older_and_obese"] = np.logical_and(df["age"] > 50, df["bmi"] > 30)
    return pd.get_dummies(df, columns=["bmi_class", "sex"], drop_first=True)
