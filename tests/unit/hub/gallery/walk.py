"""Every address of the gallery that there is: what its pages are declared with, and what they lead to."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit

import httpx

from rtml_plugins.hub.gallery.page import Page
from rtml_plugins.hub.gallery.routes import declared
from tests.unit.hub.gallery.site import Visitor, tree

#: what stands for the parts of paths; of a service there is given its name
PARTS = {"number": "1", "operator": "Pandas", "plugin": "pandas", "edge": "na-1", "region": "na", "node": "pandas"}
#: pages that are not looked at twice with other queries more often than this
_VARIANTS = 12


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
    seen: dict[str, int] = {}
    while waiting:
        where = waiting.popleft()
        path = urlsplit(where).path
        if where in found or seen.get(path, 0) >= _VARIANTS:
            continue
        seen[path] = seen.get(path, 0) + 1
        found[where] = answer = visitor.get(where)
        waiting += [link for link in leads_to(where, answer) if link not in found]
    return found


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
