"""Predictions about persons on their way to the hub, as a worker keeps them: in memory for some milliseconds, then in a journal.

The request only writes what it has into a buffer. A few dozen times a second a thread writes what came together to a file in
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
_encode_into: Final = msgspec.msgpack.Encoder().encode_into
#: of an array in msgpack: a byte that says so, and how many elements follow
_ARRAY: Final = struct.Struct(">BI")
_ARRAY_32: Final = 0xDD
#: what a frame of Records is before its requests, with zeros where its lengths will stand
_HEAD_OF_RECORDS: Final = bytes(HEAD.size) + _encode(Records([]))[:-1] + bytes(_ARRAY.size)
_now: Final = time.time_ns


class Told(msgspec.Struct):
    """What of an event is told to the hub."""

    id: msgspec.Raw | msgspec.UnsetType = msgspec.field(name="_id", default=msgspec.UNSET)
    identities: msgspec.Raw | msgspec.UnsetType = msgspec.field(name="identityMap", default=msgspec.UNSET)


_told: Final = msgspec.json.Decoder(Told).decode


class _Batch:
    """Requests since the last writing, written as they come into what is to be their frame. counts: predictions by layout;
    requests: how many."""

    __slots__ = ("counts", "frame", "requests")

    def __init__(self) -> None:
        self.frame = bytearray(_HEAD_OF_RECORDS)
        self.counts: dict[int, int] = {}
        self.requests = 0

    def sealed(self) -> tuple[bytearray, int]:
        """The frame with its lengths filled in, and how many predictions it has."""
        total = sum(self.counts.values())
        HEAD.pack_into(self.frame, 0, len(self.frame) - HEAD.size, total)
        _ARRAY.pack_into(self.frame, len(_HEAD_OF_RECORDS) - _ARRAY.size, _ARRAY_32, self.requests)
        return self.frame, total


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
        self._batch = _Batch()
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
        """Have predictions told to the hub. rows: as the model saw them, one for each of `parts`. size: bytes of the request."""
        if size > _SMALL:
            parts = [_slim(one) for one in parts]
        batch = self._batch
        frame = batch.frame
        before = len(frame)
        try:  # at once: to keep what a request holds for a while costs more than to write it down
            _encode_into((layout, request, _now() // 1000, parts, rows, predictions), frame, before)
        except Exception as error:  # whatever it is: of a value in it, which is lost alone
            del frame[before:]
            self._lost({layout: len(rows)}, error)
            return
        batch.requests += 1
        batch.counts[layout] = batch.counts.get(layout, 0) + len(rows)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(EVERY, self._aside)

    # ---- after it -----------------------------------------------------------------------------------------------

    def _aside(self) -> None:
        """Have the thread write what came together: a disk that is busy holds no request up."""
        batch = self._taken()
        if batch is None:
            return
        if self._behind >= BEHIND:
            self._lost(batch.counts, OSError("the disk is too slow"))
            return
        self._behind += batch.requests
        loop = asyncio.get_running_loop()

        def stored(future: Future[Exception | None]) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: it is in the journal all the same
                loop.call_soon_threadsafe(self._stored, batch, future.result())

        self._pool.submit(self._store, batch).add_done_callback(stored)

    def flush(self) -> None:
        """Write what came together to the journal, now."""
        batch = self._taken()
        if batch is not None:
            self._behind += batch.requests
            self._stored(batch, self._pool.submit(self._store, batch).result())

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

    def _taken(self) -> _Batch | None:
        """What came together; None when that is nothing."""
        self._scheduled = False
        batch = self._batch
        if not batch.requests:
            return None
        self._batch = _Batch()
        return batch

    def _stored(self, batch: _Batch, error: Exception | None) -> None:
        """Count what was written, or was not, and say so."""
        self._behind -= batch.requests
        if error is not None:
            self._lost(batch.counts, error)
            return
        self._trouble = False
        for service, number in self._by_service(batch.counts).items():
            metrics.count("outbox_records", service, "kept", by=number)
        self._notify(self._name)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_AGE, self._rotate)

    def _lost(self, counts: dict[int, int], error: Exception) -> None:
        for service, number in self._by_service(counts).items():
            metrics.count("outbox_records", service, "lost", by=number)
        if not self._trouble:
            self._trouble = True
            _log.error("predictions not kept for the hub", problem=said(error), lost=sum(counts.values()))

    def _by_service(self, counts: dict[int, int]) -> dict[str, int]:
        layouts = [layout.service for layout in self._layouts.values()]
        found: dict[str, int] = {}
        for layout, number in counts.items():
            found[layouts[layout]] = found.get(layouts[layout], 0) + number
        return found

    # ---- in the thread: the journal -----------------------------------------------------------------------------

    def _store(self, batch: _Batch) -> Exception | None:
        """Write predictions; why they were not. A full disk loses what is told to the hub, and no answer."""
        frame, count = batch.sealed()
        try:
            if self._handle < 0:
                self._open()
            needed = sorted(batch.counts.keys() - self._written)
            if needed:
                layouts = list(self._layouts.values())
                self._write(b"".join(_frame(layouts[at], 0) for at in needed))
                self._written.update(needed)
            self._write(frame)
        except OSError as error:
            return error
        self._number += count
        if self._size >= self._segment:
            self._end()
        return None

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

    def _write(self, data: bytes | bytearray) -> None:
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
    data = _encode(message)
    return HEAD.pack(len(data), count) + data


def _slim(parts: Parts) -> Parts:
    """The parts of a row without what is not told to the hub."""
    event = parts.event
    if event is not None and len(event) > _TOLD:
        try:
            event = msgspec.json.encode(_told(event))
        except msgspec.DecodeError:  # no event as XDM has them
            event = None
    return Parts(parts.identity, event)
