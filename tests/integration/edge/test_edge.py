"""An edge as its users run it: processes, signals, a hub that comes and goes."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import urllib.request
from pathlib import Path

import pytest

from rtml_core.cli.app import run
from rtml_plugins.edge.files import Home
from rtml_plugins.serving.keys import digest, new_secret
from rtml_plugins.serving.wire import KeyEntry
from tests.integration.edge.running import Load, alive, children, command, edge, listeners, refused, wait
from tests.unit.edge.packages import package, put, service, state, tell
from tests.unit.edge.stub_hub import StubHub, stub_hub

NOBODY = "http://127.0.0.1:1"  # no hub listens there


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The folder of an edge that served version 1 before."""
    found = Home(tmp_path / "edge")
    found.make()
    put(found, 1)
    tell(found, state(1, service(1)))
    return found.folder


def key(*scopes: str) -> tuple[KeyEntry, str]:
    identity, secret = new_secret()
    return KeyEntry(identity, digest(secret), scopes), secret


def test_an_edge_without_its_hub_serves_what_it_had_and_stops_when_asked(home: Path) -> None:
    with edge(home, NOBODY, "--workers", "2") as running:
        assert running.predict(1.0)[1]["predictions"] == [{"x": 1.0, "says": 2.0}]
        assert running.ask("GET", "/v1/health/ready")[0] == 200
        running.wait_for_revision(1, workers=2)
        workers = sorted(running.workers())
        assert len(workers) == 2
        assert set(workers) <= set(children(running.process.pid))
        assert running.stop() == 0
        assert not any(alive(pid) for pid in workers)
        assert list(running.home.workers.iterdir()) == []
        assert "hub away" in running.said()


def test_a_request_that_has_begun_is_answered_before_the_edge_ends(home: Path) -> None:
    with edge(home, NOBODY, "--workers", "2") as running:
        running.wait_for_listeners(2)
        (worker, _) = running.workers()
        with socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection:
            head = "POST /v1/services/churn/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            connection.sendall(head.encode() + b'Content-Length: 10\r\n\r\n{"x": ')
            wait(lambda: running.ask("GET", "/v1/health/live")[0] == 200)
            running.process.send_signal(signal.SIGTERM)
            wait(lambda: listeners(running.port) == 0)
            connection.sendall(b"41 }")
            answer = connection.makefile("rb").read().decode()
        assert answer.startswith("HTTP/1.1 200 OK")
        assert '"says":42.0' in answer
        assert running.process.wait(20) == 0
        assert not alive(worker)


def test_an_edge_that_is_asked_twice_ends_at_once(home: Path) -> None:
    with (
        edge(home, NOBODY, "--workers", "1", "--timeout", "600") as running,
        socket.create_connection(("127.0.0.1", running.port), timeout=20) as connection,
    ):
        connection.sendall(b"POST /v1/services/churn/predict HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{")
        wait(lambda: running.ask("GET", "/v1/health/live")[0] == 200)
        running.process.send_signal(signal.SIGTERM)
        wait(lambda: listeners(running.port) == 0)
        assert running.process.poll() is None
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(30) == 0


def test_a_worker_that_is_killed_takes_nothing_with_it_but_what_it_was_answering(home: Path) -> None:
    clients = 4
    with edge(home, NOBODY, "--workers", "2") as running:
        with Load(running.port, clients) as load:
            for killed in range(1, 4):
                running.wait_for_listeners(2)
                victim = min(running.workers())
                os.kill(victim, signal.SIGKILL)
                wait(lambda victim=victim: victim not in running.workers(), running.said)  # type: ignore[misc]
                load.more()
                assert len(load.failures) <= killed * clients
            running.wait_for_listeners(2)
            load.more()
        assert all("mixed" not in failure and not failure[0].isdigit() for failure in load.failures), load.failures
        assert running.process.poll() is None


def test_a_package_of_which_workers_die_is_left_alone(home: Path) -> None:
    with edge(home, NOBODY, "--workers", "1") as running:
        running.wait_for_revision(1)
    os.mkfifo(running.home.package(package(2)[0]))  # loading it takes until it is killed
    tell(running.home, state(2, service(1, 2)))

    def loading() -> list[int]:
        return [int(path.stem) for path in running.home.workers.glob("*.loading") if alive(int(path.stem))]

    arguments = command("--hub", NOBODY, "--region", "emea", "--home", str(home), "--port", "0", "--workers", "1")
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(2):
                wait(loading)
                os.kill(loading()[0], signal.SIGKILL)
                wait(lambda: not loading())
            wait(lambda: any(status.revision == 2 for status in running.workers().values()))
            (status,) = next(iter(running.workers().values())).services
            assert (status.versions, status.state) == ((1,), "failed")
            assert "2 processes died while loading package" in status.problem
        finally:
            process.terminate()


