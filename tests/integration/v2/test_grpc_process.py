"""The gRPC process: how it starts, refuses to start, follows the folder, asks for keys, and stops."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import msgspec
import pytest
import tritonclient.grpc as triton
import tritonclient.http as triton_http
from tritonclient.utils import InferenceServerException

from rtml_core.client.records import Traffic
from rtml_plugins.edge.files import HeldState, Home, read, write
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.v2.messages import methods
from rtml_plugins.serving.keys import digest, new_secret
from rtml_plugins.serving.wire import KeyEntry, WorkerStatus
from tests.integration.v2 import edges, test_triton_grpc, test_triton_http
from tests.integration.v2.edges import ROWS

MODULE = "rtml_plugins.edge.v2.grpc_server"


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")


def refused(command: list[Any], settings: EdgeSettings, **environment: str) -> str:
    """What is said on stderr by a process that can't start."""
    given = {**os.environ, **settings.to_environment(), **environment}
    done = subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = EdgeSettings(home=str(tmp_path), region="emea", grpc_port=port)
        said = refused([sys.executable, "-m", MODULE], settings)
    assert said.startswith(f"rtml: gRPC can't listen on 127.0.0.1:{port}")
    assert said.endswith("Is the port taken? Choose another one: --grpc-port")


def test_without_grpcio_it_says_what_to_install(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    for entry in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not entry.name.startswith("grpc"):
            (packages / entry.name).symlink_to(entry)
    settings = EdgeSettings(home=str(tmp_path), region="emea", grpc_port=1)
    root = Path(__file__).parents[3]
    said = refused([sys.executable, "-S", "-m", MODULE], settings, PYTHONPATH=f"{root}{os.pathsep}{packages}")
    assert said == 'rtml: --grpc-port needs grpcio, not installed here: pip install "rtml[grpc]"'


def test_it_follows_the_folder_and_ends_in_order(package_files: list[Path], tmp_path: Path) -> None:
    runtimes = edges.fill(tmp_path, package_files, Traffic(1))
    with edges.running(tmp_path, runtimes) as edge:
        home, process = Home(tmp_path), edge.processes[1]
        status = home.status("grpc", process.pid)
        assert read(status, WorkerStatus).ready  # type: ignore[union-attr]
        client = triton.InferenceServerClient(edge.grpc)
        results: queue.Queue[tuple[Any, Any]] = queue.Queue()
        client.start_stream(lambda result, error: results.put((result, error)))

        def version() -> str:
            client.async_stream_infer("visits", test_triton_grpc.inputs(ROWS[:1]))
            result, error = results.get(timeout=60)
            assert error is None
            return str(result.get_response().model_version)

        assert version() == "1"
        state = read(home.state, HeldState)
        assert state is not None
        changed = msgspec.structs.replace(state.services[0], traffic=Traffic(2), deprecated="2026-11-01T00:00:00Z")
        write(home.state, msgspec.structs.replace(state, revision=2, services=(changed,)))
        until(lambda: version() == "2", "the new champion")
        until(lambda: read(status, WorkerStatus).revision == 2, "its status")  # type: ignore[union-attr]

        request, answer, _, _ = methods("grpc.health.v1.Health")["Watch"]
        with grpc.insecure_channel(edge.grpc) as channel:
            watch = channel.unary_stream("/grpc.health.v1.Health/Watch", lambda m: m.SerializeToString(), answer.FromString)
            watching = watch(request(), timeout=60)
            assert next(watching).status == 1  # SERVING
            process.send_signal(signal.SIGTERM)
            assert next(watching).status == 2  # NOT_SERVING
        assert version() == "2"  # what is open is answered
        client.stop_stream()
        client.close()
        assert process.wait(30) == 0
        assert not status.exists()
        assert "Traceback" not in edge.log()

        # the worker took the change up, too
        code, headers, _ = edges.post(edge, "/v2/models/visits/infer", test_triton_http.json_body(ROWS))
        assert (code, headers["deprecation"]) == (200, "@1793491200")


def test_what_it_does_is_counted_beside_the_workers(package_files: list[Path], tmp_path: Path) -> None:
    import http.client

    runtimes = edges.fill(tmp_path, package_files, Traffic(1))
    with edges.running(tmp_path, runtimes) as edge:
        client = triton.InferenceServerClient(edge.grpc)
        for _ in range(3):
            client.infer("visits", test_triton_grpc.inputs(ROWS))
        with pytest.raises(InferenceServerException):
            client.infer("visits", test_triton_grpc.inputs(ROWS)[1:])
        client.close()
        for _ in range(2):
            edges.post(edge, "/v2/models/visits/infer", test_triton_http.json_body(ROWS))

        def scraped() -> str:
            connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=30)
            try:
                connection.request("GET", "/metrics")
                return connection.getresponse().read().decode()
            finally:
                connection.close()

        def counted() -> list[str]:
            lines = [line for line in scraped().splitlines() if "_count{" in line and "visits" in line and "request" in line]
            numbers = {("ok" if 'outcome="ok"' in line else "invalid"): float(line.rsplit(" ", 1)[1]) for line in lines}
            return lines if numbers == {"ok": 5.0, "invalid": 1.0} else []

        assert until(counted, "five answered and one refused in /metrics")


