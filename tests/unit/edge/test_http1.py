"""The HTTP/1.1 server: what it answers, byte by byte, and what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_plugins.edge import http1
from rtml_plugins.edge.exchange import Later, Request, Response
from rtml_plugins.edge.http1_body import Chunks
from rtml_plugins.edge.http1_head import Heads
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.problems import Problem

HEADERS = (("Content-Type", "text/plain"),)
POST = b"POST /a%%20b?q=1 HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b"


def echo(request: Request) -> Response:
    """Says what came."""
    told = f"{request.method} {request.path} {request.query} {request.headers.get('x-one')} {request.client} ".encode()
    return Response(200, HEADERS, told + request.body, "id-1")


@contextlib.asynccontextmanager
async def served(handle: Any = echo, **options: Any) -> AsyncIterator[tuple[http1.Server, int]]:
    one = http1.Server(handle, EdgeSettings(**{"home": "/nowhere", "region": "emea", "port": 0, "max_body": 1000, **options}))
    port = await one.start()
    try:
        yield one, port
    finally:
        await one.stop(1.0)


async def talk(port: int, *parts: bytes, eof: bool = True) -> bytes:
    """All that is answered to these bytes, sent one part after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.02 if len(parts) > 1 else 0)
        if eof:
            writer.write_eof()
        return await asyncio.wait_for(reader.read(), 20)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def answers(*parts: bytes, handle: Any = echo, **options: Any) -> bytes:
    """What a server of its own answers to one connection."""

    async def run() -> bytes:
        async with served(handle, **options) as (_, port):
            return await talk(port, *parts)

    return asyncio.run(run())


def bodies(answer: bytes) -> list[bytes]:
    """Bodies of the answers in the bytes of a connection, by their lengths."""
    found = []
    while answer:
        head, _, answer = answer.partition(b"\r\n\r\n")
        if b" 204 " in head.partition(b"\r\n")[0] + b" ":
            continue
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        found.append(answer[:length])
        answer = answer[length:]
    return found


async def later(request: Request) -> Response:
    await asyncio.sleep(0.01)
    return echo(request)


def queued(request: Request) -> Later:
    promise = Later()
    asyncio.get_running_loop().call_later(0.01, promise.resolve, echo(request))
    return promise


@pytest.mark.parametrize("handle", [echo, later, queued])
@pytest.mark.parametrize("cut", [(), (1,), (30,), (62,), (5, 40, 66)])
def test_requests_are_answered_in_order_however_they_are_cut(handle: Any, cut: tuple[int, ...]) -> None:
    sent = POST % (5, b"hello") + POST % (0, b"") + POST % (5, b"world") + POST % (5, b"hello")
    marks = [0, *cut, len(sent)]
    got = answers(*(sent[a:b] for a, b in itertools.pairwise(marks)), handle=handle)
    assert bodies(got) == [b"POST /a b q=1 None 127.0.0.1 " + body for body in (b"hello", b"", b"world", b"hello")]


def test_an_answer_says_what_it_is() -> None:
    got = answers(POST % (2, b"hi"))
    lines = got.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert lines[:3] == [b"HTTP/1.1 200 OK", b"Content-Type: text/plain", b"X-Request-Id: id-1"]
    assert any(line.startswith(b"Date: ") and line.endswith(b" GMT") for line in lines)
    assert b"Content-Length: 31" in lines


@pytest.mark.parametrize(
    "chunks",
    [
        b"5\r\nhello\r\n0\r\n\r\n",
        b"2;a=b\r\nhe\r\n3 \r\nllo\r\n00\r\nX: y\r\n\r\n",
        b"1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n",
    ],
)
def test_bodies_come_in_chunks(chunks: bytes) -> None:
    head = b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX-One: 1\r\n\r\n"
    sent = head + chunks + POST % (1, b"x")
    for parts in ((sent,), [sent[at : at + 1] for at in range(len(head), len(sent))]):
        got = answers(*((head, *parts) if len(parts) > 1 else parts))
        assert bodies(got) == [b"POST /c  1 127.0.0.1 hello", b"POST /a b q=1 None 127.0.0.1 x"]


