"""An edge of its own for a test: a folder with packages and a state, and the real processes that serve it."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rtml_core import Runtime
from rtml_core import operators as op
from rtml_core.client.records import Arm, Traffic
from rtml_plugins.edge.files import HeldState, Home, read, write
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.wire import EXCHANGE, KeyEntry, ServiceEntry, VersionEntry, WorkerStatus

#: one field of each type, each once so and once nullable
SCHEMA = {
    "quote": "float",
    "age": "float?",
    "visits": "int",
    "children": "int?",
    "member": "bool",
    "vip": "bool?",
    "country": "string",
    "city": "string?",
    "seen_at": "timestamp",
    "left_at": "timestamp?",
}
ROWS = [
    {
        "quote": 512.5, "age": None, "visits": 3, "children": 2, "member": True, "vip": None, "country": "de", "city": "Köln",
        "seen_at": "2026-11-21T10:15:00Z", "left_at": None,
    },
    {
        "quote": -1e-300, "age": 41.25, "visits": -(2**62), "children": None, "member": False, "vip": False, "country": "",
        "city": None, "seen_at": "1969-12-31T23:59:59.999999Z", "left_at": "2026-11-21T12:15:00+02:00",
    },
    {
        "quote": 0.1, "age": 0.0, "visits": 0, "children": -7, "member": True, "vip": True, "country": "日本 🎌", "city": "",
        "seen_at": "2026-02-28T00:00:00Z", "left_at": "2026-02-28T00:00:00Z",
    },
]  # fmt: skip


def packages(folder: Path) -> list[Path]:
    """Two versions of one service: the first answers countries in capitals, the second as they came."""
    found = []
    for number in (1, 2):
        graph: Any = op.Receiver(schema=SCHEMA) >> op.Pandas(import_="dt.hour", cols="seen_at", into="hour")
        graph = graph >> op.FieldOps(ops=[{"set": "stay", "to": "left_at - seen_at"}])
        if number == 1:
            graph = graph >> op.Pandas(import_="str.upper", cols="country", inplace=True)
        found.append(folder / f"visits-{number}.rtml")
        graph.compile().save(str(found[-1]))
    return found


@dataclass
class Edge:
    """Where a started edge is reached."""

    home: Path
    port: int
    grpc_port: int
    runtimes: dict[int, Runtime] = field(default_factory=dict)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def http(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    def log(self) -> str:
        return (self.home / "log").read_text()


def fill(home: Path, files: list[Path], traffic: Traffic, keys: tuple[KeyEntry, ...] = (), **state: Any) -> dict[int, Runtime]:
    """Put packages as versions 1, 2, ... of "visits" into a folder; and the runtimes to compare with, by version."""
    place = Home(home)
    place.make()
    runtimes, versions = {}, []
    for number, path in enumerate(files, 1):
        runtime = runtimes[number] = Runtime.from_file(path)
        place.package(runtime.id).write_bytes(path.read_bytes())
        versions.append(VersionEntry(number, runtime.id, path.stat().st_size))
    entry = ServiceEntry("0123", "visits", tuple(versions), traffic)
    write(place.state, HeldState(EXCHANGE, "hub", "emea", 1, (entry,), keys, **state))
    return runtimes


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(home: Path, runtimes: Mapping[int, Runtime], **settings: Any) -> Iterator[Edge]:
    """Both processes of an edge, ready; stopped by their ids at the end."""
    edge = Edge(home, free_port(), free_port(), dict(runtimes))
    given = EdgeSettings(home=str(home), region="emea", port=edge.port, grpc_port=edge.grpc_port, **settings)
    environment = {**os.environ, **given.to_environment()}
    with open(home / "log", "wb") as log:
        try:
            for module in ("rtml_plugins.edge.server", "rtml_plugins.edge.v2.grpc_server"):
                edge.processes.append(subprocess.Popen([sys.executable, "-m", module], env=environment, stderr=log, stdout=log))
            for process, port, role in zip(edge.processes, (edge.port, edge.grpc_port), ("http", "grpc"), strict=True):
                wait_for(process, port, Home(home).status(role, process.pid), edge)
            yield edge
        finally:
            for process in edge.processes:
                process.terminate()
            for process in edge.processes:
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def wait_for(process: subprocess.Popen[bytes], port: int, status: Path, edge: Edge) -> None:
    """Wait until a process listens, and says that what is on disk has loaded."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, edge.log()
        said = read(status, WorkerStatus)
        if said is not None and said.ready:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
        time.sleep(0.02)
    raise AssertionError(f"nothing is ready on port {port}:\n{edge.log()}")


def post(edge: Edge, path: str, body: bytes, headers: Mapping[str, str] = {}) -> tuple[int, dict[str, str], bytes]:
    """Status, headers by lower-case name, and body of a POST."""
    connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=30)
    try:
        connection.request("POST", path, body, dict(headers))
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


HALF = Traffic(champion=1, canary=Arm(2, 0.5), sticky="country")
