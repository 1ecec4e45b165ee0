"""Requests for predictions: what is answered, by which version, and what is refused."""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_core import Runtime, package
from rtml_core.client.records import Arm
from rtml_plugins.edge import batching, explaining, metrics, predict
from rtml_plugins.edge.exchange import Request, Response
from rtml_plugins.edge.files import Home
from rtml_plugins.serving.keys import digest, new_secret
from rtml_plugins.serving.wire import KeyEntry
from tests.unit.edge import apps, packages

PREDICT = "/v1/services/churn/predict"


@pytest.fixture(autouse=True)
def counted() -> Any:
    metrics.reset()
    yield
    metrics.reset()


def churn(*versions: int, **traffic: Any) -> Any:
    return packages.service(*(versions or (1,)), **traffic)


@pytest.mark.parametrize("batches", [True, False])
@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"x": 1}, [2.0]),
        ({"rows": [{"x": 1}, {"x": 2}]}, [2.0, 3.0]),
        ({"rows": []}, []),
        ({"columns": {"x": [1, 2, 3]}}, [2.0, 3.0, 4.0]),
        ({"x": {"0": 4, "1": 5}}, [5.0, 6.0]),
    ],
)
def test_every_form_of_rows_is_answered(tmp_path: Path, body: Any, says: list[float], batches: bool) -> None:
    one = apps.app(tmp_path, churn())
    one.snapshot.services["churn"].champion.scorer.batches = batches
    response, answer = apps.ask(one, PREDICT, body, content_type="application/json")
    assert response.status == 200
    assert answer == {
        "service": "churn",
        "version": 1,
        "predictions": [{"x": x - 1, "says": x} for x in says],
        "request_id": response.request_id,
    }
    assert one.in_flight == 0


def test_a_version_may_be_asked_for_by_number(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn(1, 2))
    assert [
        apps.ask(one, f"/v1/services/churn/{where}", {"x": 1})[1]["version"] for where in ("predict", "versions/1/predict")
    ] == [2, 1]
    response, answer = apps.ask(one, "/v1/services/churn/versions/3/predict", {"x": 1})
    assert (response.status, answer["type"]) == (404, "/problems/no-such-version")
    assert "it has 1, 2" in answer["detail"]


def test_requests_of_one_turn_are_scored_together_and_fail_alone(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn())
    scorer = one.snapshot.services["churn"].champion.scorer
    scorer.batches = True
    runs: list[int] = []
    inner = scorer.rows

    class Counting:
        def __getattr__(self, name: str) -> Any:
            return getattr(inner, name)

        def score_many(self, requests: Any) -> Any:
            runs.append(len(requests))
            return inner.score_many(requests)

    scorer.rows = Counting()  # type: ignore[assignment]

    async def all_at_once() -> list[Any]:
        bodies = [{"x": 1}, {"x": "one"}, {"rows": [{"x": 2}, {"x": 3}]}, b"{", {"x": 4}]
        return await asyncio.gather(*(apps.asked(one, PREDICT, body) for body in bodies))

    answers = asyncio.run(all_at_once())
    assert [response.status for response, _ in answers] == [200, 422, 200, 400, 200]
    assert [len(answer["predictions"]) for response, answer in answers if response.status == 200] == [1, 2, 1]
    assert runs == [3]


def test_requests_that_come_one_by_one_are_not_queued_until_some_come_together(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn())
    scorer = one.snapshot.services["churn"].champion.scorer
    scorer.batches = True

    def queued(number: int) -> list[bool]:
        async def run() -> list[bool]:
            waits = []
            for _ in range(number):
                answer = one.handle(Request("POST", PREDICT, "", {"host": "127.0.0.1"}, b'{"x": 1}'))
                waits.append(not isinstance(answer, Response))
                if not isinstance(answer, Response):
                    answer = await answer
                assert answer.status == 200
            return waits

        return asyncio.run(run())

    rounds = queued(batching.ALONE + 2 * batching.TRY_AGAIN)
    assert all(rounds[: batching.ALONE])
    assert sum(rounds) == batching.ALONE + 2

    async def together() -> Any:
        return await asyncio.gather(*(apps.asked(one, PREDICT, {"x": 1}) for _ in range(3 * batching.TRY_AGAIN)))

    assert {response.status for response, _ in asyncio.run(together())} == {200}
    assert all(queued(3))


