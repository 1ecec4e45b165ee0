"""Packages about persons, and what edges tell of them."""

from __future__ import annotations

from functools import cache
from typing import Any

from rtml_core import operators as op
from tests.unit.hub.served import Served

#: us since the epoch, of 2026-11-21T10:15:00Z
AT = 1_795_256_100_000_000
WHO = {"namespace": "ECID", "id": "38652"}
KEY = "ecid:38652"
VIEWS = {"count": {"eventType": "commerce.productViews"}}


@cache
def reading(path: str = "person.age") -> bytes:
    """A package that reads an attribute and counts views."""
    reader: Any = op.ProfileReader(
        attributes={"age": {"path": path, "type": "float", "default": -1.0}}, aggregates={"views": VIEWS}
    )
    return (reader >> op.FieldOps(ops=[{"set": "says", "to": "age + views"}])).compile().data


@cache
def writing(path: str | None = None) -> bytes:
    """One that says what is written."""
    source: Any = op.Receiver(schema={"x": "float"})
    graph = source >> op.FieldOps(ops=[{"set": "says", "to": "x + 1"}]) >> op.ProfileWriter(output="says", path=path)
    return graph.compile().data


def view(number: int, ecid: str = "38652", day: int = 21, **more: Any) -> dict[str, Any]:
    """An event of the shop."""
    return {
        "_id": f"e{number}",
        "timestamp": f"2026-11-{day:02}T10:15:{number % 60:02}Z",
        "eventType": "commerce.productViews",
        "identityMap": {"ECID": [{"id": ecid}]},
        **more,
    }


def customer(ecid: str = "38652", **more: Any) -> dict[str, Any]:
    """What the shop knows of one."""
    return {"identityMap": {"ECID": [{"id": ecid}]}, **more}


def collected(hub: Served, records: Any, dataset: str = "web", schema: str = "shop-event", **more: Any) -> dict[str, Any]:
    answer = hub.client.post("/v1/collect", params={"schema": schema, "dataset": dataset, **more}, json=records)
    assert answer.status_code in (200, 207), answer.text
    found: dict[str, Any] = answer.json()
    return found


def prediction(value: Any, ecid: str = "38652", *, at: int = AT, service: str = "churn", **more: Any) -> dict[str, Any]:
    """What an edge tells of one."""
    return {
        "id": f"q{at}",
        "at": at,
        "service": service,
        "version": 1,
        "identity": {"ECID": [{"id": ecid}]},
        "values": {"x": 1.5},
        "outputs": {"says": value},
        **more,
    }


def told(hub: Served, *records: dict[str, Any], first: int = 1, run: str = "r1", edge: str = "na-1") -> int:
    """An edge tells; up to where the hub has all."""
    body = {"region": "na", "run": run, "first": first, "records": list(records)}
    answer = hub.client.post(f"/v1/edges/{edge}/predictions", json=body)
    assert answer.status_code == 200, answer.text
    return int(answer.json()["through"])


def settled(hub: Served) -> None:
    """What was told is in profiles and datasets."""
    hub.app.state.context.data._open().log.settle()


def profile(hub: Served, ecid: str = "38652", **query: Any) -> Any:
    answer = hub.client.get("/v1/profiles", params={"namespace": "ECID", "id": ecid, **query})
    return answer.json() if answer.status_code == 200 else None


def asked(hub: Served, *keys: str, edge: str = "na-1", region: str = "na") -> dict[str, Any]:
    answer = hub.client.post(f"/v1/edges/{edge}/projections", json={"region": region, "keys": list(keys)})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def changes(hub: Served, feed: dict[str, Any], *, wait: float = 0.0, edge: str = "na-1", region: str = "na") -> dict[str, Any]:
    query = {"region": region, "epoch": feed["epoch"], "cursor": feed["cursor"], "wait": wait}
    answer = hub.client.get(f"/v1/edges/{edge}/projections/changes", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
