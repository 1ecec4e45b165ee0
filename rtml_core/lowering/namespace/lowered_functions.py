"""All functions of the namespace as ONNX, and the arithmetic in which numbers, texts and times share an operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.blocks import Block, time_scalar
from rtml_core.lowering.namespace import lowered_choices, lowered_numbers, lowered_tables, lowered_texts, lowered_times
from rtml_core.lowering.namespace.eager_functions import MIXED, mixed
from rtml_core.lowering.namespace.lowered_choices import made
from rtml_core.lowering.namespace.scalars import carried
from rtml_core.lowering.numeric import absolute, negative
from rtml_core.lowering.symbolic import Symbolic, integer_extreme, keep_missing
from rtml_core.lowering.timemath import time_binary
from rtml_core.lowering.traced import Traced, Tracer

_BINARY: Final = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "truediv"}


def _shared(name: str) -> Callable[..., Any]:
    def call(tracer: Tracer, **arguments: Any) -> Any:
        operands = list(arguments.values())
        dtype = mixed(name, operands)
        if dtype is None:
            return lowered_numbers.FUNCTIONS[name](tracer, **arguments)
        if dtype == "string":
            return lowered_texts.FUNCTIONS["strings.concat"](tracer, parts=operands, separator="")
        return _times(tracer, name, operands)

    return call


def _times(tracer: Tracer, name: str, operands: list[Any]) -> Traced:
    b, blocks = tracer.b, [_block(operand) for operand in operands]
    if name in _BINARY:
        found = time_binary(b, _BINARY[name], *blocks)
    elif name in ("negative", "abs"):
        found = (negative if name == "negative" else absolute)(b, blocks[0])
        if name == "abs" and found.nullable and found.tensor is not None:
            found = Block(found.dtype, keep_missing(b, operands[0].symbolic, found.tensor), True)
    else:
        return _extreme(tracer, name, operands)
    assert found.tensor is not None
    return made(tracer, found.dtype, found.tensor, nullable=found.nullable, finite=found.finite)


def _extreme(tracer: Tracer, name: str, operands: list[Any]) -> Traced:
    """The longer or the shorter timedelta; missing where one is. A missing one is the smallest number."""
    b = tracer.b
    one, two = (tracer.lift(operand) for operand in operands)
    tensor = integer_extreme(b, "Less" if name == "maximum" else "Greater", one.value, two.value)
    for operand in (one, two) if name == "maximum" else ():
        if operand.nullable:
            tensor = keep_missing(b, operand.symbolic, tensor)
    return made(tracer, "timedelta", tensor, nullable=one.nullable or two.nullable)


def _block(value: Any) -> Block:
    if isinstance(value, Traced):
        return Block(value.dtype, value.value, value.nullable, value.finite)
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return time_scalar("timestamp" if isinstance(value, np.datetime64) else "timedelta", carried(value))
    return Block("int64", value=int(value))


def _custom(tracer: Tracer, op: Any, columns: list[Any], arguments: dict[str, Any]) -> Any:
    from rtml_core.custom_ops import CustomOp
    from rtml_core.lowering.custom import custom

    if not isinstance(op, CustomOp):
        raise NotLowerableError(f"xp.custom needs a CustomOp as its first argument; got {type(op).__name__}")
    symbolics: list[Symbolic] = [tracer.lift(column).symbolic for column in columns]
    answers = tuple(Traced.of(tracer, found) for found in custom(tracer.b, op, *symbolics, **arguments))
    return answers if len(answers) > 1 else answers[0]


FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    **lowered_numbers.FUNCTIONS,
    **lowered_tables.FUNCTIONS,
    **lowered_choices.FUNCTIONS,
    **lowered_texts.FUNCTIONS,
    **lowered_times.FUNCTIONS,
    **{name: _shared(name) for name in sorted({key[0] for key in MIXED})},
    "custom": _custom,
}
