"""The page of the traffic: what it tells, what it asks before it does something, and what it refuses."""

from __future__ import annotations

import re
from typing import Any

import pytest

from rtml_core.client.records import Arm, Traffic
from rtml_plugins.serving.wire import EdgeReport, ServiceStatus
from tests.unit.hub.gallery.site import Site, tree, words
from tests.unit.hub.gallery.typed import forms, send, values
from tests.unit.hub.packages import package

PATH = "/gallery/services/churn/traffic"


def reported(site: Site, edge: str = "na-1", *, revision: int = 10**6, state: str = "ready", **stats: Any) -> None:
    problem = "it does not fit into memory" if state == "failed" else ""
    status = (ServiceStatus("churn", (1, 2), state, problem),)
    at = "2026-11-21T10:15:00.000Z"
    site.hub.report_edge(edge, EdgeReport(edge[:-2], "http://10.0.0.7:8001", True, revision, 1, "0.1.0", at, status, stats))


def traffic(site: Site) -> Traffic:
    return site.hub.get("churn").traffic


def said(answer: Any, tag: str = "main") -> str:
    [found] = tree(answer).iter(tag)
    return words(found)


def test_who_answers_is_told_and_drawn(gallery: Site) -> None:
    gallery.hub.set_traffic("churn", Traffic(2, Arm(1, 0.2), sticky="city"), actor="bob")
    page = gallery.client.get(PATH)
    told = said(page)
    assert page.status_code == 200
    assert "Version 2 answers about 80 of 100 visitors." in told
    assert "Version 1 answers about 20 of 100, as the canary." in told
    assert "version 2, champion 80 %" in told
    assert len(forms(page, action="end", what="canary")) == 1
    assert len(forms(page, action="champion", version="1")) == 2  # the button, and the form that is filled in with it
    assert forms(page, action="end", what="split") == []


def test_a_change_is_shown_before_it_is_made(gallery: Site) -> None:
    before = traffic(gallery)
    page = gallery.client.get(PATH)
    shown = send(gallery.client, page, {"action": "canary"}, version="1", share="12,5", sticky="city")
    told = said(shown)
    assert shown.status_code == 200
    assert traffic(gallery) == before
    assert "Version 2 answers everyone." in told
    assert "Version 1 answers about 125 of 1,000, as the canary." in told
    assert "End the canary" in told
    made = send(gallery.client, shown, {"action": "canary"}, confirm="yes")
    assert (made.status_code, made.headers["location"]) == (303, f"{PATH}?said=traffic-set")
    assert traffic(gallery) == Traffic(2, Arm(1, 0.125), sticky="city")
    assert "The traffic is changed" in said(gallery.client.get(made.headers["location"]))
    [entry, *_] = gallery.hub.audit(service="churn")
    assert (entry.actor, entry.action) == ("local", "traffic.set")


@pytest.mark.parametrize(
    ("start", "form", "typed", "end"),
    [
        (Traffic(2), {"action": "split"}, {"version1": "1", "share1": "30"}, Traffic(2, split=(Arm(1, 0.3),))),
        (Traffic(2), {"action": "shadow"}, {"version": "1"}, Traffic(2, shadow=1)),
        (Traffic(2), {"action": "champion"}, {"version": "1"}, Traffic(1)),
        (Traffic(2, Arm(1, 0.1)), {"action": "end", "what": "canary"}, {}, Traffic(2)),
        (Traffic(2, shadow=1), {"action": "end", "what": "shadow"}, {}, Traffic(2)),
        (Traffic(2, split=(Arm(1, 0.1),)), {"action": "end", "what": "split"}, {}, Traffic(2)),
    ],
)
def test_every_form_does_what_it_shows(
    gallery: Site, start: Traffic, form: dict[str, str], typed: dict[str, str], end: Traffic
) -> None:
    gallery.hub.set_traffic("churn", start, actor="bob")
    shown = send(gallery.client, gallery.client.get(PATH), form, **typed)
    assert shown.status_code == 200, said(shown)
    made = send(gallery.client, shown, {"action": form["action"]}, confirm="yes")
    assert made.status_code == 303
    assert traffic(gallery) == end


def test_a_rollback_goes_to_the_champion_before(gallery: Site) -> None:
    page = gallery.client.get(PATH)
    [button] = [form for form in forms(page, action="rollback") if not list(form.iter("select"))]
    shown = gallery.client.post(button.attrib["action"], data=values(button))
    assert "Version 1 answers everyone." in said(shown)
    made = send(gallery.client, shown, {"action": "rollback"}, confirm="yes")
    assert made.headers["location"].endswith("?said=rolled-back")
    assert traffic(gallery) == Traffic(1)
    assert gallery.hub.champions("churn")[-1][0] == 1
    assert "Roll back to version" not in said(gallery.client.get(PATH))  # there is none before
    alone = gallery.client.post(
        "/gallery/services/churn/rollback", data={**values(button), "seen": str(gallery.hub.get("churn").change)}
    )
    assert alone.status_code == 422
    assert "There was no champion before this one" in said(alone)


