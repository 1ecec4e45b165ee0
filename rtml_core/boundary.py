"""Sources and sinks at the runtime's boundary: what reads parts of a request that are no plain row, and shapes answers.

An operator with such a form says its plan in `Operator.boundary`; the plan travels in the manifest, and the plugin that brought
the operator names, in the hook rtml_boundaries, the function that makes a Source or a Sink of it. That function runs where models
are served: its module imports neither pandas nor anything else that a server does without.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

#: parts of a request that sources read; no field of a graph with such a source may have one of these names
PARTS: tuple[str, ...] = ("identity", "event")


class Parts(NamedTuple):
    """The parts of one row of a request, as JSON text; None: left out.

    at: where the row is in the request, "" or "/3" for the fourth of several: what a pointer to something wrong begins with.
    """

    identity: bytes | None = None
    event: bytes | None = None
    at: str = ""


@runtime_checkable
class Source(Protocol):
    """Reads parts of a request into values of its fields."""

    def values(self, parts: Parts, now: int, /) -> Sequence[Any] | Awaitable[Sequence[Any]]:
        """Values of the fields, in the order of the entry's names, as a JSON row would hold them: texts, numbers, true or false,
        timestamps as ISO texts, None for missing. now: us since the epoch.

        An awaitable when they have to be waited for. Raises InputError with pointers into the request; whatever of the parts
        is not read, is not looked at.
        """
        ...


@runtime_checkable
class Sink(Protocol):
    """Shapes what is answered."""

    def shape(self, outputs: Mapping[str, Any], /) -> Any:
        """A prediction as it is answered, from its outputs by name: a JSON value."""
        ...
