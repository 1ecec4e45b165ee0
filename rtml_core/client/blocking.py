"""Runs operations with blocking connections: shared by threads, made anew after a fork.

HTTP/1.1 by the standard library: its parser of answers, on connections that are kept here. It costs a third of what httpx does,
and needs no import of it.
"""

from __future__ import annotations

import http.client
import io
import os
import select
import socket
import ssl
import time
import weakref
from typing import Any, Final, TypeVar

from rtml_core.client.exchange import Failure, Flow, Outcome, Pause, Reply, Send
from rtml_core.client.pools import NO_HTTP, TOO_LONG, Origin, Wire, unreached

T = TypeVar("T")
#: connections that are kept for each origin, and seconds that an idle one is, less than servers keep theirs
_KEPT: Final = 64
_IDLE: Final = 20.0
_PART: Final = 1 << 16
#: connections of a parent process: closing or dropping them here would touch what is the parent's
_inherited: list[object] = []

Pools = dict[Origin, list[tuple[float, http.client.HTTPConnection]]]


class Blocking:
    """Connections of one Client."""

    def __init__(self, wire: Wire):
        self._wire = wire
        self._process = os.getpid()
        self._pools: Pools = {}
        self._finalizer = weakref.finalize(self, _close, self._pools, self._process)

    def run(self, flow: Flow[T]) -> T:
        """Run an operation to its end."""
        outcome: Outcome | None = None
        try:
            while True:
                step = flow.send(outcome)
                if type(step) is Send:
                    outcome = self._send(step)
                else:
                    assert isinstance(step, Pause)
                    time.sleep(step.seconds)
                    outcome = None
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    def _send(self, send: Send) -> Outcome:
        until = time.monotonic() + send.timeout
        origin, head = self._wire.head(send)
        connection = None if send.fresh else self._kept(origin)
        if connection is None:
            connection = self._wire.connection(origin, send.connect)
            try:
                connection.connect()
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                return unreached(error)
        try:
            reply = _exchange(connection.sock, head, send, until)
        except TimeoutError:
            reply = Failure("late", "no answer in time")
        except (OSError, http.client.HTTPException) as error:
            what = NO_HTTP if type(error) is http.client.BadStatusLine else str(error)
            reply = Failure("broken", f"the connection broke off: {what}" if what else "the connection broke off")
        except BaseException:  # Ctrl-C in the middle: what comes next on it would be the answer to this
            connection.close()
            raise
        if isinstance(reply, Reply) and not send.fresh and reply.headers.get(_ENDS) is None:
            self._keep(origin, connection)
        else:
            connection.close()
        return reply

    def _kept(self, origin: Origin) -> http.client.HTTPConnection | None:
        """A connection that is idle and still good."""
        if os.getpid() != self._process:
            self._after_fork()
        idle = self._pools.get(origin)
        while idle:
            try:
                since, connection = idle.pop()
            except IndexError:  # another thread was faster
                break
            if time.monotonic() - since < _IDLE and not _readable(connection.sock):
                return connection
            connection.close()
        return None

    def _keep(self, origin: Origin, connection: http.client.HTTPConnection) -> None:
        idle = self._pools.get(origin)
        if idle is None:
            idle = self._pools.setdefault(origin, [])
        if len(idle) < _KEPT:
            idle.append((time.monotonic(), connection))
        else:
            connection.close()

    def _after_fork(self) -> None:
        _inherited.append(self._pools)
        self._finalizer.detach()
        self._pools = {}
        self._process = os.getpid()
        self._finalizer = weakref.finalize(self, _close, self._pools, self._process)

    def close(self) -> None:
        """Close the connections of this process; what is sent later opens new ones."""
        _close(self._pools, self._process)


#: among the headers of a reply: its connection ends with it
_ENDS: Final = ":ends"


def _exchange(sock: Any, head: bytes, send: Send, until: float) -> Outcome:
    """One request and its answer. TimeoutError when time is up, OSError and HTTPException when it breaks."""
    sock.settimeout(max(until - time.monotonic(), 0.001))
    refused = _sent(sock, head, send.body or b"")
    response = http.client.HTTPResponse(_Until(sock, until), method=send.method)  # type: ignore[arg-type]
    try:
        try:
            response.begin()
        except (OSError, http.client.HTTPException):
            if refused is not None:
                raise refused from None
            raise
        content = _read(response, send.limit)
        if content is None:
            return Failure("broken", TOO_LONG.format(send.limit))
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.will_close or refused is not None:
            headers[_ENDS] = ""
        return Reply(response.status, headers, content)
    finally:
        response.close()


def _sent(sock: Any, head: bytes, body: bytes) -> OSError | None:
    """Send it. What ended it early, when the server stopped reading: it may have answered already, that a body is too large."""
    try:
        if len(body) <= _PART:
            sock.sendall(head + body)
        else:
            sock.sendall(head)
            sock.sendall(body)
    except (BrokenPipeError, ConnectionResetError) as error:
        return error
    return None


def _read(response: http.client.HTTPResponse, limit: int) -> bytes | None:
    """The whole body; None when it is longer than the limit. IncompleteRead when it ends early."""
    length = response.length
    if length is not None:
        if length > limit:
            return None
        if length <= _PART:
            return response.read()
    parts: list[bytes] = []
    size = 0
    while part := response.read(_PART):
        parts.append(part)
        size += len(part)
        if size > limit:
            return None
    if length is not None and size < length:
        raise http.client.IncompleteRead(b"", length - size)
    return b"".join(parts)


class _Until(io.RawIOBase):
    """What HTTPResponse takes for a socket: reads of it end at a point in time, however slowly the bytes drip."""

    def __init__(self, sock: Any, until: float):
        self._sock = sock
        self._until = until

    def makefile(self, mode: str) -> io.BufferedReader:
        """The reader that the parser asks for; closing it leaves the socket open."""
        return io.BufferedReader(self, _PART)

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Bytes that are there, or that come in time."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        return int(self._sock.recv_into(buffer))


def _readable(sock: socket.socket | ssl.SSLSocket | None) -> bool:
    """Whether an idle connection has something to read, which is its end: a server does not speak first."""
    if sock is None:
        return True
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


def _close(pools: Pools, process: int) -> None:
    if os.getpid() != process:
        _inherited.append(dict(pools))
        return
    while pools:
        for _, connection in pools.popitem()[1]:
            connection.close()
