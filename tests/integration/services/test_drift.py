"""What edges count, read with the client and on the command line, from a real hub."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator

import msgspec
import pytest

from rtml_core.client import AsyncClient, Client, NotFound
from rtml_core.client.records import Drift, Published, Series
from tests.integration.hub.process import HubProcess, asked, hub, published, rtml
from tests.unit.hub.counted import ROWS, bins, counted, of, package_of, sample, window, windows
from tests.unit.hub.packages import package


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    """A hub with a service that has drifted, one without a baseline and one that nobody asks."""
    with hub(tmp_path_factory.mktemp("hub") / "home") as started:
        with asked(started) as client:
            first = msgspec.json.decode(published(client, package_of()).content, type=Published)
            plain = msgspec.json.decode(published(client, package(), "plain").content, type=Published)
            published(client, package(), "idle")
            older = sample().copy()
            older["age"] += 20
            what = counted(0, ok=57, timeout=3, inputs=bins(older))
            told = windows("r", "na", [window(1, time.time() - 20, of(first, what), of(plain, counted(1)))])
            answer = client.post("/v1/edges/na-1/measures", content=msgspec.json.encode(told))
            assert answer.json() == {"number": 1}, answer.text
        yield started


def test_both_clients_read_series_and_drift(running: HubProcess) -> None:
    async def both() -> tuple[Series, Drift]:
        async with AsyncClient(running.url) as client:
            return await client.measures("churn", span="15m"), await client.drift("churn")

    later, same = asyncio.run(both())
    with Client(running.url) as client:
        series = client.measures("churn", span="15m", version=1)
        drift = client.drift("churn", 1, span="1h", region="na")
        with pytest.raises(NotFound):
            client.drift("churn", 7)
        with pytest.raises(NotFound):
            client.measures("chum")
    for found in (series, later):
        (point,) = [point for point in found.points if point.total is not None]
        assert (point.versions[1].requests, point.regions["na"].errors) == (60, 0.05)
        assert found.now.service == "churn"
    assert (drift.verdict, drift.rows) == (same.verdict, same.rows) == ("drifted", ROWS)
    assert drift.columns == same.columns


def test_drift_on_the_command_line(running: HubProcess) -> None:
    said = rtml("services", "drift", "churn", "--hub", running.url).stdout
    lines = said.splitlines()
    assert lines[0].startswith("churn, version 1: drifted. 1 of 3 columns changed, 'age' the most")
    assert lines[1].startswith("1,000 rows looked at since ")
    assert lines[3].split() == ["column", "side", "verdict", "PSI", "rows", "what", "happened"]
    assert lines[4].startswith("age     input   drifted")
    assert "'age' has moved far: " in lines[4]
    found = json.loads(rtml("services", "drift", "churn", "--json", "--span", "7d", "--hub", running.url).stdout)
    assert [one["verdict"] for one in found["columns"][:3]] == ["drifted", "stable", "stable"]
    plain = rtml("services", "drift", "plain", "--version", "1", "--region", "na", "--hub", running.url).stdout
    assert plain.startswith("plain, version 1: no baseline. Version 1 was made without a sample")
    assert plain.count("\n") == 1
    missing = rtml("services", "drift", "chum", "--hub", running.url, check=False)
    assert missing.returncode == 2
    assert "Did you mean 'churn'?" in missing.stderr
    assert rtml("services", "drift", "churn", "--span", "2h", check=False).returncode == 2


def test_a_service_is_shown_with_what_it_answers(running: HubProcess) -> None:
    shown = rtml("services", "show", "churn", "--hub", running.url).stdout
    lately = next(line for line in shown.splitlines() if line.startswith("lately"))
    assert "requests" in lately
    idle = rtml("services", "show", "idle", "--hub", running.url).stdout
    assert "lately   no requests yet" in idle
