"""The graph of a version as a picture, and what a node of it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from rtml_core.client.records import Service, Version
from rtml_core.display.parameters import Row, rows_of
from rtml_core.errors import close_match, describe, listing
from rtml_plugins.hub.errors import NotFound
from rtml_plugins.hub.gallery.drawing import Drawn, NotDrawn, Step, draw, graph_of, lowered, series_of
from rtml_plugins.hub.gallery.page import TAKE, View, page

if TYPE_CHECKING:
    from markupsafe import Markup


@page("/services/{name}/graph")
def graph(view: View, name: str) -> Response:
    """The picture, with the panel of the node that ?node= asks for."""
    service = view.at.hub.get(name)
    version = chosen(view, service)
    drawn, picture, problem = _drawn(view, service, version)
    node = view.query.get("node")
    inside = looks_inside(view, name)
    panel = panel_of(drawn, find(drawn, node, version), inside=inside) if drawn is not None and node else None
    return view.render(
        "graph.html",
        service=service,
        tab="/graph",
        version=version,
        drawn=drawn,
        picture=picture,
        problem=problem,
        panel=panel,
        inside=inside,
        lowered=lowered,
    )


@page("/services/{name}/graph/node")
def node(view: View, name: str) -> Response:
    """The panel of a node alone."""
    service = view.at.hub.get(name)
    version = chosen(view, service)
    drawn = graph_of(view.at, version.package)
    return view.render(
        "part_node.html",
        service=service,
        version=version,
        panel=panel_of(drawn, find(drawn, view.query.get("node", ""), version), inside=looks_inside(view, name)),
    )


def chosen(view: View, service: Service, key: str = "version") -> Version:
    """The version that a query asks for, by default the one that answers. Raises NotFound."""
    asked = view.query.get(key)
    number = service.traffic.champion if not asked else int(asked) if asked.isdecimal() and len(asked) < 10 else None
    for version in service.versions:
        if version.version == number:
            return version
    known = listing([str(version.version) for version in reversed(service.versions)])
    raise NotFound(f"service {describe(service.name)} has no version {describe(asked)}. It has: {known}")


def looks_inside(view: View, service: str) -> bool:
    """Whether the caller may know what stands in a package: parameters, what was learned, figures of the training data. To
    whoever may not, the REST API gives no manifest and no package, and so no page tells what is in them."""
    return any(view.may(scope, service) for scope in TAKE)


def find(drawn: Drawn, node: str, version: Version) -> Step:
    """A node by its id; "outer/inner" of one inside another. Raises NotFound with what is near."""
    for step in drawn.steps.values():
        for one in (step, *step.inner):
            if one.id == node:
                return one
    raise NotFound(
        f"version {version.version} has no node {describe(node)}. It has: {listing(drawn.steps)}.{close_match(node, drawn.steps)}"
    )


def _drawn(view: View, service: Service, version: Version) -> tuple[Drawn | None, Markup | None, str]:
    """Graph and picture, or why there is none: what can't be drawn can still be read."""
    drawn = None
    try:
        drawn = graph_of(view.at, version.package)
        selected = view.query.get("node")
        return drawn, draw(drawn, service=service.name, version=version.version, selected=selected), ""
    except NotDrawn as error:
        return drawn, None, str(error)


@dataclass(frozen=True)
class InOut:
    """A column of a node: its type where it comes in and where it goes out, in words; "-" where it does not."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Panel:
    """All that is shown of a node. series: the number of its colour; columns: that it takes or gives; learned: rows of what it
    has learned; before, after: the nodes around it. inside: whether parameters, what it has learned and its checks are shown;
    without it none of these is here."""

    step: Step
    series: int
    lowered: str
    parameters: list[Row]
    learned: list[Row]
    columns: list[InOut]
    before: list[Step]
    after: list[Step]
    told: bool
    checks: Sequence[str]
    inside: bool


def panel_of(drawn: Drawn, step: Step, *, inside: bool) -> Panel:
    """What is shown of a node of a graph. inside: see looks_inside."""
    nested = step.key not in drawn.steps
    return Panel(
        step=step,
        series=series_of(drawn).get(step.plugin, 7),
        lowered=lowered(step),
        parameters=rows_of(step.params) if inside else [],
        learned=rows_of(step.learned) if inside and isinstance(step.learned, dict) else [],
        columns=_columns(drawn, step),
        before=[] if nested else [drawn.steps[key] for key in drawn.before(step.key)],
        after=[] if nested else [drawn.steps[key] for key in drawn.after(step.key)],
        told=drawn.told,
        checks=step.checks if inside else (),
        inside=inside,
    )


def _columns(drawn: Drawn, step: Step) -> list[InOut]:
    gives = {column.name: column for column in step.gives}
    found = []
    for name in dict.fromkeys((*step.takes, *gives)):
        before = (_coming(drawn, step, name) or "comes in") if name in step.takes else "-"
        given = gives.get(name)
        after = (
            "as it came, or not at all"
            if given is None
            else f"{given.dtype or 'given'}{', may be missing' if given.nullable else ''}"
        )
        found.append(InOut(name, before, after if given is None or given.told else f"{after} (not told for a row)"))
    return found


def _coming(drawn: Drawn, step: Step, column: str) -> str:
    """The type of a column where it enters a node: of the nearest node before that gives it, or of the request's field."""
    seen: dict[str, None] = {}
    waiting = drawn.before(step.key)
    for key in waiting:  # grows while it is walked
        if key in seen:
            continue
        seen[key] = None
        for given in drawn.steps[key].gives:
            if given.name == column:
                return f"{given.dtype}{', may be missing' if given.nullable else ''}" if given.dtype else ""
        waiting += drawn.before(key)
    for entry in drawn.fields:
        if entry.name == column:
            return f"{entry.type}{', may be missing' if entry.nullable else ''}, of the request"
    return ""