def test_the_server_of_grpc_is_a_process_of_its_own_that_is_started_again(home: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def pids() -> list[int]:
        return [pid for role, pid, _ in running.home.statuses() if role == "grpc"]

    with edge(home, NOBODY, "--workers", "1", "--grpc-port", str(port)) as running:
        wait(pids, running.said)
        (killed,) = pids()
        os.kill(killed, signal.SIGKILL)
        wait(lambda: pids() and killed not in pids(), running.said)
        assert running.predict(1.0)[0] == 200


def test_swaps_under_load_fail_no_request_and_mix_no_versions(home: Path) -> None:
    with stub_hub() as hub:
        hub.tell(state(1, service(1)), package(1), package(2), package(3))
        with edge(home, hub.url, "--workers", "2") as running, Load(running.port, 4) as load:
            for swap in range(2, 62):
                hub.tell(state(swap, service(1 + swap % 3)))
                running.wait_for_revision(swap, workers=2)
            load.more()
    assert load.failures == []
    assert set(load.versions) == {1, 2, 3}


def test_a_hub_that_is_killed_takes_no_request_with_it_and_is_found_again(tmp_path: Path) -> None:
    home = tmp_path / "edge"
    with stub_hub() as hub:
        hub.tell(state(1, service(1)), package(1))
        with edge(home, hub.url, "--workers", "2") as running:
            running.wait_for_revision(1, workers=2)
            with Load(running.port, 2) as load:
                stop_hub(hub)
                wait(lambda: "hub away" in running.said())
                load.more()
                hub.behave(None)
                wait(lambda: "hub back" in running.said())
                load.more()
            assert load.failures == []


def stop_hub(hub: StubHub) -> None:
    def hang_up(request: object) -> bool:
        request.close_connection = True  # type: ignore[attr-defined]
        return True

    hub.behave(hang_up)


def test_an_edge_that_comes_before_its_hub_serves_as_soon_as_it_is_there(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with edge(tmp_path / "edge", f"http://127.0.0.1:{port}", "--name", "emea-1") as running:
        assert running.predict()[0] == 503
        assert running.ask("GET", "/v1/health/ready")[0] == 503
        with stub_hub(port) as hub:
            hub.tell(state(1, service(1)), package(1))
            running.wait_for_revision(1)
            wait(lambda: running.ask("GET", "/v1/health/ready")[0] == 200)
            wait(lambda: hub.reports and hub.reports[-1].revision == 1)
            assert {path for method, path, _ in hub.seen if method == "PUT"} == {"/v1/edges/emea-1"}
            assert (hub.reports[-1].ready, hub.reports[-1].workers) == (True, len(os.sched_getaffinity(0)))
            assert hub.reports[-1].url == f"http://127.0.0.1:{running.port}"
            running.stop()
            assert (hub.reports[-1].ready, hub.reports[-1].workers) == (False, 0)


def test_keys_count_from_the_moment_that_the_hub_has_some_and_no_longer_than_they_are_valid(home: Path) -> None:
    entry, secret = key("predict")
    with stub_hub() as hub:
        hub.tell(state(2, service(1)), package(1))
        with edge(home, hub.url, "--workers", "2", key="rtml_edge_secret") as running:
            assert running.predict()[0] == 200
            hub.tell(state(3, service(1), keys=(entry,)))
            running.wait_for_revision(3, workers=2)
            assert running.predict()[0] == 401
            assert running.predict(authorization=f"Bearer {secret}")[0] == 200
            hub.tell(state(4, service(1)))  # revoked: the edge does not open again
            running.wait_for_revision(4, workers=2)
            assert running.predict(authorization=f"Bearer {secret}")[0] == 401
            assert {sent for _, _, sent in hub.seen} == {"Bearer rtml_edge_secret"}
            for pid in children(running.process.pid):
                assert b"RTML_API_KEY" not in Path(f"/proc/{pid}/environ").read_bytes()
            assert secret not in running.said()


def test_an_edge_for_others_starts_only_with_keys(tmp_path: Path) -> None:
    entry, secret = key("predict")
    with stub_hub() as hub:
        hub.tell(state(1, service(1)), package(1))
        code, said = refused(
            "--hub", hub.url, "--region", "emea", "--home", str(tmp_path / "a"), "--port", "0", "--host", "0.0.0.0"
        )
        assert (code, said.splitlines()[-1]) == (
            2,
            f"Error: --host 0.0.0.0 needs a hub with API keys, and {hub.url} has none: make one (rtml keys create), or serve this"
            " machine only with --host 127.0.0.1",
        )
        hub.tell(state(2, service(1), keys=(entry,)))
        with edge(tmp_path / "b", hub.url, "--host", "0.0.0.0") as running:
            running.wait_for_revision(2)
            assert running.predict()[0] == 401
            assert running.predict(authorization=f"Bearer {secret}")[0] == 200
            running.stop()
    with edge(tmp_path / "b", NOBODY, "--host", "0.0.0.0") as running:  # it remembers
        assert running.predict(authorization=f"Bearer {secret}")[0] == 200


def test_one_edge_at_a_time_in_a_folder_and_at_a_port(home: Path, tmp_path: Path) -> None:
    with edge(home, NOBODY) as running:
        code, said = refused("--hub", NOBODY, "--region", "emea", "--home", str(home), "--port", "0")
        assert code == 2
        assert f"is in use by another edge (process {running.process.pid})" in said
        port = str(running.port)
        code, said = refused("--hub", NOBODY, "--region", "emea", "--home", str(tmp_path / "other"), "--port", port)
        assert code == 2
        assert f"port {port} of 127.0.0.1 can't be used: another process listens there" in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--region", "EMEA!"], "no name of a region"),
        (["--hub", "hub.example.com"], "--hub 'hub.example.com' is no address"),
        (["--hub", "http://"], "is no address"),
        (["--hub", "http://user:secret@hub"], "is no address"),
        (["--host", "no.such.host.invalid"], "--host no.such.host.invalid"),
        (["--key-file", "absent"], "absent: the key can't be read"),
        (["--tls-cert", "cert.pem"], "--tls-key is missing"),
        (["--ca", "absent.pem"], "absent.pem can't be read"),
        (["--name", "a b"], "no name of an edge"),
        (["--traces", "collector"], "'collector' is no place for traces"),
        (["--cors", "shop.example.com"], "'shop.example.com' is no origin"),
    ],
)
def test_what_does_not_fit_is_one_sentence(
    tmp_path: Path, options: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"--hub": NOBODY, "--region": "emea", "--home": str(tmp_path / "edge"), "--port": "0"}
    given.update(zip(options[::2], options[1::2], strict=True))
    code = run(["edge", *(part for pair in given.items() for part in pair)])
    said = capsys.readouterr().err
    assert (code, len(said.splitlines())) == (2, 1), said
    assert says in said
    assert not (tmp_path / "edge").exists()


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--home", "/dev/null/edge", "/dev/null/edge can't be the home of an edge: Not a directory. Name a folder"),
        ("--host", "192.0.2.1", "port 8001 of 192.0.2.1 can't be used: this machine does not have that address"),
    ],
)
def test_a_place_that_can_not_be_had_is_one_sentence(tmp_path: Path, option: str, value: str, says: str) -> None:
    code, said = refused("--hub", NOBODY, "--region", "emea", "--home", str(tmp_path), option, value)
    assert (code, len(said.splitlines())) == (2, 1), said
    assert says in said


