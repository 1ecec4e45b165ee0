"""`rtml up`: one command, and everything is found again by the next one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from pathlib import Path

import pandas as pd
import pytest

from rtml_core import operators as op
from rtml_core.client import Client, ClientError, NotAllowed
from tests.integration.machine import RTML, SECONDS, until, up


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "years.rtml"
    graph = op.Receiver(schema={"age": "float?"}) >> op.Pandas(import_="fillna", cols="age", kwargs={"value": 41.0}, inplace=True)
    graph.compile(sample=pd.DataFrame({"age": [1.0, None]})).save(path)
    return path


def test_the_next_start_finds_services_regions_and_ports_again(tmp_path: Path, package: Path) -> None:
    with up(tmp_path, "--port", "0", "--region", "na,emea") as hub, Client(hub=hub) as client:
        assert {edge.region for edge in client.edges()} == {"na", "emea"}  # known before anybody is told the address
        published = client.publish(package, "years", regions=["na", "emea"])
        assert (published.version, published.created) == (1, True)
    with up(tmp_path) as again, Client(hub=again) as client:
        assert again == hub
        assert {edge.region for edge in client.edges()} == {"na", "emea"}
        assert dict(client.predict("years", {"age": None})) == {"age": 41.0}
        same = client.publish(package, "years", regions=["na", "emea"])
        assert (same.version, same.created) == (1, False)


def test_a_hub_that_is_killed_comes_back_and_nobody_who_scores_notices(tmp_path: Path, package: Path) -> None:
    with up(tmp_path, "--port", "0") as hub, Client(hub=hub) as client:
        client.publish(package, "years", regions="na")
        [edge] = client.edges()
        running = json.loads((tmp_path / "running.json").read_bytes())
        os.kill(running["hub"], signal.SIGKILL)
        with Client(edges={"na": edge.url}) as near:
            assert near.predict("years", {"age": 7.0})["age"] == 7.0
        until(lambda: json.loads((tmp_path / "running.json").read_bytes()).get("hub") not in (None, running["hub"]))
        with Client(hub=hub, retries=50, timeout=SECONDS) as patient:
            assert [service.name for service in patient.services()] == ["years"]


class Callers:
    """Somebody who scores without a break, each time on a new connection; what came is in `outcomes`."""

    def __init__(self, edge: str, key: str | None = None):
        self.outcomes: list[str] = []
        self._edge, self._key = edge, key
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Callers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(SECONDS)

    def _run(self) -> None:
        while not self._ended.is_set():
            with Client(edges={"na": self._edge}, key=self._key, retries=0) as client:
                try:
                    self.outcomes.append(f"{client.predict('years', {'age': 7.0})['age']:g}")
                except ClientError as error:
                    self.outcomes.append(type(error).__name__)


def new_key(home: Path) -> str:
    """The secret of the first key of a hub, which may do everything here."""
    scopes = [part for scope in ("admin", "predict") for part in ("--scope", scope)]
    command = [*RTML, "keys", "create", "--home", str(home / "hub"), *scopes, "--name", "me", "--json"]
    return str(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["secret"])


def test_once_there_is_a_key_everybody_needs_one_and_nobody_finds_the_edges_closed(tmp_path: Path, package: Path) -> None:
    with up(tmp_path, "--port", "0", "--region", "na,emea") as hub:
        with Client(hub=hub) as client:
            client.publish(package, "years", regions=["na", "emea"])
            [edge] = [edge.url for edge in client.edges() if edge.region == "na"]
        running = json.loads((tmp_path / "running.json").read_bytes())
        with Callers(edge) as strangers:
            until(lambda: "7" in strangers.outcomes)
            secret = new_key(tmp_path)
            with Callers(edge, secret) as friends, Client(hub=hub, key=secret, timeout=SECONDS) as client:
                until(lambda: "NotAllowed" in strangers.outcomes)
                until(lambda: (tmp_path / "edge.key").exists())
                # what is changed now reaches edges that had no key when they were started
                client.publish(package, "again", regions=["na", "emea"], wait=True)
                until(lambda: [edge.state for edge in client.edges()] == ["ready", "ready"])
                listed = client.keys()
                assert {key.name for key in listed} == {"me", "edges of rtml up"}
        assert set(strangers.outcomes) == {"7", "NotAllowed"}
        assert strangers.outcomes == sorted(strangers.outcomes)  # once it is asked for, it stays so
        assert set(friends.outcomes) == {"7"}
        assert json.loads((tmp_path / "running.json").read_bytes()) == running
        assert (tmp_path / "edge.key").stat().st_mode & 0o777 == 0o600
        with Client(hub=hub) as stranger, pytest.raises(NotAllowed, match="key"):
            stranger.services()


def refused(*options: str) -> tuple[int, str]:
    done = subprocess.run([*RTML, "up", *options], capture_output=True, text=True, timeout=SECONDS)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def test_two_in_one_folder_are_refused(tmp_path: Path) -> None:
    with up(tmp_path, "--port", "0"):
        code, said = refused("--home", str(tmp_path))
    assert code == 2
    assert "is used by another `rtml up`, process" in said


def test_an_address_that_others_reach_is_refused_without_a_key(tmp_path: Path) -> None:
    code, said = refused("--home", str(tmp_path), "--host", "0.0.0.0", "--port", "0")
    assert code == 2
    assert "rtml keys create" in said
    assert "hub did not start" in said


def test_what_is_no_region_is_refused_before_anything_starts(tmp_path: Path) -> None:
    code, said = refused("--home", str(tmp_path), "--region", "na,<script>", "--port", "0")
    assert code == 2
    assert "is no name of a region" in said
    assert not (tmp_path / "hub").exists()
