"""Programs at the edges: names given twice, columns overwritten, texts of strange letters, missing values of every kind.

Each is either recorded, and then gives what pandas gives, on the frame and for each raw row alone; or it is refused at its line.
Nothing is quietly different.
"""

from __future__ import annotations

import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core.errors import RtmlError
from tests.unit.plugins.recording.comparing import Program, assert_records, record

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

RECORDED: list[Program] = []
REFUSED: list[tuple[Program, str]] = []
RAISING: list[tuple[Program, type[Exception]]] = []


def people() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [41.0, None, 17.5, 0.0, -3.0],
            "n": [3, 0, -7, 12, 5],
            "m": [2, 5, 3, -4, 1],
            "city": ["Köln", None, " ulm", "BERLIN", ""],
            "kind": ["a", "b", "c", "a", "b"],
            "paid": [True, False, True, True, False],
            "at": ["2024-02-29 23:59:59", "2024-03-31 01:30:00", None, "1969-12-31 12:00:00", "2024-12-31 00:00:00"],
            "y": [1, 0, 0, 1, 1],
        }
    )


def records(program: Program) -> Program:
    RECORDED.append(program)
    return program


def refused(cure: str) -> Callable[[Program], Program]:
    def keep(program: Program) -> Program:
        REFUSED.append((program, cure))
        return program

    return keep


def raises(error: type[Exception]) -> Callable[[Program], Program]:
    def keep(program: Program) -> Program:
        RAISING.append((program, error))
        return program

    return keep


# ---- names and what they stand for ------------------------------------------------------------------------------


@records
def a_series_keeps_its_values_when_its_column_is_overwritten(t):
    old = t["n"]
    t["n"] = t["n"] + 1
    t["change"] = t["n"] - old


@records
def two_names_for_one_frame(t):
    u = t
    u["double"] = u["n"] * 2
    t["again"] = t["double"] + 1


@records
def a_copy_is_a_frame_of_its_own(t):
    u = t.copy()
    u["n"] = 0
    t["n2"] = t["n"] + u["n"]


@records
def some_columns_of_a_frame_are_a_frame_of_their_own(t):
    part = t[["n", "m"]]
    part = part.assign(n=part["n"] * 100)
    t["sum"] = part.sum(axis=1)
    return t


@records
def columns_swapped(t):
    t["n"], t["m"] = t["m"], t["n"]


@records
def two_columns_swapped_at_once(t):
    t[["n", "m"]] = t[["m", "n"]].to_numpy()


@records
def overwritten_many_times(t):
    for _ in range(5):
        t["n"] = t["n"] * 2 + t["m"]


@records
def deleted_and_made_again(t):
    del t["m"]
    t["m"] = t["n"] ** 2
    t["k"] = t.pop("kind") + "!"


@records
def inserted_in_front(t):
    t.insert(0, "first", t["n"] + 1)
    t.insert(2, "const", "x")


@records
def columns_in_another_order(t):
    return t[["y", "n", "age"]][["age", "y", "n"]]


@records
def renamed_onto_what_was_there(t):
    t = t.rename(columns={"n": "m", "m": "n"})
    t["d"] = t["n"] - t["m"]
    return t


@records
def columns_named_by_a_list(t):
    t = t[["n", "m"]]
    t.columns = ["a b", "c's"]
    t["sum"] = t["a b"] + t["c's"]
    return t


@records
def an_attribute_that_is_a_column(t):
    t.n = t.n + t.m
    t["x"] = t.n


@records
def changed_in_place(t):
    t.drop(columns=["kind"], inplace=True)
    t.rename(columns={"city": "town"}, inplace=True)
    t["town"] = t["town"].fillna("none")


@records
def a_method_of_a_series_in_place_changes_no_frame(t):
    s = t["n"]
    s = s.copy()
    s.clip(lower=0, inplace=True)
    t["pos"] = s


@records
def augmented(t):
    t["n"] += 1
    t["m"] *= t["n"]
    t["age"] /= 2
    t["kind"] += "_"
    s = t["n"]
    s = s - 1
    t["was"] = s


@records
def augmented_on_a_name(t):
    total = t["n"]
    for c in ["m", "y"]:
        total = total + t[c]
    total *= 2
    t["total"] = total


@records
def a_constant_in_every_row(t):
    t["zero"] = 0
    t["text"] = "x"
    t["flag"] = True
    t["none"] = np.nan
    t["when"] = pd.Timestamp("2024-01-01")


