"""FieldOps: what each operation gives, that both forms agree, and what wrong operations are told."""

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
from rtml_core.errors import ColumnError, ParamError
from rtml_core.frames import canonical
from rtml_core.testing import assert_parity, assert_refuses
from rtml_plugins.fields.field_ops import LIBRARY_TOLERANCE, FieldOps
from tests.unit.plugins.fields.frame import FRAME

PEOPLE = pd.DataFrame(
    {
        "age": [17.0, 18.0, None, 65.0],
        "name": ["Ann", None, "", "Zoë"],
        "nick": [None, "bo", None, "z"],
        "visits": [1, 2, 3, 4],
        "spent": [0.0, 1500.0, None, 3.0],
        "vip": [True, None, False, True],
    }
)


def result(operation: dict[str, Any], frame: pd.DataFrame = PEOPLE) -> list[Any]:
    """The field that one operation sets, with None for missing."""
    made = FieldOps(ops=[operation]).process(frame).data[operation["set"]]
    return made.astype(object).where(made.notna(), None).tolist()


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"set": "x", "to": "spent / visits"}, [0.0, 750.0, None, 0.75]),
        ({"set": "x", "to": "visits * 2"}, [2, 4, 6, 8]),
        ({"set": "x", "to": 3}, [3, 3, 3, 3]),
        ({"set": "x", "to": "2 + 1"}, [3, 3, 3, 3]),
        ({"set": "x", "value": "web"}, ["web"] * 4),
        ({"set": "spent", "value": None}, [None] * 4),
        ({"set": "x", "if": "age < 18", "then": "minor", "else": "adult"}, ["minor", "adult", "adult", "adult"]),
        ({"set": "x", "if": "age < 18", "then": "minor"}, ["minor", None, None, None]),
        ({"set": "name", "if": {"missing": "name"}, "then": "friend"}, ["Ann", "friend", "", "Zoë"]),
        ({"set": "x", "if": "not vip", "then": 1, "else": 0}, [0, 0, 1, 0]),
        ({"set": "x", "if": "vip", "then": {"field": "age"}, "else": {"expr": "visits + 1"}}, [17.0, 3.0, 4.0, 65.0]),
        (
            {"set": "x", "cases": [{"if": "spent > 1000", "then": "gold"}, {"if": "visits > 2", "then": "silver"}], "else": "-"},
            ["-", "gold", "silver", "silver"],
        ),
        ({"set": "x", "flag": "age >= 18"}, [False, True, False, True]),
        ({"set": "x", "flag": "age >= 18", "as": "int"}, [0, 1, 0, 1]),
        ({"set": "x", "flag": {"not": "age >= 18"}}, [True, False, True, False]),
        ({"set": "x", "flag": {"all": [{"present": "age"}, {"not": "age >= 18"}]}}, [True, False, False, False]),
        ({"set": "x", "flag": {"any": [{"field": "visits", "in": [1, 4.0]}, "vip"]}}, [True, False, False, True]),
        ({"set": "x", "flag": {"field": "name", "contains": "n"}}, [True, False, False, False]),
        ({"set": "x", "flag": {"field": "name", "ends_with": "ë"}}, [False, False, False, True]),
        ({"set": "x", "coalesce": ["nick", "name", {"value": "friend"}]}, ["Ann", "bo", "", "z"]),
        ({"set": "x", "min": ["age", "visits"]}, [1.0, 2.0, 3.0, 4.0]),
        ({"set": "x", "max": ["age", "spent", 50]}, [50.0, 1500.0, 50.0, 65.0]),
        ({"set": "x", "count": ["age", "name", "nick", "visits"]}, [3, 3, 2, 4]),
        ({"set": "x", "concat": ["name", "visits"], "sep": "-"}, ["Ann-1", None, "-3", "Zoë-4"]),
        ({"set": "x", "concat": ["name", {"value": "/"}, "nick"], "missing": "?"}, ["Ann/?", "?/bo", "/?", "Zoë/z"]),
        ({"set": "x", "to": "sqrt(visits)"}, [1.0, 2**0.5, 3**0.5, 2.0]),
    ],
)  # fmt: skip
def test_what_an_operation_gives(operation: dict[str, Any], expected: list[Any]) -> None:
    assert result(operation) == expected
    assert_parity(FieldOps(ops=[operation]), PEOPLE)


