"""Packages on the disk of an edge: which are missing, fetching them, and how many old ones stay."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from rtml_plugins.edge import files
from rtml_plugins.edge.files import Home
from rtml_plugins.edge.uplink import HubFailed, Uplink
from rtml_plugins.serving.logs import logger

#: packages fetched at once
_AT_ONCE: Final = 4
#: seconds until a package is asked for again: doubled with each failure up to the last
_AGAIN: Final = (0.1, 5.0)
#: packages that no service names any more, kept for a rollback while the hub is away: so many, and so many bytes
KEPT_FILES: Final = 32
KEPT_BYTES: Final = 1 << 30

_log: Final = logger("rtml.edge.agent")


class Cache:
    """The packages of an edge. changed is called when a package came, or when why it does not come is another reason."""

    def __init__(self, home: Home, uplink: Uplink, changed: Callable[[], None]):
        self._home = home
        self._uplink = uplink
        self._changed = changed
        self._sizes: dict[str, int] = {}
        self._missing: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._verified: dict[str, files.Signature] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)

    @property
    def missing(self) -> dict[str, str]:
        """Packages that are wanted and not here, by id, and why; "" until the first answer."""
        return dict(self._missing)

    def clean(self) -> None:
        """Remove what the last run had fetched half."""
        for path in self._home.packages.glob(".*"):
            files.remove(path)

    def want(self, sizes: Mapping[str, int]) -> None:
        """Have exactly these packages, by id and size in bytes: fetch what is missing, and nothing else any more."""
        for identity in self._sizes.keys() - sizes.keys():
            with contextlib.suppress(OSError):
                os.utime(self._home.package(identity))  # when it was last wanted
        self._sizes = dict(sizes)
        for identity, task in list(self._tasks.items()):
            if identity not in sizes:
                task.cancel()
                del self._tasks[identity]
                self._missing.pop(identity, None)
        for identity, size in sizes.items():
            if identity not in self._tasks and not self._has(identity, size):
                self._fetch(identity)

    async def verify(self, identity: str) -> None:
        """Read a package that a worker could not load, once, and fetch it again when the disk has damaged it."""
        path = self._home.package(identity)
        seen = files.signature(path)
        if identity not in self._sizes or identity in self._tasks or seen is None or self._verified.get(identity) == seen:
            return
        self._verified[identity] = seen
        if not await asyncio.to_thread(_whole, path, identity) and identity in self._sizes and identity not in self._tasks:
            _log.error("package damaged on disk", package=identity)
            files.remove(path)
            self._fetch(identity)
            self._changed()

    async def close(self) -> None:
        """Stop fetching."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _has(self, identity: str, size: int) -> bool:
        found = files.signature(self._home.package(identity))
        return found is not None and found[1] == size

    def _fetch(self, identity: str) -> None:
        self._missing[identity] = ""
        self._tasks[identity] = asyncio.create_task(self._until_here(identity), name=f"rtml-fetch-{identity[:12]}")

    async def _until_here(self, identity: str) -> None:
        pause = _AGAIN[0]
        while True:
            try:
                async with self._gate:
                    await self._uplink.package(identity, self._sizes[identity], self._home.package(identity))
                break
            except HubFailed as error:
                problem = str(error)
            except OSError as error:
                problem = f"it can't be written to {self._home.packages}: {error.strerror or error}"
            if self._missing[identity] != problem:
                _log.warning("package not fetched", package=identity, problem=problem)
                self._missing[identity] = problem
                self._changed()
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _AGAIN[1])
        _log.info("package fetched", package=identity, bytes=self._sizes[identity])
        del self._missing[identity], self._tasks[identity]
        self._changed()

    def prune(self) -> None:
        """Remove old packages beyond what is kept, those unused longest first."""
        wanted = set(self._sizes)
        wanted.update(version.package for entry in self._home.read_served().values() for version in entry.versions)
        old: list[tuple[float, int, Path]] = []
        with contextlib.suppress(OSError):
            for path in self._home.packages.iterdir():
                if path.suffix == ".rtml" and path.stem not in wanted:
                    with contextlib.suppress(OSError):
                        found = path.stat()
                        old.append((found.st_mtime, found.st_size, path))
        size = 0
        for number, (_, length, path) in enumerate(sorted(old, reverse=True), start=1):
            size += length
            if number > KEPT_FILES or size > KEPT_BYTES:
                files.remove(path)


def _whole(path: Path, identity: str) -> bool:
    """Whether a file is the package byte by byte: its id is the SHA-256 of all but its last 64 bytes, which spell it."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(memoryview(data)[:-64]).hexdigest() == identity and data[-64:] == identity.encode()
