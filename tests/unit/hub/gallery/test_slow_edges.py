"""Edges that are slow, or never come to an end, keep nobody waiting but who tries them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from typing import Any

import pytest

from rtml_plugins.hub.gallery import asking
from tests.unit.hub.gallery.site import Site, Visitor, words
from tests.unit.hub.gallery.test_try_pages import PAGE, Answer, by_id, document, edge, server, tried


def test_an_edge_that_dribbles_is_not_listened_to_without_end(gallery: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, and all of them never would."""
    monkeypatch.setattr(asking, "_ANSWER", 0.5)
    for start in (b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "):
        with dribble(start) as url:
            edge(gallery, url)
            status, page = tried(gallery)
        assert status == 503
        assert "did not answer within 0.5 s" in words(by_id(page, "answer-part"))


@contextmanager
def dribble(start: bytes) -> Iterator[str]:
    """A server that sends a part of an answer, and then a byte ten times a second."""
    over = threading.Event()

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(start)
            try:
                while not over.wait(0.1):
                    connection.sendall(b"1")
            except OSError:  # nobody listens any more
                pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


def test_a_slow_edge_keeps_a_few_tries_waiting_and_nothing_else(gallery: Site) -> None:
    """Those that can't ask are told so at once, and other requests are answered meanwhile."""
    visitors = [gallery.visitor() for _ in range(12)]
    tokens = [visitor.csrf() for visitor in visitors]
    held, free, asked = threading.Semaphore(0), threading.Event(), []

    def answer(*_: Any) -> Answer:
        held.release()
        free.wait(60)
        return 200, document()

    def attempt(visitor: Visitor, token: str) -> None:
        asked.append(visitor.post(f"{PAGE}/try", {"v0": "3", "v1": "4"}, csrf=token))

    with server(answer, kind=ThreadingHTTPServer) as url:
        edge(gallery, url)
        threads = [threading.Thread(target=attempt, args=each) for each in zip(visitors, tokens, strict=True)]
        try:
            for thread in threads:
                thread.start()
            for _ in range(8):
                assert held.acquire(timeout=60)
            deadline = time.monotonic() + 20
            while len(asked) < 4 and time.monotonic() < deadline:
                time.sleep(0.02)
            assert len(asked) == 4, "more of them wait for the edge"
            assert gallery.client.get("/v1/health/live").status_code == 200
            assert gallery.client.get("/gallery").status_code == 200
        finally:
            free.set()
            for thread in threads:
                thread.join()
    assert sorted(one.status_code for one in asked) == [200] * 8 + [503] * 4
    assert {"8 others are trying services now" in one.text for one in asked if one.status_code == 503} == {True}
    with server(lambda *_: (200, document())) as url:  # their turns were given back
        edge(gallery, url)
        assert tried(gallery)[0] == 200
