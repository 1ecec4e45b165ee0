"""A real hub that is killed: what it has answered for is there, once and in order, and nothing half-done is left."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from rtml_core.client import Client, NotFound
from rtml_plugins.profile.home import open_home
from rtml_plugins.profile.identity import Identity
from tests.integration.hub.process import HubProcess, asked, free_port, hub, published, rtml, wait_for
from tests.unit.hub.persons import AT, customer, prediction, view, writing

PERSONS = 7
SECOND = 1_000_000


def killed(running: HubProcess) -> None:
    """kill -9, worker included."""
    for pid in (*running.workers(), running.pid):
        os.kill(pid, signal.SIGKILL)
    running.stop()


class Teller:
    """An edge that tells predictions, one after the other, until it is told that each is taken."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.taken = 0

    def _run(self) -> None:
        with httpx.Client(base_url=self._url, timeout=10) as client:
            while not self._stop.is_set():
                first = self.taken + 1
                records = [
                    prediction(float(n), f"p{n % PERSONS}", at=AT + n * SECOND) for n in range(first, first + 1 + first % 20)
                ]
                body = {"region": "na", "run": "r", "first": first, "records": records}
                try:
                    answer = client.post("/v1/edges/na-1/predictions", json=body)
                except httpx.HTTPError:
                    time.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    self.taken = answer.json()["through"]

    def __enter__(self) -> Teller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_a_hub_that_is_killed_has_each_prediction_once(tmp_path: Path) -> None:
    home, port = tmp_path / "hub", free_port()
    with hub(home, port=port) as running, asked(running) as client:
        published(client, writing("_acme.churn")).raise_for_status()
        with Teller(running.url) as teller:
            wait_for(lambda: teller.taken > 300, "predictions")
            killed(running)
            with hub(home, port=port) as again:
                seen = teller.taken
                wait_for(lambda: teller.taken > seen + 200, "more predictions")
                again.stop()
    with open_home(home / "data") as data:
        told = [one.id or "" for one in data.datasets.documents("rtml-predictions-churn")]
        numbers = [int(name.rpartition("/")[2]) for name in told]
        assert numbers == list(range(1, len(numbers) + 1))  # none is missing, and none came twice
        assert len(numbers) >= teller.taken
        for person in range(PERSONS):
            found = data.profiles.lookup(Identity("ECID", f"p{person}"))
            assert found is not None
            newest = max(number for number in numbers if number % PERSONS == person)
            assert found.attributes["_acme"]["churn"]["score"] == newest


def test_records_and_persons_over_the_command_line_and_the_client(tmp_path: Path) -> None:
    records = tmp_path / "events.jsonl"
    records.write_text("\n".join(json.dumps(view(n)) for n in range(1, 5)))
    with hub(tmp_path / "hub") as running, Client(running.url) as client:
        assert client.ingest(records, schema="shop-event", dataset="web").accepted == 4
        assert client.ingest([view(4), view(5)], schema="shop-event", dataset="web").duplicates == 1
        assert client.ingest(customer(loyalty={"tier": "gold"}), schema="shop-profile", dataset="crm").accepted == 1
        found = client.profile("ECID", "38652", fields=["loyalty.tier", "identities"])
        assert (found.attributes, found.identities[0].events) == ({"loyalty": {"tier": "gold"}}, 5)
        assert len(client.profile_events("ECID", "38652", limit=2).events) == 2
        assert [one.name for one in client.datasets()] == ["crm", "web"]
        client.publish(writing(), "churn", regions="na", wait=False)
        said = rtml("services", "enrich", "churn", "--output", "says", "--path", "_acme.churn", "--hub", running.url)
        assert "churn: writes says to _acme.churn (set by local, " in said.stdout
        assert "paused" in rtml("services", "enrich", "churn", "--pause", "--hub", running.url).stdout
        assert not client.enrichment("churn").enabled
        assert rtml("services", "enrich", "churn", "--resume", "--json", "--hub", running.url).stdout.count("_acme.churn") == 1
        rtml("services", "enrich", "churn", "--remove", "--hub", running.url)
        none = rtml("services", "enrich", "churn", "--hub", running.url, check=False)
        assert (none.returncode, "enriches no profiles" in none.stderr) == (2, True)
        assert client.set_projection("na", attributes=["loyalty"]).mode == "chosen"
        assert client.projection("na").attributes == ("loyalty",)
        assert client.erase_profile("ECID", "38652").events == 5
        with pytest.raises(NotFound, match="nobody is known"):
            client.profile("ECID", "38652")