def test_operations_are_applied_in_order_and_the_frame_stays() -> None:
    ops = [{"set": "a", "to": "a + 1"}, {"set": "c", "to": "a * 10"}, {"set": "a", "value": "x"}]
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    made = FieldOps(ops=ops).process(frame).data
    assert made.to_dict("list") == {"a": ["x", "x"], "c": [20.0, 30.0]}
    assert frame.to_dict("list") == {"a": [1.0, 2.0]}
    assert_parity(FieldOps(ops=ops), frame)


AWKWARD = [
    {"set": "r", "to": "a / b"},
    {"set": "a", "to": "(a - b) / (a + b)"},
    {"set": "r", "to": "n * 2 + 1"},
    {"set": "r", "to": "log1p(abs(b))"},
    {"set": "a", "value": None},
    {"set": "r", "value": True},
    {"set": "r", "value": {"timestamp": "2024-02-29"}},
    {"set": "r", "if": "a < 1 and b > 0", "then": {"field": "a"}, "else": {"field": "n"}},
    {"set": "r", "if": "a != 1", "then": 1, "else": None},
    {"set": "n", "if": "n < 0", "then": 0},
    {"set": "n", "if": "n > 9007199254740992", "then": 9007199254740993},
    {"set": "r", "if": "w > '2000-01-01'", "then": {"field": "w"}, "else": {"field": "v"}},
    {"set": "r", "if": "s == 'DE'", "then": True},
    {"set": "r", "if": "f & g", "then": {"field": "f"}, "else": {"field": "g"}},
    {"set": "r", "flag": {"field": "a", "in": [0, 1, -3.5]}},
    {"set": "r", "flag": {"field": "n", "in": [0, 18, 0.5, 2**63 - 1]}},
    {"set": "r", "flag": {"field": "n", "in": [0.5]}},
    {"set": "r", "flag": {"field": "h", "in": [0.1, 1]}},
    {"set": "r", "flag": {"missing": "f"}},
    {"set": "r", "flag": {"missing": "n"}},
    {"set": "r", "coalesce": ["a", "b"]},
    {"set": "r", "coalesce": ["s", "t"]},
    {"set": "r", "coalesce": ["s", {"value": "ß"}]},
    {"set": "r", "coalesce": ["f", "g"]},
    {"set": "r", "coalesce": ["f", {"value": False}]},
    {"set": "r", "coalesce": ["w", "v"]},
    {"set": "r", "coalesce": ["n", "a"]},
    {"set": "r", "min": ["a", "b", "n"]},
    {"set": "r", "max": ["a", 0]},
    {"set": "r", "min": ["n", "m"]},
    {"set": "r", "max": ["n", "m", 5]},
    {"set": "r", "min": ["w", "v"]},
    {"set": "r", "max": ["w", "v"]},
    {"set": "r", "min": ["h", "h"]},
    {"set": "r", "count": ["a", "b", "s", "n", "f", "w"]},
    {"set": "r", "concat": ["s", "t"]},
    {"set": "r", "concat": [{"value": "a"}, "s", "n", {"value": "z"}], "sep": "/", "missing": ""},
]  # fmt: skip


@pytest.mark.parametrize("operation", AWKWARD, ids=str)
def test_awkward_values_agree(operation: dict[str, Any]) -> None:
    for nullable in (None, True):
        assert_parity(FieldOps(ops=[operation]), FRAME, nullable=nullable)
    assert_parity(FieldOps(ops=[operation]), canonical(FRAME).iloc[:0], nullable=True)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(*[st.one_of(st.none(), st.floats(width=64), st.sampled_from([0.0, -0.0, 18.0]))] * 3), min_size=1, max_size=6
    ),
    st.sampled_from(["min", "max", "coalesce"]),
)
def test_extremes_are_those_of_pandas(rows: list[tuple[float | None, ...]], how: str) -> None:
    frame = pd.DataFrame(rows, columns=list("abc"), dtype="float64")
    made = FieldOps(ops=[{"set": "r", how: ["a", "b", "c"]}])
    expected = frame.bfill(axis=1)["a"] if how == "coalesce" else getattr(frame, how)(axis=1)
    pd.testing.assert_series_equal(made.process(frame).data["r"], expected, check_names=False, check_exact=True)
    assert_parity(made, frame, nullable=True)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=5),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_a_threshold_is_met_to_the_last_bit(values: list[float], point: float) -> None:
    with np.errstate(over="ignore"):  # beyond the largest float is infinity, and that is a case, too
        around = [np.nextafter(point, np.inf), np.nextafter(point, -np.inf)]
    frame = pd.DataFrame({"x": [*values, point, *around]})
    made = FieldOps(ops=[{"set": "y", "if": f"x < {point!r}", "then": "below", "else": "not"}])
    assert made.process(frame).data["y"].tolist() == ["below" if x < point else "not" for x in frame["x"]]
    assert_parity(made, frame)


