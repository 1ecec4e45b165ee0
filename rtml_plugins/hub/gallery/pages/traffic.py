"""Who answers, and changing it: looked at first, then confirmed, and refused when somebody else was faster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from starlette.responses import Response

from rtml_core.client.records import AuditEntry, Service, Traffic
from rtml_plugins.hub import signatures
from rtml_plugins.hub.api.context import seen_by
from rtml_plugins.hub.errors import Changed, Conflict
from rtml_plugins.hub.gallery import charts, known, rollouts, telling
from rtml_plugins.hub.gallery.changing import MOST_ARMS, Asked, asked
from rtml_plugins.hub.gallery.page import View, page
from rtml_plugins.hub.gallery.rendering import NOTICES
from rtml_plugins.hub.since import done
from rtml_plugins.serving.routing import TrafficRefused

NOTICES["traffic-set"] = "The traffic is changed; edges take it up in a moment."
NOTICES["rolled-back"] = "Rolled back; edges take it up in a moment."
NOTICES["deprecated"] = "The service is deprecated: it goes on answering, and every answer says so."
NOTICES["restored"] = "The deprecation is taken back."
_SAID: Final = {"rollback": "rolled-back", "deprecate": "deprecated", "restore": "restored"}
#: versions that lists to choose from have at most, newest first
_MOST_VERSIONS: Final = 200
_MOST_TOLD: Final = 3


@page("/services/{name}/traffic")
def traffic(view: View, name: str) -> Response:
    """Who answers whom now, how far the last change has come, and what can be changed."""
    return _show(view, view.at.hub.get(name), None)


@page("/services/{name}/traffic/state")
def state(view: View, name: str) -> Response:
    """The part that is asked for again and again: the rollout, the shadow's figures, and whether somebody changed something."""
    if not view.partial:
        return view.redirect(f"/services/{name}/traffic")
    return view.render("part_traffic_state.html", **_state(view, view.at.hub.get(name), view.query.get("seen")))


@page("/services/{name}/traffic", methods=("POST",), scopes=("publish",))
def change(view: View, name: str) -> Response:
    """Show what a form would do; with confirm=yes, do it."""
    hub = view.at.hub
    service = hub.get(name)
    wanted = asked(view.form, service, hub.champions(name))
    seen = _seen(view)
    if service.change not in seen:
        return _show(view, service, wanted, 412, meanwhile=_meanwhile(view, name, seen))
    if wanted.after is not None:
        try:
            _check(view, name, wanted, seen)
        except TrafficRefused as error:
            wanted.refuse(error)
        except Changed:
            return _show(view, hub.get(name), wanted, 412, meanwhile=_meanwhile(view, name, seen))
    if wanted.errors:
        return _show(view, service, wanted, 422)
    if view.form.get("confirm") == "no":
        return _show(view, service, wanted)
    if view.form.get("confirm") != "yes":
        return _confirm(view, service, wanted)
    try:
        _do(view, name, wanted, seen)
    except Changed:
        return _show(view, hub.get(name), wanted, 412, meanwhile=_meanwhile(view, name, seen))
    except (TrafficRefused, Conflict) as error:
        wanted.errors[""] = str(error)
        return _show(view, hub.get(name), wanted, 422)
    return view.redirect(f"/services/{name}/traffic", said=_SAID.get(wanted.action, "traffic-set"))


@page("/services/{name}/rollback", methods=("POST",), scopes=("publish",))
def rollback(view: View, name: str) -> Response:
    """The same for a form that says nothing but where it was sent."""
    view.form = {**view.form, "action": "rollback"}
    return change(view, name)


def _check(view: View, name: str, wanted: Asked, seen: list[int]) -> None:
    """Raise what the change would. Where one version answers everyone nothing has to be sticky: a field that it does not take,
    left from a canary before, is no reason to refuse it."""
    assert wanted.after is not None
    try:
        view.at.hub.check_traffic(name, wanted.after, seen=seen)
    except TrafficRefused as error:
        if error.part != "sticky" or wanted.after.canary is not None or wanted.after.split:
            raise
        wanted.after = replace(wanted.after, sticky=None)
        view.at.hub.check_traffic(name, wanted.after, seen=seen)


def _do(view: View, name: str, wanted: Asked, seen: list[int]) -> None:
    hub, actor = view.at.hub, view.caller.name
    if wanted.action == "deprecate":
        hub.deprecate(name, reason=wanted.told("reason").strip(), actor=actor, seen=seen)
    elif wanted.action == "restore":
        hub.restore(name, actor=actor, seen=seen)
    elif wanted.action == "rollback":
        to = wanted.told("version").strip()
        hub.rollback(name, int(to) if to else None, actor=actor, seen=seen)
    else:
        assert wanted.after is not None
        hub.set_traffic(name, wanted.after, actor=actor, seen=seen)


def _seen(view: View) -> list[int]:
    """The change that the form was made of; a form that does not say has seen none."""
    text = view.form.get("seen", "")
    return [int(text)] if text.isascii() and text.isdigit() and len(text) < 16 else []


def _meanwhile(view: View, name: str, seen: list[int]) -> list[AuditEntry]:
    """What happened to the service since it was seen, newest first."""
    entries = view.at.hub.audit(limit=_MOST_TOLD + 1, service=name)
    return [entry for entry in entries if entry.number > max(seen, default=0)]


