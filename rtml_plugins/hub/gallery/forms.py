"""The signature of a package as a form: what is typed, and the row of JSON that it means.

What is typed is kept as it was typed and becomes JSON as late as possible: whole numbers stay exact however large they are, and
what is no value of its field is sent as a text, so that the edge refuses it by the name of the field.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from rtml_core.baseline import ColumnBaseline
from rtml_core.columns import within
from rtml_core.errors import InputError, InputProblem, describe
from rtml_core.package import FieldEntry, Manifest

VALUE: Final = "value"
MISSING: Final = "missing"
LEFT_OUT: Final = "left out"
#: categories beyond which a field is a text with suggestions instead of a list to choose from
MOST_CHOICES: Final = 200
#: numbers that JSON has, and how people write them besides: "+5", ".5", "5."
_NUMBER: Final = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,20}))?")
_LONGEST: Final = 400
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Typed(NamedTuple):
    """What a field of the form holds. how: VALUE, MISSING or LEFT_OUT; text: as it was typed, kept beside the other two, too."""

    how: str
    text: str


#: by field name
Filled = Mapping[str, Typed]


def is_choice(entry: FieldEntry) -> bool:
    """Whether the field is a list to choose from, in which "missing" and "left out" stand, too."""
    return entry.type == "bool" or (entry.categories is not None and len(entry.categories) <= MOST_CHOICES)


# ---- what is in the form ----------------------------------------------------------------------------------------------------


def first(manifest: Manifest, sample: Mapping[str, Any] | None = None) -> dict[str, Typed]:
    """What a form begins with: values in the middle of those of the training, missing where most were; a declared default is left
    out, as it comes by itself. sample: a row of the package, taken where there is no baseline."""
    known = baselines(manifest)
    filled = {}
    for entry in manifest.fields:
        if entry.optional:
            filled[entry.name] = Typed(LEFT_OUT, "" if entry.default is None else text_of(entry.default))
            continue
        column = known.get(entry.name)
        text = usual(entry, column)
        if text is None and sample is not None and sample.get(entry.name) is not None:
            text = text_of(sample[entry.name])
        mostly_missing = entry.nullable and column is not None and column.missing > sum(column.counts)
        filled[entry.name] = Typed(MISSING if mostly_missing else VALUE, plain(entry) if text is None else text)
    return filled


def baselines(manifest: Manifest) -> dict[str, ColumnBaseline]:
    """What is known of the values of the fields in training, by name."""
    return {} if manifest.baseline is None else {column.name: column for column in manifest.baseline.inputs}


def usual(entry: FieldEntry, column: ColumnBaseline | None) -> str | None:
    """The median of numbers and times, the most frequent text; None where nothing is known, or it is no value of the field."""
    if column is None or not any(column.counts):
        return None
    if column.kind == "category":
        counts = column.counts[: len(column.values)]
        if not any(counts):
            return None
        text = column.values[counts.index(max(counts))]
        allowed = ("true", "false") if entry.type == "bool" else entry.categories
        return text if allowed is None or text in allowed else None
    if len(column.quantiles) != 7 or not math.isfinite(column.quantiles[3]):
        return None
    middle = column.quantiles[3]
    if column.kind == "time":
        return time_text(middle)
    rounded: float = round(middle) if entry.type == "int" or column.whole else float(f"{middle:.6g}")
    fitting = [value for value in ((rounded,) if entry.type == "int" else (rounded, middle)) if within(entry, value)]
    return text_of(fitting[0]) if fitting else None


def plain(entry: FieldEntry) -> str:
    """A value for a field of which nothing is known but its declaration."""
    if entry.categories:
        return entry.categories[0]
    if entry.type == "bool":
        return "false"
    if entry.type == "timestamp":
        return "2026-01-01T12:00:00Z"
    if entry.type == "string":
        return ""
    low, high = entry.minimum, entry.maximum
    value: float = 0
    if low is not None and value < low:
        value = low
    if high is not None and value > high:
        value = high
    return text_of(int(value) if entry.type == "int" else value)


def of_row(manifest: Manifest, row: Mapping[str, Any]) -> dict[str, Typed]:
    """The form with the values of a row."""
    filled = {}
    for entry in manifest.fields:
        if entry.name not in row:
            filled[entry.name] = Typed(LEFT_OUT if entry.optional else VALUE, "")
        else:
            value = row[entry.name]
            filled[entry.name] = Typed(MISSING, "") if value is None else Typed(VALUE, text_of(value))
    return filled


def text_of(value: Any) -> str:
    """A JSON value as it is typed: 41.0 as "41"."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        minus_zero = value == 0 and math.copysign(1.0, value) < 0
        return repr(value) if minus_zero or not value.is_integer() or abs(value) >= 1e15 else str(int(value))
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def time_text(seconds: float) -> str | None:
    """Seconds since 1970 as a timestamp; None outside the years that a timestamp can say."""
    try:
        moment = _EPOCH + timedelta(seconds=round(seconds))
    except OverflowError:
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment.year >= 1000 else None


