"""What pages know of packages, read once."""

from __future__ import annotations

import pytest
from sqlalchemy import event

from rtml_plugins.hub.errors import NotFound
from rtml_plugins.hub.gallery import known
from rtml_plugins.hub.gallery.known import Output
from tests.unit.hub.gallery.site import Site
from tests.unit.hub.packages import package

#: what a hub asks now and then by itself, to see what another one on its database changed
POLLED = ("BEGIN", "SELECT hub.revision \nFROM hub")


def test_a_package_in_short(gallery: Site) -> None:
    newest = gallery.hub.get("churn").versions[0]
    about = known.about(gallery.app.state.context, newest.package)
    assert about.package == newest.package
    assert about.outputs == (Output("propensity", "number"),)
    assert about.operators == ("OneHotEncoder", "Pandas", "Receiver", "ScikitLearn")
    assert {"encoders", "pandas", "sklearn"} <= set(about.plugins)
    assert about.needs == ()
    assert about.portable
    assert about.portability == "portable"
    assert about.parity.checked
    assert (about.fields, about.nodes, about.baseline) == (6, 6, True)


def test_all_that_are_not_known_yet_are_read_with_one_question_and_never_again(gallery: Site) -> None:
    at = gallery.app.state.context
    names = [f"s{number}" for number in range(3)]
    packages = {gallery.hub.publish(name, package(50.0 + n), actor="ada").package for n, name in enumerate(names)}
    asked: list[str] = []
    event.listen(gallery.hub.database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert known.abouts(at, packages).keys() == packages
    assert len([text for text in asked if text not in POLLED]) == 1
    asked.clear()
    assert known.abouts(at, packages).keys() == packages
    assert known.manifest(at, min(packages)) is known.manifest(at, min(packages))
    assert len([text for text in asked if text not in POLLED]) == 1  # the manifest, once
    assert known.abouts(at, []) == {}


def test_a_package_that_was_never_published(gallery: Site) -> None:
    with pytest.raises(NotFound, match="package 'none' was never published here"):
        known.about(gallery.app.state.context, "none")


def test_only_so_many_are_kept_those_used_last() -> None:
    kept = known._Kept[int](2)
    kept.put({"a": 1, "b": 2})
    assert kept.get(["a"]) == {"a": 1}
    kept.put({"c": 3})
    assert kept.get(["a", "b", "c"]) == {"a": 1, "c": 3}
