"""What a formula can't do is refused at the author's line, with the cure, when it runs on arrays and when it is traced."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import Operator
from rtml_core.errors import RtmlError
from rtml_core.testing import assert_parity, assert_refuses
from tests.unit.core.lowering.namespace import helpers

FRAME = pd.DataFrame(
    {
        "x": [1.0, -2.0, 0.5],
        "n": [1, 2, 3],
        "p": [True, False, True],
        "s": ["a", "b", "c"],
        "t": pd.to_datetime(["2024-01-01", "2024-02-29", "2023-12-31"]),
    }
)


class Written(Operator):
    """A formula out of a function of (xp, x, n, p, s, t)."""

    def __init__(self, function: Callable[..., Any]):
        self.function = function
        super().__init__()

    def columns(self) -> Sequence[str]:
        return list(FRAME.columns)

    def compute(self, xp: Any, *columns: Any) -> Mapping[str, Any]:
        found = self.function(xp, *columns)
        return found if isinstance(found, dict) else {"made": found}


def chained(xp: Any, x: Any, n: Any, p: Any, s: Any, t: Any) -> Any:
    return xp.where(0 < x < 1, 1.0, 0.0)


def in_place(xp: Any, x: Any, n: Any, p: Any, s: Any, t: Any) -> Any:
    x[x > 0] = 1.0
    return x


def looped(xp: Any, x: Any, n: Any, p: Any, s: Any, t: Any) -> Any:
    return sum(value for value in x)


#: a formula -> words of the refusal
REFUSED: list[tuple[Callable[..., Any], tuple[str, ...]]] = [
    (lambda xp, x, n, p, s, t: x if x > 0 else -x, ("can't branch", "xp.where")),
    (lambda xp, x, n, p, s, t: p and x > 0, ("can't branch", "& | ~")),
    (lambda xp, x, n, p, s, t: p or x > 0, ("can't branch", "& | ~")),
    (lambda xp, x, n, p, s, t: not p, ("can't branch",)),
    (chained, ("can't branch", "(a < x) & (x < b)")),
    (lambda xp, x, n, p, s, t: max(x, 0.0), ("can't branch", "xp.maximum")),
    (lambda xp, x, n, p, s, t: s in ("a", "b"), ("can't branch", "xp.isin")),
    (lambda xp, x, n, p, s, t: s in {"a", "b"}, ("xp.isin",)),
    (lambda xp, x, n, p, s, t: {"a": 1.0}[s], ("xp.lookup",)),
    (lambda xp, x, n, p, s, t: "a" in s, ("xp.strings.contains",)),
    (in_place, ("can't assign to items", "xp.where")),
    (looped, ("can't loop",)),
    (lambda xp, x, n, p, s, t: x[0], ("can't pick rows",)),
    (lambda xp, x, n, p, s, t: len(s), ("xp.strings.length",)),
    (lambda xp, x, n, p, s, t: np.sin(x), ("numpy's sin", "xp.sin")),
    (lambda xp, x, n, p, s, t: np.where(x > 0, x, 0.0), ("numpy's where", "xp.where")),
    (lambda xp, x, n, p, s, t: np.cbrt(x), ("numpy's cbrt", "xp.copysign")),
    (lambda xp, x, n, p, s, t: np.mean(x), ("numpy's mean", "other rows")),
    (lambda xp, x, n, p, s, t: x * np.array([1.0, 2.0, 3.0]), ("array from outside",)),
    (lambda xp, x, n, p, s, t: pd.isna(x), ("pandas", "xp.is_missing")),
    (lambda xp, x, n, p, s, t: math.sin(x), ("functions of math", "xp.sin")),
    (lambda xp, x, n, p, s, t: math.floor(x), ("xp.floor",)),
    (lambda xp, x, n, p, s, t: float(x), ("Python number",)),
    (lambda xp, x, n, p, s, t: int(n), ("Python number",)),
    (lambda xp, x, n, p, s, t: str(n), ("xp.astype(x, 'string')",)),
    (lambda xp, x, n, p, s, t: f"{s}-1", ("xp.strings.concat",)),
    (lambda xp, x, n, p, s, t: round(x, 2), ("xp.round",)),
    (lambda xp, x, n, p, s, t: divmod(n, 2), ("x // y",)),
    (lambda xp, x, n, p, s, t: n << 2, ("2**n",)),
    (lambda xp, x, n, p, s, t: x.sum(), ("'sum'", "sees one row")),
    (lambda xp, x, n, p, s, t: s.str.lower(), ("'str'", "xp.strings")),
    (lambda xp, x, n, p, s, t: t.year, ("xp.dates.year",)),
    (lambda xp, x, n, p, s, t: t.dt.year, ("xp.dates",)),
    (lambda xp, x, n, p, s, t: s.lower(), ("xp.strings.lower",)),
    (lambda xp, x, n, p, s, t: x.fillna(0), ("xp.fill_missing",)),
    (lambda xp, x, n, p, s, t: x.clip(0, 1), ("xp.clip",)),
    (lambda xp, x, n, p, s, t: xp.sine(x), ("xp.sine", "Did you mean 'xp.sin'")),
    (lambda xp, x, n, p, s, t: xp.strings.lowr(s), ("xp.strings.lowr", "Did you mean 'xp.strings.lower'")),
    (lambda xp, x, n, p, s, t: xp.lower(s), ("xp.strings.lower",)),
    (lambda xp, x, n, p, s, t: xp.sum(x), ("other rows",)),
    (lambda xp, x, n, p, s, t: xp.bitwise_left_shift(n, 1), ("2**n",)),
    (lambda xp, x, n, p, s, t: xp.sin(s), ("xp.sin takes numbers", "string column")),
    (lambda xp, x, n, p, s, t: xp.sin(x, x), ("xp.sin(x)",)),
    (lambda xp, x, n, p, s, t: xp.sin(), ("xp.sin(x)", "'x'")),
    (lambda xp, x, n, p, s, t: xp.sin([1.0]), ("got list",)),
    (lambda xp, x, n, p, s, t: xp.round(x, n), ("the same for every row",)),
    (lambda xp, x, n, p, s, t: s + 1, ("xp.astype(n, 'string')",)),
    (lambda xp, x, n, p, s, t: s < "b", ("no order of texts",)),
    (lambda xp, x, n, p, s, t: s == 1, ("do not go together",)),
    (lambda xp, x, n, p, s, t: t > "2024-01-01", ("datetime.datetime",)),
    (lambda xp, x, n, p, s, t: x == None, ("xp.is_missing",)),  # noqa: E711
    (lambda xp, x, n, p, s, t: t * 2, ("xp.multiply takes",)),
    (lambda xp, x, n, p, s, t: t + 1, ("xp.dates",)),
    (lambda xp, x, n, p, s, t: p - p, ("booleans can't be subtracted",)),
    (lambda xp, x, n, p, s, t: -p, ("boolean has no negative",)),
    (lambda xp, x, n, p, s, t: x & n, ("bitwise_and takes whole numbers",)),
    (lambda xp, x, n, p, s, t: ~x, ("whole numbers",)),
    (lambda xp, x, n, p, s, t: n**n, ("constant exponent",)),
    (lambda xp, x, n, p, s, t: n**-1, ("constant exponent",)),
    (lambda xp, x, n, p, s, t: n + 2**70, ("does not fit into int64",)),
    (lambda xp, x, n, p, s, t: xp.where(p, x, s), ("xp.where", "do not go together")),
    (lambda xp, x, n, p, s, t: xp.where(s, x, 0.0), ("xp.where takes booleans",)),
    (lambda xp, x, n, p, s, t: xp.where(p, None, None), ("only missing values",)),
    (lambda xp, x, n, p, s, t: xp.astype(x, "string"), ("ONNX writes floats differently",)),
    (lambda xp, x, n, p, s, t: xp.astype(x, "float16"), ("must be one of",)),
    (lambda xp, x, n, p, s, t: xp.astype(s, "float64"), ("xp.strings.to_number(x)",)),
    (lambda xp, x, n, p, s, t: xp.lookup(s, {1: 2.0}), ("can't be a value of a string column",)),
    (lambda xp, x, n, p, s, t: xp.lookup(s, {}), ("table is empty",)),
    (lambda xp, x, n, p, s, t: xp.lookup(s, {"a": 1.0, "b": "c"}), ("do not go together",)),
    (lambda xp, x, n, p, s, t: xp.lookup(x, {math.nan: 1}), ("NaN is no key",)),
    (lambda xp, x, n, p, s, t: xp.select([p], [x, n]), ("as many values",)),
    (lambda xp, x, n, p, s, t: xp.interp(x, [1.0, 1.0], [0.0, 1.0]), ("rise strictly",)),
    (lambda xp, x, n, p, s, t: xp.interp(x, [0.0, 1.0], [-1e308, 1e308]), ("finite slopes",)),
    (lambda xp, x, n, p, s, t: xp.searchsorted([2.0, 1.0], x), ("rise",)),
    (lambda xp, x, n, p, s, t: xp.polyval([], x), ("at least one",)),
    (lambda xp, x, n, p, s, t: xp.strings.matches(s, "("), ("(",)),
    (lambda xp, x, n, p, s, t: xp.strings.matches(s, r"(?<=a)b"), ("(?<=a)b",)),
    (lambda xp, x, n, p, s, t: xp.strings.slice(s, -3, 2), ("no exact form",)),
    (lambda xp, x, n, p, s, t: xp.strings.split_get(s, "-", -2), ("no exact form",)),
    (lambda xp, x, n, p, s, t: xp.strings.replace(s, "", "-"), ("empty",)),
    (lambda xp, x, n, p, s, t: xp.strings.contains(s, "\x00"), ("U+0000",)),
    (lambda xp, x, n, p, s, t: xp.strings.pad(s, 3, "top"), ("side must be",)),
    (lambda xp, x, n, p, s, t: xp.strings.split_get(s, "", 0), ("name a separator",)),
    (lambda xp, x, n, p, s, t: xp.dates.floor(t, "month"), ("unit must be one of",)),
    (lambda xp, x, n, p, s, t: xp.custom(np.sin, x), ("CustomOp",)),
    (lambda xp, x, n, p, s, t: helpers.branching(x), ("can't branch", "if x > 0:")),
    (lambda xp, x, n, p, s, t: helpers.through_math(x), ("functions of math", "return math.sqrt(x)")),
    (lambda xp, x, n, p, s, t: {"a": [1.0, 2.0]}, ("expected a column", "'a'")),
    (lambda xp, x, n, p, s, t: {"a": None}, ("expected a column", "'a'")),
    (lambda xp, x, n, p, s, t: {1: x}, ("object of column names",)),
    (lambda xp, x, n, p, s, t: {}, ("object of column names",)),
    (lambda xp, x, n, p, s, t: 1 / 0, ("ZeroDivisionError",)),
]


@pytest.mark.parametrize(("function", "words"), REFUSED, ids=range(len(REFUSED)))
def test_it_is_refused_in_both_readings_at_its_line(function: Callable[..., Any], words: tuple[str, ...]) -> None:
    operator = Written(function)
    with pytest.raises(RtmlError) as caught:
        operator.process(FRAME)
    traced = assert_refuses(operator, FRAME, *words)
    assert all(word in str(caught.value) for word in words), str(caught.value)
    if "object of column" in words[0] or "expected a column" in words[0]:
        return  # what compute gave back has no line
    first = function.__code__.co_firstlineno
    for said in (str(caught.value), traced):
        if "helpers.py" not in said:
            line = re.search(r"test_refusals\.py, line (\d+)", said)
            assert line is not None, said
            assert first <= int(line.group(1)) <= first + 3


def test_a_helper_is_named_and_where_it_was_called() -> None:
    said = assert_refuses(Written(lambda xp, x, *_: helpers.branching(x)), FRAME, "helpers.py, line 16: if x > 0:")
    assert "called in line" in said


def test_helpers_of_other_modules_work() -> None:
    assert assert_parity(Written(lambda xp, x, *_: helpers.doubled(xp, x)), FRAME) <= 5


def test_rebinding_works() -> None:
    def formula(xp: Any, x: Any, *_: Any) -> Any:
        x += 1.0
        x *= 2.0
        total = sum([x, x])
        return total

    frame = FRAME.copy()
    assert Written(formula).process(frame).data["made"].tolist() == [8.0, -4.0, 6.0]
    assert frame["x"].tolist() == FRAME["x"].tolist()
    assert_parity(Written(formula), FRAME)


def test_constants_of_numpy_are_like_those_of_python() -> None:
    def formula(xp: Any, x: Any, n: Any, p: Any, s: Any, t: Any) -> Any:
        return {
            "a": np.float64(2.0) * x,
            "b": x + np.int64(3),
            "c": np.float32(0.5) < x,
            "d": t - np.datetime64("2024-01-01"),
            "e": np.timedelta64(1, "D") + t,
            "f": xp.sqrt(np.float64(2.0)) * x + xp.pi,
            "g": 1.5,
            "h": "text",
        }

    assert_parity(Written(formula), FRAME)
    made = Written(formula).process(FRAME).data
    assert made["b"].tolist() == [4.0, 1.0, 3.5]
    assert made["h"].tolist() == ["text"] * 3


def test_functions_of_constants_give_constants() -> None:
    def formula(xp: Any, x: Any, *_: Any) -> Any:
        factor = xp.radians(180.0)
        assert type(factor) is float
        return x * factor if factor > 3 else x

    assert assert_parity(Written(formula), FRAME) == 1


def test_a_column_of_another_run_is_refused() -> None:
    kept: list[Any] = []

    def formula(xp: Any, x: Any, *_: Any) -> Any:
        kept.append(x)
        return x + kept[0]

    operator = Written(formula)
    operator.process(FRAME)
    with pytest.raises(RtmlError, match="column of another formula"):
        operator.process(FRAME)


def test_an_unknown_column_is_refused() -> None:
    frame = FRAME.rename(columns={"x": "z"})
    operator = Written(lambda xp, x, *_: x)
    with pytest.raises(RtmlError, match="Column 'x'"):
        operator.process(frame)
    assert_refuses(operator, frame, "Column 'x'")


def test_what_may_be_missing_is_refused_when_traced() -> None:
    gaps = FRAME.assign(x=[1.0, np.nan, 2.0], p=pd.array([True, None, False], dtype="boolean"))
    assert_refuses(Written(lambda xp, x, *_: xp.astype(x, "int64")), gaps, "fill it first", "xp.fill_missing")
    assert_refuses(Written(lambda xp, x, n, p, *_: p + p), gaps, "booleans that may be missing")
    with pytest.raises(RtmlError, match="fill it first"):
        Written(lambda xp, x, *_: xp.astype(x, "int64")).process(gaps)


def test_the_namespace_shows_what_it_has() -> None:
    seen: list[str] = []

    def formula(xp: Any, x: Any, *_: Any) -> Any:
        seen.extend([repr(xp), repr(x), repr(xp.strings), str(xp.clip.__doc__), *dir(xp)])
        return x

    Written(formula).process(FRAME)
    assert "the array namespace of formulas" in seen[0]
    assert "float64 column" in seen[1]
    assert "strings" in seen
    assert textwrap.dedent(seen[3]) == "`minimum(maximum(x, min), max)`; a bound of None is none."
