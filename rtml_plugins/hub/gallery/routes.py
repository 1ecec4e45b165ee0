"""All routes of the gallery."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, compile_path
from starlette.types import Receive, Scope, Send

from rtml_plugins.hub.errors import NotFound
from rtml_plugins.hub.gallery import pages, static
from rtml_plugins.hub.gallery.page import PAGES, ROOT, Page, View, endpoint
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.hub.api.context import Context

_STATIC: Final = "/static/{digest}/{file}"


def declared() -> Sequence[Page]:
    """All pages: those that the modules of pages/ declare."""
    for module in iter_modules(pages.__path__):
        import_module(f"{pages.__name__}.{module.name}")
    return PAGES


def routes(at: Context) -> list[Route]:
    """The routes of a hub's gallery; a path that there is not, and a method that a page does not take, are answered by a page."""
    made = [Route(ROOT + _STATIC, static.answer, methods=["GET"])]
    made += [Route(ROOT + _below(page), endpoint(page, at), methods=page.methods) for page in declared()]
    rest = _Rest(at)
    below = Route(f"{ROOT}/{{path:path}}", rest)
    below.path_regex = re.compile(below.path_regex.pattern, re.DOTALL)  # a path may hold line ends, too
    return [*made, Route(ROOT, rest), below]


def _below(page: Page) -> str:
    return page.path if page.path != "/" else ""


class _Rest:
    """Answers whatever no page does, by any method."""

    def __init__(self, at: Context):
        self._answer = endpoint(Page("", _nowhere, (), public=True), at)
        known = [(_STATIC, ["GET"]), *((_below(page), page.methods) for page in PAGES)]
        self._allowed = [(compile_path(path)[0], methods) for path, methods in known]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("path_params", {}).setdefault("path", "")
        scope["rtml_allowed"] = sorted(self._methods(scope["path"].removeprefix(ROOT)))
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)

    def _methods(self, path: str) -> set[str]:
        return {method for pattern, methods in self._allowed if pattern.match(path) for method in methods}


def _nowhere(view: View, path: str) -> Response:
    allowed = view.request.scope["rtml_allowed"]
    if allowed and view.request.method not in allowed:
        said = f"this page is not for {view.request.method[:20]}, but for {' and '.join(allowed)}: go back and load it again"
        raise Problem(405, "method-not-allowed", said, headers=[("Allow", ", ".join(allowed))])
    if view.request.scope["path"].endswith("/") and view.request.method == "GET":
        return RedirectResponse(f"{ROOT}/{quote(path.strip('/'))}".rstrip("/"), 308)
    raise NotFound(f"there is no page /gallery/{path[:200]}: look for it in the list of services")