@records
def nothing_at_all(t):
    return None


# ---- loops and functions ----------------------------------------------------------------------------------------


@records
def lambdas_that_use_the_name_of_a_loop(t):
    for k in (1, 2, 3):
        t[f"plus{k}"] = t["n"].apply(lambda v: v + k)  # noqa: B023


@records
def functions_made_in_a_loop_and_called_later(t):
    steps = [lambda s: s * 2, lambda s: s + 1, abs]
    s = t["n"]
    for step in steps:
        s = step(s)
    t["s"] = s


@records
def a_dict_that_changes_later(t):
    codes = {"a": 1, "b": 2}
    t["code"] = t["kind"].map(codes)
    codes["c"] = 99
    codes["a"] = -1


@records
def a_list_that_a_lambda_uses_and_that_changes_later(t):
    top = ["a"]
    t["top"] = t["kind"].apply(lambda v: v in top)
    top.append("b")


@records
def a_dict_with_a_default(t):
    t["code"] = t["kind"].map(defaultdict(lambda: 7, {"a": 1}))


@records
def a_counter(t):
    t["seen"] = t["kind"].map(Counter(["a", "a", "b"]))


@records
def a_loop_over_columns_and_their_kinds(t):
    for c in t.columns:
        if pd.api.types.is_numeric_dtype(t[c]) and not pd.api.types.is_bool_dtype(t[c]):
            t[f"{c}_neg"] = (t[c] < 0).astype(int)


@records
def a_loop_over_the_values_of_a_column(t):
    for kind in sorted(t["kind"].unique()):
        t[f"is_{kind}"] = (t["kind"] == kind).astype(int)


@records
def columns_by_their_kind(t):
    for c in t.select_dtypes("number").columns:
        t[c] = t[c].fillna(t[c].median())


@records
def items_of_a_frame(t):
    for name, column in t[["n", "m"]].items():
        t[name + "_sq"] = column**2


@records
def a_branch_on_what_the_training_frame_is_like(t):
    if t["age"].isna().any():
        t["age_na"] = t["age"].isna()
    if "nothing" not in t.columns and "n" in t and len(t) > 2:
        t["more"] = t["n"] > t["m"]


# ---- numbers ----------------------------------------------------------------------------------------------------


@records
def division_and_remainders_of_negative_numbers(t):
    t["q"] = t["n"] // 4
    t["r"] = t["n"] % 4
    t["q2"] = t["n"] // -3.0
    t["r2"] = t["n"] % -3.5
    t["d"] = t["n"] / t["y"]


@records
def numpy_on_both_sides(t):
    t["a"] = np.float64(2.5) * t["n"]
    t["b"] = np.int64(3) - t["n"]
    t["c"] = np.pi / (t["m"] + 0.5)
    t["e"] = -t["n"]
    t["f"] = +t["n"]
    t["g"] = abs(t["n"])


@records
def numpy_scalars_as_results(t):
    t["z"] = (t["n"] - np.mean(t["n"])) / np.std(t["n"])
    t["p"] = t["n"] > np.percentile(t["n"], 50)
    t["top"] = t["n"] == t["n"].max()
    t["lo"] = np.minimum(t["n"], t["m"].min())


@records
def a_mean_that_is_a_column(t):
    t["typical"] = t["age"].mean()
    t["off"] = t["age"] - t["typical"]


@records
def rounding(t):
    t["r0"] = (t["n"] / 2).round()
    t["r1"] = np.round(t["age"] / 3, 2)
    t["fl"] = np.floor(t["n"] / 2)
    t["ce"] = np.ceil(t["n"] / 2)
    t["i"] = (t["n"] / 2).astype(int)


@records
def comparing_with_nan(t):
    t["eq"] = t["age"] == np.nan
    t["ne"] = t["age"] != np.nan
    t["self"] = t["age"] != t["age"]
    t["gt"] = t["age"] > 10
    t["le"] = t["age"] <= 10
    t["not"] = ~(t["age"] > 10)


@records
def comparing_across_kinds(t):
    t["a"] = t["n"] == "3"
    t["b"] = t["kind"] == 1
    t["c"] = t["kind"] != None  # noqa: E711
    t["d"] = t["n"] == 3.0
    t["e"] = t["paid"] == 1


@records
def truth_as_numbers(t):
    t["two"] = t["paid"] * 2
    t["sum"] = t["paid"] + (t["n"] > 0)
    t["both"] = t["paid"] & (t["n"] > 0)
    t["either"] = t["paid"] | t["y"].astype(bool)
    t["one"] = t["paid"] ^ True
    t["neg"] = ~t["paid"]