def test_large_requests_are_read_and_scored_in_the_thread(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn(), max_rows=20_000)
    rows = {"rows": [{"x": at} for at in range(15_000)]}
    answer = apps.ask(one, PREDICT, rows)[1]
    assert [row["says"] for row in answer["predictions"]] == [at + 1.0 for at in range(15_000)]
    one.snapshot.services["churn"].champion.scorer.most = 10
    assert len(apps.ask(one, PREDICT, {"rows": rows["rows"][:50]})[1]["predictions"]) == 50
    response, answer = apps.ask(one, PREDICT, {"rows": [*rows["rows"], {"x": "y"}]})
    assert (response.status, answer["errors"][0]["at"]) == (422, "/15000/x")
    for count in (20_001, 60_000):
        response, answer = apps.ask(one, PREDICT, {"rows": [{"x": 1}] * count})
        assert (response.status, answer["type"]) == (413, "/problems/too-many-rows")
    assert one.in_flight == 0


def test_too_many_rows_of_a_small_body(tmp_path: Path) -> None:
    response, answer = apps.ask(apps.app(tmp_path, churn(), max_rows=2), PREDICT, {"rows": [{"x": 1}] * 3})
    assert (response.status, answer["detail"]) == (413, "the request has 3 rows; at most 2 are scored at a time")


@pytest.mark.parametrize(
    ("body", "headers", "status", "kind"),
    [
        (b"", {}, 400, "malformed-json"),
        (b'{"x": NaN}', {}, 400, "malformed-json"),
        (b"\xff", {}, 400, "malformed-json"),
        (b'{"x": "y"}', {}, 422, "invalid-input"),
        (b'{"x": 1, "x": 2}', {}, 422, "invalid-input"),
        (b'{"\\ud800": 1}', {}, 422, "invalid-input"),
        (b'{"x": 1}', {"content_type": "text/csv"}, 415, "no-json"),
        (b'{"x": 1}', {"content_encoding": "br"}, 415, "unknown-coding"),
        (b'{"x": 1}', {"content_encoding": "gzip"}, 400, "damaged-body"),
        (gzip.compress(b" " * 9_000_000), {"content_encoding": "gzip"}, 413, "body-too-large"),
    ],
)
def test_what_is_wrong_is_a_problem_document(
    tmp_path: Path, body: bytes, headers: dict[str, str], status: int, kind: str
) -> None:
    response, answer = apps.ask(apps.app(tmp_path, churn()), PREDICT, body, method="POST", **headers)
    assert (response.status, answer["status"], answer["type"]) == (status, status, f"/problems/{kind}")
    assert answer["request_id"] == response.request_id
    assert dict(response.headers)["Content-Type"] == "application/problem+json"


def test_each_wrong_field_is_named_and_a_flood_of_them_is_cut(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn())
    answer = apps.ask(one, PREDICT, {"x": "y", "z": 1})[1]
    assert answer["errors"] == [
        {"at": "/z", "expected": "no such field", "got": "an unknown field"},
        {"at": "/x", "expected": "a finite number", "got": "string 'y'"},
    ]
    response, answer = apps.ask(one, PREDICT, {"rows": [{"x": "y" * 500, "\ud800" * 900: 1}] * 400})
    assert len(answer["errors"]) == 100
    assert len(response.body) < 100_000


def test_bodies_may_be_compressed_and_said_to_have_a_charset(tmp_path: Path) -> None:
    sent = gzip.compress(b'{"x": 1}')
    one = apps.app(tmp_path, churn())
    answer = apps.ask(one, PREDICT, sent, content_encoding="gzip", content_type="Application/JSON; charset=utf-8")[1]
    assert answer["predictions"] == [{"x": 1.0, "says": 2.0}]


def test_request_ids_are_kept_when_sane_and_sort_by_time_otherwise(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn())
    assert apps.ask(one, PREDICT, {"x": 1}, x_request_id="order-66")[0].request_id == "order-66"
    for insane in ("", "a b", "x" * 129, "é", "a\nb", '"'):
        assert apps.ask(one, PREDICT, {"x": 1}, x_request_id=insane)[0].request_id != insane
    made = [predict.new_id() for _ in range(1000)]
    assert made == sorted(set(made))


