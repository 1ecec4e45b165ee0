"""Whether callers of a version go on working with another one.

Compatible means: every row that the version before takes is taken now, and every output that it answered is answered now, with
the same dtype and null only where it was null before. What rows *mean* is not compared: that is what a canary is for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from rtml_core.errors import listing
from rtml_core.package import FieldEntry, Manifest, OutputEntry

#: largest whole number of an int field, and of one that may be null (which travels as float64)
_WHOLE: Final = 2**63 - 1
_WHOLE_NULLABLE: Final = 2**53


class Difference(msgspec.Struct, frozen=True):
    """One difference. text: a sentence; breaking: whether a caller may have to change."""

    text: str
    breaking: bool


def compare(before: Manifest, after: Manifest) -> list[Difference]:
    """How the signature changed from one version to the next, what breaks callers first."""
    found = [*_fields(before, after), *_extra(before, after), *_outputs(before.outputs, after.outputs), *_checks(before, after)]
    return sorted(found, key=lambda difference: not difference.breaking)


def _fields(before: Manifest, after: Manifest) -> Iterator[Difference]:
    old = {field.name: field for field in before.fields}
    new = {field.name: field for field in after.fields}
    for name, field in old.items():
        if name in new:
            yield from _field(field, new[name])
        elif after.extra == "ignore":
            yield Difference(f"field '{name}': is gone, and ignored where it is sent", False)
        else:
            yield Difference(f"field '{name}': is gone: requests with it would be refused", True)
    for name, field in new.items():
        if name in old:
            continue
        kind = words(field)
        if not field.optional:
            yield Difference(f"field '{name}': is new ({kind}) and has no default: requests without it would be refused", True)
        elif before.extra == "ignore":
            text = f"field '{name}': was ignored, is {kind}: requests that send something else there would be refused"
            yield Difference(text, True)
        else:
            yield Difference(f"field '{name}': is new ({kind}), {field.default!r} where it is not sent", False)


def _field(old: FieldEntry, new: FieldEntry) -> Iterator[Difference]:
    name = old.name
    change = f"field '{name}': was {words(old)}, is {words(new)}"
    refused = list(_refused(old, new))
    if refused:
        yield Difference(f"{change}: requests with {' and '.join(refused)} would be refused", True)
    elif words(old) != words(new):
        yield Difference(change, False)
    if old.optional and not new.optional:
        yield Difference(f"field '{name}': had a default, has none: requests without it would be refused", True)
    elif old.optional and (type(old.default), old.default) != (type(new.default), new.default):
        yield Difference(f"field '{name}': its default was {old.default!r}, is {new.default!r}", False)
    elif new.optional and not old.optional:
        yield Difference(f"field '{name}': may be left out, {new.default!r} then", False)


def _refused(old: FieldEntry, new: FieldEntry) -> Iterator[str]:
    """What the field took and takes no longer."""
    if old.nullable and not new.nullable:
        yield "null"
    if old.type != new.type and (old.type, new.type) != ("int", "float"):
        yield {"float": "numbers", "int": "whole numbers", "bool": "true or false", "string": "text", "timestamp": "timestamps"}[
            old.type
        ]
        return
    if new.categories is not None:
        if old.categories is None:
            yield f"text other than {listing(map(repr, new.categories), 10)}"
        elif gone := [category for category in old.categories if category not in new.categories]:
            yield listing(map(repr, gone), 10)
    if new.type in ("int", "float"):
        low, high = _range(old)
        least, most = _range(new)
        if low < least:
            yield f"numbers below {_number(least)}"
        if high > most:
            yield f"numbers above {_number(most)}"


def _range(field: FieldEntry) -> tuple[float, float]:
    """The ends of what a field of numbers takes."""
    limit: float = math.inf if field.type == "float" else _WHOLE_NULLABLE if field.nullable else _WHOLE
    low = -limit if field.minimum is None else field.minimum
    high = limit if field.maximum is None else field.maximum
    return (low, high) if field.type == "float" else (max(low, -limit), min(high, limit))


def words(field: FieldEntry) -> str:
    """What a field takes, short: "int from 0 to 150 or null"."""
    text = field.type
    if field.categories is not None:
        text = f"one of {listing(map(repr, field.categories), 10)}"
    if field.minimum is not None or field.maximum is not None:
        text += f" {_spread(field)}"
    return text + (" or null" if field.nullable else "")


def _spread(field: FieldEntry) -> str:
    ends = (("from", field.minimum), ("to" if field.minimum is not None else "up to", field.maximum))
    return " ".join(f"{word} {_number(bound)}" for word, bound in ends if bound is not None)


def _number(bound: float) -> str:
    """All digits, so that two ends that differ look different."""
    return str(int(bound)) if bound == int(bound) and abs(bound) < 1e16 else repr(bound)


def _extra(before: Manifest, after: Manifest) -> Iterator[Difference]:
    if before.extra == "ignore" and after.extra != "ignore":
        yield Difference("other fields: were ignored, are refused now", True)
    elif before.extra != "ignore" and after.extra == "ignore":
        yield Difference("other fields: were refused, are ignored now", False)


def _outputs(before: Iterable[OutputEntry], after: Iterable[OutputEntry]) -> Iterator[Difference]:
    new = {output.name: output for output in after}
    names = set()
    for old in before:
        names.add(old.name)
        now = new.get(old.name)
        if now is None:
            yield Difference(f"output '{old.name}': is gone", True)
            continue
        if now.dtype != old.dtype:
            yield Difference(f"output '{old.name}': was {old.dtype}, is {now.dtype}", True)
        if now.nullable and not old.nullable:
            yield Difference(f"output '{old.name}': was never null, may be null now", True)
        elif old.nullable and not now.nullable:
            yield Difference(f"output '{old.name}': may no longer be null", False)
    for name, output in new.items():
        if name not in names:
            yield Difference(f"output '{name}': is new ({output.dtype})", False)


def _checks(before: Manifest, after: Manifest) -> Iterator[Difference]:
    """Row checks follow from what was learned, so they change with each training; they are told, not refused."""
    known = {check.message for check in before.checks}
    for check in after.checks:
        if check.message not in known:
            yield Difference(f"rows are refused now that fail a check of node {check.node}: {check.message}", False)
