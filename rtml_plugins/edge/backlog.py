"""What the hub has not taken yet of what an edge counted: kept in memory, in little of it, and told exactly once.

A frame becomes windows, which have a number, when it is sent for the first time. From then on it stays as it is until the hub has
said whether it took it, as the hub knows by the number what it has. Frames that wait may be joined with their neighbours.
"""

from __future__ import annotations

import secrets
from collections import deque
from typing import Final, NamedTuple

import msgspec

from rtml_plugins.edge.windows import Frame, joined
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.measures import VersionCounted, Window

#: frames that wait: half an hour of them
MOST: Final = 360
#: windows of one message, and its bytes: a hub reads up to 1 MiB
MOST_WINDOWS: Final = 64
MOST_BYTES: Final = 1_000_000
#: bytes of a window, should it have several versions
LARGEST: Final = 256 << 10
#: room for what stands around the windows of a message
_ENVELOPE: Final = 1_000

_log: Final = logger("rtml.edge.measuring")


class _Waiting(NamedTuple):
    """A frame that waits, as bytes."""

    since: float
    until: float
    data: bytes


class Numbered(NamedTuple):
    """A window that was sent, or is to be: as JSON."""

    number: int
    data: bytes


class Backlog:
    """Frames and windows that the hub has not taken. run: what the numbers of the windows belong to."""

    def __init__(self) -> None:
        self.run = secrets.token_hex(8)
        self._frames: list[_Waiting] = []
        self._sending: deque[Numbered] = deque()
        self._number = 0
        self._single = 0  # windows up to this number are sent one by one

    def __len__(self) -> int:
        """Frames and windows that wait."""
        return len(self._frames) + len(self._sending)

    def add(self, frame: Frame) -> None:
        """Keep a frame; should many wait, the two neighbours that span the least time become one."""
        self._frames.append(_Waiting(frame.since, frame.until, msgspec.msgpack.encode(frame)))
        while len(self._frames) > MOST:
            spans = [(b.until - a.since, at) for at, (a, b) in enumerate(zip(self._frames, self._frames[1:], strict=False))]
            at = min(spans)[1]
            one, other = (msgspec.msgpack.decode(waiting.data, type=Frame) for waiting in self._frames[at : at + 2])
            both = joined(one, other)
            self._frames[at : at + 2] = [_Waiting(both.since, both.until, msgspec.msgpack.encode(both))]

    def batch(self) -> list[Numbered]:
        """The windows to send now, oldest first; the same ones again until something is said about them."""
        if not self._sending:
            size = 0
            while self._frames and size < MOST_BYTES and len(self._sending) < MOST_WINDOWS:
                for data in _cut(msgspec.msgpack.decode(self._frames.pop(0).data, type=Frame), self._number):
                    self._number += 1
                    self._sending.append(Numbered(self._number, data))
                    size += len(data)
        found: list[Numbered] = []
        size = _ENVELOPE
        for window in self._sending:
            size += len(window.data) + 1
            if found and (size > MOST_BYTES or len(found) >= MOST_WINDOWS or found[-1].number <= self._single):
                break
            found.append(window)
        return found

    def taken(self, number: int) -> bool:
        """Let go of what the hub has, up to this number; False when that is nothing."""
        before = len(self._sending)
        while self._sending and self._sending[0].number <= number:
            self._sending.popleft()
        return len(self._sending) < before

    def one_by_one(self, number: int) -> None:
        """Send windows up to this number by themselves."""
        self._single = number


def _cut(frame: Frame, number: int) -> list[bytes]:
    """Windows of a frame as JSON, with the numbers after `number`: more than one where they would be too large."""
    parts: list[list[msgspec.Raw]] = [[]]
    size = 0
    for version in frame.versions:
        data = _encoded(version)
        if parts[-1] and size + len(data) > LARGEST:
            parts.append([])
            size = 0
        parts[-1].append(msgspec.Raw(data))
        size += len(data)
    return [
        msgspec.json.encode(_Window(number + at, frame.since, frame.until, versions))
        for at, versions in enumerate(parts, start=1)
    ]


def _encoded(version: VersionCounted) -> bytes:
    """A version as JSON; without its values when nothing could be sent that has them."""
    data = msgspec.json.encode(version)
    if len(data) > MOST_BYTES - 2 * _ENVELOPE:
        _log.warning("values too large to be told", service=version.service, version=version.version, bytes=len(data))
        counted = msgspec.structs.replace(version.counted, rows=0, inputs={}, outputs={})
        data = msgspec.json.encode(msgspec.structs.replace(version, counted=counted))
    return data


class _Window(msgspec.Struct, omit_defaults=True):
    """A serving.measures.Window whose versions are JSON already."""

    number: int
    since: float
    until: float
    versions: list[msgspec.Raw] = []


assert _Window.__struct_fields__ == Window.__struct_fields__
