"""Whatever is sent to an edge, it answers or hangs up, and goes on answering others."""

import contextlib
import gzip
import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.fuzz.http.bodies import ROW
from tests.fuzz.http.check import Found, Tally, judge, run
from tests.fuzz.http.requests import Case, framed
from tests.integration.edge_security.workers import Worker, every_type, lenient, service, worker

PREDICT = "/v1/services/visits/predict"


@pytest.fixture(scope="module")
def edge() -> Iterator[Worker]:
    """A worker that gives up on slow clients after a second."""
    with worker(
        lambda home: [service("visits", every_type(), home=home), service("lenient", lenient(), home=home)],
        request_timeout=1.0,
        max_body=1 << 20,
        max_rows=500,
    ) as running:
        yield running


def answers(edge: Worker) -> int:
    """The status that a good request is answered with."""
    return edge.json("POST", PREDICT, ROW)[0]


def until_closed(connection: socket.socket, deadline: float) -> bytes:
    """What comes until the other side has ended the connection."""
    received = b""
    connection.settimeout(1.0)
    while time.monotonic() < deadline:
        try:
            part = connection.recv(1 << 16)
        except TimeoutError:
            continue
        except ConnectionError:
            return received
        if not part:
            return received
        received += part
    raise AssertionError(f"the connection is still open; received {received[:200]!r}")


def test_broken_requests_are_refused_without_a_fault_a_crash_or_a_line_of_log(edge: Worker) -> None:
    tally = Tally()
    run(edge.port, 2000, 20261121, tally)
    assert tally.sent == 2000
    assert set(tally.statuses) <= {200, 204, 400, 403, 404, 405, 408, 411, 413, 414, 415, 417, 421, 422, 431, 503}
    assert answers(edge) == 200
    assert [line for line in edge.log().splitlines() if '"error"' in line or "Traceback" in line] == []


def test_the_judge_of_the_above_finds_what_must_not_be() -> None:
    broken = Case("body", b"x", True)
    problem = b'{"type":"/problems/busy","title":"t","status":503,"detail":"d"}'
    judge(broken, 503, {"content-type": "application/problem+json", "retry-after": "1"}, problem)
    for status, headers, body in (
        (500, {}, b""),
        (503, {"content-type": "application/problem+json"}, problem),
        (503, {"content-type": "application/problem+json", "retry-after": "1"}, problem.replace(b"busy", b"internal")),
        (200, {"content-type": "application/json"}, b'{"a": NaN'),
        (400, {"content-type": "application/problem+json"}, b'{"type":"x"}'),
    ):
        with pytest.raises(Found):
            judge(broken, status, headers, body)


def test_slow_and_half_open_clients_do_not_keep_others_waiting_and_are_let_go(edge: Worker) -> None:
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
    begun = [
        *([head] * 40),  # a head that does not end
        *([head + b"Content-Length: 5000\r\n\r\n{"] * 40),  # a body that does not come
        *([head + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"] * 40),
        *([b"G"] * 40),
    ]
    slow = [socket.create_connection(("127.0.0.1", edge.port), 30) for _ in begun]
    try:
        for connection, data in zip(slow, begun, strict=True):
            connection.sendall(data)
        for byte in b"abcdef":  # each sends on, a byte at a time
            for connection in slow[:20] + slow[40:60]:
                with contextlib.suppress(ConnectionError):  # it was let go already
                    connection.sendall(bytes([byte]))
            assert answers(edge) == 200
        deadline = time.monotonic() + 30
        for connection in slow:
            received = until_closed(connection, deadline)
            assert received == b"" or received.split(b" ", 2)[1] in (b"400", b"408")
    finally:
        for connection in slow:
            connection.close()
    assert answers(edge) == 200


def test_a_client_that_does_not_read_its_answers_is_let_go_and_others_are_answered(edge: Worker) -> None:
    row = json.dumps(ROW).encode()
    many = framed("POST", PREDICT, b'{"rows":[' + b",".join([row] * 400) + b"]}", [("Content-Type", "application/json")])
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", edge.port))
    deaf.settimeout(1.0)
    with deaf:
        deadline = time.monotonic() + 30
        ended = False
        while not ended and time.monotonic() < deadline:
            try:
                deaf.sendall(many)
            except TimeoutError:
                pass
            except ConnectionError:
                ended = True
            assert answers(edge) == 200
        assert ended, "the edge goes on keeping answers for a client that does not read them"
    assert edge.memory() < 200e6


def test_a_body_may_have_so_many_bytes_and_rows_and_no_more(edge: Worker) -> None:
    status, problem = edge.json("POST", PREDICT, {"rows": [ROW] * 501})
    assert (status, problem["type"]) == (413, "/problems/too-many-rows")
    small = {"rows": [{"a": 1.0, "b": None}] * 6000}  # large enough to be read in the thread
    status, problem = edge.json("POST", "/v1/services/lenient/predict", small)
    assert (status, problem["type"]) == (413, "/problems/too-many-rows")
    status, problem = edge.json("POST", PREDICT, b"[" * ((1 << 20) + 1))
    assert (status, problem["type"]) == (413, "/problems/body-too-large")
    chunks = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", edge.port), 30) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(head + chunks * 40 + b"0\r\n\r\n")
        assert b" 413 " in until_closed(connection, time.monotonic() + 30)[:20]


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding : chunked",
        "Content-Length: +5",
        "Content-Length: 5\r\n Folded: x",
        "Content-Length: 5\nX: y",
    ],
)
def test_what_two_servers_might_frame_differently_is_refused_and_the_connection_ends(edge: Worker, head: str) -> None:
    data = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n\r\n".encode("latin-1")
    smuggled = b"0\r\n\r\nGET /v1/health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.create_connection(("127.0.0.1", edge.port), 30) as connection:
        connection.sendall(data + smuggled)
        received = until_closed(connection, time.monotonic() + 30)
    assert received.split(b" ", 2)[1] == b"400"
    assert received.count(b"HTTP/1.1 ") == 1