def test_cases_on_one_text_are_one_lookup_and_fold_into_what_comes_before() -> None:
    ops = [
        {"set": "country", "coalesce": ["country", {"value": "??"}]},
        {
            "set": "region",
            "cases": [
                {"if": "country == 'DE' or country in ['AT', 'CH']", "then": "DACH"},
                {"if": {"field": "country", "in": ["FR", "BE"]}, "then": "west"},
                {"if": "country != '??'", "then": "else"},
            ],
        },
        {"set": "free", "if": {"any": ["region == 'DACH'", {"missing": "region"}]}, "then": 1, "else": 0},
    ]
    frame = pd.DataFrame({"country": ["DE", "CH", "FR", "??", None, "", "ẞ", "XX"]})
    made = FieldOps(ops=ops).process(frame).data
    assert made["region"].fillna("-").tolist() == ["DACH", "DACH", "west", "-", "-", "else", "else", "else"]
    assert made["free"].tolist() == [1, 1, 0, 1, 1, 0, 0, 0]
    assert_parity(FieldOps(ops=ops), frame)
    from rtml_core.lowering.scratch import lower_alone
    from rtml_core.testing import onnx_nodes

    only = FieldOps(ops=[*ops])
    node = lower_alone(only, Schema([Column("country", "string", True)]))
    node.result = {"free": node.result["free"]}
    assert onnx_nodes(node) == 1


def test_conditions_ask_for_texts_of_other_kinds_too_and_then_are_no_lookup() -> None:
    frame = pd.DataFrame({"url": ["/cart", "/cart/pay", None, "/", "/CART"]})
    ops = [{"set": "x", "cases": [{"if": "url == '/'", "then": 0}, {"if": {"field": "url", "starts_with": "/cart"}, "then": 1}]}]
    assert result(ops[0], frame) == [1.0, 1.0, None, 0.0, None]
    assert_parity(FieldOps(ops=ops), frame)


def test_dtypes_follow_from_the_fields_and_not_from_the_rows() -> None:
    schema = Schema([Column("a", "float64", True), Column("n", "int64"), Column("f", "bool", True)])
    ops = [
        {"set": "i", "if": "n > 1", "then": {"field": "n"}, "else": 0},
        {"set": "x", "if": "n > 1", "then": {"field": "n"}, "else": None},
        {"set": "k", "coalesce": ["a", "n"]},
        {"set": "flag", "if": "n > 1", "then": {"field": "f"}, "else": False},
    ]
    made = FieldOps(ops=ops).schema(schema)
    assert [str(made[name]) for name in ("i", "x", "k", "flag")] == ["i: int64", "x: float64?", "k: float64", "flag: bool?"]


def test_functions_declare_a_tolerance_and_arithmetic_does_not() -> None:
    assert FieldOps(ops=[{"set": "x", "to": "a * 2 + abs(b)"}]).tolerance == (0.0, 0.0)
    assert FieldOps(ops=[{"set": "x", "if": {"not": "log(a) > 1"}, "then": 1}]).tolerance == LIBRARY_TOLERANCE


