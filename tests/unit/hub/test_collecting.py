"""Records over HTTP: taken once, refused with their places, listed and read back."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtml_plugins.hub import persons
from rtml_plugins.hub.api import collecting
from tests.unit.hub.persons import collected, profile, view
from tests.unit.hub.served import Served, bearer, served

QUERY: dict[str, Any] = {"schema": "shop-event", "dataset": "web"}
LINES = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path) as running:
        yield running


def lines(*records: Any) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def parquet(*records: dict[str, Any]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(records)), out)
    return out.getvalue()


def post(hub: Served, content: bytes, kind: str, **query: Any) -> Any:
    return hub.client.post("/v1/collect", params={**QUERY, **query}, content=content, headers={"Content-Type": kind})


def test_records_in_each_form_are_taken_once_and_are_in_the_profile(hub: Served) -> None:
    one = json.dumps(view(1)).encode()
    for content, kind, accepted in (
        (one, "application/json", 1),
        (one, "application/json; charset=utf-8", 0),
        (json.dumps([view(1), view(2)]).encode(), "application/json", 1),
        (lines(view(2), view(3), view(4)), "application/x-ndjson", 2),
        (lines(view(5)), "application/json", 1),
        (parquet(view(6), view(7)), "application/vnd.apache.parquet", 2),
        (lines(view(8)), "application/octet-stream", 1),
    ):
        answer = post(hub, content, kind)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["accepted"], found["refused_count"]) == (accepted, 0)
        assert found["read"] == found["accepted"] + found["duplicates"]
    assert profile(hub)["identities"][0]["events"] == 8
    (listed,) = hub.client.get("/v1/datasets").json()
    assert (listed["name"], listed["records"], listed["kind"], listed["profile"]) == ("web", 8, "event", True)


def test_the_envelope_of_streaming_is_taken_off(hub: Served) -> None:
    schema = {"id": "https://rtml.example/xdm/schemas/shop-event", "contentType": "application/vnd.adobe.xed-full+json;version=1"}
    meta = {"schemaRef": schema}
    envelope = {"header": {**meta, "datasetId": "d", "source": {"name": "test"}}, "body": {"xdmMeta": meta, "xdmEntity": view(1)}}
    assert collected(hub, envelope)["accepted"] == 1
    assert hub.client.get("/v1/datasets/web/records").json()["records"] == [view(1)]


def test_what_is_refused_is_told_with_its_place_and_the_rest_is_taken(hub: Served) -> None:
    wrong = {**view(2), "eventType": 3}
    found = post(hub, lines(*[view(n) for n in range(10, 30)], wrong), "application/x-ndjson")
    assert found.status_code == 207
    assert (found.json()["accepted"], found.json()["refused_count"]) == (20, 1)
    (refused,) = found.json()["refused"]
    assert (refused["record"], refused["line"], refused["id"]) == (21, 21, "e2")
    assert [(one["at"], one["keyword"]) for one in refused["problems"]] == [("/eventType", "type")]


def test_above_the_threshold_nothing_is_taken(hub: Served) -> None:
    body = lines(view(1), {**view(2), "timestamp": "yesterday"})
    answer = post(hub, body, "application/x-ndjson")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    problem = answer.json()
    assert problem["type"] == "/problems/records-refused"
    assert problem["errors"][0]["at"] == "record 2: /timestamp"
    assert "1 of 2 records" in problem["detail"]
    assert profile(hub) is None
    assert post(hub, body, "application/x-ndjson", threshold=0.5).status_code == 207
    assert profile(hub) is not None


NO_INPUTS: list[tuple[dict[str, Any], bytes, str, int, str]] = [
    ({"schema": "shop-evnt"}, b"{}", "application/json", 422, "Did you mean"),
    ({"dataset": "Not A Name"}, b"{}", "application/json", 422, "lower-case letters"),
    ({"dataset": "rtml-predictions-churn"}, b"{}", "application/json", 409, "choose another name"),
    ({"threshold": 2}, b"{}", "application/json", 422, "threshold"),
    ({"schemas": "x"}, b"{}", "application/json", 422, "there is no query parameter 'schemas'"),
    ({}, b"<xml/>", "text/xml", 415, "send Content-Type application/json"),
    ({}, b"PAR1nothing", "application/vnd.apache.parquet", 400, "arquet"),
    ({}, b"\x1f\x8b\x08\x00", "application/json", 400, "gzip"),
    ({}, b"[{", "application/json", 422, "record"),
    ({}, b"7", "application/json", 422, "record 1"),
]


def test_what_is_no_input_is_refused_with_the_cure(hub: Served) -> None:
    for query, content, kind, status, said in NO_INPUTS:
        answer = post(hub, content, kind, **query)
        assert answer.status_code == status, answer.text
        assert said.lower() in answer.json()["detail"].lower(), answer.text
    assert all(one["records"] == 0 for one in hub.client.get("/v1/datasets").json())


def test_nothing_in_an_input_is_nothing_taken(hub: Served) -> None:
    answer = post(hub, b"", "application/x-ndjson")
    assert (answer.status_code, answer.json()["read"]) == (200, 0)


def test_an_input_that_is_too_large_is_refused_before_it_is_read(hub: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collecting, "MAX_COLLECT", 1000)
    answer = post(hub, lines(*[view(n) for n in range(50)]), "application/x-ndjson")
    assert answer.status_code == 413
    assert "send it in parts" in answer.json()["detail"]
    assert hub.client.get("/v1/datasets").json() == []


def test_records_are_read_back_as_they_came(hub: Served) -> None:
    large = 2**53 - 1
    records = [view(n, _shop={"price": n / 4, "order": large}) if n % 2 else view(n) for n in range(6)]
    schema = {
        "$id": "https://shop.example/visit",
        "title": "Visit",
        "type": "object",
        "meta:class": "https://rtml.example/xdm/classes/event",
        "allOf": [{"$ref": "https://rtml.example/xdm/schemas/shop-event"}],
        "properties": {"_shop": {"type": "object", "properties": {"price": {"type": "number"}, "order": {"type": "integer"}}}},
    }
    assert hub.client.post("/v1/schemas", json=schema).json() == ["https://shop.example/visit"]
    assert "Visit" in {one["title"] for one in hub.client.get("/v1/schemas").json()}
    assert collected(hub, records, schema="https://shop.example/visit")["accepted"] == 6
    read = lambda **query: hub.client.get("/v1/datasets/web/records", params=query).json()  # noqa: E731
    assert read() == {"records": records, "next": None}
    assert read(limit=4) == {"records": records[:4], "next": 4}
    assert read(limit=4, offset=4) == {"records": records[4:], "next": None}
    assert read(select=["_id", "_shop.order"], where=["_shop.price >= 0.75"], sort=["-timestamp"])["records"] == [
        {"_id": f"e{n}", "_shop": {"order": large}} for n in (5, 3)
    ]
    assert hub.client.get("/v1/datasets/web/records?where=nonsense").status_code == 422
    assert hub.client.get("/v1/datasets/wbe/records").json()["detail"].endswith("Did you mean 'web'?")
    assert hub.client.delete("/v1/datasets/web").json()["records"] == 6
    assert hub.client.get("/v1/datasets").json() == []
    assert profile(hub) is not None  # what was learnt from it stays


def test_schemas_that_ship_are_not_replaced(hub: Served) -> None:
    mine = {"$id": "https://rtml.example/xdm/schemas/shop-event", "title": "Mine", "type": "object"}
    answer = hub.client.post("/v1/schemas", json=[mine])
    assert answer.status_code == 422
    assert "shop-event" in answer.json()["detail"]
    assert hub.client.post("/v1/schemas", content=b"[{]", headers={"Content-Type": "application/json"}).status_code == 400


def test_a_key_that_sends_records_sees_none_of_them(hub: Served) -> None:
    admin = hub.closed()
    sender, reader = bearer(hub.key("collect")), bearer(hub.key("profile"))
    body = {"params": QUERY, "json": view(1)}
    assert hub.client.post("/v1/collect", headers=reader, **body).status_code == 403
    assert hub.client.post("/v1/collect", headers=sender, **body).status_code == 200
    assert hub.client.get("/v1/datasets/web/records", headers=sender).status_code == 403
    assert hub.client.get("/v1/datasets/web/records", headers=reader).status_code == 200
    assert hub.client.delete("/v1/datasets/web", headers=reader).status_code == 403
    assert hub.client.delete("/v1/datasets/web", headers=admin).status_code == 200


def test_a_hub_without_the_extra_says_what_to_install(hub: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(persons, "find_spec", lambda name: None)
    for answer in (
        post(hub, b"{}", "application/json"),
        hub.client.get("/v1/datasets"),
        hub.client.get("/v1/profiles?namespace=ECID&id=1"),
        hub.client.get("/v1/edges/na-1/projections/changes?region=na"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (501, "/problems/not-installed")
        assert "pip install 'rtml[xdm]'" in answer.json()["detail"]
    assert hub.client.get("/v1/services").status_code == 200


def test_a_folder_that_another_process_has_is_not_taken_over(tmp_path: Path) -> None:
    from rtml_plugins.profile.home import open_home

    with open_home(tmp_path / "data"), served(tmp_path) as hub:
        answer = hub.client.get("/v1/datasets")
        assert answer.status_code == 503
        assert str(tmp_path) not in answer.text
    with served(tmp_path) as hub:
        assert hub.client.get("/v1/datasets").json() == []


def test_of_sorted_records_a_request_holds_no_more_than_ten_thousand(hub: Served) -> None:
    collected(hub, [view(1), view(2)])
    read = lambda **query: hub.client.get("/v1/datasets/web/records", params=query)  # noqa: E731
    assert len(read(sort="_id", limit=1000, offset=9_000).json()["records"]) == 0
    answer = read(sort="_id", limit=1000, offset=9_001)
    assert (answer.status_code, answer.json()["errors"][0]["at"]) == (422, "query: offset")
    assert "at most 10,000 for offset + limit together with sort" in answer.json()["detail"]
    assert read(offset=10**9).json()["records"] == []
