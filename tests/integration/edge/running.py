"""Edges as processes, and clients that load them."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from rtml_plugins.edge.files import Home
from rtml_plugins.serving.wire import WorkerStatus

_READY = re.compile(r"rtml edge: region (\S+) on (https?)://(\S+):(\d+) \(")


class Edge:
    """A running `rtml edge`."""

    def __init__(self, process: subprocess.Popen[str], home: Path, log: Path):
        self.process = process
        self.home = Home(home)
        self.log = log
        self.port = 0

    def workers(self) -> dict[int, WorkerStatus]:
        """What its workers say, by process id."""
        found = {pid: status for role, pid, status in self.home.statuses() if role == "http"}
        return {pid: status for pid, status in found.items() if status is not None}

    def wait_for_revision(self, revision: int, workers: int = 1) -> None:
        """Wait until so many workers serve it."""
        wait(lambda: sum(status.revision >= revision for status in self.workers().values()) >= workers, self.said)

    def wait_for_listeners(self, workers: int) -> None:
        """Wait until so many workers accept connections: each has a socket of its own."""
        wait(lambda: listeners(self.port) == workers, self.said)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        """(status, document) of one request on a connection of its own."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            return exchange(connection, method, path, body, headers)

    def predict(self, x: float = 0.0, service: str = "churn", **headers: str) -> tuple[int, Any]:
        return self.ask("POST", f"/v1/services/{service}/predict", {"x": x}, **headers)

    def said(self) -> str:
        """What it has logged."""
        return self.log.read_text()

    def stop(self) -> int:
        """SIGTERM; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)


def exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    """One request on an open connection."""
    data = None if body is None else msgspec.json.encode(body)
    sent = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in (headers or {}).items()}}
    connection.request(method, path, data, sent)
    answer = connection.getresponse()
    content = answer.read()
    return answer.status, msgspec.json.decode(content) if content else None


def command(*arguments: str) -> list[str]:
    """The command line of an edge."""
    return [sys.executable, "-m", "rtml_core.cli", "edge", *arguments]


@contextmanager
def edge(home: Path, hub: str, *options: str, region: str = "emea", key: str | None = None) -> Iterator[Edge]:
    """An edge that answers, on a free port of this machine; killed at the end, with its workers, if it still runs."""
    home.mkdir(parents=True, exist_ok=True)
    log = home.with_suffix(".log")
    arguments = command("--hub", hub, "--region", region, "--home", str(home), "--port", "0", *options)
    environment = {**os.environ, **({"RTML_API_KEY": key} if key else {})}
    with log.open("a") as stderr:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment)
    assert process.stdout is not None
    running = Edge(process, home, log)
    try:
        line = process.stdout.readline()
        ready = _READY.match(line)
        assert ready is not None, f"{line!r}\n{running.said()}"
        running.port = int(ready[4])
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()


def refused(*arguments: str) -> tuple[int, str]:
    """(exit status, what it said) of an edge that does not start."""
    found = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60, check=False)
    return found.returncode, found.stderr


def wait(fine: Callable[[], object], why: Callable[[], str] = str, seconds: float = 30.0) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + seconds
    while not fine():
        assert time.monotonic() < deadline, why()
        time.sleep(0.01)


class Load:
    """Clients that score without a pause, each on a connection that it keeps. failures: what went wrong. answers: how many
    requests were answered; versions: by which, how often. Every answer is checked: package n adds n to x.
    """

    def __init__(self, port: int, clients: int):
        self._port = port
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.answers = 0
        self.versions: dict[int, int] = {}
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._client, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        wait(lambda: self.answers >= len(self._threads), lambda: str(self.failures))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)

    def more(self, answers: int = 50) -> None:
        """Wait for so many more answers."""
        goal = self.answers + answers
        wait(lambda: self.answers >= goal, lambda: str(self.failures))

    def _client(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        x = float(1000 * number)
        while not self._stop.is_set():
            x += 1.0
            problem = ""
            version = 0
            try:
                status, answer = exchange(connection, "POST", "/v1/services/churn/predict", {"x": x})
                if status != 200:
                    problem = f"{status} {answer}"
                else:
                    version = answer["version"]
                    if answer["predictions"][0]["says"] != x + version:
                        problem = f"mixed: x={x} {answer}"
            except (OSError, http.client.HTTPException) as error:
                problem = f"{type(error).__name__}: {error}"
                connection.close()
                self._stop.wait(0.05)  # who asks again at once may meet a socket that is just being closed
            with self._lock:
                if problem:
                    self.failures.append(problem)
                else:
                    self.answers += 1
                    self.versions[version] = self.versions.get(version, 0) + 1
        connection.close()


def listeners(port: int) -> int:
    """How many sockets listen on a port of 127.0.0.1."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[1] == f"0100007F:{port:04X}" and fields[3] == "0A" for fields in lines)


def children(pid: int) -> Sequence[int]:
    """Process ids of the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
