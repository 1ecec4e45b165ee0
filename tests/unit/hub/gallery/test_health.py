"""How a service is in a region, by what its edges said last."""

from __future__ import annotations

from typing import Any

from rtml_core.client.records import Edge, EdgeService
from rtml_plugins.hub.gallery.health import TONES, Reports


def edge(name: str, service: str | None = "ready", **more: Any) -> Edge:
    """An edge of "na" with the service "churn" in a state, or without it."""
    versions = () if service in ("loading", "gone") else (1,)
    state: Any = "failed" if service == "gone" else service
    services = () if service is None else (EdgeService("churn", versions, state, "no room" if state == "failed" else ""),)
    given: dict[str, Any] = {"state": "ready", "workers": 1, **more}
    return Edge(name, "na", f"http://{name}:1", revision=1, rtml="0.1.0", started="", seen="", services=services, **given)


def said(*edges: Edge) -> tuple[str, str]:
    (found,) = Reports(edges).of("churn", ["na"])
    assert found.tone == TONES[found.word]
    return found.word, found.said


def test_no_edge_is_not_the_same_as_one_that_is_down() -> None:
    assert said() == ("no edge", "no edge has reported from this region")
    assert said(edge("a", state="away")) == ("down", "a is away")
    assert said(edge("a", state="not ready")) == ("down", "a is not ready")


def test_an_edge_that_said_goodbye_is_missed_by_nobody() -> None:
    gone = edge("a", None, state="away", workers=0)
    assert said(gone) == ("no edge", "no edge has reported from this region")
    assert said(gone, edge("b")) == ("ready", "its edge answers")
    assert said(edge("a", None, state="not ready", workers=0)) == ("down", "a is not ready")


def test_all_edges_or_some_of_them() -> None:
    assert said(edge("a"), edge("b")) == ("ready", "all 2 edges answer")
    assert said(edge("a"), edge("b", state="away")) == ("degraded", "1 of 2 edges answers: b is away")
    assert said(edge("a"), edge("b"), edge("c", None)) == ("degraded", "2 of 3 edges answer: c still loads it")


def test_a_version_that_does_not_load_while_the_one_before_goes_on() -> None:
    assert said(edge("a", "failed")) == ("degraded", "what was there before goes on: a can't load it: no room")
    assert said(edge("a", "gone")) == ("down", "a can't load it: no room")
    assert said(edge("a"), edge("b", "failed")) == ("degraded", "1 of 2 edges answers: b can't load it: no room")


def test_what_is_on_its_way() -> None:
    assert said(edge("a", "loading")) == ("loading", "its edge loads it")
    assert said(edge("a", None), edge("b", "loading")) == ("loading", "its edges load it")


def test_failures_are_told_by_edge() -> None:
    there = [edge("a"), edge("b", "failed"), edge("c", "gone")]
    reports = Reports(there)
    assert reports.failed("churn", ["na", "emea"]) == [(there[1], "no room"), (there[2], "no room")]
    assert reports.failed("other", ["na"]) == []
