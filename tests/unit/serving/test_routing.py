"""Traffic: who is answered by which version, the same on every edge."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.client.records import Arm, Traffic
from rtml_plugins.serving.routing import TrafficRefused, check_traffic, chooser, position

VISITORS = [f"visitor-{number}" for number in range(20_000)]


def test_a_champion_alone_costs_no_choice() -> None:
    assert chooser("churn", Traffic(3)) is None
    assert chooser("churn", Traffic(3, shadow=4)) is None


def test_shares_are_kept_and_a_visitor_stays_in_an_arm() -> None:
    choose = chooser("churn", Traffic(1, canary=Arm(4, 0.1), split=(Arm(2, 0.3), Arm(3, 0.2))))
    assert choose is not None
    answered = Counter(choose(visitor) for visitor in VISITORS)
    for version, share in {4: 0.1, 2: 0.3, 3: 0.2, 1: 0.4}.items():
        assert answered[version] / len(VISITORS) == pytest.approx(share, abs=0.015)
    assert [choose(visitor) for visitor in VISITORS[:100]] == [choose(visitor) for visitor in VISITORS[:100]]


def test_without_a_key_the_shares_hold_over_many_requests() -> None:
    choose = chooser("churn", Traffic(1, canary=Arm(2, 0.25)))
    assert choose is not None
    answered = Counter(choose(None) for _ in range(20_000))
    assert answered[2] / 20_000 == pytest.approx(0.25, abs=0.03)


def test_a_growing_canary_keeps_the_visitors_it_has() -> None:
    small, large = (chooser("churn", Traffic(1, canary=Arm(2, share), split=(Arm(3, 0.3),))) for share in (0.1, 0.4))
    assert small is not None
    assert large is not None
    assert all(large(visitor) == small(visitor) for visitor in VISITORS if small(visitor) in (2, 3))


def test_services_divide_visitors_independently() -> None:
    both = sum(position("churn", visitor) < 0.5 and position("offers", visitor) < 0.5 for visitor in VISITORS)
    assert both / len(VISITORS) == pytest.approx(0.25, abs=0.02)


@given(st.text())
def test_any_key_has_a_place(key: str) -> None:
    assert 0.0 <= position("churn", key) < 1.0


@pytest.mark.parametrize(
    ("traffic", "says"),
    [
        (Traffic(9), "version 9 does not exist; there are 1, 2, 3"),
        (Traffic(1, shadow=9), "version 9 does not exist"),
        (Traffic(1, canary=Arm(1, 0.1)), "stands in traffic twice"),
        (Traffic(1, split=(Arm(2, 0.5), Arm(2, 0.1))), "stands in traffic twice"),
        (Traffic(1, canary=Arm(2, 0.0)), "more than 0 and less than 1"),
        (Traffic(1, canary=Arm(2, 1.0)), "more than 0 and less than 1"),
        (Traffic(1, canary=Arm(2, float("nan"))), "more than 0 and less than 1"),
        (Traffic(1, split=(Arm(2, 0.6), Arm(3, 0.6))), "add up to 1.2"),
    ],
)
def test_traffic_that_can_not_be_served_is_refused(traffic: Traffic, says: str) -> None:
    with pytest.raises(TrafficRefused, match=says):
        check_traffic(traffic, {1, 2, 3})


def test_traffic_may_be_shared_out_whole() -> None:
    check_traffic(Traffic(1, split=(Arm(2, 0.5), Arm(3, 0.5)), shadow=1), {1, 2, 3})
