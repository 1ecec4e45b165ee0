"""A line without axes, beside a figure: how it came about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from rtml_core.display.wording import number

_WIDTH: Final = 100
_HEIGHT: Final = 28
_LINE: Final = Markup(
    '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
    '<path class="under" d="{} L{:.1f} {} L0 {} Z"/><path class="over" d="{}"/></svg>'
)


def spark(values: Sequence[float], what: str, unit: str = "") -> Markup:
    """Values in even steps, oldest first, from 0 up; nothing for fewer than two or when all are 0. what: they are, for people who
    do not see it, with the lowest, the highest and the last one."""
    if len(values) < 2 or not any(values):
        return Markup()
    most = max(values)
    step = _WIDTH / (len(values) - 1)
    places = [(at * step, _HEIGHT - 1 - value / most * (_HEIGHT - 3)) for at, value in enumerate(values)]
    path = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    last, low, high = (f"{number(value)}{unit}" for value in (values[-1], min(values), most))
    return _LINE.format(_WIDTH, _HEIGHT, f"{what}: {low} to {high}, last {last}", path, _WIDTH, _HEIGHT, _HEIGHT, path)
