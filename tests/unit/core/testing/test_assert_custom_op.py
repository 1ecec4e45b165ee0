"""assert_custom_op finds what differs between a custom operator and its reference, and passes what is right."""

from __future__ import annotations

import dataclasses
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rtml_core import CustomOp
from rtml_core.errors import CustomOpError, NotLowerableError, ParityError, PluginError, RtmlError
from rtml_core.testing import assert_custom_op
from tests.unit.core.native.build import PLUGIN, build, put


def op(body: Any, inputs: tuple[str, ...] = ("float64",), outputs: tuple[str, ...] = ("float64",), **changed: Any) -> CustomOp:
    return CustomOp("proving", "made", changed.pop("version", 1), inputs, outputs, body, "For a test.", **changed)


def texts(function: Any) -> Any:
    return lambda column, **given: np.array([*(function(text, **given) for text in column), None], dtype=object)[:-1]


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A plugin with native operators, and its library."""
    folder = tmp_path_factory.mktemp("site")
    build(folder / "built.so")
    sys.path.insert(0, str(put(folder, folder / "built.so")))
    try:
        yield importlib.import_module(PLUGIN)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.startswith(PLUGIN)]:
            del sys.modules[name]


@pytest.mark.parametrize(
    "right",
    [
        op(texts(str.title), ("string",), ("string",), version=20),
        op(lambda x, t: (x + 1, t - t), ("int64", "timestamp"), ("int64", "timedelta"), version=21),
        op(lambda x, y: x & y, ("bool", "bool"), ("bool",), version=22),
        op(lambda x: x * np.float32(2), ("float32",), ("float32",), version=23, gives_missing=True),
        op(lambda xp, x, y: xp.where(x > y, x * 2.0, xp.sin(y)), ("float64", "float64"), kind="function"),
        op(lambda xp, x: (x > 3, xp.where(x > 3, 1, 0)), ("int64",), ("bool", "int64"), kind="function"),
    ],
    ids=["texts", "times", "booleans", "float32", "function", "function of whole numbers"],
)
def test_what_is_right_passes_on_hundreds_of_rows(right: CustomOp) -> None:
    assert assert_custom_op(right) == 200
    cases = lambda: [tuple([1] if dtype == "int64" else [True] for dtype in right.inputs)]  # noqa: E731
    if set(right.inputs) <= {"bool"}:
        assert assert_custom_op(dataclasses.replace(right, cases=cases, version=30), rows=50) == 51


def test_native_operators_are_proved_against_their_references(tally: Any) -> None:
    assert assert_custom_op(tally.ABSENT) == 200
    assert assert_custom_op(tally.LATER) >= 1
    arguments = [{"mark": ""}, {"mark": "é"}]
    assert assert_custom_op(tally.MARKED, arguments) == 400
    assert assert_custom_op(tally.ROOTED) > 100  # negative numbers are refused by both
    wrong = dataclasses.replace(tally.ROOTED, body=lambda x: np.where(x >= 0, np.sqrt(np.abs(x)) + 1e-6, -1.0))
    with pytest.raises(CustomOpError, match=r"tally:rooted 1 \(tally_plugin:_tally\) failed: .*no root of a negative number"):
        assert_custom_op(wrong)


def test_a_native_operator_that_answers_another_thing_is_found(tally: Any) -> None:
    wrong = dataclasses.replace(tally.MARKED, body=lambda s, mark: tally.marked(s, mark + "x"))
    with pytest.raises(ParityError, match=r"tally:marked 1 \(kind native\) with .*column 'output_0': .* rows differ; first: row"):
        assert_custom_op(wrong, {"mark": "a"})
    blind = dataclasses.replace(tally.ABSENT, body=lambda s: np.zeros(len(s), dtype=bool))
    with pytest.raises(ParityError, match="column 'output_0'"):
        assert_custom_op(blind)


def test_a_formula_that_is_another_on_numpy_is_found() -> None:
    def two_faced(xp: Any, x: Any) -> Any:
        return x + 1.0 if type(x).__name__ == "Traced" else x

    with pytest.raises((ParityError, AssertionError), match="differ"):
        assert_custom_op(op(two_faced, kind="function", cases=lambda: [([1.0, None, 3.0],)]))


def test_a_body_that_looks_at_other_rows_is_found() -> None:
    with pytest.raises(ParityError, match="alone"):
        assert_custom_op(op(lambda x: x - x[:1].sum() if len(x) else x, version=40, gives_missing=True))


def test_cases_are_tried_and_their_arguments_on_made_up_rows() -> None:
    seen: list[Any] = []

    def body(x: Any, times: int) -> Any:
        seen.append((times, 0.25 in x.tolist()))
        return x * times

    made = op(body, arguments={"times": "int"}, version=50, gives_missing=True, cases=lambda: [([0.25, None], {"times": 3})])
    assert assert_custom_op(made, rows=10) == 12
    assert (3, True) in seen
    assert assert_custom_op(made, {"times": 5}, rows=10) == 22


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (op(lambda x, n: x, arguments={"n": "int"}), PluginError, r"has the arguments n and no cases that give them; declare"),
        (op(lambda x: x, cases=lambda: [(["a"],)]), PluginError, r"input 0 is a float64 column; got \['a'\]"),
        (op(lambda x: x, ("int64",), cases=lambda: [([None],)]), PluginError, "a whole number must be there"),
        (op(lambda x: x, ("string",), cases=lambda: [([1],)]), PluginError, "1 is no text"),
        (op(lambda x: x, gives_missing=True), PluginError, "has no documentation"),
        (op(lambda x: None), CustomOpError, "it returned None, and must return a numpy array"),
        (op(lambda xp, x: x.sum(), kind="function"), (NotLowerableError, CustomOpError, ParityError), "proving:made 1"),
        (op(lambda x: x, kind="native", library="not_there:at_all"), PluginError, "is not built for"),
    ],
)
def test_what_can_not_be_proved_says_why(wrong: CustomOp, error: Any, words: str) -> None:
    if words == "has no documentation":
        wrong = dataclasses.replace(wrong, doc=" ")
    with pytest.raises(error, match=words):
        assert_custom_op(wrong)


def test_what_is_no_custom_operator_is_refused() -> None:
    with pytest.raises(RtmlError, match="assert_custom_op takes a CustomOp; got 'geo:haversine'"):
        assert_custom_op("geo:haversine")  # type: ignore[arg-type]


def test_a_failure_on_one_row_only_is_a_refusal_of_that_row(tmp_path: Path) -> None:
    def picky(x: Any) -> Any:
        if (x == 1.0).any():
            raise ValueError("not 1")
        return x

    made = op(picky, gives_missing=True, version=60)
    assert assert_custom_op(made) >= 190