def test_a_service_is_deprecated_and_restored(gallery: Site) -> None:
    shown = send(gallery.client, gallery.client.get(PATH), {"action": "deprecate"}, reason="use <b>churn-2</b>")
    assert "use <b>churn-2</b>" in said(shown)
    assert "<b>" not in shown.text
    assert send(gallery.client, shown, {"action": "deprecate"}, confirm="yes").status_code == 303
    assert gallery.hub.get("churn").deprecation == "use <b>churn-2</b>"
    shown = send(gallery.client, gallery.client.get(PATH), {"action": "restore"})
    assert send(gallery.client, shown, {"action": "restore"}, confirm="yes").status_code == 303
    assert gallery.hub.get("churn").deprecated is None


@pytest.mark.parametrize(
    ("form", "typed", "field", "message"),
    [
        ("canary", {"version": "1", "share": "200"}, "canary-share", "less than 100 percent"),
        ("canary", {"version": "1", "share": "5", "sticky": "citty"}, "canary-sticky", "Did you mean 'city'"),
        ("canary", {"version": "2", "share": "5"}, "canary-version", "stands in traffic twice"),
        ("canary", {"version": "77", "share": "5"}, "canary-version", "version 77 does not exist"),
        ("split", {"version1": "1", "share1": "5", "share2": "7"}, "split-version2", "Choose a version"),
        ("shadow", {"version": "<i>"}, "shadow-version", "got '<i>'"),
    ],
)
def test_what_is_wrong_stands_at_its_field_with_what_was_typed(
    gallery: Site, form: str, typed: dict[str, str], field: str, message: str
) -> None:
    before = traffic(gallery)
    answer = send(gallery.client, gallery.client.get(PATH), {"action": form}, **typed)
    page = tree(answer)
    assert (answer.status_code, traffic(gallery)) == (422, before)
    [one] = [element for element in page.iter() if element.get("id") == field]
    assert one.get("aria-invalid") == "true"
    described = one.attrib["aria-describedby"].split()
    hints = [words(element) for element in page.iter() if element.get("id") in described]
    assert any(re.search(message, hint, re.IGNORECASE) for hint in hints), hints
    [around] = [element for element in page.iter("details") if element.get("id") == f"change-{form}"]
    assert "open" in around.attrib
    [sent] = [values(element) for element in around.iter("form") if values(element)["action"] == form]
    assert typed.items() <= sent.items()
    assert any(link.get("href") == f"#{field}" for link in page.iter("a"))


def test_who_was_slower_is_told_what_happened_meanwhile(gallery: Site) -> None:
    page = gallery.client.get(PATH)
    other = send(gallery.client, page, {"action": "canary"}, version="1", share="5")
    gallery.hub.set_traffic("churn", Traffic(2, Arm(1, 0.5)), actor="grace <h1>")
    late = send(gallery.client, other, {"action": "canary"}, confirm="yes")
    told = said(late)
    assert late.status_code == 412
    assert "Nothing was changed" in told
    assert "grace <h1> set its traffic to 2, canary 1 50 %, just now" in told
    assert traffic(gallery).canary == Arm(1, 0.5)
    [form] = list(forms(late, action="canary"))
    assert values(form)["share"] == "5"  # what was typed is still there, and can be sent again
    again = send(gallery.client, late, {"action": "canary"})
    assert send(gallery.client, again, {"action": "canary"}, confirm="yes").status_code == 303
    assert traffic(gallery).canary == Arm(1, 0.05)


def test_a_form_that_has_seen_nothing_changes_nothing(gallery: Site) -> None:
    [form] = forms(gallery.client.get(PATH), action="shadow")
    for seen in ("", "x", "9" * 40, "-1"):
        sent = {**values(form), "version": "1", "seen": seen, "confirm": "yes"}
        assert gallery.client.post(PATH, data=sent).status_code == 412
    assert traffic(gallery).shadow is None


def test_what_was_typed_can_be_changed_before_it_is_done(gallery: Site) -> None:
    shown = send(gallery.client, gallery.client.get(PATH), {"action": "canary"}, version="1", share="7")
    back = send(gallery.client, shown, {"action": "canary"}, confirm="no")
    assert back.status_code == 200
    [form] = forms(back, action="canary")
    assert values(form)["share"] == "7"
    assert traffic(gallery).canary is None


def test_htmx_puts_the_page_in_place(gallery: Site) -> None:
    [form] = forms(gallery.client.get(PATH), action="shadow")
    answer = gallery.client.post(PATH, data={**values(form), "version": "1"}, headers={"HX-Request": "true"})
    assert {name: answer.headers[name] for name in ("HX-Retarget", "HX-Reselect")} == {
        "HX-Retarget": "#main",
        "HX-Reselect": "#main",
    }
    refused = gallery.client.post(PATH, data={**values(form), "csrf": "x"}, headers={"HX-Request": "true"})
    assert refused.status_code == 403
    assert "HX-Retarget" not in refused.headers  # goes where the form says


