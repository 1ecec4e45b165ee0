"""A real worker process of an edge, with services of its own, for the tests of what goes in and out of it."""

import functools
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from rtml_core import operators as op
from rtml_core.client.records import Arm, Traffic
from rtml_plugins.edge.children import _MALLOC
from rtml_plugins.edge.files import HeldState, Home, write
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.wire import EXCHANGE, KeyEntry, ServiceEntry, VersionEntry

EVERY_TYPE = {
    "age": {"type": "float?", "min": 0, "max": 150, "doc": "in years"},
    "visits": "int",
    "score": {"type": "int?"},
    "member": "bool",
    "country": "string?",
    "plan": {"type": "string", "categories": ["free", "gold"], "default": "free"},
    "seen_at": "timestamp",
}
ROW = {"age": 41.5, "visits": 3, "score": None, "member": True, "country": "de", "seen_at": "2026-11-21T10:15:00Z"}


@functools.cache
def every_type() -> Any:
    """A package that asks for a field of each type."""
    graph = (
        op.Receiver(schema=EVERY_TYPE)
        >> op.Pandas(import_="fillna", cols="age", kwargs={"value": 40.0}, inplace=True)
        >> op.Pandas(import_="dt.hour", cols="seen_at", into="hour")
        >> op.Pandas(import_="str.upper", cols="country", inplace=True)
    )
    return graph.compile()


@functools.cache
def lenient() -> Any:
    """A package that drops fields it does not know."""
    graph = op.Receiver(schema={"a": "float", "b": "float?"}, extra="ignore") >> op.FieldOps(ops=[{"set": "c", "to": "a + 1"}])
    return graph.compile()


def service(name: str, *packages: Any, home: Home, **more: Any) -> ServiceEntry:
    """A service with these packages as its versions 1, 2, ..., of which the last answers unless `traffic` says otherwise."""
    versions = []
    for number, package in enumerate(packages, 1):
        data = package.data if hasattr(package, "data") else package.to_bytes()
        path = home.package(package.id)
        path.write_bytes(data)
        versions.append(VersionEntry(number, package.id, len(data)))
    traffic = more.pop("traffic", Traffic(len(packages)))
    return ServiceEntry(f"id-{name}", name, tuple(versions), traffic, **more)


class Worker:
    """A running process. request() and friends ask it; log() is what it wrote."""

    def __init__(self, settings: EdgeSettings, process: "subprocess.Popen[bytes]", log: Path):
        self.settings = settings
        self.process = process
        self._log = log

    @property
    def port(self) -> int:
        return self.settings.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers by lower-case name, body). body: bytes, or a value to be sent as JSON."""
        sent = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = msgspec.json.encode(body)
            sent.setdefault("Content-Type", "application/json")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def json(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
        """(status, the body as a value)."""
        status, _, answer = self.request(method, path, body, headers)
        return status, msgspec.json.decode(answer)

    def memory(self) -> int:
        """Bytes of resident memory."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")

    def log(self) -> str:
        return self._log.read_text()

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


def held_port() -> tuple[socket.socket, int]:
    """(socket, port): a port that nobody else gets as long as the socket is open; workers share it with SO_REUSEPORT."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    holder.bind(("127.0.0.1", 0))
    return holder, int(holder.getsockname()[1])


@contextmanager
def worker(
    make: Any, keys: Sequence[KeyEntry] = (), environment: Mapping[str, str] | None = None, **settings: Any
) -> Iterator[Worker]:
    """Run a worker until the block ends. make: from a Home to the services; settings: of EdgeSettings."""
    folder = Path(tempfile.mkdtemp(prefix="rtml-edge-"))
    home = Home(folder)
    home.make()
    entries = tuple(make(home))
    locked = bool(keys)
    state = HeldState(EXCHANGE, "hub", "emea", 1, entries, tuple(keys))
    if locked:
        state = msgspec.structs.replace(state, locked=True)
    write(home.state, state)
    holder, port = held_port()
    given = EdgeSettings(home=str(folder), region="emea", port=port, open=not locked, **settings)
    log = folder / "log"
    # its own group is not needed: it is stopped by its id
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "rtml_plugins.edge.server"],
            stdout=stream,
            stderr=stream,
            env={**_MALLOC, **os.environ, **(environment or {}), **given.to_environment()},  # as the supervisor starts it
        )
    running = Worker(given, process, log)
    try:
        _until_ready(running)
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        holder.close()
        shutil.rmtree(folder, ignore_errors=True)


def _until_ready(running: Worker) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert running.alive, running.log()
        try:
            if running.request("GET", "/v1/health/ready")[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.02)
    raise AssertionError(f"the worker is not ready: {running.log()}")


def canary(champion: int, version: int, share: float) -> Traffic:
    """Traffic with a canary."""
    return Traffic(champion, canary=Arm(version, share))