def test_a_canary_gets_its_visitors_by_header_or_field(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn(1, 2, champion=1, canary=Arm(2, 0.5), sticky="x"))

    def arms(ask: Any) -> list[int]:
        return [ask(number)[1]["version"] for number in range(40)]

    by_header = arms(lambda number: apps.ask(one, PREDICT, {"x": 1}, x_rtml_key=str(number)))
    assert set(by_header) == {1, 2}
    assert by_header == arms(lambda number: apps.ask(one, PREDICT, {"x": 7}, x_rtml_key=str(number)))
    by_field = arms(lambda number: apps.ask(one, PREDICT, {"x": number}))
    assert by_field == by_header
    assert by_field == arms(lambda number: apps.ask(one, PREDICT, {"rows": [{"x": number}, {"x": 1}]}))
    assert by_field == arms(lambda number: apps.ask(one, PREDICT, {"columns": {"x": [number, 1]}}))
    assert by_field == arms(lambda number: apps.ask(one, PREDICT, {"x": {"0": number}}))
    assert apps.ask(one, PREDICT, b"{")[0].status == 400


@pytest.mark.parametrize("field", ["id", "rows", "columns"])
@pytest.mark.parametrize("value", ["a", "", 3, 2.5, True])
def test_the_sticky_value_of_a_row_is_a_text(field: str, value: Any) -> None:
    reads = predict.Sticky(field)
    text = value if isinstance(value, str) else str(value).lower()
    assert reads.of(json.dumps({"more": [1], field: value}).encode()) == text
    for nothing in (b"{}", b"3", b"\xff", b'{"%s": null}' % field.encode(), b"[" * 100_000, b'{"%s": [[]]}' % field.encode()):
        assert reads.of(nothing) is None


def test_more_in_flight_than_allowed_is_refused_at_once(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn(), max_concurrent=3)
    one.snapshot.services["churn"].champion.scorer.batches = True

    async def flood() -> list[Any]:
        return await asyncio.gather(*(apps.asked(one, PREDICT, {"x": 1}) for _ in range(5)))

    answers = asyncio.run(flood())
    assert [response.status for response, _ in answers] == [200, 200, 200, 503, 503]
    assert dict(answers[-1][0].headers)["Retry-After"] == "1"
    assert apps.ask(one, PREDICT, {"x": 1})[0].status == 200


def test_more_rows_waiting_than_allowed_are_refused_at_once(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn(), max_queue=3)
    one.snapshot.services["churn"].champion.scorer.batches = True

    async def flood() -> list[Any]:
        return await asyncio.gather(*(apps.asked(one, PREDICT, {"rows": [{"x": 1}] * count}) for count in (2, 1, 1)))

    assert [response.status for response, _ in asyncio.run(flood())] == [200, 200, 503]


def test_more_rows_than_a_run_may_have_take_several_turns(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn())
    scorer = one.snapshot.services["churn"].champion.scorer
    scorer.batches, scorer.most = True, 4

    async def several() -> list[Any]:
        return await asyncio.gather(*(apps.asked(one, PREDICT, {"rows": [{"x": at}] * 3}) for at in range(6)))

    says = [answer["predictions"][0]["says"] for _, answer in asyncio.run(several())]
    assert says == [at + 1.0 for at in range(6)]
    assert scorer.waiting == 0


def test_what_waited_too_long_for_the_thread_is_given_up(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn(), request_timeout=-1.0)
    one.snapshot.services["churn"].champion.scorer.most = 1
    response, answer = apps.ask(one, PREDICT, {"rows": [{"x": 1}] * 2})
    assert (response.status, answer["type"]) == (503, "/problems/timeout")
    assert ("Retry-After", "1") in response.headers


def test_a_deprecated_service_says_so_in_its_header(tmp_path: Path) -> None:
    import msgspec

    entry = msgspec.structs.replace(churn(), deprecated="2026-01-31T10:15:00.000Z", deprecation="use churn-2")
    one = apps.app(tmp_path, entry)
    for path, body in ((PREDICT, {"x": 1}), ("/v1/services/churn", None)):
        assert dict(apps.ask(one, path, body)[0].headers)["Deprecation"] == "@1769854500"
    assert apps.ask(one, "/v1/services/churn")[1]["deprecation"] == "use churn-2"


