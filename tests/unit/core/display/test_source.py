"""Functions as Python again."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rtml_core import operators as op
from rtml_core.display.source import source


def helper(x: float) -> float:
    return max(x, 1) ** 2


def discount(price, member, name):  # type: ignore[no-untyped-def]
    """Less for members."""
    total = 0
    for k in (1, 2):
        total = total + k
    if (member is not None and price > 50) or not member:
        return f"{price}-{name}{total}"
    elif isinstance(price, (int, float)) and 1 < price <= 3:
        return str(-(price + 2) * helper(3))
    if any(ch == name[0:2] for ch in ("a", "b") if ch):
        raise ValueError("no")
    return name.strip().lower()[1:] if price in {1, 2} else str(price)


def rate(row):  # type: ignore[no-untyped-def]
    return {"a": 1, "b": [2]}.get(row["plan"], math.floor(row["x"] / 3 % 2))


def run(text: str, name: str) -> Any:
    """Test only: what the pages show is the function; pages never run it."""
    space: dict[str, Any] = {"math": math}
    exec(text, space)
    return space[name]


@pytest.mark.parametrize(
    ("price", "member", "name"), [(60, True, "ab"), (2, True, "xy"), (0.5, True, "AB cd "), (10, False, "z"), (2.5, 1, "q")]
)
def test_the_source_does_what_the_function_does(price: float, member: Any, name: str) -> None:
    text = source(op.Function(function=discount).to_json()["function"])
    assert text is not None
    assert run(text, "discount")(price, member, name) == discount(price, member, name)


def test_what_it_calls_is_shown_before_it() -> None:
    text = source(op.Function(function=discount).to_json()["function"])
    assert text is not None
    assert text.index("def helper(x):") < text.index("def discount(price, member, name):")


def test_a_lambda_is_one_line() -> None:
    made = op.Pandas(import_="map", cols="a", kwargs={"func": lambda v: v * 2 if v else float("nan")}).to_json()
    assert source(made["kwargs"]["func"]["$function"]) == "lambda v: v * 2 if v else float('nan')"


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"python": 1, "name": "f", "args": ["x"], "body": [["import", 1, "os"]]},
        {"python": 1, "name": "f", "args": ["x"], "body": [["return", 1, ["eval", "x"]]]},
        {"python": 1, "name": "f", "args": 3, "body": []},
        {"python": 1, "name": "<lambda>", "args": [], "body": []},
        {"python": 1, "name": "f", "args": [], "body": [["return", 1, ["binary", "@", ["name", "a"], ["name", "b"]]]]},
    ],
)
def test_a_form_that_is_not_known_is_not_guessed(document: Any) -> None:
    assert source(document) is None


def test_a_tree_too_deep_to_be_read_is_not_shown() -> None:
    node: Any = ["name", "x"]
    for _ in range(5000):
        node = ["unary", "-", node]
    assert source({"python": 1, "name": "f", "args": ["x"], "body": [["return", 1, node]]}) is None
