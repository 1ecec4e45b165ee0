"""Timing side by side: contenders take turns in one run, so that what else the machine does hits all of them alike."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: turns of each contender, and how long one turn should take at least, in seconds
ROUNDS: Final = 15
TURN: Final = 0.03

Job = Callable[[], Any]


@dataclass(frozen=True)
class Timing:
    """Seconds of one call: the median of all turns, and the fastest turn."""

    median: float
    fastest: float

    @classmethod
    def of(cls, times: Sequence[float]) -> Timing:
        return cls(statistics.median(times), min(times))


def side_by_side(jobs: Mapping[str, Job], *, rounds: int = ROUNDS, turn: float = TURN) -> dict[str, Timing]:
    """Seconds of one call of each job. A turn repeats a job until it takes `turn` seconds; A B C, B C A, ..."""
    repeats = {name: _repeats(job, turn) for name, job in jobs.items()}
    taken: dict[str, list[float]] = {name: [] for name in jobs}
    names = list(jobs)
    for number in range(rounds):
        shift = number % len(names)
        for name in names[shift:] + names[:shift]:
            taken[name].append(_turn(jobs[name], repeats[name]))
    return {name: Timing.of(times) for name, times in taken.items()}


def _repeats(job: Job, turn: float) -> int:
    job()
    count = 1
    while (one := _turn(job, count)) * count < turn and count < 1_000_000:
        count = max(count * 2, min(int(turn / max(one, 1e-9)) + 1, count * 50))
    return count


def _turn(job: Job, count: int) -> float:
    """Seconds a call, with the garbage collector quiet."""
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(count):
            job()
        return (time.perf_counter() - start) / count
    finally:
        gc.enable()


def child_processes(commands: Mapping[str, Sequence[str]], *, rounds: int = 10) -> dict[str, Timing]:
    """Wall seconds of each command, run `rounds` times in turns; raises CalledProcessError when one fails.

    Byte code is kept, as it is where people work: without it, a start compiles every module anew.
    """
    taken: dict[str, list[float]] = {name: [] for name in commands}
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, env=environment)
            taken[name].append(time.perf_counter() - start)
    return {name: Timing.of(times[1:]) for name, times in taken.items()}  # the first one fills the disk cache


def console_script(name: str) -> str:
    """Path of a console script of this environment."""
    return str(Path(sys.executable).with_name(name))
