"""Predictions about persons on their way to the hub, as a worker keeps them: in memory for some milliseconds, then in a journal.

The request only puts what it has into a list. A few dozen times a second what came together is written, by a thread, to a file in
the folder of the edge in one go, and the supervisor's process is told, which reads the file and sends (outbox_sending). What is
in the file is sent even if this process is killed in the next moment; what came since the last writing is lost then. A file is
written to for some time or up to some size; then another one takes its place, so that what was sent does not stay on disk.

A journal: frames, each its length and how many predictions it has (four bytes each, big-endian) and msgpack. The first frame is a
Header; a frame of predictions is a list of Records; Layouts, which say how to read rows, stand before the records that need them;
the last frame of a journal that was closed is an End.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import struct
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_core.boundary import Parts
from rtml_core.errors import said
from rtml_plugins.edge import metrics
from rtml_plugins.serving.logs import logger

if TYPE_CHECKING:
    from rtml_plugins.edge.table import Loaded

FOLDER: Final = "outbox"
SUFFIX: Final = ".journal"
#: seconds from a prediction until it is in the journal
EVERY: Final = 0.02
#: bytes of a journal, at most a share of what all may have; and seconds that one is written to
SEGMENT: Final = 16 << 20
_SHARE: Final = 16
_AGE: Final = 60.0
#: requests that wait for the disk at most; those of more are lost
BEHIND: Final = 100_000
#: bytes of a request whose parts are kept as they are, and of an event in a larger one
_SMALL: Final = 4096
_TOLD: Final = 256
HEAD: Final = struct.Struct(">II")

_log: Final = logger("rtml.edge.outbox")


class Header(msgspec.Struct, tag="header"):
    """run: an id of the process's outbox. first: the number of the first prediction in this journal."""

    run: str
    first: int


class Layout(msgspec.Struct, tag="layout"):
    """How to read the rows of a version. fields: name and type, in the order of a row."""

    id: int
    service: str
    version: int
    fields: list[tuple[str, str]]


#: parts of a row as in boundary.Parts: identity, event, where
Part = tuple[bytes | None, bytes | None, str]
Request = tuple[int, str, int, Sequence[Part], Sequence[Sequence[Any]], bytes]


class Records(msgspec.Struct, tag="records"):
    """Requests: (id of the layout, request id, us since the epoch, parts of each row, rows, predictions as a JSON list)."""

    requests: list[Request]


class End(msgspec.Struct, tag="end"):
    """Nothing more is written to this journal."""


_encode: Final = msgspec.msgpack.Encoder().encode
_now: Final = time.time_ns


class Told(msgspec.Struct):
    """What of an event is told to the hub."""

    id: msgspec.Raw | msgspec.UnsetType = msgspec.field(name="_id", default=msgspec.UNSET)
    identities: msgspec.Raw | msgspec.UnsetType = msgspec.field(name="identityMap", default=msgspec.UNSET)


_told: Final = msgspec.json.Decoder(Told).decode


