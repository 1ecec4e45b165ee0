"""Runs in which onnxruntime calls Python, so that no Python exception ever comes up between the two.

Such an exception would pass through C++ and end the process. onnxruntime calls operators in Python; and texts it takes with
PyObject_Str, which calls the handlers of signals, and does not look whether that failed. What a body raises is caught by its host
(see hosting) and parked here; `guarded` raises it when the run is over. Two others come up by themselves: those of signal
handlers, which Python calls between any two instructions of the main thread, and RecursionError, where the caller stands deep.
So while a run is under way on the main thread, signals are answered inside of bodies at once, where the host stands by, and
everywhere else when the run is over; and nothing is run without room on the stack for a host.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from _thread import get_ident
from collections.abc import Callable
from functools import wraps
from types import FrameType
from typing import Any, Final

from rtml_core.custom_ops.declaration import CustomOp
from rtml_core.errors import CustomOpError, said

#: where a thread is: in Python as always, in onnxruntime with nobody to catch, in a body with its host around it
PYTHON, NATIVE, BODY = 0, 1, 2
#: calls of Python functions that must fit on the stack before a run: what a host and onnxruntime-extensions need around a body
_ROOM: Final = 12
#: and before the first one in which a body is called, when pybind11 looks for numpy, and that compiles regular expressions
_FIRST_ROOM: Final = 150
#: signals that a handler may be set for, and that don't mean that the process is broken
_SIGNALS: Final = tuple(
    int(getattr(signal, name))
    for name in (
        *("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGCHLD"),
        *("SIGPIPE", "SIGIO", "SIGURG", "SIGWINCH", "SIGTSTP", "SIGCONT", "SIGTTIN", "SIGTTOU", "SIGXCPU", "SIGXFSZ", "SIGPWR"),
    )
    if hasattr(signal, name)
)
# What is behind the functions of `signal`, which make an enum of every answer: thirty times the cost, at every call.
_handler_of: Final[Callable[[int], Any]] = importlib.import_module("_signal").getsignal
_handle: Final[Callable[[int, Any], Any]] = importlib.import_module("_signal").signal


_main = threading.main_thread().ident


def _find_main() -> None:
    global _main
    _main = threading.main_thread().ident


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_find_main)  # the thread that forks is the main one of the child


class State:
    """What a thread knows of the run that it is in. onnxruntime runs our nodes on the calling thread."""

    __slots__ = ("error", "hosted", "op", "signalled", "where")

    def __init__(self) -> None:
        self.where = PYTHON
        #: whether a body was called
        self.hosted = False
        self.error: BaseException | None = None
        self.op: CustomOp | None = None
        #: what the handler of a signal raised in a body
        self.signalled: BaseException | None = None


class _Local(threading.local):
    """A state for each thread: looked up once a call, as that takes longer than all else that is done with it."""

    def __init__(self) -> None:
        self.state = State()


local: Final = _Local()
#: signals and their handlers
_Handlers = tuple[tuple[int, Any], ...]
#: of the main thread: the handlers at the last look and those in Python among them, the handlers that _later stands in for, and
#: signals that wait for the end of a run
_seen: list[Any] = []
_found: _Handlers = ()
_held: Final[dict[int, Any]] = {}
_waiting: Final[list[int]] = []
_room = _FIRST_ROOM


def guarded(run: Callable[..., Any]) -> Callable[..., Any]:
    """`run`, which runs or opens a session, raising the CustomOpError of an operator that failed in it, or what the handler of a
    signal raised meanwhile. Raises RecursionError where the stack has no room for it."""

    @wraps(run)
    def call(*args: Any, **options: Any) -> Any:
        global _room
        _require_room(_room)
        state = local.state
        before = state.where, state.error, state.op, state.signalled  # a body may score another package
        on_main = get_ident() == _main
        held: _Handlers = ()
        try:
            if on_main:
                held = _to_hold()
                for number, _ in held:
                    _handle(number, _later)
            state.error = state.op = state.signalled = None
            state.where = NATIVE
            result = run(*args, **options)
        except Exception:
            if state.error is not None:  # what a later node made of the blanks is not the point
                raise _told(state)  # noqa: B904 - it has a cause of its own
            raise
        else:
            if state.hosted and _room != _ROOM:
                _room = _ROOM
            if state.error is not None:
                raise _told(state)
        finally:
            try:
                if held:
                    _release(held)
            finally:
                state.where, state.error, state.op, state.signalled = before
                if on_main and _waiting:
                    _catch_up(state)
        return result

    return call


def undisturbed(run: Callable[..., Any]) -> Callable[..., Any]:
    """`run`, of a session that takes texts; a signal that comes meanwhile is answered when the run is over. Written out, as it is
    a part of every answer."""

    @wraps(run)
    def call(names: Any, feed: Any, options: Any = None) -> Any:
        if get_ident() != _main:  # signals are answered on the main thread only
            return run(names, feed, options)
        state = local.state
        before = state.where
        held: _Handlers = ()
        try:
            handlers = [*map(_handler_of, _SIGNALS)]
            held = _found if handlers == _seen else _to_hold()
            for number, _ in held:
                _handle(number, _later)
            state.where = NATIVE
            return run(names, feed, options)
        finally:
            try:
                for number, handler in held:
                    _handle(number, handler)
            except BaseException:
                _release(held)
                raise
            finally:
                state.where = before
                if _waiting:
                    _catch_up(state)

    return call


def failure(op: CustomOp, what: str, cause: BaseException | None = None) -> CustomOpError:
    """The error of an operator that failed; what: how, in words."""
    error = CustomOpError(f"the custom operator {op} ({op.body_name}) failed: {what}")
    error.__cause__ = cause
    return error


def _told(state: State) -> BaseException:
    """The parked exception as the caller of a run gets it: that of a signal as it is, anything else naming the operator."""
    error, op = state.error, state.op
    assert error is not None
    if op is None or isinstance(error, CustomOpError) or error is state.signalled:
        return error
    return failure(op, said(error), error)


def _require_room(calls: int) -> None:
    if calls:
        _require_room(calls - 1)


# ---- signals ------------------------------------------------------------------------------------------------------------


def _to_hold() -> _Handlers:
    """The signals whose handlers are in Python, for which `_later` has to stand in."""
    global _seen, _found
    handlers = list(map(_handler_of, _SIGNALS))
    if handlers != _seen:
        found = zip(_SIGNALS, handlers, strict=True)
        _found = tuple((number, handler) for number, handler in found if callable(handler) and handler is not _later)
        _held.update(_found)
        _seen = handlers
    return _found


def _release(held: _Handlers) -> None:
    """Put the handlers back, but where a body has set another one. The first ones may raise already while it goes on."""
    error: BaseException | None = None
    left = list(held)
    while left:
        try:
            while left:
                number, handler = left[-1]
                if _handler_of(number) is _later:
                    _handle(number, handler)
                left.pop()
        except BaseException as raised:
            error = raised
    if error is not None:
        raise error


def _later(number: int, frame: FrameType | None) -> None:
    """The handler of every held signal: calls that of the program at once, or after the run where nobody would catch it."""
    state = local.state
    if state.where == NATIVE:
        _waiting.append(number)
        return
    try:
        _held[number](number, frame)
    except BaseException as error:
        state.signalled = error
        raise


def _catch_up(state: State) -> None:
    """Answer the signals that waited; when one handler raises, the others are called all the same."""
    if _waiting and state.where != NATIVE:
        number = _waiting.pop(0)
        handler = _handler_of(number)
        try:
            if callable(handler):
                handler(number, sys._getframe(1))
        finally:
            _catch_up(state)
