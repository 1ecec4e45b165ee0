"""A reader, records and profiles for the tests of reading."""

from __future__ import annotations

from typing import Any

from rtml_plugins.profile.boundary import wanted
from rtml_plugins.profile.memory_store import MemoryStore
from rtml_plugins.profile.profiles import Profiles
from rtml_plugins.profile.reader import ProfileReader
from rtml_plugins.profile.records import Record

SECOND = 1_000_000
NOW = 1_800_000_000 * SECOND


def reader(**more: Any) -> ProfileReader:
    return ProfileReader(
        attributes={
            "tier": {"path": "loyalty.tier", "type": "string?", "default": "none", "categories": ["none", "gold", "silver"]},
            "age": {"path": "person.age", "type": "int?", "min": 0, "max": 120},
        },
        aggregates={
            "views": {"count": {"eventType": "view"}, "window": "1h"},
            "spent": {"sum": "order.price"},
            "silence": {"recency": {"eventType": "buy"}},
            "last_page": {"last": "page", "type": "string?"},
        },
        **more,
    )


def event(number: int, at: int, visitor: dict[str, str], kind: str = "view", *, taken: int | None = None, **more: Any) -> Record:
    """An event, taken when it happened unless told otherwise."""
    identity = {namespace: [{"id": id}] for namespace, id in visitor.items()}
    document = {"_id": f"e{number}", "eventType": kind, "identityMap": identity, **more}
    return Record("event", "web", f"e{number}", at, at if taken is None else taken, document)


def statement(number: int, at: int, visitor: dict[str, str], **said: Any) -> Record:
    """Record data."""
    identity = {namespace: [{"id": id}] for namespace, id in visitor.items()}
    return Record("record", "crm", f"r{number}", 0, at, {"identityMap": identity, **said})


def profiles(node: ProfileReader, *records: Record) -> Profiles:
    made = Profiles(MemoryStore(), clock=lambda: NOW)
    made.aggregates.add(*wanted(node.boundary())[1])
    made.apply(records)
    return made
