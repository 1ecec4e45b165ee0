"""What notebooks show of graphs, nodes, packages and parity reports: HTML and SVG, without scripts, in light and dark themes.

`html` is what a notebook calls by itself (`_repr_html_`); `svg` gives the picture of a graph as a file of its own:

    Path("graph.svg").write_text(svg(graph), encoding="utf-8")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtml_core.graph import Graph

__all__ = ["html", "svg"]


def html(value: Any) -> str:
    """A value as HTML: a graph, an operator or its class, a compiled package, a parity report or error, a schema, a column or a
    field, a list of columns or fields. Nothing of it is run. Raises TypeError for anything else."""
    from rtml_core.display.choosing import shown_as

    return str(shown_as(value))


def svg(graph: Graph) -> str:
    """The picture of a graph as an SVG document, which holds its styles. Raises NotDrawn (an RtmlError) for one too large."""
    from rtml_core.display.picture import document

    return str(document(graph))
