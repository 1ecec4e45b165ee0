"""astype, to_datetime, to_timedelta and to_numeric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import onnx_ir as ir

from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering import casting
from rtml_core.lowering.blocks import FLOATS, TIMES, Block
from rtml_core.lowering.symbolic import Symbolic, matrix, new, unpack, value_of
from rtml_core.timestamps import MICROS_PER_DAY
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import one_by_one, together
from rtml_plugins.pandas_ops.lowered.python_only import float_text

#: units of numbers that count time, in microseconds
_UNITS: Final = {"D": MICROS_PER_DAY, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000, "ms": 1000, "us": 1}


def astype(call: Call) -> list[Symbolic]:
    """astype; a column that may be missing does not become whole numbers, and an infinite row is refused when scored."""
    call.only("dtype", "copy")
    dtype = call.get("dtype")
    if isinstance(dtype, Mapping):
        if not call.whole:
            raise NotLowerableError(
                "an object of dtypes goes by columns and is for the whole frame; leave 'cols' out, or give one dtype"
            )
        results = [
            together(call.one(n), _step(call.one(n), dtype[n])) if n in dtype else call.one(n).symbols for n in call.columns
        ]
        return [result[0] for result in results]
    return (
        [together(call.one(name), _step(call.one(name), dtype))[0] for name in call.columns]
        if _guards(call)
        else together(call, _step(call, dtype))
    )


def _guards(call: Call) -> bool:
    """Whether a column may need a row check of its own, which names it."""
    return any(not column.finite for column in call.symbols)


def _step(call: Call, dtype: Any) -> Any:
    if not isinstance(dtype, str):
        raise NotLowerableError(f"argument 'dtype' must be the name of a dtype; got {describe(dtype)}")
    name = call.columns[0]

    def guard(ok: ir.Value) -> None:
        call.b.check(ok, f"column '{name}' is infinite here, and infinity has no whole number")

    def step(block: Block) -> Block:
        wants_int = casting.DTYPE_NAMES.get(dtype) in ("int64", "int32")
        if wants_int and block.nullable and block.dtype in ("float64", "float32", "bool"):
            raise NotLowerableError(_missing_has_no_integer(call, block))
        if casting.DTYPE_NAMES.get(dtype) == "string" and block.dtype in FLOATS:
            return float_text(call, block)
        return casting.astype(call.b, block, dtype, guard)

    return step


def _missing_has_no_integer(call: Call, block: Block) -> str:
    columns = [n for n, c in zip(call.columns, call.symbols, strict=True) if c.nullable and c.dtype == block.dtype]
    name, value = columns[0], "False" if block.dtype == "bool" else "0"
    return (
        f"column '{name}' may be missing here, and a missing value has no integer. Fill it first, e.g."
        f' Pandas(import_="fillna", cols="{name}", kwargs={{"value": {value}}}, inplace=True)'
    )


def to_datetime(call: Call) -> list[Symbolic]:
    """Texts in ISO 8601, each by itself, or whole numbers since 1970 in a `unit`.

    What is no timestamp is refused when scored, or missing with errors="coerce".
    """
    errors = _errors(call)
    if call.get("unit") is not None:
        return _counted_from_1970(call, "timestamp", errors)
    call.only("errors", "utc", "cache", *(["format"] if call.get("format") == "ISO8601" else []))
    for name, column in zip(call.columns, call.symbols, strict=True):
        if column.dtype not in ("timestamp", "string"):
            raise NotLowerableError(
                f"column '{name}' is {column.dtype}, and a number does not say its unit; for whole numbers set 'unit', for text"
                " columns leave it out"
            )
    from rtml_core.lowering.dates import parse_columns

    texts = [column for column in call.symbols if column.dtype == "string"]
    read = iter(parse_columns(call.b, texts, errors) if texts else [])
    return [next(read) if column.dtype == "string" else column for column in call.symbols]


def to_timedelta(call: Call) -> list[Symbolic]:
    """Whole numbers of a `unit` as timedeltas."""
    errors = _errors(call)
    if call.get("unit") is None:
        if all(column.dtype == "timedelta" for column in call.symbols):
            call.only("errors")
            return call.symbols
        raise NotLowerableError(
            "a number does not say its unit, and ONNX reads no durations from texts; give whole numbers and 'unit'"
        )
    return _counted_from_1970(call, "timedelta", errors)


def _errors(call: Call) -> str:
    errors = call.get("errors", "raise")
    if errors not in ("raise", "coerce"):
        raise NotLowerableError(f'errors must be "raise" or "coerce"; got {describe(errors)}')
    return str(errors)


def _counted_from_1970(call: Call, dtype: str, errors: str) -> list[Symbolic]:
    """int64 in a unit -> microseconds. The smallest int64 is missing; what is beyond int64 microseconds has no time."""
    call.only("errors", "unit", "utc", "cache")
    unit = _UNITS.get(str(call.get("unit")))
    if unit is None:
        raise NotLowerableError(f"argument 'unit' must be one of {', '.join(_UNITS)}; got {describe(call.get('unit'))}")
    return one_by_one(call, lambda column: _scaled(call, column, dtype, unit, errors))


def _scaled(call: Call, column: Symbolic, dtype: str, unit: int, errors: str) -> Symbolic:
    b = call.b
    if column.dtype != "int64":
        raise NotLowerableError(f"needs whole numbers; the column is {column.dtype}. Fill and cast it to int64 first")
    value = value_of(b, column)
    if unit == 1:
        return new(dtype, value, nullable=True)
    gone = b.op("Equal", value, b.const([[MISSING_TIME]], "int64"), dtype="bool")
    most = (2**63 - 1) // unit
    inside = b.op(
        "And",
        b.op("LessOrEqual", value, b.const([[most]], "int64"), dtype="bool"),
        b.op("GreaterOrEqual", value, b.const([[-most]], "int64"), dtype="bool"),
    )
    micros = b.op("Mul", value, b.const([[unit]], "int64"))
    if errors == "raise":
        b.check(b.op("Or", inside, gone), f"a number that is beyond all times in its unit; a {dtype} holds up to {most}")
    micros = b.op("Where", inside, micros, b.const([[MISSING_TIME]], "int64"), dtype="int64")
    return new(dtype, micros, nullable=True)


def to_numeric(call: Call) -> list[Symbolic]:
    """Texts as float64, each by itself; what is no number is refused when scored, or missing with errors="coerce".

    Numbers and booleans stay what they are.
    """
    errors = _errors(call)
    if call.get("downcast") is not None:
        raise NotLowerableError("argument 'downcast' chooses a dtype by all rows of the frame; use astype with the one you want")
    call.only("errors")
    for name, column in zip(call.columns, call.symbols, strict=True):
        if column.dtype in TIMES:
            raise NotLowerableError(f"column '{name}' is a {column.dtype}; use astype with int64 for its microseconds")
    texts = [name for name, column in zip(call.columns, call.symbols, strict=True) if column.dtype == "string"]
    read = dict(zip(texts, _read_numbers(replace(call, columns=texts), errors), strict=True)) if texts else {}
    return [read.get(name, column) for name, column in zip(call.columns, call.symbols, strict=True)]


def _read_numbers(call: Call, errors: str) -> list[Symbolic]:
    from rtml_core.lowering.number_texts import NUMBER, emit

    b = call.b
    texts = matrix(b, call.symbols, "string")
    numbers = emit(b, texts)
    if errors == "raise":
        fine = b.op("RegexFullMatch", texts, dtype="bool", pattern=rf"(?:{NUMBER})?|\x{{{ord(MISSING_STRING):x}}}")
        for position, name in enumerate(call.columns):
            b.check(b.take(fine, [position]), f"column '{name}': a text that is not a number")
    return unpack(numbers, "float64", nullable=True, finite=False)
