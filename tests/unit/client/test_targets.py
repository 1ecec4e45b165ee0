"""Edges that failed are passed over for a while, and come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.client.records import Edge, EdgeService
from rtml_core.client.targets import Target, Targets


def test_requests_that_fail_together_are_one_failure() -> None:
    target = Target("http://na:1")
    for _ in range(8):
        target.begin(10.0)
    for late in range(8):
        target.fail(10.0, 10.1 + late / 100)
    assert target.failures == 1
    assert target.resting_until < 10.7


def test_one_request_tries_a_failed_edge_again_while_others_pass_it_over() -> None:
    targets = Targets(())
    targets.set_fixed([("http://na:1", "na"), ("http://emea:1", "emea")])
    first = targets.plan("churn", 10.0)[0]
    first.begin(10.0)
    first.fail(10.0, 10.0)
    assert targets.plan("churn", 10.4)[0].url == "http://emea:1"
    again = targets.plan("churn", 10.6)[0]
    assert again is first
    again.begin(10.6)
    assert targets.plan("churn", 10.61)[0].url == "http://emea:1"
    again.fail(10.6, 10.7)
    assert again.failures == 2
    assert targets.plan("churn", 11.6)[0].url == "http://emea:1"
    again.begin(11.8)
    again.succeed()
    assert targets.plan("churn", 11.8)[0] is first


EDGES = st.lists(
    st.tuples(st.sampled_from(["na", "emea", "apac"]), st.booleans(), st.booleans(), st.floats(0, 20)), min_size=1, max_size=6
)


@given(edges=EDGES, regions=st.lists(st.sampled_from(["na", "emea"]), unique=True), now=st.floats(0, 20))
def test_all_edges_are_asked_each_once_and_the_best_first(
    edges: list[tuple[str, bool, bool, float]], regions: list[str], now: float
) -> None:
    targets = Targets(regions)
    told = [
        Edge(
            str(at),
            region,
            f"http://e:{at + 1}",
            "ready" if ready else "not ready",
            1,
            1,
            "",
            "",
            "",
            (EdgeService(name, (1,), "ready"),),
        )
        for at, (region, ready, serves, _) in enumerate(edges)
        for name in (["churn"] if serves else ["other"])
    ]
    targets.set_edges(told, -100.0)
    for target, (_, _, _, until) in zip(sorted(targets.plan("", 0.0), key=lambda one: one.url), edges, strict=True):
        target.busy(until)
    plan = targets.plan("churn", now)
    assert sorted(target.url for target in plan) == sorted(edge.url for edge in told)
    if len(plan) > 1:
        rank = {region: at for at, region in enumerate(regions)}
        keys = [
            (
                one.resting_until > now,
                one.lacks("churn"),
                0 if one.resting_until <= now else one.resting_until,
                rank.get(one.region, len(rank)),
            )
            for one in plan
        ]
        assert keys == sorted(keys)


def test_what_is_known_of_an_edge_survives_a_new_list() -> None:
    edge = Edge("na-1", "na", "http://na:1/", "ready", 1, 1, "", "", "")
    targets = Targets(())
    targets.set_edges([edge, edge], 0.0)
    target = targets.plan("churn", 0.0)[0]
    target.fail(1.0, 1.0)
    targets.set_edges([edge], 1.0)
    (again,) = targets.plan("churn", 1.0)
    assert (again.failures, again.resting_until, again.url) == (1, target.resting_until, "http://na:1")


def test_an_edge_that_was_not_ready_is_asked_again_soon_whatever_became_of_the_hub() -> None:
    targets = Targets(["na"])
    ready, away = (
        Edge(url, region, url, "ready", 1, 1, "", "", "") for url, region in (("http://e:1", "emea"), ("http://e:3", "emea"))
    )
    late = Edge("na-1", "na", "http://na:1", "not ready", 1, 1, "", "", "")
    gone = Edge("na-2", "na", "http://na:2", "away", 1, 1, "", "", "")
    targets.set_edges([ready, away, late, gone], 10.0)
    assert targets.plan("churn", 10.1)[0].region == "emea"
    assert targets.plan("churn", 12.1)[0].url == "http://na:1"
    assert {targets.plan("churn", 41.0)[0].url for _ in range(50)} == {"http://na:1", "http://na:2"}


def test_of_two_edges_at_one_address_the_one_that_lives_counts() -> None:
    targets = Targets(())
    old = Edge("old", "na", "http://na:1", "away", 1, 1, "", "", "")
    new = Edge("new", "na", "http://na:1/", "ready", 1, 1, "", "", "", (EdgeService("churn", (1,), "ready"),))
    for order in ([old, new], [new, old]):
        targets.set_edges(order, 0.0)
        (target,) = targets.plan("churn", 31.0)
        assert (target.edge, target.lacks("churn"), len(targets)) == ("new", False, 1)


@pytest.mark.parametrize(
    "url", ["", "http://\xfc:1", "http://h/a b", "http://[::1", "http://h:99999999", "ftp://x", "http://a:b@h"]
)
def test_an_edge_that_told_the_hub_no_address_is_left_out(url: str) -> None:
    targets = Targets(())
    fine = Edge("na-2", "na", "http://na:2", "ready", 1, 1, "", "", "")
    targets.set_edges([Edge("na-1", "na", url, "ready", 1, 1, "", "", ""), fine], 0.0)
    assert [target.url for target in targets.plan("churn", 0.0)] == ["http://na:2"]
