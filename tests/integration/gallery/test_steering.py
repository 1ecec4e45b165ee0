"""Traffic changed through the pages, without JavaScript, on a hub and edges that run; and what they counted, drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from rtml_core.client import Client
from rtml_core.client.records import Arm, Traffic
from tests.integration.machine import until, up
from tests.unit.hub.gallery import site
from tests.unit.hub.gallery.typed import forms, send, values

TRAFFIC = "/gallery/services/churn/traffic"
LIVE = "/gallery/services/churn/live"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a hub with an edge in each of two regions, and the service "churn" in two versions, of which 2 answers."""
    folder = tmp_path_factory.mktemp("gallery")
    with up(folder / "home", "--port", "0", "--region", "na,emea") as address, Client(hub=address) as client:
        for number in (40.0, 45.0):
            path = folder / f"{number:g}.rtml"
            path.write_bytes(site.package(number))
            client.publish(path, "churn", regions=["na", "emea"])
        yield address


@pytest.fixture
def tab(hub: str) -> Iterator[httpx.Client]:
    """A browser without JavaScript."""
    with httpx.Client(base_url=hub, timeout=60) as client:
        yield client


def answering(hub: str, rows: int = 30) -> set[tuple[str, int]]:
    """Region and version of who answers now."""
    found = set()
    with Client(hub=hub) as client, httpx.Client() as http:
        for edge in client.edges():
            for _ in range(rows):
                answer = http.post(f"{edge.url}/v1/services/churn/predict", json=site.ROW).json()
                found.add((edge.region, answer["version"]))
    return found


def confirmed(tab: httpx.Client, shown: httpx.Response, action: str) -> None:
    """Do what a page has shown, and wait until the page says that all edges have it."""
    assert shown.status_code == 200, shown.text
    done = send(tab, shown, {"action": action}, confirm="yes")
    assert done.status_code == 303, done.text
    assert 'class="notice good"' in tab.get(done.headers["location"]).text
    until(lambda: "All 2 edges answer like this" in said(tab.get(TRAFFIC)))


def said(page: httpx.Response) -> str:
    [main] = site.tree(page).iter("main")
    return site.words(main)


def back_to(hub: str, traffic: Traffic) -> None:
    with Client(hub=hub) as client:
        client.set_traffic("churn", traffic)


def test_edges_follow_what_is_changed_on_the_page(hub: str, tab: httpx.Client) -> None:
    back_to(hub, Traffic(2))
    shown = send(tab, tab.get(TRAFFIC), {"action": "canary"}, version="1", share="50")
    assert "Version 1 answers about 50 of 100, as the canary." in said(shown)
    confirmed(tab, shown, "canary")
    assert answering(hub) == {(region, version) for region in ("na", "emea") for version in (1, 2)}
    [promote] = [form for form in forms(tab.get(TRAFFIC), action="champion", version="1") if not list(form.iter("select"))]
    confirmed(tab, tab.post(promote.attrib["action"], data=values(promote)), "champion")
    assert answering(hub) == {("na", 1), ("emea", 1)}
    [back] = [form for form in forms(tab.get(TRAFFIC), action="rollback") if not list(form.iter("select"))]
    confirmed(tab, tab.post(back.attrib["action"], data=values(back)), "rollback")
    assert answering(hub) == {("na", 2), ("emea", 2)}


def test_of_two_tabs_the_slower_one_is_told_what_the_other_did(hub: str, tab: httpx.Client) -> None:
    back_to(hub, Traffic(2))
    with httpx.Client(base_url=hub, timeout=60) as other:
        pages = [one.get(TRAFFIC) for one in (tab, other)]
        looked = [
            send(one, page, {"action": "canary"}, version="1", share=share)
            for one, page, share in zip((tab, other), pages, ("10", "25"), strict=True)
        ]
        confirmed(tab, looked[0], "canary")
        late = send(other, looked[1], {"action": "canary"}, confirm="yes")
        assert late.status_code == 412
        assert "local set its traffic to 2, canary 1 10 %" in said(late)
        with Client(hub=hub) as client:
            assert client.service("churn").traffic.canary == Arm(1, 0.1)
        [form] = forms(late, action="canary")
        assert values(form)["share"] == "25"
        confirmed(other, send(other, late, {"action": "canary"}), "canary")
        with Client(hub=hub) as client:
            assert client.service("churn").traffic.canary == Arm(1, 0.25)


def test_what_edges_counted_and_compared_is_shown(hub: str, tab: httpx.Client) -> None:
    back_to(hub, Traffic(2))
    confirmed(tab, send(tab, tab.get(TRAFFIC), {"action": "shadow"}, version="1"), "shadow")
    answering(hub)
    until(lambda: ["version 2", "60"] in [row[:2] for row in cells(tab.get(TRAFFIC))])
    until(lambda: counted(tab.get(LIVE)) >= 60)
    until(lambda: answering(hub) and requests_of(tab.get(LIVE)) > 0)
    page = tab.get(LIVE)
    assert {"propensity, output", "Requests", "Latency", "Errors"} <= {site.words(one) for one in site.tree(page).iter("strong")}


def cells(page: httpx.Response) -> list[list[str]]:
    return [[site.words(cell) for cell in row] for row in site.tree(page).iter("tr")]


def requests_of(page: httpx.Response) -> int:
    """Steps of the charts in which there were requests; only some of the steps are told."""
    return sum(re.fullmatch(r"[0-9.]+ /s", cell) is not None and cell != "0 /s" for row in cells(page) for cell in row)


def counted(page: httpx.Response) -> int:
    """Live rows that were held against training."""
    found = re.search(r"([0-9,]+) live rows", said(page))
    return int(found[1].replace(",", "")) if found else 0
