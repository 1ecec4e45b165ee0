"""What of predictions is written to profiles: set by hand or by a package, written in order, seen at the next look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.edge.running import wait
from tests.unit.hub.conftest import Place
from tests.unit.hub.persons import AT, prediction, profile, reading, settled, told, writing
from tests.unit.hub.served import Served, bearer, served

SECOND = 1_000_000


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


def publish(hub: Served, data: bytes, name: str = "churn") -> dict[str, Any]:
    answer = hub.client.post(f"/v1/services/{name}/versions", params={"region": "na", "allow_incompatible": True}, content=data)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def enrich(hub: Served, outputs: dict[str, str], **more: Any) -> Any:
    return hub.client.put("/v1/services/churn/enrichment", json={"outputs": outputs, **more})


def logged(hub: Served) -> bool:
    (entry,) = hub.client.get("/v1/regions/na/state").json()["services"]
    return bool(entry.get("log", False))


def test_a_prediction_is_a_membership_with_its_score(hub: Served) -> None:
    published = publish(hub, writing())
    assert hub.client.get("/v1/services/churn/enrichment").json()["outputs"] == {"says": "segmentMembership.rtml.churn"}
    told(hub, prediction(0.25))
    wait(lambda: profile(hub) is not None)
    assert profile(hub)["attributes"] == {
        "segmentMembership": {
            "rtml": {
                "churn": {
                    "status": "realized",
                    "lastQualificationTime": "2026-11-21T10:15:00Z",
                    "version": "1",
                    "payload": {"payloadType": "propensity", "payloadPropensityValue": 0.25},
                    "_rtml": {"model": published["package"], "output": "says"},
                }
            }
        }
    }


def test_other_values_are_payloads_of_their_kind(hub: Served) -> None:
    publish(hub, writing())
    values = [7.5, -1, True, "gold"]
    told(hub, *[prediction(value, ecid=f"c{number}") for number, value in enumerate(values)])
    settled(hub)
    found = [profile(hub, f"c{number}")["attributes"]["segmentMembership"]["rtml"]["churn"]["payload"] for number in range(4)]
    assert found == [
        {"payloadType": "number", "payloadNumberValue": 7.5},
        {"payloadType": "number", "payloadNumberValue": -1},
        {"payloadType": "boolean", "payloadBooleanValue": True},
        {"payloadType": "string", "payloadStringValue": "gold"},
    ]


def test_at_a_path_of_ones_own_it_is_an_object_with_model_version_and_time(hub: Served) -> None:
    published = publish(hub, writing("_acme.rtml.churn"))
    told(hub, prediction(3.0))
    wait(lambda: profile(hub) is not None)
    said = {"score": 3.0, "output": "says", "model": published["package"], "version": 1, "time": "2026-11-21T10:15:00Z"}
    assert profile(hub)["attributes"] == {"_acme": {"rtml": {"churn": said}}}


def test_the_newest_stands_and_each_number_is_taken_once(hub: Served) -> None:
    publish(hub, writing("_acme.churn"))
    score = lambda: profile(hub)["attributes"]["_acme"]["churn"]["score"]  # noqa: E731
    assert told(hub, prediction(1.0), prediction(2.0, at=AT + SECOND)) == 2
    settled(hub)
    assert score() == 2.0
    assert told(hub, prediction(1.0), prediction(2.0, at=AT + SECOND)) == 2  # sent again: the answer was lost
    assert told(hub, prediction(0.5, at=AT - SECOND), first=3) == 3  # late
    settled(hub)
    assert score() == 2.0
    records = hub.client.get("/v1/datasets/rtml-predictions-churn/records").json()["records"]
    assert [one["_rtml"]["prediction"]["outputs"]["says"] for one in records] == [0.5, 1.0, 2.0]


def test_the_values_that_the_model_saw_are_kept_with_what_it_said(hub: Served) -> None:
    published = publish(hub, writing())
    told(hub, prediction(0.25, event="e7"))
    settled(hub)
    (record,) = hub.client.get("/v1/datasets/rtml-predictions-churn/records").json()["records"]
    assert record == {
        "_id": "na-1/r1/1",
        "timestamp": "2026-11-21T10:15:00Z",
        "eventType": "rtml.prediction",
        "identityMap": {"ECID": [{"id": "38652"}]},
        "_rtml": {
            "prediction": {
                "service": "churn",
                "version": 1,
                "model": published["package"],
                "request": f"q{AT}",
                "event": "e7",
                "region": "na",
                "edge": "na-1",
                "values": {"x": 1.5},
                "outputs": {"says": 0.25},
            }
        },
    }
    (listed,) = hub.client.get("/v1/datasets").json()
    assert (listed["name"], listed["records"], listed["profile"]) == ("rtml-predictions-churn", 1, False)


def test_what_a_package_says_holds_until_somebody_says_otherwise(hub: Served) -> None:
    publish(hub, writing())
    assert hub.client.get("/v1/services/churn/enrichment").json()["by"] == "package"
    publish(hub, writing("_acme.churn"))
    assert hub.client.get("/v1/services/churn/enrichment").json()["outputs"] == {"says": "_acme.churn"}
    assert enrich(hub, {"says": "_mine.churn"}).json()["by"] == "hand"
    publish(hub, writing("_acme.other"))
    assert hub.client.get("/v1/services/churn/enrichment").json()["outputs"] == {"says": "_mine.churn"}
    assert hub.client.delete("/v1/services/churn/enrichment").status_code == 204
    assert hub.client.get("/v1/services/churn/enrichment").status_code == 404
    publish(hub, writing("_acme.third"))
    assert hub.client.get("/v1/services/churn/enrichment").json()["outputs"] == {"says": "_acme.third"}
    actions = [entry["action"] for entry in hub.client.get("/v1/audit?service=churn").json()["entries"]]
    assert [one for one in actions if "enrich" in one] == ["service.enrich", "service.unenrich", *["service.enrich"] * 3]


def test_edges_tell_predictions_of_services_that_need_it(hub: Served) -> None:
    hub.publish()
    assert not logged(hub)
    assert enrich(hub, {"age": ""}).status_code == 200
    assert logged(hub)
    assert enrich(hub, {"age": ""}, enabled=False).status_code == 200
    assert not logged(hub)
    assert enrich(hub, {}).status_code == 200  # they are kept, and written nowhere
    assert logged(hub)
    assert hub.client.delete("/v1/services/churn/enrichment").status_code == 204
    assert not logged(hub)
    publish(hub, reading())
    assert logged(hub)


def test_what_is_paused_or_set_to_nothing_is_not_written(hub: Served) -> None:
    publish(hub, writing("_acme.churn"))
    assert enrich(hub, {"says": "_acme.churn"}, enabled=False).status_code == 200
    told(hub, prediction(1.0))
    assert enrich(hub, {}).status_code == 200
    told(hub, prediction(2.0), first=2)
    settled(hub)
    assert profile(hub) is None
    assert hub.client.get("/v1/datasets").json()[0]["records"] == 2


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"agee": ""}, "Did you mean 'age'?"),
    ({"age": "person.age"}, "under a tenant of your own"),
    ({"age": "_acme"}, "under a tenant of your own"),
    ({"age": "_id.x"}, "under a tenant of your own"),
    ({"age": "_acme.list[0]"}, "under a tenant of your own"),
    ({"age": "_acme..x"}, "_acme..x"),
    ({"age": "segmentMembership.rtml.other"}, "under a tenant of your own"),
    ({"age": "_acme.x", "visits": "_acme.x"}, "can't both be written"),
    ({"age": "_acme.x", "visits": "_acme.x.y"}, "can't both be written"),
    ({"age": "", "visits": ""}, "can't both be written"),
]


def test_what_can_not_be_written_is_refused_with_the_cure(hub: Served) -> None:
    hub.publish()
    for outputs, said in REFUSED:
        answer = enrich(hub, outputs)
        assert answer.status_code == 422, outputs
        assert said in answer.json()["detail"]
    assert hub.client.get("/v1/services/churn/enrichment").status_code == 404


def test_a_key_for_another_service_may_not_change_it(hub: Served) -> None:
    hub.publish()
    hub.closed()
    others = bearer(hub.key("publish", services=["price"]))
    assert hub.client.put("/v1/services/churn/enrichment", json={"outputs": {}}, headers=others).status_code == 403
    mine = bearer(hub.key("publish", services=["churn"]))
    assert hub.client.put("/v1/services/churn/enrichment", json={"outputs": {}}, headers=mine).status_code == 200


def test_predictions_of_nobody_and_of_services_that_are_gone_are_kept_and_written_nowhere(hub: Served) -> None:
    publish(hub, writing())
    told(hub, {**prediction(1.0), "identity": {"ECID": [{"id": "null"}]}}, prediction(2.0, service="gone"))
    settled(hub)
    assert profile(hub) is None
    assert [one["name"] for one in hub.client.get("/v1/datasets").json()] == ["rtml-predictions-churn", "rtml-predictions-gone"]


def test_what_can_never_be_written_holds_up_nothing(hub: Served) -> None:
    publish(hub, writing("_acme.churn"))
    deep: Any = 1.0
    for _ in range(100):
        deep = {"a": deep}
    told(hub, prediction(deep), prediction(2.0, at=AT + SECOND))
    settled(hub)
    assert profile(hub)["attributes"]["_acme"]["churn"]["score"] == 2.0


def test_a_service_of_a_long_name_has_a_dataset_of_its_own(hub: Served) -> None:
    told(hub, prediction(1.0, service="a" * 63), prediction(2.0, service="a" * 62 + "b"))
    settled(hub)
    names = [one["name"] for one in hub.client.get("/v1/datasets").json()]
    assert len(names) == 2
    assert all(len(name) == 63 and name.startswith("rtml-predictions-aaa") for name in names)


def test_who_refused_personalisation_is_not_written_about(hub: Served) -> None:
    from tests.unit.hub.persons import collected, customer

    publish(hub, writing("_acme.churn"))
    refused = customer(consents={"personalize": {"content": {"val": "n"}}})
    assert collected(hub, refused, "crm", "shop-profile")["accepted"] == 1
    told(hub, prediction(1.0))
    settled(hub)
    assert "_acme" not in profile(hub)["attributes"]


def test_settings_are_kept_on_every_database(place: Place) -> None:
    from tests.unit.hub.packages import package

    hub = place.open()
    hub.publish("churn", package(), actor="ada", regions=["na"])
    hub.enrich("churn", {"age": "_acme.churn"}, actor="ada")
    hub.enrich("churn", {"age": "_acme.churn"}, actor="grace")  # as it is already
    found = place.open().enrichment("churn")
    assert (found.outputs, found.enabled, found.by, found.updated_by) == ({"age": "_acme.churn"}, True, "hand", "ada")
    before = hub.revision("na")
    hub.unenrich("churn", actor="ada")
    assert hub.revision("na") > before
    hub.delete("churn", actor="ada")
    hub.publish("churn", package(), actor="ada", regions=["na"])
    assert not hub.region_state("na").services[0].log
