"""Contenders that are up and have proved that they answer what scikit-learn answers."""

from __future__ import annotations

import contextlib
import http.client
import json
import math
import os
import statistics
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.benchmarks.serving.load import Load, load, post, write
from tests.benchmarks.serving.peers import BY_HAND, CONSTANT, ENVIRONMENTS, ROOT, SERVERS, Peer
from tests.benchmarks.serving.processes import NotStarted, Server, cores, cpu_seconds, free_port, memory, start
from tests.benchmarks.serving.work import Work, is_there

#: relative difference to scikit-learn that an answer may have
RTOL: Final = 1e-9
#: characters of a probability that are looked for in each answer under load; in a batch, its last bit may be another
DIGITS: Final = 13
#: rows that are compared before a contender is timed, and asked for while it is
COMPARED: Final = 100


class Disagrees(Exception):
    """A contender that answers something else than scikit-learn."""


@dataclass
class Turn:
    """One turn of load, and the processor time a request in microseconds."""

    load: Load
    cpu: float


@dataclass
class Contender:
    """A server that is up, the requests that it is asked, and what was measured."""

    peer: Peer
    server: Server
    requests: Path
    memory: float = 0.0  # MB of all its processes, idle after the answers that were compared
    turns: dict[int, list[Turn]] = field(default_factory=dict)  # by connections, as fast as they go
    paced: list[Turn] = field(default_factory=list)  # at half of its peak
    same: list[Turn] = field(default_factory=list)  # at a rate that is the same for all

    def turn(self, connections: int, seconds: float, rate: float | None = None, seed: int = 1) -> Turn:
        """Load for some seconds, from the other core."""
        pids = self.server.pids
        before = cpu_seconds(pids)
        seen = load(
            self.server.port, self.requests, connections=connections, seconds=seconds, rate=rate, core=cores()[1], seed=seed
        )
        used = cpu_seconds(pids) - before
        return Turn(seen, used / max(seen.answered, 1) * 1e6)

    def rate(self, connections: int) -> float:
        """Requests a second: the median of the turns."""
        return statistics.median(turn.load.rate for turn in self.turns[connections])

    def cpu(self, connections: int) -> float:
        """Processor time a request in microseconds: the median of the turns."""
        return statistics.median(turn.cpu for turn in self.turns[connections])

    @property
    def failed(self) -> int:
        """Requests of all turns without their right answer."""
        turns = [turn for one in self.turns.values() for turn in one] + self.paced
        return sum(turn.load.failed for turn in turns)


def environment(peer: Peer, work: Work, port: int) -> dict[str, str]:
    """Variables that a server is started with: one thread for everyone, and where pipeline and graph are."""
    ports = {name: str(port if not position else free_port()) for position, name in enumerate(peer.ports)}
    return {
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(SERVERS)]),
        "PYTHONWARNINGS": "ignore",
        # PyTriton embeds an interpreter and would take the system's; it has to be the one whose library it imports
        "LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR")),
        "PATH": os.pathsep.join([str(peer.python.parent), os.environ.get("PATH", "")]),
        "PEER_PORT": str(port),
        "PEER_MODEL": str(work.model),
        "PEER_PIPELINE": str(ENVIRONMENTS / peer.environment / "pipeline.joblib"),
        **ports,
    }


@contextlib.contextmanager
def running(peer: Peer, work: Work, folder: Path, key: str) -> Iterator[Contender]:
    """Start a peer on its core and compare its answers; NotStarted or Disagrees with the reason."""
    if peer.environment and not is_there(peer.environment):
        raise NotStarted("its environment is not there, or made of something else: python -m tests.benchmarks.serving --setup")
    port = free_port()
    server = start(
        peer.command(str(peer.python), port),
        port,
        folder / f"{key}.log",
        path=peer.path,
        body=json.dumps(peer.body(work.rows[0])).encode(),
        core=cores()[0],
        headers=peer.headers,
        environment=environment(peer, work, port),
        cwd=folder,
    )
    try:
        yield compared(peer, server, work, folder / f"{key}.requests")
    finally:
        server.stop()


def compared(peer: Peer, server: Server, work: Work, requests: Path) -> Contender:
    """The contender, after each row was asked for once and its answer compared."""
    asked = []
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        for row, expected in zip(work.rows[:COMPARED], work.expected, strict=False):
            body = json.dumps(peer.body(row)).encode()
            connection.request("POST", peer.path, body, {"Content-Type": "application/json", **peer.headers})
            answer = connection.getresponse()
            content = answer.read()
            if answer.status != 200:
                raise Disagrees(f"it answered {answer.status} to {body[:200]!r}: {content[:200]!r}")
            got = peer.read(json.loads(content))
            if peer.kind != CONSTANT and not math.isclose(got, expected, rel_tol=RTOL):
                raise Disagrees(f"it answered {got!r} to {row}; scikit-learn answers {expected!r}")
            text = repr(got).encode()[:DIGITS]
            asked.append(post(peer.path, body, text if text in content else b"", peer.headers))
    finally:
        connection.close()
    return Contender(peer, server, write(asked, requests), memory=memory(server.pids)[0])


def kinds(peer: Peer) -> str:
    """What a row of a table says that a contender runs."""
    return {BY_HAND: "ONNX Runtime by hand, same graph", CONSTANT: "echo of a constant"}.get(peer.kind, peer.kind)
