"""Profiles that a worker holds: chosen fields of the persons it was asked about, in memory, the least used let go of first.

What is held is answered at once. What is not is asked of the supervisor's process, once however many requests wait for it; that
process tells changes as the hub does, so that what is held follows the hub. A profile whose time is over is used until the new
one is there.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Generator, Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from rtml_core.errors import said
from rtml_plugins.edge import metrics, neighbours
from rtml_plugins.edge.neighbours import Asked, Frames, Gone, Held, Told
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.projections import Projection

#: seconds between tries to reach the supervisor's process
_AGAIN: Final = 0.05
#: what a profile takes in memory: bytes at least, and for each byte of it in JSON
_ENTRY: Final = 700
_BLOWN_UP: Final = 4
#: us after which a profile that is asked for anew is asked for again
_REFRESH: Final = 5_000_000
#: messages that wait for a connection
_UNSAID: Final = 100

_log: Final = logger("rtml.edge.projections")
_profile: Final = msgspec.json.Decoder(Projection).decode


class Entry:
    """A profile that is held. profile: None for a person that the hub does not know, or that nobody knows of (known: False)."""

    __slots__ = ("fresh", "known", "profile", "size", "until")

    def __init__(self, profile: Projection | None, fresh: int, until: int, size: int, known: bool = True):
        self.profile = profile
        self.fresh = fresh
        self.until = until
        self.size = size
        self.known = known


class Profiles:
    """The profiles of one worker: what its packages get as the resource "profiles". Used in its event loop; `lookup` also in
    others' threads, as long as what it gives is awaited in the loop.

    folder: of the edge. most: bytes of memory that profiles may take, or so.
    """

    def __init__(self, folder: Path, most: int):
        self._folder = folder
        self._most = most
        self._held: OrderedDict[str, Entry] = OrderedDict()
        self._bytes = 0
        self._waiting: dict[str, list[asyncio.Future[Entry]]] = {}
        self._asking: list[str] = []
        self._scheduled = False
        self._link: _Link | None = None
        self._task: asyncio.Task[None] | None = None
        self._unsaid: deque[neighbours.FromWorker] = deque(maxlen=_UNSAID)
        self._told: dict[str, int] = {}
        self.hits = 0

    # ---- in a request -------------------------------------------------------------------------------------------

    def lookup(self, keys: tuple[str, ...], now: int) -> Projection | Awaitable[Projection | None] | None:
        """The profile of the first of these identities that has one; None when none has. Awaitable when one has to be asked for.

        Where one of them is known to have refused personalisation, it is that profile: no is said for all, however few are known.
        now: us since the epoch. The awaitable waits as long as it is awaited: a time limit is the caller's.
        """
        held = self._held
        found: Projection | None = None
        missed = False
        known = True
        for key in keys:
            entry = held.get(key)
            if entry is None or (now >= entry.fresh and not self._usable(key, entry, now)):
                missed = True
                continue
            profile = entry.profile
            if profile is None:
                known = known and entry.known
                continue
            try:  # noqa: SIM105 (a context manager would take as long as the rest)
                held.move_to_end(key)
            except KeyError:  # let go of by the event loop in this very moment
                pass
            if not profile.consent:
                self.hits += 1
                return profile
            if found is None:
                found = profile
        if missed:
            return _Missed(self, keys)
        if found is not None or known:
            self.hits += 1
        else:
            self.count("away")
        return found

    def unsure(self, keys: tuple[str, ...]) -> bool:
        """Whether, as far as is held now, the hub could not be asked about one of these identities."""
        return any(entry is None or not entry.known for entry in map(self._held.get, keys))

    def _usable(self, key: str, entry: Entry, now: int) -> bool:
        """Whether a profile that is not fresh any more is used while it is asked for."""
        if now >= entry.until:
            return False
        entry.fresh = now + _REFRESH
        self._asking.append(key)
        self._schedule_from_anywhere()
        return True

    async def fetched(self, keys: tuple[str, ...]) -> Projection | None:
        """What lookup gives, waited for."""
        now = time.time_ns() // 1000
        entries = [self._held.get(key) for key in keys]
        asked = {at: self._wanted(keys[at]) for at, e in enumerate(entries) if e is None or now >= e.until}
        try:
            pending: set[asyncio.Future[Entry]] = set(asked.values())
            while pending:  # who refused is heard before the others are there
                _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for at, future in asked.items():
                    if future.done():
                        entries[at] = future.result()
                if any(refuses(entry) for entry in entries):
                    break
        except asyncio.CancelledError:
            self.count("timeout")
            raise
        finally:
            for future in asked.values():
                future.cancel()
        there = [entry for entry in entries if entry is not None and entry.profile is not None]
        found = next((entry for entry in there if refuses(entry)), there[0] if there else None)
        self.count("miss" if found is not None or all(entry is not None and entry.known for entry in entries) else "away")
        return None if found is None else found.profile

    def _wanted(self, key: str) -> asyncio.Future[Entry]:
        """Ask for a profile, once for all who wait for it."""
        future: asyncio.Future[Entry] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.get(key)
        if waiting is None or all(other.done() for other in waiting):  # nobody, or all have given up: the question may be lost
            self._waiting[key] = [future]
            self._asking.append(key)
            self._schedule()
        else:
            waiting.append(future)
        return future

    def _schedule_from_anywhere(self) -> None:
        if not self._scheduled and self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._schedule)

    def _schedule(self) -> None:
        """Ask at the end of this turn of the event loop for all that was wanted in it."""
        self.start()
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._ask)

    def _ask(self) -> None:
        self._scheduled = False
        if self._link is not None:  # else when there is one again
            keys, self._asking = list(dict.fromkeys(self._asking)), []
            for at in range(0, len(keys), 10_000):
                self._link.send(neighbours.frame(Asked(keys[at : at + 10_000])))

    def tell(self, message: neighbours.FromWorker) -> None:
        """Say something to the supervisor's process, now or when it can be reached; of much that waits, the last."""
        self.start()
        if self._link is not None:
            self._link.send(neighbours.frame(message))
        else:
            self._unsaid.append(message)

    # ---- what is heard ------------------------------------------------------------------------------------------

    def take(self, message: neighbours.ToWorker) -> None:
        """Take in what the supervisor's process says."""
        if type(message) is Told:
            for held in message.held:
                self._keep(held)
        elif type(message) is Gone:
            for key in message.keys:
                self._drop(key)
        else:
            self._expire()

    def _keep(self, told: Held) -> None:
        """Keep a profile that is held already or waited for; what others were asked about takes no memory here."""
        key = told.key
        waiting = self._waiting.pop(key, ())
        before = self._held.get(key)
        if before is None and not waiting:
            return
        known, profile = _read(told)
        if not known and before is not None and time.time_ns() // 1000 < before.until:
            before.fresh = max(before.fresh, told.fresh)  # nobody knows: what is held is better
            _wake(waiting, before)
            return
        self._drop(key)
        size = _ENTRY + len(key) + _BLOWN_UP * len(told.profile or b"")
        entry = self._held[key] = Entry(profile, told.fresh, told.until, size, known)
        self._bytes += size
        while self._bytes > self._most and len(self._held) > 1:
            _, oldest = self._held.popitem(last=False)
            self._bytes -= oldest.size
        _wake(waiting, entry)

    def _drop(self, key: str) -> None:
        entry = self._held.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size

    def _expire(self) -> None:
        for entry in self._held.values():
            entry.fresh = 0

    # ---- life ---------------------------------------------------------------------------------------------------

    @property
    def bytes(self) -> int:
        """Bytes of memory that profiles take now, or so."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._held)

    def start(self) -> None:
        """Be connected with the supervisor's process from now on, which begins with the first profile that is not held; in the
        event loop."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._stay_connected(), name="rtml-profiles")
            metrics.watch(self.figures)

    async def stop(self) -> None:
        """Close the connection; who waits is answered that nobody knows."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for waiting in self._waiting.values():
            _wake(waiting, Entry(None, 0, 0, 0, known=False))
        self._waiting.clear()
        metrics.unwatch(self.figures)

    async def _stay_connected(self) -> None:
        while True:
            lost = asyncio.get_running_loop().create_future()
            link = _Link(self, lost)
            try:
                transport = await neighbours.connected(self._folder, link)
            except OSError:
                await asyncio.sleep(_AGAIN)
                continue
            try:
                self._link = link
                self._expire()  # changes were told to nobody meanwhile
                self._asking += self._waiting
                self._schedule()
                while self._unsaid:
                    link.send(neighbours.frame(self._unsaid.popleft()))
                await lost
            finally:
                self._link = None
                transport.close()
            await asyncio.sleep(_AGAIN)

    # ---- figures ------------------------------------------------------------------------------------------------

    def count(self, result: str) -> None:
        """Count a look-up that had to be waited for. result: miss, timeout, away."""
        self._told[result] = self._told.get(result, 0) + 1

    def figures(self) -> None:
        """Hand what was counted to the metrics of this process."""
        hits, self.hits = self.hits, 0
        counted, self._told = self._told, {}
        for result, number in {"hit": hits, **counted}.items():
            if number:
                metrics.count("projections", result, by=number)


class _Missed:
    """A profile that is asked for as soon as it is awaited, which is in the event loop."""

    __slots__ = ("_keys", "_profiles")

    def __init__(self, profiles: Profiles, keys: tuple[str, ...]):
        self._profiles = profiles
        self._keys = keys

    def __await__(self) -> Generator[Any, None, Projection | None]:
        return self._profiles.fetched(self._keys).__await__()


class _Link(asyncio.Protocol):
    """A connection to the supervisor's process."""

    def __init__(self, profiles: Profiles, lost: asyncio.Future[None]):
        self._profiles = profiles
        self._lost = lost
        self._frames = Frames(worker=False)
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def send(self, data: bytes) -> None:
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._frames.feed(data):
                self._profiles.take(message)
        except ValueError as error:
            _log.error("connection given up", problem=said(error))
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._lost.done():
            self._lost.set_result(None)


def refuses(entry: Entry | None) -> bool:
    """Whether a person is known to have refused personalisation."""
    return entry is not None and entry.profile is not None and not entry.profile.consent


def _read(told: Held) -> tuple[bool, Projection | None]:
    """Whether somebody knows, and the profile of a person that there is."""
    if told.profile is None:
        return False, None
    try:
        profile = _profile(told.profile)
    except (msgspec.DecodeError, RecursionError) as error:
        _log.error("a profile can't be read", problem=type(error).__name__, taken="as if there were none")
        return True, None
    return True, profile if profile.found else None


def _wake(waiting: Iterable[asyncio.Future[Entry]], entry: Entry) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(entry)
