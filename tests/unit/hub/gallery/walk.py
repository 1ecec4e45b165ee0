"""Every address of the gallery that there is: what its pages are declared with, and what they lead to."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
from starlette.routing import compile_path

from rtml_plugins.hub.gallery.page import Page
from rtml_plugins.hub.gallery.routes import declared
from tests.unit.hub.gallery.site import Visitor, tree

#: what stands for the parts of paths; of a service there is given its name
PARTS = {"number": "1", "operator": "Pandas", "plugin": "pandas", "edge": "na-1", "region": "na", "node": "pandas"}
#: how often a declared page is looked at, and how often with the same names in its query
_OF_PAGE, _OF_QUERY = 12, 3


def pages(method: str = "GET") -> list[Page]:
    """The pages that take a method."""
    return [page for page in declared() if method in page.methods]


def address(page: Page, **parts: str) -> str:
    """A page's address. KeyError for a part of a path that has to be added to PARTS."""
    path = page.path if page.path != "/" else ""
    return "/gallery" + re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: quote({**PARTS, **parts}[found[1]], safe=""), path)


def walk(visitor: Visitor, **parts: str) -> Mapping[str, httpx.Response]:
    """Address -> answer of every page and part that a visitor can look at: the declared ones, and whatever these link to."""
    waiting = deque(address(page, **parts) for page in pages())
    found: dict[str, httpx.Response] = {}
    seen: Counter[tuple[str, ...]] = Counter()
    while waiting:
        where = waiting.popleft()
        named = tuple(sorted(dict(parse_qsl(urlsplit(where).query, keep_blank_values=True))))
        page = declared_as(where)
        slow = "example" in where  # of an operator, which is run for it: one is like the other
        if where in found or seen[page,] >= _OF_PAGE or seen[page, *named] >= _OF_QUERY or (slow and seen["example",]):
            continue
        seen["example",] += slow
        seen[page,] += 1
        seen[page, *named] += 1 if named else 0
        found[where] = answer = visitor.get(where)
        waiting += [link for link in leads_to(where, answer) if link not in found]
    return found


def declared_as(where: str) -> str:
    """The path as which a page is declared that answers an address; the address itself when there is none."""
    path = urlsplit(where).path.removeprefix("/gallery")
    return next((page.path for page in pages() if compile_path(page.path)[0].match(path or "/")), where)


def leads_to(where: str, answer: httpx.Response) -> Iterable[str]:
    """Where a page links to and what it has htmx ask for, below /gallery."""
    if is_page(answer):
        links = [element.get(name, "") for element in tree(answer).iter() for name in ("href", "hx-get")]
    else:
        links = [answer.headers.get("location", "")]
    for link in links:
        target = urlsplit(str(httpx.URL(f"http://127.0.0.1:8000{where}").join(link))) if link else None
        if target is None or target.netloc != "127.0.0.1:8000" or target.path.startswith("/gallery/static/"):
            continue
        if target.path.startswith("/gallery"):
            yield f"{target.path}?{target.query}" if target.query else target.path


def is_page(answer: httpx.Response) -> bool:
    """Whether it is HTML, whole or a part."""
    kind: str = answer.headers.get("content-type", "")
    return kind.startswith("text/html") and bool(answer.content)
