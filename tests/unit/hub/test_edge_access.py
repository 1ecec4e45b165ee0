"""An edge is told of persons only as itself, and only of its own region."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rtml_core.client.records import NewKey
from rtml_plugins.hub.keys import KeyRefused
from tests.unit.hub.persons import KEY, collected, customer
from tests.unit.hub.served import Served, bearer, served


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        collected(running, customer(loyalty={"points": 41.0}), "crm", "shop-profile")
        for region, paths in (("na", ["loyalty.points"]), ("emea", ["loyalty"])):
            assert running.client.put(f"/v1/regions/{region}/projection", json={"attributes": paths}).status_code == 200
        running.closed()
        yield running


def reports(hub: Served, key: NewKey, edge: str, region: str) -> httpx.Response:
    report = {
        "region": region,
        "url": "http://10.0.0.7:8001",
        "ready": True,
        "revision": 1,
        "workers": 1,
        "rtml": "0.1.0",
        "started": "2026-11-21T10:15:00.000Z",
        "services": [],
    }
    return hub.client.put(f"/v1/edges/{edge}", json=report, headers=bearer(key))


def asks(hub: Served, key: NewKey, edge: str, region: str) -> httpx.Response:
    body = {"region": region, "keys": [KEY]}
    return hub.client.post(f"/v1/edges/{edge}/projections", json=body, headers=bearer(key))


def follows(hub: Served, key: NewKey, edge: str, region: str) -> httpx.Response:
    return hub.client.get(f"/v1/edges/{edge}/projections/changes", params={"region": region}, headers=bearer(key))


def tells(hub: Served, key: NewKey, edge: str, region: str) -> httpx.Response:
    body: dict[str, Any] = {"region": region, "run": "r", "first": 1, "records": []}
    return hub.client.post(f"/v1/edges/{edge}/predictions", json=body, headers=bearer(key))


def test_an_edge_is_told_only_of_the_region_that_it_reported(hub: Served) -> None:
    key = hub.key("edge")
    assert asks(hub, key, "na-1", "na").status_code == 409  # nobody knows it yet
    assert reports(hub, key, "na-1", "na").status_code == 204
    assert asks(hub, key, "na-1", "na").json()["projections"][0]["attributes"] == {"loyalty.points": 41.0}
    assert follows(hub, key, "na-1", "na").status_code == 200
    for ask in (asks, follows):
        answer = ask(hub, key, "na-1", "emea")
        assert answer.status_code == 409
        assert answer.json()["detail"] == ("edge 'na-1' reported that it is in region 'na': it is told nothing of region 'emea'")


def test_a_key_of_a_region_opens_no_other(hub: Served) -> None:
    key = hub.key("edge", regions=["na"])
    assert key.key.regions == ("na",)
    assert reports(hub, key, "na-1", "na").status_code == 204
    assert asks(hub, key, "na-1", "na").status_code == 200
    answers = [ask(hub, key, edge, "emea") for ask in (reports, asks, follows, tells) for edge in ("na-1", "mine")]
    answers += [hub.client.get(f"/v1/regions/emea/{what}", headers=bearer(key)) for what in ("state", "projection")]
    for answer in answers:
        assert answer.status_code == 403, answer.text
        assert answer.json()["detail"] == f"the key '{key.key.name}' is not for region 'emea' but for na"
    assert hub.client.get("/v1/regions/na/state", headers=bearer(key)).status_code == 200


def test_another_key_can_not_speak_for_an_edge_until_the_first_one_ends(hub: Served) -> None:
    first, other = hub.key("edge"), hub.key("edge")
    assert reports(hub, first, "na-1", "na").status_code == 204
    for ask in (reports, asks, follows, tells):
        answer = ask(hub, other, "na-1", "na")
        assert answer.status_code == 403, answer.text
        assert "edge 'na-1' has another key than" in answer.json()["detail"]
    rotated = hub.keys.rotate(first.key.id)
    for key in (first, rotated):  # during the overlap both are this edge's
        for ask in (reports, asks, follows, tells):
            assert ask(hub, key, "na-1", "na").status_code in (200, 204)
    for key in (first, rotated):
        hub.keys.revoke(key.key.id)
    assert reports(hub, other, "na-1", "na").status_code == 204
    assert asks(hub, other, "na-1", "na").status_code == 200
    third = hub.key("edge")
    assert reports(hub, third, "na-1", "na").status_code == 403
    hub.hub.forget_edge("na-1", actor="ada")
    assert reports(hub, third, "na-1", "na").status_code == 204


def test_regions_are_limits_of_edges_alone(hub: Served) -> None:
    for scopes in (["edge", "publish"], ["admin"], ["predict"]):
        with pytest.raises(KeyRefused, match="only keys of scope edge"):
            hub.key(*scopes, regions=["na"])
    with pytest.raises(KeyRefused, match="a key for no region"):
        hub.key("edge", regions=[])
    rotated = hub.keys.rotate(hub.key("edge", regions=["emea", "na"]).key.id)
    assert rotated.key.regions == ("emea", "na")
