"""`rtml publish` when edges do not follow, and what it says of each."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtml_core import operators as op
from rtml_plugins.services.edges import _lines
from rtml_plugins.services.publish import curl
from tests.unit.client.misbehaving import Asked, http, serving
from tests.unit.client.world import edge


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("package") / "churn.rtml"
    graph = op.Receiver(schema={"age": "float?"}) >> op.Pandas(import_="fillna", cols="age", kwargs={"value": 41.0}, inplace=True)
    graph.compile().save(path)
    return path


def hub(
    *edges: dict[str, Any], complete: bool = False, missing: tuple[str, ...] = (), created: bool = True, champion: int = 3
) -> Any:
    """A hub that takes a package as version 3, revision 7, and then tells of these edges."""
    published = {"service": "churn", "id": "s1", "version": 3, "package": "ab" * 32, "regions": ["na"], "revision": 7}
    service = {
        **dict.fromkeys(("id", "name", "description", "owner", "created", "updated"), "s1"),
        "regions": ["na"],
        "versions": [],
    }
    service["traffic"] = {"champion": champion}
    rollout = {"service": "churn", "revision": 7, "complete": complete, "edges": edges, "regions_without_edge": missing}

    def answer(asked: Asked) -> Iterator[bytes]:
        if asked.method == "POST":
            yield http(201, json.dumps({**published, "created": created, "changes": ["a new output 'score'"]}).encode())
        elif "/rollout" in asked.target:
            yield http(200, json.dumps(rollout).encode())
        else:
            yield http(200, json.dumps(service).encode())

    return answer


def at(url: str, region: str, state: str, **more: Any) -> dict[str, Any]:
    return {**edge(url, region, "churn"), "revision": 7, "services": [{"name": "churn", "versions": [3], "state": state, **more}]}


def test_an_edge_that_can_not_load_the_version_is_named_with_its_reason(package: Path, rtml_cli: Any) -> None:
    edges = [at("http://na:1", "na", "ready"), at("http://emea:1", "emea", "failed", problem="it needs rtml-geo 1.4")]
    with serving(hub(*edges)) as server:
        found = rtml_cli("publish", package, "--name", "churn", "--hub", server.url)
    assert found.code == 2
    assert found.out.splitlines()[0].startswith("Published churn version 3 (")
    assert found.out.splitlines()[1:] == [
        "  emea  failed   http://emea:1: it needs rtml-geo 1.4",
        "  na    ready    http://na:1",
    ]
    assert found.error == "'churn' can't be served everywhere: edge 1 in emea: it needs rtml-geo 1.4"


def test_edges_that_do_not_follow_in_time(package: Path, rtml_cli: Any) -> None:
    behind = {**at("http://na:1", "na", "ready"), "revision": 6}
    with serving(hub(behind)) as server:
        found = rtml_cli("publish", package, "--name", "churn", "--hub", server.url, "--timeout", "0.3")
    assert found.code == 2
    assert "  na  loading  http://na:1" in found.out
    assert "1 in na did not take it up within 0.3 s" in found.error


def test_what_was_published_is_told(package: Path, rtml_cli: Any) -> None:
    with serving(hub(at("http://na:1", "na", "ready"), complete=True, missing=("apac",), created=False)) as server:
        told = rtml_cli("publish", package, "--name", "churn", "--hub", server.url).out.splitlines()
        read = rtml_cli("publish", package, "--name", "churn", "--hub", server.url, "--json").json
        quick = rtml_cli("publish", package, "--name", "churn", "--hub", server.url, "--no-wait", "--keep").out.splitlines()
    assert "version 3, which was there already" in told[0]
    assert told[1:4] == ["  a new output 'score'", "  apac  no edge yet: rtml edge --region apac", "  na    ready    http://na:1"]
    assert told[4] == "Score it:"
    assert "http://na:1/v1/services/churn/predict" in told[5]
    assert (read["version"], read["created"]) == (3, False)
    assert len(quick) == 2
    assert [asked.method for asked in server.asked] == ["POST", "GET", "GET", "POST", "GET", "POST"]


def test_a_version_that_was_there_gets_no_traffic_and_that_is_said(package: Path, rtml_cli: Any) -> None:
    with serving(hub(at("http://na:1", "na", "ready"), complete=True, created=False, champion=2)) as server:
        plain, shared, kept = (
            rtml_cli("publish", package, "--name", "churn", "--hub", server.url, *more).out
            for more in ((), ("--share", "10%"), ("--keep",))
        )
    assert "  traffic is as it was, answers 2; to change it: rtml services promote churn 3\n" in plain
    assert "  traffic is as it was, answers 2; to change it: rtml services canary churn 3 0.1\n" in shared
    assert "traffic" not in kept


def test_the_line_for_a_shell_carries_any_row() -> None:
    row = {"name": "O'Brien $(rm -rf) `x` \"", "age": None, "city": "Zürich\n"}
    words = shlex.split(curl("http://na:1", "churn", row))
    assert words[:3] == ["curl", "-s", "http://na:1/v1/services/churn/predict"]
    assert json.loads(words[words.index("-d") + 1]) == row


def test_figures_of_an_edge_are_shown_where_it_has_them() -> None:
    from rtml_core.client.records import EdgeService

    service = EdgeService("churn", (3, 2), "ready")
    measured = {"requests": 12045, "errors": 0, "rate": 350.25, "p50": 0.000123, "p99": 0.0312}
    stats = {"services": {"churn": {"versions": {"3": measured}}}}
    assert _lines(service, stats) == [
        ("churn", "3", "ready", "12,045", "0", "350", "0.123", "31.2", ""),
        ("churn", "2", "ready", "", "", "", "", "", ""),
    ]
    for odd in ({}, {"services": 3}, {"services": {"churn": {"versions": {"3": {"requests": "many"}}}}}):
        assert _lines(service, odd)[0] == ("churn", "3", "ready", "", "", "", "", "", "")
    assert _lines(EdgeService("new", (), "loading"), {}) == [("new", "", "loading", "", "", "", "", "", "")]
