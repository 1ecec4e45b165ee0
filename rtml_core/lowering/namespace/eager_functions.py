"""All functions of the namespace on arrays, and the arithmetic in which numbers, texts and times share an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.namespace import eager_choices, eager_numbers, eager_texts, eager_times
from rtml_core.lowering.namespace.eager import ArrayEngine, EagerValue
from rtml_core.lowering.namespace.meeting import NUMBERS, dtype_of_operand

_NUMERIC: Final[dict[str, Callable[..., Any]]] = {
    "add": eager_numbers.add,
    "subtract": eager_numbers.subtract,
    "multiply": eager_numbers.multiply,
}
_TIMES: Final[dict[str, Callable[..., Any]]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "maximum": np.maximum, "minimum": np.minimum,
    "negative": np.negative, "abs": np.abs,
}  # fmt: skip
#: function and dtypes of its operands -> dtype of the answer, where times and texts take part
MIXED: Final = {
    ("add", "timestamp", "timedelta"): "timestamp",
    ("add", "timedelta", "timestamp"): "timestamp",
    ("add", "timedelta", "timedelta"): "timedelta",
    ("add", "string", "string"): "string",
    ("subtract", "timestamp", "timestamp"): "timedelta",
    ("subtract", "timestamp", "timedelta"): "timestamp",
    ("subtract", "timedelta", "timedelta"): "timedelta",
    ("multiply", "timedelta", "int64"): "timedelta",
    ("multiply", "int64", "timedelta"): "timedelta",
    ("divide", "timedelta", "timedelta"): "float64",
    ("maximum", "timedelta", "timedelta"): "timedelta",
    ("minimum", "timedelta", "timedelta"): "timedelta",
    ("negative", "timedelta"): "timedelta",
    ("abs", "timedelta"): "timedelta",
}
_CURES: Final = {
    "string": "make a text of a number with xp.astype(n, 'string')",
    "timestamp": "take a part of a time with xp.dates, e.g. xp.dates.total_seconds(t - other)",
    "timedelta": "make a number of it with xp.dates.total_seconds(d), or one of a number with xp.dates.timedelta(n, 'days')",
}


def mixed(name: str, operands: list[Any]) -> str | None:
    """The dtype of the answer where times or texts take part; None for numbers. Raises NotLowerableError."""
    dtypes = [dtype_of_operand(operand) for operand in operands]
    if all(dtype in NUMBERS for dtype in dtypes):
        return None
    found = MIXED.get((name, *dtypes))  # type: ignore[arg-type]
    if found is None:
        odd = next(dtype for dtype in ("string", "timestamp", "timedelta") if dtype in dtypes)
        raise NotLowerableError(f"xp.{name} of {' and '.join(map(str, dtypes))} has no answer; {_CURES[odd]}")
    return found


def _shared(name: str) -> Callable[..., Any]:
    numeric = _NUMERIC.get(name)

    def call(engine: ArrayEngine, **arguments: Any) -> EagerValue:
        operands = list(arguments.values())
        dtype = mixed(name, operands)
        if dtype is None:
            if numeric is None:
                return eager_numbers.FUNCTIONS[name](engine, **arguments)
            return engine.wrap(numeric(*operands))
        if dtype == "string":
            return eager_texts.FUNCTIONS["strings.concat"](engine, parts=operands, separator="")
        result = np.asarray(_TIMES[name](*(engine.lift(operand).array for operand in operands)))
        return engine.wrap(result if dtype == "float64" else result.astype(f"{_KINDS[dtype]}[us]"), dtype)

    return call


_KINDS: Final = {"timestamp": "datetime64", "timedelta": "timedelta64"}


def _custom(engine: ArrayEngine, op: Any, columns: list[Any], arguments: dict[str, Any]) -> Any:
    from rtml_core.custom_ops import apply
    from rtml_core.lowering.namespace.eager import from_outside

    arrays = [np.broadcast_to(engine.lift(column).array, (engine.rows,)) for column in columns]
    answers = apply(op, *arrays, **arguments)
    made = tuple(from_outside(engine, array, dtype) for array, dtype in zip(answers, op.outputs, strict=True))
    return made if len(made) > 1 else made[0]


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    **eager_numbers.FUNCTIONS,
    **eager_choices.FUNCTIONS,
    **eager_texts.FUNCTIONS,
    **eager_times.FUNCTIONS,
    **{name: _shared(name) for name in sorted({key[0] for key in MIXED})},
    "custom": _custom,
}
