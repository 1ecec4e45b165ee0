"""Estimators without a converter of ours: skl2onnx converts them, and hard rows decide whether that is right.

skl2onnx is right for some estimators and silently wrong for others, so nothing it makes is used unproved: the whole
converted model answers the operator's hard rows (thresholds, unknown categories, missing, huge), and every label must be
equal and every number within 1e-9, or within 1e-5 where the conversion computes in float32, which is then declared.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.columns import Column
from rtml_core.converters import class_path
from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering.symbolic import Symbolic, new, unpack
from rtml_plugins.sklearn_ops.answers import kind_of
from rtml_plugins.sklearn_ops.convert.labels import classes_of, label_dtype
from rtml_plugins.sklearn_ops.convert.packing import accepts_missing, numbers, ordered
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction

if TYPE_CHECKING:
    import onnx_ir as ir
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_plugins.sklearn_ops.onnx_file import OnnxFile
    from rtml_plugins.sklearn_ops.scikit import ScikitLearn

#: (relative, absolute), tried in this order
TOLERANCES: Final = ((1e-9, 1e-12), (1e-5, 1e-6))
_OPSETS: Final = {"": 21, "ai.onnx.ml": 3}
_used: ContextVar[list[str] | None] = ContextVar("estimators converted by skl2onnx", default=None)


@contextmanager
def watch() -> Iterator[list[str]]:
    """Inside, collects the names of estimators that skl2onnx had to convert."""
    names: list[str] = []
    token = _used.set(names)
    try:
        yield names
    finally:
        _used.reset(token)


def convert_by_skl2onnx(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic] | Prediction:
    """Convert with skl2onnx and graft the result. Whoever calls this proves it afterwards (see prove)."""
    name = type(estimator).__name__
    used = _used.get()
    if used is None:
        raise NotLowerableError(f"{name} has no converter here")
    if any(column.dtype == "string" for column in columns):
        raise NotLowerableError(
            f"{name} can't be compiled: it has no converter of rtml's own, and those of skl2onnx are taken for numbers only. Use"
            f" another estimator, or bring a converter for {class_path(type(estimator))} in a plugin (hook rtml_converters)"
        )
    used.append(name)
    numbers(b, columns, estimator, missing=accepts_missing(estimator))
    matrix = ordered(b, columns)
    failures = []
    for dtype in ("float64", "float32"):
        try:
            model = _model(estimator, len(columns), dtype)
            outputs = b.graft(model, {"X": b.cast(matrix, dtype)})
            return _result(b, estimator, list(outputs.values()))
        except NotLowerableError as error:
            failures.append(str(error))
    raise NotLowerableError(
        f"{name} can't be compiled: it has no converter of rtml's own, and skl2onnx refuses it ({failures[-1]}). Use another"
        f" estimator, or bring a converter for {class_path(type(estimator))} in a plugin (hook rtml_converters)"
    )


def _model(estimator: Any, count: int, dtype: str) -> Any:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    kind = DoubleTensorType if dtype == "float64" else FloatTensorType
    options = {id(estimator): {"zipmap": False}} if kind_of(estimator) == "classifier" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return convert_sklearn(estimator, initial_types=[("X", kind([None, count]))], target_opset=_OPSETS, options=options)
        except Exception as error:  # skl2onnx raises of many kinds, RuntimeError and its own among them
            first = str(error).strip().splitlines()[0] if str(error).strip() else ""
            raise NotLowerableError(f"{type(error).__name__}: {describe(first, 160)}") from error


def _result(b: Builder, estimator: Any, outputs: Sequence[ir.Value]) -> list[Symbolic] | Prediction:
    from rtml_core.lowering.builder import width_of

    kind = kind_of(estimator)
    for output in outputs:
        width_of(output)  # a model without known widths can't be read column by column
    if kind == "transformer":
        return unpack(b.cast(outputs[0], "float64"), "float64")
    if kind == "regressor":
        return Prediction(value=new("float64", b.cast(outputs[0], "float64")))
    if kind == "labeller":
        decision = b.cast(outputs[1], "float64") if hasattr(estimator, "decision_function") and len(outputs) > 1 else None
        label = new("int64", b.cast(outputs[0], "int64"))
        return Prediction(label=label, decision=None if decision is None else unpack(decision, "float64"))
    classes = classes_of(estimator)
    dtype = label_dtype(classes)
    label = new(dtype, b.cast(outputs[0], dtype) if dtype != "string" else outputs[0])
    scores = unpack(b.cast(outputs[1], "float64"), "float64")
    if hasattr(estimator, "predict_proba"):
        return Prediction(classes, label, probability=scores)
    return Prediction(classes, label, decision=scores if len(classes) > 2 else scores[-1:])


# ---- the proof ---------------------------------------------------------------------------------------------------------


def prove(operator: ScikitLearn, schema: list[Column], used: list[str]) -> tuple[float, float]:
    """The tolerance within which the converted model equals scikit-learn on hard rows.

    Raises NotLowerableError with the first row that differs.
    """
    from rtml_plugins.sklearn_ops import onnx_file
    from rtml_plugins.sklearn_ops.evaluate import answer_frame, features_frame

    names = ", ".join(dict.fromkeys(used))
    rows = _rows(operator, schema, names)
    assert operator.state is not None
    seen = {name: facts["seen"] for name, facts in operator.state["inputs"].items()}
    x = features_frame(rows, operator.features, seen)
    model, answers, dtypes = operator.model(), operator.answers(), operator.state["outputs"]
    kept = answered_rows(lambda part: answer_frame(model, part, answers, dtypes), x)
    x = x.iloc[kept]
    expected = answer_frame(model, x, answers, dtypes)
    with watch():
        made = onnx_file.build(model, schema, answers, dtypes)
    got = _run(made, x, operator.features, names)
    for tolerance in TOLERANCES:
        differing = _first_difference(expected, got, *tolerance)
        if differing is None:
            for few in (x.iloc[:1], x.iloc[:0]):
                _run(made, few, operator.features, names)
            return tolerance
    column, row, wanted, came = differing
    raise NotLowerableError(
        f"{names} can't be compiled: it has no converter of rtml's own, and what skl2onnx makes of it differs from scikit-learn"
        f" in '{column}' ({describe(wanted)} became {describe(came)}) for {describe(x.iloc[row].to_dict(), 160)}."
        f" Use another estimator"
    )


def _run(made: OnnxFile, x: pd.DataFrame, features: Sequence[str], names: str) -> dict[str, Any]:
    """What the converted model answers, [N] by output column. Raises NotLowerableError where it fails."""
    from rtml_plugins.sklearn_ops import onnx_file

    try:
        found = onnx_file.run(made.model, x, features)
    except Exception as error:
        if not type(error).__module__.startswith("onnxruntime"):
            raise
        raise NotLowerableError(
            f"{names} can't be compiled: it has no converter of rtml's own, and what skl2onnx makes of it fails on {len(x)} rows"
            f" ({describe(str(error), 120)}). Use another estimator"
        ) from error
    if any(len(found[name]) != len(x) for name in made.outputs):
        raise NotLowerableError(
            f"{names} can't be compiled: it has no converter of rtml's own, and what skl2onnx makes of it gives another number of"
            f" rows than it gets. Use another estimator"
        )
    return {made.outputs[name]: found[name][:, 0] for name in made.outputs}


def _rows(operator: ScikitLearn, schema: list[Column], names: str) -> pd.DataFrame:
    import pandas as pd

    from rtml_plugins.sklearn_ops.edges import points
    from rtml_plugins.sklearn_ops.hard_rows import as_incoming, hard_rows

    assert operator.state is not None
    inputs = operator.state["inputs"]
    if inputs is None:
        raise NotLowerableError(
            f"{names} has no converter of rtml's own, and a conversion by skl2onnx must be proved on rows like those of the"
            f" training. Give the estimator unfitted, so that the node sees them"
        )
    rows = hard_rows(as_incoming(inputs, {column.name: column for column in schema}), points(operator.model()))
    return pd.concat([rows, *_infinite(rows, schema)], ignore_index=True)


def _infinite(rows: pd.DataFrame, schema: list[Column]) -> list[pd.DataFrame]:
    """Rows with an infinite value, or NaN, in each column that arithmetic may have made so, and in all of them."""
    rough = [column.name for column in schema if not column.finite and column.dtype in ("float64", "float32")]
    places = [[name] for name in rough] + ([rough] if rough else [])
    return [rows.iloc[[0]].assign(**dict.fromkeys(names, value)) for names in places for value in (np.inf, -np.inf, np.nan)]


def answered_rows(answer: Callable[[Any], Any], x: pd.DataFrame) -> list[int]:
    """Positions of the rows that scikit-learn answers and does not refuse."""
    kept: list[int] = []

    def visit(first: int, last: int) -> None:
        try:
            answer(x.iloc[first:last])
        except (ValueError, TypeError, IndexError):
            if last - first > 1:
                middle = (first + last) // 2
                visit(first, middle)
                visit(middle, last)
            return
        kept.extend(range(first, last))

    visit(0, len(x))
    return kept


def _first_difference(expected: pd.DataFrame, got: dict[str, Any], rtol: float, atol: float) -> tuple[str, int, Any, Any] | None:
    for name in expected.columns:
        wanted, came = expected[name], got[name]
        if came.dtype.kind == "f":
            numbers = wanted.to_numpy(dtype=np.float64)
            bad = ~np.isclose(came, numbers, rtol=rtol, atol=atol, equal_nan=True)
        else:
            bad = wanted.to_numpy(dtype=came.dtype) != came
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            return str(name), row, wanted.iloc[row], came[row]
    return None
