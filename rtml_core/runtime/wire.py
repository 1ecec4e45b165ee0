"""Just enough of the protocol buffer wire format to look into a model before onnxruntime does.

The runtime does not import onnx. Field numbers are those of onnx.proto (ONNX 1.x, frozen by its compatibility rules).
"""

from __future__ import annotations

from collections.abc import Iterator

from rtml_core.errors import PackageError


def fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of one message: ints for varints, views for length-delimited and fixed ones."""
    at, end = 0, len(data)
    while at < end:
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind == 1:
            size = 8
        elif kind == 5:
            size = 4
        else:
            raise PackageError(f"the model is damaged: wire type {kind} is not used by ONNX")
        if at + size > end:
            raise PackageError("the model is damaged: a message is longer than what holds it")
        yield number, data[at : at + size]
        at += size


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise PackageError("the model is damaged: a number has no end")
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return result, at
        shift += 7


def text(value: int | memoryview) -> str:
    """A string field."""
    if isinstance(value, int):
        raise PackageError("the model is damaged: a number stands where a text belongs")
    return bytes(value).decode("utf-8", "replace")


def message(value: int | memoryview) -> memoryview:
    """A sub-message field."""
    if isinstance(value, int):
        raise PackageError("the model is damaged: a number stands where a message belongs")
    return value


def number(value: int | memoryview) -> int:
    """A varint field, as a signed 64-bit number."""
    if not isinstance(value, int):
        raise PackageError("the model is damaged: a message stands where a number belongs")
    return value - (1 << 64) if value >= 1 << 63 else value
