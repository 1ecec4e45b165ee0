"""The compiled form of a fitted estimator: converters, and a proof on hard rows where another library converted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtml_core.columns import Column
from rtml_core.lowering.symbolic import Symbolic

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder
    from rtml_plugins.sklearn_ops.scikit import ScikitLearn


def lower_model(operator: ScikitLearn, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
    """Convert the operator's fitted estimator on its feature columns; returns the output columns."""
    from rtml_plugins.sklearn_ops import fallback
    from rtml_plugins.sklearn_ops.answers import symbolic_answers
    from rtml_plugins.sklearn_ops.convert.registry import Columns, convert
    from rtml_plugins.sklearn_ops.onnx_file import with_dtypes

    model, answers = operator.model(), operator.answers()
    assert operator.state is not None
    with fallback.watch() as used:
        result = convert(b, model, Columns(columns.values(), list(columns)))
        found = with_dtypes(b, symbolic_answers(result, answers), operator.state["outputs"])
    if used:
        schema = [column.column(name) for name, column in columns.items()]
        operator.tolerance = proven_tolerance(operator, schema, used)
    return found


def proven_tolerance(operator: ScikitLearn, schema: list[Column], used: list[str]) -> tuple[float, float]:
    """The tolerance within which a foreign conversion equals scikit-learn on the hard rows. Raises NotLowerableError."""
    from rtml_plugins.sklearn_ops.fallback import prove

    # a graph is lowered more than once; the proof holds as long as state and columns are the same
    key = (id(operator.state), tuple(schema))
    known = getattr(operator, "_proven", None)
    if known is None or known[0] != key:
        known = (key, prove(operator, schema, used))
        operator._proven = known  # type: ignore[attr-defined]
    return known[1]
