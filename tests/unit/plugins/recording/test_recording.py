"""What a recording promises: errors at their line, old versions of columns, fields, labels, readable graphs, a clean module."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rtml
from rtml_core import operators as op
from rtml_core.errors import InputError, RtmlError
from rtml_plugins.recording import RecordingError


def shop() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "customer": ["c1", "c2", "c3", "c4"],
            "age": [41.0, None, 17.0, 63.0],
            "km": [3, 0, 12, 7],
            "brand": ["VW", "BMW", None, "VW"],
            "at": pd.to_datetime(["2024-01-31 10:00", "2024-02-29 23:59", "2023-12-31 00:00", "2024-06-15 12:30"]),
            "bought": [0, 1, 1, 0],
        }
    )


def nodes(graph: Any) -> dict[str, str]:
    """The nodes behind the Receiver, as people write them."""
    return {name: repr(node) for name, node in list(graph.nodes.items())[1:]}


def fields(graph: Any) -> dict[str, Any]:
    return dict(next(iter(graph.nodes.values())).params.schema)


# ---- at the line ----------------------------------------------------------------------------------------------------

REFUSED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda t: t["km"].shift(1), "profile aggregate"),
    (lambda t: t["km"].rolling(3), "ProfileReader"),
    (lambda t: t["age"].ffill(), "fillna"),
    (lambda t: t.dropna(), "fillna"),
    (lambda t: t[t["km"] > 3], "every request gets one answer"),
    (lambda t: t.sort_values("km"), "profile"),
    (lambda t: t["km"].tolist(), "one value for each row"),
    (lambda t: list(t["km"]), "one value for each row"),
    (lambda t: t["km"] + shop()["km"], "Make it from columns of t"),
    (lambda t: t["age"].astype("category").cat.add_categories(["x"]).cat.rename_categories(str), "replace or map"),
    (lambda t: t["brand"].str.findall("V"), "str.count"),
    (lambda t: t["brand"].fillna("x", inplace=True), "t['brand'] = t['brand'].fillna"),
    (lambda t: t["at"].dt.date, "dt.normalize"),
    (lambda t: pd.concat([t, t]), "axis=1"),
    (lambda t: t.merge(shop(), on="brand"), 'how="left"'),
    (lambda t: t["km"].map(lambda value: print(value)), "'print' can't be compiled"),
    (lambda t: np.cumsum(t["km"]), "no form in a graph"),
    (lambda t: t["km"] & 1, "Compare it with something first"),
    (lambda t: t.groupby("brand")["km"].cumcount(), "ProfileReader"),
    (lambda t: t.groupby("brand")["age"].transform(lambda ages: ages.fillna(0)), ".map(t.groupby"),
    (lambda t: bool(t["km"] > 3), "np.where"),
    (lambda t: t.iterrows(), "assign"),
    (lambda t: t["km"][0], "t.frame"),
]


@pytest.mark.parametrize(("statement", "cure"), REFUSED, ids=[str(number) for number in range(len(REFUSED))])
def test_what_can_not_be_recorded_says_so_at_its_line(statement: Callable[[Any], Any], cure: str) -> None:
    with pytest.raises(RecordingError) as refused, rtml.record(shop(), label="bought") as t:
        statement(t)
    where, _, said = str(refused.value).partition("\n")
    assert where.startswith(f"test_recording.py, line {statement.__code__.co_firstlineno}: (lambda t: ")
    assert cure in said


def test_a_statement_over_several_lines_names_the_one_that_fails() -> None:
    with pytest.raises(RecordingError) as refused, rtml.record(shop()) as t:
        t["x"] = (
            t["km"]
            .add(1)
            .cumsum()
        )  # fmt: skip
    assert ".cumsum()" in str(refused.value).splitlines()[0]


def test_in_a_notebook_the_cell_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = SimpleNamespace(
        compile=SimpleNamespace(format_code_name=lambda path: ("Cell", "In[7]") if "ipykernel" in path else None)
    )
    monkeypatch.setitem(__import__("sys").modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    code = compile("\n\nt['x'] = t['km'].cumsum()\n", "/tmp/ipykernel_1/123.py", "exec")
    with pytest.raises(RecordingError, match=r"^cell In\[7\], line 3"), rtml.record(shop()) as t:
        exec(code, {"t": t})


def test_where_the_graph_would_give_something_else_the_line_says_so() -> None:
    frame = pd.DataFrame({"day": ["01/02/2024", "01/03/2024"]})
    with pytest.raises(RecordingError, match=r"t\[\"day\"\] = pd.to_datetime") as refused, rtml.record(frame) as t:
        t["day"] = pd.to_datetime(t["day"])
    assert "01/02/2024" in str(refused.value)


def test_local_hours_are_refused_and_utc_is_not() -> None:
    frame = shop().assign(at=lambda rows: rows["at"].dt.tz_localize("Europe/Berlin"))
    with rtml.record(frame) as t:
        t["hour"] = t["at"].dt.tz_convert("UTC").dt.hour
        with pytest.raises(RecordingError, match="time zone Europe/Berlin"):
            t["local"] = t["at"].dt.hour
    assert t.graph.run(frame)["hour"].tolist() == [9, 22, 23, 10]


# ---- columns --------------------------------------------------------------------------------------------------------


def test_a_column_taken_before_a_change_keeps_its_values() -> None:
    with rtml.record(shop()) as t:
        before = t["age"]
        t["age"] = t["age"].fillna(0)
        t["flag"] = before.isna() & (t["age"] == 0)
    assert t.graph.run(shop())["flag"].tolist() == [False, True, False, False]


def test_the_graph_is_one_that_people_can_read() -> None:
    with rtml.record(shop(), label="bought") as t:
        t["hour"] = t["at"].dt.hour
        t["brand"] = t["brand"].str.lower().fillna("none")
        t["age"] = t["age"].fillna(t["age"].median())
        t["young"] = (t["age"] < 30) & (t["km"] / (t["age"] + 1) > 0.1)
        t["tier"] = np.where(t["age"] > 60, "old", "other")
        t = t.drop(columns=["customer", "at"])
    assert nodes(t.graph) == {
        "hour": "Pandas(import='dt.hour', cols='at', into='hour')",
        "brand": "Pandas(import='str.lower', cols='brand', inplace=True)",
        "brand_2": "Pandas(import='fillna', kwargs={'value': 'none'}, cols='brand', inplace=True)",
        "age": "Pandas(import='fillna', kwargs={'value': 41.0}, cols='age', inplace=True)",
        "young": "Pandas(import='eval', kwargs={'expr': '(age < 30) & (km / (age + 1) > 0.1)'}, into='young')",
        "tier": "FieldOps(ops=[{'set': 'tier', 'if': 'age > 60', 'then': 'old', 'else': 'other'}])",
        "drop": "Pandas(import='drop', kwargs={'columns': ['at', 'customer'], 'errors': 'ignore'})",
    }


def test_the_same_method_on_several_columns_is_one_node() -> None:
    frame = pd.DataFrame({"a": [1.0, None], "b": [None, 2.0], "c": [3.0, 4.0]})
    with rtml.record(frame) as t:
        t[["a", "b"]] = t[["a", "b"]].fillna(0)
        t["gone"] = t[["a", "c"]].isna().sum(axis=1)
    assert list(nodes(t.graph)) == ["fillna", "isna", "gone", "drop"]


# ---- fields and labels ----------------------------------------------------------------------------------------------


def test_fields_are_read_off_the_frame_and_only_those_that_are_needed() -> None:
    with rtml.record(shop(), label="bought") as t:
        t["km"] = t["km"] * 2
        t = t.drop(columns=["customer"])
    assert fields(t.graph) == {"age": "float?", "km": "int", "brand": "string?", "at": "timestamp"}


def test_a_field_may_be_missing_where_the_code_deals_with_it() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, 2.0], "c": [1.5, 2.5]})
    with rtml.record(frame) as t:
        t["a"] = t["a"].fillna(0)
        t["whole"] = t["c"].astype(int)
    assert fields(t.graph) == {"a": "float?", "b": "float", "c": "float"}


def test_a_schema_of_ones_own_comes_first() -> None:
    frame = pd.DataFrame({"zip": ["01067", "80331"], "n": [1.0, 2.0]})
    schema = {"zip": {"type": "string", "categories": ["01067", "80331"]}, "n": {"type": "float?", "min": 0, "doc": "how many"}}
    with rtml.record(frame, schema=schema) as t:
        t["n"] = t["n"] + 1
    assert fields(t.graph) == schema


def test_columns_of_lists_are_refused_where_they_are_used() -> None:
    frame = pd.DataFrame({"n": [1, 2], "tags": [["a"], ["b", "c"]]})
    with rtml.record(frame) as t:
        t["m"] = t["n"] + 1
        with pytest.raises(RecordingError, match="tags"):
            t["count"] = t["tags"].str.len()
    with pytest.raises(RecordingError, match="drop"):
        _ = t.graph
    del t["tags"]
    assert list(t.graph.run(frame.drop(columns="tags")).columns) == ["n", "m"]


def test_a_label_can_be_made_in_the_block() -> None:
    with rtml.record(shop(), label="far") as t:
        t["far"] = (t["km"] > 5).astype(int)
        t["age"] = t["age"].fillna(t["age"].mean())
    assert t.frame["far"].tolist() == [0, 0, 1, 1]
    assert "far" not in t.graph.run(shop()).columns


def test_what_is_made_of_the_label_is_no_feature() -> None:
    with rtml.record(shop(), label="bought") as t:
        leak = t["bought"] * 2 + t["km"]
        t["bought"] = 1 - t["bought"]
        with pytest.raises(RecordingError, match="'bought' is the label"):
            t["leak"] = leak
    assert t.frame["bought"].tolist() == [1, 0, 0, 1]


def test_a_model_learns_from_raw_rows_and_scores_a_raw_row() -> None:
    from sklearn.tree import DecisionTreeClassifier

    frame = pd.concat([shop()] * 5, ignore_index=True)
    with rtml.record(frame, label="bought") as t:
        t["age"] = t["age"].fillna(t["age"].median())
        t["hour"] = t["at"].dt.hour
        t = pd.get_dummies(t.drop(columns=["customer", "at"]), columns=["brand"])
    model = DecisionTreeClassifier(max_depth=3, random_state=0)
    graph = t.graph >> op.ScikitLearn(model=model, label="bought", outputs={"p": "probability[1]"})
    graph.fit(frame)
    package = graph.compile(sample=frame)
    native = DecisionTreeClassifier(max_depth=3, random_state=0).fit(t.frame.drop(columns="bought"), t.frame["bought"])
    raw = {"customer": "c9", "age": None, "km": 0, "brand": "BMW", "at": "2024-02-29T23:59:00Z", "bought": 1}
    assert package.score(raw)["p"] == native.predict_proba(t.frame.drop(columns="bought").iloc[[1]])[0, 1]
    with pytest.raises(InputError, match="/km"):
        package.score({**raw, "km": None})


# ---- the block ------------------------------------------------------------------------------------------------------


def test_functions_of_pandas_are_its_own_again_behind_the_last_block() -> None:
    before = pd.to_datetime, pd.cut, pd.get_dummies, pd.concat
    with rtml.record(shop()) as t:
        with rtml.record(shop()):
            assert pd.cut is not before[1]
        assert pd.to_datetime("2024-01-01") == pd.Timestamp("2024-01-01")
        t["old"] = pd.notna(t["age"])
    assert (pd.to_datetime, pd.cut, pd.get_dummies, pd.concat) == before


def test_outside_of_a_block_functions_of_pandas_refuse_recorded_columns() -> None:
    with rtml.record(shop()) as t:
        pass
    with pytest.raises(RtmlError):
        pd.cut(t["km"], [0, 5, 20])


def test_it_shows_itself_as_pandas_does_with_a_note() -> None:
    with rtml.record(shop()) as t:
        t["km"] = t["km"] + 1
        assert "recorded" in repr(t)
        assert "<table" in t._repr_html_()
        assert "1 operation so far" in t._repr_html_()
        assert "recorded" in t["km"]._repr_html_()
        assert "dt" in dir(t["at"])
        assert "fillna" in dir(t)


def test_constants_tell_what_they_are_and_where_they_stand() -> None:
    with rtml.record(shop(), label="bought") as t:
        t["age"] = t["age"].fillna(t["age"].median())
        t["rate"] = t["brand"].map(t.groupby("brand")["bought"].mean())
    assert [constant.what for constant in t.constants] == ["age.median()", "groupby(brand)['bought'].mean()"]
    assert t.constants[0].value == 41.0
    assert type(t.constants[0].value) is float
    assert "<td>age.median()</td><td>41.0</td>" in t.constants._repr_html_()
    assert t.constants[0].file == "test_recording.py"