@records
def missing_to_truth(t):
    t["a"] = t["age"].astype(bool)
    t["b"] = t["n"].astype(bool)
    t["c"] = t["age"].notna() & t["age"].gt(0)


@records
def isin_of_odd_things(t):
    t["a"] = t["age"].isin([np.nan, 41])
    t["b"] = t["n"].isin(["3", "5"])
    t["c"] = t["kind"].isin([])
    t["d"] = t["city"].isin([None])
    t["e"] = t["n"].isin([3.0, 5.5])
    t["f"] = t["kind"].isin({"a": 1, "b": 2})


@records
def where_of_mixed_numbers(t):
    t["a"] = np.where(t["n"] > 2, t["n"], 0.5)
    t["b"] = np.where(t["age"].isna(), -1, t["age"])
    t["c"] = np.where(t["n"] > 2, t["kind"], "none")
    t["d"] = t["n"].where(t["n"] > 0)
    t["e"] = t["n"].mask(t["n"] > 4, other=t["m"])


@records
def where_within_where(t):
    t["w"] = np.where(t["n"] > 5, "big", np.where(t["n"] > 0, "small", np.where(t["n"] == 0, "zero", "below")))


@records
def limits_that_are_columns(t):
    t["c"] = t["n"].clip(upper=t["m"])
    t["mx"] = t[["n", "m"]].max(axis=1)
    t["any"] = (t[["n", "m"]] < 0).any(axis=1)
    t["na"] = t.isna().sum(axis=1)


# ---- texts ------------------------------------------------------------------------------------------------------


@records
def texts_with_missing_and_empty_ones(t):
    t["len"] = t["city"].str.len()
    t["first"] = t["city"].str[0]
    t["last"] = t["city"].str[-1:]
    t["up"] = t["city"].str.upper()
    t["low"] = t["city"].str.strip().str.lower()
    t["has"] = t["city"].str.contains("l", na=False)
    t["sw"] = t["city"].str.startswith("B").fillna(False)


@records
def texts_put_together(t):
    t["a"] = t["kind"] + "-" + t["city"]
    t["b"] = "<" + t["kind"] + ">"
    t["c"] = t["kind"] + t["n"].astype(str)
    t["d"] = t["kind"].str.cat(t["city"], sep="/", na_rep="?")


@records
def numbers_as_texts(t):
    t["a"] = t["n"].astype(str)
    t["b"] = t["paid"].astype(str)
    t["c"] = t["n"].apply(str) + "!"


@records
def patterns_with_special_letters(t):
    t["a"] = t["city"].str.replace(".", "", regex=False)
    t["b"] = t["city"].str.replace(r"\s+", "_", regex=True)
    t["c"] = t["kind"].str.contains("[ab]")
    t["d"] = t["city"].str.contains("ö", na=False)


# ---- times ------------------------------------------------------------------------------------------------------


@records
def times_with_missing_ones(t):
    at = pd.to_datetime(t["at"])
    t["hour"] = at.dt.hour
    t["weekend"] = at.dt.dayofweek >= 5
    t["end"] = at.dt.is_month_end
    t["days"] = (pd.Timestamp("2024-12-31") - at).dt.days
    t["secs"] = (at - pd.Timestamp("1970-01-01")).dt.total_seconds()
    t["day"] = at.dt.strftime("%Y-%m-%d")


@records
def times_against_the_latest_one(t):
    t["at"] = pd.to_datetime(t["at"])
    t["age_days"] = (t["at"].max() - t["at"]).dt.days
    t["late"] = t["at"] > "2024-03-01"
    t["floor"] = t["at"].dt.floor("h")


# ---- refused ----------------------------------------------------------------------------------------------------


@refused("cast one to float64 first")
def whole_numbers_to_the_power_of_a_column(t):
    t["d"] = 2 ** t["y"]


@refused("map the strings to numbers")
def ordering_of_texts(t):
    t["a"] = t["kind"] > "a"


@refused("UTC")
def times_of_another_zone(t):
    at = pd.to_datetime(t["at"], utc=True)
    t["utc"] = at.dt.hour
    t["berlin"] = at.dt.tz_convert("Europe/Berlin").dt.hour


@refused("row")
def rows_chosen(t):
    return t[t["n"] > 0]


@refused("row")
def rows_queried(t):
    return t.query("n > 0")


