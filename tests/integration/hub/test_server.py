"""`rtml hub` as a process: how it starts, stops, dies and comes back."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from rtml_core.testing import Cli
from tests.integration.hub.process import DEADLINE, HubProcess, asked, free_port, hub, key, published, rtml, wait_for
from tests.unit.hub.packages import package


def test_it_says_where_it_is_and_finds_everything_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with hub(home) as running:
        assert running.lines == [f"rtml hub: ready at {running.url} (home {home})"]
        with asked(running) as client:
            identity = client.get("/v1/hub").json()["id"]
            assert published(client, package(1)).status_code == 201
        assert running.stop() == 0
        running.start()
        with asked(running) as client:
            assert client.get("/v1/hub").json()["id"] == identity
            assert client.get("/v1/services/churn/versions/1/package").content == package(1)
            assert client.get("/openapi.json").headers["content-type"] == "application/json"
    assert (home.stat().st_mode & 0o077, (home / "hub.db").stat().st_mode & 0o077) == (0, 0)


def test_its_worker_ends_with_it_so_that_it_can_start_again_at_once(tmp_path: Path) -> None:
    running = HubProcess(tmp_path / "home")
    for _ in range(2):
        running.start()
        assert running.process is not None
        running.process.kill()
        running.process.wait(DEADLINE)
    try:
        running.start()
        with asked(running) as client:
            assert client.get("/v1/health/ready").status_code == 200
    finally:
        running.stop()


def test_killed_in_the_middle_of_publishing_it_has_all_of_it_or_nothing(tmp_path: Path) -> None:
    running = HubProcess(tmp_path / "home")
    acknowledged: dict[str, int] = {}
    try:
        for turn in range(4):
            running.start()
            number = iter(range(turn * 100, turn * 100 + 100))
            stop = threading.Event()

            def publish(numbers: object = number, ended: threading.Event = stop) -> None:
                with asked(running) as client:
                    while not ended.is_set():
                        name = f"s{next(numbers)}"  # type: ignore[call-overload]
                        try:
                            answer = published(client, package(1), name)
                        except httpx.HTTPError:
                            return
                        if answer.status_code == 201:
                            acknowledged[name] = answer.json()["version"]

            publishers = [threading.Thread(target=publish) for _ in range(2)]
            for publisher in publishers:
                publisher.start()
            before = len(acknowledged)
            wait_for(lambda known=before: len(acknowledged) > known, "a service that was published")  # type: ignore[misc]
            time.sleep(0.15 * turn)  # each time into another part of what goes on
            os.kill(running.workers()[0], signal.SIGKILL)
            running.stop(signal.SIGKILL)
            stop.set()
            for publisher in publishers:
                publisher.join(DEADLINE)
        running.start()
        with asked(running) as client:
            services = client.get("/v1/services?limit=1000").json()["services"]
            assert acknowledged.keys() <= {service["name"] for service in services}
            for service in services:
                assert [version["version"] for version in service["versions"]] == [service["traffic"]["champion"]] == [1]
                assert client.get(f"/v1/packages/{service['versions'][0]['package']}").content == package(1)
            log = client.get("/v1/audit?limit=1000").json()["entries"]
            assert sorted(entry["subject"] for entry in log) == sorted(service["name"] for service in services)
            state = client.get("/v1/regions/na/state").json()
            assert {entry["name"] for entry in state.get("services", [])} == {service["name"] for service in services}
    finally:
        if running.process is not None:
            running.stop()


def test_slow_and_half_open_clients_take_nothing_from_others(tmp_path: Path) -> None:
    with hub(tmp_path / "home") as running:
        silent = [socket.create_connection(("127.0.0.1", running.port), timeout=DEADLINE) for _ in range(200)]
        try:
            for number, connection in enumerate(silent):
                if number % 2:
                    connection.sendall(b"GET /v1/hub HTTP/1.1\r\nHost: local")  # and no more
                else:
                    head = b"POST /v1/services/x/versions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n"
                    connection.sendall(head + b"begin")
            with asked(running) as client:
                for _ in range(20):
                    assert client.get("/v1/hub").status_code == 200
                assert published(client, package(1)).status_code == 201
            # headers that do not end within 10 s: the connection is closed
            silent[1].settimeout(DEADLINE)
            assert silent[1].recv(1000)[:12] in (b"", b"HTTP/1.1 408")
        finally:
            for connection in silent:
                connection.close()


def test_whoever_waits_is_answered_when_it_stops(tmp_path: Path) -> None:
    with hub(tmp_path / "home") as running:
        with asked(running) as client:
            revision = client.get("/v1/regions/na/state").json()["revision"]
            request = f"GET /v1/regions/na/state?after={revision}&wait=55 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            polls = [socket.create_connection(("127.0.0.1", running.port), timeout=DEADLINE) for _ in range(5)]
            for poll in polls:
                poll.sendall(request)
            time.sleep(0.5)
            for _ in range(3):  # what came before has been taken up by then
                client.get("/v1/hub")
        assert running.stop() == 0
        for poll in polls:
            with poll:
                assert poll.recv(1000).startswith(b"HTTP/1.1 304")


def test_reached_by_others_it_asks_for_keys_and_speaks_tls(tmp_path: Path, certificate: tuple[Path, Path]) -> None:
    home = tmp_path / "home"
    cert, private = certificate
    secret = tmp_path / "me.key"
    rtml("keys", "create", "--home", str(home), "--name", "me", "--scope", "admin", "-o", str(secret))
    assert secret.stat().st_mode & 0o777 == 0o600
    headers = {"Authorization": f"Bearer {secret.read_text().strip()}"}
    options = ("--host", "0.0.0.0", "--tls-cert", str(cert), "--tls-key", str(private))
    with hub(home, *options) as running, asked(running, verify=ssl.create_default_context(cafile=cert)) as client:
        assert running.lines[0].startswith("rtml hub: ready at https://0.0.0.0:")
        assert client.get("/v1/hub").status_code == 401
        assert client.get("/v1/hub", headers=headers).status_code == 200
        assert client.get("/v1/hub", headers={**headers, "Host": "hub.example"}).status_code == 200
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            httpx.get(f"{running.url}/v1/hub")
        place = ("--hub", running.url, "--ca", str(cert), "--key-file", str(secret))
        _keys_from_the_command_line(place, secret.read_text().split("_")[1])
        assert not set(re.findall(r"rtml_[0-9a-f]{12}_[a-z2-7]{52}", running.log))


def _keys_from_the_command_line(place: tuple[str, ...], own: str) -> None:
    made = rtml("keys", "create", *place, "--name", "shop", "--scope", "predict", "--service", "churn", "--expires", "90d")
    shop = made.stdout.strip()
    listed = rtml("keys", "list", *place).stdout
    assert "shop" in listed
    assert shop not in listed
    again = rtml("keys", "rotate", shop.split("_")[1], "--overlap", "0", *place).stdout.strip()
    assert again != shop
    assert rtml("keys", "revoke", again.split("_")[1], *place).stdout == f"Revoked {again.split('_')[1]}\n"
    refusal = rtml("keys", "revoke", own, *place, check=False)
    assert refusal.returncode == 2
    assert "is the last valid key with the scope admin" in refusal.stderr


def test_a_hub_that_runs_is_not_started_twice_follows_its_folder_and_outlives_its_worker(tmp_path: Path, rtml_cli: Cli) -> None:
    with hub(tmp_path / "home") as running, asked(running) as client:
        port = ("--port", str(free_port()))
        again = rtml_cli("hub", "--home", running.home, *port)
        assert f"is the home of another hub, process {running.pid}" in again.error
        taken = rtml_cli("hub", "--home", tmp_path / "other", "--port", running.port)
        assert f"can't listen at 127.0.0.1:{running.port}: Address already in use" in taken.error
        (worker,) = running.workers()
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: running.workers() not in ([], [worker]) and len(running.lines) > 1, "another worker")
        assert client.get("/v1/hub").status_code == 200
        headers = key(running.home, "admin")
        assert client.get("/v1/hub").status_code == 401
        assert client.get("/v1/hub", headers=headers).status_code == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    cert, private = folder / "cert.pem", folder / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*made, *named, "-keyout", private, "-out", cert], check=True, capture_output=True)
    return cert, private


def test_a_hub_that_can_not_be_says_why_and_does_not_start(tmp_path: Path, rtml_cli: Cli, certificate: tuple[Path, Path]) -> None:
    cert, private = map(str, certificate)
    old = str(tmp_path / "old.pem")
    subprocess.run(["openssl", "pkey", "-in", private, "-traditional", "-out", old], check=True, capture_output=True)
    home = tmp_path / "home"
    cases = [
        (("--host", "0.0.0.0"), f"`rtml keys create --home {home} --scope admin --name me`"),
        (("--database", "mysql://x/y"), "a hub keeps its database in"),
        (("--store", "nowhere://x"), "packages can be kept in"),
        (("--tls-cert", cert), "a certificate and its key go together"),
        (("--tls-cert", cert, "--tls-key", old), f"openssl pkcs8 -topk8 -nocrypt -in {old}"),
        (("--tls-cert", private, "--tls-key", private), "no certificate and its key"),
        (("--tls-cert", cert, "--tls-key", "nowhere.pem"), "nowhere.pem: No such file or directory"),
        (("--max-package", "lots"), "'lots' is no size: expected 1 kB to 1 GB, e.g. 256MB"),
        (("--host", "192.0.2.1"), "can't listen at 192.0.2.1"),
        (("--home", cert), "is a file"),
    ]
    for options, sentence in cases:
        result = rtml_cli("hub", "--home", home, "--port", free_port(), *options)
        assert (result.code, result.out) == (2, ""), options
        assert sentence in result.error
    rtml_cli("keys", "create", "--home", home, "--name", "shop", "--scope", "predict")
    assert "so it needs keys" in rtml_cli("hub", "--home", home, "--port", free_port(), "--host", "0.0.0.0").error


def test_two_that_take_a_free_port_say_which_and_share_none(tmp_path: Path) -> None:
    running = [HubProcess(tmp_path / name, "--port", "0") for name in ("one", "two")]
    try:
        found = []
        for one in running:
            one.start()
            said = re.fullmatch(r"rtml hub: ready at (http://127\.0\.0\.1:([1-9]\d*)) \(home .*\)", one.lines[0])
            assert said is not None, one.lines
            found.append(said[1])
        identities = {httpx.get(f"{url}/v1/hub").json()["id"] for url in found for _ in range(3)}
        assert len(set(found)) == len(identities) == 2
    finally:
        for one in running:
            if one.process is not None:
                assert one.stop() == 0


def test_its_help_has_an_example_and_imports_nothing_heavy() -> None:
    heavy = "import sys, rtml_core.cli.app as app; app.run(['hub', '--help']); sys.stderr.write(chr(10).join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert "rtml hub --home hub --port 9000" in done.stdout
    assert not {"fastapi", "sqlalchemy", "granian", "onnxruntime", "httpx"} & set(done.stderr.split())
