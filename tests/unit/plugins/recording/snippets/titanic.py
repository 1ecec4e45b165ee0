"""Titanic, as most first notebooks have it: titles, family size, decks, age groups."""

from __future__ import annotations

import pandas as pd

LABEL = "Survived"


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Survived": [0, 1, 1, 1, 0, 0, 1, 0, 1, 0],
            "Pclass": [3, 1, 3, 1, 3, 3, 1, 2, 1, 3],
            "Name": [
                "Braund, Mr. Owen Harris",
                "Cumings, Mrs. John Bradley (Florence Briggs Thayer)",
                "Heikkinen, Miss. Laina",
                "Futrelle, Mrs. Jacques Heath (Lily May Peel)",
                "Palsson, Master. Gosta Leonard",
                "Moran, Mr. James",
                "Duff Gordon, Lady. (Lucille Christiana Sutherland)",
                "Byles, Rev. Thomas Roussel Davids",
                "Sagesser, Mlle. Emma",
                "O'Brien, Mr. Thomas",
            ],
            "Sex": ["male", "female", "female", "female", "male", "male", "female", "male", "female", "male"],
            "Age": [22.0, 38.0, 26.0, 35.0, 2.0, None, 48.0, 42.0, 24.0, None],
            "SibSp": [1, 1, 0, 1, 3, 0, 1, 0, 0, 1],
            "Parch": [0, 0, 0, 0, 1, 0, 0, 0, 0, 0],
            "Fare": [7.25, 71.2833, 7.925, 53.1, 21.075, 8.4583, 39.6, 13.0, 69.3, 15.5],
            "Cabin": [None, "C85", None, "C123", None, None, "A16", None, "B35", None],
            "Embarked": ["S", "C", "S", "S", "S", "Q", "C", None, "C", "Q"],
        }
    )


def features(t: pd.DataFrame) -> pd.DataFrame:
    t["Title"] = t["Name"].str.extract(r" ([A-Za-z]+)\.", expand=False)
    t["Title"] = t["Title"].replace(["Lady", "Countess", "Capt", "Col", "Don", "Dr", "Major", "Rev", "Sir", "Jonkheer"], "Rare")
    t["Title"] = t["Title"].replace({"Mlle": "Miss", "Ms": "Miss", "Mme": "Mrs"})
    t["Title"] = t["Title"].map({"Mr": 1, "Miss": 2, "Mrs": 3, "Master": 4, "Rare": 5}).fillna(0).astype(int)

    t["FamilySize"] = t["SibSp"] + t["Parch"] + 1
    t["IsAlone"] = 0
    t.loc[t["FamilySize"] == 1, "IsAlone"] = 1
    t["Deck"] = t["Cabin"].str[0].fillna("U")
    t["HasCabin"] = t["Cabin"].apply(lambda x: 0 if type(x) == float else 1)  # noqa: E721

    t["Age"] = t["Age"].fillna(t["Age"].median())
    t["AgeBin"] = pd.cut(t["Age"], bins=[0, 12, 20, 40, 120], labels=["Child", "Teen", "Adult", "Elder"])
    t["Age*Class"] = t["Age"] * t["Pclass"]
    t["Embarked"] = t["Embarked"].fillna(t["Embarked"].mode()[0])
    t["FarePerPerson"] = t["Fare"] / t["FamilySize"]

    t = t.drop(["Name", "Cabin", "SibSp", "Parch"], axis=1)
    return pd.get_dummies(t, columns=["Sex", "Embarked", "Deck", "AgeBin"])