def test_in_a_graph_through_the_gate_and_back_from_json() -> None:
    graph = op.Receiver(schema={"age": "float?", "country": "string?"}) >> op.FieldOps(
        ops=[
            {"set": "group", "if": "age < 18", "then": "minor", "else": "adult"},
            {"set": "home", "flag": {"field": "country", "in": ["DE", "AT"]}},
        ]
    )
    compiled = Graph.from_dsl(graph.to_dsl()).compile()
    answer = compiled.score([{"age": 17.9, "country": "AT"}, {"age": None, "country": None}])
    assert [(row["group"], row["home"]) for row in answer] == [("minor", True), ("adult", False)]
    assert compiled.report is not None
    assert compiled.report.rows > 300


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ({"to": "a"}, 'operation 1: an operation must be an object that says which field it sets, e.g. {"set": "ratio"'),
        ({"set": "x"}, "operation 1 (set 'x'): says not what 'x' becomes: give one of to, value, if"),
        ({"set": "x", "coalese": ["a"]}, "Did you mean 'coalesce'?"),
        ({"set": "x", "to": "a", "value": 1}, "give one of to, value, if"),
        (
            {"set": "x", "if": "a > 1", "than": 1},
            "'than' does not go with 'if', which takes if, then, else. Did you mean 'then'?",
        ),
        ({"set": "x", "if": "a > 1"}, "'if' needs 'then'"),
        ({"set": "x", "to": "a +"}, "'a +' is not an expression"),
        ({"set": "x", "to": "a = 1"}, "must be one expression without '='"),
        ({"set": "x", "to": "logg(a)"}, "there is no function 'logg'. Did you mean 'log'?"),
        ({"set": "x", "to": "a.abs()"}, "there is no function 'a.abs'"),
        ({"set": "x", "to": "a[0]"}, "is Python, not an expression"),
        ({"set": "x", "to": "@a + 1"}, "an expression must use columns and constants only"),
        ({"set": "x", "flag": "a in b"}, "'in' takes a list of constants"),
        ({"set": "x", "if": {"field": "a", "like": "x"}, "then": 1}, "'if' must be an expression such as \"age < 18\""),
        ({"set": "x", "if": {"field": "a", "in": [1, "x"]}, "then": 1}, "a list of strings or a list of numbers"),
        ({"set": "x", "cases": [{"if": "a > 1"}]}, 'case 1 must be {"if": condition, "then": value}'),
        ({"set": "x", "cases": [{"if": "a >", "then": 1}]}, "'a >' is not an expression"),
        ({"set": "x", "value": [1]}, "'value' must be a string, number, boolean or null"),
        ({"set": "x", "value": {"timestamp": "tomorrow"}}, "must be an ISO timestamp"),
        ({"set": "x", "value": 2**63}, "must fit into 64 bits"),
        ({"set": "x", "value": "a\0b"}, "a text without U+0000"),
        ({"set": "x", "min": ["a"]}, "'min' must be a list of at least 2 fields"),
        ({"set": "x", "concat": ["a"], "sep": 1}, "'sep' must be a string; got 1"),
        ({"set": "x", "flag": "a > 1", "as": "text"}, "'as' must be 'bool' or 'int'; got 'text'"),
    ],
)
def test_wrong_operations_say_what_is_expected(operation: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        FieldOps(ops=[operation])
    assert words in str(caught.value)


def test_conditions_nest_to_a_bound() -> None:
    deep: Any = "a > 1"
    for _ in range(2000):
        deep = {"not": deep}
    with pytest.raises(ParamError, match="nested more than 20 deep"):
        FieldOps(ops=[{"set": "x", "flag": deep}])


@pytest.mark.parametrize(
    ("operation", "words"),
    [
        ({"set": "x", "to": "agee * 2"}, "operation 1 (set 'x'): Column 'agee' does not exist"),
        ({"set": "x", "coalesce": ["nik", "name"]}, "Did you mean 'nick'?"),
        ({"set": "x", "if": "vip", "then": 1, "else": "no"}, "'x' would be numbers in some rows and texts in others"),
        ({"set": "x", "value": None}, "is missing in every case, which leaves its kind open"),
        ({"set": "x", "if": "visits", "then": 1}, "'visits' needs to be true or false in every row"),
        ({"set": "x", "flag": {"field": "age", "contains": "1"}}, "'contains' of 'age' needs texts; got 'float64'"),
        ({"set": "x", "flag": {"field": "name", "in": [1]}}, "'in' of 'name' needs numbers; got 'string'"),
        ({"set": "x", "max": ["name", "nick"]}, "'max' needs numbers or times; got 'string'"),
        ({"set": "x", "concat": ["name", "age"]}, "'concat' needs texts or whole numbers; got 'float64'"),
        ({"set": "x", "to": "name * 2.5"}, "name * 2.5"),
    ],
)
def test_what_does_not_fit_the_fields_is_refused_by_both(operation: dict[str, Any], words: str) -> None:
    made = FieldOps(ops=[{"set": "first", "value": 1}, operation])
    words = words.replace("operation 1", "operation 2")
    with pytest.raises(ColumnError) as caught:
        made.process(PEOPLE)
    assert words in str(caught.value)
    assert_refuses(made, PEOPLE, words)
