"""XDM2Frame and Frame2XDM where models are served: events as JSON text -> values of fields, predictions -> documents. Light."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from rtml_core.boundary import Parts
from rtml_core.errors import InputError, InputProblem, RtmlError
from rtml_core.package import BoundaryEntry, FieldEntry
from rtml_plugins.xdm.paths import PathError, split
from rtml_plugins.xdm.plan import Choice, Plan
from rtml_plugins.xdm.text import read


class EventSource:
    """Fields out of the event of a request. Not looked at: whatever of the event no path goes through."""

    def __init__(self, plan: Plan):
        self._values = plan.values

    def values(self, parts: Parts, _: int) -> Sequence[Any]:
        """See rtml_core.boundary.Source; timestamps are texts as they came, with their offset."""
        at = f"{parts.at}/event"
        if parts.event is None:
            raise InputError([InputProblem(at, "the event: an object", "nothing: the field is missing")])
        return self._values(read(parts.event, at), at)


class DocumentSink:
    """Predictions as documents: outputs nested by their names; what is missing is left out, as XDM has no null.

    names: the outputs that are paths. Raises RtmlError for two that can't be in one document.
    """

    def __init__(self, names: Iterable[str]):
        self._paths = {name: keys_of(name) for name in names}
        both = contradiction(self._paths)
        if both is not None:
            raise RtmlError(f"a document can't have both '{both[0]}' and '{both[1]}'")

    def shape(self, outputs: Mapping[str, Any]) -> Any:
        """See rtml_core.boundary.Sink."""
        document: dict[str, Any] = {}
        for name, value in outputs.items():
            if value is None:
                continue
            *above, last = self._paths.get(name) or (name,)
            place = document
            for key in above:
                place = place.setdefault(key, {})
            place[last] = value
        return document


def xdm2frame(entry: BoundaryEntry, fields: Sequence[FieldEntry], _: Mapping[str, Any]) -> EventSource:
    """The source of one package. Plan: {"columns": {field: {"path": ..., "take": ...}}}."""
    choices = msgspec.convert(entry.plan["columns"], dict[str, Choice])
    return EventSource(Plan(fields, [choices[field.name] for field in fields]))


def frame2xdm(entry: BoundaryEntry, _: Sequence[FieldEntry], __: Mapping[str, Any]) -> DocumentSink:
    """The sink of one package. Plan: {"paths": [output, ...]}, the outputs that are named by paths, null for all."""
    paths = msgspec.convert(entry.plan["paths"], list[str] | None)
    return DocumentSink(entry.names if paths is None else [name for name in entry.names if name in paths])


def keys_of(path: str) -> tuple[str, ...]:
    """The keys of a path into a document that is made; a name that is no such path is one key."""
    try:
        steps = split(path)
    except PathError:
        return (path,)
    return tuple(map(str, steps)) if steps and all(isinstance(step, str) for step in steps) else (path,)


def contradiction(names: Iterable[str]) -> tuple[str, str] | None:
    """Two names that can't both be in one document, as one is, or lies below, the other; None where all can."""
    known: dict[tuple[str, ...], str] = {}
    for name in names:
        keys = keys_of(name)
        if keys in known:
            return known[keys], name
        known[keys] = name
    for keys, name in known.items():
        for until in range(1, len(keys)):
            if keys[:until] in known:
                return known[keys[:until]], name
    return None
