"""Records of a few people, for the tests of profiles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rtml_plugins.profile.identity import Identity
from rtml_plugins.profile.memory_store import MemoryStore
from rtml_plugins.profile.profiles import Profiles
from rtml_plugins.profile.records import Record

Ids = Mapping[str, str | list[str]]


def identity_map(ids: Ids, primary: str | None = None) -> dict[str, list[dict[str, Any]]]:
    return {
        namespace: [
            {"id": id} | ({"primary": True} if namespace == primary else {})
            for id in ([given] if isinstance(given, str) else given)
        ]
        for namespace, given in ids.items()
    }


def event(
    at: int,
    *,
    id: str = "",
    ingested: int | None = None,
    dataset: str = "web",
    primary: str | None = None,
    body: Any = None,
    **ids: Any,
) -> Record:
    name = id or f"e{at}"
    document = {"_id": name, "identityMap": identity_map(ids, primary), **(body or {})}
    return Record("event", dataset, name, at, at if ingested is None else ingested, document)


def said(ingested: int, attributes: Mapping[str, Any], *, dataset: str = "crm", primary: str | None = None, **ids: Any) -> Record:
    """What a dataset says of a person."""
    return Record(
        "record",
        dataset,
        f"r{ingested}",
        0,
        ingested,
        {"_id": f"r{ingested}", "identityMap": identity_map(ids, primary), **attributes},
    )


def one(namespace: str, id: str) -> Identity:
    return Identity(namespace, id)


def made(records: Iterable[Record] = (), **options: Any) -> Profiles:
    profiles = Profiles(MemoryStore(), clock=lambda: 10**15, **options)
    applied = profiles.apply(records)
    assert not applied.refused
    return profiles


def keys_of(profiles: Profiles, namespace: str, id: str) -> set[str]:
    """The identities of a person, as NAMESPACE:ID."""
    return {f"{known.namespace}:{known.id}" for known in profiles.identities(one(namespace, id))[0]}


def graph(profiles: Profiles) -> set[frozenset[str]]:
    """All persons of a store, as the keys of their identities."""
    from rtml_plugins.profile.person import decode

    return {frozenset(decode(stored.data).known) for stored in profiles.store.walk()}
