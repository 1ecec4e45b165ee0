"""A plugin that breaks late gives back what it took, and a misspelled hook is named with the closest one."""

from __future__ import annotations

import types
from typing import Any

import pytest

from rtml_core import Operator, hookimpl
from rtml_core.plugins import Candidate, Plugins


def operator(name: str) -> type[Operator]:
    return type(name, (Operator,), {"__doc__": "An operator.", "transform": lambda self, frame: frame})


def candidate(name: str, **members: Any) -> Candidate:
    return Candidate(name, f"rtml-{name}", "1.0", lambda: types.SimpleNamespace(**members))


def test_a_plugin_that_is_preferred_and_breaks_gives_the_operator_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_PREFER", "Same=b")
    kept = operator("Same")
    one = candidate("a", rtml_operators=hookimpl(lambda: [kept]))
    two = candidate("b", rtml_operators=hookimpl(lambda: [operator("Same")]), rtml_commands=hookimpl(lambda: ["not a dict"]))
    found = Plugins([one, two])
    assert found.infos["b"].state == "broken"
    assert found.registry["Same"] is kept


def test_the_listing_shows_an_operator_with_the_plugin_that_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_PREFER", "Same=b")
    one = candidate("a", rtml_operators=hookimpl(lambda: [operator("Same"), operator("Own")]))
    two = candidate("b", rtml_operators=hookimpl(lambda: [operator("Same")]))
    found = Plugins([one, two])
    assert {name: info.operators for name, info in found.infos.items()} == {"a": ["Own"], "b": ["Same"]}


def test_a_misspelled_hook_is_refused_with_the_closest_name() -> None:
    found = Plugins([candidate("geo", rtml_operator=hookimpl(lambda: [*()]))])
    assert found.infos["geo"].state == "broken"
    assert "'rtml_operator' is not a hook of rtml" in found.infos["geo"].error
    assert "Did you mean 'rtml_operators'?" in found.infos["geo"].error
