"""Everything that is known about a person, as one document: for the person, and for whoever has to answer for it.

LIGHT: the standard library and msgspec only.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

import msgspec

from rtml_core.timestamps import format_timestamp
from rtml_plugins.profile import consent
from rtml_plugins.profile.merging import Policy, statements
from rtml_plugins.profile.person import Tree, ends
from rtml_plugins.profile.policies import Settings
from rtml_plugins.profile.showing import Shown
from rtml_plugins.profile.store import ProfileStore

_PAGE: Final = 1000
_LAST: Final = 2**62


def export(store: ProfileStore, shown: Shown, policy: Policy, settings: Settings) -> dict[str, Any]:
    """The document: person, identities, links, consents, attributes as merged, fragments with the times of each statement,
    aggregates with their states, and all events. Times are RFC 3339 texts."""
    return {
        "person": shown.id,
        "changed": _time(shown.changed),
        "identities": [
            {
                "namespace": known.namespace,
                "id": known.id,
                "authenticatedState": known.state,
                "first": _time(known.first),
                "last": _time(known.last),
                "events": known.events,
                "datasets": dict(sorted(known.datasets.items())),
            }
            for known in shown.known.values()
        ],
        "links": [
            {"between": [_name(shown, key) for key in ends(name)], "last": _time(at)} for name, at in sorted(shown.links.items())
        ],
        "consents": consent.stated(shown.known.values()),
        "attributes": {"policy": policy.id, "merged": deepcopy(shown.document(policy, next(iter(shown.known)), settings.epoch))},
        "fragments": [
            {"dataset": dataset, "identity": _name(shown, key), "statements": list(_statements(tree))}
            for key, known in shown.known.items()
            for dataset, tree in sorted(known.trees().items())
        ],
        "aggregates": [
            {"identity": _name(shown, key), "definition": settings.aggregates[id].to_json(), "events": seen[0], "state": seen[1]}
            for key, known in shown.known.items()
            for id, seen in sorted(known.states.items())
            if id in settings.aggregates
        ],
        "events": list(_events(store, shown)),
    }


def _time(at: int) -> str:
    return format_timestamp(at)


def _name(shown: Shown, key: str) -> dict[str, str]:
    known = shown.known[key]
    return {"namespace": known.namespace, "id": known.id}


def _statements(tree: Tree) -> Iterator[dict[str, Any]]:
    for path, value, at in statements(tree):
        yield {"path": list(path), "value": value, "ingested": _time(at)}


def _events(store: ProfileStore, shown: Shown) -> Iterator[dict[str, Any]]:
    for key in shown.known:
        start, seen, limit = -_LAST, set[str](), _PAGE
        while True:
            page = store.events([key], start, _LAST, limit=limit)
            for event in page:
                if event.at > start:
                    start, seen = event.at, set()
                elif event.id in seen:
                    continue
                seen.add(event.id)
                yield {"identity": _name(shown, key), "document": msgspec.json.decode(event.data)}
            if len(page) < limit:
                break
            limit = _PAGE + len(seen)
