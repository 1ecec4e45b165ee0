"""Figures that edges report, read so that no page fails for one that is odd: edges of other releases report other things, and who
has the key of an edge may report anything. What has another form is left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from rtml_core.client.records import Edge

#: nothing that edges count is as much
_MOST: Final = 10**15

_Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
_Version = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class Largest(msgspec.Struct):
    """The largest difference, and the output that has it."""

    output: str
    difference: float


class Comparison(msgspec.Struct):
    """Of a shadow version with one that answered, as an edge reports it (edge.shadow.Comparison.report)."""

    shadow: _Version
    version: _Version
    rows: _Count
    equal: _Count
    failures: _Count = 0
    dropped: _Count = 0
    mean_absolute_difference: dict[str, float] = {}
    largest: Largest | None = None


def rate(edge: Edge) -> float | None:
    """Requests a second of all its services; None when it does not say."""
    told = edge.stats.get("services")
    if not isinstance(told, Mapping):
        return None
    found = (_figure(about.get("rate")) for about in told.values() if isinstance(about, Mapping))
    return sum(one for one in found if one is not None)


def memory(edge: Edge) -> float | None:
    """Bytes; None when it does not say."""
    return _figure(edge.stats.get("memory"))


def comparisons(edge: Edge, service: str) -> list[Comparison]:
    """What the shadow versions of a service were found to do."""
    told = edge.stats.get("shadow")
    entries = told.get(service) if isinstance(told, Mapping) else None
    found = []
    for entry in entries if isinstance(entries, list | tuple) else ():
        try:
            found.append(msgspec.convert(entry, Comparison))
        except (msgspec.ValidationError, OverflowError):  # a whole number may be longer than a float is large
            continue
    return found


def _figure(value: Any) -> float | None:
    """A number that something can be counted to, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _MOST else None  # NaN is neither
