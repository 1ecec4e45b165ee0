"""A real hub and a real edge: predictions by identity, written to the profile, seen in the next one; hub and workers killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx

from rtml_core import operators as op
from rtml_plugins.edge.outbox_reading import count
from rtml_plugins.profile.home import open_home
from rtml_plugins.profile.records import Record
from tests.integration.edge.running import Edge, edge, wait
from tests.integration.hub.process import HubProcess, asked, hub, published

_SERVICE = "/v1/services/churn"
_SCORE = "_acme.rtml.churn"
_VIEW = {"eventType": "web.webpagedetails.pageViews"}


@cache
def package() -> bytes:
    """One that answers visits (of the event) + age (of the profile) + views (of the person's events), and tells the last."""
    graph: Any = op.XDM2Frame(paths={"visits": {"path": "web.visits", "type": "float", "default": 0.0}}) >> op.ProfileReader(
        attributes={
            "age": {"path": "person.age", "type": "float", "default": -1.0},
            "before": {"path": f"{_SCORE}.score", "type": "float", "default": -1.0},
        },
        aggregates={"views": {"count": _VIEW}},
        timeout_ms=5000,
    )
    return (graph >> op.FieldOps(ops=[{"set": "says", "to": "visits + age + views"}])).compile().data


def seed(folder: Path) -> None:
    """Persons 1 to 9: of age 10 to 90, with as many views as their number."""
    home = open_home(folder)
    try:
        now = time.time_ns() // 1000
        records = []
        for n in range(1, 10):
            who = {"identityMap": {"ECID": [{"id": str(n), "primary": True}]}}
            records.append(Record("record", "people", f"p{n}", now, now, {"person": {"age": 10.0 * n}, **who}))
            records += [
                Record("event", "views", f"v{n}-{k}", now - k, now, {"_id": f"v{n}-{k}", **_VIEW, **who}) for k in range(n)
            ]
        assert home.profiles.apply(records).events == 45
    finally:
        home.close()


@contextmanager
def up(folder: Path, port: int | None = None) -> Iterator[tuple[HubProcess, httpx.Client]]:
    with hub(folder / "hub", port=port) as running, asked(running) as client:
        yield running, client


def publish(client: httpx.Client) -> None:
    published(client, package()).raise_for_status()
    client.put(f"{_SERVICE}/enrichment", json={"outputs": {"says": _SCORE}}).raise_for_status()


def predict(edge: Edge, n: int, visits: float = 1.0, event: str | None = None, **others: str) -> Any:
    """(status, first prediction or the problem) for a visit of person n."""
    told = {"web": {"visits": visits}, **({"_id": event} if event else {})}
    status, document = edge.ask("POST", f"{_SERVICE}/predict", {"identity": {"ECID": str(n)}, "event": told}, **others)
    return status, document["predictions"][0] if status == 200 else document


def ready(one: Edge, workers: int) -> None:
    """Wait until so many workers serve it."""
    wait(lambda: [s.state for w in one.workers().values() for s in w.services].count("ready") >= workers, one.said)
    one.wait_for_listeners(workers)


def says(edge: Edge, n: int) -> Any:
    status, document = predict(edge, n)
    assert status == 200, document
    return document["says"]


def test_a_score_is_on_the_profile_and_in_the_next_prediction(tmp_path: Path) -> None:
    seed(tmp_path / "hub" / "data")
    with up(tmp_path) as (running, client):
        publish(client)
        with edge(tmp_path / "edge", running.url, "--workers", "2", region="na") as one:
            wait(lambda: predict(one, 1)[0] == 200, one.said)
            ready(one, 2)
            assert says(one, 2) == 1.0 + 20.0 + 2
            wait(lambda: predict(one, 2)[1]["before"] == 23.0, one.said)
            assert says(one, 77) == 1.0 - 1.0 + 0  # nobody
            wait(lambda: predict(one, 77)[1]["before"] == 0.0, one.said)  # who is somebody now
            rows = [{"identity": {"ECID": str(n)}, "event": {}} for n in range(1, 10)]
            status, document = one.ask("POST", f"{_SERVICE}/predict", {"rows": rows})
            assert (status, [p["says"] for p in document["predictions"]]) == (200, [11.0 * n for n in range(1, 10)])
            wait(lambda: predict(one, 9)[1]["before"] > 0, one.said)
            client.delete("/v1/profiles", params={"namespace": "ECID", "id": "2"}).raise_for_status()
            wait(lambda: predict(one, 2)[1]["says"] == 0.0, one.said)
            text = httpx.get(f"http://127.0.0.1:{one.port}/metrics").raise_for_status().text
            assert 'rtml_edge_profile_lookups_total{region="na",result="hit"}' in text
            assert 'rtml_edge_outbox_records_total{region="na",result="kept",service="churn"}' in text
            status, problem = one.ask(
                "POST", f"{_SERVICE}/predict", {"identity": {"ECID": "1"}, "event": {"web": {"visits": "x"}}}
            )
            assert (status, problem["errors"][0]["at"]) == (422, "/event/web/visits")
        assert '"77"' not in one.said()
        assert "ecid:" not in one.said()


def test_persons_are_known_and_told_of_though_the_hub_was_away(tmp_path: Path) -> None:
    seed(tmp_path / "hub" / "data")
    with up(tmp_path) as (running, client):
        publish(client)
        with edge(tmp_path / "edge", running.url, "--workers", "1", region="na") as one:
            wait(lambda: predict(one, 3)[0] == 200, one.said)
            wait(lambda: says(one, 3) == 34.0, one.said)
            os.kill(running.pid, signal.SIGKILL)
            wait(lambda: "hub away" in one.said(), one.said)
            assert says(one, 3) == 34.0
        running.stop()
        with edge(tmp_path / "edge", running.url, "--workers", "1", region="na") as one:
            wait(lambda: predict(one, 3)[0] == 200, one.said)
            assert says(one, 3) == 34.0
            assert predict(one, 3, visits=1000.0)[1]["says"] == 1033.0
            with up(tmp_path, running.port):
                wait(lambda: predict(one, 3)[1]["before"] in (1033.0, 34.0), one.said)
                wait(lambda: not list((tmp_path / "edge" / "outbox").glob("*.journal")) or says(one, 4) == 45.0, one.said)


def test_a_killed_worker_loses_no_prediction_that_was_written(tmp_path: Path) -> None:
    seed(tmp_path / "hub" / "data")
    with up(tmp_path) as (running, client):
        publish(client)
        with edge(tmp_path / "edge", running.url, "--workers", "1", region="na") as one:
            wait(lambda: predict(one, 1)[0] == 200, one.said)
            before = 1  # told of, too
            answered: list[str] = []
            stop = threading.Event()

            def visit() -> None:
                number = 0
                while not stop.is_set():
                    number += 1
                    try:
                        if predict(one, 1 + number % 9, x_request_id=f"visit-{number}")[0] == 200:
                            answered.append(f"visit-{number}")
                    except OSError:
                        time.sleep(0.02)

            thread = threading.Thread(target=visit)
            thread.start()
            try:
                wait(lambda: len(answered) > 100, one.said)
                (pid,) = one.workers()
                (journal,) = (tmp_path / "edge" / "outbox").glob("*.journal")
                written = count(journal)
                os.kill(pid, signal.SIGKILL)
                seen = len(answered)
                wait(lambda: len(answered) > seen + 20, one.said)
            finally:
                stop.set()
                thread.join()
            one.stop()
        running.stop()
    home = open_home(tmp_path / "hub" / "data")
    try:
        request = "_rtml.prediction.request"
        told = home.datasets.read("rtml-predictions-churn", select=[request])[request].tolist()
    finally:
        home.close()
    assert len(set(told)) == len(told)  # each once
    assert written > 50
    missing = set(answered) - set(told)
    assert not missing & set(answered[: written - before])
    assert not missing & set(answered[-10:])


def test_nobody_but_the_edge_pays_for_plain_requests_of_such_a_service(tmp_path: Path) -> None:
    """A plain row is scored by the same package, without identity, and nothing is told of it."""
    seed(tmp_path / "hub" / "data")
    with up(tmp_path) as (running, client):
        publish(client)
        with edge(tmp_path / "edge", running.url, "--workers", "1", region="na") as one:
            plain = {"visits": 1.0, "age": 5.0, "before": 0.0, "views": 2}
            wait(lambda: one.ask("POST", f"{_SERVICE}/predict", plain)[0] == 200, one.said)
            assert one.ask("POST", f"{_SERVICE}/predict", plain)[1]["predictions"][0]["says"] == 8.0
            assert not (tmp_path / "edge" / "outbox").exists()
            assert not (tmp_path / "edge" / "profiles.db").exists()
