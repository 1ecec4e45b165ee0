"""The hook rtml_converters: what is taken, what is refused, and who gives way to whom."""

from __future__ import annotations

import types
from typing import Any

import pytest

from rtml_core import Operator, hookimpl
from rtml_core.errors import PluginError
from rtml_core.plugins import Candidate, Plugins

RIDGE = "boost.models.Ridge"


def candidate(name: str, converters: Any, **members: Any) -> Candidate:
    made = types.SimpleNamespace(rtml_converters=hookimpl(lambda: converters), **members)
    return Candidate(name, f"rtml-{name}", "1.0", lambda: made)


def test_converters_are_kept_with_their_origin() -> None:
    found = Plugins([candidate("boost", {RIDGE: "rtml_boost.ridge:ridge", "boost.Trees": {"convert": "a:b", "points": "a:c"}})])
    assert found.infos["boost"].converters == ["boost.Trees", RIDGE]
    entry = found.converters.find(RIDGE)
    assert entry is not None
    assert (entry.convert, entry.to_state, str(entry.origin)) == (
        "rtml_boost.ridge:ridge",
        None,
        "plugin 'boost' (rtml-boost 1.0)",
    )
    assert found.converters.find("boost.models.Lasso") is None
    assert found.converters.packages() == {"boost"}
    assert list(found.converters) == ["boost.Trees", RIDGE]


@pytest.mark.parametrize(
    ("converters", "words"),
    [
        ([RIDGE], ["must return a dict", RIDGE]),
        ({"Ridge": "a:b"}, ["must be the path of a class", "'Ridge'"]),
        ({3: "a:b"}, ["must be the path of a class", "3"]),
        ({RIDGE: "rtml_boost.ridge"}, [RIDGE, "convert", "module:function", "'rtml_boost.ridge'"]),
        ({RIDGE: print}, [RIDGE, "a dict of convert, to_state, from_state, points"]),
        ({RIDGE: {}}, [RIDGE, "a dict of convert"]),
        ({RIDGE: {"convrt": "a:b"}}, [RIDGE, "no part 'convrt'", "Did you mean 'convert'?"]),
        ({RIDGE: {"convert": "a:b", "to_state": "a:c"}}, [RIDGE, "belong together"]),
        ({RIDGE: {"points": "a:b"}}, [RIDGE, "must have convert, or to_state and from_state"]),
    ],
)
def test_what_is_no_converter_breaks_its_plugin_alone(converters: Any, words: list[str]) -> None:
    found = Plugins([candidate("bad", converters), candidate("good", {"other.Model": "a:b"})])
    assert found.infos["bad"].state == "broken"
    assert [word for word in [*words, "bad"] if word not in found.infos["bad"].error] == []
    assert found.infos["bad"].converters == []
    assert list(found.converters) == ["other.Model"]


def test_two_converters_for_one_class_name_both_owners() -> None:
    found = Plugins([candidate("a", {RIDGE: "a:b"}), candidate("b", {RIDGE: "c:d", "boost.Other": "c:d"})])
    assert found.infos["b"].state == "broken"
    for words in ("plugin 'a' (rtml-a 1.0)", "plugin 'b' (rtml-b 1.0)", f'RTML_PREFER="{RIDGE}=b"'):
        assert words in found.infos["b"].error
    assert list(found.converters) == [RIDGE]


@pytest.mark.parametrize(("chosen", "path"), [("a", "a:b"), ("b", "c:d")])
def test_the_environment_settles_whose_converter_it_is(chosen: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_PREFER", f"{RIDGE}={chosen}")
    found = Plugins([candidate("a", {RIDGE: "a:b"}), candidate("b", {RIDGE: "c:d"})])
    assert {info.state for info in found.infos.values()} == {"ok"}
    entry = found.converters.find(RIDGE)
    assert entry is not None
    assert (entry.convert, entry.preferred) == (path, True)
    assert found.infos[chosen].converters == [RIDGE]


def test_a_plugin_that_breaks_later_takes_its_converters_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_PREFER", f"{RIDGE}=b")
    same = [type("Same", (Operator,), {"__doc__": "x", "transform": lambda self, frame: frame}) for _ in range(2)]
    one = candidate("a", {RIDGE: "a:b"}, rtml_operators=hookimpl(lambda: same[:1]))
    two = candidate("b", {RIDGE: "c:d"}, rtml_operators=hookimpl(lambda: same[1:]))
    found = Plugins([one, two])
    assert "operator 'Same' is brought by" in found.infos["b"].error
    entry = found.converters.find(RIDGE)
    assert entry is not None
    assert entry.origin.plugin == "a"


def test_a_function_is_imported_when_it_is_used_and_a_bad_one_names_its_plugin() -> None:
    paths = {
        "x.Good": {"convert": "math:hypot"},
        "x.NoModule": "no_such_module:f",
        "x.NoFunction": "math:nothing",
        "x.Constant": "math:pi",
    }
    found = Plugins([candidate("boost", paths)]).converters
    good = found.find("x.Good")
    assert good is not None
    function = good.function("convert")
    assert function is not None
    assert function(3, 4) == 5
    assert good.function("points") is None
    for name, words in (("NoModule", "No module named"), ("NoFunction", "nothing"), ("Constant", "is no function: 3.14")):
        entry = found.find(f"x.{name}")
        assert entry is not None
        with pytest.raises(PluginError, match=rf"(?s)for x\.{name} of plugin 'boost' \(rtml-boost 1\.0\).*{words}"):
            entry.function("convert")
