"""The reference of a custom operator on columns, and the choice among kinds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import CustomOp
from rtml_core.custom_ops import apply, preferred
from rtml_core.errors import ColumnError, CustomOpError, NotLowerableError, PluginError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.custom import custom


def op(body: Any, inputs: tuple[str, ...] = ("float64",), outputs: tuple[str, ...] = ("float64",), **changed: Any) -> CustomOp:
    made = CustomOp("testing", "made", 1, inputs, outputs, body, "Made for a test.", **changed)
    made.check()
    return made


def scaled(xp: Any, x: Any, factor: float) -> Any:
    return xp.where(x > 0, x * factor, 0.0)


FUNCTION = op(scaled, arguments={"factor": "float"}, kind="function")
PYTHON = op(lambda x, factor: np.where(x > 0, x * factor, 0.0), arguments={"factor": "float"})
NATIVE = op(PYTHON.body, arguments={"factor": "float"}, kind="native", library="testing_native:_ops")


@pytest.mark.parametrize("made", [FUNCTION, PYTHON, NATIVE], ids=["function", "python", "native"])
def test_a_missing_input_is_a_missing_answer_in_every_kind(made: CustomOp) -> None:
    (answer,) = apply(made, np.array([1.0, np.nan, -1.0]), factor=2)
    assert answer.tolist()[0::2] == [2.0, 0.0]
    assert np.isnan(answer[1])
    (answer,) = apply(made, pd.Series([1.0, 4.0]), factor=2.5)
    assert answer.tolist() == [2.5, 10.0]
    assert apply(made, np.array([], dtype=float), factor=1.0)[0].shape == (0,)


def test_each_dtype_has_its_missing_value() -> None:
    length = op(lambda s: np.array([len(t) for t in s], dtype=np.int64), ("string",), ("int64",))
    assert apply(length, ["a", "bcd"])[0].dtype == np.int64
    assert apply(length, pd.Series(["a", None], dtype="string"))[0].tolist()[0] == 1.0
    assert np.isnan(apply(length, ["a", None])[0][1])
    later = op(lambda t: (t + np.timedelta64(1, "s"), t - t), ("timestamp",), ("timestamp", "timedelta"))
    moved, none = apply(later, np.array(["2020-01-01", "NaT"], dtype="datetime64[ns]"))
    assert moved.dtype == np.dtype("datetime64[us]")
    assert moved[0] == np.datetime64("2020-01-01T00:00:01")
    assert np.isnat(moved[1])
    assert none[0] == np.timedelta64(0, "us")
    assert np.isnat(none[1])
    known = op(lambda s: np.array([t == "a" for t in s], dtype=bool), ("string",), ("bool",))
    assert apply(known, ["a", None, "b"])[0].tolist() == [True, None, False]
    assert apply(known, ["a"])[0].dtype == bool


def test_an_operator_that_sees_missing_values_answers_for_them() -> None:
    filled = op(lambda s: np.array([t is None for t in s]), ("string",), ("bool",), sees_missing=True)
    assert apply(filled, ["a", None, np.nan, pd.NA])[0].tolist() == [False, True, True, True]
    flag = op(lambda xp, x: xp.isnan(x), outputs=("bool",), kind="function", sees_missing=True)
    assert apply(flag, np.array([1.0, np.nan]))[0].tolist() == [False, True]


def test_floats_of_a_formula_may_be_nan_those_of_a_body_only_where_it_says_so() -> None:
    (answer,) = apply(op(lambda xp, x: xp.log(x), kind="function"), np.array([1.0, -1.0]))
    assert answer[0] == 0.0
    assert np.isnan(answer[1])
    with pytest.raises(CustomOpError, match="gave a missing value for a row that is all there"):
        apply(op(lambda x: x * np.nan), np.array([1.0]))


def test_a_constant_of_a_formula_is_a_column() -> None:
    constant = op(lambda xp, x: (x, 3), ("float64",), ("float64", "int64"), kind="function")
    assert [values.tolist() for values in apply(constant, np.array([1.0, 2.0]))] == [[1.0, 2.0], [3, 3]]


@pytest.mark.parametrize(
    ("made", "columns", "words"),
    [
        (PYTHON, (np.array([1]),), r"takes \(float64, factor=float\) -> float64; got a column of int64 for its float64"),
        (PYTHON, (np.array([1.0], dtype=np.float32),), "got a column of float32"),
        (PYTHON, (np.zeros((2, 1)),), r"takes columns \[N\]; got an array of shape \(2, 1\)"),
        (PYTHON, (), r"takes 1 columns, .*; got 0"),
        (op(lambda s: s, ("string",), ("string",)), ([1],), "got 1 among texts"),
        (op(lambda s: s, ("bool",), ("bool",)), ([True, None],), "takes booleans, and a missing value is neither; fill it first"),
        (op(lambda s, t: s, ("bool", "bool")), ([True], [True, False]), "got columns of 1, 2 rows"),
    ],
)
def test_columns_it_does_not_take_are_refused(made: CustomOp, columns: Any, words: str) -> None:
    with pytest.raises(ColumnError, match=words):
        apply(made, *columns, **dict.fromkeys(made.arguments, 1.0))


@pytest.mark.parametrize("made", [FUNCTION, PYTHON, NATIVE], ids=["function", "python", "native"])
def test_arguments_and_failures_name_the_operator(made: CustomOp) -> None:
    with pytest.raises(PluginError, match=r"testing:made 1: it takes no argument 'factr'.*Did you mean 'factor'"):
        apply(made, np.array([1.0]), factr=1.0)
    with pytest.raises(PluginError, match="argument 'factor' must be of type float; got 'a'"):
        apply(made, np.array([1.0]), factor="a")

    def broken(*given: Any, **arguments: Any) -> Any:
        raise ValueError("no such luck")

    with pytest.raises(CustomOpError, match=r"testing:made 1 .* failed: ValueError: no such luck"):
        apply(op(broken, kind=made.kind, library=made.library), np.array([1.0]))


def test_a_function_is_preferred_then_a_native_that_is_built_then_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert preferred(PYTHON, NATIVE, FUNCTION) is FUNCTION
    assert preferred(PYTHON, NATIVE) is PYTHON
    with pytest.raises(PluginError, match="native operator testing:made 1 is not built for"):
        preferred(NATIVE)
    folder = tmp_path / "testing_native"
    folder.mkdir()
    (folder / "_ops.so").write_bytes(b"")
    (folder / "__init__.py").write_text("raise AssertionError('the package of a library is not imported')")
    monkeypatch.syspath_prepend(tmp_path)
    assert preferred(PYTHON, NATIVE) is NATIVE
    assert "testing_native" not in sys.modules
    with pytest.raises(PluginError, match=r"of one meaning: testing:made 1 is \(float64, factor=float\) -> float64 and"):
        preferred(PYTHON, op(lambda x: x))


def test_choosing_imports_no_numpy_so_that_a_plugin_may_choose_at_discovery() -> None:
    code = (
        "import sys\nfrom rtml_core import CustomOp\nfrom rtml_core.custom_ops import preferred\n"
        "ops = [CustomOp('a', 'b', 1, ('float64',), ('float64',), 'm:f', 'D.', kind=k, library='x:y' if k == 'native' else None)"
        " for k in ('python', 'native')]\n"
        "print(preferred(*ops).kind, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "python False\n", done.stderr


def test_the_domain_of_a_function_holds_its_arguments_and_never_looks_like_a_plugins_code() -> None:
    one, other = FUNCTION.domain_with({"factor": 2}), FUNCTION.domain_with({"factor": 2.5})
    assert one != other
    assert one.startswith("testing.made.f1.")
    assert len(one) == len("testing.made.f1.") + 8
    assert op(lambda xp, x: x, kind="function").domain_with({}) == "testing.made.f1"
    assert PYTHON.domain_with({"factor": 2}) == NATIVE.onnx_domain == "testing.made.v1"
    assert [made.portable for made in (FUNCTION, NATIVE, PYTHON)] == [True, False, False]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"body": lambda x: x, "kind": "function"},
            r"is called with \(xp, input 0\), and does not take that: too many positional",
        ),
        ({"body": lambda x, y: x}, r"is called with \(input 0\), and does not take that: missing a required argument: 'y'"),
        (
            {"body": lambda x, k: x, "arguments": {"factor": "float"}},
            r"is called with \(input 0, factor=\), and does not take that",
        ),
    ],
)
def test_a_body_that_can_not_be_called_is_told_at_registration(given: dict[str, Any], words: str) -> None:
    with pytest.raises(PluginError, match=f"the body of the custom operator testing:made 1 .*{words}"):
        op(**given)


def test_a_body_of_another_module_that_can_not_be_called_is_told_when_it_is_imported() -> None:
    late = op("math:hypot", ("float64",) * 3, kind="function")  # says nothing of what it takes
    assert late.function(1.0, 2.0, 2.0) == 3.0
    with pytest.raises(PluginError, match=r"\(fnmatch:translate\) is called with \(xp, input 0\), and does not take that"):
        apply(op("fnmatch:translate", kind="function"), np.array([1.0]))


def test_what_is_no_custom_operator_is_refused() -> None:
    with pytest.raises(PluginError, match=r"apply\(\) takes a CustomOp and its columns; got 'geo:haversine'"):
        apply("geo:haversine", np.array([1.0]))  # type: ignore[arg-type]
    with pytest.raises(NotLowerableError, match=r"custom\(\) takes a CustomOp and its columns; got None"):
        custom(Builder(), None)  # type: ignore[arg-type]


def test_cases_are_columns_and_arguments() -> None:
    made = op(scaled, kind="function", arguments={"factor": "float"}, cases=lambda: [([1.0, 2.0], {"factor": 3.0})])
    assert made.parity_cases() == [(([1.0, 2.0],), {"factor": 3.0})]
    assert op(lambda x: x, cases="tests.unit.core.test_custom_ops_reference:_some").parity_cases() == [(([1.0],), {})]
    assert FUNCTION.parity_cases() == []


def _some() -> Any:
    return [([1.0],)]


@pytest.mark.parametrize(
    ("cases", "words"),
    [
        ("not_there:at_all", "the cases of the custom operator testing:made 1, 'not_there:at_all', can't be imported"),
        (lambda: 1 / 0, "failed: ZeroDivisionError"),
        (lambda: 3, "must be a list of tuples of columns; got 3"),
        (lambda: [([1.0], [2.0])], "case 0: must be a tuple of a list of values for each of its 1 inputs; got"),
        (lambda: [(1.0,)], "case 0: must be a tuple of a list of values"),
    ],
)
def test_cases_that_are_none_say_why(cases: Any, words: str) -> None:
    with pytest.raises(PluginError) as caught:
        op(lambda x: x, cases=cases).parity_cases()
    assert words in str(caught.value)


class Unreadable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


@pytest.mark.parametrize("kind", ["python", "function"])
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unreadable(), "Unreadable: (its text can't be read)"),
        (ValueError("\ud800"), "ValueError: \\ud800"),
        (KeyError("k" * 5000), "characters)"),
    ],
)
def test_whatever_a_body_raises_can_be_told(kind: str, error: Exception, words: str) -> None:
    def body(*_: object) -> object:
        raise error

    op = CustomOp("told", "failing", 1, ("float64",), ("float64",), body, "Fails.", kind=kind)
    with pytest.raises(CustomOpError) as caught:
        apply(op, [1.0])
    assert words in str(caught.value)
    assert len(str(caught.value).encode()) < 2000
