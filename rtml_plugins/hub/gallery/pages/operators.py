"""Operators and plugins: what there is, what it does, where it is installed, and which services use it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pprint import pformat
from typing import Any, Final

from starlette.responses import Response

from rtml_core.errors import close_match, describe, listing
from rtml_core.inventory import Examples, InstalledCustomOp, InstalledOperator, Inventory
from rtml_plugins.hub.errors import NotFound
from rtml_plugins.hub.gallery import installed, known
from rtml_plugins.hub.gallery.installed import Place, Spread
from rtml_plugins.hub.gallery.page import View, page
from rtml_plugins.hub.gallery.prose import inline, prose
from rtml_plugins.hub.texts import check_text

ROLES: Final = {
    "source": "where rows come in",
    "transform": "changes columns",
    "model": "a model",
    "sink": "where rows go",
    "authoring": "while authoring only",
}
LOWERS: Final = {
    "core": "ONNX",
    "extension": "ONNX extensions",
    "function": "an ONNX function",
    "native": "native code",
    "python": "Python code",
}
#: what that means for a package
MEANS: Final = {
    "core": "operators that every onnxruntime has: the package is portable",
    "extension": "operators of onnxruntime-extensions: the package is portable",
    "function": "functions that are in the package: it is portable",
    "native": "native operators of its plugin, which has to be installed and trusted where the package is scored",
    "python": "Python operators of its plugin, which has to be installed and trusted where the package is scored",
}
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Row:
    """An operator in the list. about: None of one that only edges have. services: that use it."""

    name: str
    about: InstalledOperator | None
    plugin: Spread
    services: Sequence[str]

    def fits(self, words: Sequence[str]) -> bool:
        """Whether all words stand in what is said of it."""
        said = "" if self.about is None else f"{self.about.summary} {self.about.doc} {self.about.role} {self.about.lowering}"
        text = f"{self.name} {self.plugin.name} {said}".casefold()
        return all(word in text for word in words)


@dataclass(frozen=True)
class Known:
    """What there is, as one request sees it. users, needers: services by the operator, by the plugin of their champion."""

    own: Inventory | None
    places: Sequence[Place]
    plugins: Mapping[str, Spread]
    users: Mapping[str, Sequence[str]]
    authored: Mapping[str, Sequence[str]]
    needed: Mapping[str, Sequence[str]]

    @property
    def silent(self) -> Sequence[Place]:
        """Edges that don't say what they have."""
        return [place for place in self.places if place.edge and not place.told]

    def rows(self) -> list[Row]:
        """All operators by name."""
        own = {} if self.own is None else {one.name: one for one in self.own.operators}
        rows = [Row(one.name, one, self.plugins[one.plugin], self.users.get(one.name, ())) for one in own.values()]
        for plugin in self.plugins.values():
            others = {name: None for held in plugin.held for name in held.plugin.operators if name not in own}
            rows += [Row(name, None, plugin, self.users.get(name, ())) for name in others]
        return sorted(rows, key=lambda row: row.name.casefold())


def known_to(view: View) -> Known:
    """What there is, of services only those that the caller may see."""
    at = view.at
    own = installed.here(at)
    there = installed.places(own, at.hub.edges())
    briefs = [one for one in at.hub.briefs() if view.sees(one.name)]
    abouts = known.abouts(at, {one.package for one in briefs})
    users: dict[str, list[str]] = defaultdict(list)
    authored: dict[str, list[str]] = defaultdict(list)
    needed: dict[str, list[str]] = defaultdict(list)
    for one in briefs:
        about = abouts[one.package]
        for names, found in ((about.operators, users), (about.plugins, authored), (about.needs, needed)):
            for name in names:
                found[name].append(one.name)
    return Known(own, there, installed.spread(there), users, authored, needed)


