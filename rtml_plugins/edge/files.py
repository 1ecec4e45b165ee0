"""The folder of an edge: what is in it, and files that appear whole by rename.

edge.json        who this edge is, over restarts
state.json       what the region serves, with the hashes of its keys (mode 0600)
packages/        ID.rtml, by the SHA-256 of their content
served/          NAME.json, what each service last served whole: gone back to when newer versions can't be loaded
workers/         what each process serves, ROLE-PID.json; which package it is loading, PID.loading; and suspects.json: by
                 package, how many processes died while they loaded it
metrics/         what processes count
profiles.db      what the hub told of profiles (mode 0600)
outbox/          journals of predictions that the hub is still to be told
persons.sock     where workers ask the supervisor for profiles (mode 0600)
lock             held by the supervisor
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from rtml_core.errors import RtmlError
from rtml_plugins.serving.wire import EXCHANGE, RegionState, ServiceEntry, WorkerStatus

#: an id of a package, as it may become the name of a file
PACKAGE_ID: Final = re.compile(r"[0-9a-f]{64}")
_STATUS: Final = re.compile(r"([a-z]+)-([0-9]+)\.json")
#: a state of a region has a few hundred bytes a service
MAX_STATE: Final = 64 << 20

T = TypeVar("T")


class HomeError(RtmlError):
    """The folder of an edge can't be used."""


class HeldState(RegionState, frozen=True, omit_defaults=True):
    """state.json: the state of the region as the hub gave it. missing: packages that are not on disk, by their id, and why;
    "" while they are being fetched."""

    missing: dict[str, str] = msgspec.field(default_factory=dict)


Signature = tuple[int, int, int]


class Home:
    """Paths of an edge's folder."""

    def __init__(self, folder: str | os.PathLike[str]):
        self.folder = Path(folder)
        self.edge = self.folder / "edge.json"
        self.state = self.folder / "state.json"
        self.lock = self.folder / "lock"
        self.packages = self.folder / "packages"
        self.served = self.folder / "served"
        self.workers = self.folder / "workers"
        self.suspects = self.workers / "suspects.json"
        self.metrics = self.folder / "metrics"

    def make(self) -> None:
        """Make the folders; HomeError when they can't be made or written."""
        try:
            for path in (self.folder, self.packages, self.served, self.workers, self.metrics):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, probe = tempfile.mkstemp(dir=self.folder)
            os.close(handle)
            os.unlink(probe)
        except OSError as error:
            raise HomeError(
                f"{self.folder} can't be the home of an edge: {error.strerror or error}. Name a folder that can be written:"
                f" --home DIR"
            ) from None

    def package(self, identity: str) -> Path:
        """Where a package is kept; HomeError for what is no id."""
        if not PACKAGE_ID.fullmatch(identity):
            raise HomeError(f"{identity[:80]!r} is no id of a package: expected 64 hexadecimal digits")
        return self.packages / f"{identity}.rtml"

    def read_state(self) -> HeldState | None:
        """The state that is held, None when there is none; HomeError when it can't be read."""
        held = read(self.state, HeldState)
        if held is not None and held.exchange != EXCHANGE:
            raise HomeError(f"{self.state} is in form {held.exchange} of what hubs tell edges; this rtml reads form {EXCHANGE}")
        return held

    def read_served(self) -> dict[str, ServiceEntry]:
        """What services last served whole, by name; files that can't be read are left out."""
        found = {}
        for path in sorted(self.served.glob("*.json")):
            try:
                entry = read(path, ServiceEntry)
            except HomeError:
                continue
            if entry is not None:
                found[entry.name] = entry
        return found

    def statuses(self) -> Iterator[tuple[str, int, WorkerStatus | None]]:
        """(role, pid, status) of each file of workers/; None for one that can't be read."""
        try:
            names = sorted(os.listdir(self.workers))
        except FileNotFoundError:
            return
        for name in names:
            match = _STATUS.fullmatch(name)
            if match is None:
                continue
            try:
                status = read(self.workers / name, WorkerStatus)
            except HomeError:
                status = None
            yield match[1], int(match[2]), status

    def loading(self, pid: int) -> Path:
        """Where a process says which package it is loading."""
        return self.workers / f"{pid}.loading"

    def read_suspects(self) -> dict[str, int]:
        """By package, how many processes died while they loaded it since the edge was started."""
        try:
            return read(self.suspects, dict[str, int]) or {}
        except HomeError:
            return {}

    def status(self, role: str, pid: int) -> Path:
        """Where a process says what it serves."""
        return self.workers / f"{role}-{pid}.json"


def signature(path: Path) -> Signature | None:
    """What changes when a file is replaced; None when there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read(path: Path, kind: type[T]) -> T | None:
    """A JSON file; None when there is none, HomeError when it can't be read or holds something else."""
    try:
        if os.stat(path).st_size > MAX_STATE:
            raise HomeError(f"{path} has more than {MAX_STATE:,} bytes")
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HomeError(f"{path} can't be read: {error.strerror or error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HomeError(f"{path} is damaged: {error}") from None


def write(path: Path, value: Any, *, durable: bool = False) -> None:
    """Write a value as JSON by rename, readable by this user only; HomeError when it can't be written.

    durable: it outlives a power cut.
    """
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)  # made with mode 0600
        with os.fdopen(handle, "wb") as stream:
            stream.write(msgspec.json.encode(value))
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise HomeError(f"{path} can't be written: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            remove(Path(temporary))


def remove(path: Path) -> bool:
    """Remove a file; False when that can't be done."""
    try:
        path.unlink()
    except OSError:
        return False
    return True
