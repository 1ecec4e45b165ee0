"""Rows in, arrays out: the strict signature of a package.

The fast path is one msgspec conversion into a struct whose fields lie in the order of the model's tensors. Only when it
refuses, or a value needs a second look, the slow path goes field by field and names everything that is wrong.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, NoReturn

import msgspec
import numpy as np

from rtml_core.columns import MISSING_STRING, MISSING_TIME, Field, carrier_of, within
from rtml_core.errors import InputError, InputProblem, close_match, describe, listing
from rtml_core.package import FieldEntry, TensorEntry
from rtml_core.runtime.json_text import pointer
from rtml_core.timestamps import parse_timestamps, to_micros

_INT: Final = Annotated[int, msgspec.Meta(ge=-(2**63) + 1, le=2**63 - 1)]
_INT53: Final = Annotated[int, msgspec.Meta(ge=-(2**53), le=2**53)]
_TYPES: Final[dict[str, Any]] = {"float": float, "int": _INT, "bool": bool, "string": str}
_EXPECTED: Final = {
    "float": "a finite number",
    "int": "a whole number",
    "bool": "true or false",
    "string": "a string",
    "timestamp": "an ISO 8601 timestamp, e.g. 2026-11-21T10:15:00Z",
}
#: problems after which no more rows are looked at, and those for which a field that may have been meant is looked up
MOST_PROBLEMS: Final = 1000
_MOST_HINTS: Final = 20
_NUMPY: Final = {"float64": np.float64, "int64": np.int64, "bool": np.bool_, "string": np.object_}


def _in_range(entry: FieldEntry) -> Any:
    """The type of a number with its bounds, for msgspec."""
    low, high = entry.minimum, entry.maximum
    if entry.type == "float":
        return Annotated[float, msgspec.Meta(ge=low, le=high)]
    limit = 2**53 if entry.nullable else 2**63 - 1
    return Annotated[int, msgspec.Meta(ge=-limit if low is None else int(low), le=limit if high is None else int(high))]


def value_type(entry: FieldEntry, timestamp: Any) -> Any:
    """The type of a field's values for msgspec. timestamp: what it takes for a timestamp, which is read afterwards."""
    kind = _INT53 if entry.type == "int" and entry.nullable else _TYPES.get(entry.type, timestamp)
    if entry.categories:
        kind = Literal[entry.categories]
    elif entry.minimum is not None or entry.maximum is not None:
        kind = _in_range(entry)
    return kind | None if entry.nullable and kind is not Any else kind


Feed = dict[str, np.ndarray[Any, Any]]