@page("/operators")
def operators(view: View) -> Response:
    """All operators, found by words and by plugin, and all plugins."""
    found = known_to(view)
    q, plugin = (view.query.get(name, "").strip()[:_LONGEST] for name in ("q", "plugin"))
    for name, text in (("q", q), ("plugin", plugin)):
        check_text(text, f"{name} in the address")
    rows = found.rows()
    words = q.casefold().split()
    shown = [row for row in rows if plugin in ("", row.plugin.name) and row.fits(words)]
    shown.sort(key=lambda row: not all(word in row.name.casefold() for word in words))  # by name before by what is said of it
    return view.render(
        "part_operators.html" if view.partial else "operators.html",
        found=found,
        rows=shown,
        total=len(rows),
        choices=sorted({row.plugin.name for row in rows}),
        q=q,
        plugin=plugin,
        roles=ROLES,
        lowers=LOWERS,
        inline=inline,
    )


@page("/operators/{operator}")
def operator(view: View, operator: str) -> Response:
    """One operator. ?example=1: with its examples, which take a moment the first time."""
    found, row = _operator(view, operator)
    about = row.about
    shown = installed.examples(about.name) if about is not None and view.query.get("example") else None
    custom_ops = _custom_ops(found, row.plugin.name)
    portable = about is not None and about.lowering in ("core", "extension", "function")
    foreign = sorted({one.kind for one in custom_ops if one.kind in ("native", "python")}) if portable else []
    return view.render(
        "operator.html",
        found=found,
        row=row,
        about=about,
        doc=prose(about.doc) if about is not None else "",
        custom_ops=custom_ops,
        foreign=" and ".join(kind.capitalize() if kind == "python" else kind for kind in foreign),
        roles=ROLES,
        means=MEANS,
        default=default,
        inline=inline,
        **_example_values(row, shown),
    )


@page("/operators/{operator}/example")
def example(view: View, operator: str) -> Response:
    """The examples of an operator alone."""
    _, row = _operator(view, operator)
    shown = installed.examples(row.name) if row.about is not None else None
    return view.render("part_example.html", row=row, **_example_values(row, shown))


@page("/plugins/{plugin}")
def plugin(view: View, plugin: str) -> Response:
    """One plugin: where it is, how it is there, what it brings, and which services use it."""
    found = known_to(view)
    one = found.plugins.get(plugin)
    if one is None:
        near = close_match(plugin, found.plugins)
        raise NotFound(f"plugin {describe(plugin, 100)} is installed nowhere. There are: {listing(found.plugins)}.{near}")
    rows = [row for row in found.rows() if row.plugin.name == plugin]
    return view.render(
        "plugin.html",
        found=found,
        one=one,
        rows=rows,
        custom_ops=_custom_ops(found, plugin),
        authored=found.authored.get(plugin, ()),
        needed=found.needed.get(plugin, ()),
        lowers=LOWERS,
        inline=inline,
    )


def _operator(view: View, name: str) -> tuple[Known, Row]:
    found = known_to(view)
    rows = {row.name: row for row in found.rows()}
    if name not in rows:
        raise NotFound(f"operator {describe(name, 100)} is installed nowhere.{close_match(name, rows)} The list has all of them")
    return found, rows[name]


def _custom_ops(found: Known, plugin: str) -> list[InstalledCustomOp]:
    """What is known of the custom operators of a plugin: all at this hub, of others' the names."""
    own = [] if found.own is None else [one for one in found.own.custom_ops if one.plugin == plugin]
    names = {one.name for one in own}
    held = found.plugins[plugin].held if plugin in found.plugins else ()
    others = {name: None for one in held for name in one.plugin.custom_ops if name not in names}
    return [*own, *(InstalledCustomOp(name, "", plugin, "") for name in others)]


def default(value: Any) -> str:
    """A default as graph files have it."""
    return json.dumps(value, ensure_ascii=False)


def _example_values(row: Row, shown: Examples | None) -> dict[str, Any]:
    """The examples as a graph file has them, and as Python has them."""
    listings = []
    for node in () if shown is None else shown.nodes:
        python = f"op.{row.name}(params={pformat(node.get('params', {}), width=70, sort_dicts=False)})"
        listings.append((json.dumps(node, ensure_ascii=False, indent=2), python))
    return {"examples": shown, "listings": listings}
