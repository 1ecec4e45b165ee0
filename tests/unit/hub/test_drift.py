"""Drift: the index has the properties that it should have, verdicts come with enough rows only, sentences say what happened."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.hub.drift import DRIFTED, FEWEST, MOVED, compared, psi, verdict_of
from rtml_plugins.hub.errors import HubError, NotFound
from rtml_plugins.hub.hub import Hub
from rtml_plugins.serving.measures import Bins
from tests.unit.hub.conftest import Place
from tests.unit.hub.counted import ROWS, baseline, bins, counted, of, package_of, sample, told
from tests.unit.hub.packages import package

HOUR = 3600.0
_COUNTS = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000)), min_size=1, max_size=22)


@given(_COUNTS)
def test_the_index_is_not_negative_symmetric_and_finite(pairs: list[tuple[int, int]]) -> None:
    before, now = zip(*pairs, strict=True)
    found = psi(before, now)
    assert 0.0 <= found < math.inf
    assert found == pytest.approx(psi(now, before), abs=1e-12)
    assert psi(before, before) == 0.0


@given(st.lists(st.integers(0, 500), min_size=1, max_size=22), st.integers(1, 50))
def test_the_index_of_equal_shares_is_zero(counts: list[int], times: int) -> None:
    assert psi(counts, [times * count for count in counts]) == pytest.approx(0.0, abs=1e-12)


@given(_COUNTS, st.randoms())
def test_the_index_does_not_depend_on_the_order_of_bins_nor_on_empty_ones(pairs: list[tuple[int, int]], chosen: object) -> None:
    before, now = zip(*pairs, strict=True)
    mixed = list(pairs)
    chosen.shuffle(mixed)  # type: ignore[attr-defined]
    again_before, again_now = zip(*mixed, strict=True)
    assert psi(before, now) == pytest.approx(psi(again_before, again_now), abs=1e-9)
    assert psi([*before, 0], [*now, 0]) == psi(before, now)


def test_the_index_is_its_formula() -> None:
    before, now = [50_000, 50_000], [60_000, 40_000]
    expected = 0.1 * math.log(0.6 / 0.5) + -0.1 * math.log(0.4 / 0.5)
    assert psi(before, now) == pytest.approx(expected, rel=1e-3)  # half a row of 100,000 makes little
    assert psi([1000, 0], [900, 100]) == pytest.approx((0.9 - 1) * math.log(0.9) + 0.1 * math.log(0.1 / 0.0005), rel=0.05)


@pytest.mark.parametrize(("degrees", "quantile"), [(1, 6.635), (4, 13.277), (10, 23.209), (20, 37.566), (100, 135.807)])
def test_chance_is_a_chi_square(degrees: int, quantile: float) -> None:
    found = compared([1000] * (degrees + 1), [500] * (degrees + 1))
    spread = 1 / (1000 * (degrees + 1)) + 1 / (500 * (degrees + 1))
    assert found.chance == pytest.approx(quantile * spread, rel=0.02)
    assert found.expected == pytest.approx(degrees * spread)


def test_without_any_change_a_verdict_is_almost_never_one() -> None:
    """Samples of one distribution, in as few rows as are asked for: at most one in a hundred is called moved, as promised."""
    random = np.random.default_rng(1)
    shares = [0.05, *[0.1] * 9, 0.05]
    needed = compared([100] * 10 + [1], [100] * 10 + [1]).needed
    assert needed is not None
    wrong = tried = 0
    for rows in (FEWEST, 150, 250, 2 * needed):
        for _ in range(1000):
            before = random.multinomial(5000, shares).tolist()
            now = random.multinomial(rows, shares).tolist()
            tried += 1
            wrong += verdict_of(compared(before, now), rows) in ("moved", "drifted")
    assert tried == 4000
    assert wrong <= tried / 100


def test_a_great_change_is_seen_in_few_rows_and_a_small_one_needs_many() -> None:
    before = [100] * 10
    great = [0] * 9 + [FEWEST]
    assert compared(before, great).chance > MOVED
    assert verdict_of(compared(before, great), FEWEST) == "drifted"
    assert verdict_of(compared(before, [0] * 9 + [FEWEST - 1]), FEWEST - 1) == "too few rows"
    small = [FEWEST // 10] * 10
    assert verdict_of(compared(before, small), FEWEST) == "too few rows"
    many = [10_000] * 10
    assert verdict_of(compared(before, many), sum(many)) == "stable"


@pytest.mark.parametrize(("index", "verdict"), [(0.09, "stable"), (0.11, "moved"), (0.24, "moved"), (0.26, "drifted")])
def test_verdicts_have_the_usual_bounds(index: float, verdict: str) -> None:
    many = compared([10_000] * 10, [10_000] * 10)._replace(psi=index)
    assert verdict_of(many, 100_000) == verdict
    assert (MOVED, DRIFTED) == (0.1, 0.25)


def test_a_service_whose_values_are_as_in_training_is_stable(hub: Hub) -> None:
    published = hub.publish("churn", package_of(), actor="ada")
    ages = bins(sample())["age"]
    outputs = {"age": Bins(list(baseline().outputs[0].counts), baseline().outputs[0].missing)}
    what = counted(10, inputs=bins(sample()))
    what.outputs = outputs
    told(hub, of(published, what))
    drift = hub.drift("churn", 1, HOUR)
    assert (drift.service, drift.version, drift.rows, drift.verdict) == ("churn", 1, ROWS, "stable")
    assert [(one.side, one.name) for one in drift.columns][:3] == [("input", "age"), ("input", "visits"), ("input", "brand")]
    age = drift.columns[0]
    assert (age.verdict, age.psi, age.rows) == ("stable", 0.0, ROWS)
    assert age.said == "'age' looks as it did in training"
    assert (age.missing, age.missing_before) == (0.1, 0.1)
    assert len(age.labels) == len(age.before) == len(age.now) == len(ages.counts) + 1
    assert age.labels[-1] == "missing"
    assert age.before == age.now
    assert sum(age.now) == pytest.approx(1.0)
    brand = drift.columns[2]
    assert sorted(brand.labels) == ["Audi", "BMW", "VW", "missing", "other"]
    judged = [one for one in drift.columns if one.verdict == "stable"]
    assert {one.name for one in judged} >= {"age", "visits", "brand"}
    assert {one.side for one in judged} == {"input", "output"}


def test_a_change_is_said_where_it_is(hub: Hub) -> None:
    published = hub.publish("churn", package_of(), actor="ada")
    changed = sample().copy()
    changed["age"] = (changed["age"] + 25).fillna(31.0)
    changed.loc[::3, "visits"] = 100
    changed["brand"] = changed["brand"].where(changed["brand"] != "VW", "Lada <b>")
    told(hub, of(published, counted(10, inputs=bins(changed))))
    drift = hub.drift("churn", 1, HOUR)
    assert drift.verdict == "drifted"
    by_name = {one.name: one for one in drift.columns if one.side == "input"}
    assert {name: one.verdict for name, one in by_name.items()} == dict.fromkeys(("age", "visits", "brand"), "drifted")
    assert by_name["age"].said == "'age' has moved far: 82 % of the rows lie above 51.7, in training 9 %"
    assert by_name["visits"].said == "'visits' has moved far: 40 % of the rows lie above 26, in training 10 %"
    new = "have a value that is not among those of training, in training 0 %"
    assert by_name["brand"].said == f"'brand' has moved far: 33 % of the rows {new}"
    assert drift.said.startswith("3 of 3 columns changed, ")


def test_values_that_go_missing_are_said(hub: Hub) -> None:
    published = hub.publish("churn", package_of(), actor="ada")
    told(hub, of(published, counted(10, inputs={**bins(sample()), "brand": Bins([270, 240, 130, 0], 360)})))
    brand = hub.drift("churn", 1, HOUR).columns[2]
    assert (brand.verdict, brand.said) == ("drifted", "'brand' is missing in 36 % of the rows, in training in 0 %")
    assert (brand.missing, brand.missing_before) == (0.36, 0.0)


def test_few_rows_are_not_judged(hub: Hub) -> None:
    published = hub.publish("churn", package_of(), actor="ada")
    empty = hub.drift("churn", 1, HOUR)
    assert (empty.verdict, empty.said) == ("too few rows", "No rows so far: too few to tell a change from chance")
    assert {(one.verdict, one.psi, sum(one.now)) for one in empty.columns} == {("too few rows", None, 0.0)}
    told(hub, of(published, counted(10, inputs=bins(sample().head(60)))))
    drift = hub.drift("churn", 1, HOUR)
    assert (drift.verdict, drift.rows) == ("too few rows", 60)
    assert drift.said.startswith("60 rows so far: too few")
    age = drift.columns[0]
    assert age.psi is not None
    assert age.said.startswith("'age' has 60 rows so far; ")
    assert age.said.endswith(" are needed to tell a change from chance")


def test_a_version_without_a_baseline_says_what_to_do(hub: Hub) -> None:
    published = hub.publish("churn", package(), actor="ada")
    told(hub, of(published, counted(10, inputs={"age": Bins([5, 5])})))
    drift = hub.drift("churn", 1, HOUR)
    assert (drift.verdict, drift.columns, drift.rows) == ("no baseline", (), 0)
    assert "graph.compile(sample=...)" in drift.said


def test_each_version_is_held_against_its_own_baseline(hub: Hub) -> None:
    """A canary that was made with newer rows is stable where the champion has drifted."""
    first = hub.publish("churn", package_of(), actor="ada")
    second = hub.publish("churn", package_of(30.0), actor="ada", share=0.5)
    live = sample(30.0)
    told(hub, of(first, counted(10, inputs=bins(live))), of(second, counted(10, inputs=bins(live, 30.0))))
    assert hub.drift("churn", 1, HOUR).columns[0].verdict == "drifted"
    assert hub.drift("churn", 2, HOUR).columns[0].verdict == "stable"


def test_a_region_and_a_span_choose_what_is_looked_at(place: Place) -> None:
    hub = place.open()
    published = hub.publish("churn", package_of(), actor="ada")
    older = sample().copy()
    older["age"] += 40
    told(hub, of(published, counted(10, inputs=bins(older))), region="emea")
    place.clock.now += 2 * HOUR
    told(hub, of(published, counted(10, inputs=bins(sample()))), number=2)
    assert hub.drift("churn", 1, HOUR).columns[0].verdict == "stable"
    both = hub.drift("churn", 1, 24 * HOUR)
    assert (both.rows, both.columns[0].verdict) == (2 * ROWS, "drifted")
    assert hub.drift("churn", 1, 24 * HOUR, region="na").columns[0].verdict == "stable"
    assert hub.drift("churn", 1, 24 * HOUR, region="mars").rows == 0
    for span in (7, 30, 35):
        assert hub.drift("churn", 1, span * 24 * HOUR).rows == 2 * ROWS
    assert hub.drift("churn", 1, 24 * HOUR).since == "2023-11-14T00:10:00.000Z"


def test_a_package_that_was_collected_still_has_its_baseline(place: Place) -> None:
    """As after a restart, with nothing remembered; and a service that is deleted is not there."""
    hub = place.open()
    published = hub.publish("churn", package_of(), actor="ada")
    hub.store.delete(published.package)
    told(hub, of(published, counted(10, inputs=bins(sample()))))
    assert place.open().drift("churn", 1, HOUR).verdict == "stable"
    hub.delete("churn", actor="ada")
    with pytest.raises(NotFound):
        hub.drift("churn", 1, HOUR)


def test_what_can_t_be_asked_is_said(hub: Hub) -> None:
    hub.publish("churn", package_of(), actor="ada")
    with pytest.raises(NotFound, match="has no version 2"):
        hub.drift("churn", 2, HOUR)
    with pytest.raises(HubError, match=r"expected 60 to 3,024,000 \(35 days\)"):
        hub.drift("churn", 1, 36 * 24 * HOUR)
