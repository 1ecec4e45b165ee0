"""The merged schema accepts what the files, read by a JSON Schema validator as they stand, accept."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from rtml_plugins.xdm.schema import Schemas
from rtml_plugins.xdm.validate import Validator
from tests.unit.xdm.schema_files import known

VISIT: dict[str, Any] = {
    "@id": "1",
    "xdm:timestamp": "2026-11-21T10:15:00Z",
    "xdm:eventType": "page",
    "xdm:person": {"xdm:name": {"xdm:firstName": "Ada"}, "xdm:contacts": [{"xdm:name": {}, "xdm:contacts": []}]},
    "xdm:place": {"schema:latitude": 47.4, "xdm:city": "Zug"},
    "xdm:identityMap": {"Email": [{"xdm:id": "a@b.c"}, {"xdm:id": "x"}]},
    "https://ns.adobe.com/experience/analytics/dimensions": {"xdm:eVar1": "v"},
    "_acme": {"tier": "gold", "card": "7"},
}
VALUES: list[Any] = ["x", "gold", 5, -3, 1.5, True, {}, [], {"a": 1}, ["x"], "2026-11-21T10:15:00Z", 91, 2**31]


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*way, key)
        yield from places(inner, (*way, key))


def changed(document: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The document with one or two values replaced, left out or added; never null, which XDM alone refuses."""
    document = copy.deepcopy(document)
    for _ in range(rng.randint(1, 2)):
        *way, last = rng.choice(list(places(document)) or [("new",)])
        holder: Any = document
        for step in way:
            holder = holder[step]
        chance = rng.random()
        if chance < 0.2 and last != "new":
            del holder[last]
        elif chance < 0.4 and isinstance(holder, dict):
            holder["xdm:new"] = copy.deepcopy(rng.choice(VALUES))
        else:
            holder[last] = copy.deepcopy(rng.choice(VALUES))
    return document


def as_it_stands(schemas: Schemas, id: str) -> Any:
    """The files themselves, in a registry of $id."""
    files = [(name, dict(schemas.raw(name))) for name in schemas.names()]
    registry = jsonschema_rs.Registry(files, draft=jsonschema_rs.Draft6)
    return jsonschema_rs.Draft6Validator(dict(schemas.raw(id)), registry=registry, validate_formats=True, offline=True)


def test_merged_and_unmerged_agree_on_thousands_of_documents() -> None:
    schemas = known()
    schema = schemas.get("visit")
    merged, reference = Validator(schema, spelling="standard"), as_it_stands(schemas, schema.id)
    rng = random.Random(7)
    seen = {True: 0, False: 0}
    assert merged.is_valid(VISIT)
    for _ in range(3000):
        one = changed(VISIT, rng)
        expected = reference.is_valid(one)
        assert merged.is_valid(one) is expected, one
        assert bool(merged.check(one)) is not expected
        seen[expected] += 1
    assert min(seen.values()) > 500
