"""The thread for large requests."""

import asyncio
import threading
import time

import pytest

from rtml_plugins.edge.v2.large import MOST, Large
from rtml_plugins.serving.problems import Problem


def test_more_than_can_wait_is_turned_away_at_once_and_what_waits_is_answered() -> None:
    async def ask() -> tuple[Problem, list[int]]:
        large, go = Large(60), threading.Event()
        waiting = [asyncio.ensure_future(large.run(go.wait, 60))]
        waiting += [asyncio.ensure_future(large.run(int, number)) for number in range(1, MOST)]  # type: ignore[list-item]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as caught:
            await large.run(int, 0)
        go.set()
        answers = [await one for one in waiting]
        assert await large.run(int, 7) == 7
        return caught.value, answers  # type: ignore[return-value]

    problem, answers = asyncio.run(ask())
    assert (problem.status, problem.kind) == (503, "busy")
    assert answers == [True, *range(1, MOST)]


def test_what_waited_too_long_is_not_scored_any_more() -> None:
    async def ask() -> None:
        large = Large(0.01)
        first = asyncio.ensure_future(large.run(time.sleep, 0.1))
        with pytest.raises(Problem, match=r"waited more than 0.01 s") as caught:
            await asyncio.gather(first, large.run(int, 1))
        assert (caught.value.status, caught.value.kind) == (503, "timeout")

    asyncio.run(ask())


def test_what_goes_wrong_in_the_thread_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        asyncio.run(Large(60).run(divmod, 1, 0))
