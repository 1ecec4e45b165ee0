"""A graph: its picture, what is wrong with it, and what stands inside its nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from markupsafe import Markup

from rtml_core.display import picture
from rtml_core.display.layout import NotDrawn
from rtml_core.display.nodes import Known, Node, known
from rtml_core.display.shapes import series
from rtml_core.display.tables import folded, joined, table, text
from rtml_core.display.wording import count, listed
from rtml_core.graph import Graph

#: characters of the columns of a node in a table
_ROOM: Final = 60.0

_FIGURE: Final = Markup(
    '<figure><div class="scroll picture" tabindex="0" role="group" aria-label="{name}, scrolls">{svg}</div>'
    "<figcaption>{caption}</figcaption></figure>"
)
_SWATCH: Final = Markup(
    '<li><svg width="12" height="12" aria-hidden="true"><rect class="s{}" width="12" height="12" rx="3"/></svg>{}</li>'
)


def body(graph: Graph) -> Markup:
    """All that is shown of a graph."""
    if not graph.nodes:
        return Markup('<p class="soft">{}</p>').format(text("An empty graph: add operators, or begin with one: a >> b"))
    found = known(graph)
    parts = [_plain(found), _drawn(found), _notes(_problems(found))]
    parts += [_inside(node) for node in found.nodes.values() if node.inner]
    return joined(parts)


def _drawn(found: Known) -> Markup:
    """The picture; of a graph that is too large for one, a table."""
    try:
        svg = picture.inline(found)
    except NotDrawn as error:
        note = Markup('<p class="soft">{}; its nodes:</p>').format(text(str(error)[0].upper() + str(error)[1:]))
        return note + _table("Nodes of the graph", found.nodes.values())
    return _FIGURE.format(name=text(picture.name_of(found)), svg=svg, caption=_caption(found))


def _caption(found: Known) -> Markup:
    colours = series(node.plugin for node in found.nodes.values())
    swatches = joined(_SWATCH.format(number, text(name or "of no plugin")) for name, number in colours.items())
    waiting = sum(node.learning == "not fitted" for node in found.nodes.values())
    told = count(len(found.nodes), "node") + (f", {count(waiting, 'node')} not fitted: graph.fit(frame)" if waiting else "")
    return Markup('{} <ul class="legend">{}</ul>').format(text(told), swatches)


def _problems(found: Known) -> Iterator[str]:
    for node in found.nodes.values():
        if node.problem:
            yield f"Node {node.number} ({node.label}): {node.problem}"
    if found.problem:
        yield found.problem[0].upper() + found.problem[1:]


def _notes(problems: Iterable[str]) -> Markup:
    items = joined(Markup('<li class="bad">{}</li>').format(text(problem)) for problem in problems)
    return Markup('<ul class="notes">{}</ul>').format(items) if items else items


def _inside(node: Node) -> Markup:
    what = f"Inside node {node.number} ({node.label}, {node.id}): {count(len(node.inner), 'node')}"
    return folded(what, _table(what, node.inner))


def _table(label: str, nodes: Iterable[Node]) -> Markup:
    rows = [
        (str(node.id), node.label, picture.columns_of(node, _ROOM), node.model, node.plugin or "-", node.learning)
        for node in nodes
    ]
    return table(label, ("node", "operator", "columns", "model", "plugin", "state"), rows)


def _plain(found: Known) -> Markup:
    """The graph as text, for where styles and pictures are taken out of notebooks; the styles hide it."""
    lines = []
    for node in found.nodes.values():
        before = [str(found.nodes[first].number) for first, second in found.edges if second == node.id]
        feeds = f" <- {listed(before)}" if before else ""
        state = f" ({node.learning})" if node.learning else ""
        columns = picture.columns_of(node, _ROOM)
        lines.append(f"{node.number:>3}. {node.label}{state}{feeds}{'  ' + columns if columns else ''}")
    return Markup('<pre class="plain">{}</pre>').format(text("\n".join(lines)))
