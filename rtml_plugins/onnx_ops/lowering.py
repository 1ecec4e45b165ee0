"""The compiled side of ONNXNode: columns cast into model inputs, model outputs as columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rtml_plugins.onnx_ops.binding import COLUMNS, Input, Output, check_column

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic


def input_value(b: Builder, item: Input, columns: Mapping[str, Symbolic]) -> ir.Value:
    """The columns of an input side by side, cast to what the model declares."""
    from rtml_core.lowering.symbolic import matrix

    for name in item.columns:
        check_column(item, name, columns[name].dtype)
    chosen = [columns[name] for name in item.columns]
    if item.dtype == "int64" and all(column.carrier == "int64" for column in chosen):
        value = matrix(b, chosen, "int64")
    elif item.dtype.startswith("int"):
        value = b.concat([_whole(b, item, name, columns[name]) for name in item.columns])
    elif item.dtype == "bool":
        value = b.concat([_boolean(b, name, columns[name]) for name in item.columns])
    elif item.dtype == "string":
        value = matrix(b, chosen, "string")
    elif item.dtype == "float32" and all(column.carrier == "float32" for column in chosen):
        value = matrix(b, chosen, "float32")
    else:
        value = b.cast(matrix(b, chosen), item.dtype)  # through float64, as the eager form
    return b.op("Reshape", value, b.const([-1], "int64"), shape=["N"]) if item.flat else value


def _whole(b: Builder, item: Input, name: str, column: Symbolic) -> ir.Value:
    """A number as int64 or int32; a row whose number is missing, broken or too large is refused."""
    from rtml_core.lowering.symbolic import value_of

    value = value_of(b, column)
    cast = b.cast(value, item.dtype)
    if column.carrier in ("bool", item.dtype):
        return cast
    back = b.cast(cast, column.carrier)
    whole = b.op("Equal", back, value, dtype="bool")
    b.check(whole, f"a value of '{name}' that is no whole number ({item.dtype}), which the ONNX model takes")
    return cast


def _boolean(b: Builder, name: str, column: Symbolic) -> ir.Value:
    from rtml_core.lowering.symbolic import missing_mask, value_of

    if column.nullable:
        b.check(b.op("Not", missing_mask(b, column)), f"a missing value of '{name}', which the model takes as true or false only")
    return b.cast(value_of(b, column), "bool")


def column_of(b: Builder, value: ir.Value, output: Output, texts_may_miss: bool) -> Symbolic:
    """One column of a model output; numbers may be NaN, as nothing says that they are not."""
    from rtml_core.lowering.builder import dtype_of
    from rtml_core.lowering.symbolic import Symbolic

    word = COLUMNS[dtype_of(value)]
    nullable = word in ("float64", "float32") or (word == "string" and texts_may_miss)
    return Symbolic(word, b.cast(value, word), output.index, nullable=nullable, finite=False)
