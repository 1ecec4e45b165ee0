"""Rates of keys: buckets in shared memory."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.edge import rates
from rtml_plugins.edge.rates import SLOTS, Rates
from rtml_plugins.serving.wire import KeyEntry


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now: float = 1000.0):
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_a_key_may_use_a_second_of_its_rate_at_once_and_then_goes_on_at_its_rate(tmp_path: Path) -> None:
    clock = Clock()
    kept = Rates(tmp_path / "rates", clock)
    assert [kept.wait("a", 5.0) for _ in range(5)] == [0.0] * 5
    assert kept.wait("a", 5.0) == pytest.approx(0.2)
    clock.now += 0.2
    assert kept.wait("a", 5.0) == 0.0
    assert kept.wait("a", 5.0) == pytest.approx(0.2)
    clock.now += 60
    assert [kept.wait("a", 5.0) > 0 for _ in range(6)] == [False] * 5 + [True]


def test_keys_have_buckets_of_their_own(tmp_path: Path) -> None:
    kept = Rates(tmp_path / "rates", Clock())
    assert [kept.wait(key, 1.0) > 0 for key in ("a", "b", "a", "b")] == [False, False, True, True]


@given(rate=st.floats(0.01, 2000.0), steps=st.lists(st.floats(0.0, 0.5), min_size=1, max_size=200))
def test_over_any_time_no_more_is_admitted_than_the_rate_and_one_second(
    rate: float, steps: list[float], tmp_path_factory: pytest.TempPathFactory
) -> None:
    clock = Clock()
    kept = Rates(tmp_path_factory.mktemp("rates") / "rates", clock)
    began, admitted = clock.now, 0
    for step in steps:
        clock.now += step
        for _ in range(5):
            wait = kept.wait("key", rate)
            admitted += wait == 0.0
            assert 0.0 <= wait <= 1.0 / rate + 1e-6
        assert admitted <= (clock.now - began) * rate + max(rate, 1.0) + 1e-3


def test_a_rate_of_nothing_admits_nothing(tmp_path: Path) -> None:
    assert Rates(tmp_path / "rates").wait("a", 0.0) > 0


def test_a_time_from_before_the_machine_started_again_counts_for_nothing(tmp_path: Path) -> None:
    clock = Clock(9_000_000.0)
    assert Rates(tmp_path / "rates", clock).wait("a", 1.0) == 0.0
    again = Rates(tmp_path / "rates", Clock(5.0))
    assert [again.wait("a", 1.0) > 0 for _ in range(2)] == [False, True]


def test_more_keys_than_slots_only_let_go_of_full_buckets(tmp_path: Path) -> None:
    clock = Clock()
    kept = Rates(tmp_path / "rates", clock)
    assert kept.wait("busy", 0.001) == 0.0
    for number in range(3 * SLOTS):
        clock.now += 0.01
        assert kept.wait(f"key {number}", 100.0) == 0.0
    assert kept.wait("busy", 0.001) > 0.0


def test_processes_share_the_buckets(tmp_path: Path) -> None:
    path = tmp_path / "rates"
    program = (
        "import sys; from pathlib import Path; from rtml_plugins.edge.rates import Rates\n"
        f"rates = Rates(Path({str(path)!r}))\n"
        "print(sum(rates.wait('a', 0.01) == 0.0 for _ in range(50)))"
    )
    counts = [int(subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout) for _ in range(3)]
    assert counts == [1, 0, 0]


def test_a_file_of_another_size_is_made_right(tmp_path: Path) -> None:
    (tmp_path / "rates").write_bytes(b"old")
    assert Rates(tmp_path / "rates").wait("a", 1.0) == 0.0
    assert (tmp_path / "rates").stat().st_size == SLOTS * 16


def test_the_headers_say_how_many_in_which_time() -> None:
    fast = dict(rates.too_many(KeyEntry("a", "", (), rate=250.0), 0.004).headers)
    assert fast == {"Retry-After": "1", "RateLimit-Policy": '"key";q=250;w=1', "RateLimit": '"key";r=0;t=1'}
    slow = dict(rates.too_many(KeyEntry("a", "", (), rate=0.1), 9.5).headers)
    assert slow == {"Retry-After": "10", "RateLimit-Policy": '"key";q=1;w=10', "RateLimit": '"key";r=0;t=10'}
