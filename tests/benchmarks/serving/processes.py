"""Servers as processes: started on one core, watched through /proc, stopped by their own ids."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICK: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = 1024


class NotStarted(Exception):
    """A server that did not answer."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def cores() -> tuple[int, int]:
    """(core of the servers, core of the load): the last and the first that this process may use; the same where there is one."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[-1], allowed[0]


def tree(pid: int) -> list[int]:
    """The process and all its descendants that are alive."""
    found = [pid]
    for number in found:
        try:
            for task in os.listdir(f"/proc/{number}/task"):
                found += map(int, Path(f"/proc/{number}/task/{task}/children").read_text().split())
        except OSError:
            continue
    return found


def cpu_seconds(pids: Sequence[int]) -> float:
    """Processor time of the processes so far, user and system."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICK


def memory(pids: Sequence[int]) -> tuple[float, float]:
    """(MB of all processes, shared pages counted once; resident MB of the largest)."""
    together, largest = 0.0, 0.0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        fields = {line.split()[0]: int(line.split()[1]) for line in lines[1:] if len(line.split()) > 2}
        together += fields.get("Pss:", 0) / _PAGE
        largest = max(largest, fields.get("Rss:", 0) / _PAGE)
    return together, largest


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    first_answer: float = 0.0  # seconds from its start

    @property
    def pids(self) -> list[int]:
        """Its processes."""
        return tree(self.process.pid)

    def ask(self, path: str, body: bytes | None, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Status and body of one POST, or of a GET when there is no body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30.0)
        try:
            sent = {"Content-Type": "application/json", **(headers or {})}
            connection.request("GET" if body is None else "POST", path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def last_words(self) -> str:
        """The end of its log in one line."""
        lines = [line.strip() for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return " / ".join(lines[-3:])[-300:]

    def stop(self, grace: float = 5.0) -> None:
        """Ask all its processes to end, then make them."""
        pids = self.pids
        self.process.terminate()
        try:
            self.process.wait(grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        deadline = time.monotonic() + grace
        while (left := [pid for pid in pids if pid != self.process.pid and _alive(pid)]) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in left:
            os.kill(pid, signal.SIGKILL)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def start(
    command: Sequence[str],
    port: int,
    log: Path,
    *,
    path: str,
    body: bytes | None,
    core: int | None = None,
    headers: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    patience: float = 90.0,
) -> Server:
    """Start a command, pinned to `core`, and ask it until it answers 200; NotStarted with its last words when it doesn't."""
    pinned = [*(["taskset", "-c", str(core)] if core is not None else []), *command]
    begin = time.perf_counter()
    with log.open("wb") as out:
        process = subprocess.Popen(
            pinned,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
        )
    server = Server(process, port, log)
    said: object = "nothing"
    try:
        while time.perf_counter() - begin < patience:
            if process.poll() is not None:
                raise NotStarted(f"it ended with {process.returncode}: {server.last_words()}")
            try:
                status, answer = server.ask(path, body, headers)
                if status == 200:
                    server.first_answer = time.perf_counter() - begin
                    return server
                said = status, answer[:200]
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.005)
        raise NotStarted(f"no answer within {patience:g} s (last: {said}): {server.last_words()}")
    except BaseException:
        server.stop()
        raise
