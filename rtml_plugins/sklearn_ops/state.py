"""Fitted estimators as JSON values, and back: no pickle, and nothing runs but constructors of an allow-list.

An object becomes its class name, constructor arguments and attributes, found through the same protocol that pickle uses
(`__reduce_ex__`), but only for classes of scikit-learn and of packages that a plugin named (hook rtml_converters), which may
bring functions of its own for that; everything else is refused by name. Arrays are base64 of little-endian bytes with dtype,
shape and memory order, so that what comes back computes bit by bit what went in. Equal objects give equal JSON in every
process.

Forms: null, booleans, numbers, strings and lists stand for themselves; everything else is {"$": kind, ...}.
"""

from __future__ import annotations

import base64
import math
from typing import Any

from rtml_core.errors import RtmlError, describe

KIND = "$"


class StateError(RtmlError):
    """A value can't be written as JSON state, or a state can't be read."""


def encode(value: Any) -> Any:
    """JSON values for a fitted (or unfitted) estimator, or anything it is made of. Raises StateError naming what can't."""
    return _Encoder().encode(value)


def decode(state: Any) -> Any:
    """The inverse of `encode`. Raises StateError for a damaged state or a class that is not allowed."""
    from rtml_plugins.sklearn_ops.state_objects import decode_object

    try:
        return _decode(state, decode_object)
    except StateError:
        raise
    except Exception as error:
        raise StateError(f"the state of the estimator can't be read ({type(error).__name__}: {error}); fit it again") from error


def is_encoded(value: Any) -> bool:
    """Whether a JSON value is an encoded object (and not a plain parameter)."""
    return isinstance(value, dict) and value.get(KIND) == "object"


class _Encoder:
    """One encoding; remembers which objects are being encoded, to refuse cycles."""

    def __init__(self) -> None:
        self._open: list[int] = []

    def encode(self, value: Any) -> Any:
        import numpy as np

        if value is None or type(value) in (bool, str):
            return value
        if type(value) is int:
            return value if abs(value) < 2**53 else {KIND: "int", "value": str(value)}
        if type(value) is float:
            return value if math.isfinite(value) else {KIND: "float", "value": repr(value)}
        if isinstance(value, np.generic):
            return {KIND: "scalar", **_array_json(np.asarray(value))}
        if isinstance(value, np.dtype):
            return {KIND: "dtype", "value": dtype_json(value)}
        if id(value) in self._open:
            raise StateError(f"a {type(value).__name__} holds itself, and a cycle can't be written as state")
        self._open.append(id(value))
        try:
            return self._container(value)
        finally:
            self._open.pop()

    def _container(self, value: Any) -> Any:
        import numpy as np

        from rtml_plugins.sklearn_ops.state_objects import encode_object

        if type(value) is np.ndarray:
            if value.dtype.hasobject:
                return {
                    KIND: "objects",
                    "shape": list(value.shape),
                    "items": [self.encode(item) for item in value.ravel().tolist()],
                }
            return {KIND: "array", **_array_json(value)}
        if type(value) is np.ma.MaskedArray:
            return {KIND: "masked", "data": self.encode(np.asarray(value.data)), "mask": self.encode(np.ma.getmaskarray(value))}
        if type(value) is list:
            return [self.encode(item) for item in value]
        if type(value) is tuple:
            return {KIND: "tuple", "items": [self.encode(item) for item in value]}
        if type(value) in (set, frozenset):
            items = sorted((self.encode(item) for item in value), key=repr)
            return {KIND: type(value).__name__, "items": items}
        if type(value) is dict:
            return {KIND: "dict", "items": [[self.encode(key), self.encode(item)] for key, item in value.items()]}
        if type(value) is slice:
            return {KIND: "slice", "items": [self.encode(item) for item in (value.start, value.stop, value.step)]}
        if type(value) is bytes:
            return {KIND: "bytes", "data": base64.b64encode(value).decode()}
        return encode_object(value, self.encode)


def _array_json(array: Any) -> dict[str, Any]:
    import numpy as np

    order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
    dtype = array.dtype
    if dtype.names:
        # padding between fields holds whatever was in memory; copying field by field into zeros makes the bytes repeatable
        clean = np.zeros(array.shape, dtype)
        for name in dtype.names:
            clean[name] = array[name]
        array = clean
    elif dtype.byteorder == ">":
        array = array.astype(dtype.newbyteorder("<"))
    data = base64.b64encode(array.tobytes(order=order)).decode()
    known: dict[str, Any] = {"dtype": dtype_json(array.dtype), "shape": list(array.shape), "data": data}
    return known if order == "C" else {**known, "order": order}


def dtype_json(dtype: Any) -> Any:
    """A numpy dtype as JSON: its short string, or names, formats and offsets of a structured one."""
    if dtype.names is None:
        return dtype.str
    fields = {name: dtype.fields[name] for name in dtype.names}
    if any(field[0].names or field[0].subdtype for field in fields.values()):
        raise StateError(f"a nested dtype can't be written as state: {describe(dtype)}")
    return {
        "names": list(fields),
        "formats": [field[0].str for field in fields.values()],
        "offsets": [int(field[1]) for field in fields.values()],
        "itemsize": int(dtype.itemsize),
    }


def _decode(state: Any, decode_object: Any) -> Any:
    if isinstance(state, list):
        return [_decode(item, decode_object) for item in state]
    if not isinstance(state, dict):
        return state
    kind = state.get(KIND)
    if kind in ("array", "scalar", "dtype", "objects", "masked"):
        return _decode_array(kind, state, decode_object)
    if kind == "int":
        return int(state["value"])
    if kind == "float":
        return float(state["value"])
    if kind == "bytes":
        return base64.b64decode(state["data"], validate=True)
    if kind == "dict":
        return {_decode(key, decode_object): _decode(item, decode_object) for key, item in state["items"]}
    builtins: dict[Any, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset, "slice": lambda items: slice(*items)}
    if kind in builtins:
        return builtins[kind]([_decode(item, decode_object) for item in state["items"]])
    return decode_object(state, lambda item: _decode(item, decode_object))


def _decode_array(kind: str, state: dict[str, Any], decode_object: Any) -> Any:
    import numpy as np

    if kind == "masked":
        return np.ma.MaskedArray(_decode(state["data"], decode_object), mask=_decode(state["mask"], decode_object))
    if kind == "objects":
        items = [_decode(item, decode_object) for item in state["items"]]
        array = np.empty(len(items), dtype=object)
        array[:] = items
        return array.reshape(state["shape"])
    spec = state["value"] if kind == "dtype" else state["dtype"]
    dtype = np.dtype(spec)
    if kind == "dtype":
        return dtype
    if dtype.hasobject:
        raise StateError(f"an array of dtype {spec!r} would hold Python objects, which a state may not")
    flat = np.frombuffer(bytearray(base64.b64decode(state["data"], validate=True)), dtype=dtype)
    array = flat.reshape(state["shape"], order=state.get("order", "C"))
    return array[()] if kind == "scalar" else array
