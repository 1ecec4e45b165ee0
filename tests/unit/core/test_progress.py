"""Progress of training and compiling is told to who listens; without listeners, and when a listener fails, work goes on."""

from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

from rtml_core import Graph, progress
from rtml_core import operators as op
from rtml_core.errors import RtmlError
from rtml_core.progress import Progress, task


@pytest.fixture
def listen() -> Iterator[Callable[[Any], None]]:
    """Listeners of a test, which are forgotten afterwards."""
    given: list[Any] = []

    def add(listener: Any) -> None:
        given.append(listener)
        progress.listen(listener)

    yield add
    for listener in given:
        progress.forget(listener)


@pytest.fixture
def told(listen: Callable[[Any], None]) -> list[Progress]:
    """What a listener is told."""
    heard: list[Progress] = []
    listen(heard.append)
    return heard


def graph() -> Graph:
    return op.Receiver(schema={"x": "float?"}) >> op.Scaler(cols="x") >> op.Pandas(import_="abs", cols="x", inplace=True)


def test_training_tells_of_one_node_after_the_other(told: list[Progress]) -> None:
    graph().fit(pd.DataFrame({"x": [1.0, 2.0]}))
    assert [(one.stage, one.done) for one in told if one.state == "running" and one.stage] == [
        ("node 1 (Receiver)", 0),
        ("node 2 (Scaler)", 1),
        ("node 3 (Pandas 'abs')", 2),
    ]
    assert (told[-1].work, told[-1].state, told[-1].done, told[-1].total) == ("training", "done", 3, 3)


@pytest.mark.parametrize("sample", [None, pd.DataFrame({"x": [1.0, None]})])
@pytest.mark.parametrize("parity", [True, False])
def test_compiling_tells_of_every_part_and_ends_with_all_of_them(
    told: list[Progress], sample: pd.DataFrame | None, parity: bool
) -> None:
    fitted = graph().fit(pd.DataFrame({"x": [1.0, 2.0]}))
    del told[:]
    fitted.compile(sample, parity=parity)
    assert {one.work for one in told} == {"compiling"}
    running = [one for one in told if one.state == "running" and one.stage]
    assert [one.done for one in running] == list(range(len(running)))
    assert running[-1].total == len(running) == told[-1].done
    assert ("comparing both forms: edge rows" in [one.stage for one in running]) == parity


def test_an_error_ends_it_at_its_stage(told: list[Progress]) -> None:
    with pytest.raises(RtmlError):
        graph().compile()
    assert (told[-1].state, told[-1].stage) == ("failed", "lowering every node")
    assert not progress.watched()


def test_work_inside_of_work_is_not_told_by_itself(told: list[Progress]) -> None:
    with task("outer", 2):
        progress.step("first")
        with task("inner", 5):
            progress.step("of the inner one")
        progress.step("second")
    assert {one.work for one in told} == {"outer"}
    assert [one.stage for one in told] == ["", "first", "second", "second"]


def test_nobody_is_told_when_nobody_listens() -> None:
    with task("quiet", 1):
        assert not progress.watched()
        progress.step("nothing")
        progress.at("nothing", 1, 2)


def test_a_listener_that_fails_is_dropped_and_the_work_goes_on(listen: Callable[[Any], None]) -> None:
    def broken(now: Progress) -> None:
        raise ValueError("no screen")

    listen(broken)
    with pytest.warns(RuntimeWarning, match="progress is not shown any more: ValueError: no screen"):
        graph().fit(pd.DataFrame({"x": [1.0, 2.0]}))
    assert broken not in progress._listeners


def test_listening_twice_is_once(told: list[Progress], listen: Callable[[Any], None]) -> None:
    listen(told.append)
    with task("once"):
        pass
    assert [one.state for one in told] == ["running", "done"]
