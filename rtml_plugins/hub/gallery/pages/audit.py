"""Who changed what: of one service, and of the whole hub."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from rtml_plugins.hub.gallery import entries
from rtml_plugins.hub.gallery.page import View, page

#: entries on a page
_MOST = 50
_LARGEST = 2**53


@page("/services/{name}/audit")
def history(view: View, name: str) -> Response:
    """Every change of a service, newest first. ?before= a number for older ones."""
    service = view.at.hub.get(name)
    shown, older = _entries(view, service=name)
    return view.render("service_audit.html", service=service, tab="/audit", entries=shown, older=older, words=entries, query={})


@page("/audit")
def audit(view: View) -> Response:
    """Every change of the hub for whoever runs it; for others those of the services that they see.

    ?before= ?service= ?actor= ?kind=
    """
    query = {key: view.query[key].strip() for key in ("service", "actor", "kind") if view.query.get(key, "").strip()}
    everything = view.may("admin")
    narrow: dict[str, Any] = {"service": query.get("service"), "actor": query.get("actor"), "kind": query.get("kind")}
    if not everything:
        narrow |= {"services_only": True, "within": view.caller.services}
    shown, older = _entries(view, **narrow)
    return view.render(
        "audit.html",
        entries=shown,
        older=older,
        words=entries,
        query=query,
        kinds={key: word for key, word in entries.KINDS.items() if everything or key in ("service", "traffic")},
        everything=everything,
    )


def _entries(view: View, **narrow: Any) -> tuple[list[Any], int | None]:
    """A page of entries, and what comes before the last of them where there is more."""
    text = view.query.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 17 else None
    found = list(view.at.hub.audit(limit=_MOST + 1, before=None if before is None else min(before, _LARGEST), **narrow))
    return found[:_MOST], found[_MOST - 1].number if len(found) > _MOST else None
