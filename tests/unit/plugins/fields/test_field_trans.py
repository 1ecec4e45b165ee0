"""FieldTrans: names, casts and their policies, defaults; both forms agree, wrong parameters say what is expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core import Graph
from rtml_core import operators as op
from rtml_core.columns import Column, Schema
from rtml_core.errors import ColumnError, InputError, ParamError
from rtml_core.frames import canonical, dtype_word
from rtml_core.testing import assert_parity, assert_refuses
from rtml_plugins.fields.field_trans import FieldTrans
from tests.unit.plugins.fields.frame import FRAME

TEXTS = FRAME.assign(
    x=["1.5", "-3", "abc", None, "1e5", " 2", "+007", "99999999999999999999"],
    y=["true", "False", "1", "0", None, "", "TRUE", "x"],
    d=["2020-02-29", None, "x", "1969-12-31T23:59:59.999999Z", "2023-02-29", "", "2024-02-29", "0001-01-01"],
    z=[1.0, 0.0, -0.0, 2.0**63, -(2.0**63), 2.0**53, 0.5, np.nan],
    big=["9007199254740993", "999999999999999999", "1000000000000000000", "٣", "1_0", "0x1", "1e99", "1e100"],
)
WORDS = {"float": -1.5, "int": -7, "bool": True, "string": "?", "timestamp": "1970-01-01"}


def cast(column: str, word: str, failed: Any = "refuse") -> list[Any]:
    """What a cast gives, with None for missing."""
    made = FieldTrans(cast={column: word}, failed=failed).process(TEXTS).data[column]
    return made.astype(object).where(made.notna(), None).tolist()


@pytest.mark.parametrize(
    ("column", "word", "failed", "expected"),
    [
        ("x", "float?", "missing", [1.5, -3.0, None, None, 1e5, None, 7.0, 1e20]),
        ("x", "float", {"value": 0}, [1.5, -3.0, 0.0, 0.0, 1e5, 0.0, 7.0, 1e20]),
        ("x", "int?", "missing", [None, -3.0, None, None, None, None, 7.0, None]),
        ("x", "int", {"value": -7}, [-7, -3, -7, -7, -7, -7, 7, -7]),
        ("big", "int", {"value": -1}, [9007199254740993, 999999999999999999, -1, -1, -1, -1, -1, -1]),
        ("big", "float?", "missing", [9007199254740992.0, 1e18, 1e18, None, None, None, 1e99, None]),
        ("y", "bool?", "missing", [True, False, True, False, None, None, True, None]),
        ("z", "int", {"value": -7}, [1, 0, 0, -7, -(2**63), 2**53, -7, -7]),
        ("z", "bool?", "missing", [True, False, False, None, None, None, None, None]),
        ("n", "string", "refuse", ["1", "9007199254740993", str(-(2**63)), str(2**63 - 1), "0", "-1", "18", "17"]),
        ("f", "string?", "refuse", ["true", None, "false", "true", "true", "false", None, "true"]),
        ("f", "int", {"value": -1}, [1, -1, 0, 1, 1, 0, -1, 1]),
        ("f", "int?", "refuse", [1.0, None, 0.0, 1.0, 1.0, 0.0, None, 1.0]),
        ("s", "string", {"value": "?"}, ["DE", "?", "", "ß", "İ", "at", "nan", "DE"]),
    ],
)  # fmt: skip
def test_what_a_cast_gives(column: str, word: str, failed: Any, expected: list[Any]) -> None:
    assert cast(column, word, failed) == expected


def possible(column: str, word: str) -> bool:
    """Whether a field of the frame has a form in the target."""
    dtype = dtype_word(canonical(TEXTS)[column])
    if dtype == "string":
        return True
    if dtype == "timestamp" or word == "timestamp":
        return dtype == word
    return word != "string" or not dtype.startswith("float")


@pytest.mark.parametrize("column", ["n", "f", "g", "w", "h", "x", "y", "d", "z"])
def test_every_cast_agrees_or_is_refused_by_both(column: str) -> None:
    tried = 0
    for word, value in WORDS.items():
        for wanted, failed in [(w, f) for w in (word, f"{word}?") for f in ("refuse", "missing", {"value": value})]:
            if failed == "missing" and not wanted.endswith("?"):
                continue
            made = FieldTrans(cast={column: wanted}, failed=failed)
            if possible(column, word):
                assert_parity(made, TEXTS, nullable=True if wanted.endswith("?") else None)
            else:
                with pytest.raises(ColumnError, match="can't become"):
                    made.process(TEXTS)
                assert_refuses(made, TEXTS, "can't become")
            tried += 1
    assert tried == 25


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.one_of(st.from_regex(r"[+-]?[0-9]{0,25}(\.[0-9]{0,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True), st.text(max_size=6)),
        min_size=1,
        max_size=6,
    )
)
def test_written_numbers_are_read_as_python_reads_them(texts: list[str]) -> None:
    texts = [text for text in texts if "\0" not in text and "\ufdd0" not in text] or [""]
    frame = pd.DataFrame({"x": pd.Series(texts, dtype="str")})
    made = FieldTrans(cast={"x": "float?"}, failed="missing")
    for text, value in zip(texts, made.process(frame).data["x"], strict=True):
        assert np.isnan(value) or value == float(text)
    assert_parity(made, frame)


def test_names_and_order() -> None:
    frame = pd.DataFrame({"a": [1], "b": [2], "c": [3], "d": [4]})

    def after(**params: Any) -> str:
        made = FieldTrans(**params)
        assert_parity(made, frame)
        return " ".join(f"{name}{value}" for name, value in made.process(frame).data.iloc[0].items())

    assert after(rename={"a": "b", "b": "a"}) == "b1 a2 c3 d4"
    assert after(copy={"a": "e"}, drop=["b", "c"]) == "a1 d4 e1"
    assert after(keep=["d", "a"]) == "d4 a1"
    assert after(move=["c", "b"]) == "c3 b2 a1 d4"
    assert after(ops=[{"move": "a", "to": "last"}, {"move": ["d"], "to": {"before": "b"}}]) == "d4 b2 c3 a1"
    assert after(ops=[{"move": "a", "to": {"after": "c"}}, {"rename": {"a": "z"}}, {"drop": "b"}]) == "c3 z1 d4"
    assert after(rename={"a": "x"}, cast={"x": "float"}, keep="x") == "x1.0"


def test_defaults_and_required_fields() -> None:
    frame = canonical(FRAME)
    made = FieldTrans(default={"a": 0, "s": "none", "f": False, "w": "1970-01-01"}).process(frame).data
    assert not made[["a", "s", "f", "w"]].isna().any().any()
    assert_parity(FieldTrans(default={"a": 0, "s": "none", "f": False, "w": "1970-01-01"}), frame)
    required = FieldTrans(require=["a", "s", "f", "w", "n"])
    with pytest.raises(ColumnError, match=r"operation 1 \(require\): row 1 has no 'a', which is required"):
        required.process(frame)
    assert_parity(required, frame, nullable=True)
    schema = Schema([Column("f", "bool", True), Column("s", "string", True)])
    assert not any(column.nullable for column in FieldTrans(require=["f", "s"]).schema(schema).values())


def test_casts_say_what_may_be_missing_afterwards() -> None:
    schema = Schema([Column("t", "string", True), Column("x", "float64", True, False), Column("n", "int64")])
    made = FieldTrans(cast={"t": "int?", "x": "int", "n": "int?"}).schema(schema)
    assert [str(column) for column in made.values()] == ["t: float64?", "x: int64", "n: int64"]
    assert FieldTrans(cast={"t": "float"}, failed={"value": 1}).schema(schema)["t"] == Column("t", "float64")
    assert FieldTrans(cast={"x": "float?"}).schema(schema)["x"] == schema["x"]


def test_a_refused_row_is_told_what_it_has_and_renaming_costs_nothing() -> None:
    graph = op.Receiver(schema={"yrs": "string", "debug": "string?"}) >> op.FieldTrans(
        rename={"yrs": "age"}, cast={"age": "int"}, drop="debug"
    )
    compiled = Graph.from_dsl(graph.to_dsl()).compile()
    assert compiled.score({"yrs": "41", "debug": None}) == {"age": 41}
    with pytest.raises(InputError, match="a value of 'age' that is missing or no whole number of 64 bits"):
        compiled.score({"yrs": "4l", "debug": None})
    only_names = op.Receiver(schema={"a": "float", "b": "float"}) >> op.FieldTrans(rename={"a": "x"}, move="b")
    assert only_names.compile().node_count == 1  # the output's own


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "says not what to do: give 'ops', or one of copy, rename"),
        ({"ops": []}, "says not what to do"),
        ({"ops": [{"drop": "a"}], "drop": "b"}, "parameter 'ops' must be left out when 'drop' is given"),
        ({"ops": [{"drop": "a"}, {"renam": {"a": "b"}}]}, "operation 2: must be an object with one of copy, rename"),
        ({"ops": [{"renam": {"a": "b"}}]}, "Did you mean 'rename'?"),
        ({"ops": [{"drop": "a", "failed": 1}]}, "'failed' does not go with 'drop'"),
        ({"rename": {"a": "b", "s": "b"}}, "'rename' gives the name 'b' to two fields"),
        ({"rename": {}}, "'rename' must be an object of field names and new names"),
        ({"cast": {"a": "integer"}}, "'a' must become one of float, int, bool, string, timestamp"),
        ({"cast": {"a": "int"}, "failed": "missing"}, "'failed' is \"missing\", so 'a' must become 'int?'"),
        ({"cast": {"a": "int"}, "failed": {"value": 1.5}}, "a value that is a int for 'a'; got 1.5"),
        ({"cast": {"a": "int"}, "failed": "drop"}, '\'failed\' must be "refuse", "missing" or'),
        ({"failed": "missing", "drop": "a"}, "parameter 'failed' must be left out without 'cast'; got 'missing'"),
        ({"default": {"a": [1]}}, "'default': parameter 'value' must be a string, a number or a boolean for 'a'"),
        ({"ops": [{"move": "a", "to": "front"}]}, '\'to\' must be "first", "last"'),
        ({"ops": [{"move": "a", "to": {"before": "a"}}]}, "must name a field that is not moved itself"),
        ({"keep": ["a", "a"]}, "'keep' must name each field once; got 'a' twice"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        FieldTrans(params)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"rename": {"aa": "q"}}, "operation 1 (rename): Column 'aa' does not exist"),
        ({"rename": {"a": "b"}}, "Column 'b' is there already"),
        ({"copy": {"a": "b"}}, "Column 'b' is there already"),
        ({"ops": [{"drop": "a"}, {"cast": {"a": "int"}}]}, "operation 2 (cast): Column 'a' does not exist"),
        ({"ops": [{"move": "a", "to": {"after": "q"}}]}, "Column 'q' does not exist"),
        ({"cast": {"a": "string"}}, "field 'a' is float64 and can't become string: a float has no one text; cast it to int"),
        ({"cast": {"w": "int"}}, "field 'w' is timestamp and can't become int: take the parts you need"),
        ({"cast": {"n": "timestamp"}}, "a number does not say its unit"),
    ],
)
def test_what_does_not_fit_the_fields_is_refused_by_both(params: dict[str, Any], words: str) -> None:
    made = FieldTrans(params)
    with pytest.raises(ColumnError) as caught:
        made.process(FRAME)
    assert words in str(caught.value)
    assert_refuses(made, FRAME, words)


def test_an_eager_cast_names_the_row_and_the_value() -> None:
    with pytest.raises(ColumnError, match=r"row 2 has a value of 'x' that is missing or no number: 'abc'"):
        FieldTrans(cast={"x": "float"}).process(TEXTS)
    with pytest.raises(ColumnError, match="row 1 has a value of 's' that is missing: a missing value"):
        FieldTrans(cast={"s": "string"}).process(TEXTS)