class Signature:
    """Turns rows or columns into the model's input tensors. `ignore_extra`: unknown fields are dropped, not refused.

    ordered: the fields as they lie in the tensors, those that no tensor takes last. plan: for each tensor its name, element type
    and the range of `ordered` that it holds, with converters of the values where numpy needs them.
    """

    def __init__(self, fields: Sequence[FieldEntry], inputs: Sequence[TensorEntry], *, ignore_extra: bool = False):
        self.ignore_extra = ignore_extra
        self.fields = fields
        groups = {tensor.name: sorted((f for f in fields if f.tensor == tensor.name), key=lambda f: f.index) for tensor in inputs}
        fed = [f for members in groups.values() for f in members]
        self._unfed = [f for f in fields if f.tensor is None]
        self.ordered = fed + self._unfed
        self._by_name = {f.name: f for f in self.fields}
        self._struct = self._make_struct()
        self.plan: list[tuple[str, str, int, int, list[Any] | None]] = []
        at = 0
        for tensor in inputs:
            members = groups[tensor.name]
            self.plan.append((tensor.name, tensor.dtype, at, at + len(members), _converters(members)))
            at += len(members)

    @classmethod
    def of_fields(cls, fields: Sequence[Field], *, ignore_extra: bool = False) -> Signature:
        """A signature without a model: each field is a tensor of its own, under its name."""
        entries = [FieldEntry.of(f, f.name) for f in fields]
        tensors = [TensorEntry(f.name, carrier_of(f.column.dtype, f.nullable), 1) for f in fields]
        return cls(entries, tensors, ignore_extra=ignore_extra)

    def _make_struct(self) -> Any:
        definitions = []
        for position, entry in enumerate(self.ordered):
            annotation = value_type(entry, Any)
            default = entry.default if entry.optional else msgspec.NODEFAULT
            definitions.append((f"f{position}", annotation, msgspec.field(name=entry.name, default=default)))
        return msgspec.defstruct("Row", definitions, forbid_unknown_fields=not self.ignore_extra, gc=False, kw_only=True)

    # ---- one row ------------------------------------------------------------------------------------------------

    def row(self, row: Mapping[str, Any]) -> Feed:
        """Tensors [1, k] for one row; InputError names every field that does not fit."""
        try:
            return self._pack_row(self._as_tuple(msgspec.convert(row, self._struct)))
        except (msgspec.ValidationError, ValueError, TypeError, OverflowError):
            return self._pack_row(self.slow_row(row, ""))

    def _pack_row(self, values: tuple[Any, ...]) -> Feed:
        feed: Feed = {}
        for name, dtype, start, stop, converters in self.plan:
            part: Any = values[start:stop]
            if dtype == "float64":
                for value in part:
                    if value is not None and value - value != 0.0:
                        raise ValueError("NaN or infinite: the slow path decides")
                array = np.array((part,), np.float64)
            elif dtype == "string":
                array = np.array((_texts(part),), np.object_)
            else:
                if converters:
                    part = [v if c is None else c(v) for v, c in zip(part, converters, strict=True)]
                array = np.array((part,), _NUMPY[dtype])
            feed[name] = array
        return feed

    def _as_tuple(self, struct: msgspec.Struct) -> tuple[Any, ...]:
        values = msgspec.structs.astuple(struct)
        if self._unfed:
            for entry, value in zip(reversed(self._unfed), reversed(values), strict=False):
                _value(entry, value)  # what no tensor takes is as strict as the rest
        return values

    def _check_floats(self, values: np.ndarray[Any, Any], start: int) -> None:
        for offset, value in enumerate(values):
            entry = self.ordered[start + offset]
            if math.isinf(value) or (math.isnan(value) and not entry.nullable):
                raise ValueError(entry.name)

    # ---- many rows ----------------------------------------------------------------------------------------------

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> Feed:
        """Tensors [N, k] for a list of rows."""
        try:
            structs = msgspec.convert(rows, list[self._struct])  # type: ignore[name-defined]
            return self._pack_rows([self._as_tuple(item) for item in structs])
        except (msgspec.ValidationError, ValueError, TypeError, OverflowError):
            return self._pack_rows(self.slow_rows(rows))

    def slow_rows(self, rows: Any) -> list[tuple[Any, ...]]:
        """slow_row of each row."""
        if not isinstance(rows, (list, tuple)):
            raise InputError([InputProblem("/", "a list of rows", describe(rows))])
        done: list[tuple[Any, ...]] = []
        problems: list[InputProblem] = []
        for number, row in enumerate(rows):
            try:
                done.append(self.slow_row(row, f"/{number}"))
            except InputError as error:
                problems.extend(error.problems)
                if len(problems) >= MOST_PROBLEMS:
                    break
        if problems:
            raise InputError(problems)
        return done

    def _pack_rows(self, rows: list[tuple[Any, ...]]) -> Feed:
        columns = list(zip(*rows, strict=True)) if rows else [()] * len(self.ordered)
        feed: Feed = {}
        for name, dtype, start, stop, converters in self.plan:
            array: np.ndarray[Any, Any] = np.empty((len(rows), stop - start), _NUMPY[dtype])
            for offset in range(stop - start):
                column: Any = columns[start + offset]
                convert = converters[offset] if converters else None
                if convert is not None:
                    column = [convert(value) for value in column]
                elif dtype == "string":
                    column = _texts(column)
                array[:, offset] = column
            if dtype == "float64" and not np.isfinite(array).all():
                for row_values in array:
                    self._check_floats(row_values, start)
            feed[name] = array
        return feed

    def refuse_surrogates(self, rows: Any) -> NoReturn:
        """Name the strings that are no Unicode text (half of a surrogate pair), which a tensor can't hold."""
        if isinstance(rows, Mapping):
            self.slow_row(rows, "")
        else:
            self.slow_rows(rows)
        raise InputError([InputProblem("/", "strings of valid Unicode", "a surrogate half")])

    # ---- columns ------------------------------------------------------------------------------------------------

    def columns(self, columns: Mapping[str, Any]) -> Feed:
        """Tensors [N, k] from columns (lists or arrays of one length)."""
        self._check_names(columns, "")
        lengths = {name: len(values) for name, values in columns.items()}
        if len(set(lengths.values())) > 1:
            raise InputError([InputProblem("/", "columns of one length", f"lengths {lengths}")])
        count = next(iter(lengths.values()), 0)
        columns = {**{f.name: [f.default] * count for f in self.fields if f.optional and f.name not in columns}, **columns}
        feed: Feed = {}
        for name, dtype, start, stop, _ in self.plan:
            array: np.ndarray[Any, Any] = np.empty((count, stop - start), _NUMPY[dtype])
            for offset in range(stop - start):
                entry = self.ordered[start + offset]
                array[:, offset] = _column(entry, columns[entry.name])
            feed[name] = array
        for entry in self.ordered[self.plan[-1][3] if self.plan else 0 :]:
            _column(entry, columns[entry.name])
        return feed

    # ---- the slow path ------------------------------------------------------------------------------------------

    def _check_names(self, row: Any, at: str) -> None:
        problems: list[InputProblem] = []
        for name in row:
            if name not in self._by_name and not self.ignore_extra:
                near = self._near(str(name), row) if len(problems) < _MOST_HINTS else ""
                expected = "no such field" + (f" ({near[0].lower()}{near[1:]})" if near else "")
                problems.append(InputProblem(f"{at}/{pointer(str(name))}", expected, "an unknown field"))
                if len(problems) >= MOST_PROBLEMS:
                    break
        for entry in self.fields:
            if entry.name not in row and not entry.optional:
                expected = expectation(entry)
                problems.append(InputProblem(f"{at}/{pointer(entry.name)}", expected, "nothing: the field is missing"))
        if problems:
            raise InputError(problems)

    def _near(self, name: str, row: Any) -> str:
        """The field that is missing and may have been meant, in words."""
        return close_match(name, [n for n in self._by_name if n not in row]).strip() if len(name) <= 200 else ""

    def slow_row(self, row: Any, at: str = "") -> tuple[Any, ...]:
        """The values of a row in the order of `ordered`, missing ones None; InputError names every field that does not fit."""
        if not isinstance(row, Mapping):
            raise InputError([InputProblem(at or "/", "a row: an object of fields and values", describe(row))])
        problems: list[InputProblem] = []
        try:
            self._check_names(row, at)
        except InputError as error:
            problems.extend(error.problems)
        values = []
        for entry in self.ordered:
            if entry.name not in row:
                values.append(entry.default)
                continue
            try:
                values.append(_value(entry, row[entry.name]))
            except ValueError:
                got = describe_value(row[entry.name])
                problems.append(InputProblem(f"{at}/{pointer(entry.name)}", expectation(entry, row[entry.name]), got))
        if problems:
            raise InputError(problems)
        return tuple(values)