class Outbox:
    """The outbox of one process; used in its event loop. most: bytes that all journals of the edge may have. notify: called with
    the name of a journal when there is more in it."""

    def __init__(self, folder: Path, most: int, notify: Callable[[str], object]):
        self._folder = folder / FOLDER
        self._segment = max(1 << 16, min(SEGMENT, most // _SHARE))
        self._notify = notify
        self._run = f"{time.time_ns():016x}{os.getpid():08x}"
        self._number = 1  # of the next prediction
        self._journals = 0
        self._handle = -1
        self._size = 0
        self._name = ""
        self._batch: list[Request] = []
        self._layouts: dict[tuple[str, int, str], Layout] = {}
        self._written: set[int] = set()
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._trouble = False
        self._behind = 0  # requests that the thread has not written yet
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="rtml-outbox")

    # ---- in a request -------------------------------------------------------------------------------------------

    def layout(self, loaded: Loaded) -> int:
        """The id of the layout of a version's rows."""
        key = loaded.service, loaded.version, loaded.package_id
        layout = self._layouts.get(key)
        if layout is None:
            fields = [(entry.name, entry.type) for entry in loaded.runtime.signature.ordered]
            layout = self._layouts[key] = Layout(len(self._layouts), loaded.service, loaded.version, fields)
        return layout.id

    def add(self, layout: int, request: str, size: int, parts: Sequence[Parts], rows: Any, predictions: bytes) -> None:
        """Have predictions told to the hub. rows: as the model saw them, one for each of `parts`; nothing is copied.

        size: bytes of the request.
        """
        if size > _SMALL:
            parts = [_slim(one) for one in parts]
        self._batch.append((layout, request, _now() // 1000, parts, rows, predictions))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(EVERY, self._aside)

    # ---- after it -----------------------------------------------------------------------------------------------

    def _aside(self) -> None:
        """Have the thread write what came together: a disk that is busy holds no request up."""
        batch = self._taken()
        if not batch:
            return
        if self._behind >= BEHIND:
            self._lost(batch, OSError("the disk is too slow"))
            return
        self._behind += len(batch)
        loop = asyncio.get_running_loop()

        def stored(future: Future[tuple[list[Request], Exception | None]]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it is in the journal all the same
                loop.call_soon_threadsafe(self._stored, batch, *future.result())

        self._pool.submit(self._store, batch).add_done_callback(stored)

    def flush(self) -> None:
        """Write what came together to the journal, now."""
        batch = self._taken()
        if batch:
            self._behind += len(batch)
            self._stored(batch, *self._pool.submit(self._store, batch).result())

    def close(self) -> None:
        """Write what is left and end the journal; the next prediction begins another one."""
        self.flush()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._name:
            self._pool.submit(self._end).result()
            self._notify(self._name)

    def _rotate(self) -> None:
        """End a journal that was written to for some time, so that it can be removed when the hub has it."""
        self._timer = None
        self._pool.submit(self._end)

    def _taken(self) -> list[Request]:
        self._scheduled = False
        batch, self._batch = self._batch, []
        return batch

    def _stored(self, batch: list[Request], lost: list[Request], error: Exception | None) -> None:
        """Count what was written and say so. lost: those that were not, and why."""
        self._behind -= len(batch)
        if error is None:
            self._trouble = False
        else:
            self._lost(lost, error)
            left = {id(one) for one in lost}
            batch = [one for one in batch if id(one) not in left]
            if not batch:
                return
        for service, number in self._by_service(batch).items():
            metrics.count("outbox_records", service, "kept", by=number)
        self._notify(self._name)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_AGE, self._rotate)

    def _lost(self, batch: list[Request], error: Exception) -> None:
        for service, number in self._by_service(batch).items():
            metrics.count("outbox_records", service, "lost", by=number)
        if not self._trouble:
            self._trouble = True
            _log.error("predictions not kept for the hub", problem=said(error), lost=sum(len(one[4]) for one in batch))

    def _by_service(self, batch: list[Request]) -> dict[str, int]:
        layouts = [layout.service for layout in self._layouts.values()]
        counts: dict[str, int] = {}
        for one in batch:
            counts[layouts[one[0]]] = counts.get(layouts[one[0]], 0) + len(one[4])
        return counts

    # ---- in the thread: the journal -----------------------------------------------------------------------------

    def _store(self, batch: list[Request]) -> tuple[list[Request], Exception | None]:
        """Write predictions; those that were not written, and why. A full disk loses what is told to the hub, and no answer; what
        can't be encoded is lost alone."""
        lost: list[Request] = []
        why: Exception | None = None
        try:
            records = _encode(Records(batch))
        except Exception as error:
            why = error
            lost = [one for one in batch if not _encodable(one)]
            left = {id(one) for one in lost}
            batch = [one for one in batch if id(one) not in left]
            if not batch:
                return lost, why
            records = _encode(Records(batch))
        count = sum(len(one[4]) for one in batch)
        try:
            if self._handle < 0:
                self._open()
            needed = sorted({one[0] for one in batch} - self._written)
            layouts = list(self._layouts.values())
            self._write(b"".join(_frame(layouts[at], 0) for at in needed) + _framed(records, count))
        except OSError as error:
            return [*lost, *batch], error
        self._written.update(needed)
        self._number += count
        if self._size >= self._segment:
            self._end()
        return lost, why

    def _open(self) -> None:
        """Begin a journal."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._journals += 1
        name = f"{self._run}-{self._journals:08d}{SUFFIX}"
        path = self._folder / name
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._name, self._size = name, 0
        self._written = set()
        try:
            self._write(_frame(Header(self._run, self._number), 0))
        except OSError:
            os.close(self._handle)
            self._handle = -1
            path.unlink()
            raise

    def _write(self, data: bytes) -> None:
        """Write all of it or nothing."""
        try:
            written = os.write(self._handle, data)
            while written < len(data):
                written += os.write(self._handle, memoryview(data)[written:])
        except OSError:
            os.ftruncate(self._handle, self._size)
            raise
        self._size += len(data)

    def _end(self) -> None:
        """End the journal."""
        if self._handle < 0:
            return
        try:
            self._write(_frame(End(), 0))
        except OSError as error:  # found out when this process is gone
            _log.error("journal not ended", problem=str(error))
        os.close(self._handle)
        self._handle = -1


def _frame(message: Any, count: int) -> bytes:
    return _framed(_encode(message), count)


def _framed(data: bytes, count: int) -> bytes:
    return HEAD.pack(len(data), count) + data


def _encodable(request: Request) -> bool:
    try:
        _encode(request)
    except Exception:  # whatever it is: of a value in it
        return False
    return True


def _slim(parts: Parts) -> Parts:
    """The parts of a row without what is not told to the hub."""
    event = parts.event
    if event is not None and len(event) > _TOLD:
        try:
            event = msgspec.json.encode(_told(event))
        except msgspec.DecodeError:  # no event as XDM has them
            event = None
    return Parts(parts.identity, event)