def test_workers_that_never_come_up_end_the_edge_with_a_sentence(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "uvloop.py").write_text("raise SystemExit('uvloop was built for another machine')\n")  # workers import it
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    code, said = refused("--hub", NOBODY, "--region", "emea", "--home", str(home), "--port", "0", "--workers", "1")
    assert code == 2
    assert "uvloop was built for another machine" in said
    assert said.splitlines()[-1].startswith("Error: the workers of the edge end as soon as they start")


def test_the_home_of_another_region_is_left_alone(home: Path) -> None:
    code, said = refused("--hub", NOBODY, "--region", "na", "--home", str(home), "--port", "0")
    assert code == 2
    assert f"{home} belongs to an edge of region 'emea': start it with --region emea" in said


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    if shutil.which("openssl") is None:
        if "CI" in os.environ:
            pytest.fail("openssl is missing")
        pytest.skip("needs openssl: apt-get install openssl")
    cert, secret = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=edge"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(secret), "-out", str(cert)]
    subprocess.run(made, check=True, capture_output=True)
    return cert, secret


def test_an_edge_serves_tls_and_says_what_is_wrong_with_a_key(home: Path, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    cert, secret = certificate
    locked = tmp_path / "locked.pem"
    encrypt = ["openssl", "pkcs8", "-topk8", "-passout", "pass:word", "-in", str(secret), "-out", str(locked)]
    subprocess.run(encrypt, check=True, capture_output=True)
    common = ("--hub", NOBODY, "--region", "emea", "--home", str(home), "--port", "0", "--tls-cert", str(cert))
    code, said = refused(*common, "--tls-key", str(locked))
    assert code == 2
    assert f"{locked} is encrypted" in said
    assert f"openssl pkcs8 -topk8 -nocrypt -in {locked}" in said
    code, said = refused(*common, "--tls-key", str(cert))
    assert (code, said) == (2, f"Error: {cert} holds no private key in PEM form (BEGIN PRIVATE KEY)\n")
    with edge(home, NOBODY, "--tls-cert", str(cert), "--tls-key", str(secret)) as running:
        context = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f"https://127.0.0.1:{running.port}/v1/health/ready", context=context, timeout=20) as answer:
            assert answer.status == 200