def _converters(members: Sequence[FieldEntry]) -> list[Any] | None:
    """What numpy can't do for a value of a tensor: timestamps to microseconds, nullable booleans stay."""
    if not any(f.type == "timestamp" for f in members):
        return None
    return [None if f.type != "timestamp" else _micros_or_missing if f.nullable else to_micros for f in members]


def _micros_or_missing(value: Any) -> int:
    return MISSING_TIME if value is None else to_micros(value)


def _texts(values: Sequence[Any]) -> Sequence[Any]:
    if None in values:
        if MISSING_STRING in values:
            raise ValueError("a string is the reserved character U+FDD0")
        values = [MISSING_STRING if value is None else value for value in values]
    elif MISSING_STRING in values:
        raise ValueError("a string is the reserved character U+FDD0")
    if "\0" in "".join(values):
        raise ValueError("a string holds U+0000, at which string operators would cut it")
    return values


def _value(entry: FieldEntry, value: Any) -> Any:
    """One value as the fast path would give it; ValueError when it does not fit the field."""
    if isinstance(value, np.generic) and not isinstance(value, (np.datetime64, np.timedelta64)):
        value = value.item()
    if value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value)):
        if not entry.nullable:
            raise ValueError
        return None
    parsed = _PARSERS[entry.type](value, entry.nullable)
    if entry.categories is not None and parsed not in entry.categories:
        raise ValueError
    if not within(entry, parsed):
        raise ValueError
    return parsed


