"""What a plan takes out of documents, and what it says of those that do not fit."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.columns import parse_signature
from rtml_core.errors import InputError
from rtml_core.package import FieldEntry
from rtml_plugins.xdm.paths import EVERY, pattern
from rtml_plugins.xdm.plan import TAKES, Choice, Plan
from rtml_plugins.xdm.text import read
from tests.unit.xdm.documents import scalars


def plan(path: str, type: str, take: str = "", **more: Any) -> Plan:
    (field,) = parse_signature({"x": {"type": type, **more}})
    return Plan([FieldEntry.of(field, None)], [Choice(path, take)])


def value(document: Any, path: str, type: str, take: str = "", **more: Any) -> Any:
    return plan(path, type, take, **more).values(document)[0]


ITEMS = {"items": [{"sku": "b", "price": 2}, {"sku": None, "price": 0.5}, None, {"sku": "a"}], "m": {"x": [1, 2], "y": [3]}}


@pytest.mark.parametrize(
    ("path", "type", "take", "expected"),
    [
        ("items[0].sku", "string", "", "b"),
        ("items[-1].sku", "string", "", "a"),
        ("items[1].sku", "string?", "", None),
        ("items[2].sku", "string?", "", None),
        ("items[9].sku", "string?", "", None),
        ("items[-9].sku", "string?", "", None),
        ("m.x[1]", "int", "", 2),
        ("none.of.this", "float?", "", None),
        ("items", "int", "count", 3),
        ("items[*].sku", "int", "count", 2),
        ("none", "int", "count", 0),
        ("m[*]", "int", "count", 2),
        ("m[*][*]", "float", "count", 3.0),
        ("items[*].price", "float", "sum", 2.5),
        ("m[*][*]", "int", "sum", 6),
        ("none[*].price", "float?", "sum", 0.0),
        ("items[*].sku", "string", "first", "b"),
        ("items[*].sku", "string", "last", "a"),
        ("items[*].price", "float", "last", 0.5),
        ("items[*].sku", "string", "min", "a"),
        ("items[*].price", "float", "max", 2.0),
        ("none[*]", "float?", "max", None),
        ("items[*].sku", "bool", "any", True),
        ("none", "bool", "any", False),
        ("m", "bool", "any", True),
        ("m.x", "int", "last", 2),
        ("m.x[0]", "int", "sum", 1),
    ],
)
def test_what_is_taken(path: str, type: str, take: str, expected: Any) -> None:
    found = value(ITEMS, path, type, take)
    assert found == expected
    assert found is None or found.__class__ is expected.__class__


def test_any_is_whether_something_is_there_that_is_not_false() -> None:
    assert value({"a": [False, None]}, "a", "bool", "any") is False
    assert value({"a": [False, 0]}, "a", "bool", "any") is True
    assert value({"a": False}, "a", "bool", "any") is False
    assert value({"a": {}}, "a", "bool", "any") is True


def test_the_order_of_numbers_does_not_change_their_sum() -> None:
    numbers = [1e308, 1.0, 1e-3, -1e308, 0.1, 0.2, 0.3]
    assert value({"a": numbers}, "a", "float", "sum") == value({"a": numbers[::-1]}, "a", "float", "sum") == math.fsum(numbers)


def test_the_earliest_and_latest_moment_whatever_its_offset() -> None:
    moments = {"a": ["2026-01-01T12:00:00+13:00", "2026-01-01T00:30:00Z", "2026-01-01T02:00:00+01:00"]}
    assert value(moments, "a", "timestamp", "min") == "2026-01-01T12:00:00+13:00"
    assert value(moments, "a", "timestamp", "max") == "2026-01-01T02:00:00+01:00"


def test_defaults_stand_where_nothing_is() -> None:
    assert value({}, "a.b", "float", default=3.5) == 3.5
    assert value({"a": None}, "a.b", "float", default=3.5) == 3.5
    assert value({"a": {"b": None}}, "a.b", "float?", default=3.5) == 3.5
    assert value({}, "a", "float", "sum", default=-1.0) == -1.0
    assert value({"a": []}, "a", "string", "last", default="none") == "none"


@pytest.mark.parametrize(
    ("type", "taken", "refused"),
    [
        ("float", [1, -1, 0.5, 2**53, 2**60, 1e300], [2**53 + 1, 10**400, "1", True, [1], {}, math.inf, math.nan, None]),
        ("int", [1, 1.0, 2**63 - 1, -(2**63) + 1], [2**63, -(2**63), 1.5, 1e300, "02134", False, math.nan]),
        ("int?", [1, 2**53, None], [2**53 + 1, 0.5]),
        ("bool", [True, False], [0, 1, "true"]),
        ("string", ["", "02134", "1.10", "ü"], ["\0", "a\0b", "\ufdd0", "\ud800", 2134, 1.1, True, []]),
        ("timestamp", ["2026-01-31", "2026-01-31T10:15:00+13:00"], ["soon", "2026-02-30", 1769854500, ""]),
    ],
)
def test_types_take_what_they_can_hold_to_the_last_digit(type: str, taken: list[Any], refused: list[Any]) -> None:
    for one in taken:
        found = value({"a": {"b": one}}, "a.b", type)
        assert found == one
        assert found is None or found.__class__.__name__ == {"timestamp": "str", "string": "str"}.get(type, type.rstrip("?"))
        assert value({"a": [one]}, "a[0]", type) == one
    for one in refused:
        with pytest.raises(InputError) as error:
            value({"a": {"b": one}}, "a.b", type)
        assert [problem.at for problem in error.value.problems] == ["/a/b"]


@pytest.mark.parametrize(
    ("document", "path", "type", "take", "said"),
    [
        ({"a": 5}, "a.b", "float?", "", "/a: expected an object, got number 5"),
        ({"a": []}, "a.b", "float?", "", "/a: expected an object, got list []"),
        ({"a": {"0": 1}}, "a[0]", "float?", "", "/a: expected a list, got object {'0': 1}"),
        ({"a": [1]}, "a.0", "float?", "", "/a: expected an object, got list [1]"),
        ({"a": "x"}, "a[*]", "int", "count", "/a: expected a list or an object, got string 'x'"),
        ({"a": [1, "x"]}, "a", "float", "sum", "/a/1: expected a finite number, got string 'x'"),
        ({"a": {"b/c": [0, "x"]}}, "a[*][-1]", "float?", "max", "/a/b~1c/1: expected a finite number, got string 'x'"),
        ({"a": [1e308, 1e308]}, "a", "float", "sum", "/a: expected numbers whose sum is a finite number, got list [1e+308, "),
        ({"a": [2**62, 2**62]}, "a", "int", "sum", f"/a: expected a whole number below 2^63, got number {2**63}"),
        ({"a": {}}, "a.b", "string", "", "/a/b: expected a string, got nothing there"),
        ({"a": {}}, "a.b[*].c", "string", "last", "/a/b: expected a string, got nothing there"),
        ([], "a", "float?", "", "/: expected an object, got list []"),
        (None, "a", "float?", "", "/: expected an object, got null"),
        ({"a": 2**53 + 1}, "a", "float", "", "/a: expected a finite number, which a float64 holds to its last digit"),
        ({"a": 2134}, "a", "string", "", "/a: expected a string (numbers are not turned into texts"),
    ],
)
def test_what_does_not_fit_is_said(document: Any, path: str, type: str, take: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        value(document, path, type, take)
    assert str(error.value).startswith(said)


def test_bounds_and_categories_hold_for_what_is_taken() -> None:
    assert value({"a": [3, 4]}, "a", "float", "sum", max=7) == 7.0
    with pytest.raises(InputError, match="/a: expected a finite number up to 6, got number 7"):
        value({"a": [3, 4]}, "a", "float", "sum", max=6)
    with pytest.raises(InputError, match="/a/1: expected one of 'x', 'y', got string 'z'"):
        value({"a": ["x", "z"]}, "a", "string", "last", categories=["x", "y"])
    with pytest.raises(InputError, match="/a: expected one of"):
        value({"a": "z"}, "a", "string", categories=["x", "y"])


def test_all_that_is_wrong_is_said_once() -> None:
    fields = parse_signature({"x": "float", "y": "float", "z": "string"})
    made = Plan([FieldEntry.of(field, None) for field in fields], [Choice("a.b"), Choice("a.c"), Choice("d")])
    with pytest.raises(InputError) as error:
        made.values({"a": 1, "d": 2}, "/3/event")
    assert [problem.at for problem in error.value.problems] == ["/3/event/a", "/3/event/d"]


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '{"b": {"c": 1, "c": 2}}', '{"\\u0061": 1, "a": 2}'])
def test_a_name_that_stands_twice_is_refused_wherever_it_is(text: str) -> None:
    with pytest.raises(InputError, match=r"/event/[ac]: expected each name once in an object"):
        read(text.encode(), "/event")


def test_texts_that_look_like_names_twice_are_read() -> None:
    for text in ('{"a": "\\"a\\": 1", "b": "\\u0022"}', '{"a": {"a": 1}, "b": [{"a": 1}, {"a": 2}]}', ' {"a" : "x:\\\\"} '):
        assert read(text.encode()) == json.loads(text)


# ---- against the definition ---------------------------------------------------------------------------------------

_names = st.sampled_from(["a", "b", "c"])
small = st.recursive(
    scalars | st.sampled_from([1, 2.5, "x", True, "2026-01-31", None]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=3),
    max_leaves=10,
)
documents = st.dictionaries(_names, small, max_size=3)
steps = st.lists(st.sampled_from([".a", ".b", "[0]", "[-1]", "[1]", "[*]"]), max_size=3).map(lambda more: "a" + "".join(more))


@st.composite
def choices(draw: st.DrawFn) -> tuple[str, str, str, dict[str, Any]]:
    """path, type, take, default of a field."""
    path = draw(steps)
    take = draw(st.sampled_from([*TAKES] if "[*]" in path else ["", "", *TAKES]))
    base = draw(st.sampled_from(TAKES.get(take, TAKES["last"])))
    fallback = {"float": 1.5, "int": 3, "bool": True, "string": "d", "timestamp": "2026-01-01"}[base]
    more = draw(st.sampled_from([{}, {"default": fallback}]))
    return path, base + draw(st.sampled_from(["", "?"])), take, more


def defined(document: Any, path: str, type: str, take: str, more: dict[str, Any]) -> Any:
    """What a field is, by its definition; ValueError where it is none."""
    values = [document]
    for step in pattern(path):
        values = [value for value in values if value is not None]
        if step is EVERY:
            values = [inner for value in values for inner in (value if isinstance(value, list) else _values(value))]
        elif isinstance(step, str):
            values = [_object(value).get(step) for value in values]
        else:
            values = [_list(value)[step] if -len(_list(value)) <= step < len(_list(value)) else None for value in values]
    values = [value for value in values if value is not None]
    if take and "[*]" not in path and values and isinstance(values[0], list):
        values = [value for value in values[0] if value is not None]
    if not values and "default" in more:
        return more["default"]
    if take == "count":
        return len(values)
    if take == "any":
        return any(value is not False for value in values)
    if take == "sum":
        numbers = [_typed(value, type) for value in values]
        return sum(numbers) if "int" in type else math.fsum(numbers)
    if not values:
        if not type.endswith("?"):
            raise ValueError
        return None
    if take in ("", "first", "last"):
        return _typed(values[-1 if take == "last" else 0], type)
    return (min if take == "min" else max)(_typed(value, type) for value in values)


def _values(value: Any) -> Any:
    return _object(value).values()


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError
    return value


def _typed(value: Any, type: str) -> Any:
    return plan("v", type.rstrip("?")).values({"v": value})[0]


@given(documents, choices())
def test_every_choice_gives_what_its_definition_says(document: Any, choice: tuple[str, str, str, dict[str, Any]]) -> None:
    path, type, take, more = choice
    made = plan(path, type, take, **more)
    try:
        expected = defined(document, path, type, take, more)
        if expected is not None and "int" in type and abs(expected) > (2**53 if "?" in type else 2**63 - 1):
            raise ValueError
    except (ValueError, InputError, OverflowError):
        with pytest.raises(InputError):
            made.values(document)
        return
    (found,) = made.values(document)
    if "timestamp" in type:  # the definition knows texts only
        assert isinstance(found, str) or found is None
    else:
        assert found == expected
    assert made.values(document) == [read_slowly(made, document)]


def read_slowly(made: Plan, document: Any) -> Any:
    return made._readers[0].slowly(document)