def test_answers_of_other_statuses_may_share_their_headers() -> None:
    statuses = iter([200, 404, 200, 503])
    got = answers((POST % (0, b"")) * 4, handle=lambda request: Response(next(statuses), HEADERS, b"", "i"))
    assert [line.split()[1] for line in got.split(b"\r\n") if line.startswith(b"HTTP/1.1")] == [b"200", b"404", b"200", b"503"]


def test_the_head_of_get_is_its_answer_without_the_body() -> None:
    got = answers(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
    assert b"Content-Length: 23" in got
    assert got.endswith(b"\r\n\r\n")


def test_204_has_no_length() -> None:
    got = answers(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", handle=lambda request: Response(204, [("Allow", "GET")], b"", "i"))
    assert b"ontent-" not in got


@pytest.mark.parametrize("head", [b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n"])
def test_a_client_that_wants_to_go_is_let_go(head: bytes) -> None:
    async def run() -> bytes:
        async with served() as (_, port):
            return await talk(port, head, eof=False)

    assert b"Connection: close" in asyncio.run(run())


def test_a_client_that_waits_to_send_is_told_to() -> None:
    head = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
    got = answers(head, b"hi")
    assert got.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert got.endswith(b"hi")


def head(*lines: bytes, start: bytes = b"POST / HTTP/1.1") -> bytes:
    return b"\r\n".join([start, *lines, b"", b""])


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GARBAGE\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
        (head(start=b"PRI * HTTP/2.0"), 400),
        (head(), 400),
        (head(b"Host: h", b"Host: i"), 400),
        (head(b"Host: h", b"Content-Length: 1", b"Content-Length: 1"), 400),
        (head(b"Host: h", b"Content-Length: 1", b"Transfer-Encoding: chunked"), 400),
        (head(b"Host: h", b"Transfer-Encoding: gzip, chunked"), 400),
        (head(b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.0"), 400),
        (head(b"Host: h", b"Content-Length: +1"), 400),
        (head(b"Host: h", b"Content-Length: -1"), 400),
        (head(b"Host: h", b"Content-Length : 1"), 400),
        (head(b"Host: h", b" folded"), 400),
        (head(b"Host: h", b"X: a\nY: b"), 400),
        (head(b"Host: h", b"X: a\rb"), 400),
        (head(b"Host: h", b"X: \x00"), 400),
        (head(b"Host: h", b"Expect: cake"), 417),
        (head(b"Host: h", b"Content-Length: 1001"), 413),
        (head(b"Host: h", b"Content-Length: 999999999999999999999"), 400),
        (head(b"Host: h", *[b"X: y"] * 200), 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000, 431),
        (head(b"Host: h", start=b"GET no/slash HTTP/1.1"), 400),
        (head(b"Host: h", start=b"GET http://[ HTTP/1.1"), 400),
        (head(b"Host: h", b"Transfer-Encoding: chunked") + b"x\r\n", 400),
        (head(b"Host: h", b"Transfer-Encoding: chunked") + b"1\r\nab\r\n", 400),
        (head(b"Host: h", b"Transfer-Encoding: chunked") + b"3e9\r\n", 413),
        (head(b"Host: h", b"Transfer-Encoding: chunked") + b"1" * 300, 400),
        (head(b"Host: h", b"Transfer-Encoding: chunked") + b"0\r\n" + b"x" * 5000, 400),
    ],
)
def test_what_two_servers_could_read_differently_is_refused_and_nothing_after_it_is_read(sent: bytes, status: int) -> None:
    got = answers(sent + (POST % (1, b"x") if sent.endswith(b"\n") else b""))
    assert got.startswith(b"HTTP/1.1 %d " % status)
    assert got.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in got
    assert b'"type":"/problems/' in bodies(got)[0]


def test_a_target_may_be_a_url_and_names_come_in_any_case() -> None:
    got = answers(b"\r\n\r\nGET http://h/p?q HTTP/1.1\r\nhOST: h\r\nX-One: a\r\nx-one:\t b \r\n\r\n")
    assert bodies(got) == [b"GET /p q a, b 127.0.0.1 "]


def test_a_limit_holds_for_a_head_that_was_read_before() -> None:
    sent = POST % (1001, b"x" * 1001)
    for _ in range(2):
        assert answers(sent).startswith(b"HTTP/1.1 413 ")
    with pytest.raises(Problem, match="more than 10 bytes"):
        Heads(10).read(POST % (11, b""))


def test_what_is_remembered_is_bounded() -> None:
    heads = Heads(1000)
    for number in range(3000):
        heads.read(b"GET /%d HTTP/1.1\r\nHost: h\r\nX: %d\r\nY: %d\r\n\r\n" % (number, number, -number))
    assert len(heads.known) <= 512
    assert len(heads._fields) <= 4096


def waits(condition: Callable[[], bool]) -> Awaitable[None]:
    async def loop() -> None:
        while not condition():
            await asyncio.sleep(0.005)

    return asyncio.wait_for(loop(), 20)


def test_a_request_that_does_not_come_whole_is_told_so_and_others_go_on() -> None:
    async def run() -> tuple[bytes, bytes]:
        async with served(request_timeout=1.0) as (one, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe")
            other = await talk(port, POST % (1, b"x"))
            for _ in range(10):  # a byte now and then is not enough
                one.now += 1
                for connection in list(one.connections):
                    connection.check(one.now)
                await asyncio.sleep(0)
            slow = await asyncio.wait_for(reader.read(), 20)
            writer.close()
            await writer.wait_closed()
            return slow, other

    slow, other = asyncio.run(run())
    assert slow.startswith(b"HTTP/1.1 408 ")
    assert other.startswith(b"HTTP/1.1 200 ")


def test_an_idle_connection_ends_after_a_while() -> None:
    async def run() -> bytes:
        async with served() as (one, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await waits(lambda: bool(one.connections))
            for connection in list(one.connections):
                connection.check(one.now + http1.KEEP_ALIVE)
                connection.check(one.now + http1.KEEP_ALIVE + 1)
            got = await asyncio.wait_for(reader.read(), 20)
            writer.close()
            await writer.wait_closed()
            return got

    assert asyncio.run(run()) == b""


def test_a_client_that_does_not_read_its_answers_is_dropped() -> None:
    big = Response(200, HEADERS, b"x" * 500_000, "i")

    async def run() -> None:
        async with served(lambda request: big, request_timeout=2.0) as (one, port):
            client = socket.create_connection(("127.0.0.1", port))
            try:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.sendall((POST % (0, b"")) * 100)
                await waits(lambda: any(c._full_since is not None for c in one.connections))
                for connection in list(one.connections):
                    connection.check(one.now + 10)
                await waits(lambda: not one.connections)
            finally:
                client.close()

    asyncio.run(run())


def test_stopping_finishes_what_is_being_answered_and_ends_what_is_idle() -> None:
    async def run() -> tuple[bytes, bytes]:
        promise = Later()
        async with served(lambda request: promise) as (one, port):
            idle, idle_writer = await asyncio.open_connection("127.0.0.1", port)
            busy = asyncio.create_task(talk(port, POST % (1, b"x"), eof=False))
            await waits(lambda: any(c._busy for c in one.connections))
            stopping = asyncio.create_task(one.stop(10.0))
            nothing = await asyncio.wait_for(idle.read(), 20)
            promise.resolve(Response(200, HEADERS, b"done", "i"))
            answer = await busy
            await stopping
            idle_writer.close()
            await idle_writer.wait_closed()
            return nothing, answer

    nothing, answer = asyncio.run(run())
    assert nothing == b""
    assert bodies(answer) == [b"done"]
    assert b"Connection: close" in answer


def test_a_client_that_is_gone_takes_nobody_with_it() -> None:
    async def run() -> bytes:
        promises: list[Later] = []

        def handle(request: Request) -> Any:
            if request.path == "/now":
                return echo(request)
            promises.append(Later())
            return promises[-1]

        async with served(handle) as (one, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            reset = struct.pack("ii", 1, 0)  # closed with a reset, not with an end
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            writer.write(POST % (1, b"x"))
            await waits(lambda: bool(promises))
            writer.transport.abort()
            promises[0].resolve(Response(200, HEADERS, b"nobody", "i"))
            await waits(lambda: not one.connections)
            return await talk(port, b"GET /now HTTP/1.1\r\nHost: h\r\n\r\n")

    assert b"GET /now" in asyncio.run(run())


def test_a_handler_that_fails_later_is_a_500() -> None:
    async def fails(request: Request) -> Response:
        raise RuntimeError("inside")

    got = answers(POST % (0, b""), handle=fails)
    assert got.startswith(b"HTTP/1.1 500 ")
    assert b"inside" not in got


def test_more_connections_than_are_held_are_told_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "MAX_CONNECTIONS", 1)

    async def run() -> bytes:
        async with served() as (one, port):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            await waits(lambda: bool(one.connections))
            got = await talk(port, eof=False)
            writer.close()
            await writer.wait_closed()
            return got

    got = asyncio.run(run())
    assert got.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1" in got


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=40), max_size=6), st.data())
def test_chunks_come_back_as_the_body_however_they_are_cut(parts: list[bytes], data: st.DataObject) -> None:
    sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n" + b"next"
    chunks, buffer, body = Chunks(1000), bytearray(), None
    at = 0
    while at < len(sent) and body is None:
        step = data.draw(st.integers(1, 20))
        buffer += sent[at : at + step]
        at += step
        body = chunks.take(buffer)
    assert body == b"".join(parts)
    assert bytes(buffer) + sent[at:] == b"next"


@settings(max_examples=100)
@given(st.binary(max_size=80) | st.text(alphabet="GET /%20?HTP1.0:\r\n xhost", max_size=60).map(str.encode))
def test_no_bytes_do_more_than_raise_a_problem(data: bytes) -> None:
    with contextlib.suppress(Problem):
        Heads(100).read(data + b"\r\n\r\n")
    with contextlib.suppress(Problem):
        Chunks(100).take(bytearray(data))


@pytest.mark.parametrize("handle", [echo, queued])
def test_what_comes_after_a_refusal_is_no_request_even_if_its_head_is_known(handle: Any) -> None:
    seen: list[bytes] = []

    def noted(request: Request) -> Any:
        seen.append(request.body)
        return handle(request)

    async def run() -> bytes:
        wrong: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))
        async with served(noted) as (_, port):
            await talk(port, POST % (5, b"first"))
            got = await talk(port, head(b"Host: h", b"Content-Length: 99999"), POST % (5, b"evil!"))
        assert wrong == []
        return got

    got = asyncio.run(run())
    assert got.startswith(b"HTTP/1.1 413 ")
    assert got.count(b"HTTP/1.1") == 1
    assert seen == [b"first"]


@pytest.mark.parametrize("handle", [echo, queued])
def test_requests_sent_ahead_wait_while_their_answers_are_not_taken(handle: Any) -> None:
    def large(request: Request) -> Any:
        answer = handle(request)
        if isinstance(answer, Later):
            answer = Later()
            asyncio.get_running_loop().call_soon(answer.resolve, Response(200, HEADERS, b"x" * 100_000, "i"))
            return answer
        return answer._replace(body=b"x" * 100_000)

    async def run() -> None:
        async with served(large) as (server, port):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            writer.write(POST % (0, b"") * 500)
            await asyncio.sleep(0.3)
            (connection,) = server.connections
            assert connection._transport.get_write_buffer_size() < 1_000_000
            writer.transport.resume_reading()  # type: ignore[attr-defined]
            writer.write_eof()
            assert bodies(await asyncio.wait_for(reader.read(), 20)) == [b"x" * 100_000] * 500
            writer.close()

    asyncio.run(run())


def test_a_body_of_tiny_chunks_takes_no_more_memory_than_another() -> None:
    chunks, sent = Chunks(1 << 20), bytearray(b"2\r\nab\r\n" * 50_000)
    tracemalloc.start()
    try:
        assert chunks.take(sent) is None
        assert tracemalloc.get_traced_memory()[0] < 300_000
    finally:
        tracemalloc.stop()
