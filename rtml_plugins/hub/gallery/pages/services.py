"""The list of services."""

from __future__ import annotations

from starlette.responses import Response

from rtml_plugins.hub.gallery.page import View, page


@page("/")
def services(view: View) -> Response:
    """Every service as a card."""
    found, total = view.at.hub.list(limit=100)
    return view.render("services.html", services=[one for one in found if view.sees(one.name)], total=total)
