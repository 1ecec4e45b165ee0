"""get_dummies with a fixed vocabulary: one comparison with all the values of a column at once."""

from __future__ import annotations

from typing import Any, Final

from rtml_core.errors import NotLowerableError, RtmlError, describe
from rtml_core.lowering.blocks import Block, block_of, symbols
from rtml_core.lowering.casting import astype
from rtml_core.lowering.onehot import Encoding, category_code, one_hot
from rtml_core.lowering.symbolic import IDENTITY, Symbolic, value_of
from rtml_core.lowering.trace import require_column
from rtml_plugins.pandas_ops.framewise import dummy_arguments
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.reshape import empty_frame

#: from so many columns on, one table of ones for all of them is shorter than a comparison for each
_MANY: Final = 3


def dummies(call: Call) -> dict[str, Symbolic]:
    """One boolean column for each value of the vocabulary; a value outside it gives False everywhere."""
    arguments = dummy_arguments(call.node, call.node.bound)
    vocabulary: dict[str, list[Any]] = call.node.params.categories or {}
    encoded = arguments.get("columns")
    if encoded is None:
        encoded = [name for name, column in call.frame.items() if column.dtype == "string"]
    encodings = [_encoding(call, name, vocabulary, bool(arguments.get("drop_first"))) for name in encoded]
    kept = [name for name in call.frame if name not in encoded]
    made = {name: call.frame[name] for name in kept}
    made.update(
        zip(
            _names(call)[len(kept) :],
            _hot(call, encodings, arguments.get("dtype"), rest=bool(arguments.get("dummy_na"))),
            strict=True,
        )
    )
    return made


def _encoding(call: Call, name: str, vocabulary: dict[str, list[Any]], drop: bool) -> Encoding:
    column = require_column(call.frame, name)
    if name not in vocabulary:
        known = list(column.categories or ["..."])
        raise NotLowerableError(
            f"cannot run in real time: the columns of '{name}' come from all rows of the frame. Give its vocabulary,"
            f' Pandas(..., categories={{"{name}": {describe(known, 100)}}}), or use OneHotEncoder'
        )
    values = vocabulary[name]
    kind: Any = str if column.dtype == "string" else (int, float)
    fits = all(isinstance(value, kind) and not isinstance(value, bool) for value in values)
    if column.dtype not in ("string", "int64", "float64") or not fits:
        wanted = "texts" if kind is str else "numbers"
        raise NotLowerableError(f"column '{name}' is {column.dtype}, its vocabulary must hold {wanted}; got {describe(values)}")
    return Encoding(column, tuple(float(v) for v in values) if column.dtype == "float64" else tuple(values), int(drop))


def _names(call: Call) -> list[str]:
    """The column names that pandas gives, on a frame without rows."""
    from rtml_plugins.pandas_ops.eager import run

    try:
        names = [str(name) for name in run(call.node, empty_frame(call.frame)).columns]
    except RtmlError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise NotLowerableError(f"pandas refuses it: {error}") from None
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise NotLowerableError(f"two columns would be called '{twice[0]}'; set \"prefix\" so that they differ")
    return names


def _hot(call: Call, encodings: list[Encoding], dtype: Any, *, rest: bool) -> list[Symbolic]:
    """The columns of all encodings in order, as booleans or in `dtype`, where small whole numbers are int64.

    rest: each encoding has one more column, which says that the value is none of the vocabulary, or missing.
    """
    encodings = [encoding for encoding in encodings if encoding.width + rest > 0]
    if not encodings:
        return []
    small = dtype in ("uint8", "int8", "int16", "uint16", "int32", "uint32", "uint64")
    wanted = "int64" if small else "bool" if dtype is None else str(dtype)
    if rest:
        hot = [column for encoding in encodings for column in symbols(_with_rest(call, encoding))]
    elif wanted == "float64" or len(encodings) >= _MANY:
        hot = [column for columns in one_hot(call.b, encodings) for column in columns]
    else:
        hot = [column for encoding in encodings for column in symbols(_compared(call, encoding))]
    if hot[0].dtype == wanted:
        return hot
    return symbols(astype(call.b, block_of(call.b, hot), wanted, lambda ok: None))


def _with_rest(call: Call, encoding: Encoding) -> Block:
    """bool [N, width + 1]: the number of the category compared with all numbers, that of "none of them" at last."""
    b = call.b
    keys = list(range(encoding.skip, len(encoding.categories) + 1))
    code = value_of(b, category_code(b, encoding))
    return Block("bool", b.op("Equal", code, b.const([keys], "int64"), dtype="bool", width=len(keys)))


def _compared(call: Call, encoding: Encoding) -> Block:
    """bool [N, width]: the value, or its number in a lookup that it comes from, compared with all categories."""
    b, column, wanted = call.b, encoding.column, list(encoding.categories[encoding.skip :])
    if column.lookup is not None and column.lookup.default is not IDENTITY:
        value = value_of(b, category_code(b, encoding))
        keys = b.const([list(range(encoding.skip, len(encoding.categories)))], "int64")
    else:
        value, keys = value_of(b, column), b.const([wanted], column.carrier)
    return Block("bool", b.op("Equal", value, keys, dtype="bool", width=len(wanted)))
