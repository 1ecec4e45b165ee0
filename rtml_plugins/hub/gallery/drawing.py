"""A graph as a picture: SVG of boxes that are links to what a node does, without scripts or styles of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, urlencode

from markupsafe import Markup

from rtml_core.display.layout import Box, NotDrawn, Placed, place
from rtml_core.display.shapes import path, series, taken_to_given, text_at
from rtml_core.display.wording import count, fit, fit_list, listed, shown, value, width
from rtml_plugins.hub.gallery.steps import Column, Drawn, Step, graph_of

__all__ = ["ANSWER", "REQUEST", "Column", "Drawn", "NotDrawn", "Step", "draw", "graph_of", "legend", "series_of"]

#: keys of `values` for what enters and what leaves the graph
REQUEST: Final = "(request)"
ANSWER: Final = "(answer)"
#: what is said of a node in a comparison: mark, word
DIFFERS: Final[Mapping[str, tuple[str, str]]] = {
    "added": ("+", "added"),
    "removed": ("\N{MINUS SIGN}", "removed"),
    "changed": ("~", "changed"),
    "learned": ("≈", "learned anew"),
}
_WIDTH: Final = 248
_LINE: Final = 18
_HEAD: Final = 62
#: values of a row that stand on a node
_VALUES: Final = 3
_REGION: Final = Markup(
    '<div class="graph-scroll" tabindex="0" role="region" aria-label="{name}, scrolls">'
    '<svg class="graph-picture" width="{w:.0f}" height="{h:.0f}" viewBox="0 0 {w:.0f} {h:.0f}" role="group"'
    ' aria-label="{name}">{lines}{request}{boxes}{answer}</svg></div>'
)
_END: Final = Markup(
    '<g class="end" role="img" aria-label="{said}"><title>{said}</title>'
    '<rect x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="22"/>{head}{names}{values}</g>'
)
_STEP: Final = Markup(
    '<a class="{classes}" href="{href}" data-part="{part}" aria-label="{said}"{current}><title>{said}</title>'
    '<rect class="box" x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="8"/>'
    '<rect class="stripe s{series}" x="{x:g}" y="{y:g}" width="7" height="{h:g}" rx="3"/>'
    "{label}{mark}{columns}{kind}{values}</a>"
)
_SWATCH: Final = Markup(
    '<li><svg class="swatch" width="14" height="14" aria-hidden="true"><rect class="s{}" width="14" height="14" rx="3"/></svg>'
    "{}</li>"
)
_LEGEND: Final = Markup(
    '<figcaption class="small"><span class="soft">Plugins:</span> <ul class="graph-legend">{}</ul></figcaption>'
)


def draw(
    drawn: Drawn,
    *,
    service: str,
    version: int,
    values: Mapping[str, Mapping[str, Any]] | None = None,
    selected: str | None = None,
    differs: Mapping[str, str] | None = None,
    edges_differ: Mapping[tuple[str, str], str] | None = None,
    before: int | None = None,
) -> Markup:
    """The picture, in a region that scrolls, with a legend. Each node is a link to its part of the graph's page.

    values: of a row, node -> column -> value, laid along the graph; those of the request under REQUEST, of the answer under
    ANSWER. selected: id of the node that is looked at. differs: key of a node -> a key of DIFFERS; edges_differ: the same of
    edges. before: the version that removed nodes are of. Raises NotDrawn when it can't be drawn.
    """
    pictured = _Picture(drawn, service, version, values or {}, selected, differs or {}, edges_differ or {}, before)
    return Markup('<figure class="graph">{}{}</figure>').format(pictured.region(), legend(drawn))


def series_of(drawn: Drawn) -> dict[str, int]:
    """The number of its colour, 1 to 8, for each plugin of a graph, by name."""
    return series(step.plugin for step in drawn.steps.values())


def legend(drawn: Drawn) -> Markup:
    """What the colours mean."""
    return _LEGEND.format(
        Markup("").join(_SWATCH.format(n, shown(name) or "unknown plugin") for name, n in series_of(drawn).items())
    )


@lru_cache(maxsize=64)
def _placed(sizes: tuple[tuple[str, float, float], ...], edges: tuple[tuple[str, str], ...], aside: frozenset[str]) -> Placed:
    return place({name: (width, height) for name, width, height in sizes}, edges, aside)


class _Picture:
    def __init__(
        self,
        drawn: Drawn,
        service: str,
        version: int,
        values: Mapping[str, Mapping[str, Any]],
        selected: str | None,
        differs: Mapping[str, str],
        edges_differ: Mapping[tuple[str, str], str],
        before: int | None,
    ):
        self.drawn, self.service, self.version, self.values, self.selected = drawn, service, version, values, selected
        self.differs, self.edges_differ, self.before = differs, edges_differ, before
        self.series = series_of(drawn)

    def region(self) -> Markup:
        """The scrolling region with the SVG."""
        # nodes are "n" and their key, so that none is taken for the boxes of request and answer
        steps = self.drawn.steps
        sizes = [("request", float(_WIDTH), self._end_height(REQUEST))]
        sizes += [(f"n{key}", float(_WIDTH), self._height(step)) for key, step in steps.items()]
        sizes.append(("answer", float(_WIDTH), self._end_height(ANSWER)))
        aside = frozenset(f"n{key}" for key, state in self.differs.items() if state == "removed")
        edges = [("request", f"n{key}") for key in self.drawn.starts]
        edges += [(f"n{first}", f"n{second}") for first, second in self.drawn.edges]
        edges += [(f"n{key}", "answer") for key in self.drawn.ends]
        placed = _placed(tuple(sizes), tuple(edges), aside)
        routes = [(self._state(edge), points) for edge, points in placed.routes.items()]
        routes.sort(key=lambda route: route[0] != "removed")  # what is there lies over what was
        lines = Markup("").join(self._edge(state, points) for state, points in routes)
        boxes = Markup("").join(self._step(step, placed.boxes[f"n{key}"]) for key, step in steps.items())
        name = f"Graph of {self.service} version {self.version}: {count(len(steps), 'node')}"
        return _REGION.format(
            name=shown(name),
            w=placed.width,
            h=placed.height,
            lines=lines,
            boxes=boxes,
            request=self._request(placed.boxes["request"]),
            answer=self._answer(placed.boxes["answer"]),
        )

    # ---- request and answer --------------------------------------------------------------------------------------------------

    def _end_height(self, key: str) -> float:
        return 48.0 + _LINE * self._lines(key)

    def _request(self, box: Box) -> Markup:
        types = {field.name: field.type for field in self.drawn.fields}
        said = f"Request with {count(len(types), 'field')}: {listed(types, 30)}"
        return self._end(box, REQUEST, "Request", types, said)

    def _answer(self, box: Box) -> Markup:
        types = {output.name: output.dtype for output in self.drawn.outputs}
        told = listed((f"{name} ({dtype})" for name, dtype in types.items()), 30)
        return self._end(box, ANSWER, "Answer", types, f"Answer with {count(len(types), 'output')}: {told}")

    def _end(self, box: Box, key: str, head: str, types: Mapping[str, str], said: str) -> Markup:
        given = self._given(key, types)
        if given:
            said += "; " + listed((f"{name} is {text}" for name, text in given), 40)
        return _END.format(
            said=shown(said),
            x=box.x,
            y=box.y,
            w=box.width,
            h=box.height,
            head=text_at(box.x + 20, box.y + 20, head, "head"),
            names=text_at(box.x + 20, box.y + 38, fit_list(list(types), (box.width - 40) / 12), "columns"),
            values=self._value_lines(given, box, box.y + 38),
        )

    # ---- nodes ---------------------------------------------------------------------------------------------------------------

    def _height(self, step: Step) -> float:
        return float(_HEAD + _LINE * self._lines(step.id))

    def _lines(self, key: str) -> int:
        given = len(self.values.get(key, ()))
        return given if given <= _VALUES else _VALUES + 1

    def _given(self, key: str, types: Mapping[str, str]) -> list[tuple[str, str]]:
        """The values that stand at a node, in words. types: dtypes of its columns."""
        return [(name, value(one, types.get(name, ""))) for name, one in self.values.get(key, {}).items()]

    def _value_lines(self, given: Sequence[tuple[str, str]], box: Box, y: float) -> Markup:
        lines = []
        for name, text in given[:_VALUES]:
            y += _LINE
            lines.append(
                Markup('<text class="{}" x="{}" y="{}">{} <tspan class="{}">{}</tspan></text>').format(
                    "value",
                    box.x + 18,
                    y,
                    fit(name, 10),
                    "missing" if text == "missing" else "is",
                    fit(text, (box.width - 36) / 12 - width(fit(name, 10))),
                )
            )
        if len(given) > _VALUES:
            lines.append(text_at(box.x + 18, y + _LINE, f"+{len(given) - _VALUES} more", "value soft"))
        return Markup("").join(lines)

    def _step(self, step: Step, box: Box) -> Markup:
        state = self.differs.get(step.key, "")
        mark, word = DIFFERS[state] if state else ("", "")
        selected = step.id == self.selected and state != "removed"
        x = box.x + 18
        label = fit(f"{step.number}. {step.label}", (box.width - 28) / 14 - width(f"{mark} {word}") * 12 / 14)
        return _STEP.format(
            classes=" ".join(["step", *([state] if state else []), *(["selected"] if selected else [])]),
            href=self._address(step, "graph") + "#node",
            part=self._address(step, "graph/node"),
            said=shown(self._said(step, word)),
            current=Markup(' aria-current="true"') if selected else "",
            x=box.x,
            y=box.y,
            w=box.width,
            h=box.height,
            series=self.series.get(step.plugin, 7),
            label=text_at(x, box.y + 20, label, "label"),
            mark=text_at(box.x + box.width - 10, box.y + 20, f"{mark} {word}", "mark") if state else "",
            columns=text_at(x, box.y + 37, in_short(step, (box.width - 28) / 12), "columns"),
            kind=text_at(
                x, box.y + 53, fit(lowered(step), (box.width - 28) / 11), f"kind{' warn' if step.portable is False else ''}"
            ),
            values=self._value_lines(self._given(step.id, _types(step)), box, box.y + 53),
        )

    def _said(self, step: Step, word: str) -> str:
        """All of a node in words, for its tooltip and for screen readers."""
        parts = [f"Node {step.number}, {step.label} ({step.id})"]
        if word:
            parts.append(word)
        if step.takes:
            parts.append(f"takes {listed(step.takes)}")
        if step.gives:
            parts.append(f"gives {listed(column.name for column in step.gives)}")
        parts.append(lowered(step))
        if told := self._given(step.id, _types(step)):
            parts.append(listed((f"{name} is {text}" for name, text in told), 40))
        return "; ".join(parts)

    def _address(self, step: Step, page: str) -> str:
        removed = self.differs.get(step.key) == "removed" and self.before is not None
        query = urlencode({"version": self.before if removed else self.version, "node": step.id}, errors="replace")
        return f"/gallery/services/{quote(self.service, safe='')}/{page}?{query}"

    # ---- edges ---------------------------------------------------------------------------------------------------------------

    def _state(self, edge: tuple[str, str]) -> str:
        """Whether an edge was added or removed: by itself, or with a node."""
        first, second = (end[1:] if end[0] == "n" else "" for end in edge)
        by_nodes = [self.differs[end] for end in (first, second) if self.differs.get(end) in ("added", "removed")]
        return by_nodes[-1] if by_nodes else self.edges_differ.get((first, second), "")

    def _edge(self, state: str, points: Sequence[tuple[float, float]]) -> Markup:
        x, y = points[-1]
        return Markup('<path class="edge {}" d="{}"/><path class="tip {}" d="M{} {}l5 -8h-10z"/>').format(
            state, path(points), state, x, y
        )


def in_short(step: Step, room: float) -> str:
    """Its columns: "last_order → silence", or "gap" when it changes what it takes."""
    takes = list(step.takes)
    if isinstance(schema := step.params.get("schema"), dict) and not takes:
        return count(len(schema), "field")
    return taken_to_given(takes, [column.name for column in step.gives], room)


def lowered(step: Step) -> str:
    """How a node was lowered, in a few words: "pandas · core · 3 ONNX nodes"."""
    parts = [step.plugin or "unknown plugin"]
    if step.portable is False:
        parts += ["Python code" if step.kind == "python" else "native code", "not portable"]
    elif step.kind:
        parts.append(step.kind)
    if step.onnx_nodes:
        parts.append(count(step.onnx_nodes, "ONNX node"))
    if step.inner:
        parts.append(f"{count(len(step.inner), 'node')} inside")
    return " · ".join(parts)


def _types(step: Step) -> dict[str, str]:
    return {column.name: column.dtype for column in step.gives}
