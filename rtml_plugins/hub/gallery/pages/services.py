"""The list of services."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from starlette.responses import Response

from rtml_core.client.records import Activity
from rtml_plugins.hub.gallery import known
from rtml_plugins.hub.gallery.health import Reports
from rtml_plugins.hub.gallery.listing import SORTS, Card, Wanted, card, found
from rtml_plugins.hub.gallery.page import View, page
from rtml_plugins.hub.gallery.spark import spark
from rtml_plugins.hub.since import done

if TYPE_CHECKING:
    from rtml_plugins.hub.hub import Hub

#: for how long figures of requests are shown again without asking, in seconds: they come every ten
FRESH: Final = 2.0
#: in the address when an empty list asks whether there is something now
FIRST: Final = "first"
_lately: Final[WeakKeyDictionary[Hub, tuple[float, Mapping[str, Activity]]]] = WeakKeyDictionary()


@page("/")
def services(view: View) -> Response:
    """Services as cards: found by words, filtered, by pages; htmx gets the part that changes, and the address it has."""
    wanted = Wanted.of(view.query)
    shown = found(cards(view), wanted)
    if view.partial and FIRST in view.query:
        return Response(status_code=204, headers={"HX-Refresh": "true"} if shown.total else None)
    last = view.at.hub.entries([one.service.change for one in shown.cards])
    rates = view.at.hub.rates([one.service.id for one in shown.cards])
    response = view.render(
        "part_services.html" if view.partial else "services.html",
        wanted=wanted,
        found=shown,
        last=last,
        sparks={key: spark(steps, "Requests a second in the last hour") for key, steps in rates.items()},
        done=done,
        sorts=SORTS,
        hub=view.at.settings.url,
    )
    if view.partial:
        response.headers["HX-Replace-Url"] = wanted.address(page=shown.page)
    return response


def lately(hub: Hub) -> Mapping[str, Activity]:
    """What all services answered, as it was at most FRESH seconds ago: lists are asked for with every letter somebody types."""
    now = time.monotonic()
    at, found_ = _lately.get(hub, (0.0, {}))
    if not at or now - at > FRESH:
        found_ = hub.activity()
        _lately[hub] = (now, found_)
    return found_


def cards(view: View) -> list[Card]:
    """All services that the caller may see."""
    at = view.at
    briefs = [one for one in at.hub.briefs() if view.sees(one.name)]
    abouts = known.abouts(at, {one.package for one in briefs})
    reports = Reports(at.hub.edges())
    activity = lately(at.hub)
    return [
        card(
            one,
            abouts[one.package],
            reports.of(one.name, one.regions),
            activity.get(one.name),
            reports.failed(one.name, one.regions),
        )
        for one in briefs
    ]