def test_a_fault_of_the_edge_is_a_500_without_its_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = apps.app(tmp_path, churn())

    def fails(*_: Any) -> Any:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(one.snapshot.services["churn"].champion.scorer, "rows", type("Broken", (), {"decode": fails}))
    response, answer = apps.ask(one, PREDICT, {"x": 1})
    assert (response.status, answer["type"]) == (500, "/problems/internal")
    assert b"secret" not in response.body


def test_answers_are_counted_by_service_version_and_outcome(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn(1, 2))
    for body in ({"x": 1}, {"x": 2}, {"x": "y"}):
        apps.ask(one, PREDICT, body)
    counts = {key: sum(series.counts) for key, series in metrics._requests.items()}
    assert counts == {("churn", 2, "ok"): 2, ("churn", 2, "invalid"): 1}


def test_columns_on_the_way_are_told_to_whoever_debugs(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn())
    identity, data = packages.package(1)
    home = Home(tmp_path)
    home.make()
    home.package(identity).write_bytes(data)
    for body, count in (({"x": 1}, 1), ({"rows": [{"x": 1}] * 3}, 3), ({"rows": []}, 0)):
        answer = apps.ask(one, PREDICT, body, query="explain=columns")[1]
        assert answer["predictions"] == [{"x": 1.0, "says": 2.0}] * count
        receiver = {"node": "receiver", "operator": "Receiver", "columns": {}}
        told = [receiver, {"node": "field_ops", "operator": "FieldOps", "columns": {"says": 2.0}}]
        assert answer["columns"] == [told] * count
        assert answer["left_out"] == []
    for body, status in ((b"{", 400), ({"x": "y"}, 422), ({"rows": [{"x": 1}] * 101}, 413)):
        assert apps.ask(one, PREDICT, body, query="explain=columns")[0].status == status
    for query in ("explain", "explain=all", "more=1", "explain=columns&explain=columns", "%ff"):
        response, answer = apps.ask(one, PREDICT, {"x": 1}, query=query)
        assert (response.status, answer["type"]) == (400, "/problems/unknown-query")


def without_columns(number: int) -> bytes:
    """A package as releases before the explain model made them."""
    with zipfile.ZipFile(io.BytesIO(packages.package(number)[1])) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    manifest = msgspec.json.decode(files.pop(package.MANIFEST), type=package.Manifest)
    files.pop(package.EXPLAIN, None)
    return package.write_archive(msgspec.structs.replace(manifest, explain=None), files)


def test_columns_on_the_way_of_a_package_that_has_none_are_no_fault_of_the_edge(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = apps.app(tmp_path, churn())
    champion = one.snapshot.services["churn"].champion
    old = Runtime.from_bytes(without_columns(1))
    home = Home(tmp_path)
    home.make()
    home.package(old.id).write_bytes(without_columns(1))

    def refused(loaded: Any) -> predict.Problem:
        with pytest.raises(predict.Problem) as caught:
            asyncio.run(explaining.explain(one, loaded, b'{"x": 1}'))
        return caught.value

    problem = refused(dataclasses.replace(champion, runtime=old, package_id=old.id))
    assert (problem.status, problem.kind, "compile it again" in problem.detail) == (422, "not-explained", True)
    assert caplog.records == []
    # one that could tell, and is not on the disk any more: the log says so
    problem = refused(dataclasses.replace(champion, runtime=Runtime.from_bytes(packages.package(1)[1])))
    assert (problem.status, problem.kind) == (422, "not-explained")
    assert [record.message for record in caplog.records] == ["package not explained"]


def test_columns_on_the_way_count_once_towards_the_rate_of_a_key(tmp_path: Path) -> None:
    identity, secret = new_secret()
    entry = KeyEntry(identity, digest(secret), ("predict", "debug"), rate=0.001)
    one = apps.app(tmp_path, churn(), open=False, others={"keys": {entry.hash: entry}, "locked": True})
    home = Home(tmp_path)
    home.make()
    packages.put(home, 1)
    given = {"authorization": f"Bearer {secret}"}
    statuses = [apps.ask(one, PREDICT, {"x": 1}, query="explain=columns", **given)[0].status for _ in range(2)]
    assert statuses == [200, 429]


def test_columns_on_the_way_are_not_told_to_others(tmp_path: Path) -> None:
    one = apps.app(tmp_path, churn(), debug=False)
    assert apps.ask(one, PREDICT, {"x": 1}, query="explain=columns")[0].status == 403
