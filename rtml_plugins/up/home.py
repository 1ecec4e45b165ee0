"""The folder of `rtml up`: what it remembers from one start to the next, and that one process uses it at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from rtml_core.errors import RtmlError, describe

REMEMBERED: Final = "up.json"
#: process ids of hub and edges while they run, for whoever wants to look at one or stop it
RUNNING: Final = "running.json"
_LOCK: Final = "up.lock"
#: seconds to wait for the folder: whoever asks whether it is used holds it for a moment
_PATIENCE: Final = 1.0


class HomeError(RtmlError):
    """The folder can't be used."""


class Remembered(msgspec.Struct, frozen=True):
    """What the last start was asked for. hub: the port; edges: region -> port."""

    hub: int
    edges: dict[str, int]
    host: str = "127.0.0.1"


def default_home() -> Path:
    """The folder when none is named: up in $RTML_HOME, or in ~/.rtml."""
    home = os.environ.get("RTML_HOME")
    return (Path(home) if home else Path.home() / ".rtml") / "up"


def recall(home: Path) -> Remembered | None:
    """What the last start in this folder was asked for; HomeError when the file can't be understood."""
    path = home / REMEMBERED
    try:
        return msgspec.json.decode(path.read_bytes(), type=Remembered)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise HomeError(f"{path} is damaged ({error}): remove it, then regions and ports are asked for anew") from None


def remember(home: Path, what: Remembered) -> None:
    """Keep it for the next start."""
    _write(home / REMEMBERED, what)


def tell_running(home: Path, processes: Mapping[str, int]) -> None:
    """Write the process ids: "hub", "edge na", ... -> id."""
    _write(home / RUNNING, dict(processes))


def running(home: Path) -> dict[str, int] | None:
    """The process ids of what runs there: {} while it starts or stops, None when no `rtml up` has the folder."""
    try:
        with (home / _LOCK).open() as lock:
            if _take(lock, fcntl.LOCK_SH):
                return None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HomeError(f"{describe(str(home))} can't be used as a folder: {error.strerror}. Name another") from None
    try:
        return msgspec.json.decode((home / RUNNING).read_bytes(), type=dict[str, int])
    except FileNotFoundError:  # it has the folder since a moment ago
        return {}
    except msgspec.DecodeError as error:
        raise HomeError(f"{home / RUNNING} is damaged ({error}): stop the `rtml up` of this folder and start it again") from None


def _take(lock: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(path: Path, what: Any) -> None:
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(what), indent=1) + b"\n")
    unfinished.replace(path)


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """The folder, made when it is not there, for this process alone; HomeError when another one has it."""
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (home / _LOCK).open("a+")
    except OSError as error:
        raise HomeError(f"{describe(str(home))} can't be used as a folder: {error.strerror}. Name another with --home") from None
    with lock:
        until = time.monotonic() + _PATIENCE
        while not _take(lock, fcntl.LOCK_EX):
            if time.monotonic() > until:
                lock.seek(0)
                holder = lock.read().strip()
                raise HomeError(
                    f"{home} is used by another `rtml up`{f', process {holder}' if holder else ''}: stop that one, or name"
                    f" another folder with --home"
                )
            time.sleep(0.05)
        tell_running(home, {})  # what a machine that was killed left there
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
