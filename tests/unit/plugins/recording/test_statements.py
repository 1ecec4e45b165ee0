"""Statements of pandas on a recorded frame: each gives what pandas gives, in `t.frame` and out of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rtml
from rtml_plugins.recording.comparing import difference


def shop() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [41.0, None, 17.0, 63.5, 30.0, 25.0],
            "km": [3, 0, 12, 7, 5, 1],
            "price": [10.5, 99.0, 20.25, 1.0, 0.0, 45.0],
            "brand": ["VW", "BMW", None, "VW", "Audi", "BMW"],
            "code": ["A-1-x", "B-22", "A-3-y-z", "C", "B-5", "A-6-w"],
            "at": pd.to_datetime(
                [
                    "2024-01-31 10:00",
                    "2024-02-29 23:59",
                    "2023-12-31 00:00",
                    "2024-06-15 12:30",
                    "2024-03-01 06:00",
                    "2024-05-05 05:05",
                ]
            ),
            "day": ["2024-01-31", "2024-02-29", "2023-12-31", None, "2024-03-01", "2024-05-05"],
            "old": [True, False, True, True, False, False],
            "bought": [0, 1, 1, 0, 1, 0],
        }
    )


Program = Callable[[Any], Any]
PROGRAMS: list[Program] = []


def statement(program: Program) -> Program:
    PROGRAMS.append(program)
    return program


# ---- frames ---------------------------------------------------------------------------------------------------------


@statement
def assign_with_functions_of_the_frame(t):
    return t.assign(total=lambda d: d["price"] * d["km"], half=lambda d: d["total"] / 2, one=1)


@statement
def pipe_and_insert_and_pop(t):
    t.insert(1, "first", t["km"] + 1)
    t["taken"] = t.pop("km")
    return t.pipe(lambda d, n: d.assign(more=d["price"] + n), 5)


@statement
def names_picked_by_pattern_and_kind(t):
    numbers = t.select_dtypes("number").columns.drop("bought")
    t[numbers] = t[numbers].fillna(0)
    t["sum"] = t.filter(like="a").select_dtypes("number").sum(axis=1)
    return t


@statement
def several_columns_at_once(t):
    t[["km", "price"]] = t[["price", "km"]].to_numpy()
    t[["a", "b"]] = t[["km", "price"]] / 100
    t[["c", "d"]] = 0
    return t


@statement
def scaled_frame(t):
    part = t[["age", "price"]]
    t[["age_z", "price_z"]] = (part - part.mean()) / part.std()
    t[["age_s", "price_s"]] = part.sub(part.min()).div(part.max() - part.min())
    t[["age_r", "price_r"]] = part.div(t["km"] + 1, axis=0)
    return t


@statement
def frame_of_functions(t):
    t[["age_log", "price_log"]] = t[["age", "price"]].apply(np.log1p)
    t[["age_fill", "price_fill"]] = t[["age", "price"]].apply(lambda c: c.fillna(c.median()))
    return t


@statement
def dict_arguments(t):
    t = t.fillna({"age": 0, "brand": "none"})
    t = t.astype({"km": float, "old": int})
    t = t.replace({"brand": {"VW": "Volkswagen"}}).round({"price": 1})
    return t.rename(columns={"km": "distance"}).rename(columns=str.upper)


@statement
def along_the_row(t):
    t["gone"] = t.drop(columns="bought").isna().sum(axis=1)
    t["any_gone"] = t[["age", "brand"]].isna().any(axis=1)
    t["mean"] = t[["age", "km", "price"]].mean(axis=1)
    t["least"] = t[["km", "price"]].min(axis=1)
    t["widest"] = t[["km", "price"]].idxmax(axis=1)
    t["agg"] = t[["km", "price"]].agg("sum", axis=1)
    return t


def tariff(row):
    if row["km"] > 5 and row["price"] > 5:
        return "long"
    return "short" if row["old"] else "none"


@statement
def functions_of_a_row(t):
    t["km"] = t["km"] * 2
    t["tariff"] = t.apply(tariff, axis=1)
    t["each"] = t.apply(lambda r: r["price"] / (r["km"] + 1), axis=1)
    return t


@statement
def expressions(t):
    t["e"] = t.eval("price / (km + 1)")
    t = t.eval("f = price * 2\ng = f - km > 3 and old")
    t["in"] = t.eval("brand in ['VW', 'Audi']")
    return t


# ---- rows by a condition --------------------------------------------------------------------------------------------


@statement
def values_where_a_condition_holds(t):
    t.loc[t["price"] > 30, "price"] = 30.0
    t.loc[t["age"].isna(), "age"] = t["age"].mean()
    t.loc[(t["km"] > 4) & t["old"], "group"] = "a"
    t.loc[t["km"] <= 4, "group"] = "b"
    t.loc[t["brand"].isna(), ["brand", "code"]] = "?"
    t.loc[t["old"], "price"] = t["km"] * 1.5
    t["copy"] = t.loc[:, "price"]
    return t


@statement
def chosen_values(t):
    t["a"] = np.where(t["price"] > 30, "high", np.where(t["km"] > 4, "far", "low"))
    t["b"] = np.select([t["age"] < 20, t["age"] < 50], ["young", "middle"], default="other")
    t["c"] = np.select([t["km"] > 5, t["old"]], [t["price"], t["km"] * 1.0], default=-1.0)
    t["d"] = t["price"].where(t["old"], t["km"])
    t["e"] = t["price"].mask(lambda s: s > 30)
    t["f"] = t["price"].case_when([(t["km"] > 5, 0.0), (t["old"], t["km"] * 1.0)])
    t["g"] = np.where(t["brand"].isin({"VW", "Audi"}), 1, 0)
    t["h"] = (t["price"].between(1, 30) & ~t["old"]).astype("int8")
    return t


# ---- numbers --------------------------------------------------------------------------------------------------------


@statement
def functions_of_numpy(t):
    t["a"] = np.log1p(t["price"]) + np.sqrt(t["km"])
    t["b"] = np.maximum(t["km"], 4)
    t["c"] = np.minimum(t["price"], t["age"])
    t["d"] = np.clip(t["price"], 2, 50)
    t["e"] = np.round(t["price"] / 3, 1)
    t["f"] = np.sin(2 * np.pi * t["at"].dt.hour / 24)
    t["g"] = np.isnan(t["age"])
    t["h"] = np.digitize(t["km"], [2, 5, 10])
    t["i"] = np.interp(t["price"], [0, 50, 100], [0, 1, 4])
    t["j"] = np.nan_to_num(t["age"])
    t["k"] = np.sign(t["price"] - 20)
    t["l"] = np.abs(t["km"] - 5)
    t["m"] = np.floor(t["price"] / 7)
    t["n"] = np.hypot(t["price"], t["km"])
    t["o"] = np.isin(t["km"], [3, 7])
    t["p"] = np.exp(-t["price"] / 100)
    return t


@statement
def bins(t):
    t["a"] = pd.cut(t["age"].fillna(30), [0, 18, 40, 99], labels=["young", "middle", "old"])
    t["b"] = pd.cut(t["km"], [-1, 4, 100], labels=[0, 1]).astype(int)
    t["c"] = pd.cut(t["price"], 3, labels=False)
    t["d"] = pd.qcut(t["price"], 3, labels=["l", "m", "h"])
    t["e"] = pd.cut(t["km"], bins=[0, 5, np.inf], right=False).astype(str)
    return t


@statement
def methods_of_operators(t):
    t["a"] = t["km"].add(t["price"]).mul(2).rsub(100)
    t["b"] = t["km"].gt(3) | t["price"].le(10.0)
    t["c"] = t["price"].fillna(t["age"]).combine_first(t["km"])
    t["d"] = t["price"].clip(lower=t["km"])
    t["e"] = t["km"].div(t["price"].sum()).round(3)
    t["f"] = t["old"] ^ (t["km"] > 3)
    t["g"] = -t["km"] + abs(t["price"] - 30) ** 0.5
    return t


@statement
def values_of_a_column_as_an_array(t):
    t["a"] = t["price"].to_numpy() * 2
    t["b"] = t["km"].values + t["price"].values
    return t


# ---- texts ----------------------------------------------------------------------------------------------------------


@statement
def parts_of_texts(t):
    t["a"] = t["code"].str.split("-").str[0]
    t["b"] = t["code"].str.split("-").str[1].fillna("none")
    t["c"] = t["code"].str.split("-").str[-1]
    t["d"] = t["code"].str.split("-").str.len()
    t["e"] = t["code"].str.split("-", n=1, expand=True)[1]
    t[["f", "g"]] = t["code"].str.split("-", n=1, expand=True)
    t["h"] = t["code"].str.extract(r"(\d+)", expand=False)
    t["i"] = t["code"].str.extract(r"([A-Z])-(\d)")[0]
    t["j"] = t["code"].str.split("-", expand=True)[2]
    t["k"] = t["code"].str[0] + t["code"].str[2:4]
    return t


@statement
def methods_of_texts(t):
    t["a"] = t["brand"].str.lower().str.replace("w", "").fillna("none").str.len()
    t["b"] = t["code"].str.contains("x|y")
    t["c"] = t["brand"].str.cat(t["code"], sep="/", na_rep="?")
    t["d"] = "<" + t["code"] + ">"
    t["e"] = t["code"].replace(r"[-]", "_", regex=True)
    t["f"] = t["brand"].eq("VW") & t["code"].str.startswith("A")
    t["g"] = t["km"].astype(str).str.zfill(3)
    t["h"] = t["code"].map(lambda c: len(c) > 3 and c.startswith("A"))
    t["i"] = t["brand"].apply(lambda b: b if b in ("VW", "BMW") else "other")
    t["j"] = t["price"].astype(str)
    return t


@statement
def numbers_in_texts(t):
    digits = t["code"].str.extract(r"(\d+)", expand=False)
    t["a"] = pd.to_numeric(digits, errors="coerce").fillna(0).astype(int)
    t["b"] = digits.fillna("0").astype(float)
    t["c"] = digits.fillna("0").astype(int)
    return t


# ---- times ----------------------------------------------------------------------------------------------------------


@statement
def parts_of_times(t):
    t["hour"], t["weekday"] = t["at"].dt.hour, t["at"].dt.day_of_week
    t["month_end"] = t["at"].dt.is_month_end.astype(int)
    t["date"] = t["at"].dt.normalize()
    t["text"] = t["at"].dt.strftime("%Y-%m")
    t["name"] = t["at"].dt.day_name()
    t["week"] = t["at"].dt.isocalendar().week.astype(int)
    t["night"] = t["at"].dt.hour.isin([22, 23, 0, 1]) | (t["at"].dt.hour < 6)
    return t


@statement
def times_and_differences(t):
    day = pd.to_datetime(t["day"])
    t["a"] = (t["at"] - day).dt.total_seconds() / 3600
    t["b"] = (pd.Timestamp("2024-07-01") - t["at"]).dt.days
    t["c"] = (t["at"].max() - t["at"]) / pd.Timedelta(days=1)
    t["d"] = t["at"] > "2024-02-01"
    t["e"] = t["at"] + pd.Timedelta(days=3)
    t["f"] = (day - pd.to_timedelta(t["km"], unit="D")).dt.month
    t["g"] = day.isna()
    t["h"] = day.dt.year.fillna(0).astype(int)
    t["i"] = pd.to_datetime(t["day"], format="%Y-%m-%d", errors="coerce").dt.quarter
    t["j"] = pd.to_datetime(t[["km"]].assign(year=2024, month=1, day=t["km"] + 1)[["year", "month", "day"]])
    return t


# ---- what comes from all rows ---------------------------------------------------------------------------------------


@statement
def looked_up_in_the_training_rows(t):
    t["a"] = t["brand"].map(t["brand"].value_counts())
    t["b"] = t["brand"].map(t.groupby("brand")["price"].mean()).fillna(t["price"].mean())
    t["c"] = t.groupby("brand")["price"].transform("max")
    t["d"] = t["brand"].map(t.groupby("brand")["bought"].mean())
    t["e"] = t["brand"].isin(t["brand"].value_counts().index[:2])
    t["f"] = t["price"] > t["price"].quantile(0.5)
    t["g"] = t["age"].fillna(t["age"].mode()[0])
    t["h"] = t["price"] / t.groupby("old")["price"].transform("mean")
    return t


@statement
def statistics_of_groups_by_several_columns(t):
    t["a"] = t.groupby(["brand", "old"])["price"].transform("mean")
    t["age"] = t["age"].fillna(t.groupby(["old", "km"])["age"].transform("median"))
    t["b"] = t.groupby(["brand", t["km"] > 4])["km"].transform("size")
    return t


@statement
def tables_joined(t):
    table = t.groupby("brand").agg(mean=("price", "mean"), seen=("km", "size")).reset_index()
    t = t.merge(table, on="brand", how="left")
    return t.join(pd.Series({"A-1-x": 7}, name="extra"), on="code")


@statement
def codes_of_values(t):
    t["a"] = t["brand"].astype("category").cat.codes
    t["b"] = t["brand"].factorize()[0]
    t["c"], _ = pd.factorize(t["code"], sort=True)
    return t


@statement
def dummies_of_a_frame(t):
    t = pd.get_dummies(t, columns=["brand", "code"], prefix=["b", "c"], drop_first=True, dtype=int)
    return t.drop(columns=["day"])


@statement
def dummies_of_a_column_beside_the_frame(t):
    kinds = pd.get_dummies(t["brand"], prefix="is", dummy_na=True)
    return pd.concat([t.drop(columns=["code"]), kinds, t["km"].rename("again")], axis=1)


def same(native: pd.DataFrame, recorded: pd.DataFrame) -> None:
    assert list(map(str, native.columns)) == list(map(str, recorded.columns))
    for name in native.columns:
        found = difference(native[name], recorded[name])
        assert found is None, f"{name}: {found}"


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_a_statement_gives_what_pandas_gives(program: Program) -> None:
    native = program(shop())
    with rtml.record(shop(), label="bought") as t:
        t = program(t)
    same(native, t.frame)
    answers = t.graph.run(shop())
    labels = [name for name in native.columns if str(name).lower() == "bought"]
    same(native.drop(columns=labels), answers.drop(columns=labels, errors="ignore").drop(columns="bought", errors="ignore"))
