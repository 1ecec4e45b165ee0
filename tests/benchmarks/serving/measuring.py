"""`python -m tests.benchmarks.serving.measuring`: what it costs an edge to measure the values that it answers.

Two edges side by side, asked in turns: one with the standard package, and one with the same package without its baseline, which
measures no values. Prints the ratio of each pair of turns; nothing is kept.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from rtml_core import package
from rtml_plugins.edge.metrics import FOLDER
from rtml_plugins.edge.values import SUFFIX, Values
from tests.benchmarks.serving import rtml
from tests.benchmarks.serving.contenders import Contender, Turn, compared
from tests.benchmarks.serving.processes import cores, free_port, start
from tests.benchmarks.serving.work import Work, work

CONNECTIONS: Final = (1, 8, 32)


def without_baseline(archive: Path, target: Path) -> Path:
    """The same package as one that says nothing of its sample."""
    read = package.read_archive(archive.read_bytes(), explain=True)
    files = {package.MODEL: read.model, package.GRAPH: read.graph, package.SAMPLE: read.sample}
    if read.explain:
        files[package.EXPLAIN] = read.explain
    target.write_bytes(package.write_archive(msgspec.structs.replace(read.manifest, baseline=None), files))
    return target


@contextlib.contextmanager
def edge(job: Work, home: Path) -> Iterator[Contender]:
    """An edge with one worker on the core of the servers."""
    peer, port = rtml.peer(rtml.make_home(home, job.package)), free_port()
    body = json.dumps(peer.body(job.rows[0])).encode()
    server = start(peer.command("", port), port, home.with_suffix(".log"), path=peer.path, body=body, core=cores()[0])
    try:
        yield compared(peer, server, job, home.with_suffix(".requests"))
    finally:
        server.stop()


def looked_at(home: Path) -> int:
    """Rows whose values were counted, once all of it is written."""
    time.sleep(1.5)
    files = [msgspec.msgpack.decode(path.read_bytes(), type=Values) for path in (home / FOLDER).glob(f"*{SUFFIX}")]
    return sum(counts.rows for file in files for counts in file.versions)


def measure(rounds: int, seconds: float, connections: tuple[int, ...] = CONNECTIONS) -> list[str]:
    """Lines of a table, by number of connections: medians over pairs of turns, and between which the middle half of them is."""
    job, lines = work(), []
    with tempfile.TemporaryDirectory(prefix="rtml-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        plain_job = replace(job, package=without_baseline(job.package, folder / "plain.rtml"))
        both = {"measured": stack.enter_context(edge(job, folder / "measured"))}
        both["plain"] = stack.enter_context(edge(plain_job, folder / "plain"))
        for count in connections:
            turns: dict[str, list[Turn]] = {"measured": [], "plain": []}
            before = looked_at(folder / "measured")
            for _ in range(rounds):
                for which in random.sample(list(both), 2):
                    turns[which].append(both[which].turn(count, seconds))
            share = (looked_at(folder / "measured") - before) / sum(turn.load.answered for turn in turns["measured"])
            failed = sum(turn.load.failed for found in turns.values() for turn in found)
            pairs = list(zip(turns["measured"], turns["plain"], strict=True))
            rates = statistics.quantiles([one.load.rate / other.load.rate for one, other in pairs], n=4)
            cpus = statistics.quantiles([one.cpu / other.cpu for one, other in pairs], n=4)
            lines.append(
                f"{count:3} connections: requests a second x {rates[1]:.3f} ({rates[0]:.3f} to {rates[2]:.3f}), processor time a"
                f" request x {cpus[1]:.3f} ({cpus[0]:.3f} to {cpus[2]:.3f}); {share:.0%} looked at; {failed} failed"
            )
    return lines


def main() -> None:
    """Parse the options and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.serving.measuring", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="pairs of turns at each number of connections")
    parser.add_argument("--seconds", type=float, default=3.0, help="of one turn: a short one is all burst, which costs more")
    given = parser.parse_args()
    print("\n".join(measure(given.rounds, given.seconds)))


if __name__ == "__main__":
    main()
