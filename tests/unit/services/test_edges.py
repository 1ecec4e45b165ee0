"""What `rtml edges show` says of the plugins of an edge."""

from __future__ import annotations

from rtml_core.client.records import EdgeService
from rtml_plugins.services.edges import _lines, _plain, _plugins


def test_what_ships_with_rtml_is_counted_and_others_are_named_with_whether_they_are_trusted() -> None:
    built_in = [{"name": name, "distribution": "rtml", "version": "0.1.0"} for name in ("flow", "pandas")]
    geo = {"name": "geo", "distribution": "rtml-geo", "version": "0.4", "trusted": True}
    lang = {"name": "lang", "distribution": "rtml-lang", "version": "1.0", "state": "broken", "reason": "why"}
    assert _plugins([*built_in, geo, lang]) == "2 built in, geo 0.4 (trusted), lang 1.0"


def test_an_edge_that_has_not_looked_yet_and_one_of_an_older_rtml_are_told_as_they_are() -> None:
    assert _plugins([]) == "not told yet"
    assert _plugins([{"name": "rtml-lang", "version": None}]) == "rtml-lang"


def test_what_a_plugin_says_does_not_steer_the_terminal() -> None:
    assert _plain("ValueError: \x1b[2J\u202ebad\nworse é") == "ValueError:  [2J bad worse é"


def test_figures_that_nothing_is_counted_to_are_left_out() -> None:
    long = 10**400
    stats = {
        "services": {"churn": {"versions": {"1": {"requests": long, "errors": 3, "rate": -long, "p50": long, "p99": 0.002}}}}
    }
    assert _lines(EdgeService("churn", (1,), "ready", ""), stats) == [("churn", "1", "ready", "", "3", "", "", "2", "")]
