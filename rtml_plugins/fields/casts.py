"""Casts of FieldTrans: one description of what can be cast, two readings of it (frames and ONNX).

A target is a word of a signature: float, int, bool, string, timestamp, with "?" where a row may be missing. A value that has no
form in the target is "bad"; without "?", a missing one is bad too. What happens to bad ones is the policy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.columns import MISSING_STRING, MISSING_TIME, SIGNATURE_WORDS, carrier_of
from rtml_core.errors import ColumnError, ParamError, close_match, describe, listing
from rtml_plugins.fields.terms import Constant, value

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

Array = np.ndarray[Any, Any]

#: texts that are numbers; long enough for any number that is written out, short enough to stay in range
FLOAT_TEXT: Final = r"[+-]?([0-9]{1,100}(\.[0-9]{0,100})?|\.[0-9]{1,100})([eE][+-]?[0-9]{1,2})?"
INT_TEXT: Final = r"[+-]?[0-9]{1,18}"
TRUE_TEXTS: Final = ("true", "True", "TRUE", "1")
FALSE_TEXTS: Final = ("false", "False", "FALSE", "0")
_LIMIT: Final = 2.0**63

#: source dtype -> targets it has a form in
_POSSIBLE: Final = {
    "float64": ("float", "int", "bool"),
    "float32": ("float", "int", "bool"),
    "int64": ("float", "int", "bool", "string"),
    "bool": ("float", "int", "bool", "string"),
    "string": ("float", "int", "bool", "string", "timestamp"),
    "timestamp": ("timestamp",),
    "timedelta": (),
}
_CURES: Final = {
    ("float", "string"): "a float has no one text; cast it to int first",
    ("timestamp", "string"): "take the parts you need, e.g. Pandas dt.year, and cast those",
    ("timestamp", "number"): "take the parts you need, e.g. Pandas dt.hour, or a difference of two timestamps",
    ("number", "timestamp"): "a number does not say its unit; see Pandas to_datetime and astype",
}
_NEEDS: Final = {
    "float": "no number",
    "int": "no whole number of 64 bits",
    "bool": "neither true nor false",
    "string": "missing",
    "timestamp": "no ISO timestamp",
}


@dataclass(frozen=True)
class Cast:
    """field -> target word; `policy` refuse, missing, or the constant that takes a bad value's place."""

    field: str
    word: str
    nullable: bool
    policy: str | Constant

    @property
    def refusal(self) -> str:
        """What a row with a bad value is called."""
        missing = "" if self.nullable or self.word == "string" else "missing or "
        return f"a value of '{self.field}' that is {missing}{_NEEDS[self.word]}"

    def target(self, source: str) -> str:
        """dtype of the result; a whole number that may be missing is a float64, as everywhere."""
        if self.word == "int":
            return "float64" if self.nullable and source != "int64" else "int64"
        return SIGNATURE_WORDS[self.word]

    def check(self, source: str) -> None:
        """Raise ColumnError when fields of this dtype have no form in the target at all."""
        if self.word in _POSSIBLE[source]:
            return
        numbers = ("float64", "float32", "int64", "bool")
        one = "number" if source in numbers else source
        if source.startswith("float") and self.word == "string":
            one = "float"
        cure = _CURES.get((one, self.word if self.word in ("string", "timestamp") else "number"), "it has no such form")
        raise ColumnError(f"field '{self.field}' is {source} and can't become {self.word}: {cure}")


def read(given: Any, failed: Any) -> list[Cast]:
    """Casts from {"age": "int?"} and the policy; raises ParamError."""
    if not isinstance(given, dict) or not given:
        raise ParamError(f'\'cast\' must be an object of fields and types, e.g. {{"age": "int"}}; got {describe(given)}')
    casts = []
    for field, spec in given.items():
        word = spec.removesuffix("?") if isinstance(spec, str) else ""
        if word not in SIGNATURE_WORDS:
            raise ParamError(
                f"'{field}' must become one of {listing(SIGNATURE_WORDS)}, with '?' where it may be missing; got"
                f" {describe(spec)}.{close_match(str(spec), SIGNATURE_WORDS)}"
            )
        casts.append(Cast(field, word, spec.endswith("?"), _policy(failed, field, word, nullable=spec.endswith("?"))))
    return casts


