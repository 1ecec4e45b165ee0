"""Columns and schemas: what a frame has, known without its rows.

No pandas here: the runtime reads schemas too.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rtml_core.errors import ColumnError, RtmlError, close_match, listing

#: dtypes of columns. timestamp: an instant, int64 microseconds since 1970 UTC; timedelta: int64 microseconds.
DTYPES: Final = ("float64", "float32", "int64", "bool", "string", "timestamp", "timedelta")
#: the word a signature uses for each dtype that can cross the boundary
SIGNATURE_WORDS: Final = {"float": "float64", "int": "int64", "bool": "bool", "string": "string", "timestamp": "timestamp"}

#: how a missing string travels in a tensor: a Unicode noncharacter, which no interchange text may hold
MISSING_STRING: Final = "\ufdd0"
#: how a missing timestamp or timedelta travels: numpy's NaT
MISSING_TIME: Final = -(2**63)


_CARRIERS: Final = {"timestamp": "int64", "timedelta": "int64"}


def carrier_of(dtype: str, nullable: bool) -> str:
    """Tensor element type in which a column travels; a nullable bool travels as float64 with NaN."""
    return "float64" if dtype == "bool" and nullable else _CARRIERS.get(dtype, dtype)


@dataclass(frozen=True)
class Column:
    """A column of a frame.

    `nullable`: a row may be missing here (NaN, None, NaT). `finite`: no row is infinite (floats). `categories`: all
    values it can have, in order, when that is known.
    """

    name: str
    dtype: str
    nullable: bool = False
    finite: bool = True
    categories: tuple[Any, ...] | None = None

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise ColumnError(f"Column '{self.name}': dtype must be one of {listing(DTYPES)}; got {self.dtype!r}")

    def renamed(self, name: str) -> Column:
        return replace(self, name=name)

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}{'?' if self.nullable else ''}"


class Schema(Mapping[str, Column]):
    """Columns by name, in order."""

    def __init__(self, columns: Iterable[Column] = ()):
        self._columns: dict[str, Column] = {}
        for column in columns:
            if column.name in self._columns:
                raise ColumnError(f"Column '{column.name}' is there twice; rename one of the two")
            self._columns[column.name] = column

    def __getitem__(self, name: str) -> Column:
        try:
            return self._columns[name]
        except KeyError:
            raise ColumnError(missing_column(name, self._columns)) from None

    def __contains__(self, name: object) -> bool:
        return name in self._columns

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def _repr_html_(self) -> str:
        # by its name: the runtime reads schemas too, and knows nothing of what notebooks show
        text: str = importlib.import_module("rtml_core.display").html(self)
        return text

    def __repr__(self) -> str:
        return f"Schema({', '.join(str(column) for column in self._columns.values())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and list(self.values()) == list(other.values())

    def __hash__(self) -> int:
        return hash(tuple(self._columns.values()))


def missing_column(name: object, known: Iterable[str], where: str = "") -> str:
    """The one sentence about a column that does not exist."""
    names = list(known)
    at = f" at {where}" if where else ""
    return f"Column '{name}' does not exist{at}. It has: {listing(names)}.{close_match(str(name), names)}"


@dataclass(frozen=True)
class Field:
    """One field of a signature: what a request may hold under `name`.

    `type` is a word of SIGNATURE_WORDS; `nullable` allows null. An `int` that may be null is a float64 column, as in
    pandas. `minimum` and `maximum` bound a number, both included. A request may leave an `optional` field out; it then holds
    `default`. `doc` says what the field means.
    """

    name: str
    type: str
    nullable: bool = False
    categories: tuple[str, ...] | None = field(default=None)
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False
    default: Any = None
    doc: str = ""

    @property
    def column(self) -> Column:
        dtype = SIGNATURE_WORDS[self.type]
        if self.type == "int" and self.nullable:
            dtype = "float64"
        return Column(self.name, dtype, self.nullable, categories=self.categories)

    @property
    def spec(self) -> str:
        return self.type + ("?" if self.nullable else "")


def parse_signature(schema: Mapping[str, Any]) -> tuple[Field, ...]:
    """Fields from `{"age": "float?", "brand": {"type": "string?", "categories": ["VW", ...]}}`.

    Raises RtmlError naming the field, the words that are allowed and what came.
    """
    if not isinstance(schema, Mapping) or not schema:
        raise RtmlError('a schema must be an object of field names and types, e.g. {"age": "float?"}, with at least one field')
    return tuple(_parse_field(name, spec) for name, spec in schema.items())


def _parse_field(name: object, spec: Any) -> Field:
    if not isinstance(name, str) or not name:
        raise RtmlError(f"a field name must be a non-empty string; got {name!r}")
    if any("\ud800" <= char <= "\udfff" for char in name):
        raise RtmlError(f"a field name must be Unicode text, and {name!r} holds half of a character")
    if any(char in '"\\' or char < " " for char in name):  # JSON escapes these, which the decoder of requests does not undo
        raise RtmlError(f'a field name must hold no quote ("), no backslash and no control character; got {name!r}: rename it')
    categories: tuple[str, ...] | None = None
    word, more = spec, {}
    if isinstance(spec, Mapping):
        unknown = sorted(set(map(str, spec)) - set(_FIELD_KEYS))
        if unknown or "type" not in spec:
            hint = close_match(unknown[0], _FIELD_KEYS) if unknown else ""
            raise RtmlError(
                f"field '{name}' must be a type or an object {{\"type\": ..., ...}} with any of {listing(_FIELD_KEYS[1:])}; got"
                f" {spec!r}.{hint}"
            )
        word, more = spec["type"], dict(spec)
        if spec.get("categories") is not None:
            categories = tuple(spec["categories"])
    base = word.removesuffix("?") if isinstance(word, str) else ""
    if base not in SIGNATURE_WORDS:
        words = ", ".join(SIGNATURE_WORDS)
        raise RtmlError(
            f"field '{name}' must have one of the types {words}, with '?' when it may be null; got {word!r}."
            f"{close_match(str(word), SIGNATURE_WORDS)}"
        )
    if categories is not None:
        texts = base == "string" and all(isinstance(category, str) for category in categories)
        if not texts or not categories or len(set(categories)) < len(categories):
            raise RtmlError(
                f"field '{name}': categories must be strings of a string field, at least one and none twice; got"
                f" {list(categories)!r}"
            )
    return _bounded(Field(name, base, word.endswith("?"), categories), more)


_FIELD_KEYS: Final = ("type", "categories", "min", "max", "default", "doc")


def _bounded(entry: Field, more: Mapping[str, Any]) -> Field:
    """The field with its range, default and meaning; raises RtmlError for those that do not fit its type."""
    bounds: list[Any] = []
    for key in ("min", "max"):
        bound: Any = more.get(key)
        number = isinstance(bound, (int, float)) and not isinstance(bound, bool) and abs(bound) < math.inf
        whole = entry.type != "int" or (number and bound == int(bound))
        if bound is not None and not (entry.type in ("float", "int") and number and whole):
            kind = "a whole number" if entry.type == "int" else "a number, and the field one of numbers"
            raise RtmlError(f"field '{entry.name}': {key} must be {kind}; got {bound!r}")
        bounds.append(int(bound) if bound is not None and entry.type == "int" else bound)
    low, high = bounds
    if low is not None and high is not None and low > high:
        raise RtmlError(f"field '{entry.name}': min must not be above max; got {low!r} and {high!r}")
    text = more.get("doc", "")
    if not isinstance(text, str):
        raise RtmlError(f"field '{entry.name}': doc must be a text; got {text!r}")
    made = replace(entry, minimum=low, maximum=high, optional="default" in more, default=more.get("default"), doc=text)
    if made.optional and not _fits(made, made.default):
        raise RtmlError(f"field '{entry.name}': default must be a value that a request may hold there; got {made.default!r}")
    return made


def _fits(entry: Field, value: Any) -> bool:
    """Whether a default is a value of its field; of a timestamp only that it is a text (timestamps are read elsewhere)."""
    if value is None:
        return entry.nullable
    if entry.type in ("float", "int"):
        number = isinstance(value, int if entry.type == "int" else (int, float)) and not isinstance(value, bool)
        return number and abs(value) < (math.inf if entry.type == "float" else 2**53) and within(entry, value)
    if entry.type == "bool":
        return isinstance(value, bool)
    return isinstance(value, str) and (entry.categories is None or value in entry.categories)


def within(entry: Any, value: Any) -> bool:
    """Whether a number lies in the range of a field (a Field, or its entry in a manifest)."""
    low, high = entry.minimum, entry.maximum
    return (low is None or value >= low) and (high is None or value <= high)


def signature_spec(fields: Iterable[Field]) -> dict[str, Any]:
    """The inverse of parse_signature, as JSON values."""
    made: dict[str, Any] = {}
    for f in fields:
        more: dict[str, Any] = {"categories": list(f.categories)} if f.categories is not None else {}
        more |= {key: bound for key, bound in (("min", f.minimum), ("max", f.maximum)) if bound is not None}
        more |= {"default": f.default} if f.optional else {}
        more |= {"doc": f.doc} if f.doc else {}
        made[f.name] = {"type": f.spec, **more} if more else f.spec
    return made
