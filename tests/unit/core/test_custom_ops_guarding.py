"""What comes up between onnxruntime and a host waits for the end of the run: signals; what has no room on the stack never starts.

The runs here are Python functions that stand for a session: where one calls `body`, a host would call one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rtml_core.custom_ops import CustomOp, guarding
from rtml_core.custom_ops.guarding import BODY, NATIVE, guarded, local, undisturbed
from rtml_core.errors import CustomOpError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM)


#: of the main thread, which all of these tests run on
state = local.state


class Answered(Exception):
    """What handlers of these tests raise."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[dict[signal.Signals, Any]]:
    """The handlers as they were, which every test leaves in place; put back whatever happens."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield before
    after = {number: signal.getsignal(number) for number in SIGNALS}
    for number, handler in before.items():
        signal.signal(number, handler)
    assert (state.where, state.error, state.op, state.signalled, guarding._waiting) == (guarding.PYTHON, None, None, None, [])
    assert all(getattr(handler, "__module__", "") != guarding.__name__ for handler in after.values())


def send(*numbers: signal.Signals) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)
    sum(range(10))  # Python has looked for signals by now


def raising(log: list[int]) -> Callable[..., None]:
    def handler(number: int, frame: object) -> None:
        log.append(number)
        raise Answered(number)

    return handler


def in_body(body: Callable[[], Any]) -> Any:
    """What a host does around a body."""
    before, state.where = state.where, BODY
    try:
        return body()
    except BaseException as error:
        state.where = before
        state.error = error
    finally:
        state.where = before


def scoring_texts(run: Callable[[], Any]) -> Callable[[], Any]:
    """`run` as that of a session which takes texts."""
    return lambda: undisturbed(lambda names, feed, options: run())(["score"], {})


EITHER = pytest.mark.parametrize("guarded", [guarded, scoring_texts], ids=["operators in Python", "texts"])


@EITHER
def test_a_signal_in_onnxruntime_is_answered_when_the_run_is_over(guarded: Any) -> None:
    log: list[int] = []
    signal.signal(signal.SIGTERM, raising(log))
    reached: list[str] = []

    def run() -> str:
        send(signal.SIGTERM)
        reached.append(f"after the signal, {log}")
        return "answer"

    with pytest.raises(Answered):
        guarded(run)()
    assert (reached, log) == (["after the signal, []"], [signal.SIGTERM])
    assert guarded(lambda: "next")() == "next"


@EITHER
def test_an_interrupt_from_the_keyboard_is_one_when_the_run_is_over(guarded: Any) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        guarded(lambda: send(signal.SIGINT))()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_in_a_body_is_answered_at_once_and_raised_as_it_is() -> None:
    log: list[int] = []
    signal.signal(signal.SIGALRM, raising(log))

    def body() -> None:
        send(signal.SIGALRM)
        pytest.fail("the handler raises in the body")

    with pytest.raises(Answered) as caught:
        guarded(lambda: in_body(body))()
    assert caught.value.args == (signal.SIGALRM,)
    assert log == [signal.SIGALRM]


def test_a_handler_that_only_notes_disturbs_nobody() -> None:
    log: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: log.append(number))

    def run() -> str:
        send(signal.SIGUSR1)
        return str(in_body(lambda: (send(signal.SIGUSR1), len(log))[1]))

    assert guarded(run)() == "1"
    assert log == [signal.SIGUSR1, signal.SIGUSR1]


@EITHER
def test_of_several_signals_each_is_answered_though_all_raise(guarded: Any) -> None:
    log: list[int] = []
    for number in SIGNALS:
        signal.signal(number, raising(log))
    with pytest.raises(Answered):
        guarded(lambda: send(*SIGNALS))()
    assert sorted(log) == sorted(SIGNALS)


@EITHER
@pytest.mark.parametrize("outcome", [ValueError("mine"), KeyboardInterrupt()])
def test_handlers_are_back_whatever_the_run_does(outcome: BaseException, guarded: Any) -> None:
    mine = raising([])
    signal.signal(signal.SIGTERM, mine)

    def run() -> None:
        assert signal.getsignal(signal.SIGTERM) is not mine
        raise outcome

    with pytest.raises(type(outcome)):
        guarded(run)()
    assert signal.getsignal(signal.SIGTERM) is mine


def test_a_run_inside_of_a_body_leaves_the_outer_one_as_it_was() -> None:
    log: list[int] = []
    signal.signal(signal.SIGTERM, raising(log))
    seen: list[Any] = []

    def outer() -> str:
        in_body(body)
        seen.append((state.where, list(log)))
        return "outer"

    def body() -> None:
        try:
            guarded(lambda: send(signal.SIGTERM))()  # answered when the inner run is over, in the body
        except Answered:
            seen.append("in the body")
        seen.append(state.where)

    assert guarded(outer)() == "outer"
    assert seen == ["in the body", BODY, (NATIVE, [signal.SIGTERM])]


def test_a_handler_that_a_body_sets_stays() -> None:
    mine = raising([])
    assert guarded(lambda: in_body(lambda: signal.signal(signal.SIGUSR1, mine)))() is not mine
    assert signal.getsignal(signal.SIGUSR1) is mine
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)


def test_asyncio_hears_a_signal_once() -> None:
    heard: list[str] = []

    async def serve() -> None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, lambda: heard.append("term"))
        guarded(lambda: send(signal.SIGTERM))()
        await asyncio.sleep(0.01)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)

    asyncio.run(serve())
    assert heard == ["term"]


def test_other_threads_leave_the_handlers_alone() -> None:
    mine = raising([])
    signal.signal(signal.SIGTERM, mine)
    found: list[Any] = []
    thread = threading.Thread(target=guarded(lambda: found.append(signal.getsignal(signal.SIGTERM))))
    thread.start()
    thread.join()
    assert found == [mine]


def test_without_room_on_the_stack_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "_room", guarding._ROOM)
    runs: list[int] = []
    run = guarded(lambda: runs.append(1))

    def deep(left: int) -> None:
        if left:
            deep(left - 1)
        else:
            run()

    depth = len(list(iter_frames()))
    with pytest.raises(RecursionError):
        deep(sys.getrecursionlimit() - depth - 6)
    assert runs == []
    deep(sys.getrecursionlimit() - depth - 60)
    assert runs == [1]


def iter_frames() -> Iterator[object]:
    frame: Any = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back


class Unreadable(Exception):
    """An exception that can't be put into words."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (Unreadable(), "Unreadable: (its text can't be read)"),
        (ValueError("x" * 10_000), f"ValueError: {'x' * 1000}... (10,000 characters)"),
        (ValueError("a\ud800"), "ValueError: a\\ud800"),
        (SystemExit(3), "SystemExit: 3"),
    ],
    ids=["unreadable", "long", "half a character", "exit"],
)
def test_whatever_an_exception_says_the_operator_is_named(error: BaseException, words: str) -> None:
    def run() -> None:
        state.error, state.op = error, CustomOp("a", "b", 1, ("string",), ("string",), "m:f", "d")

    with pytest.raises(CustomOpError) as caught:
        guarded(run)()
    assert str(caught.value) == f"the custom operator a:b 1 (m:f) failed: {words}"
    assert caught.value.__cause__ is error


def test_a_text_model_scored_in_a_body_leaves_the_outer_run_as_it_was() -> None:
    log: list[int] = []
    signal.signal(signal.SIGTERM, raising(log))
    seen: list[Any] = []

    def body() -> None:
        try:
            scoring_texts(lambda: send(signal.SIGTERM))()
        except Answered:
            seen.append("in the body")
        seen.append(state.where)

    assert guarded(lambda: in_body(body))() is None
    assert (seen, log) == (["in the body", BODY], [signal.SIGTERM])