def test_an_answer_to_head_has_the_length_of_the_body_that_get_has(edge: Worker) -> None:
    status, headers, body = edge.request("HEAD", "/v1/services")
    assert (status, body) == (200, b"")
    assert headers["content-length"] == str(len(edge.request("GET", "/v1/services")[2]))
    with socket.create_connection(("127.0.0.1", edge.port), 30) as connection:
        connection.sendall(b"HEAD /v1/services HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        received = until_closed(connection, time.monotonic() + 30)
    assert received.lower().count(b"content-length") == 1


@pytest.mark.parametrize("framing", ["Content-Length: 1048576", "Transfer-Encoding: chunked"])
def test_bodies_that_are_promised_take_no_more_memory_together_than_they_may(edge: Worker, framing: str) -> None:
    head = f"POST {PREDICT} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{framing}\r\n\r\n".encode()
    part = b" " * 1_000_000
    begun = head + (part if "Length" in framing else b"%x\r\n%b\r\n" % (len(part), part))
    connections = [socket.create_connection(("127.0.0.1", edge.port), 30) for _ in range(24)]
    try:
        for connection in connections:
            connection.settimeout(0.5)
            with contextlib.suppress(ConnectionError, TimeoutError):
                connection.sendall(begun)
        assert answers(edge) == 200  # a small one is always taken
        received = [until_closed(connection, time.monotonic() + 30)[:12] for connection in connections]
        assert received.count(b"HTTP/1.1 503") >= 24 - 16 - 1
        assert set(received) <= {b"HTTP/1.1 503", b"HTTP/1.1 408", b""}
    finally:
        for connection in connections:
            connection.close()
    padded = json.dumps(ROW).encode() + b" " * 900_000  # all of it was given back
    assert {edge.json("POST", PREDICT, padded, {"Content-Type": "application/json"})[0] for _ in range(20)} == {200}


def test_compressed_bodies_are_answered_as_what_they_hold_and_hold_up_nobody(edge: Worker) -> None:
    coded = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    for padding, path, expected in (
        (10, PREDICT, 200),
        (900_000, PREDICT, 200),
        (900_000, f"{PREDICT}?nothing", 400),
        ((1 << 20) + 1, PREDICT, 413),
    ):
        packed = gzip.compress(json.dumps(ROW).encode() + b" " * padding)
        assert edge.json("POST", path, packed, coded)[0] == expected
    status, problem = edge.json("POST", PREDICT, gzip.compress(b"[" * 900_000), coded)
    assert (status, problem["type"]) == (400, "/problems/malformed-json")
    cut = gzip.compress(json.dumps(ROW).encode() + b" " * 900_000)[:-9]
    assert edge.json("POST", PREDICT, cut, coded)[0] == 400
    assert edge.json("POST", PREDICT, gzip.compress(b"") * 200, coded)[1]["type"] == "/problems/damaged-body"
