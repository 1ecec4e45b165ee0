"""Templates, what they can call, and the headers of pages."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from rtml_core.display.wording import as_float, number, shown, size
from rtml_plugins.hub.gallery import static

_TEMPLATES: Final = Path(__file__).parent / "templates"
#: pages load from their own hub only; no script and no style stands in a page
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
#: what was done, told on the page that a POST leads to: by ?said=
NOTICES: Final[dict[str, str]] = {}


@cache
def environment() -> Environment:
    """The templates; whatever stands in them is escaped unless it is markup of our own making (markupsafe.Markup)."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,  # a hub that is upgraded while it runs must not mix templates of two releases
    )
    made.filters.update(ago=ago, number=number, percent=percent, ms=ms, size=size, moment=moment, shown=shown)
    made.globals.update(static=static.address, notices=NOTICES)
    return made


def render(template: str, status: int = 200, **values: Any) -> Response:
    """The answer with a page."""
    return HTMLResponse(environment().get_template(template).render(**values), status, HEADERS)


def percent(value: float | None) -> str:
    """0.0123 as "1.2 %"."""
    if value is None:
        return "-"
    if value == 0:
        return "0 %"
    return "< 0.1 %" if value < 0.001 else f"{as_float(value):.1%}".replace(".0%", "%").replace("%", " %")


def ms(seconds: float | None) -> str:
    """Seconds as milliseconds."""
    return "-" if seconds is None else f"{number(as_float(seconds) * 1e3)} ms"


def ago(text: str | None) -> str:
    """A time of records as "3 minutes ago"; what is no time, which an edge may have reported, as "at an unknown time"."""
    if text is None:
        return "never"
    try:
        since = datetime.now(UTC) - datetime.fromisoformat(text)
    except (ValueError, TypeError, OverflowError):  # TypeError: it has no zone
        return "at an unknown time"
    seconds = max(0.0, since.total_seconds())
    for most, unit, length in ((90, "second", 1), (5400, "minute", 60), (129_600, "hour", 3600), (1e18, "day", 86_400)):
        if seconds < most:
            count = round(seconds / length)
            return "just now" if unit == "second" and count < 5 else f"{count} {unit}{'s' if count != 1 else ''} ago"
    raise AssertionError("no time is that long ago")


def moment(text: str) -> str:
    """A time of records as "2026-11-21 10:15:00 UTC"."""
    return f"{text[:10]} {text[11:19]} UTC"
