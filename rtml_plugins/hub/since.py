"""Whether a service is still as somebody saw it, and what happened to it since then, in words."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row

from rtml_core.client.records import AuditEntry, Traffic
from rtml_core.errors import listing
from rtml_plugins.hub import reading
from rtml_plugins.hub.errors import Changed
from rtml_plugins.serving.words import traffic_words

#: changes that are told
_TOLD: Final = 3


def check(connection: Connection, row: Row[Any], seen: Collection[int] | None) -> None:
    """Raise Changed unless the newest change of a service is one of `seen`; None is whatever it may be.

    Inside the transaction that changes it, which is alone: nothing comes between this look and the change.
    """
    if seen is None:
        return
    newest = reading.changes_of(connection, [row.id])[row.id]
    if newest in seen:
        return
    known = [number for number in seen if number < newest]
    entries = reading.entries(connection, limit=_TOLD + 1, before=None, service=row.name)
    if known:
        entries = [entry for entry in entries if entry.number > max(known)]
        what = "; ".join(told(entry) for entry in entries[:_TOLD]) + ("; and more before" if len(entries) > _TOLD else "")
    else:
        what = f"it was last changed when {told(entries[0])}" if entries else "it never had the state that was named"
    raise Changed(
        f"service '{row.name}' is no longer as it was looked at, and nothing was changed: {what}. Look at it again (rtml services"
        f" show {row.name}), and repeat what is still right"
    )


def told(entry: AuditEntry) -> str:
    """A change of a service: "ada set its traffic to 2, canary 3 10 % at 2026-11-21 10:15:00Z"."""
    return f"{entry.actor} {done(entry)} at {entry.at[:19].replace('T', ' ')}Z"


def done(entry: AuditEntry) -> str:
    """What was done to a service: "set its traffic to 2, canary 3 10 %"."""
    words = _WORDS.get(entry.action)
    return entry.action if words is None else words(entry.details)


def _after(details: dict[str, Any]) -> str:
    return traffic_words(msgspec.convert(details["after"], Traffic))


def _published(number: int, traffic: Traffic) -> str:
    alone = traffic == Traffic(number)
    return f"published version {number}{' for everyone' if alone else f', traffic {traffic_words(traffic)}'}"


def _outputs(details: dict[str, Any]) -> str:
    return listing(details["outputs"]) if details["enabled"] and details["outputs"] else "nothing"


_WORDS: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "traffic.set": lambda details: f"set its traffic to {_after(details)}",
    "traffic.rollback": lambda details: f"rolled it back to {_after(details)}",
    "service.publish": lambda details: _published(details["version"], msgspec.convert(details["traffic"], Traffic)),
    "service.update": lambda details: "changed what is said of it or where it is served",
    "service.deprecate": lambda details: "deprecated it",
    "service.restore": lambda details: "took its deprecation back",
    "service.delete": lambda details: "deleted it",
    "service.enrich": lambda details: f"had it write {_outputs(details)} to profiles",
    "service.unenrich": lambda details: "had it write nothing to profiles",
}
