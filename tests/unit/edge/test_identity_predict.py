"""Predictions by identity: the row that a plain request would have held, from a profile; held, waited for, refused, told."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest

from rtml_core import operators as op
from rtml_core.boundary import Parts
from rtml_core.client.records import Arm, Traffic
from rtml_core.runtime import Runtime
from rtml_plugins.edge import metrics
from rtml_plugins.edge.app import App
from rtml_plugins.edge.batching import LARGE_BODY, Scorer
from rtml_plugins.edge.exchange import Response
from rtml_plugins.edge.predict_identity import PersonTarget, visitor
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.table import Loaded, Service, Snapshot
from rtml_plugins.serving.projections import Projection
from rtml_plugins.serving.wire import ServiceEntry, VersionEntry
from tests.unit.edge import apps
from tests.unit.edge.known import until

_WHO = {"ECID": "1"}


@cache
def package(number: int, reads: bool = True, sink: bool = False) -> Runtime:
    """One that answers x + age + number, with age and tier from the profile."""
    attributes = {"age": {"path": "person.age", "type": "int", "default": 30}, "tier": {"type": "string?"}}
    graph: Any = op.Receiver(schema={"x": "float"} if reads else {"x": "float", "age": "int", "tier": "string?"})
    if reads:
        graph = graph >> op.ProfileReader(attributes=attributes, timeout_ms=50)
    graph = graph >> op.FieldOps(ops=[{"set": "says", "to": f"x + age + {number}"}])
    if sink:
        graph = graph >> op.ProfileWriter(output="says")
    return Runtime.from_bytes(graph.compile().data)


class Known:
    """Profiles at hand. waits: persons that have to be waited for, and the event that they wait for."""

    def __init__(self, **persons: dict[str, Any]) -> None:
        self.persons = {f"ecid:{key[1:]}": told for key, told in persons.items()}
        self.waits: dict[str, asyncio.Event] = {}
        self.refused: set[str] = set()
        self.asked: list[str] = []

    def lookup(self, keys: tuple[str, ...], now: int) -> Any:
        self.asked += keys
        return self._wait(keys[0]) if keys[0] in self.waits else self._of(keys[0])

    def _of(self, key: str) -> Projection | None:
        told = self.persons.get(key)
        return None if told is None else Projection(key, True, key, told, consent=key not in self.refused)

    async def _wait(self, key: str) -> Projection | None:
        await self.waits[key].wait()
        return self._of(key)


class Told:
    """An outbox that keeps what it is given."""

    def __init__(self) -> None:
        self.added: list[tuple[Any, ...]] = []

    def layout(self, loaded: Loaded) -> int:
        return 100 + loaded.version

    def add(self, *given: Any) -> None:
        self.added.append(given)


def app(folder: Path, profiles: Known, *runtimes: Runtime, log: bool = False, **settings: Any) -> tuple[App, Told]:
    """An app with one service "churn"; settings of its traffic begin with traffic_."""
    traffic = {name[8:]: settings.pop(name) for name in list(settings) if name.startswith("traffic_")}
    given = EdgeSettings(home=str(folder), region="emea", debug=True, **settings)
    versions = {}
    for number, runtime in enumerate(runtimes, start=1):
        requests = runtime.requests({"profiles": profiles}) if runtime.manifest.boundary else None
        versions[number] = Loaded("churn", number, runtime.id, runtime, Scorer(runtime, given, "churn"), requests)
    entries = tuple(VersionEntry(number, loaded.package_id, 100) for number, loaded in versions.items())
    shares = Traffic(**{"champion": len(versions), **traffic})
    service = Service.of(ServiceEntry("id", "churn", entries, shares, log=log), versions)
    table: Any = apps.Table()
    table.current = Snapshot(revision=1, services={"churn": service}, ready=True, known=True)
    told: Any = Told()
    return App(table, given, told), told


def ask(one: App, body: Any, **others: Any) -> tuple[Response, Any]:
    return apps.ask(one, "/v1/services/churn/predict", body, content_type="application/json", **others)


async def asked(one: App, body: Any, **others: Any) -> tuple[Response, Any]:
    return await apps.asked(one, "/v1/services/churn/predict", body, content_type="application/json", **others)


def says(document: Any) -> list[float]:
    return [prediction["says"] for prediction in document["predictions"]]


# ---- answers ------------------------------------------------------------------------------------------------------------


def test_a_person_that_is_held_is_answered_at_once_as_the_plain_row_is(tmp_path: Path) -> None:
    one, _ = app(tmp_path, Known(k1={"person.age": 40}), package(1))
    target = one._targets["/v1/services/churn/predict"]
    assert type(target) is PersonTarget
    response, document = ask(one, {"identity": _WHO, "x": 2.0})
    assert (response.status, says(document)) == (200, [43.0])
    assert document["version"] == 1
    assert document["request_id"]
    _, plain = ask(one, {"x": 2.0, "age": 40, "tier": None})
    assert plain["predictions"] == document["predictions"]
    for form in ({"ECID": [{"id": "1", "primary": True}]}, {"ecid": "1"}):
        assert says(ask(one, {"identity": form, "x": 2.0})[1]) == [43.0]
    assert says(ask(one, {"event": {"identityMap": {"ECID": [{"id": "1"}]}}, "x": 2.0})[1]) == [43.0]


def test_nobody_and_rows_of_several(tmp_path: Path) -> None:
    one, _ = app(tmp_path, Known(k1={"person.age": 40}, k2={"person.age": 50}), package(1))
    assert says(ask(one, {"identity": {"ECID": "9"}, "x": 0.0})[1]) == [31.0]
    rows = [{"identity": {"ECID": str(n)}, "x": 0.0} for n in (1, 2, 3, 1)]
    assert says(ask(one, {"rows": rows})[1]) == [41.0, 51.0, 31.0, 41.0]


def test_a_person_that_is_asked_for_is_waited_for_while_others_are_answered(tmp_path: Path) -> None:
    async def work() -> None:
        profiles = Known(k1={"person.age": 40}, k2={"person.age": 50})
        one, _ = app(tmp_path, profiles, package(1))
        profiles.waits["ecid:2"] = asyncio.Event()
        waiting = asyncio.create_task(asked(one, {"identity": {"ECID": "2"}, "x": 0.0}))
        await asyncio.sleep(0)
        assert one.in_flight == 1
        assert says((await asked(one, {"identity": _WHO, "x": 0.0}))[1]) == [41.0]
        assert not waiting.done()
        profiles.waits["ecid:2"].set()
        assert says((await waiting)[1]) == [51.0]
        assert one.in_flight == 0

    asyncio.run(work())


def test_after_the_authored_time_the_authored_defaults_answer(tmp_path: Path) -> None:
    async def work() -> None:
        profiles = Known(k1={"person.age": 40})
        profiles.waits["ecid:1"] = asyncio.Event()
        one, _ = app(tmp_path, profiles, package(1))
        assert says((await asked(one, {"identity": _WHO, "x": 0.0}))[1]) == [31.0]
        rows = [{"identity": {"ECID": str(n)}, "x": 0.0} for n in (1, 7)]
        assert says((await asked(one, {"rows": rows}))[1]) == [31.0, 31.0]
        assert one.in_flight == 0

    asyncio.run(work())


def test_large_requests_are_read_aside(tmp_path: Path) -> None:
    one, told = app(tmp_path, Known(k1={"person.age": 40}), package(1), log=True)
    rows = [{"identity": _WHO, "event": {"filler": "f" * 200}, "x": float(n)} for n in range(500)]
    assert len(json.dumps(rows)) > LARGE_BODY
    response, document = ask(one, {"rows": rows})
    assert response.status == 200
    assert says(document) == [41.0 + n for n in range(500)]
    assert len(told.added[0][3]) == len(told.added[0][4]) == 500
    assert one.in_flight == 0
    response, document = ask(one, {"rows": [*rows, {"identity": {}, "x": 0.0}]})
    assert (response.status, document["errors"][0]["at"]) == (422, "/500/identity")
    plain = {"rows": [{"x": float(n), "age": 1, "tier": "t" * 100} for n in range(1000)]}
    assert says(ask(one, plain)[1])[:2] == [2.0, 3.0]


# ---- refused ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "status", "kind", "at"),
    [
        ({"identity": {"ECID": 1}, "x": 0.0}, 422, "invalid-input", "/identity"),
        ({"identity": {}, "x": 0.0}, 422, "invalid-input", "/identity"),
        ({"identity": _WHO}, 422, "invalid-input", "/x"),
        ({"identity": _WHO, "x": "1"}, 422, "invalid-input", "/x"),
        ({"identity": _WHO, "x": 0.0, "age": 3}, 422, "invalid-input", "/age"),
        ({"rows": [{"identity": _WHO, "x": 0.0}, {"identity": {"A": 5}, "x": 0.0}]}, 422, "invalid-input", "/1/identity"),
        ({"event": {"identityMap": 5}, "x": 0.0}, 422, "invalid-input", "/event/identityMap"),
        (b'{"identity": {"ECID": "1"}, "x": 0.0', 400, "malformed-json", None),
        (b'{"identity": {"ECID": "1"}, "identity": {"ECID": "2"}, "x": 0.0}', 422, "invalid-input", None),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_place(tmp_path: Path, body: Any, status: int, kind: str, at: str | None) -> None:
    one, told = app(tmp_path, Known(k1={}), package(1), log=True)
    response, document = ask(one, body)
    assert (response.status, document["type"]) == (status, f"/problems/{kind}")
    assert at is None or [entry["at"] for entry in document["errors"]] == [at]
    assert told.added == []


def test_who_refused_personalisation_is_not_scored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    profiles = Known(k1={"person.age": 40}, k2={"person.age": 50})
    profiles.refused.add("ecid:1")
    one, told = app(tmp_path, profiles, package(1), log=True)
    for body in ({"identity": _WHO, "x": 0.0}, {"rows": [{"identity": {"ECID": n}, "x": 0.0} for n in "21"]}):
        response, document = ask(one, body)
        assert (response.status, document["type"]) == (403, "/problems/consent-refused")
        assert "personalisation" in document["detail"]
    assert told.added == []
    assert "request refused" not in caplog.text  # as an attempt would be


def test_limits_hold(tmp_path: Path) -> None:
    async def work() -> None:
        profiles = Known(k1={"person.age": 40})
        profiles.waits["ecid:1"] = asyncio.Event()
        one, _ = app(tmp_path, profiles, package(1), max_concurrent=2, max_rows=2)
        waiting = [asyncio.create_task(asked(one, {"identity": _WHO, "x": 0.0})) for _ in range(2)]
        await asyncio.sleep(0)
        assert (await asked(one, {"identity": {"ECID": "2"}, "x": 0.0}))[0].status == 503
        profiles.waits["ecid:1"].set()
        assert [(await one)[0].status for one in waiting] == [200, 200]
        rows = [{"identity": {"ECID": "2"}, "x": 0.0}] * 3
        assert (await asked(one, {"rows": rows}))[0].status == 413

    asyncio.run(work())


# ---- told to the hub ----------------------------------------------------------------------------------------------------


def test_predictions_about_persons_are_told_where_the_service_says_so(tmp_path: Path) -> None:
    profiles = Known(k1={"person.age": 40, "tier": "gold"})
    one, told = app(tmp_path, profiles, package(1), log=True)
    body = b'{"identity":{"ECID":"1"},"event":{"_id":"e"},"x":2.0}'
    ask(one, body, x_request_id="mine")
    ask(one, {"x": 2.0, "age": 1, "tier": None})  # about nobody
    ((layout, request, size, parts, rows, predictions),) = told.added
    assert (layout, request, size) == (101, "mine", len(body))
    assert parts == (Parts(b'{"ECID":"1"}', b'{"_id":"e"}'),)
    names = [entry.name for entry in one.table.current.services["churn"].champion.runtime.signature.ordered]
    assert dict(zip(names, rows[0], strict=True)) == {"x": 2.0, "age": 40, "tier": "gold"}
    assert msgspec.json.decode(predictions) == [{"x": 2.0, "age": 40, "tier": "gold", "says": 43.0}]
    silent, untold = app(tmp_path, profiles, package(1))
    ask(silent, body)
    assert untold.added == []


def test_a_sink_leaves_answers_and_what_is_told_as_they_are(tmp_path: Path) -> None:
    one, told = app(tmp_path, Known(k1={"person.age": 40}), package(1, sink=True), log=True)
    response, document = ask(one, {"identity": _WHO, "x": 2.0})
    assert (response.status, says(document)) == (200, [43.0])
    assert document["request_id"] == told.added[0][1]
    assert [one["says"] for one in msgspec.json.decode(told.added[0][5])] == [43.0]


def test_outputs_are_shaped_for_the_answer_only(tmp_path: Path) -> None:
    class Nested:
        def shape(self, outputs: Any) -> Any:
            return {"nested": outputs["says"]}

    one, told = app(tmp_path, Known(k1={"person.age": 40}), package(2), log=True)
    requests = one.table.current.services["churn"].champion.requests
    assert requests is not None
    requests.sinks.append(Nested())
    one._targets.clear()
    one._map(one.table.current)
    response, document = ask(one, {"identity": _WHO, "x": 2.0})
    assert document == {
        "service": "churn", "version": 1, "predictions": [{"nested": 44.0}], "request_id": response.request_id
    }  # fmt: skip
    assert ask(one, {"x": 2.0, "age": 1, "tier": None})[1]["predictions"] == [{"nested": 5.0}]
    assert [one["says"] for one in msgspec.json.decode(told.added[0][5])] == [44.0]


# ---- traffic, shadows, measures, explanations ---------------------------------------------------------------------------


def test_a_visitor_stays_in_an_arm_by_identity(tmp_path: Path) -> None:
    one, _ = app(tmp_path, Known(), package(1), package(2), traffic_split=(Arm(1, 0.5),))
    seen = {}
    for visit in range(3):
        for n in range(1, 41):
            form: Any = [{"ECID": str(n)}, {"ecid": [{"id": str(n), "primary": True}]}, {"ECID": [{"id": str(n)}]}][visit]
            body = {"event": {"identityMap": form}, "x": 0.0} if visit == 1 else {"identity": form, "x": 0.0}
            version = ask(one, body)[1]["version"]
            assert seen.setdefault(n, version) == version
    assert set(seen.values()) == {1, 2}
    keyed = {ask(one, {"identity": {"ECID": str(n)}, "x": 0.0}, x_rtml_key="me")[1]["version"] for n in range(1, 41)}
    assert len(keyed) == 1


@pytest.mark.parametrize(
    ("body", "who"),
    [
        (b'{"identity": {"ECID": "1"}}', "ecid:1"),
        (b'{"identity": {"A": [{"id": "1"}, {"id": "2", "primary": true}]}}', "a:2"),
        (b'{"event": {"identityMap": {"A": [{"id": "1"}], "B": [{"id": "2", "primary": true}]}}}', "b:2"),
        (b'{"rows": [{"identity": {"A": ["1"]}}, {"identity": {"A": "2"}}]}', "a:1"),
        (b'{"identity": {}}', None),
        (b'{"x": 1}', None),
        (b'{"identity": 5}', None),
        (b"nonsense", None),
    ],
)
def test_the_visitor_of_a_request(body: bytes, who: str | None) -> None:
    assert visitor(body) == who


@pytest.mark.parametrize("shadow_reads", [True, False])
@pytest.mark.parametrize("body", [{"identity": _WHO, "x": 2.0}, {"x": 2.0, "age": 40, "tier": None}])
def test_a_shadow_sees_the_same_values(tmp_path: Path, shadow_reads: bool, body: Any) -> None:
    async def work() -> None:
        profiles = Known(k1={"person.age": 40})
        one, _ = app(tmp_path, profiles, package(1, reads=shadow_reads), package(1), traffic_shadow=1)
        assert (await asked(one, body))[0].status == 200
        await until(lambda: one.shadow.report())
        (found,) = one.shadow.report()["churn"]
        assert (found["rows"], found["equal"], found["failures"], found["dropped"]) == (1, 1, 0, 0)

    asyncio.run(work())


def test_a_shadow_that_waits_for_a_profile_holds_nobody_up(tmp_path: Path) -> None:
    class Once(Known):
        def lookup(self, keys: tuple[str, ...], now: int) -> Any:
            found = super().lookup(keys, now)
            self.waits.setdefault("ecid:1", asyncio.Event())
            return found

    async def work() -> None:
        profiles = Once(k1={"person.age": 40})
        one, _ = app(tmp_path, profiles, package(1), package(2), traffic_shadow=1)
        assert says((await asked(one, {"identity": _WHO, "x": 2.0}))[1]) == [44.0]
        await until(lambda: one.shadow._reading == 1)
        profiles.waits["ecid:1"].set()
        await until(lambda: one.shadow.report())
        (found,) = one.shadow.report()["churn"]
        assert (found["rows"], found["equal"], found["failures"], found["dropped"]) == (1, 0, 0, 0)
        assert found["largest"] == {"output": "says", "difference": 1.0}

    asyncio.run(work())


def test_columns_are_explained(tmp_path: Path) -> None:
    one, told = app(tmp_path, Known(k1={"person.age": 40}), package(1), log=True)
    runtime = package(1)
    from rtml_plugins.edge.files import Home

    home = Home(tmp_path)
    home.make()
    graph: Any = op.Receiver(schema={"x": "float"}) >> op.ProfileReader(
        attributes={"age": {"path": "person.age", "type": "int", "default": 30}, "tier": {"type": "string?"}}, timeout_ms=50
    ) >> op.FieldOps(ops=[{"set": "says", "to": "x + age + 1"}])  # fmt: skip
    home.package(runtime.id).write_bytes(graph.compile().data)
    response, document = ask(one, {"identity": _WHO, "x": 2.0}, query="explain=columns")
    assert (response.status, says(document)) == (200, [43.0])
    assert document["columns"][0][-1]["columns"] == {"says": 43.0}
    assert document["fields"] == [{"x": 2.0, "age": 40, "tier": None}]
    assert "fields" not in ask(one, {"x": 2.0, "age": 40, "tier": None}, query="explain=columns")[1]
    assert told.added == []


def test_an_edge_counts_requests_of_both_kinds_alike(tmp_path: Path) -> None:
    metrics.reset()
    one, _ = app(tmp_path, Known(k1={"person.age": 40}), package(1))
    ask(one, {"identity": _WHO, "x": 2.0})
    ask(one, {"x": 2.0, "age": 1, "tier": None})
    ask(one, {"identity": {}, "x": 2.0})
    counts = {labels[2]: sum(series.counts) for labels, series in metrics._requests.items()}
    assert counts == {"ok": 2, "invalid": 1}


def test_the_document_of_the_edge_has_requests_by_identity(tmp_path: Path) -> None:
    one, _ = app(tmp_path, Known(k1={"person.age": 40}), package(1))
    document = apps.ask(one, "/openapi.json")[1]
    components = {"components": document["components"]}
    request = jsonschema_rs.validator_for({"$ref": "#/components/schemas/churn.1.request", **components})
    fine: list[Any] = [
        {"identity": _WHO, "x": 2.0},
        {"event": {"identityMap": {"ECID": [{"id": "1", "primary": True}]}}, "x": 2.0},
        {"rows": [{"identity": {"ECID": [{"id": "1"}]}, "event": {}, "x": 0.0}]},
        {"x": 2.0, "age": 40, "tier": None},
    ]
    answer = jsonschema_rs.validator_for({"$ref": "#/components/schemas/churn.1.answer", **components})
    for body in fine:
        assert request.is_valid(body), body
        response, told = ask(one, body)
        assert response.status == 200
        assert answer.is_valid(told)
    wrong: list[Any] = [
        {"x": 2.0},
        {"identity": _WHO},
        {"identity": _WHO, "x": 2.0, "age": 3},
        {"identity": {"ECID": 1}, "x": 2.0},
    ]
    for body in wrong:
        assert not request.is_valid(body), body
        assert ask(one, body)[0].status == 422