def _policy(failed: Any, field: str, word: str, *, nullable: bool) -> str | Constant:
    if failed == "refuse":
        return "refuse"
    if failed == "missing":
        if not nullable:
            raise ParamError(f"'failed' is \"missing\", so '{field}' must become '{word}?', which may be missing; got '{word}'")
        return "missing"
    if isinstance(failed, dict) and set(failed) == {"value"}:
        given = {"timestamp": failed["value"]} if word == "timestamp" and isinstance(failed["value"], str) else failed["value"]
        constant = value(given, "'failed'")
        fits = {"float": ("float64", "int64"), "int": ("int64",)}.get(word, (SIGNATURE_WORDS[word],))
        if isinstance(constant, Constant) and constant.dtype in fits:
            return constant
        raise ParamError(f"'failed' must have a value that is a {word} for '{field}'; got {describe(failed['value'])}")
    raise ParamError(f'\'failed\' must be "refuse", "missing" or {{"value": constant}}; got {describe(failed)}')


# ---- on arrays ------------------------------------------------------------------------------------------------------------


def eager(cast: Cast, values: Array, source: str) -> tuple[Array, str]:
    """The cast on carried values [N] (booleans as float64): new carried values and their dtype. Raises ColumnError."""
    from rtml_plugins.fields.eager import carrier, missing_of_dtype
    from rtml_plugins.fields.kinds import scalar_as

    cast.check(source)
    dtype = cast.target(source)
    gone = missing_of_dtype(values, source)
    with np.errstate(all="ignore"):
        result, ok = _forms(cast.word, values, source, gone)
    bad = ~ok & ~gone if cast.nullable else ~ok | gone
    if cast.policy == "refuse" and bad.any():
        row = int(np.flatnonzero(bad)[0])
        found = values[row].item() if isinstance(values[row], np.generic) else values[row]
        shown = "a missing value" if gone[row] else describe(found)
        raise ColumnError(f"row {row} has {cast.refusal}: {shown}")
    made = result.astype(carrier(dtype))
    absent = scalar_as(Constant(None, "null"), dtype, nullable=True)
    if cast.nullable and dtype != "int64":
        made = np.where(gone, absent, made)
    if bad.any():
        fill = scalar_as(cast.policy, dtype, nullable=True) if isinstance(cast.policy, Constant) else absent
        made = np.where(bad, fill, made)
    return made, dtype


def _forms(word: str, values: Array, source: str, gone: Array) -> tuple[Array, Array]:
    """Values in the target, anything where they have no form; and where they have one (missing ones: anything)."""
    every = np.ones(len(values), dtype=bool)
    if source == "string":
        return _from_texts(word, values)
    if word == "string":
        if source == "bool":
            return np.where(values == 1.0, "true", "false").astype(object), every
        return np.array([str(number) for number in values], dtype=object), every
    if word == "bool":
        return np.asarray(values == 1).astype(np.float64), np.asarray((values == 0) | (values == 1))
    if word == "int" and source in ("float64", "float32"):
        wide = values.astype(np.float64)
        ok = (np.floor(wide) == wide) & (wide >= -_LIMIT) & (wide < _LIMIT)
        return np.where(ok, wide, 0.0), ok
    if source == "bool":
        return np.where(gone, 0.0, values), every
    return values, every


def _from_texts(word: str, values: Array) -> tuple[Array, Array]:
    if word == "string":
        return values, np.ones(len(values), dtype=bool)
    if word == "timestamp":
        from rtml_core.timestamps import parse_timestamps

        micros = parse_timestamps([None if text == MISSING_STRING else text for text in values])
        return micros, micros != MISSING_TIME
    if word == "bool":
        return np.isin(values, TRUE_TEXTS).astype(np.float64), np.isin(values, (*TRUE_TEXTS, *FALSE_TEXTS))
    pattern = re.compile(FLOAT_TEXT if word == "float" else INT_TEXT, re.ASCII)
    ok = np.array([pattern.fullmatch(text) is not None for text in values], dtype=bool)
    read = float if word == "float" else int
    parsed = [read(text) if good else 0 for text, good in zip(values, ok, strict=True)]
    return np.array(parsed, dtype=np.float64 if word == "float" else np.int64), ok


# ---- as ONNX --------------------------------------------------------------------------------------------------------------


