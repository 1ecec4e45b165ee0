"""Sending broken requests, and what may come back: an answer that HTTP and rtml can explain, or a closed connection."""

from __future__ import annotations

import json
import socket
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from tests.fuzz.http.requests import Case, case

#: longest wait for an answer in seconds
PATIENCE = 30.0
#: statuses above 499 that mean "not now", by their problem's kind
DELIBERATE = {503: {"busy"}}


class Found(AssertionError):
    """An answer that must not be."""


@dataclass
class Tally:
    """What was sent and what came."""

    kinds: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    closed: int = 0

    @property
    def sent(self) -> int:
        return sum(self.kinds.values())

    def __str__(self) -> str:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in sorted(self.kinds.items()))
        statuses = ", ".join(f"{status}: {count:,}" for status, count in sorted(self.statuses.items()))
        return f"{self.sent:,} requests ({kinds}); answers {statuses}; closed without an answer {self.closed:,}"


class Sender:
    """Sends cases to a port, over one connection as long as the frames are right."""

    def __init__(self, port: int):
        self._port = port
        self._socket: socket.socket | None = None
        self._buffer = b""

    def close(self) -> None:
        """Close the connection that is kept."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._buffer = b""

    def send(self, broken: Case, tally: Tally) -> None:
        """Send one case; Found when the answer is none that may be."""
        tally.kinds[broken.kind] += 1
        if broken.framed:
            self._kept(broken, tally)
        else:
            self._alone(broken, tally)

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port), PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _kept(self, broken: Case, tally: Tally) -> None:
        for attempt in range(2):
            fresh = self._socket is None
            if self._socket is None:
                self._socket = self._connect()
            try:
                self._socket.sendall(broken.data)
                status, close = self._answer(broken)
            except (ConnectionError, BrokenPipeError, EOFError):
                self.close()
                if fresh or attempt:
                    tally.closed += 1
                    return
                continue
            tally.statuses[status] += 1
            if close:
                self.close()
            return

    def _answer(self, broken: Case) -> tuple[int, bool]:
        """(status, whether the connection ends) of the next answer on the kept connection."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status, headers = parsed(head)
        length = 0 if status in (204, 304) else int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        judge(broken, status, headers, body)
        return status, headers.get("connection", "").lower() == "close"

    def _more(self) -> None:
        assert self._socket is not None
        part = self._socket.recv(1 << 16)
        if not part:
            raise EOFError
        self._buffer += part

    def _alone(self, broken: Case, tally: Tally) -> None:
        """A connection of its own: everything is sent, then the end, and whatever comes is read to its end."""
        received = b""
        with self._connect() as connection:
            try:
                connection.sendall(broken.data)
                connection.shutdown(socket.SHUT_WR)
                while part := connection.recv(1 << 16):
                    received += part
            except TimeoutError:
                raise Found(
                    f"no end after {PATIENCE:g} s: {broken.kind}: {broken.data[:300]!r}; received {received[:300]!r}"
                ) from None
            except ConnectionError:
                pass
        if not received.startswith(b"HTTP/"):
            tally.closed += 1
            return
        while received.startswith(b"HTTP/"):
            head, _, received = received.partition(b"\r\n\r\n")
            status, headers = parsed(head)
            length = int(headers.get("content-length", "0")) if status not in (100, 204, 304) else 0
            body, rest = received[:length], received[length:]
            tally.statuses[status] += 1
            if (len(body) == length and headers.get("content-length") is not None) or status >= 500:
                judge(broken, status, headers, body)
            received = rest if status == 100 or headers.get("content-length") is not None else b""


def parsed(head: bytes) -> tuple[int, dict[str, str]]:
    """(status, headers by lower-case name) of the head of an answer."""
    line, *lines = head.split(b"\r\n")
    parts = line.split(b" ", 2)
    if len(parts) < 2 or not parts[1].isdigit():
        raise Found(f"no status line: {line[:200]!r}")
    pairs = (text.decode("latin-1").partition(":") for text in lines)
    return int(parts[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


def judge(broken: Case, status: int, headers: dict[str, str], body: bytes) -> None:
    """Found unless an answer is one that may be given to a broken request."""
    where = f"{broken.kind}: {broken.data[:2000]!r} -> {status} {headers} {body[:500]!r}"
    kind = headers.get("content-type", "")
    document = None
    if "json" in kind and body:
        try:
            document = json.loads(body.decode("utf-8"))
        except ValueError:
            raise Found(f"the answer says it is JSON and is not: {where}") from None
    if status >= 500:
        deliberate = isinstance(document, dict) and str(document.get("type", "")).rpartition("/")[2] in DELIBERATE.get(status, ())
        if not deliberate or (status == 503 and "retry-after" not in headers):
            raise Found(f"a fault of the server: {where}")
    if status >= 400 and body and kind == "application/problem+json":
        missing = {"type", "title", "status", "detail"} - set(document or {})
        if missing or document["status"] != status:  # type: ignore[index]
            raise Found(f"no problem document: {where}")


def run(port: int, count: int, seed: int, tally: Tally) -> None:
    """Send so many broken requests; Found names the one that was answered wrongly."""
    random = Random(seed)
    sender = Sender(port)
    try:
        for number in range(count):
            broken = case(random)
            try:
                sender.send(broken, tally)
            except Found as found:
                raise Found(f"seed {seed}, request {number}: {found}") from None
    finally:
        sender.close()
