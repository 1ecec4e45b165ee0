"""What a display says, read as XML: so every test that reads one shows that it is well-formed."""

from __future__ import annotations

from typing import Any, Final
from xml.etree.ElementTree import Element, fromstring

from rtml_core.display import html

#: everything that may stand in a display: nothing that loads, runs, or sends
TAGS: Final = {
    *("div", "style", "p", "h4", "h5", "span", "code", "pre", "ul", "li", "details", "summary"),
    *("table", "thead", "tbody", "tr", "th", "td", "figure", "figcaption"),
    *("svg", "g", "title", "rect", "path", "text"),
}
ATTRIBUTES: Final = {
    *("class", "role", "aria-label", "aria-hidden", "tabindex", "scope"),
    *("width", "height", "viewBox", "x", "y", "rx", "d", "fill", "stroke"),
}


def shown(value: Any) -> Element:
    """The display of a value."""
    page = fromstring(html(value))
    assert {one.tag for one in page.iter()} <= TAGS
    assert {name for one in page.iter() for name in one.attrib} <= ATTRIBUTES
    return page


def words(element: Element) -> str:
    """The text in an element, what stands in elements of their own apart; styles, and what they hide, are left out."""
    parts: list[str] = []

    def walk(one: Element) -> None:
        if one.tag == "style" or one.get("class") == "plain":
            return
        parts.append(one.text or "")
        for child in one:
            walk(child)
            parts.append(child.tail or "")
        parts.append(" ")

    walk(element)
    return " ".join("".join(parts).split())


def with_class(page: Element, name: str) -> list[Element]:
    """The elements of a class."""
    return [one for one in page.iter() if name in (one.get("class") or "").split()]


def nodes(page: Element) -> list[str]:
    """What is said of each node of a picture, for screen readers."""
    return [one.get("aria-label") or "" for one in with_class(page, "node")]


def lines(page: Element) -> list[list[str]]:
    """The lines of all tables, cell by cell."""
    return [[words(cell) for cell in row] for row in page.iter("tr")]
