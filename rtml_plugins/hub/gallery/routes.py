"""All routes of the gallery."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from starlette.routing import Route

from rtml_plugins.hub.errors import NotFound
from rtml_plugins.hub.gallery import pages, static
from rtml_plugins.hub.gallery.page import PAGES, ROOT, Page, View, endpoint

if TYPE_CHECKING:
    from starlette.responses import Response

    from rtml_plugins.hub.api.context import Context


def routes(at: Context) -> list[Route]:
    """The routes of a hub's gallery; a path that there is not is answered by a page that says so."""
    for module in iter_modules(pages.__path__):
        import_module(f"{pages.__name__}.{module.name}")
    made = [Route(f"{ROOT}/static/{{digest}}/{{file}}", static.answer, methods=["GET"])]
    made += [Route(ROOT + (page.path if page.path != "/" else ""), endpoint(page, at), methods=page.methods) for page in PAGES]
    everything = Page("", _nowhere, ("GET", "POST"), ())
    return [*made, Route(f"{ROOT}/{{path:path}}", endpoint(everything, at), methods=["GET", "POST"])]


def _nowhere(view: View, path: str) -> Response:
    raise NotFound(f"there is no page /gallery/{path}: look for it in the list of services")
