"""Entries of the audit log in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from markupsafe import Markup

from rtml_core.client.records import AuditEntry, Traffic
from rtml_core.display.wording import size
from rtml_core.errors import listing
from rtml_plugins.hub.gallery import charts, telling
from rtml_plugins.hub.since import done

#: kinds of entries that can be chosen, by what their actions begin with
KINDS: Final = {
    "service": "services",
    "traffic": "traffic",
    "key": "keys",
    "edge": "edges",
    "packages": "packages",
    "profile": "profiles",
}


def is_of_service(entry: AuditEntry) -> bool:
    """Whether the subject of an entry is a service."""
    return entry.action.startswith(("service.", "traffic."))


def said(entry: AuditEntry) -> str:
    """What was done, for behind the name of who did it: "made the key 'shop front' (predict)". An action of another rtml is named
    as it is."""
    words = _WORDS.get(entry.action)
    if words is None:
        return done(entry)
    try:
        return words(entry.subject, entry.details)
    except (KeyError, TypeError, ValueError):  # of another rtml, which keeps other details
        return entry.action


def _made(subject: str, details: Mapping[str, Any]) -> str:
    only = "" if details.get("services") is None else f", only for {listing(details['services'])}"
    ends = "" if details.get("expires") is None else f", until {details['expires'][:10]}"
    return f"made the key '{subject}' ({', '.join(details['scopes'])}{only}{ends})"


def _collected(_: str, details: Mapping[str, Any]) -> str:
    many = len(details["packages"])
    return f"removed {many} package{'s' if many != 1 else ''} that no service needed, {size(details['size'])}"


def _erased(subject: str, details: Mapping[str, Any]) -> str:
    return f"erased a person ({subject}): {details['events']:,} events, {details['records']:,} records of datasets"


_WORDS: Final[dict[str, Callable[[str, Mapping[str, Any]], str]]] = {
    "key.create": _made,
    "key.revoke": lambda subject, details: f"revoked the key '{subject}'",
    "key.rotate": lambda subject, details: f"gave the key '{subject}' a new secret; the old one ends {details['until'][:16]}Z",
    "edge.forget": lambda subject, details: f"took the edge '{subject}' off the list",
    "packages.collect": _collected,
    "profile.erase": _erased,
    "projection.set": lambda subject, details: f"chose what region '{subject}' may know of profiles",
    "projection.remove": lambda subject, details: f"let region '{subject}' know of profiles what its services read",
    "dataset.delete": lambda subject, details: f"deleted the dataset '{subject}' with {details['records']:,} records",
    "schema.add": lambda subject, details: f"added schemas: {subject}",
    "policy.set": lambda subject, details: f"set the merge policy '{subject}'",
    "policy.remove": lambda subject, details: f"removed the merge policy '{subject}'",
    "linking.set": lambda subject, details: f"set the rules of linking, which parted {details['parted']:,} persons",
    "aggregate.add": lambda subject, details: f"added the aggregate {subject}",
    "aggregate.remove": lambda subject, details: f"removed the aggregate {subject}",
}


def pictures(entry: AuditEntry) -> tuple[Markup, Markup] | None:
    """Shares before and after, of an entry that changed traffic."""
    try:
        before, after = (msgspec.convert(entry.details[name], Traffic) for name in ("before", "after"))
    except (KeyError, msgspec.ValidationError):
        return None
    names = (f"{word} change {entry.number}" for word in ("Before", "After"))
    return tuple(charts.shares(name, telling.parts(traffic)) for name, traffic in zip(names, (before, after), strict=True))  # type: ignore[return-value]


def facts(entry: AuditEntry) -> list[tuple[str, str]]:
    """The details of an entry as they are kept: name and JSON, texts without quotes."""
    return [
        (name, value if isinstance(value, str) else msgspec.json.encode(value).decode())
        for name, value in entry.details.items()
        if value not in (None, "")
    ]
