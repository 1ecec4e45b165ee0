"""A program on a frame, as pandas runs it and as it is recorded: the same columns and values, and the same scores of raw rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import rtml

Program = Callable[[Any], Any]


def plain(value: Any) -> Any:
    """One value as JSON has it, so that what pandas and a package give can be compared."""
    if value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return (value if value.tzinfo is None else value.tz_convert("UTC").tz_localize(None)).isoformat() + "Z"
    return value.item() if isinstance(value, np.generic) else value


def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a frame as dicts of plain values."""
    return [
        {column: plain(value) for column, value in zip(frame.columns, values, strict=True)}
        for values in frame.astype(object).itertuples(index=False, name=None)
    ]


def same(got: Any, native: Any) -> bool:
    """Equal, of one kind, and numbers within rounding; a whole number may come as a float of the same value."""
    if isinstance(got, bool) != isinstance(native, bool):
        return False
    if isinstance(native, (int, float)) and isinstance(got, (int, float)):
        return math.isclose(got, native, rel_tol=1e-9, abs_tol=1e-9)
    return type(got) is type(native) and got == native


def assert_same(got: list[dict[str, Any]], native: list[dict[str, Any]]) -> None:
    assert len(got) == len(native)
    different = [
        f"row {number}, {column}: {row.get(column)!r}, pandas {value!r}"
        for number, (row, expected) in enumerate(zip(got, native, strict=True))
        for column, value in expected.items()
        if not same(row.get(column), value)
    ]
    assert different == []


def record(program: Program, frame: pd.DataFrame, label: str | None = None) -> Any:
    """The recorded frame that a program gives: what it returns, or what it was given when it returns nothing."""
    with rtml.record(frame, label=label) as t:
        done = program(t)
    return t if done is None else done


def assert_records(program: Program, frame: Callable[[], pd.DataFrame], label: str | None = None, *, gate: bool = True) -> Any:
    """Recorded, a program gives what pandas gives, on the frame and for each raw row alone. Returns the package.

    gate: whether the compiler's own gate runs too, which takes most of the time.
    """
    raw, mine = frame(), frame()
    native = program(mine)
    native = mine if native is None else native
    done = record(program, frame(), label)

    assert list(done.frame.columns) == list(native.columns)
    assert_same(rows(done.frame), rows(native))
    if label is not None:
        native = native.drop(columns=[name for name in native.columns if name.lower() == label.lower()])  # it may be renamed
    package = done.graph.compile(parity=gate)  # each raw row is scored below, so that the gate need not have them as a sample
    answers = [package.score(row) for row in rows(raw if label is None else raw.drop(columns=label))]
    assert list(answers[0]) == list(native.columns)
    assert_same(answers, rows(native))
    return package
