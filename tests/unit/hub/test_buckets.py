"""Buckets: what is added to them stays what it was, and quantiles lie where the latencies do."""

from __future__ import annotations

import random
from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.hub.buckets import COARSE, FINE, MIDDLE, REQUESTS, Requests, Values, bucket, kept_for, step_for
from rtml_plugins.serving.measures import SECONDS

_COUNTS = st.integers(0, 10**6)
_OUTCOMES = st.dictionaries(st.sampled_from(["ok", "invalid", "refused", "busy", "timeout", "error", "newer"]), _COUNTS)


def _latency(outcomes: dict[str, int], seed: int) -> list[int]:
    """The latencies of these requests, somewhere."""
    chosen = random.Random(seed)
    counts = [0] * (len(SECONDS) + 1)
    for number in outcomes.values():
        counts[chosen.randrange(len(counts))] += number
    return counts


@given(st.lists(st.tuples(_OUTCOMES, st.integers(0, 99)), max_size=12), st.lists(st.integers(0, 3), min_size=12, max_size=12))
def test_sums_are_the_same_however_windows_are_put_into_buckets(
    windows: list[tuple[dict[str, int], int]], places: list[int]
) -> None:
    at_once = Requests()
    buckets = [Requests() for _ in range(4)]
    for (outcomes, seed), place in zip(windows, places, strict=False):
        latency = _latency(outcomes, seed)
        at_once.add(outcomes, latency, 1.0)
        buckets[place].add(outcomes, latency, 1.0)
    together = Requests()
    for one in buckets:
        together.add(one.outcomes, one.latency, one.seconds)
    assert {k: v for k, v in together.outcomes.items() if v} == {k: v for k, v in at_once.outcomes.items() if v}
    assert (together.latency, together.seconds, together.total) == (at_once.latency, at_once.seconds, at_once.total)
    assert together.total == sum(sum(outcomes.values()) for outcomes, _ in windows)
    assert sum(together.latency) == together.total


@given(st.lists(st.lists(_COUNTS, min_size=5, max_size=5), min_size=1, max_size=8))
def test_values_add_up_place_by_place(several: list[list[int]]) -> None:
    total = Values(0, [0] * 5)
    for counts in several:
        total.add(Values(sum(counts), counts))
    assert total.counts == [sum(column) for column in zip(*several, strict=True)]
    assert total.rows == sum(map(sum, several))


def test_what_is_added_is_not_changed_by_what_is_added_later() -> None:
    latency = [1] * (len(SECONDS) + 1)
    first = Requests()
    first.add({"ok": 25}, latency, 1.0)
    first.add({"ok": 25}, latency, 1.0)
    assert latency == [1] * (len(SECONDS) + 1)
    assert first.latency == [2] * (len(SECONDS) + 1)


@given(st.lists(st.floats(0, 9.9), min_size=1, max_size=60), st.sampled_from([0.01, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_lies_in_the_bucket_of_the_latency_that_it_is(latencies: list[float], share: float) -> None:
    counts = [0] * (len(SECONDS) + 1)
    for one in latencies:
        counts[bisect_left(SECONDS, one)] += 1
    ordered = sorted(latencies)
    true = next(one for rank, one in enumerate(ordered, 1) if rank >= share * len(ordered) - 1e-9)
    at = bisect_left(SECONDS, true)
    found = Requests(latency=counts).quantile(share)
    assert found is not None
    assert (SECONDS[at - 1] if at else 0.0) <= found <= SECONDS[at]


def test_quantiles_are_interpolated_as_prometheus_does() -> None:
    counts = [0] * (len(SECONDS) + 1)
    assert Requests(latency=counts).quantile(0.5) is None
    assert Requests().quantile(0.5) is None
    counts[0] = 4  # up to 0.00005 s
    assert Requests(latency=counts).quantile(0.5) == pytest.approx(0.000025)
    counts[1] = 4  # up to 0.0001 s
    assert Requests(latency=counts).quantile(0.75) == pytest.approx(0.000075)
    assert Requests(latency=[0] * len(SECONDS) + [3]).quantile(0.99) == SECONDS[-1]


def test_the_share_of_errors_leaves_wrong_inputs_out() -> None:
    assert Requests().errors == 0.0
    assert Requests({"ok": 6, "invalid": 2, "timeout": 1, "unheard of": 1}).errors == pytest.approx(0.2)


@given(st.floats(60, 90 * 86_400.0))
def test_a_series_is_read_where_it_is_kept_and_has_at_most_120_steps(span: float) -> None:
    kept, step = step_for(span)
    assert kept in REQUESTS
    assert span <= kept.keep
    assert step % kept.width == 0
    assert span / step <= 120


def test_spans_of_the_pages() -> None:
    found = {span: (step_for(span)[0].width, step_for(span)[1]) for span in (900, 3600, 86_400, 604_800, 2_592_000)}
    assert found == {900: (10, 10), 3600: (10, 30), 86_400: (300, 900), 604_800: (3600, 7200), 2_592_000: (3600, 21_600)}
    assert [kept_for(span, REQUESTS) for span in (1, 7200, 7201, 86_400, 10**9)] == [FINE, FINE, MIDDLE, MIDDLE, COARSE]


@given(st.floats(0, 4e9), st.sampled_from(REQUESTS))
def test_a_moment_lies_in_its_bucket(moment: float, kept: object) -> None:
    width = kept.width  # type: ignore[attr-defined]
    begin = bucket(moment, width)
    assert begin % width == 0
    assert begin <= moment < begin + width