def _float(value: Any, _: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError
    if abs(value) > sys.float_info.max or value != value:  # of whole numbers, float() and math.isfinite take no larger ones
        raise ValueError
    return float(value)


def _integer(value: Any, nullable: bool) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    limit = 2**53 if nullable else 2**63 - 1
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > limit:
        raise ValueError
    return value


def _boolean(value: Any, _: bool) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _string(value: Any, _: bool) -> str:
    if not isinstance(value, str) or value == MISSING_STRING or "\0" in value:
        raise ValueError
    value.encode("utf-8")
    return value


def _timestamp(value: Any, _: bool) -> Any:
    if not isinstance(value, (str, datetime, date, np.datetime64)):
        raise ValueError
    to_micros(value)
    return value


_PARSERS: Final = {"float": _float, "int": _integer, "bool": _boolean, "string": _string, "timestamp": _timestamp}


def _column(entry: FieldEntry, values: Any) -> np.ndarray[Any, Any]:
    """A column as the array that travels; fast for arrays that have the right dtype already."""
    array = values if isinstance(values, np.ndarray) else None
    if array is not None and (entry.minimum is not None or entry.maximum is not None) and not _all_within(entry, array):
        array = None
    if array is not None and array.dtype.kind in "fiu" and entry.type == "float":
        result = array.astype(np.float64)
        if np.isfinite(result).all() or (entry.nullable and not np.isinf(result).any()):
            return result
    if array is not None and array.dtype.kind == "i" and entry.type == "int":
        if not entry.nullable:
            return array.astype(np.int64)
        if not len(array) or max(abs(int(array.min())), abs(int(array.max()))) <= 2**53:
            return array.astype(np.float64)
    if array is not None and array.dtype.kind == "M" and entry.type == "timestamp":
        micros = array.astype("datetime64[us]").astype(np.int64)
        if entry.nullable or not (micros == MISSING_TIME).any():
            return micros
    if array is not None and array.dtype.kind == "b" and entry.type == "bool":
        return array
    together = _column_of_texts(entry, values) if entry.type in ("string", "timestamp") else None
    return _column_by_value(entry, values) if together is None else together


def _all_within(entry: FieldEntry, array: np.ndarray[Any, Any]) -> bool:
    """Whether all numbers that are there lie in the field's range; False when that takes a look at each."""
    if array.dtype.kind not in "fiu":
        return False
    there = array[~np.isnan(array)] if array.dtype.kind == "f" else array
    return not len(there) or (within(entry, there.min().item()) and within(entry, there.max().item()))


def _column_of_texts(entry: FieldEntry, values: Any) -> np.ndarray[Any, Any] | None:
    """A column of texts (and None, where that is allowed) in one go; None when a value needs a look of its own."""
    texts = values.tolist() if isinstance(values, np.ndarray) and values.dtype.kind in "OU" else values
    if not isinstance(texts, (list, tuple)):
        return None
    kinds = set(map(type, texts))
    if float in kinds:  # pandas has NaN where a text is missing
        texts = [None if type(text) is float and text != text else text for text in texts]
        kinds = set(map(type, texts))
    if not kinds <= ({str, type(None)} if entry.nullable else {str}):
        return None
    if entry.type == "timestamp":
        micros = parse_timestamps(texts)
        return micros if int((micros == MISSING_TIME).sum()) == texts.count(None) else None
    if entry.categories is not None and not set(texts) - {None} <= set(entry.categories):
        return None
    try:
        filled = _texts(texts)
        "".join(filled).encode()
    except ValueError:
        return None
    return np.array(filled, np.object_)


def _column_by_value(entry: FieldEntry, values: Any) -> np.ndarray[Any, Any]:
    missing: Any = {"string": MISSING_STRING, "timestamp": MISSING_TIME}.get(entry.type, math.nan)
    result: list[Any] = []
    problems: list[InputProblem] = []
    plain = values.tolist() if isinstance(values, np.ndarray) and values.dtype.kind not in "MmO" else values
    for number, value in enumerate(plain):
        try:
            fitting = _value(entry, value)
        except ValueError:
            at = f"/{number}/{pointer(entry.name)}"
            problems.append(InputProblem(at, expectation(entry, value), describe_value(value)))
            continue
        if fitting is None:
            result.append(missing)
        else:
            result.append(to_micros(fitting) if entry.type == "timestamp" else fitting)
    if problems:
        raise InputError(problems)
    dtypes: dict[str, Any] = {"string": np.object_, "timestamp": np.int64, "bool": np.float64 if entry.nullable else np.bool_}
    dtype = dtypes.get(entry.type, np.float64 if entry.type == "float" or entry.nullable else np.int64)
    return np.array(result, dtype)


def expectation(entry: FieldEntry, value: Any = None) -> str:
    """What a field takes, in words; more exactly where `value` is nearly that."""
    text = _EXPECTED[entry.type]
    if entry.categories is not None:
        text = f"one of {listing(map(repr, entry.categories), 10)}"
    elif entry.type == "string" and isinstance(value, str):
        text += " of Unicode text without U+0000 and U+FDD0"
    if entry.type == "int" and entry.nullable:
        text += " of at most 2^53"
    if entry.minimum is not None or entry.maximum is not None:
        text += f" {spread(entry)}"
    return text + (" or null" if entry.nullable else "")


def describe_value(value: Any) -> str:
    """What came, in words: 'string "x"', 'number 3', 'null'."""
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", list: "list", dict: "object"}
    return f"{kinds.get(type(value), type(value).__name__)} {describe(value)}"


def spread(entry: FieldEntry) -> str:
    """The range of a field in words: 'from 0 to 150', 'from 0', 'up to 1'."""
    ends = (("from", entry.minimum), ("to" if entry.minimum is not None else "up to", entry.maximum))
    return " ".join(
        f"{word} {bound:g}" if isinstance(bound, float) else f"{word} {bound}" for word, bound in ends if bound is not None
    )
