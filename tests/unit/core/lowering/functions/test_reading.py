"""What is read from source, and what is refused: at its line, with the cure."""

from __future__ import annotations

import ast
import functools
import math
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtml_core.errors import ParamError
from rtml_core.lowering.functions import PythonFunction
from rtml_core.lowering.functions.source import find

LIMIT = 18
NAMES = {"VW": 1, "Audi": 2}
NUMPY = np.float64(2.5)


class Config:
    rate = 0.5


def double(x: Any, factor: float = 2) -> Any:
    return x * factor


def quadruple(x: Any) -> Any:
    return double(double(x), factor=2)


def endless(x: Any) -> Any:
    return endless(x - 1) if x else 0


def described(x: Any) -> Any:
    """A docstring is no statement."""
    y: float = x
    a, (b, c) = y, (1, 2)
    d = e = a
    d += b
    return d + e + c


def with_loop(x: Any) -> Any:
    total = 0
    for low, rate in ((0, 1), (10, 2)):
        if x > low:
            total += rate
    for step in range(3):
        total += step
    for key, value in NAMES.items():
        total += value if key == "VW" else 0
    return total


@pytest.mark.parametrize(
    ("function", "arguments", "answer"),
    [
        (lambda x: x > LIMIT, [19], True),
        (lambda x: NAMES.get(x, -1), ["VW"], 1),
        (lambda x: x * NUMPY + math.pi * 0, [2], 5.0),
        (lambda x: x * Config.rate, [3], 1.5),
        (quadruple, [3], 12),
        (described, [3], 9),
        (with_loop, [11], 7),
        (functools.partial(double, factor=5), [2], 10),
        (functools.partial(functools.partial(lambda a, b, c: a - b - c, 10), c=1), [2], 7),
        (str.lower, ["ÄB"], "äb"),
        (len, ["abc"], 3),
        (math.floor, [2.5], 2),
        (lambda x: math.inf if x is None else -x, [None], math.inf),
        (lambda x: [1, 2, 3][x] + max((x, 7)) + max(v for v in (1, x)), [1], 10),
    ],
)
def test_what_is_read_runs_as_it_does(function: Callable[..., Any], arguments: list[Any], answer: Any) -> None:
    tree = PythonFunction(PythonFunction.read(function).to_json())
    assert tree(*arguments) == answer == function(*arguments)


def test_lambdas_on_one_line_are_told_apart() -> None:
    one, two, three = (lambda x: x + 1), (lambda x: x + 2), (lambda x: lambda y: y * 3)
    assert [PythonFunction.read(f)(10) for f in (one, two)] == [11, 12]
    assert ast.unparse(find(three(0))) == "lambda y: y * 3"  # type: ignore[arg-type]
    made = [(lambda x, n=n: x * n) for n in (2, 3)]
    assert [PythonFunction.read(f)(10) for f in made] == [20, 30]


def test_constants_are_taken_by_value_when_read() -> None:
    levels = [1, 2]
    rate = 3

    def rated(x: Any) -> Any:
        return x * rate + levels[0]

    tree = PythonFunction.read(rated)
    levels[0], rate = 100, 100
    assert tree(1) == 4


def test_the_document_does_not_depend_on_where_the_function_stands(tmp_path: Path) -> None:
    import importlib.util

    documents = []
    for number, above in enumerate(("", "\n\n# a comment\n")):
        path = tmp_path / f"place_{number}.py"
        path.write_text(f"{above}CHOICE = {{'b', 'a', 'c'}}\ndef f(x):\n    return x in CHOICE\n")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        documents.append(PythonFunction.read(module.f).to_json())
    assert documents[0] == documents[1]


def refused(function: Any, *, row: bool = False) -> str:
    with pytest.raises(ParamError) as caught:
        PythonFunction.read(function, row=row)
    return str(caught.value)


def prints(x: Any) -> Any:
    y = x
    print(y)
    return y


def loops(x: Any) -> Any:
    while x > 1:
        x = x / 2
    return x


def tries(x: Any) -> Any:
    try:
        return 1 / x
    except ZeroDivisionError:
        return None


def over_data(x: Any) -> Any:
    return [c + 1 for c in x]


def for_data(x: Any) -> Any:
    for c in x.split("-"):
        return c


def writes(x: Any) -> Any:
    global LIMIT
    LIMIT = x
    return x


def changes(x: Any) -> Any:
    NAMES["x"] = x
    return x


def generates(x: Any) -> Any:
    yield x


def starred(*x: Any) -> Any:
    return x


@functools.wraps(prints)
def decorated(x: Any) -> Any:
    return x


FILLED: defaultdict[str, int] = defaultdict(int)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (prints, ["'prints' (test_reading.py, line ", "in 'print(y)'", "leave it out"]),
        (loops, ["in 'while x > 1:'", "loop over constants with for"]),
        (tries, ["try can't be compiled; test for the case instead"]),
        (over_data, ["list comprehension can't be compiled"]),
        (for_data, ["a loop over data can't be compiled"]),
        (writes, ["global variable can't be written", "return the value"]),
        (changes, ["only variables can be assigned"]),
        (generates, ["generator"]),
        (starred, ["*args or **kwargs"]),
        (decorated, ["is decorated"]),
        (endless, ["calls itself"]),
        (lambda x: input(x), ["'input' can't be compiled"]),
        (lambda x: np.log(x), ["'np.log' can't be compiled"]),
        (lambda x: x.title(), ["method 'title' can't be compiled"]),
        (lambda x: x.lenght(), ["method 'lenght' can't be compiled"]),
        (lambda x: f"{x:.2f}", ["formats in f-strings"]),
        (lambda x: x[::2], ["slices with a step"]),
        (lambda x: FILLED[x], ["is no constant"]),
        (lambda x: undefined + x, ["there is no variable 'undefined'"]),  # type: ignore[name-defined]  # noqa: F821
        (lambda x: (y := x) + y, [":= can't be compiled"]),
        (lambda x: x.real, ["attribute 'real' can't be compiled"]),
        (lambda x: sum(v for v in {1.5, 2.5, x}), ["a set come in no order"]),
        (lambda x: x in (float("nan"), np.nan) or x == b"a", ["bytes can't be compiled"]),
        (str.title, ["can't be read"]),
        (print, ["can't be read"]),
        (3, ["must be a def, a lambda"]),
        (eval("lambda x: x"), ["the source of", "lambda"]),
    ],
)
def test_what_is_refused_says_where_and_what_to_do(function: Any, words: list[str]) -> None:
    text = refused(function)
    assert all(word in text for word in words), text


def test_a_row_gives_cells() -> None:
    tree = PythonFunction.read(lambda row: row["age"] + row.years + row["b c"], row=True)
    assert tree.columns == ["age", "years", "b c"]
    assert tree({"age": 1, "years": 2, "b c": 3}) == 6
    assert "the row as a whole" in refused(lambda row: str(row), row=True)
    assert "an attribute of every pandas row" in refused(lambda row: row.size, row=True)
    assert "take a cell as" in refused(lambda row: row.get("age"), row=True)
    assert "must take one argument" in refused(lambda row, x: x, row=True)


def test_source_that_changed_is_refused(tmp_path: Path) -> None:
    import importlib.util

    path = tmp_path / "changing.py"
    path.write_text("def f(x):\n    return x + 1\n")
    spec = importlib.util.spec_from_file_location("changing", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path.write_text("def f(x):\n    return x + 20\n")
    assert "changed since it was loaded" in refused(module.f)