def _show(
    view: View, service: Service, wanted: Asked | None, status: int = 200, meanwhile: Sequence[AuditEntry] | None = None
) -> Response:
    """The page; wanted: what was typed into one of its forms, which is open then."""
    champions = view.at.hub.champions(service.name)
    response = view.render(
        "traffic.html",
        200 if view.partial else status,  # to htmx what is wrong is an answer like others, and no error in the console
        tab="/traffic",
        may=view.may("publish", service.name),
        sentences=telling.sentences(service.traffic),
        picture=charts.shares("Shares", telling.parts(service.traffic)),
        champions=list(reversed(champions)),
        versions=_versions(service),
        fields=_fields(view, service),
        forms=_forms(service, wanted),
        wanted=wanted,
        meanwhile=meanwhile,
        most_told=_MOST_TOLD,
        **_state(view, service),
    )
    return _into_page(view, response)


def _confirm(view: View, service: Service, wanted: Asked) -> Response:
    """What would change, before it does."""
    before, after = service.traffic, wanted.after
    values: dict[str, Any] = {}
    if after is not None:
        values = {
            "before": telling.sentences(before),
            "after": telling.sentences(after),
            "picture_before": charts.shares("Before", telling.parts(before)),
            "picture_after": charts.shares("After", telling.parts(after)),
            "back": telling.taken_back(before, after),
            "differences": _differences(view, service, after),
        }
    response = view.render(
        "traffic_confirm.html",
        service=service,
        tab="/traffic",
        wanted=wanted,
        progress=rollouts.progress(view.at.hub, service.name),
        **values,
    )
    return _into_page(view, response)


def _into_page(view: View, response: Response) -> Response:
    """htmx puts what is in the page in place of what was; a refusal from elsewhere goes where the form says."""
    if view.partial:
        response.headers.update({"HX-Retarget": "#main", "HX-Reselect": "#main", "HX-Reswap": "outerHTML show:window:top"})
    return response


def _state(view: View, service: Service, looked_at: str | None = None) -> dict[str, Any]:
    """What changes by itself. looked_at: the change that the page around it was made of, when it is older."""
    shadow = service.traffic.shadow
    edges = [] if shadow is None else [seen_by(view.caller, edge) for edge in view.at.hub.edges()]
    seen = looked_at or str(service.change)
    fresh = seen == str(service.change)
    return {
        "service": service,
        "progress": rollouts.progress(view.at.hub, service.name),
        "compared": [] if shadow is None else rollouts.compared(edges, service.name, shadow),
        "seen": seen,
        "latest": None if fresh else next(iter(view.at.hub.audit(limit=1, service=service.name)), None),
        "done": done,
    }


def _differences(view: View, service: Service, after: Traffic) -> list[tuple[int, list[signatures.Difference]]]:
    """How the signatures of versions that begin to answer differ from that of the champion now, by version."""
    packages = {version.version: version.package for version in service.versions}
    answered = telling.classes(service.traffic)
    found = []
    for number in sorted(telling.classes(after)):
        if number not in answered and number != after.shadow:
            old, new = (known.manifest(view.at, packages[which]) for which in (service.traffic.champion, number))
            found.append((number, signatures.compare(old, new)))
    return found


def _versions(service: Service) -> list[tuple[int, str]]:
    """Number and label of versions to choose from."""
    roles = telling.roles(service.traffic)
    found = []
    for at, version in enumerate(service.versions):
        role = roles.get(version.version)
        if at < _MOST_VERSIONS or role is not None:
            told = ", ".join(part for part in (role, version.description[:60]) if part)
            found.append((version.version, f"{version.version}{f' ({told})' if told else ''}"))
    return found


def _fields(view: View, service: Service) -> list[str]:
    """Fields of the champion that can decide the arm."""
    package = next(version.package for version in service.versions if version.version == service.traffic.champion)
    return [field.name for field in known.manifest(view.at, package).fields]


def _forms(service: Service, wanted: Asked | None) -> dict[str, Asked]:
    """What each form holds: what it is now, or what was typed."""
    now = service.traffic
    others = [version.version for version in service.versions if version.version != now.champion]
    newest = str(others[0]) if others else ""
    sticky = now.sticky or ""
    canary = {"version": newest, "share": "", "sticky": sticky}
    if now.canary is not None:
        canary |= {"version": str(now.canary.version), "share": f"{100 * now.canary.share:.10g}"}
    split = {"sticky": sticky}
    for at in range(1, min(MOST_ARMS, max(3, len(now.split) + 1)) + 1):
        arm = now.split[at - 1] if at <= len(now.split) else None
        split[f"version{at}"] = "" if arm is None else str(arm.version)
        split[f"share{at}"] = "" if arm is None else f"{100 * arm.share:.10g}"
    forms = {
        "canary": Asked("canary", canary),
        "split": Asked("split", split),
        "shadow": Asked("shadow", {"version": newest if now.shadow is None else str(now.shadow)}),
        "champion": Asked("champion", {"version": newest if now.canary is None else str(now.canary.version)}),
        "rollback": Asked("rollback", {"version": ""}),
        "deprecate": Asked("deprecate", {"reason": service.deprecation}),
    }
    if wanted is not None and wanted.action in forms:
        forms[wanted.action] = wanted
    return forms