def test_shadow_versions_are_scored_with_what_clients_send(package_files: list[Path], tmp_path: Path) -> None:
    runtimes = edges.fill(tmp_path, package_files, Traffic(1, shadow=2))
    with edges.running(tmp_path, runtimes) as edge:
        client = triton.InferenceServerClient(edge.grpc)
        client.infer("visits", test_triton_grpc.inputs(ROWS))
        client.close()
        edges.post(edge, "/v2/models/visits/infer", test_triton_http.json_body(ROWS))
        home = Home(tmp_path)
        for role, process in zip(("http", "grpc"), edge.processes, strict=True):
            path = home.status(role, process.pid)
            found = until(lambda path=path: read(path, WorkerStatus).shadow.get("visits"), f"the comparison of {role}")  # type: ignore[misc, union-attr]
            assert (found[0]["shadow"], found[0]["rows"], found[0]["failures"]) == (2, 3, 0)
            # the country in capitals of version 1 differs from version 2's in one row of three
            assert found[0]["equal"] == 2


def test_keys_are_asked_for(package_files: list[Path], tmp_path: Path) -> None:
    def key(scopes: tuple[str, ...], services: tuple[str, ...] | None) -> tuple[str, KeyEntry]:
        identity, secret = new_secret()
        return secret, KeyEntry(identity, digest(secret), scopes, services)

    good, other, deaf = key(("predict",), ("visits",)), key(("predict",), ("churn",)), key(("publish",), None)
    entries = tuple(entry for _, entry in (good, other, deaf))
    runtimes = edges.fill(tmp_path, package_files, Traffic(1), entries)
    with edges.running(tmp_path, runtimes, open=False) as edge:
        over_grpc, over_http = triton.InferenceServerClient(edge.grpc), triton_http.InferenceServerClient(edge.http)
        assert over_grpc.is_server_ready()
        assert over_http.is_server_ready()
        for secret, code, status in (
            (None, grpc.StatusCode.UNAUTHENTICATED, "401"),
            ("rtml_0_0", grpc.StatusCode.UNAUTHENTICATED, "401"),
            (other[0], grpc.StatusCode.PERMISSION_DENIED, "403"),
            (deaf[0], grpc.StatusCode.PERMISSION_DENIED, "403"),
        ):
            headers = {} if secret is None else {"authorization": f"Bearer {secret}"}
            for call in (
                lambda headers=headers: over_grpc.infer("visits", test_triton_grpc.inputs(ROWS), headers=headers),
                lambda headers=headers: over_grpc.get_model_metadata("visits", headers=headers),
                lambda headers=headers: over_grpc.is_model_ready("visits", headers=headers),
            ):
                with pytest.raises(InferenceServerException) as caught:
                    call()
                assert caught.value.status() == str(code)
            with pytest.raises(InferenceServerException, match="key") as denied:
                over_http.infer("visits", test_triton_http.inputs(ROWS), headers=headers)
            assert denied.value.status() == status
            assert not over_http.is_model_ready("visits", headers=headers)
        for secret, count in ((good[0], 2), (other[0], 0)):  # a key for some services sees these only
            headers = {"authorization": f"Bearer {secret}"}
            assert len(over_grpc.get_model_repository_index(headers=headers).models) == count
            assert len(over_http.get_model_repository_index(headers=headers)) == count
        with pytest.raises(InferenceServerException, match="asks for a key"):
            over_http.get_model_repository_index()
        time.sleep(1.0)  # a process writes one line a second
        with pytest.raises(InferenceServerException):
            over_grpc.infer("visits", test_triton_grpc.inputs(ROWS), headers={"authorization": f"Bearer {other[0]}"})
        lines = [json.loads(line) for line in edge.log().splitlines() if "request refused" in line]
        last = lines[-1]
        assert (last["status"], last["key"], last["client"]) == (403, other[1].id, "127.0.0.1")
        assert {line["service"] for line in lines if "service" in line} == {"visits"}
        assert not any(secret.split("_")[2] in edge.log() for secret, _ in (good, other, deaf))
        headers = {"authorization": f"Bearer {good[0]}"}
        answered = over_grpc.infer("visits", test_triton_grpc.inputs(ROWS), headers=headers)
        assert test_triton_grpc.answers(answered) == runtimes[1].score(ROWS)
        result = over_http.infer("visits", test_triton_http.inputs(ROWS), headers=headers)
        assert test_triton_http.answers(result) == runtimes[1].score(ROWS)
        # without a key nothing of a message is read: it is refused although it never ends
        with grpc.insecure_channel(edge.grpc) as channel:
            call = channel.stream_unary("/inference.GRPCInferenceService/ModelInfer")
            with pytest.raises(grpc.RpcError) as refusal:
                call((bytes(4 << 20) for _ in iter(int, 1)), timeout=60)
            assert refusal.value.code() == grpc.StatusCode.UNAUTHENTICATED
        over_grpc.close()
        over_http.close()
        assert good[0] not in edge.log()


def test_tls(package_files: list[Path], tmp_path: Path) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        cert, secret = Path(folder, "cert.pem"), Path(folder, "key.pem")
        certificate(cert, secret)
        runtimes = edges.fill(tmp_path, package_files, Traffic(1))
        with edges.running(tmp_path, runtimes, tls_cert=str(cert), tls_key=str(secret)) as edge:
            client = triton.InferenceServerClient(edge.grpc, ssl=True, root_certificates=str(cert))
            result = client.infer("visits", test_triton_grpc.inputs(ROWS))
            assert test_triton_grpc.answers(result) == runtimes[1].score(ROWS)
            client.close()
            plain = triton.InferenceServerClient(edge.grpc)
            with pytest.raises(InferenceServerException):
                plain.infer("visits", test_triton_grpc.inputs(ROWS), client_timeout=30)
            plain.close()


def certificate(cert: Path, secret: Path) -> None:
    """Write a certificate for 127.0.0.1 and its key in PKCS#8."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=rtml test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(secret), "-out", str(cert)]
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    except FileNotFoundError:
        if "CI" in os.environ:
            raise
        pytest.skip("openssl is not here: apt-get install openssl")