@refused("profile")
def shifted(t):
    t["before"] = t["n"].shift(1)


@refused("profile")
def ranked(t):
    t["rank"] = t["n"].rank()


@refused("profile")
def summed_up_to_here(t):
    t["sum"] = t["n"].cumsum()


@refused("")
def a_list_as_a_column(t):
    t["id"] = [1, 2, 3, 4, 5]


@refused("")
def the_values_of_a_column_as_a_list(t):
    t["twice"] = [v * 2 for v in t["n"]]


@refused("")
def numbers_that_were_taken_out(t):
    t["twice"] = t["n"].tolist()


@refused("")
def the_number_of_the_row(t):
    t["row"] = range(len(t))


@refused("")
def the_number_of_the_row_by_numpy(t):
    t["row"] = np.arange(len(t))


@refused("")
def the_index(t):
    t["row"] = t.index


@refused("")
def chance(t):
    t["luck"] = np.random.default_rng(0).random(len(t))


@refused("")
def the_real_frame_by_mistake(t):
    t["twice"] = people()["n"] * 2


@refused("")
def rows_one_by_one(t):
    for i, row in t.iterrows():
        t.loc[i, "x"] = row["n"] * 2


@refused("")
def one_row_changed(t):
    t.loc[0, "n"] = 100


@refused("")
def one_cell_changed(t):
    t.iloc[1, 2] = 5


@refused("fit")
def an_encoder_of_scikit_learn(t):
    from sklearn.preprocessing import StandardScaler

    t[["n", "m"]] = StandardScaler().fit_transform(t[["n", "m"]])


@refused("")
def labels_encoded_by_scikit_learn(t):
    from sklearn.preprocessing import LabelEncoder

    t["kind"] = LabelEncoder().fit_transform(t["kind"])


@refused("")
def a_part_of_the_numbers_taken_out_and_put_back(t):
    values = np.array(t["n"].tolist())
    t["z"] = values / 2


# ---- raise as in pandas -----------------------------------------------------------------------------------------


@raises(ValueError)
def an_if_on_a_column(t):
    if t["n"] > 3:
        t["x"] = 1


@raises(ValueError)
def and_between_columns(t):
    t["x"] = t["n"] > 3 and t["m"] > 3


@raises(ValueError)
def or_between_columns(t):
    t["x"] = t["paid"] or t["y"]


@raises(ValueError)
def not_of_a_column(t):
    t["x"] = not t["paid"]


@raises(ValueError)
def a_chained_comparison(t):
    t["x"] = 0 < t["n"] < 5


@raises(KeyError)
def a_column_that_is_not_there(t):
    t["x"] = t["nn"] + 1


@raises(AttributeError)
def a_method_that_is_not_there(t):
    t["x"] = t["n"].foo()


@raises(AttributeError)
def texts_of_numbers(t):
    t["x"] = t["n"].str.lower()


@raises(ZeroDivisionError)
def an_error_of_ones_own(t):
    t["x"] = 1
    t["z"] = 1 / 0


def named(programs: list[Any]) -> list[Any]:
    return [pytest.param(p, id=(p[0] if isinstance(p, tuple) else p).__name__) for p in programs]


@pytest.mark.parametrize("program", named(RECORDED))
def test_recorded_as_pandas_does(program: Program) -> None:
    assert_records(program, people, gate=False)


@pytest.mark.parametrize("case", named(REFUSED))
def test_refused_at_its_line_with_a_cure(case: tuple[Program, str]) -> None:
    program, cure = case
    with pytest.raises(RtmlError) as error:
        record(program, people()).graph.compile(sample=people())
    said = str(error.value)
    first = program.__code__.co_firstlineno
    source = Path(__file__).read_text().splitlines()
    lines = {n for _, _, n in program.__code__.co_lines() if n is not None and n > first}
    assert any(f"line {n}" in said and source[n - 1].strip() in said for n in lines), said
    assert Path(__file__).name in said
    assert cure in said


@pytest.mark.parametrize("case", named(RAISING))
def test_an_error_of_pandas_stays_one_and_points_to_its_line(case: tuple[Program, type[Exception]]) -> None:
    program, kind = case
    with pytest.raises(kind):
        program(people())
    with pytest.raises((kind, RtmlError)) as error:
        record(program, people())
    lines = {n for _, _, n in program.__code__.co_lines()}
    assert any(f.filename == __file__ and f.lineno in lines for f in traceback.extract_tb(error.value.__traceback__))
