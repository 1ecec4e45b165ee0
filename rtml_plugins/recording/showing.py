"""How recorded frames and columns show themselves in a notebook: as pandas does, with a note."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rtml_plugins.recording.tape import TrainingConstant

_ROW = "<tr><td>{}</td><td>{}</td><td>{}</td></tr>"
_NOTE = '<div style="color:#777;font-size:85%">{}</div>'


def frame_html(native: Any, steps: int) -> str:
    """The frame as pandas shows it, and how much is recorded."""
    return (native._repr_html_() or f"<pre>{escape(repr(native))}</pre>") + _NOTE.format(
        f"being recorded: {steps} operation{'' if steps == 1 else 's'} so far; .graph is the graph, .frame the real frame"
    )


def column_html(native: Any) -> str:
    """The column as pandas shows it."""
    return f"<pre>{escape(repr(native))}</pre>" + _NOTE.format("being recorded")


def constants_html(constants: list[TrainingConstant]) -> str:
    """A table: what was computed, the value, and where."""
    if not constants:
        return "<p>No constants were taken from the training frame.</p>"
    rows = "".join(_ROW.format(*map(escape, (one.what, one.told, f"{one.file}, line {one.line}"))) for one in constants)
    return f"<table><thead><tr><th>constant</th><th>value</th><th>where</th></tr></thead><tbody>{rows}</tbody></table>"
