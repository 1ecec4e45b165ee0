"""The list of services."""

from __future__ import annotations

from starlette.responses import Response

from rtml_plugins.hub.gallery import known
from rtml_plugins.hub.gallery.health import Reports
from rtml_plugins.hub.gallery.listing import SORTS, Card, Wanted, card, found
from rtml_plugins.hub.gallery.page import View, page
from rtml_plugins.hub.gallery.spark import spark
from rtml_plugins.hub.since import done


@page("/")
def services(view: View) -> Response:
    """Services as cards: found by words, filtered, by pages; htmx gets the part that changes, and the address it has."""
    wanted = Wanted.of(view.query)
    shown = found(cards(view), wanted)
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


def cards(view: View) -> list[Card]:
    """All services that the caller may see."""
    at = view.at
    briefs = [one for one in at.hub.briefs() if view.sees(one.name)]
    abouts = known.abouts(at, {one.package for one in briefs})
    reports = Reports(at.hub.edges())
    activity = at.hub.activity([one.name for one in briefs])
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
