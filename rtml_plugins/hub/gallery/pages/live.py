"""What a service answers right now: how much, how fast, how well, and whether its values are still those it was made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from rtml_core.client.records import Service
from rtml_core.errors import describe, listing
from rtml_plugins.hub.errors import NotFound
from rtml_plugins.hub.gallery import figures, forms, telling
from rtml_plugins.hub.gallery.page import View, page
from rtml_plugins.hub.gallery.pages.service import filled_in
from rtml_plugins.hub.gallery.subject import subject_of

#: name -> seconds, and how often the figures come again
SPANS: Final[Mapping[str, tuple[float, int]]] = {
    "15m": (900.0, 5),
    "1h": (3600.0, 5),
    "24h": (86_400.0, 30),
    "7d": (7 * 86_400.0, 60),
    "30d": (30 * 86_400.0, 60),
}
#: versions that are held against training side by side
_MOST_VERSIONS: Final = 3


@page("/services/{name}/live")
def live(view: View, name: str) -> Response:
    """Charts, polled by htmx. ?span= &region= &version= &feature="""
    service = view.at.hub.get(name)
    span = _chosen(view, "span", list(SPANS), "15m")
    region = _chosen(view, "region", service.regions, None)
    numbers = [str(version.version) for version in service.versions]
    asked = _chosen(view, "version", numbers, None)
    hub, (seconds, again) = view.at.hub, SPANS[span or "15m"]
    series = hub.series(name, seconds, region=region, by_region=False)
    versions = [int(asked)] if asked is not None else _versions(service)
    drifts = [hub.drift(name, version, seconds, region=region) for version in versions]
    tone, said = figures.told(drifts)
    feature = view.query.get("feature")
    answered = any(point.total is not None for point in series.points)
    query = {"span": span, "region": region, "version": asked, "feature": feature}
    return view.render(
        "part_live.html" if view.partial else "live.html",
        service=service,
        tab="/live",
        spans=list(SPANS),
        query={key: value for key, value in query.items() if value},
        again=again,
        now=series.now,
        answered=answered,
        charts=figures.requests(series, service.traffic) if answered else [],
        drifts=drifts,
        roles=telling.roles(service.traffic),
        tone=tone,
        said=said,
        verdicts=figures.VERDICTS,
        figures=figures,
        feature=feature,
        curl=None if series.now.last is not None else _curl(view, name),
    )


def _chosen(view: View, key: str, there: list[str] | tuple[str, ...], otherwise: str | None) -> str | None:
    """What is asked for. Raises NotFound for what there is not."""
    asked = view.query.get(key)
    if not asked:
        return otherwise
    if asked not in there:
        raise NotFound(f"there is no {key} {describe(asked)} here. There are: {listing(there)}")
    return asked


def _versions(service: Service) -> list[int]:
    """The champion, then the others that answer."""
    now = service.traffic
    arms = [*([now.canary] if now.canary else []), *now.split]
    return [now.champion, *(arm.version for arm in arms)][:_MOST_VERSIONS]


def _curl(view: View, name: str) -> str:
    """A request that an edge answers."""
    subject = subject_of(view, name, {})
    return subject.snippets(forms.row(subject.manifest, filled_in(subject, None)), None)[0].code