def of_json(manifest: Manifest, text: str) -> tuple[bytes, dict[str, Typed]]:
    """A row that was written as JSON, and the form with its values; it is sent as it was written. Raises InputError for what is
    no JSON object of plain values."""
    body = text.strip().encode("utf-8", "replace")
    try:
        values = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InputError([InputProblem("", "a row as JSON", f"what is none: {error}")]) from None
    if not isinstance(values, dict) or any(isinstance(value, (dict, list)) for value in values.values()):
        expected = 'one row as JSON, e.g. {"age": 41}, of numbers, texts, true, false and null'
        raise InputError([InputProblem("", expected, describe(values))])
    return body, of_row(manifest, values)


# ---- from the form ----------------------------------------------------------------------------------------------------------


def value_name(at: int) -> str:
    """The name of the input of the field at a position in the signature: names of fields are not fit for forms."""
    return f"v{at}"


def how_name(at: int) -> str:
    """The name of the list that says whether there is a value at all."""
    return f"h{at}"


def read(manifest: Manifest, form: Mapping[str, str]) -> dict[str, Typed]:
    """What was typed, by field. A field that the form does not have is left out: the edge says so if it needs it."""
    filled = {}
    for at, entry in enumerate(manifest.fields):
        given = form.get(value_name(at))
        how = form.get(how_name(at), VALUE)
        if given is None and how == VALUE:
            how = LEFT_OUT
        text = (given or "").replace("\r\n", "\n")  # as a text area sends the end of a line
        if is_choice(entry):
            how, text = _chosen(entry, text, how)
        elif how not in (MISSING, LEFT_OUT):
            how = VALUE
        filled[entry.name] = Typed(how, text)
    return filled


def _chosen(entry: FieldEntry, option: str, how: str) -> tuple[str, str]:
    """(how, text) of an option as option_of names it; another text stays what it is."""
    if option in (MISSING, LEFT_OUT) or how == LEFT_OUT:
        return (option if option in (MISSING, LEFT_OUT) else how), ""
    if entry.categories is not None and re.fullmatch(r"c[0-9]{1,6}", option) and int(option[1:]) < len(entry.categories):
        return VALUE, entry.categories[int(option[1:])]
    return VALUE, option


def option_of(entry: FieldEntry, typed: Typed) -> str:
    """The option of a list that stands for what is typed; "" where there is none. Categories go by their number: their texts are
    not fit for forms."""
    if typed.how != VALUE:
        return typed.how
    if entry.categories is not None:
        return f"c{entry.categories.index(typed.text)}" if typed.text in entry.categories else ""
    return typed.text if typed.text in ("true", "false") else ""


def row(manifest: Manifest, filled: Filled) -> bytes:
    """The row as a JSON object, in the order of the signature."""
    values = {}
    for entry in manifest.fields:
        typed = filled[entry.name]
        if typed.how == MISSING:
            values[entry.name] = msgspec.Raw(b"null")
        elif typed.how == VALUE:
            values[entry.name] = msgspec.Raw(json_of(entry, typed.text))
    return msgspec.json.encode(values)


def json_of(entry: FieldEntry, text: str) -> bytes:
    """What is typed in a field, as JSON: a text where it is no number, or true or false, that the field could take."""
    if entry.type in ("float", "int"):
        number = number_of(text)
        if number is not None:
            return number.encode()
    if entry.type == "bool" and text in ("true", "false"):
        return text.encode()
    return msgspec.json.encode(text.encode("utf-8", "replace").decode())


def number_of(text: str) -> str | None:
    """A number as JSON writes it, digit by digit as it was typed; None for what is none, and for one that no float64 holds, which
    readers of JSON refuse."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None or len(text) > _LONGEST:
        return None
    sign, whole, part, power = found.groups()
    if not whole and not part:
        return None
    whole = whole.lstrip("0") or "0"
    number = ("-" if sign == "-" else "") + whole + (f".{part}" if part else "") + (f"e{int(power)}" if power else "")
    return None if math.isinf(float(number)) else number
