"""The page of live figures: charts of what edges counted, and whether live values are those that the model was made for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

import pandas as pd
import pytest

from rtml_core.baseline import Binning, ColumnBaseline
from rtml_core.client.records import Arm, Traffic
from rtml_plugins.serving.measures import SECONDS, Bins, Counted, Measures, VersionCounted, Window
from tests.unit.hub.gallery.site import Site, frame, tree, words

PATH = "/gallery/services/churn/live"
HTMX = {"HX-Request": "true"}


def binned(column: ColumnBaseline, values: Any) -> Bins:
    """Values counted as an edge counts them."""
    binning = Binning(column)
    counts, missing = [0] * binning.bins, 0
    for value in values:
        if pd.isna(value):
            missing += 1
        else:
            counts[binning.bin_of(value.timestamp() if isinstance(value, pd.Timestamp) else value)] += 1
    return Bins(counts, missing)


def told(
    site: Site,
    version: int = 2,
    *,
    live: pd.DataFrame | None = None,
    seconds: float = 0.0004,
    region: str = "na",
    ago: float = 45.0,
    **outcomes: int,
) -> None:
    """Have an edge tell what it counted of a version from `ago` seconds ago on, for five seconds."""
    service = site.hub.get("churn")
    package = next(one.package for one in service.versions if one.version == version)
    baseline = site.hub.manifest(package).baseline
    assert baseline is not None
    rows = frame() if live is None else live
    inputs = {column.name: binned(column, rows[column.name]) for column in baseline.inputs}
    outputs = {column.name: Bins(list(column.counts), column.missing) for column in baseline.outputs}
    ended: Mapping[str, int] = outcomes or {"ok": len(rows)}
    latency = [0] * (len(SECONDS) + 1)
    latency[next(at for at, bound in enumerate(SECONDS) if seconds <= bound)] = sum(ended.values())
    counted = Counted(dict(ended), latency, seconds * sum(ended.values()), len(rows), inputs, outputs)
    now = site.hub.database.clock()
    # a step that has just begun is not shown before 20 s of it are known
    window = Window(1, now - ago, now - ago + 5, [VersionCounted("churn", version, package, counted)])
    site.hub.record_measures(f"{region}-{version}", Measures(f"run {version}", region, [window]))


def page(site: Site, **query: str) -> Element:
    answer = site.client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    return tree(answer)


def said(root: Element) -> str:
    [main] = root.iter("main")
    return words(main)


def figures(root: Element) -> dict[str, Element]:
    """The charts of a page by their names."""
    found = {words(one.find("figcaption/strong")): one for one in root.iter("figure")}  # type: ignore[arg-type]
    assert len(found) == len(list(root.iter("figure")))
    return found


def cells(chart: Element) -> list[list[str]]:
    return [[words(cell) for cell in row] for row in chart.iter("tr")]


def test_before_the_first_request_it_is_said_how_to_send_one(gallery: Site) -> None:
    root = page(gallery)
    assert "No request yet" in said(root)
    assert "/v1/services/churn/predict" in said(root)
    assert figures(root) == {}
    assert any(link.get("href") == "/gallery/services/churn" for link in root.iter("a") if "Try" in words(link))


def test_what_was_answered_is_drawn_and_counted(gallery: Site) -> None:
    told(gallery, ok=90, invalid=6, error=4)
    root = page(gallery)
    charts = figures(root)
    assert {"Requests", "Latency", "Errors"} <= charts.keys()
    rows = cells(charts["Requests"])
    assert rows[0] == ["Time (UTC)", "version 2, champion"]
    assert [row[1] for row in rows[1:] if row[1] != "0 /s"] == ["10 /s"]  # 100 in a step of 10 s
    assert [row[1] for row in cells(charts["Errors"])[1:] if row[1] != "-"] == ["4 %"]
    [latency] = [row for row in cells(charts["Latency"])[1:] if row[1] != "-"]
    assert latency[1:] == ["0.4 ms", "0.498 ms"]
    tiles = {words(one.find("dt")): words(one.find("dd")) for one in root.iter("div") if one.find("dt") is not None}  # type: ignore[arg-type]
    assert tiles["Errors"] == "4 %"
    assert "Latency by version" not in charts


def test_traffic_like_the_training_is_said_to_be_so(gallery: Site) -> None:
    told(gallery, live=pd.concat([frame()] * 3))
    root = page(gallery)
    assert words(root.find(".//*[@data-say]")) == "Live traffic looks like the training data"  # type: ignore[arg-type]
    table = {row[0].split()[0]: row for row in cells(root) if len(row) == 6}
    assert table["age"][1:3] == ["stable", "0.000"]
    assert table["age"][3:5] == ["6 %", "6 %"]
    assert "propensity, output" in figures(root)  # what comes out is drawn in any case
    assert "age" not in figures(root)


def test_what_has_moved_is_named_first_and_drawn(gallery: Site) -> None:
    moved = frame().copy()
    moved["age"] = moved["age"] + 30
    moved.loc[::2, "plan"] = None
    told(gallery, live=moved)
    root = page(gallery)
    assert words(root.find(".//*[@data-say]")) == "Live traffic is far from the training data"  # type: ignore[arg-type]
    assert "'plan' is missing in" in said(root)
    charts = figures(root)
    assert {"age", "plan", "propensity, output", "Missing values"} <= charts.keys()
    bins = cells(charts["plan"])
    assert bins[0] == ["Values", "live", "training"]
    assert bins[-1][0] == "missing"
    order = [row[0].split()[0] for row in cells(root) if len(row) == 6][1:]
    assert set(order[:2]) == {"age", "plan"}
    assert {row[1] for row in cells(root) if len(row) == 6 and row[0].startswith(("age", "plan"))} == {"drifted"}


def test_a_feature_that_is_asked_for_is_drawn(gallery: Site) -> None:
    told(gallery)
    assert "visits" in figures(page(gallery, feature="visits"))
    assert "<b>" not in gallery.client.get(PATH, params={"feature": "<b>"}).text


def test_champion_and_canary_stand_side_by_side(gallery: Site) -> None:
    gallery.hub.set_traffic("churn", Traffic(2, Arm(1, 0.2)), actor="ada")
    told(gallery, 2)
    told(gallery, 1, seconds=0.09)
    root = page(gallery)
    charts = figures(root)
    heads = cells(charts["Latency by version"])[0]
    assert heads == ["Time (UTC)", "version 2, champion", "version 1, canary"]
    assert {"propensity, output, version 2", "propensity, output, version 1"} <= charts.keys()
    ids = [one.attrib["id"] for one in root.iter() if "id" in one.attrib]
    assert len(ids) == len(set(ids))
    alone = page(gallery, version="1")
    assert "propensity, output" in figures(alone)
    assert "Values of version" not in said(alone)


def test_a_region_is_shown_by_itself(gallery: Site) -> None:
    told(gallery, region="na", ok=50)
    root = page(gallery, region="emea")
    assert "No request in this time in emea" in said(root)
    assert "Requests" in figures(page(gallery, region="na"))


def test_requests_of_this_moment_are_not_denied(gallery: Site) -> None:
    told(gallery, ago=6.0)
    shown = said(page(gallery))
    assert "No request in this time" not in shown  # whether their step of time is shown yet depends on the moment
    assert "Last request" in shown


@pytest.mark.parametrize("span", ["15m", "1h", "24h", "7d", "30d"])
def test_every_span_is_a_page(gallery: Site, span: str) -> None:
    told(gallery)
    root = page(gallery, span=span)
    [chosen] = [link for link in root.iter("a") if link.get("aria-current") == "true"]
    assert f"span={span}" in chosen.attrib["href"]
    assert "Requests" in figures(root)


@pytest.mark.parametrize(("key", "value"), [("span", "2h"), ("region", "mars"), ("version", "9"), ("version", "x")])
def test_what_there_is_not_is_refused_in_words(gallery: Site, key: str, value: str) -> None:
    answer = gallery.client.get(PATH, params={key: value})
    assert answer.status_code == 404
    assert f"here is no {key} '{value}' here" in said(tree(answer))


def test_the_part_that_comes_again_keeps_what_was_chosen(gallery: Site) -> None:
    told(gallery)
    answer = gallery.client.get(PATH, params={"span": "24h", "region": "na"}, headers=HTMX)
    [part] = tree(answer)
    assert part.attrib["hx-get"] == "?span=24h&region=na"
    assert part.attrib["hx-trigger"] == "every 30s, seen"
    assert "data-live" in part.attrib


def test_a_package_without_a_sample_says_what_to_do(gallery: Site) -> None:
    from tests.unit.hub.packages import package

    made = gallery.hub.publish("plain", package(), actor="ada", regions=["na"])
    assert gallery.hub.manifest(made.package).baseline is None
    now = gallery.hub.database.clock()
    counted = Counted({"ok": 5}, [5] + [0] * len(SECONDS), 0.0001, 0)
    # a step that has just begun is not shown before 20 s of it are known
    window = Window(1, now - 45, now - 40, [VersionCounted("plain", 1, made.package, counted)])
    gallery.hub.record_measures("na-1", Measures("run", "na", [window]))
    told_there = said(tree(gallery.client.get("/gallery/services/plain/live")))
    assert "Nothing to hold live traffic against" in told_there
    assert "compile it with graph.compile(sample=...)" in told_there


def test_the_first_request_holds_no_row_of_the_sample(locked: Site) -> None:
    """Rows of a package may be real ones: not everybody who may look may have them."""
    baseline = locked.hub.manifest(locked.hub.get("churn").versions[0].package).baseline
    assert baseline is not None
    [age] = [column for column in baseline.inputs if column.name == "age"]
    told_there = said(tree(locked.visitor("viewer").get(PATH)))
    assert f'"age":{age.quantiles[3]:g}' in told_there.replace(" ", "")  # the median
    assert "RTML_API_KEY" in told_there


def test_a_viewer_sees_it_and_a_key_for_others_does_not(locked: Site) -> None:
    assert locked.visitor("viewer").get(PATH).status_code == 200
    assert locked.visitor("limited").get(PATH).status_code == 200
    assert locked.visitor("limited").get("/gallery/services/other/live").status_code == 403
