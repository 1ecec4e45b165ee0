"""What the processes of an edge say to each other about persons: frames over a unix socket in the folder of the edge.

A frame is its length in four bytes, big-endian, and one of the messages below in msgpack. Workers connect; the supervisor's
process answers, and tells all of them what it hears from the hub. The socket is for this user only.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

#: name of the socket in the folder of the edge
SOCKET: Final = "persons.sock"
#: largest frame, in bytes, and how large one of many profiles becomes
MOST: Final = 128 << 20
_FULL: Final = 4 << 20
_length: Final = struct.Struct(">I")
#: bytes that the path of a socket may have on every system that is served
_PATH: Final = 100


class Asked(msgspec.Struct, tag="asked", frozen=True):
    """A worker needs these profiles."""

    keys: list[str]


class Journaled(msgspec.Struct, tag="journaled", frozen=True):
    """A worker has written predictions to a journal of its outbox."""

    name: str


class Held(msgspec.Struct, tag="held", frozen=True, omit_defaults=True):
    """A profile, or that there is none. profile: a serving.projections.Projection as JSON, as msgpack has no integers beyond 64
    bits; None when nobody knows, as the hub is away. fresh, until: us since the epoch, up to which it is used without asking, and
    while it is asked for anew."""

    key: str
    profile: bytes | None
    fresh: int
    until: int


class Told(msgspec.Struct, tag="told", frozen=True):
    """What workers hold, or asked for, is this now."""

    held: list[Held]


class Gone(msgspec.Struct, tag="gone", frozen=True):
    """Profiles that nobody may use any more."""

    keys: list[str]


class Stale(msgspec.Struct, tag="stale", frozen=True):
    """Changes may have been missed: whatever is held is asked for anew when it is next used."""


FromWorker = Asked | Journaled
ToWorker = Told | Gone | Stale

_encode: Final = msgspec.msgpack.Encoder().encode
_from_worker: Final = msgspec.msgpack.Decoder(FromWorker).decode
_to_worker: Final = msgspec.msgpack.Decoder(ToWorker).decode


def frame(message: FromWorker | ToWorker) -> bytes:
    """A message as it travels."""
    data = _encode(message)
    return _length.pack(len(data)) + data


def frames(held: Iterable[Held]) -> Iterator[bytes]:
    """Profiles as they travel: as many frames as keep each of them small."""
    part: list[Held] = []
    size = 0
    for one in held:
        part.append(one)
        size += len(one.key) + len(one.profile or b"")
        if size >= _FULL:
            yield frame(Told(part))
            part, size = [], 0
    if part:
        yield frame(Told(part))


class Frames:
    """Takes bytes as they come and gives messages. worker: whether it reads what workers say."""

    def __init__(self, *, worker: bool):
        self._decode: Any = _from_worker if worker else _to_worker
        self._kept = bytearray()

    def feed(self, data: bytes) -> Iterator[Any]:
        """The messages that are whole now. Raises ValueError (or msgspec's, which is one) for what is none."""
        kept = self._kept
        kept += data
        at = 0
        while len(kept) - at >= 4:
            (size,) = _length.unpack_from(kept, at)
            if size > MOST:
                raise ValueError(f"a frame of {size:,} bytes")
            if len(kept) - at - 4 < size:
                break
            message = self._decode(bytes(kept[at + 4 : at + 4 + size]))
            at += 4 + size
            yield message
        del kept[:at]


@contextmanager
def reachable(folder: Path) -> Iterator[str]:
    """The path of the socket, however long the folder's is: a socket's own may have some hundred bytes (unix(7))."""
    path = folder / SOCKET
    if len(os.fsencode(path)) <= _PATH or not os.path.isdir("/proc/self/fd"):
        yield str(path)
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET}"
    finally:
        os.close(handle)


def listening(folder: Path) -> socket.socket:
    """A socket that workers of this folder can connect to, for this user only. OSError when it can't be had.

    A socket that a killed edge left there is taken away.
    """
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        unlink(folder)
        with reachable(folder) as path:
            before = os.umask(0o177)
            try:
                one.bind(path)
            finally:
                os.umask(before)
        one.listen(64)
        one.setblocking(False)
    except OSError:
        one.close()
        raise
    return one


def unlink(folder: Path) -> None:
    """Take the socket away."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.lstat(folder / SOCKET).st_mode):
            os.unlink(folder / SOCKET)


async def connected(folder: Path, protocol: asyncio.Protocol) -> asyncio.Transport:
    """A connection to the supervisor's process; OSError when it does not listen."""
    loop = asyncio.get_running_loop()
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        one.setblocking(False)
        with reachable(folder) as path:
            await loop.sock_connect(one, path)
        transport, _ = await loop.create_connection(lambda: protocol, sock=one)
    except BaseException:
        one.close()
        raise
    return transport