def test_a_viewer_sees_everything_and_is_told_why_nothing_can_be_changed(locked: Site) -> None:
    viewer = locked.visitor("viewer")
    page = viewer.get(PATH)
    assert page.status_code == 200
    assert "lacks the scope publish" in said(page)
    assert not forms(page, action="canary")
    seen = str(locked.hub.get("churn").change)
    sent = {"action": "champion", "version": "1", "seen": seen, "confirm": "yes"}
    assert viewer.post(PATH, sent).status_code == 403
    assert viewer.post("/gallery/services/churn/rollback", sent).status_code == 403
    assert traffic(locked) == Traffic(2)
    publisher = locked.visitor("publisher")
    assert publisher.post(PATH, sent).status_code == 303
    assert locked.hub.audit(service="churn")[0].actor == "publisher"


def test_the_rollout_is_told_edge_by_edge(gallery: Site) -> None:
    hub = gallery.hub
    assert "No edge of emea, na has reported yet" in said(gallery.client.get(PATH))
    reported(gallery, "na-1", revision=hub.revision("na"))
    reported(gallery, "emea-1", revision=hub.revision("emea") - 1)
    part = gallery.client.get(f"{PATH}/state", headers={"HX-Request": "true"})
    told = words(tree(part))
    assert "1 of 2 edges answers like this" in told
    assert "pending emea-1 emea" in told
    assert tree(part).find("div").attrib["hx-trigger"] == "every 1s, seen"  # type: ignore[union-attr]
    reported(gallery, "emea-1", revision=hub.revision("emea"))
    part = gallery.client.get(f"{PATH}/state", headers={"HX-Request": "true"})
    assert "All 2 edges answer like this" in words(tree(part))
    reported(gallery, "emea-1", revision=1, state="failed")
    assert "It goes on with what it had: it does not fit into memory" in said(gallery.client.get(PATH))
    assert gallery.client.get(f"{PATH}/state").headers["location"] == PATH  # a part is no page


def test_a_page_that_is_old_says_so(gallery: Site) -> None:
    seen = gallery.hub.get("churn").change
    gallery.hub.set_traffic("churn", Traffic(1), actor="grace")
    part = gallery.client.get(f"{PATH}/state", params={"seen": seen}, headers={"HX-Request": "true"})
    assert "churn has changed since this page was loaded: grace set its traffic to 1" in words(tree(part))
    part = gallery.client.get(f"{PATH}/state", headers={"HX-Request": "true"})
    assert "has changed" not in words(tree(part))


def test_what_the_shadow_was_found_to_do_is_added_up(gallery: Site) -> None:
    gallery.hub.set_traffic("churn", Traffic(2, shadow=1), actor="bob")
    assert "Nothing was compared yet" in said(gallery.client.get(PATH))
    one = {"shadow": 1, "version": 2, "rows": 30, "equal": 15, "failures": 1, "dropped": 2}
    one |= {"mean_absolute_difference": {"propensity": 0.1}, "largest": {"output": "propensity", "difference": 0.25}}
    other = {**one, "rows": 10, "equal": 10, "mean_absolute_difference": {"propensity": 0.3}, "largest": None}
    reported(gallery, "na-1", shadow={"churn": [one, {**one, "shadow": 9}]})
    reported(gallery, "emea-1", shadow={"churn": [other, "nonsense", {"rows": "<b>"}]})
    reported(gallery, "na-2", shadow="nonsense")
    table = next(row for row in tree(gallery.client.get(PATH)).iter("tr") if "version 2" in words(row))
    assert [words(cell) for cell in table] == ["version 2", "40", "62.5 %", "propensity 0.15", "propensity 0.25", "2", "4"]


def test_a_service_with_one_version_says_how_to_get_another(gallery: Site) -> None:
    gallery.hub.publish("alone", gallery.hub.package(gallery.hub.get("churn").versions[0].package), actor="ada", regions=["na"])
    page = gallery.client.get("/gallery/services/alone/traffic")
    assert "Publish another one" in said(page)
    assert not forms(page, action="canary")


@pytest.mark.parametrize("action", ["champion", "rollback"])
def test_a_field_that_a_version_does_not_take_is_in_nobodys_way_when_it_answers_everyone(gallery: Site, action: str) -> None:
    hub = gallery.hub
    hub.publish("shop", package(1.0, schema={"age": "float?"}), actor="ada", regions=["na"])
    hub.publish("shop", package(2.0), actor="ada", traffic="keep", allow_incompatible=True)
    hub.publish("shop", package(3.0), actor="ada", allow_incompatible=True)
    hub.set_traffic("shop", Traffic(3, Arm(2, 0.5), sticky="visits"), actor="ada")
    path = "/gallery/services/shop/traffic"
    refused = send(gallery.client, gallery.client.get(path), {"action": "canary"}, version="1", share="5")
    assert "version 1 does not take it" in said(refused)
    [form] = [form for form in forms(gallery.client.get(path), action=action) if list(form.iter("select"))]
    shown = gallery.client.post(form.attrib["action"], data={**values(form), "version": "1"})
    assert "field 'visits': is gone" in said(shown)  # what callers have to know
    assert send(gallery.client, shown, {"action": action}, confirm="yes").status_code == 303
    assert hub.get("shop").traffic.champion == 1
    assert hub.get("shop").traffic.canary is None
