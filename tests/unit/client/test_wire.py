"""Connections: TLS, proxies, long and odd answers, servers that answer early, an interrupted wait."""

from __future__ import annotations

import base64
import json
import os
import signal
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rtml_core.client import Client, EdgeAway, HubAway, Refused
from tests.unit.client.misbehaving import Asked, Server, http, scores, serving
from tests.unit.client.test_shells import ROW, Waiting, answering
from tests.unit.client.world import SCORED


@pytest.fixture(params=[Client, Waiting])
def shell(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, private = folder / "cert.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(private), "-out", str(cert)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        if "CI" in os.environ:
            raise
        pytest.skip("openssl is not here: apt-get install openssl")
    return cert, private


def over_tls(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def at_localhost(server: Server) -> str:
    return f"https://localhost:{server.port}"


def test_tls_with_an_authority_of_ones_own(shell: Any, certificate: tuple[Path, Path]) -> None:
    with serving(scores, over_tls(certificate)) as server, shell(edges=[at_localhost(server)], ca=certificate[0]) as client:
        assert [client.predict("churn", ROW)["propensity"] for _ in range(5)] == [0.25] * 5
        assert len(client.predict("churn", [ROW] * 2000)) == 2000
    assert {asked.connection for asked in server.asked} == {1}


def test_a_certificate_that_nobody_vouches_for_is_refused(shell: Any, certificate: tuple[Path, Path]) -> None:
    with serving(scores, over_tls(certificate)) as server, shell(edges=[at_localhost(server)], retries=0) as client:
        with pytest.raises(EdgeAway, match="its certificate is not trusted"):
            client.predict("churn", ROW)
        assert server.asked == []
    with serving(scores, over_tls(certificate)) as server:
        other = f"https://127.0.0.1:{server.port}"
        with shell(edges=[other], ca=certificate[0], retries=0) as client, pytest.raises(EdgeAway, match="certificate is not"):
            client.predict("churn", ROW)
        assert server.asked == []


def test_a_proxy_is_asked_for_other_machines_only(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(scores) as proxy, serving(scores) as here:
        for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTP_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//me:s%20same@"))
        with shell(edges=["http://edge.example:81/base"]) as client:
            assert client.predict("churn", ROW)["propensity"] == 0.25
        with shell(edges=[here.url]) as client:
            client.predict("churn", ROW)
    (asked,) = proxy.asked
    assert asked.target == "http://edge.example:81/base/v1/services/churn/predict"
    assert asked.headers["host"] == "edge.example:81"
    assert base64.b64decode(asked.headers["proxy-authorization"].removeprefix("Basic ")) == b"me:s same"
    assert len(here.asked) == 1


def test_through_a_proxy_tls_goes_in_a_tunnel(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering(http(403, b""))) as proxy:
        for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("https_proxy", proxy.url)
        with shell(edges=["https://edge.example"], key="rtml_secret", retries=0) as client, pytest.raises(EdgeAway, match="403"):
            client.predict("churn", ROW)
    assert {(asked.method, asked.target) for asked in proxy.asked} == {("CONNECT", "edge.example:443")}
    assert "authorization" not in proxy.asked[0].headers


@pytest.mark.parametrize("form", ["length", "chunked", "until it closes"])
@pytest.mark.parametrize("rows", [1, 20_000])
def test_answers_of_every_form_and_length(shell: Any, form: str, rows: int) -> None:
    body = json.dumps({**SCORED, "predictions": [{"propensity": 0.25}] * rows}).encode()

    def answer(asked: Asked) -> Iterator[bytes | None]:
        if form == "length":
            yield http(200, body)
        elif form == "chunked":
            yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            for at in range(0, len(body), 999):
                part = body[at : at + 999]
                yield b"%x\r\n" % len(part) + part + b"\r\n"
            yield b"0\r\n\r\n"
        else:
            yield b"HTTP/1.0 200 OK\r\n\r\n" + body
            yield None

    with serving(answer) as server, shell(edges=[server.url], retries=0) as client:
        for _ in range(3):
            assert len(client.predict("churn", [ROW] * rows)) == rows
    assert len({asked.connection for asked in server.asked}) == (3 if form == "until it closes" else 1)


def test_a_package_that_is_refused_before_it_is_read(shell: Any) -> None:
    """The server answers from the size alone and closes; the client, still sending, hears the answer or the end."""
    detail = {"type": "/problems/too-large", "detail": "At most 1 MB."}

    class Early(Server):
        def _request(self, connection: Any, stored: bytes, number: int) -> tuple[bytes, Asked | None]:
            while b"\r\n\r\n" not in stored:
                stored += connection.recv(65536)
            return b"", Asked("POST", "/", {}, b"", number)

    def answer(asked: Asked) -> Iterator[bytes | None]:
        yield http(413, json.dumps(detail).encode(), "Connection: close")
        yield None

    with (
        serving(answer, kind=Early) as server,
        shell(server.url, retries=0) as client,
        pytest.raises((Refused, HubAway)) as caught,
    ):
        client.publish(b"x" * 30_000_000, "churn", wait=False)
    assert "At most 1 MB" in str(caught.value) or "broke off" in str(caught.value)


def test_a_wait_that_is_interrupted_leaves_no_answer_for_the_next_request() -> None:
    go = threading.Event()

    def answer(asked: Asked) -> Iterator[bytes | None]:
        if asked.headers.get("x-request-id") == "slow":
            go.wait(20)
            yield http(200, json.dumps({**SCORED, "version": 666}).encode())
        else:
            yield from scores(asked)

    class Stopped(Exception):
        pass

    def stop(number: int, frame: Any) -> None:
        raise Stopped

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        with serving(answer) as server, Client(edges=[server.url]) as client:
            client.predict("churn", ROW)

            def interrupt() -> None:
                while len(server.asked) < 2:
                    time.sleep(0.01)
                os.kill(os.getpid(), signal.SIGUSR1)

            thread = threading.Thread(target=interrupt)
            thread.start()
            with pytest.raises(Stopped):
                client.predict("churn", ROW, request_id="slow")
            thread.join()
            go.set()
            assert [client.predict("churn", ROW).version for _ in range(3)] == [3, 3, 3]
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_connection_that_idled_while_the_server_went_is_not_used() -> None:
    closing = threading.Event()

    def answer(asked: Asked) -> Iterator[bytes | None]:
        yield from scores(asked)
        if asked.connection == 1:
            closing.set()
            yield None

    with serving(answer) as server, Client(edges=[server.url], retries=0) as client:
        client.predict("churn", ROW)
        closing.wait(20)
        time.sleep(0.05)
        client.predict("churn", ROW)
    assert [asked.connection for asked in server.asked] == [1, 2]
