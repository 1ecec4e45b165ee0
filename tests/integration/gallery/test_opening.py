"""`rtml gallery open` against real hubs, and what a real server lets through to the pages."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from rtml_core.client import Client
from rtml_core.testing import Cli
from tests.integration.hub.process import DEADLINE, asked, hub, key
from tests.unit.hub.gallery.site import tree, words


@pytest.fixture(scope="module")
def raw_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an open hub."""
    with hub(tmp_path_factory.mktemp("raw") / "home") as running:
        yield running.port


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, private = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*made, *named, "-keyout", private, "-out", cert], check=True, capture_output=True)
    return cert, private


def opened(*options: str, **environment: str) -> tuple[str, str]:
    """(stdout, stderr) of `rtml gallery open`."""
    command = [sys.executable, "-m", "rtml_core.cli", "gallery", "open", *options]
    done = subprocess.run(
        command, env={**os.environ, "DISPLAY": "", **environment}, capture_output=True, text=True, timeout=DEADLINE, check=True
    )
    return done.stdout, done.stderr


def followed(client: httpx.Client, address: str) -> httpx.Response:
    """Open a link in a browser that sends what the button of its page does."""
    page = client.get(address)
    form = tree(page).find(".//main//form")
    assert form is not None, page.text
    fields = {field.get("name", ""): field.get("value", "") for field in form.iter("input")}
    return client.post(str(page.url.join(form.get("action", ""))), data=fields)


def browser(folder: Path) -> tuple[str, Path]:
    """(value of BROWSER, a file) of a program that writes what it is asked to show into the file."""
    program, shown = folder / "browser", folder / "shown.txt"
    program.write_text(f'#!/bin/sh\necho "$1" > {shown}\n')
    program.chmod(0o755)
    return f"{program} %s", shown


def test_the_command_opens_the_gallery_of_a_hub_with_keys(tmp_path: Path) -> None:
    with hub(tmp_path / "home") as running:
        address = f"{running.url}/gallery"
        assert opened("--no-browser", RTML_HUB=running.url) == (f"{address}\n", "")
        with asked(running) as client:
            assert client.get("/gallery").status_code == 200
        admin = key(running.home, "admin")["Authorization"].removeprefix("Bearer ")
        program, shown = browser(tmp_path)
        out, err = opened("--hub", running.url, RTML_API_KEY=admin, BROWSER=program)
        assert err == "It opens the gallery once, within 90 seconds\n"
        assert shown.read_text() == out
        assert out.startswith(f"{address}/enter?token=")
        with asked(running, follow_redirects=True) as client:
            page = followed(client, out.strip())
            assert (page.status_code, str(page.url)) == (200, address)
            assert "me may do everything" in words(tree(page))
        token = out.strip().rpartition("=")[2]
        assert token not in running.log
        assert admin not in running.log
        assert '"event":"signed in","key":"me","by":"link"' in running.log


def test_over_tls_the_session_is_for_tls(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    cert, private = certificate
    home = tmp_path / "home"
    (tmp_path / "viewer.key").write_text(key(home, "predict")["Authorization"].removeprefix("Bearer "))
    with hub(home, "--tls-cert", str(cert), "--tls-key", str(private)) as running:
        options = ("--hub", running.url, "--key-file", str(tmp_path / "viewer.key"), "--ca", str(cert))
        out, err = opened(*options)
        assert "No browser was found to open it: open the address in yours" in err
        context = ssl.create_default_context(cafile=str(cert))
        with httpx.Client(verify=context, timeout=DEADLINE) as client:
            entered = followed(client, out.strip())
            name, _, rest = entered.headers["set-cookie"].partition("=")
            assert name.startswith("__Secure-rtml_gallery_")
            assert "Secure" in rest.split("; ")
            assert client.get(f"{running.url}/gallery").status_code == 200
            assert client.get(out.strip()).status_code == 410


def test_what_stands_in_the_way_is_said(tmp_path: Path, rtml_cli: Cli) -> None:
    nobody = rtml_cli("gallery", "open", "--hub", "http://127.0.0.1:9")
    assert nobody.code == 2
    assert "No hub answers at http://127.0.0.1:9" in nobody.error
    with hub(tmp_path / "home") as running:
        edge = tmp_path / "edge.key"
        edge.write_text(key(running.home, "edge")["Authorization"].removeprefix("Bearer "))
        missing = rtml_cli("gallery", "open", "--hub", running.url)
        assert missing.error.endswith("Give a key with --key-file or RTML_API_KEY")
        refused = rtml_cli("gallery", "open", "--hub", running.url, "--key-file", str(edge))
        assert "the key 'me' lacks the scope predict or publish or debug; it has edge" in refused.error
        with Client(running.url, key=edge.read_text()) as client, pytest.raises(Exception, match="lacks the scope"):
            client.gallery_link()


@pytest.mark.parametrize(
    ("path", "statuses"),
    [
        (b"/gallery/\xff", (400, 404)),
        (b"/gallery/%ff", (400, 404)),
        (b"/gallery/services/%00", (400,)),
        (b"/gallery/services/churn?version=%00", (400,)),
        (b"/gallery/services/churn?version=%ff", (400,)),
        (b"/gallery?q=\xff", (400,)),
        (b"/gallery/%0a%0dX:%20y", (404,)),
        (b"/gallery/../gallery/x", (404,)),
        (b"/gallery/%2e%2e/%2e%2e/etc/passwd", (404,)),
        (b"/v1/nowhere?\x80", (400, 404)),
    ],
)
def test_bytes_that_are_no_address(raw_hub: int, path: bytes, statuses: tuple[int, ...]) -> None:
    with socket.create_connection(("127.0.0.1", raw_hub), timeout=DEADLINE) as sent:
        sent.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: a=\xff\x80\r\nConnection: close\r\n\r\n")
        answer = b""
        while part := sent.recv(65536):
            answer += part
    head = answer.partition(b"\r\n\r\n")[0]
    assert int(head.split(b" ", 2)[1]) in statuses
    assert b"X: y" not in head
