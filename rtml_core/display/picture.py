"""A graph as a picture: SVG without scripts, ids or anything that it would have to load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from rtml_core.display.layout import Box, NotDrawn, place
from rtml_core.display.nodes import Known, Node, known
from rtml_core.display.parameters import Row, rows_of
from rtml_core.display.shapes import path, series, taken_to_given, text_at
from rtml_core.display.styling import PICTURE_STYLES, SCOPE
from rtml_core.display.tables import joined, text
from rtml_core.display.wording import count, fit, fit_list, listed, shown, width
from rtml_core.graph import Graph

#: nodes of a picture; a larger graph is a table
MOST_NODES: Final = 400
#: columns and parameters that a tooltip names
_TOLD: Final = 12
_WIDTH: Final = 256.0
#: between layers: of a chain, which shall not be long; of branches, whose edges need room to bend
_APART: Final = 18.0
_APART_CURVED: Final = 34.0
_ANSWER: Final = "answer"

_SVG: Final = Markup(
    '<svg{more} width="{w:.0f}" height="{h:.0f}" viewBox="0 0 {w:.0f} {h:.0f}" role="group" aria-label="{name}">{inside}</svg>'
)
_BOX: Final = Markup(
    '<g class="{css}" role="img" aria-label="{said}"><title>{title}</title>'
    '<rect class="box" x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="{rx}" fill="none" stroke="currentColor"/>{inside}</g>'
)
_STRIPE: Final = Markup('<rect class="s{}" x="{:g}" y="{:g}" width="7" height="{:g}" rx="3"/>')
_EDGE: Final = Markup('<path class="edge{css}" d="{d}" fill="none" stroke="currentColor"/><path class="tip{css}" d="{tip}"/>')


def document(graph: Graph) -> Markup:
    """The picture as a document of its own. Raises NotDrawn."""
    more = Markup(' xmlns="http://www.w3.org/2000/svg" class="{}"').format(SCOPE)
    # the font that widths are reckoned with, where no page says another one
    styles = Markup("<style>{}.{}{{font-family:system-ui,'DejaVu Sans',sans-serif;background:var(--page)}}</style>")
    return _drawn(known(graph), more, styles.format(PICTURE_STYLES, SCOPE))


def inline(found: Known) -> Markup:
    """The picture within a page that has the styles. Raises NotDrawn."""
    return _drawn(found, Markup(' class="graph"'), Markup(""))


def name_of(found: Known) -> str:
    """What the picture is, in words."""
    return f"Graph of {count(len(found.nodes), 'node')}"


def _drawn(found: Known, more: Markup, styles: Markup) -> Markup:
    if len(found.nodes) > MOST_NODES:
        raise NotDrawn(f"the graph has {len(found.nodes):,} nodes; up to {MOST_NODES} are drawn")
    keys = {name: f"n{node.number}" for name, node in found.nodes.items()}
    sizes = {keys[name]: (_WIDTH, _height(node)) for name, node in found.nodes.items()}
    edges = [(keys[first], keys[second]) for first, second in found.edges]
    if found.outputs is not None:
        sizes[_ANSWER] = (_WIDTH, 44.0)
        followed = {first for first, _ in edges}
        edges += [(key, _ANSWER) for key in keys.values() if key not in followed]
    # an edge that closes a cycle goes upwards: it is placed the other way round
    upwards = {(keys[first], keys[second]) for first, second in found.back}
    both = {(first, second) for first, second in upwards if (second, first) in edges}
    edges += [(second, first) for first, second in sorted(upwards) if first != second]
    chain = len({first for first, _ in edges}) == len(edges) == len({second for _, second in edges})
    placed = place(sizes, edges, apart=_APART if chain else _APART_CURVED)
    colours = series(node.plugin for node in found.nodes.values())
    lines = [_edge(points, edge[::-1] in upwards, edge[::-1] in both) for edge, points in placed.routes.items()]
    boxes = [_node(node, placed.boxes[keys[name]], colours.get(node.plugin, 7)) for name, node in found.nodes.items()]
    if found.outputs is not None:
        boxes.append(_answer(found.outputs, placed.boxes[_ANSWER]))
    inside = styles + joined(lines) + joined(boxes)
    return _SVG.format(more=more, w=placed.width, h=placed.height, name=text(name_of(found)), inside=inside)


def _edge(points: Sequence[tuple[float, float]], upwards: bool, both: bool) -> Markup:
    """A line with its tip: at its lower end, unless it closes a cycle, where it goes upwards, or both ways."""
    (x, y), (top_x, top_y) = points[-1], points[0]
    down, up = f"M{x:g} {y:g}l5 -8h-10z", f"M{top_x:g} {top_y:g}l5 8h-10z"
    tip = f"{up}{down}" if both else up if upwards else down
    return _EDGE.format(css=" bad" if upwards else "", d=path(points), tip=tip)


def _answer(names: Sequence[str], box: Box) -> Markup:
    said = shown(f"Answer: {listed(names, _TOLD * 2)}")
    inside = text_at(box.x + 20, box.y + 19, count(len(names), "output"), "label")
    inside += text_at(box.x + 20, box.y + 35, fit_list(list(names), (box.width - 40) / 12), "columns")
    return _BOX.format(css="end", said=said, title=said, x=box.x, y=box.y, w=box.width, h=box.height, rx=22, inside=inside)


# ---- nodes -------------------------------------------------------------------------------------------------------------------


def _height(node: Node) -> float:
    return 14.0 + 16 * len(_lines(node))


def _lines(node: Node) -> list[tuple[str, str, int]]:
    """What stands in its box: texts with their classes and sizes."""
    lines = [(f"{node.number}. {node.label}", "label", 14), (columns_of(node, 20), "columns", 12), (_third(node), "small", 11)]
    return [line for line in lines if line[0]]


def columns_of(node: Node, room: float) -> str:
    """Its columns in short. room: in sizes of the font."""
    if node.role == "source":
        return fit_list(node.gives, room)
    if node.gives and not node.takes:
        return "→ " + fit_list(node.gives, room - 2)
    return taken_to_given(list(node.takes), list(node.gives), room)


def _third(node: Node) -> str:
    """The last line: what it holds."""
    inside = f"{count(len(node.inner), 'node')} inside" if node.inner else ""
    return " · ".join(part for part in (node.model, inside) if part)


def _mark(node: Node) -> tuple[str, str]:
    """What stands on the right of the last line, and its class."""
    if node.problem:
        return "! see below", "bad"
    return {"learned": ("✓ learned", "good"), "not fitted": ("○ not fitted", "warn")}.get(node.learning, ("", ""))


def _node(node: Node, box: Box, colour: int) -> Markup:
    x, y, room = box.x + 18, box.y + 19, box.width - 28
    mark, css = _mark(node)
    lines = _lines(node)
    parts = [_STRIPE.format(colour, box.x, box.y, box.height)]
    for at, (told, style, size) in enumerate(lines):
        left = room / size - (width(mark) + 1 if at == len(lines) - 1 else 0)
        parts.append(text_at(x, y + 16 * at, columns_of(node, left) if style == "columns" else fit(told, left), style))
    parts.append(text_at(box.x + box.width - 10, y + 16 * (len(lines) - 1), mark, f"small mark {css}"))
    return _BOX.format(
        css=f"node {css if css != 'good' else ''}".strip(),
        said=shown(said_of(node)),
        title=shown("\n".join([said_of(node), *_told_params(node)])),
        x=box.x,
        y=box.y,
        w=box.width,
        h=box.height,
        rx=8,
        inside=joined(parts),
    )


def said_of(node: Node) -> str:
    """A node in words, for its tooltip and for screen readers."""
    parts = [f"Node {node.number}, {node.label} ({node.id})"]
    if node.model:
        parts.append(node.model)
    if node.takes:
        parts.append(f"takes {listed(node.takes, _TOLD)}")
    if node.gives:
        parts.append(f"gives {listed((_typed(node, name) for name in node.gives), _TOLD)}")
    if node.inner:
        parts.append(f"{count(len(node.inner), 'node')} inside")
    parts.append(f"plugin {node.plugin}" if node.plugin else "of no plugin")
    parts += [part for part in (node.learning, node.problem) if part]
    return "; ".join(parts)


def _typed(node: Node, name: str) -> str:
    if node.leaving is None or name not in node.leaving:
        return name
    column = node.leaving[name]
    return f"{name} ({column.dtype}{', may be missing' if column.nullable else ''})"


def _told_params(node: Node) -> list[str]:
    """Its parameters for a tooltip, a line each."""
    rows = rows_of(node.params)
    lines = [f"{row.name}: {_short(row)}" for row in rows[:_TOLD]]
    return lines + ([f"and {len(rows) - _TOLD:,} more"] if len(rows) > _TOLD else [])


def _short(row: Row) -> str:
    return row.text if len(row.text) <= 100 else row.text[:100].rstrip() + "…"
