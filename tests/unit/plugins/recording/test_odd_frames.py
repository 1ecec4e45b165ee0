"""Odd frames and blocks: strange names, categories, missing whole numbers, zones, no rows; blocks in blocks, errors inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

import rtml
from rtml_core import Graph
from rtml_core.dsl import dumps
from rtml_core.errors import InputError, RtmlError
from tests.unit.plugins.recording.comparing import assert_records, assert_same, rows

NAMES = [
    "a b",
    "it's",
    "größe",
    "日本",
    "a-b",
    "1st",
    "class",
    "a.b",
    "a/b",
    "{x}",
    "`tick`",
    "__x__",
    "graph",
    "frame",
]


@pytest.mark.parametrize("name", NAMES)
def test_columns_may_have_any_name(name: str) -> None:
    def program(t: Any) -> None:
        t["twice"] = t[name] * 2 + 1
        t["big"] = (t[name] > 1) & (t[name] < 9)
        t[name] = t[name].fillna(0)
        t[name + " sq"] = np.where(t["big"], t[name] ** 2, -1)

    assert_records(program, lambda: pd.DataFrame({name: [1.0, None, 3.5], "other": [1, 2, 3]}), gate=False)


def test_a_name_that_no_request_can_hold_is_refused_where_the_column_is_used() -> None:
    with rtml.record(pd.DataFrame({'say "x"': [1.0, 2.0], "n": [1, 2]})) as t:
        with pytest.raises(RtmlError, match="rename it"):
            t["twice"] = t['say "x"'] * 2
        t["m"] = t["n"] + 1
    assert list(t.drop(columns=['say "x"']).graph.run(pd.DataFrame({"n": [1]}))) == ["n", "m"]


def test_a_column_that_is_named_like_one_made_on_the_way() -> None:
    def program(t: Any) -> None:
        t["y"] = ((t["x"] + 1).abs().clip(0, 5) * 2).round()
        t["z"] = np.where(t["x"].abs() > 1, t["x"].fillna(0), -t["x"])

    names = ["x", "x abs", "x_abs", "abs", "x_1", "x_fillna", "condition", "value", "_0", "tmp"]
    assert_records(program, lambda: pd.DataFrame({name: [-2.5, 0.5, 7.0] for name in names}), gate=False)


def test_names_of_columns_that_are_no_texts_are_refused_with_a_cure() -> None:
    with pytest.raises(RtmlError, match="columns"), rtml.record(pd.DataFrame({0: [1, 2], 1: [3, 4]})) as t:
        t["sum"] = t[0] + t[1]


def test_a_name_that_is_there_twice_is_refused() -> None:
    frame = pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"])
    with pytest.raises(RtmlError, match="twice"), rtml.record(frame) as t:
        t["b"] = 1


def test_categories() -> None:
    def program(t: Any) -> None:
        t["is_s"] = t["size"] == "S"
        t["code"] = t["size"].map({"S": 1, "M": 2, "L": 3}).astype(float)
        t["size"] = t["size"].astype(str)
        t["label"] = t["size"] + "!"

    assert_records(
        program, lambda: pd.DataFrame({"size": pd.Categorical(["S", "L", "M"], categories=["S", "M", "L"])}), gate=False
    )


def test_codes_of_categories_are_those_of_the_training_frame() -> None:
    def program(t: Any) -> None:
        t["code"] = t["kind"].astype("category").cat.codes

    package = assert_records(program, lambda: pd.DataFrame({"kind": ["b", "a", None, "c", "a"]}))
    assert package.score({"kind": "zzz"})["code"] == -1


def test_whole_numbers_that_may_be_missing() -> None:
    def program(t: Any) -> None:
        t["twice"] = t["n"] * 2
        t["filled"] = t["n"].fillna(0).astype(int)
        t["na"] = t["n"].isna()
        t["half"] = t["n"] / 2

    assert_records(program, lambda: pd.DataFrame({"n": pd.array([1, None, -3], dtype="Int64")}), gate=False)


def test_truth_that_may_be_missing() -> None:
    def program(t: Any) -> None:
        t["filled"] = t["ok"].fillna(False).astype(bool)
        t["na"] = t["ok"].isna().astype(int)
        t["yes"] = t["ok"] == True  # noqa: E712

    assert_records(program, lambda: pd.DataFrame({"ok": pd.array([True, None, False], dtype="boolean")}), gate=False)


def test_truth_with_missing_values_as_python_objects() -> None:
    def program(t: Any) -> None:
        t["na"] = t["ok"].isna()
        t["num"] = t["ok"].map({True: 1, False: 0})

    assert_records(program, lambda: pd.DataFrame({"ok": [True, None, False]}), gate=False)


def test_times_of_a_zone() -> None:
    def program(t: Any) -> None:
        t["hour"] = t["at"].dt.tz_convert("UTC").dt.hour
        t["late"] = t["at"] > pd.Timestamp("2024-01-02", tz="UTC")

    times = pd.to_datetime(["2024-01-01 10:00", "2024-07-01 23:30"]).tz_localize("UTC")
    assert_records(program, lambda: pd.DataFrame({"at": times}), gate=False)


def test_the_hour_of_a_zone_is_the_hour_there_or_is_refused() -> None:
    def program(t: Any) -> None:
        t["hour"] = t["at"].dt.hour

    times = pd.to_datetime(["2024-01-01 10:00", "2024-07-01 23:30"]).tz_localize("Europe/Berlin")
    try:
        assert_records(program, lambda: pd.DataFrame({"at": times}), gate=False)
    except RtmlError as error:
        assert "zone" in str(error)  # noqa: PT017 - both are right


def test_a_frame_with_an_index_of_its_own() -> None:
    def program(t: Any) -> None:
        t["z"] = (t["x"] - t["x"].mean()) / t["x"].std()
        t["w"] = np.where(t["x"] > 2, "hi", "lo")

    assert_records(program, lambda: pd.DataFrame({"x": [1.0, 5.0, 2.0]}, index=[7, 3, 3]), gate=False)


def test_one_row() -> None:
    def program(t: Any) -> None:
        t["x"] = t["x"].fillna(t["x"].median())
        t["y"] = np.log1p(t["x"])
        t["k"] = t["k"].str.lower()

    assert_records(program, lambda: pd.DataFrame({"x": [2.0], "k": ["A"]}), gate=False)


def test_no_rows_are_nothing_to_record_on() -> None:
    with pytest.raises(RtmlError, match="no rows"), rtml.record(pd.DataFrame({"x": pd.Series([], dtype=float)})):
        pass


def test_a_column_that_is_all_missing() -> None:
    def program(t: Any) -> None:
        t["na"] = t["x"].isna()
        t["x"] = t["x"].fillna(0)

    assert_records(program, lambda: pd.DataFrame({"x": [None, None], "n": [1, 2]}), gate=False)


def test_rows_that_training_never_saw() -> None:
    def program(t: Any) -> None:
        t["k"] = t["k"].str.strip().str.lower()
        t["code"] = t["k"].map({"a": 1, "b": 2}).fillna(0)
        t["band"] = np.select([t["x"] < 0, t["x"] < 10], ["neg", "low"], default="high")
        t["x"] = t["x"].fillna(-1).clip(0, 100)

    def unseen() -> pd.DataFrame:
        return pd.DataFrame({"x": [1e9, -5.0, 9.999, None], "k": [" B", "ß", None, ""]})

    with rtml.record(pd.DataFrame({"x": [1.0, None, 12.0], "k": ["a", None, "A "]})) as t:
        program(t)
    package = t.graph.compile()
    native = unseen()
    program(native)
    assert_same([package.score(row) for row in rows(unseen())], rows(native))


def test_a_value_that_was_never_missing_in_training_may_not_be_missing_in_a_request() -> None:
    with rtml.record(pd.DataFrame({"x": [1.0, 2.0]})) as t:
        t["y"] = t["x"] + 1
    package = t.graph.compile()
    with pytest.raises(InputError, match="/x"):
        package.score({"x": None})


def test_dummies_of_a_value_that_training_never_saw_are_all_zero() -> None:
    with rtml.record(pd.DataFrame({"k": ["a", "b", "a"]})) as t:
        t = pd.get_dummies(t, columns=["k"], dtype=int)
    assert t.graph.compile().score({"k": "zzz"}) == {"k_a": 0, "k_b": 0}


# ---- blocks -----------------------------------------------------------------------------------------------------


def shop() -> pd.DataFrame:
    return pd.DataFrame({"n": [1, 2, 3], "k": ["a", "b", "c"], "y": [0, 1, 1]})


def test_the_frame_that_was_given_stays_as_it_was() -> None:
    frame = shop()
    with rtml.record(frame) as t:
        t["n"] = t["n"] * 100
        t.drop(columns=["k"], inplace=True)
        t.loc[t["n"] > 100, "y"] = -1
    pd.testing.assert_frame_equal(frame, shop())


def test_the_frame_may_change_after_the_block() -> None:
    frame = shop()
    with rtml.record(frame) as t:
        t["m"] = t["n"] * 2
    frame["n"] = 0
    assert t.frame["m"].tolist() == [2, 4, 6]
    real = t.frame
    real["n"] = 7
    assert t.graph.compile().score({"n": 5, "k": "a", "y": 0})["m"] == 10


def test_an_error_in_the_block_comes_out_as_it_is_and_nothing_is_left_behind() -> None:
    before = (pd.to_datetime, pd.cut, pd.get_dummies, np.where, np.select)
    with pytest.raises(RuntimeError, match="my own"), rtml.record(shop()) as t:  # noqa: PT012
        t["m"] = np.where(t["n"] > 1, 1, 0)
        raise RuntimeError("my own")
    assert (pd.to_datetime, pd.cut, pd.get_dummies, np.where, np.select) == before
    assert pd.cut(pd.Series([1, 5]), [0, 2, 9], labels=["a", "b"]).tolist() == ["a", "b"]
    assert np.where(np.array([True, False]), 1, 0).tolist() == [1, 0]


def test_a_block_in_a_block_has_a_graph_of_its_own() -> None:
    with rtml.record(shop()) as t:
        t["a"] = t["n"] + 1
        with rtml.record(shop()) as u:
            u["b"] = pd.cut(u["n"], [0, 1, 9], labels=False)
        t["c"] = pd.cut(t["n"], [0, 2, 9], labels=False)
    assert t.graph.compile().score({"n": 3, "k": "a", "y": 0}) == {"n": 3, "k": "a", "y": 0, "a": 4, "c": 1}
    assert u.graph.compile().score({"n": 3, "k": "a", "y": 0}) == {"n": 3, "k": "a", "y": 0, "b": 1}


def test_columns_of_another_block_are_refused() -> None:
    with rtml.record(shop()) as u:
        u["b"] = u["n"] * 3
    with pytest.raises(RtmlError), rtml.record(shop()) as t:
        t["b"] = u["b"]


def test_after_the_block_nothing_more_is_recorded() -> None:
    with rtml.record(shop()) as t:
        t["a"] = t["n"] + 1
    with pytest.raises(RtmlError, match="block"):
        t["b"] = t["n"] + 2
    assert list(t.graph.compile().score({"n": 1, "k": "a", "y": 0})) == ["n", "k", "y", "a"]


def test_the_real_frame_in_the_block_by_mistake_is_refused() -> None:
    df = shop()
    with pytest.raises(RtmlError, match=r"line \d+"), rtml.record(df) as t:
        t["twice"] = df["n"] * 2


def test_the_label_is_no_field_of_a_request_and_no_feature() -> None:
    with rtml.record(shop(), label="y") as t:
        t["rate"] = t["k"].map(t.groupby("k")["y"].mean()).fillna(t["y"].mean())
    assert list(t.graph.compile().score({"n": 1, "k": "b"})) == ["n", "k", "rate"]
    assert "y" in t.frame
    with pytest.raises(RtmlError, match="label"), rtml.record(shop(), label="y") as t:
        t["leak"] = t["y"] * 2


def test_a_label_that_is_not_there_is_refused() -> None:
    with pytest.raises(RtmlError, match="'z'"), rtml.record(shop(), label="z"):
        pass


def test_something_else_than_a_frame_is_refused() -> None:
    for wrong in ({"a": [1]}, pd.Series([1]), None, np.zeros((2, 2))):
        with pytest.raises((RtmlError, TypeError), match="DataFrame"), rtml.record(wrong):  # type: ignore[arg-type]
            pass


def test_looking_at_the_frame_in_the_block_records_nothing() -> None:
    with rtml.record(shop()) as t:
        looks = [t.head(2), t.shape, t.dtypes, t.describe(), t["n"].value_counts(), t["k"].unique(), repr(t), len(t), t.columns]
        t["a"] = t["n"] + 1
        assert "a" in t.columns
    assert looks
    assert "receiver" in list(t.graph.nodes)
    assert len(t.graph.nodes) == 2


def test_what_is_computed_and_not_kept_is_not_in_the_graph() -> None:
    with rtml.record(shop()) as t:
        t["n"] * 3
        np.where(t["n"] > 2, "x", "y")
        kept = t["n"] + 1
        t["waste"] = t["k"].str.upper()
        t["a"] = kept
        t = t.drop(columns=["waste"])
    assert len(t.graph.nodes) <= 3


def test_every_graph_is_a_new_one_and_can_be_written_and_read() -> None:
    with rtml.record(shop()) as t:
        t["a"] = t["n"].apply(lambda v: v + 1 if v > 1 else 0)
    assert t.graph is not t.graph
    again = Graph.from_dsl(dumps(t.graph))
    assert again.compile().score({"n": 2, "k": "a", "y": 0})["a"] == 3


def test_constants_are_listed() -> None:
    with rtml.record(pd.DataFrame({"x": [1.0, None, 4.0]})) as t:
        t["x"] = t["x"].fillna(t["x"].median())
    assert "2.5" in str(t.constants)


def test_mean_of_the_frame_in_one_call() -> None:
    def program(t: Any) -> Any:
        return t.fillna(t.mean(numeric_only=True))

    assert_records(
        program, lambda: pd.DataFrame({"x": [1.0, None, 4.0], "z": [None, 2.0, 2.0], "k": ["a", "b", "c"]}), gate=False
    )


def test_a_program_can_be_recorded_twice_with_the_same_graph() -> None:
    def program(t: Any) -> None:
        t["a"] = t["n"].clip(0, 2)
        t["k"] = t["k"].map({"a": 1.5}).fillna(0)

    texts = []
    for _ in range(2):
        with rtml.record(shop()) as t:
            program(t)
        texts.append(dumps(t.graph))
    assert texts[0] == texts[1]


def test_the_same_frame_by_two_programs_at_the_same_time() -> None:
    """Blocks in threads keep to themselves."""
    from concurrent.futures import ThreadPoolExecutor

    def one(k: int) -> Any:
        with rtml.record(shop()) as t:
            t["a"] = t["n"] + k
            t["b"] = np.where(pd.to_numeric(t["n"]) > k, 1, 0)
        return t.graph.compile().score({"n": 2, "k": "a", "y": 0})

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(one, range(4)))
    assert [answer["a"] for answer in answers] == [2 + k for k in range(4)]
    assert [answer["b"] for answer in answers] == [int(k < 2) for k in range(4)]


def test_rows_that_are_picked_are_for_looking_and_say_so_when_a_graph_is_wanted() -> None:
    with rtml.record(pd.DataFrame({"a": [1.0, 2.0, 3.0]})) as t:
        assert list(t.nlargest(2, "a")["a"]) == [3.0, 2.0]
        picked = t.sample(frac=1.0, random_state=0)
        picked["b"] = picked["a"] + 1
        with pytest.raises(RtmlError, match=r"line \d+: _ = picked.graph\n.*Pick the rows to train on before rtml.record"):
            _ = picked.graph


def test_a_transformer_of_scikit_learn_belongs_behind_the_graph() -> None:
    with (
        rtml.record(pd.DataFrame({"a": [1.0, 2.0, 3.0]})) as t,
        pytest.raises(RtmlError, match=r"t\.graph >> op\.ScikitLearn\(model=\.\.\., features=\[\.\.\.\]\)"),
    ):
        StandardScaler().fit_transform(t[["a"]])
