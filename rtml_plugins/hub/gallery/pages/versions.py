"""The versions of a service: what they are, who answers, and two of them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from rtml_core.client.records import Service, Version, VersionActivity
from rtml_plugins.hub.gallery import comparing, known
from rtml_plugins.hub.gallery.differences import Differences, summary
from rtml_plugins.hub.gallery.drawing import DIFFERS, NotDrawn, draw
from rtml_plugins.hub.gallery.known import About
from rtml_plugins.hub.gallery.page import View, page
from rtml_plugins.hub.gallery.pages.graph import chosen, looks_inside
from rtml_plugins.hub.gallery.rendering import percent

if TYPE_CHECKING:
    from markupsafe import Markup

#: versions that are listed without being asked for more
SHOWN: Final = 30
#: figures of authors that have a column
_FIGURES: Final = 4


@dataclass(frozen=True)
class Row:
    """A version in the table. roles: what it has to do with requests, (words, class of the badge); activity: None without
    requests in the last minute."""

    version: Version
    about: About
    roles: Sequence[tuple[str, str]]
    activity: VersionActivity | None


@page("/services/{name}/versions")
def versions(view: View, name: str) -> Response:
    """All versions, and the two that ?left= and ?right= name."""
    service = view.at.hub.get(name)
    pair = chosen_pair(view, service)
    every = "all" in view.query
    listed = [
        one for place, one in enumerate(service.versions) if every or place < SHOWN or one in pair or roles_of(service, one)
    ]
    abouts = known.abouts(view.at, [one.package for one in listed])
    activity = view.at.hub.activity([name]).get(name)
    lately = {} if activity is None else activity.versions
    rows = [Row(one, abouts[one.package], roles_of(service, one), lately.get(one.version)) for one in listed]
    figures = list(dict.fromkeys(figure for row in rows for figure in row.about.metrics))
    found = comparing.compare(view.at, *pair) if len(pair) == 2 else None
    graphs, picture, problem = _graphs(view, service, pair)
    return view.render(
        "versions.html",
        service=service,
        tab="/versions",
        rows=rows,
        figures=figures[:_FIGURES],
        figure=comparing.figure,
        more=len(service.versions) - len(listed),
        pair=pair,
        found=found,
        verdict=comparing.verdict(found) if found else "",
        lately=[lately.get(one.version) for one in pair],
        graphs=graphs,
        said=summary(graphs) if graphs is not None else "",
        picture=picture,
        problem=problem,
        marks=DIFFERS,
        inside=looks_inside(view, name),
    )


def chosen_pair(view: View, service: Service) -> list[Version]:
    """The two versions to compare, the earlier first unless asked otherwise: by default the champion against the one before it.
    One version alone, when there is no other. Raises NotFound."""
    if len(service.versions) < 2:
        return list(service.versions)
    newest_first = service.versions
    if view.query.get("right"):
        right = chosen(view, service, "right")
    elif view.query.get("left"):
        right = chosen(view, service, "right")  # the champion
        if right == chosen(view, service, "left"):
            right = next(one for one in newest_first if one != right)
    else:
        right = chosen(view, service, "right")
    if view.query.get("left"):
        return [chosen(view, service, "left"), right]
    earlier = next((one for one in newest_first if one.version < right.version), None)
    return [earlier, right] if earlier is not None else [right, newest_first[0]]


def roles_of(service: Service, version: Version) -> list[tuple[str, str]]:
    """What a version has to do with requests, for badges."""
    traffic, number = service.traffic, version.version
    roles = [("champion", "good")] if traffic.champion == number else []
    if traffic.canary is not None and traffic.canary.version == number:
        roles.append((f"canary {percent(traffic.canary.share)}", "warn"))
    roles += [(f"split {percent(arm.share)}", "accent") for arm in traffic.split if arm.version == number]
    if traffic.shadow == number:
        roles.append(("shadow", ""))
    return roles


def _graphs(view: View, service: Service, pair: Sequence[Version]) -> tuple[Differences | None, Markup | None, str]:
    """The differences of two graphs, and their picture, or why there is none."""
    if len(pair) < 2:
        return None, None, ""
    before, after = pair
    found = None
    try:
        found = comparing.graphs(view.at, before, after)
        picture = draw(
            found.merged,
            service=service.name,
            version=after.version,
            differs=found.differs,
            edges_differ=found.edges_differ,
            before=before.version,
        )
    except NotDrawn as error:
        return found, None, str(error)
    return found, picture, ""
