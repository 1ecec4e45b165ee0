"""A real hub: `rtml hub` as a process of its own, stopped by its process id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx

#: of everything that is waited for; nothing takes so long
DEADLINE: Final = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < until, f"waited {DEADLINE:.0f} s for {what}"
        time.sleep(0.02)


def rtml(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """A command of rtml that ends by itself."""
    command = [sys.executable, "-m", "rtml_core.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


class HubProcess:
    """A hub in a folder. lines: what it printed."""

    def __init__(self, home: Path, *options: str, port: int | None = None):
        self.home = home
        self.port = port or free_port()
        self.url = f"http{'s' if '--tls-cert' in options else ''}://127.0.0.1:{self.port}"
        self._options = options
        self._log = home.parent / f"{home.name}.log"
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Start it and wait for its line."""
        command = [
            sys.executable,
            "-m",
            "rtml_core.cli",
            "hub",
            "--home",
            str(self.home),
            "--port",
            str(self.port),
            *self._options,
        ]
        self.lines = []
        with self._log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True)
        self._reader = threading.Thread(target=self._read, args=(self.process,))
        self._reader.start()
        wait_for(lambda: bool(self.lines) or self.process.poll() is not None, "the hub's line")  # type: ignore[union-attr]
        assert self.lines, self.log

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                self.lines.append(line.rstrip("\n"))

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def workers(self) -> list[int]:
        """Processes that the hub started."""
        return [int(child) for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Stop it; its exit status. After kill -9 its worker notices by itself."""
        assert self.process is not None
        workers = self.workers() if self.process.poll() is None else []
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(DEADLINE)
        wait_for(lambda: not any(_lives(worker) for worker in workers), "the hub's worker to end")
        assert self._reader is not None
        self._reader.join(DEADLINE)
        return status


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@contextmanager
def hub(home: Path, *options: str, port: int | None = None) -> Iterator[HubProcess]:
    """A hub that runs; it is stopped at the end, and killed with its worker if that fails."""
    running = HubProcess(home, *options, port=port)
    try:
        running.start()
        yield running
    finally:
        if running.process is not None:
            try:
                running.stop()
            finally:
                if running.process.poll() is None:
                    os.killpg(running.pid, signal.SIGKILL)
                    running.process.wait(DEADLINE)


def key(home: Path, *scopes: str, name: str = "me") -> dict[str, str]:
    """The headers of a new key, made in the hub's folder."""
    made = rtml("keys", "create", "--home", str(home), "--name", name, *(part for scope in scopes for part in ("--scope", scope)))
    return {"Authorization": f"Bearer {made.stdout.strip()}"}


def asked(running: HubProcess, **options: object) -> httpx.Client:
    return httpx.Client(base_url=running.url, timeout=DEADLINE, **options)  # type: ignore[arg-type]


def published(client: httpx.Client, data: bytes, name: str = "churn", regions: Sequence[str] = ("na",)) -> httpx.Response:
    return client.post(f"/v1/services/{name}/versions", params={"region": list(regions)}, content=data)
