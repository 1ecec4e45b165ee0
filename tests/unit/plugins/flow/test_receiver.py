"""Receiver: rows, columns and frames become one canonical frame, by the rules of the runtime's boundary."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core import DataMsg, Graph
from rtml_core.columns import Field, parse_signature, signature_spec
from rtml_core.errors import ColumnError, ExecutionError, InputError, ParamError
from rtml_plugins.encoders.fill_missing import FillMissing
from rtml_plugins.flow.receiver import Receiver

SCHEMA = {"a": "float?", "i": "int", "j": "int?", "b": "bool", "c": "bool?", "s": "string?", "t": "timestamp", "u": "timestamp?"}
DTYPES = ["float64", "int64", "float64", "bool", "boolean", "str", "datetime64[us]", "datetime64[us]"]
FULL = {"a": 1.5, "i": 3, "j": 2, "b": True, "c": False, "s": "x", "t": "2020-01-01T10:00:00+02:00", "u": "2020-01-01"}
EMPTY = {**FULL, "a": None, "j": None, "c": None, "s": None, "u": None}


def test_a_row_rows_and_columns_say_the_same() -> None:
    receiver = Receiver(schema=SCHEMA)
    rows = receiver.process([FULL, EMPTY]).data
    assert [str(dtype) for dtype in rows.dtypes] == DTYPES
    assert rows["t"].iloc[0] == pd.Timestamp("2020-01-01 08:00:00")
    assert rows.iloc[1].isna().tolist() == [True, False, True, False, True, True, False, True]
    by_column = {name: [FULL[name], EMPTY[name]] for name in SCHEMA}
    by_label = {name: {"0": FULL[name], "1": EMPTY[name]} for name in SCHEMA}
    for form in (by_column, by_label, pd.DataFrame([FULL, EMPTY]), DataMsg(data=[FULL, EMPTY])):
        pd.testing.assert_frame_equal(receiver.process(form).data, rows)
    pd.testing.assert_frame_equal(receiver.process(FULL).data, receiver.process([FULL]).data)


def test_a_canonical_frame_passes_as_it_is() -> None:
    receiver = Receiver(schema=SCHEMA)
    frame = receiver.process([FULL, FULL]).data
    frame["c"] = frame["c"].astype(bool)
    assert receiver.process(frame).data is frame


def test_no_rows_keep_the_dtypes() -> None:
    receiver = Receiver(schema={"a": "float?", "s": "string", "t": "timestamp", "i": "int"})
    assert [str(d) for d in receiver.process([]).data.dtypes] == ["float64", "str", "datetime64[us]", "int64"]


def test_frames_of_other_dtypes_are_read() -> None:
    frame = pd.DataFrame(
        {
            "i": np.array([1, 2], dtype=np.int32),
            "f": [1, 2],
            "w": [1.0, 2.0],
            "s": pd.Categorical(["x", "y"]),
            "t": pd.to_datetime(["2020-01-01", "2020-01-02"]).tz_localize("Europe/Berlin"),
            "label": [0, 1],
        },
        index=[10, 20],
    )
    schema = {"t": "timestamp", "i": "int", "f": "float", "w": "int", "s": "string"}
    result = Receiver(schema=schema).process(frame).data
    assert list(result.columns) == ["t", "i", "f", "w", "s", "label"]  # a training frame keeps its label
    assert result.index.tolist() == [10, 20]
    assert [str(d) for d in result.dtypes] == ["datetime64[us]", "int64", "float64", "int64", "str", "int64"]
    assert result["t"].iloc[0] == pd.Timestamp("2019-12-31 23:00:00")


@pytest.mark.parametrize(
    ("word", "value", "message"),
    [
        ("float", "x", "/0/v: expected a finite number, got string 'x'"),
        ("float", None, "/0/v: expected a finite number, got null"),
        ("float?", float("inf"), "/0/v: expected a finite number or null, got number inf"),
        ("float", True, "/0/v: expected a finite number, got boolean True"),
        ("int", 1.5, "/0/v: expected a whole number, got number 1.5"),
        ("int?", 2**53 + 1, "/0/v: expected a whole number of at most 2^53 or null, got number 9007199254740993"),
        ("bool", 1, "/0/v: expected true or false, got number 1"),
        ("string", 3, "/0/v: expected a string, got number 3"),
        ("string?", "\ufdd0", "/0/v: expected a string of Unicode text without U+0000 and U+FDD0 or null, got string '\\ufdd0'"),
        ("timestamp", "01.02.2020", "/0/v: expected an ISO 8601 timestamp, e.g. 2026-11-21T10:15:00Z, got string '01.02.2020'"),
        ("timestamp", 1577836800, "/0/v: expected an ISO 8601 timestamp, e.g. 2026-11-21T10:15:00Z, got number 1577836800"),
    ],
)
def test_what_does_not_fit_names_row_field_expected_and_got(word: str, value: Any, message: str) -> None:
    receiver = Receiver(schema={"v": word})
    for form in ([{"v": value}], pd.DataFrame({"v": pd.Series([value], dtype=object)})):
        if isinstance(form, pd.DataFrame) and isinstance(value, (int, float)) and word.startswith("int"):
            continue  # a frame has whole and other numbers in one float column
        with pytest.raises(InputError) as caught:
            receiver.process(form)
        assert str(caught.value).replace("got nothing", "got null") == message


def test_fields_that_are_missing_or_unknown_are_named() -> None:
    receiver = Receiver(schema={"brand": "string", "age": "float?"})
    with pytest.raises(InputError) as caught:
        receiver.process([{"brand": "x", "age": 1}, {"brnad": "x", "age": 1}])
    assert "/1/brnad: " in str(caught.value)
    assert "did you mean 'brand'?" in str(caught.value)
    assert "/1/brand: expected a string, got nothing: the field is missing" in str(caught.value)
    with pytest.raises(ColumnError, match=r"Column 'brand' does not exist\. It has: brnad, age\. Did you mean 'brnad'"):
        receiver.process(pd.DataFrame({"brnad": ["x"], "age": [1.0]}))


def test_extra_fields_can_be_ignored() -> None:
    receiver = Receiver(schema={"a": "float"}, extra="ignore")
    for form in ({"a": 1, "z": 2}, [{"a": 1, "z": 2}], {"a": [1], "z": [2]}):
        assert list(receiver.process(form).data.columns) == ["a"]
    with pytest.raises(InputError, match="/z: expected no such field"):
        Receiver(schema={"a": "float"}).process({"a": [1], "z": [2]})


def test_without_rows_it_says_what_to_pass() -> None:
    with pytest.raises(ExecutionError, match="Receiver has no rows: pass a frame"):
        Receiver(schema={"a": "float"}).process(None)
    with pytest.raises(InputError, match="a frame, a row"):
        Receiver(schema={"a": "float"}).process(3)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "Receiver: parameter 'schema' is missing; it must be an object of field names and types"),
        ({"schema": {}}, "Receiver: parameter 'schema': a schema must be an object of field names and types"),
        ({"schema": {"a": "flaot"}}, "field 'a' must have one of the types"),
        ({"schema": {"a\ud800": "float"}}, "a field name must be Unicode text"),
        ({"schema": {'a"b': "float"}}, 'a field name must hold no quote ("), no backslash and no control character'),
        ({"schema": {"a\\b": "float"}}, "got 'a\\\\b': rename it"),
        ({"schema": {"a\nb": "float"}}, "no control character; got 'a\\nb'"),
        ({"schema": {"a": "flaot"}}, "Did you mean 'float'?"),
        ({"schema": {"a": {"type": "string", "categories": ["x", "x"]}}}, "at least one and none twice; got ['x', 'x']"),
        ({"schema": {"a": {"type": "float", "categories": ["x"]}}}, "categories must be strings of a string field"),
        ({"schema": ["a"]}, "parameter 'schema' must be an object of field names and types, e.g."),
        ({"schema": {"a": "float"}, "extra": "keep"}, "parameter 'extra' must be one of 'refuse', 'ignore'; got 'keep'"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        Receiver(params)
    assert words in str(caught.value)


def test_it_declares_the_signature() -> None:
    receiver = Receiver(schema={"a": "float?", "s": {"type": "string", "categories": ["x", "y"]}})
    assert receiver.source_fields() == (Field("a", "float", True), Field("s", "string", False, ("x", "y")))


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufdd0\x00"), max_size=5)
VALUES = {
    "float?": st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False, width=64)),
    "int": st.integers(-(2**63) + 1, 2**63 - 1),
    "int?": st.one_of(st.none(), st.integers(-(2**53), 2**53)),
    "bool?": st.one_of(st.none(), st.booleans()),
    "string?": st.one_of(st.none(), TEXTS),
    "timestamp?": st.one_of(st.none(), st.datetimes().map(lambda moment: moment.isoformat())),
}


@settings(max_examples=40)
@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=4))
def test_whatever_fits_the_schema_comes_through_as_the_compiled_graph_reads_it(rows: list[dict[str, Any]]) -> None:
    """Rows through the eager form, and through the frame that it gives, are the values that were sent."""
    receiver = Receiver(schema={name: name for name in VALUES})
    frame = receiver.process(rows).data
    for name in ("float?", "int", "int?", "string?", "bool?"):
        sent = [row[name] for row in rows]
        assert [None if pd.isna(value) else value for value in frame[name].tolist()] == sent
    assert [None if pd.isna(v) else v.isoformat() for v in frame["timestamp?"]] == [
        None if row["timestamp?"] is None else pd.Timestamp(row["timestamp?"]).isoformat() for row in rows
    ]
    pd.testing.assert_frame_equal(receiver.process(frame).data, frame)


def test_a_graph_compiles_and_scores_with_labels_in_the_training_frame() -> None:
    graph = Graph.start(Receiver(schema={"age": "float?"})) >> FillMissing(cols="age", strategy="median")
    graph.fit(pd.DataFrame({"age": [1.0, np.nan, 3.0], "label": [1, 0, 1]}))
    package = graph.compile()
    assert package.score({"age": None}) == {"age": 2.0}
    assert package.node_count == 2


# ---- ranges, defaults, meanings -------------------------------------------------------------------------------------------

DECLARED: dict[str, Any] = {
    "age": {"type": "int", "min": 0, "max": 150, "doc": "in years"},
    "x": {"type": "float?", "min": -1.5, "default": None},
    "c": {"type": "string", "categories": ["a", "b"], "default": "a"},
    "t": {"type": "timestamp?", "default": "2024-01-01"},
    "p": {"type": "float", "max": 1},
}


def test_fields_with_a_default_may_be_left_out_of_rows_columns_and_frames() -> None:
    receiver = Receiver(schema=DECLARED)
    row = {"age": 150, "p": 1.0}
    full = {**row, "x": None, "c": "a", "t": "2024-01-01"}
    expected = receiver.process([full, full]).data
    for form in ([row, row], {"age": [150, 150], "p": [1.0, 1.0]}, pd.DataFrame([row, row])):
        pd.testing.assert_frame_equal(receiver.process(form).data, expected)
    pd.testing.assert_frame_equal(receiver.process(row).data, expected.head(1))
    assert receiver.process([{**row, "x": -1.5, "c": "b"}]).data["x"].tolist() == [-1.5]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"age": 151}, "/age: expected a whole number from 0 to 150, got number 151"),
        ({"age": -1}, "got number -1"),
        ({"p": float(np.nextafter(1.0, 2.0))}, "/p: expected a finite number up to 1, got number 1.0000000000000002"),
        ({"x": -1.6}, "/x: expected a finite number from -1.5 or null, got number -1.6"),
        ({"c": "z"}, "/c: expected one of 'a', 'b', got string 'z'"),
        ({"p": float("nan")}, "/p: expected a finite number up to 1"),
    ],
)
def test_values_out_of_range_are_refused_when_authoring_and_when_scoring(changed: dict[str, Any], words: str) -> None:
    row = {"age": 5, "p": 0.5, "x": 0.0, **changed}
    receiver = Receiver(schema=DECLARED)
    compiled = Graph.from_dsl(Graph.start(receiver).to_dsl()).compile()
    for refuse in (receiver.process, compiled.score):
        with pytest.raises(InputError, match=re.escape(words)):
            refuse(row)
        with pytest.raises(InputError, match=re.escape(words.replace("/", "/1/"))):
            refuse([{"age": 5, "p": 0.5}, row])
        with pytest.raises(InputError):
            refuse({name: np.array([value, value]) for name, value in row.items()})
    with pytest.raises(InputError):
        receiver.process(pd.DataFrame([row]))


def test_declarations_travel_in_the_package_and_bound_the_rows_of_the_gate() -> None:
    graph = Graph.start(Receiver(schema=DECLARED))
    compiled = Graph.from_dsl(graph.to_dsl()).compile()
    entries = {entry.name: entry for entry in compiled.manifest.fields}
    assert (entries["age"].minimum, entries["age"].maximum, entries["age"].doc) == (0, 150, "in years")
    assert (entries["c"].optional, entries["c"].default, entries["p"].optional) == (True, "a", False)
    assert [entry.field for entry in compiled.manifest.fields] == list(parse_signature(DECLARED))
    assert signature_spec(parse_signature(DECLARED)) == DECLARED
    assert compiled.score({"age": 5, "p": 0.5})["t"] == "2024-01-01T00:00:00Z"
    assert compiled.report is not None
    ages = [row["age"] for row in compiled.report.sample["rows"]]
    assert all(0 <= age <= 150 for age in ages)
    with_sample = graph.compile(pd.DataFrame({"age": [1, 150], "p": [0.1, 1.0]}))
    assert {row["c"] for row in with_sample.report.sample["rows"]} == {"a", "b"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"type": "int", "min": 1.5}, "field 'a': min must be a whole number; got 1.5"),
        ({"type": "string", "min": 1}, "min must be a number, and the field one of numbers; got 1"),
        ({"type": "float", "max": float("inf")}, "max must be a number"),
        ({"type": "float", "min": 2, "max": 1}, "min must not be above max; got 2 and 1"),
        ({"type": "float", "default": None}, "default must be a value that a request may hold there; got None"),
        ({"type": "float", "max": 1, "default": 2}, "default must be a value that a request may hold there; got 2"),
        ({"type": "string", "categories": ["x"], "default": "y"}, "got 'y'"),
        ({"type": "bool", "default": 1}, "got 1"),
        ({"type": "timestamp", "default": "tomorrow"}, "default must be an ISO timestamp"),
        ({"type": "float", "minn": 2}, "with any of categories, min, max, default, doc"),
        ({"type": "float", "minn": 2}, "Did you mean 'min'?"),
        ({"type": "float", "doc": 2}, "doc must be a text; got 2"),
    ],
)
def test_wrong_declarations_say_what_is_expected(spec: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        Receiver(schema={"a": spec})
    assert words in str(caught.value)
