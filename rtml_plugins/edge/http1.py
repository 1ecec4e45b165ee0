"""An HTTP/1.1 server (RFC 9112) for one process: bytes of connections to requests, responses to bytes.

Written because a request that is scored in microseconds costs a general server more than itself: see docs/decisions/server. It is
strict where proxies and servers are known to differ, and it bounds what a client may take: heads, bodies, time, connections.
Limits in time are looked at once a second for all connections, so that a request sets no timer.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Final

from rtml_plugins.edge import limits
from rtml_plugins.edge.exchange import Handler, Headers, Later, Request, Response
from rtml_plugins.edge.http1_body import Budget, Chunks
from rtml_plugins.edge.http1_head import MAX_HEAD, Head, Heads
from rtml_plugins.edge.predict import new_id, problem_of, problem_response
from rtml_plugins.edge.refusals import refusals
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.v2 import errors
from rtml_plugins.serving.problems import Problem

#: connections that one process holds; more are told to come back
MAX_CONNECTIONS: Final = 10_000
#: seconds that a connection may be idle between requests
KEEP_ALIVE: Final = 75
#: seconds that a client whose request was refused has to read why
_LINGER: Final = 2
#: bodies of the largest size that one process takes at a time, or smaller ones of as many bytes; _SMALL bytes are free
_BODIES: Final = 16
_SMALL: Final = 16 << 10
#: bytes that a client may send ahead while its request is answered
_AHEAD: Final = 64 << 10
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}
#: heads of answers, by the identity of their tuple of headers, which is kept so that no other takes its identity
_written: Final[dict[int, tuple[Any, int, bytes]]] = {}


class Server:
    """Listens, and keeps the connections. handle: answers requests; never raises. admit: raises a Problem for headers of a
    request whose body, a larger one, need not be read.

    now: seconds since it started, whole; what limits in time are measured in. stopping: answers end their connection.
    """

    def __init__(self, handle: Handler, settings: EdgeSettings, admit: Callable[[Headers], object] | None = None):
        self.handle = handle
        self.admit = admit
        self.settings = settings
        self.heads = Heads(settings.max_body)
        self.budget = Budget(_BODIES * settings.max_body)
        self.connections: set[Connection] = set()
        self.now = 0
        self.date = b""
        self.stopping = False
        self.timeout = max(1, round(settings.request_timeout))
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def start(self, *, reuse_port: bool = True, backlog: int = 2048) -> int:
        """Listen at the address of the settings; the port. Raises OSError."""
        settings = self.settings
        loop = asyncio.get_running_loop()
        context = tls(settings.tls_cert, settings.tls_key)
        self._server = await loop.create_server(
            lambda: Connection(self),
            settings.host,
            settings.port,
            reuse_port=reuse_port or None,
            backlog=backlog,
            ssl=context,
            ssl_handshake_timeout=None if context is None else self.timeout,
        )
        self._tick()
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self, grace: float) -> None:
        """Take no more connections, finish what is being answered, for `grace` seconds at most, and end all connections."""
        self.stopping = True
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.end_when_idle()
        until = asyncio.get_running_loop().time() + grace
        while self.connections and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.01)
        for connection in list(self.connections):
            connection.abort()
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.sleep(0)  # transports that were aborted tell their connections in the next turn

    def _tick(self) -> None:
        """Once a second: the date of answers, and what has taken too long."""
        self.now += 1
        self.date = f"Date: {formatdate(time.time(), usegmt=True)}\r\n".encode()
        for connection in list(self.connections):
            connection.check(self.now)
        refusals.flush()
        self._timer = asyncio.get_running_loop().call_later(1.0, self._tick)


def tls(cert: str | None, key: str | None) -> ssl.SSLContext | None:
    """TLS 1.2 or newer with a certificate in PEM form; None without one. Raises OSError and ssl.SSLError."""
    if cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(cert, key)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection(asyncio.Protocol):
    """One connection: reads requests one after the other, answers them in their order."""

    # fmt: off
    __slots__ = (
        "_buffer", "_busy", "_chunks", "_client", "_close", "_eof", "_full_since", "_handle", "_head", "_held", "_known",
        "_refused_at", "_server", "_since", "_task", "_tls", "_transport", "_write",
    )
    # fmt: on

    def __init__(self, server: Server):
        self._server = server
        self._handle = server.handle
        self._known = server.heads.known
        self._transport: Any = None
        self._write: Any = None
        self._tls = False
        self._client = ""
        self._buffer = bytearray()
        self._head: Head | None = None  # of the request whose body is being read, or that is being answered
        self._chunks: Chunks | None = None
        self._held = 0  # bytes of the budget
        self._busy = False  # a request is being answered
        self._close = False  # end with the answer
        self._since = server.now  # of the first byte of the request that is being read, or of the end of the last answer
        self._eof = False  # the client sends no more
        self._full_since: int | None = None  # since when the client does not read
        self._refused_at: int | None = None  # when it was told to go; what it still sends is thrown away
        self._task: asyncio.Task[None] | None = None

    # ---- called by the event loop ---------------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._write = transport.write
        self._tls = transport.get_extra_info("sslcontext") is not None
        peer = transport.get_extra_info("peername")
        self._client = peer[0] if isinstance(peer, tuple) else ""
        server = self._server
        server.connections.add(self)
        if len(server.connections) > MAX_CONNECTIONS or server.stopping:
            self._refuse(limits.busy("it holds all the connections that it can", 1))

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._let_go()
        self._transport = None
        self._close = True
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        if not self._buffer and self._head is None:
            at = data.find(b"\r\n\r\n") + 4
            head = self._known.get(data[:at])
            if head is not None and len(data) == at + head.length:
                self._head = head
                self._answer(head, data[at:])
                return
        if self._refused_at is not None:
            return
        if not self._buffer and self._head is None:
            self._since = self._server.now
        self._buffer += data
        if not self._busy:
            self._read()
        elif len(self._buffer) > _AHEAD:
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        """The client sends no more; it may wait for the answer, except over TLS, where that can't be."""
        self._eof = True
        return (self._busy or self._full_since is not None) and not self._tls

    def pause_writing(self) -> None:
        self._full_since = self._server.now
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._full_since = None
        if not self._busy:
            self._go_on()

    # ---- called by the server --------------------------------------------------------------------------------------

    def check(self, now: int) -> None:
        """End the connection when it has taken too long: to send a request, to take an answer, or to ask for something."""
        timeout = self._server.timeout
        if self._refused_at is not None:
            if now - self._refused_at > _LINGER:
                self.abort()
        elif self._full_since is not None and now - self._full_since > timeout:
            self.abort()
        elif self._busy:
            return
        elif self._buffer or self._head is not None:
            if now - self._since > timeout:
                self._refuse(limits.too_slow(timeout))
        elif now - self._since > KEEP_ALIVE:
            self._transport.close()

    def end_when_idle(self) -> None:
        """End now when nothing is being read or answered, else with the answer."""
        self._close = True
        if not self._busy and not self._buffer and self._head is None:
            self._transport.close()

    def abort(self) -> None:
        """End at once."""
        if self._transport is not None:
            self._transport.abort()

    # ---- requests ---------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        """Answer as many requests of the buffer as there are whole, until one has to wait or the client does not take answers."""
        try:
            while not self._busy and self._full_since is None and not self._close_now():
                if self._head is None and not self._read_head():
                    return
                body = self._read_body()
                if body is None:
                    return
                assert self._head is not None
                self._answer(self._head, body)
        except Problem as problem:
            self._refuse(problem)

    def _close_now(self) -> bool:
        return self._transport is None or self._transport.is_closing() or self._refused_at is not None

    def _read_head(self) -> bool:
        buffer = self._buffer
        while buffer[:2] == b"\r\n":  # empty lines before a request are to be ignored
            del buffer[:2]
        if not buffer:
            return False
        at = buffer.find(b"\r\n\r\n")
        if at < 0 or at > MAX_HEAD:
            if len(buffer) > MAX_HEAD:
                raise Problem(431, "head-too-large", f"the head of the request has more than {MAX_HEAD:,} bytes")
            return False
        head = self._server.heads.read(bytes(buffer[: at + 4]))
        del buffer[: at + 4]
        self._head = head
        self._chunks = Chunks(self._server.settings.max_body) if head.length < 0 else None
        self._admit(head)
        if head.expects and not buffer:
            self._write(_CONTINUE)
        return True

    def _read_body(self) -> bytes | None:
        """The body when it is whole."""
        assert self._head is not None
        if self._chunks is not None:
            body = self._chunks.take(self._buffer)
            self._hold(self._chunks.size)
            return body
        length = self._head.length
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _admit(self, head: Head) -> None:
        """Before a larger body is read: Problem when its client may not, or when there is no memory for it."""
        if self._server.admit is not None and (head.length > _SMALL or head.length < 0):
            self._server.admit(head.headers)
        self._hold(head.length)

    def _hold(self, size: int) -> None:
        """Take so many bytes of the budget, with those that are held. Problem 503 when others have them."""
        if size > max(self._held, _SMALL):
            self._server.budget.take(size - self._held)
            self._held = size

    def _let_go(self) -> None:
        if self._held:
            self._server.budget.give(self._held)
            self._held = 0

    def _answer(self, head: Head, body: bytes) -> None:
        answer = self._handle(Request(head.method, head.path, head.query, head.headers, body, self._client))
        if type(answer) is Response:
            self._send(answer)
            return
        self._busy = True
        if isinstance(answer, Later):
            answer.then(self._later)
        else:
            self._task = asyncio.get_running_loop().create_task(self._wait(answer))

    async def _wait(self, answer: Any) -> None:
        try:
            response = await answer
        except Exception as error:
            response = problem_response(problem_of(error), new_id())
        self._task = None
        self._later(response)

    def _later(self, response: Response) -> None:
        self._busy = False
        if self._transport is None:  # the client is gone
            return
        self._send(response)
        self._go_on()

    def _go_on(self) -> None:
        """Read what the client sent ahead, and then take more from it, unless it has to wait for something again."""
        if self._buffer and self._transport is not None:
            self._since = self._server.now
            self._read()
        if self._transport is None or self._busy or self._full_since is not None:
            return
        if self._eof:
            self._transport.close()
        else:
            self._transport.resume_reading()

    # ---- responses ----------------------------------------------------------------------------------------------------

    def _send(self, response: Response) -> None:
        head = self._head
        self._head = None
        self._let_go()
        self._since = self._server.now
        status, headers, body, identity = response
        entry = _written.get(id(headers))
        known = entry is not None and entry[0] is headers and entry[1] == status
        start = entry[2] if known else _start(status, headers)  # type: ignore[index]
        if self._close or (head is not None and head.close) or self._server.stopping:
            self._close = True
            self._known = {}  # what comes after this is no request, also when it looks like one
            start += b"Connection: close\r\n"
        if status in (204, 304):  # RFC 9110, section 8.6: no length, or that of the body which is not sent
            self._write(b"%bX-Request-Id: %b\r\n%b\r\n" % (start, identity.encode(), self._server.date))
        else:
            length = len(body)
            if head is not None and head.method == "HEAD":
                body = b""
            self._write(
                b"%bX-Request-Id: %b\r\n%bContent-Length: %d\r\n\r\n%b"
                % (start, identity.encode(), self._server.date, length, body)
            )
        if self._close and self._refused_at is None:
            self._transport.close()

    def _refuse(self, problem: Problem) -> None:
        """Answer what could not be read as a request, and end the connection: where the next one begins is unknown.

        It is closed in both directions only when the client has closed it, or a little later: closed with bytes unread, it
        would be reset, and the client might never see the answer.
        """
        self._close = True
        target = self._head.path if self._head is not None else self._buffer[:16].decode("latin-1").partition(" ")[2]
        self._buffer.clear()
        if self._transport is None or self._transport.is_closing():
            return
        self._refused_at = self._server.now
        identity = new_id()
        # clients of the Open Inference Protocol read errors of another form only
        below_v2 = target.startswith(errors.PREFIX)
        response = errors.respond(problem, None, identity) if below_v2 else problem_response(problem, identity)
        if self._head is not None:
            refusals.note(Request(self._head.method, target, "", self._head.headers, b"", self._client), response)
        self._send(response)
        if not self._tls:
            self._transport.write_eof()


def _start(status: int, headers: Any) -> bytes:
    """Status line and headers of an answer; remembered for tuples, which are the same object for many answers."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n"]
    for name, value in headers:
        if "\r" in value or "\n" in value:
            raise ValueError(f"the header {name} holds a line break")
        lines.append(f"{name}: {value}\r\n")
    start = "".join(lines).encode("latin-1", "replace")
    if type(headers) is tuple:
        if len(_written) >= 1024:
            _written.clear()
        _written[id(headers)] = (headers, status, start)
    return start
