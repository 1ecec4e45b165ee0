"""A real HTTP server that misbehaves on purpose: closes early, drips, hangs, answers nonsense."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.unit.client.world import SCORED


@dataclass
class Asked:
    """A request as it came. connection: the number of the connection it came on."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


#: what is done with a request: bytes are sent in turn, None closes the connection
Answer = Callable[[Asked], Iterator[bytes | None]]


@dataclass
class Server:
    """Answers with `answer`; remembers what it was asked."""

    answer: Answer
    asked: list[Asked] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    tls: ssl.SSLContext | None = None
    port: int = 0
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, listener: socket.socket) -> None:
        threads = []
        while not self.stopping.is_set():
            try:
                connection = listener.accept()[0]
            except OSError:
                break
            self.connections += 1
            thread = threading.Thread(target=self._connection, args=(connection, self.connections))
            thread.start()
            threads.append(thread)
        for thread in threads:
            thread.join()

    def _connection(self, connection: socket.socket, number: int) -> None:
        connection.settimeout(5 if self.tls else 0.05)
        if self.tls is not None:
            try:
                connection = self.tls.wrap_socket(connection, server_side=True)
            except OSError:  # whoever connects does not trust us
                connection.close()
                return
            connection.settimeout(0.05)
        with connection:
            stored = b""
            while not self.stopping.is_set():
                try:
                    stored, asked = self._request(connection, stored, number)
                    if asked is None:
                        return
                    self.asked.append(asked)
                    connection.settimeout(20)  # of a send to a client that reads slowly
                    for part in self.answer(asked):
                        if part is None or self.stopping.is_set():
                            return
                        connection.sendall(part)
                    connection.settimeout(0.05)
                except OSError:
                    return

    def _request(self, connection: socket.socket, stored: bytes, number: int) -> tuple[bytes, Asked | None]:
        while True:
            head, found, rest = stored.partition(b"\r\n\r\n")
            if found:
                first, *lines = head.decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
                length = int(headers.get("content-length", 0))
                if len(rest) >= length:
                    method, target, _ = first.split(" ")
                    return rest[length:], Asked(method, target, headers, rest[:length], number)
            try:
                got = connection.recv(65536)
            except TimeoutError:
                if self.stopping.is_set():
                    return stored, None
                continue
            if not got:
                return stored, None
            stored += got


def http(status: int, body: bytes, *headers: str) -> bytes:
    """A whole answer."""
    lines = [f"HTTP/1.1 {status} Any", f"Content-Length: {len(body)}", "Content-Type: application/json", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def scores(asked: Asked) -> Iterator[bytes]:
    """A prediction for each row; what asks for none gets one."""
    rows = json.loads(asked.body)["rows"] if asked.body else [{}]
    yield http(200, json.dumps({**SCORED, "predictions": [{"propensity": 0.25}] * len(rows)}).encode())


@contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None, kind: type[Server] = Server) -> Iterator[Server]:
    """The server, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = kind(answer, tls=tls)
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            with socket.socket() as knock:  # accept() does not notice that the listener is closed
                knock.connect(("127.0.0.1", server.port))
            thread.join()


def unused_address() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"
