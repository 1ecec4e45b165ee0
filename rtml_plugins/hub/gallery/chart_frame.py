"""What is around the picture of a chart: its name, its legend, its figures as a table."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup, escape

WIDTH: Final = 420
HEIGHT: Final = 170
#: dashes and colours that there are; further series begin anew
_STYLES: Final = 8
#: what XML can't hold, and half characters that UTF-8 can't
_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def style_of(number: int) -> int:
    """The number of a class of the style sheet, 1 to 8, for any number."""
    return (number - 1) % _STYLES + 1


def figure(title: str, body: Markup, said: str, kind: str = "") -> Markup:
    """A chart with its name and, in a sentence, what is to be seen."""
    words = Markup(' <span class="soft small">{}</span>').format(text(said)) if said else Markup("")
    frame = Markup('<figure class="chart{}"><figcaption><strong>{}</strong>{}</figcaption>{}</figure>')
    return frame.format(f" {kind}" if kind else "", text(title), words, body)


def svg(key: str, title: str, said: str, parts: Iterable[Markup], height: int = HEIGHT, wide: bool = False) -> Markup:
    """A picture that has a name and a description for whom it says nothing. wide: it fills the width that there is."""
    opening = Markup(
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="{}" role="img" aria-labelledby="{key}-t {key}-d">'
        '<title id="{key}-t">{}</title><desc id="{key}-d">{}</desc>'
    )
    return (
        opening.format(WIDTH, height, "none" if wide else "xMidYMid", text(title), text(said), key=key)
        + Markup("").join(parts)
        + Markup("</svg>")
    )


def legend(entries: Iterable[tuple[str, int, str, str]]) -> Markup:
    """Name, style, how it is drawn and its value, as text beside a sample of each series."""
    samples = {
        "line": Markup('<line class="line l{}" x1="1" y1="7" x2="25" y2="7"/>'),
        "box": Markup('<rect class="f{}" x="6" y="1" width="12" height="12"/>'),
        "outline": Markup('<rect class="outline o{}" x="6" y="1" width="12" height="12"/>'),
    }
    drawn = Markup("")
    for name, style, kind, value in entries:
        sample = Markup('<svg class="sample" viewBox="0 0 26 14" aria-hidden="true">{}</svg>').format(
            samples[kind].format(style_of(style))
        )
        told = Markup(" <strong>{}</strong>").format(text(value)) if value else Markup("")
        drawn += Markup("<li>{} {}{}</li>").format(sample, text(name), told)
    return Markup('<ul class="legend">{}</ul>').format(drawn)


def table(key: str, title: str, heads: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> Markup:
    """The figures as a table, folded up; for whom a picture says nothing, and whoever wants them exactly."""
    head = Markup("").join(
        Markup('<th scope="col"{}>{}</th>').format(Markup(' class="n"') if at else "", text(name))
        for at, name in enumerate(heads)
    )
    lines = list(rows)
    safe = iter(escaped([one for label, cells in lines for one in (label, *cells)]))
    body = Markup()
    for _, cells in lines:
        row = f'<tr><th scope="row">{next(safe)}</th>'
        row += "".join([f'<td class="n">{next(safe)}</td>' for _ in cells])
        body += Markup(f"{row}</tr>")
    whole = Markup(
        '<details id="{key}"><summary id="{key}-s" class="small">Figures</summary>'
        '<div class="scroll figures" role="region" tabindex="0" aria-label="{}">'
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div></details>"
    )
    return whole.format(text(f"Figures of {title}"), head, body, key=key)


def key_of(*parts: str) -> str:
    """An id in the page, the same whenever the page is made."""
    return "c" + hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def escaped(texts: Sequence[str]) -> Sequence[Markup]:
    """Texts that may stand in a page, escaped at once: one by one, hundreds of them are most of what a chart costs."""
    apart = "\0"  # in no text that a document can hold
    return [Markup(one) for one in str(escape(apart.join(map(text, texts)))).split(apart)] if texts else []


def text(value: str) -> str:
    """A text without the characters that a document can't hold."""
    return _UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", value)
