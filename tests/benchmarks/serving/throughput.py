"""Everyone in turns on one core: answers a second, processor time a request, latency at half of the peak, start, memory."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from rtml_plugins.serving import keys
from tests.benchmarks.serving import results, rtml
from tests.benchmarks.serving.contenders import Contender, Disagrees, Turn, compared, running
from tests.benchmarks.serving.load import NUMBER, post, write
from tests.benchmarks.serving.peers import PEERS
from tests.benchmarks.serving.processes import NotStarted, cores, cpu_seconds
from tests.benchmarks.serving.work import Work, installed, work

CONNECTIONS: Final = (1, 8, 32)
#: connections when requests come at a rate: enough that none waits for a connection before the server is its own queue
PACED: Final = 64
#: requests a second at which everyone is asked who can take them easily: answers at least half as many again at 32 connections
SAME: Final = 1000
#: seconds after which no further round begins, so that a run ends within nine minutes
BUDGET: Final = 360.0
OURS: Final = "rtml"
#: the same server, asked with a header that differs in each request, as clients send that trace their requests
NUMBERED: Final = "rtml-numbered"
#: an edge that asks for a key
KEYED: Final = "rtml-keyed"
#: rows a request, to plan with
SIZES: Final = (10, 100, 1000)


def measure(only: Sequence[str] = (), *, rounds: int = 5, seconds: float = 0.8, paced: float = 1.2) -> dict[str, Any]:
    """The figures of rtml and of the peers named (none: all).

    rounds: turns of `seconds` at each number of connections, and of `paced` seconds for latency.
    """
    begin = time.monotonic()
    say = _teller(begin)
    say("the standard pipeline: fitting and compiling, unless it is there")
    job = work()
    before = results.processor_time()
    result: dict[str, Any] = {"machine": results.machine(), "turn": seconds, "paced": paced}
    with tempfile.TemporaryDirectory(prefix="rtml-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        up, result["missing"] = _start_all(only, job, folder, stack, say)
        result["idle"] = _idle(up)
        for number in range(rounds):
            if number > 1 and time.monotonic() - begin > BUDGET:
                say("no more rounds: the machine is slow today")
                break
            say(f"round {number + 1} of {rounds}: {', '.join(map(str, CONNECTIONS))} connections")
            for contender in _rotated(up, number * 3):
                if not number:
                    contender.turn(8, seconds / 2)  # warm
                for connections in CONNECTIONS:
                    contender.turns.setdefault(connections, []).append(contender.turn(connections, seconds))
        for number in range(rounds):
            say(f"latency at half of each one's peak and at {SAME:,} requests a second, {number + 1} of {rounds}")
            for contender in _rotated(up, number * 3):
                with _alone(up, contender):
                    contender.paced.append(contender.turn(PACED, paced, rate=contender.rate(32) / 2, seed=number + 1))
                    if contender.rate(32) >= 1.5 * SAME:
                        contender.same.append(contender.turn(PACED, paced, rate=SAME, seed=number + 1))
        result["rounds"] = len(up[OURS].turns[32])
        result["rows"] = _many_rows(up[OURS], job, folder, seconds * 2)
        result["contenders"] = {key: _figures(contender) for key, contender in up.items()}
        say("stopping them")
    now = results.processor_time()
    result["stolen"] = (now[1] - before[1]) / (now[0] - before[0])
    result["took"] = time.monotonic() - begin
    return result


def _start_all(
    only: Sequence[str], job: Work, folder: Path, stack: contextlib.ExitStack, say: Callable[[str], None]
) -> tuple[dict[str, Contender], dict[str, str]]:
    secret = keys.new_secret()[1]
    chosen = {
        OURS: rtml.peer(rtml.make_home(folder / "edge", job.package)),
        KEYED: rtml.peer(
            rtml.make_home(folder / "keyed", job.package, secret),
            also=", with a key",
            headers={"Authorization": f"Bearer {secret}"},
        ),
    }
    chosen |= {key: peer for key, peer in PEERS.items() if not only or key in only}
    up: dict[str, Contender] = {}
    missing: dict[str, str] = {}
    for key, peer in chosen.items():
        try:
            up[key] = stack.enter_context(running(peer, job, folder, key))
            if key == OURS:
                up[NUMBERED] = _numbered(up[key], job, folder)
            say(f"{key} is up after {up[key].server.first_answer:.1f} s and answers what scikit-learn answers")
        except (NotStarted, Disagrees) as error:
            if key in (OURS, KEYED):
                raise
            missing[key] = str(error)
            say(f"{key} is left out: {error}")
    return up, missing


def _numbered(ours: Contender, job: Work, folder: Path) -> Contender:
    peer = replace(ours.peer, name=f"{ours.peer.name}, no head twice", headers={"X-Request-Id": f"bench-{NUMBER}"})
    return compared(peer, ours.server, job, folder / f"{NUMBERED}.requests")


def _many_rows(ours: Contender, job: Work, folder: Path, seconds: float) -> dict[str, Any]:
    """Rows a second and processor time a row, by rows a request; at 8 connections."""
    found = {}
    for size in SIZES:
        rows = [job.rows[number % len(job.rows)] for number in range(size)]
        body = json.dumps({"rows": rows}).encode()
        requests = write([post(ours.peer.path, body)], folder / f"{size}.requests")
        turn = replace(ours, requests=requests).turn(8, seconds)
        if turn.load.failed:
            raise Disagrees(f"{turn.load.failed} requests of {size} rows failed")
        found[str(size)] = {"rate": turn.load.rate * size, "cpu": turn.cpu / size, "p50": turn.load.p50 / 1e3}
    return found


def _idle(up: dict[str, Contender]) -> float:
    """Share of a core that all servers use together while nobody asks them anything."""
    pids = sorted({pid for contender in up.values() for pid in contender.server.pids})
    before, begin = cpu_seconds(pids), time.monotonic()
    time.sleep(3.0)
    return (cpu_seconds(pids) - before) / (time.monotonic() - begin)


@contextlib.contextmanager
def _alone(up: dict[str, Contender], one: Contender) -> Iterator[None]:
    """The servers of all others are stopped for the moment: what they do unasked would stand in this one's latency."""
    others = {pid for contender in up.values() for pid in contender.server.pids} - set(one.server.pids)
    _signal(others, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(others, signal.SIGCONT)
        time.sleep(0.2)  # what their timers owe


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _rotated(up: dict[str, Contender], shift: int) -> list[Contender]:
    contenders = list(up.values())
    shift %= len(contenders)
    return contenders[shift:] + contenders[:shift]


def _figures(one: Contender) -> dict[str, Any]:
    by_connections = {str(c): {"rate": one.rate(c), "cpu": one.cpu(c)} for c in CONNECTIONS}
    best = max(turn.load.rate for turn in one.turns[32])
    return {
        "name": one.peer.name,
        "kind": one.peer.kind,
        "versions": installed(one.peer.environment, one.peer.versions) if one.peer.environment else {},
        "connections": by_connections,
        "best": best,
        "generator": max(turn.load.cpu / turn.load.seconds for turn in one.turns[32]),
        "paced": latency(one.paced) | {"rate": one.rate(32) / 2},
        "same": latency(one.same) if one.same else None,
        "start": one.server.first_answer,
        "memory": one.memory,
        "failed": one.failed,
        "answered": sum(turn.load.answered for turns in one.turns.values() for turn in turns),
    }


def latency(turns: Sequence[Turn]) -> dict[str, float]:
    """p50, p90 and p99 in milliseconds: medians of the turns."""
    return {name: statistics.median(getattr(turn.load, name) for turn in turns) / 1e3 for name in ("p50", "p90", "p99")}


def _teller(begin: float) -> Callable[[str], None]:
    def say(what: str) -> None:
        print(f"{time.monotonic() - begin:5.0f} s  {what}", flush=True)

    say(f"servers on core {cores()[0]}, load from core {cores()[1]}")
    return say