def lowered(cast: Cast, b: Builder, column: Symbolic) -> Symbolic:
    """The cast on a symbolic column; rows that the policy refuses get a row check."""
    from rtml_core.lowering.symbolic import mask_of, new, value_of, where
    from rtml_plugins.fields.kinds import scalar_as

    source = column.dtype
    cast.check(source)
    dtype = cast.target(source)
    if dtype == source and (cast.word != "int" or source == "int64") and (not column.nullable or cast.nullable):
        return column
    gone = mask_of(b, value_of(b, column), column.carrier) if column.nullable else None
    result, ok = _lowered_forms(cast.word, b, column, gone)
    bad = None if ok is None else b.op("Not", ok)
    if gone is not None and not cast.nullable:
        bad = gone if bad is None else b.op("Or", bad, gone)
    elif gone is not None and bad is not None:
        bad = b.op("And", bad, b.op("Not", gone))
    nullable = (cast.nullable and gone is not None) or (cast.policy == "missing" and bad is not None)
    if dtype == "int64":
        nullable = False
    carrier = carrier_of(dtype, nullable)
    made = b.cast(result, carrier)
    if nullable and gone is not None:
        made = where(b, gone, b.const([[scalar_as(Constant(None, "null"), dtype, nullable=True)]], carrier), made)
    if bad is not None and cast.policy == "refuse":
        b.check(b.op("Not", bad), cast.refusal)
    elif bad is not None:
        fill = cast.policy if isinstance(cast.policy, Constant) else Constant(None, "null")
        made = where(b, bad, b.const([[scalar_as(fill, dtype, nullable=nullable)]], carrier), made)
    return new(dtype, made, nullable=nullable, finite=column.finite or source == "string" or cast.word != "float")


def _lowered_forms(word: str, b: Builder, column: Symbolic, gone: ir.Value | None) -> tuple[ir.Value, ir.Value | None]:
    """The value in the target, and where it has one (None: everywhere)."""
    from rtml_core.lowering.symbolic import value_of, where

    value = value_of(b, column)
    source = column.dtype
    if source == "string":
        return _lowered_texts(word, b, column)
    if word == "string":
        if source == "bool":
            truth = b.op("Equal", value, b.const([[1.0]], "float64"), dtype="bool") if column.nullable else value
            return where(b, truth, b.const([["true"]], "string"), b.const([["false"]], "string")), None
        return b.cast(value, "string"), None
    if source in ("bool", "timestamp"):
        if column.carrier == "float64" and gone is not None and word in ("int", "bool"):
            return where(b, gone, b.const([[0.0]], "float64"), value), None
        return value, None
    if word == "bool":
        zero, one = (b.const([[number]], column.carrier) for number in (0, 1))
        truth = b.op("Equal", value, one, dtype="bool")
        return truth, b.op("Or", truth, b.op("Equal", value, zero, dtype="bool"))
    if word == "int" and source in ("float64", "float32"):
        wide = b.cast(value, "float64")
        fits = b.op("Less", b.op("Abs", wide), b.const([[_LIMIT]], "float64"), dtype="bool")
        least = b.op("Equal", wide, b.const([[-_LIMIT]], "float64"), dtype="bool")
        whole = b.op("Equal", b.op("Floor", wide), wide, dtype="bool")
        ok = b.op("And", whole, b.op("Or", fits, least))
        return where(b, ok, wide, b.const([[0.0]], "float64")), ok
    return value, None


def _lowered_texts(word: str, b: Builder, column: Symbolic) -> tuple[ir.Value, ir.Value | None]:
    from rtml_core.lowering.symbolic import mask_of, new, value_of, where

    value = value_of(b, column)
    if word == "string":
        return value, None
    if word == "timestamp":
        from rtml_core.lowering.dates import parse_strings

        moment = value_of(b, parse_strings(b, column, "coerce"))
        return moment, b.op("Not", mask_of(b, moment, "int64"))
    if word == "bool":
        table = {**dict.fromkeys(TRUE_TEXTS, 1), **dict.fromkeys(FALSE_TEXTS, 0)}
        codes = b.label_encode(value, list(table), list(table.values()), -1, keys_dtype="string", values_dtype="int64")
        truth = b.op("Equal", codes, b.const([[1]], "int64"), dtype="bool")
        return truth, b.op("GreaterOrEqual", codes, b.const([[0]], "int64"), dtype="bool")
    ok = b.op("RegexFullMatch", value, dtype="bool", pattern=FLOAT_TEXT if word == "float" else INT_TEXT)
    safe = where(b, ok, value, b.const([["0"]], "string"))
    return new("float64" if word == "float" else "int64", b.cast(safe, "float64" if word == "float" else "int64")).tensor, ok
