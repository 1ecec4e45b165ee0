"""The load generator: load.c, compiled on the fly, and what it measured."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from tests.benchmarks.serving.peers import ARTIFACTS

_SOURCE = Path(__file__).with_name("load.c")


class Load(msgspec.Struct, frozen=True):
    """What one turn of load saw; latencies in microseconds, from when a request was due.

    refused: answered with another status than 200. wrong: answered with something else than this row's answer. broken: the
    connection broke. unanswered: not answered within 3 s of the end.
    """

    sent: int
    answered: int
    refused: int
    wrong: int
    broken: int
    unanswered: int
    seconds: float
    p50: float
    p90: float
    p99: float
    p999: float
    slowest: float
    cpu: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds

    @property
    def failed(self) -> int:
        """Requests without their right answer."""
        return self.refused + self.wrong + self.broken + self.unanswered


@dataclass(frozen=True)
class Request:
    """A request as it goes over the wire, and what its answer must hold (nothing for anything)."""

    wire: bytes
    part: bytes = b""


#: twelve bytes that the generator replaces by a number that differs in each request
NUMBER: Final = "@" * 12


def post(path: str, body: bytes, part: bytes = b"", headers: Mapping[str, str] | None = None) -> Request:
    """A POST of JSON over a connection that is kept."""
    more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
    fixed = f"Host: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    head = f"POST {path} HTTP/1.1\r\n{fixed}{more}\r\n"
    return Request(head.encode() + body, part)


def write(requests: Sequence[Request], path: Path) -> Path:
    """Keep requests as load.c reads them."""
    parts = [struct.pack("<II", len(r.wire), len(r.part)) + r.wire + r.part for r in requests]
    path.write_bytes(b"".join(parts))
    return path


def program() -> Path:
    """The compiled generator; made anew when its source changed. RuntimeError without a C compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError(
            "the load generator is written in C and there is no cc: install a C compiler, e.g. apt-get install gcc"
        )
    source = _SOURCE.read_bytes()
    path = ARTIFACTS / f"load-{hashlib.sha256(source).hexdigest()[:16]}"
    if not path.exists():
        ARTIFACTS.mkdir(parents=True, exist_ok=True)
        made = path.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, "-O2", "-o", str(made), str(_SOURCE), "-lm"], check=True)
        made.rename(path)
    return path


def load(
    port: int,
    requests: Path,
    *,
    connections: int,
    seconds: float,
    rate: float | None = None,
    core: int | None = None,
    seed: int = 1,
) -> Load:
    """One turn. Without `rate` each connection asks as fast as it is answered; with it, requests fall due at random."""
    command = [str(program()), str(port), str(requests), str(connections), f"{seconds:g}"]
    if rate is not None:
        command += [f"{rate:.3f}", str(seed)]
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    done = subprocess.run(command, check=False, capture_output=True)
    if done.returncode:
        raise RuntimeError(done.stderr.decode(errors="replace").strip())
    return msgspec.json.decode(done.stdout, type=Load)
