"""Tensors of the Open Inference Protocol (V2) as columns of a signature, and output columns as tensors.

A field of a service is an input tensor [N] or [N, 1], an output an output tensor [N, 1]; N rows. Protocol and datatypes:
https://github.com/kserve/open-inference-protocol; binary tensors: Triton's binary tensor data extension (little endian,
row-major, each element of BYTES after its length in 4 bytes). Ours is how missing values travel: docs/how-to/v2-protocol.
"""

from __future__ import annotations

import math
import struct
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, NoReturn

import numpy as np

from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_core.errors import describe, listing
from rtml_core.timestamps import format_timestamp
from rtml_plugins.serving.problems import Problem

#: datatypes of the protocol that numpy has -> their elements in binary
_NUMPY: Final[dict[str, np.dtype[Any]]] = {
    "BOOL": np.dtype("?"),
    **{f"INT{bits}": np.dtype(f"<i{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"UINT{bits}": np.dtype(f"<u{bits // 8}") for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": np.dtype(f"<f{bits // 8}") for bits in (16, 32, 64)},
}
_SIZES: Final = {**{name: dtype.itemsize for name, dtype in _NUMPY.items()}, "BF16": 2}
DATATYPES: Final = (*_SIZES, "BYTES")
_TAKEABLE: Final = frozenset(DATATYPES)
_NUMBERS: Final = frozenset(DATATYPES) - {"BOOL", "BYTES"}
_FLOATS: Final = frozenset({"FP16", "BF16", "FP32", "FP64"})
#: type of a field -> the datatype that metadata names, and all that are taken for it
FIELD_DATATYPES: Final = {"float": "FP64", "int": "INT64", "bool": "BOOL", "string": "BYTES", "timestamp": "BYTES"}
_TAKEN: Final[dict[str, frozenset[str]]] = {
    "float": _NUMBERS,
    "int": _NUMBERS,
    "bool": frozenset({"BOOL"}),
    "string": frozenset({"BYTES"}),
    "timestamp": frozenset({"BYTES"}),
}
#: dtype of an output column -> its datatype
OUTPUT_DATATYPES: Final = {
    "float64": "FP64",
    "float32": "FP32",
    "int64": "INT64",
    "bool": "BOOL",
    "string": "BYTES",
    "timestamp": "BYTES",
    "timedelta": "INT64",
}
#: kind of Python value that is an element of these datatypes as it stands; the signature knows the bounds of numbers
ELEMENTS: Final = {"FP64": float, "INT64": int, "BOOL": bool, "BYTES": str}
#: largest whole number up to which float64 has every one
_EXACT: Final = 2**53
_LENGTH: Final = struct.Struct("<I")
#: parameter of a tensor: the rows whose value is missing, "0,3"
MISSING: Final = "missing"

Array = np.ndarray[Any, Any]
Parameters = Mapping[str, Any]


class Tensor(NamedTuple):
    """An input as it came: `values` has one element a row, None where it is missing."""

    name: str
    datatype: str
    values: Array | list[Any]


def refuse(sentence: str, kind: str = "invalid-request", status: int = 400) -> NoReturn:
    """Answer with a problem: `sentence` says where, what was expected and what came."""
    raise Problem(status, kind, sentence)


# ---- inputs -------------------------------------------------------------------------------------------------------------------


def rows_of(name: str, datatype: str, shape: Sequence[Any]) -> int:
    """N of a tensor's shape [N] or [N, 1]; refuses any other shape, and datatypes that the protocol does not have."""
    if datatype not in _TAKEABLE:
        refuse(f"input {describe(name)} has the datatype {describe(datatype)}: expected one of {listing(DATATYPES)}")
    if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)) or shape[0] < 0:
        refuse(f"input {describe(name)} has the shape {describe(list(shape))}: expected [N] or [N, 1] for N rows")
    return int(shape[0])


def from_binary(name: str, datatype: str, count: int, data: bytes | memoryview) -> Array | list[Any]:
    """Elements of `count` rows from binary data; refuses data of another size, and text that is no UTF-8."""
    if datatype == "BYTES":
        return _texts(name, _elements(name, count, data))
    size = count * _SIZES[datatype]
    if len(data) != size:
        refuse(f"input {describe(name)} has {len(data):,} bytes of data: expected {size:,}, for {count:,} rows of {datatype}")
    if datatype == "BF16":
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    if datatype == "BOOL":
        flags = np.frombuffer(data, np.uint8)
        if count and flags.max() > 1:
            refuse(f"input {describe(name)} holds the byte {int(flags.max())}: expected 0 or 1, as its datatype is BOOL")
        return flags.view(np.bool_)
    return np.frombuffer(data, _NUMPY[datatype])


def _elements(name: str, count: int, data: bytes | memoryview) -> list[bytes]:
    if count == 1 and len(data) >= 4 and _LENGTH.unpack_from(data)[0] == len(data) - 4:
        return [bytes(data[4:])]
    found: list[bytes] = []
    at, end = 0, len(data)
    while at < end:
        if end - at < 4 or end - at - 4 < (size := _LENGTH.unpack_from(data, at)[0]):
            refuse(f"input {describe(name)}, row {len(found)}: the length in front of its text goes past the end of the data")
        found.append(bytes(data[at + 4 : at + 4 + size]))
        at += 4 + size
    if len(found) != count:
        refuse(f"input {describe(name)} has {len(found):,} elements in its data: expected {count:,}, as its shape says")
    return found


def _texts(name: str, elements: Sequence[bytes]) -> list[Any]:
    try:
        return [element.decode() for element in elements]
    except UnicodeDecodeError:
        row = next(row for row, element in enumerate(elements) if not _is_text(element))
        refuse(f"input {describe(name)}, row {row}: expected text in UTF-8, got {describe(elements[row])}")


def _is_text(element: bytes) -> bool:
    try:
        element.decode()
    except UnicodeDecodeError:
        return False
    return True


def from_list(name: str, datatype: str, count: int, data: Sequence[Any]) -> Array | list[Any]:
    """Elements of `count` rows from JSON or typed contents, flat or one list a row; None where null is."""
    kinds = set(map(type, data))
    if kinds == {list}:  # [[1], [2]] for the shape [2, 1]
        if any(len(row) != 1 for row in data):
            refuse(f"input {describe(name)}: expected one value in each row of its data")
        data = [row[0] for row in data]
        kinds = set(map(type, data))
    if len(data) != count:
        refuse(f"input {describe(name)} has {len(data):,} values: expected {count:,}, as its shape says")
    kinds.discard(type(None))
    if datatype == "BYTES":
        if kinds == {bytes}:
            return _texts(name, data)
        _require(kinds, {str}, name, datatype, data)
        return list(data)
    if count == 1 and kinds == {ELEMENTS.get(datatype)}:
        return list(data)
    if datatype == "BOOL":
        _require(kinds, {bool}, name, datatype, data)
        return list(data) if None in data else np.array(data, np.bool_)
    _require(kinds, {int, float}, name, datatype, data)
    return _floats(name, datatype, data) if datatype in _FLOATS else _integers(name, datatype, data, kinds)


def _require(kinds: set[type], allowed: set[type], name: str, datatype: str, data: Sequence[Any]) -> None:
    if not kinds <= allowed:
        row = next(row for row, value in enumerate(data) if value is not None and type(value) not in allowed)
        refuse(f"input {describe(name)}, row {row}: expected a value of datatype {datatype}, got {describe(data[row])}")


def _floats(name: str, datatype: str, data: Sequence[Any]) -> Array:
    try:
        values = np.array([math.nan if value is None else value for value in data], np.float64)
    except OverflowError:
        refuse(f"input {describe(name)} holds a number that {datatype} can't hold")
    if datatype == "FP64":
        return values
    with np.errstate(over="ignore"):  # infinity is refused with the field's own words
        narrow = values.astype(np.float32 if datatype == "BF16" else _NUMPY[datatype])
    return narrow


def _integers(name: str, datatype: str, data: Sequence[Any], kinds: set[type]) -> Array | list[Any]:
    if float in kinds:
        for row, value in enumerate(data):
            if type(value) is float and not value.is_integer():
                refuse(
                    f"input {describe(name)}, row {row}: expected a whole number, as its datatype is {datatype}, got {value!r}"
                )
        data = [value if value is None else int(value) for value in data]
    try:
        whole = np.array([0 if value is None else value for value in data], _NUMPY[datatype])
    except OverflowError:
        limits = np.iinfo(_NUMPY[datatype])
        row = next(row for row, value in enumerate(data) if value is not None and not limits.min <= value <= limits.max)
        refuse(f"input {describe(name)}, row {row}: {describe(data[row])} does not fit its datatype {datatype}")
    return list(data) if None in data else whole


def with_parameters(name: str, values: Array | list[Any], parameters: Parameters) -> Array | list[Any]:
    """The values, as parameters of the tensor say: which rows are missing, whether texts are in base64 (as MLServer says it)."""
    if parameters.get("content_type") == "base64" and isinstance(values, list):
        values = _decoded(name, values)
    missing = parameters.get(MISSING)
    if missing is None:
        return values
    rows = _rows(name, missing, len(values))
    if isinstance(values, np.ndarray) and values.dtype.kind == "f":
        values = values.astype(np.float64)
        values[rows] = math.nan
        return values
    values = values.tolist() if isinstance(values, np.ndarray) else list(values)
    for row in rows:
        values[row] = None
    return values


def _rows(name: str, missing: Any, count: int) -> list[int]:
    """Rows of the parameter "missing": "0,3", a number, or in JSON a list of numbers."""
    given = missing.split(",") if isinstance(missing, str) and missing else missing if isinstance(missing, list) else [missing]
    rows = []
    for item in given if missing != "" else []:
        text = str(item).strip()
        if isinstance(item, bool) or not (text.isascii() and text.isdigit() and len(text) < 12) or int(text) >= count:
            refuse(
                f"input {describe(name)}: its parameter 'missing' is {describe(missing)}: expected rows below {count} with commas"
                f' between, e.g. "0,3"'
            )
        rows.append(int(text))
    return rows


def _decoded(name: str, values: list[Any]) -> list[Any]:
    try:
        return _texts(name, [b64decode(value, validate=True) for value in values])
    except (TypeError, ValueError):
        refuse(f"input {describe(name)} has the content_type 'base64', and a value of it can't be decoded")


def column_for(field: Any, tensor: Tensor) -> Array | list[Any]:
    """The tensor's values as a column of a field (FieldEntry); refuses datatypes that the field does not take, and whole numbers
    that its float64 does not have."""
    if tensor.datatype not in _TAKEN[field.type]:
        refuse(
            f"input {describe(tensor.name)} has the datatype {tensor.datatype}: expected {FIELD_DATATYPES[field.type]}, as"
            f" the field is of type {field.type}"
        )
    values = tensor.values
    if tensor.datatype in ("INT64", "UINT64") and (field.type == "float" or field.nullable):
        whole = [value for value in values if value is not None] if isinstance(values, list) else values
        if len(whole) and (int(min(whole)) < -_EXACT or int(max(whole)) > _EXACT):
            refuse(f"input {describe(tensor.name)} holds a whole number beyond 2^53, of which float64 does not have every one")
    return values


# ---- outputs ------------------------------------------------------------------------------------------------------------------


#: what stands in binary where a value is missing
_FILL: Final = {"FP64": math.nan, "FP32": math.nan, "INT64": MISSING_TIME, "BOOL": False}


class OutputSpec(NamedTuple):
    """An output of a service: name, datatype of its tensor, dtype of its column, whether it may be missing."""

    name: str
    datatype: str
    dtype: str
    nullable: bool


def plain(spec: OutputSpec, column: Array | list[Any]) -> tuple[list[Any], list[int]]:
    """Values of an output column as Python values, None where missing; and these rows unless the datatype has NaN for it.

    column: as Runtime.score_columns gives it, or a list of Python values as Runtime.score does.
    """
    if isinstance(column, list):
        return column, [row for row, value in enumerate(column) if value is None] if spec.datatype not in _FLOATS else []
    values: list[Any] = column.tolist()
    if spec.dtype == "string":
        if MISSING_STRING in values:
            values = [None if value == MISSING_STRING else value for value in values]
    elif spec.dtype == "timestamp":
        values = [None if value == MISSING_TIME else format_timestamp(value) for value in values]
    elif spec.dtype == "timedelta":
        values = [None if value == MISSING_TIME else value for value in values]
    elif spec.dtype == "bool":
        values = [None if value != value else bool(value) for value in values]
    else:
        return values, []
    return values, [row for row, value in enumerate(values) if value is None] if None in values else []


def binary(spec: OutputSpec, column: Array | list[Any]) -> tuple[bytes, list[int]]:
    """An output column as binary data. Missing: NaN in floats, numpy's NaT in durations, else False or empty; and these rows."""
    if spec.datatype == "BYTES":
        values, missing = plain(spec, column)
        parts: list[bytes] = []
        for value in values:
            text = b"" if value is None else value.encode()
            parts += (_LENGTH.pack(len(text)), text)
        return b"".join(parts), missing
    if isinstance(column, list):
        _, missing = plain(spec, column)
        fill = _FILL[spec.datatype]
        return np.array([fill if value is None else value for value in column], _NUMPY[spec.datatype]).tobytes(), missing
    missing = []
    if spec.dtype == "timedelta":
        missing = np.flatnonzero(column == MISSING_TIME).tolist()
    elif spec.dtype == "bool" and column.dtype.kind == "f":
        absent = np.isnan(column)
        missing = np.flatnonzero(absent).tolist()
        column = np.where(absent, 0.0, column)
    return column.astype(_NUMPY[spec.datatype]).tobytes(), missing
