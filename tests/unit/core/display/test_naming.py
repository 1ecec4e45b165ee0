"""Columns that parameters name."""

from __future__ import annotations

from typing import Any

import pytest

from rtml_core import operators as op
from rtml_core.display.naming import made, taken

COMING = dict.fromkeys(["gap", "orders", "name", "body", "upper"])


def habit(gap, orders):  # type: ignore[no-untyped-def]
    name = "new" if orders < 2 else "old"
    return name if gap is None else "rare"


def of_row(row):  # type: ignore[no-untyped-def]
    return row["gap"] + row["orders"]


@pytest.mark.parametrize(
    ("operator", "columns"),
    [
        (op.Function(function=habit), ["gap", "orders"]),
        (op.Function(function=habit, cols=["upper", "gap"]), ["upper", "gap"]),
        (op.Pandas(import_="map", cols="gap", kwargs={"func": lambda orders: orders + 1}), ["gap"]),
        (op.Pandas(import_="map", cols="name", kwargs={"func": {"gap": "upper"}}), ["name"]),
        (op.Pandas(import_="apply", kwargs={"func": of_row, "axis": 1}, into="sum"), ["gap", "orders"]),
        (op.Pandas(import_="sub", cols="gap", kwargs={"other": {"column": "orders"}}), ["gap", "orders"]),
        (op.Pandas(import_="fillna", cols="name", kwargs={"value": "upper"}), ["name"]),
        (op.FieldOps(ops=[{"set": "name", "to": "gap * 2 + orders"}]), ["gap", "orders"]),
        (op.OneHotEncoder(cols=["name"], categories={"name": ["gap"]}), ["name"]),
    ],
)
def test_columns_are_told_from_other_texts(operator: Any, columns: list[str]) -> None:
    assert sorted(taken(operator.to_json(), COMING)) == sorted(columns)


def test_usual_keys_are_believed_where_nothing_is_known() -> None:
    assert taken({"cols": ["a", "b"], "features": "c", "strategy": "a"}, {}) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("params", "columns"),
    [({"into": "a"}, ["a"]), ({"into": ["a", "b"]}, ["a", "b"]), ({"outputs": {"p": "x"}}, ["p"]), ({"into": 3}, []), ({}, [])],
)
def test_what_is_made_is_read_off_the_parameters(params: dict[str, Any], columns: list[str]) -> None:
    assert made(params) == columns
