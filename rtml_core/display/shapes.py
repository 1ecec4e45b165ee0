"""What pictures of graphs are made of, wherever they are drawn: lines of edges, texts in boxes, the colours of plugins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup, escape

from rtml_core.display.wording import fit_list, width

#: colours of plugins that are always there, so that they are the same in every picture
_SERIES: Final = {
    "flow": 7,
    "pandas": 1,
    "sklearn": 2,
    "encoders": 3,
    "text": 4,
    "fields": 5,
    "numpy": 6,
    "functions": 8,
    "onnx": 2,
}


def series(plugins: Iterable[str]) -> dict[str, int]:
    """The number of its colour, 1 to 8, for each of the plugins of a picture, by name."""
    names = sorted(set(plugins))
    taken = {_SERIES[name] for name in names if name in _SERIES}
    free = [number for number in range(1, 9) if number not in taken] or list(range(1, 9))
    others = [name for name in names if name not in _SERIES]
    return {name: _SERIES[name] if name in _SERIES else free[others.index(name) % len(free)] for name in names}


def path(points: Iterable[tuple[float, float]]) -> str:
    """The path through the points of a route: straight within layers, curved between them."""
    (x, y), *rest = points
    parts = [f"M{x:g} {y:g}"]
    for at, (next_x, next_y) in enumerate(rest):
        if at % 2 == 0 or next_x == x:
            parts.append(f"L{next_x:g} {next_y:g}")
        else:
            half = (y + next_y) / 2
            parts.append(f"C{x:g} {half:g} {next_x:g} {half:g} {next_x:g} {next_y:g}")
        x, y = next_x, next_y
    return "".join(parts)


def text_at(x: float, y: float, text: str, css: str) -> Markup:
    """A text in a picture; nothing for none."""
    return Markup('<text class="{}" x="{}" y="{}">{}</text>').format(css, x, y, escape(text)) if text else Markup("")


def taken_to_given(takes: Sequence[str], gives: Sequence[str], room: float) -> str:
    """Columns of a node: "last_order → silence", or "gap" when it changes what it takes. room: in sizes of the font."""
    if not takes or not gives or set(takes) == set(gives):
        return fit_list(takes or gives, room)
    given = fit_list(gives, room * 0.6)
    return f"{fit_list(takes, room - width(given) - 2)} → {given}"
