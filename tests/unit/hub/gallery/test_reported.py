"""What edges report in other forms is left out, and breaks no page."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.client.records import Edge, Traffic
from rtml_plugins.hub.gallery import reported
from tests.unit.hub.gallery.site import Site
from tests.unit.hub.gallery.test_edges import told
from tests.unit.hub.gallery.test_traffic import reported as reported_by

COMPARED = {"shadow": 1, "version": 2, "rows": 5, "equal": 4, "largest": {"output": "p", "difference": 0.25}}
LONG = 10**400

_leaves = st.none() | st.booleans() | st.integers() | st.just(LONG) | st.floats(allow_nan=False) | st.text(max_size=3)
_names = st.sampled_from(["churn", "rate", *COMPARED, "output", "difference", "mean_absolute_difference"])
_json = st.recursive(_leaves, lambda one: st.lists(one, max_size=3) | st.dictionaries(_names, one, max_size=5), max_leaves=12)


def edge(**stats: Any) -> Edge:
    return Edge("e", "na", "http://e:1", "ready", 1, 1, "0.1.0", "", "", stats=stats)


@given(_json, _json, _json)
def test_whatever_is_reported_is_read(services: Any, memory: Any, shadow: Any) -> None:
    one = edge(services=services, memory=memory, shadow=shadow)
    for figure in (reported.rate(one), reported.memory(one)):
        assert figure is None or math.isfinite(figure)
    assert all(0 <= found.rows <= 10**15 for found in reported.comparisons(one, "churn"))


@given(_json, st.sampled_from([*COMPARED, "failures", "mean_absolute_difference"]))
def test_of_comparisons_those_are_read_that_have_the_form(odd: Any, name: str) -> None:
    one = edge(shadow={"churn": [COMPARED, {**COMPARED, name: odd}, {**COMPARED, "version": 3}]})
    found = [comparison.version for comparison in reported.comparisons(one, "churn")]
    assert found[0] == 2
    assert found[-1] == 3


def test_what_has_the_form_is_read() -> None:
    one = edge(services={"churn": {"rate": 1.5}, "fare": {"rate": 2}, "zoo": {}}, memory=81e6, shadow={"churn": [COMPARED]})
    assert (reported.rate(one), reported.memory(one)) == (3.5, 81e6)
    assert [(found.rows, found.equal) for found in reported.comparisons(one, "churn")] == [(5, 4)]
    assert (reported.rate(edge()), reported.memory(edge()), reported.comparisons(edge(), "churn")) == (None, None, [])


ODD = [None, True, 5, LONG, "x", [], [1], {"churn": 7}, {"churn": LONG}, {"churn": {"rate": LONG}}]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: f"{odd}"[:20])
def test_no_page_fails_for_an_odd_figure(gallery: Site, odd: Any) -> None:
    gallery.hub.set_traffic("churn", Traffic(2, shadow=1), actor="bob")
    reported_by(gallery, "na-1", services=odd, memory=odd, shadow=odd)
    for path in ("", "/edges", "/edges/na-1", "/services/churn", "/services/churn/traffic", "/services/churn/live"):
        assert gallery.client.get(f"/gallery{path}").status_code == 200


@pytest.mark.parametrize("started", ["", "yesterday", "2026-11-21T10:15:00", "0001-01-01T00:00:00+14:00"])
def test_no_page_fails_for_an_odd_time(gallery: Site, started: str) -> None:
    told(gallery, "na-1", "na", started=started)  # as a hub of another release took it
    assert gallery.client.get("/gallery/edges").status_code == 200
    assert gallery.client.get("/gallery/edges/na-1").status_code == 200
