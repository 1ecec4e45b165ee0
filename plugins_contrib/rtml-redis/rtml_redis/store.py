"""A store of profiles in one Redis server: a change is one script, many changes are one round trip.

URL: redis://[user:password@]host[:port][/db], rediss:// with TLS, redis+unix:///path of a socket; ?prefix= before all keys
("rtml:"), ?timeout= seconds for an answer (10), the rest as redis-py reads it. What is acknowledged survives the death of the
writer. What a dead server has lost, its appendfsync says: see README.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha1
from typing import Any, Final, Self

import msgspec
import redis

from rtml_plugins.profile.store import Change, ProfileStore, Stored, StoredEvent, StoreError, nobody
from rtml_redis.address import Address
from rtml_redis.scripts import CHANGE, DROP, EVENTS, FIND, OWNERS, PERSONS, SET_VALUE

#: changes, and bytes of them, that go in one round trip
_MANY: Final = 500
#: questions that go in one round trip
_ASKED: Final = 1000
_LARGE: Final = 8 << 20
_OFFSET: Final = 1 << 63
_pack = msgspec.msgpack.Encoder().encode
_SHA: Final = {
    script: sha1(script.encode(), usedforsecurity=False).hexdigest()
    for script in (CHANGE, DROP, EVENTS, FIND, OWNERS, PERSONS, SET_VALUE)
}


class RedisStore(ProfileStore):
    """Connections come from a pool, one for each thread that asks at the same time."""

    scheme = "redis"

    def __init__(self, url: str):
        self._address = Address(url)
        self._open = True
        self._client = self._address.client
        self._prefix = self._address.prefix
        try:
            self._address.check()
        except BaseException:
            self.close()
            raise

    @classmethod
    def open(cls, url: str) -> Self:
        """The store at a URL. Raises StoreError when the server can't be reached, or can't keep profiles."""
        return cls(url)

    def _here(self) -> None:
        if not self._open:
            raise StoreError(f"The store {self._address.shown} is closed; open it again")

    def _run(self, doing: str, script: str, *values: Any) -> Any:
        """Run a script; one that the server does not know (any more) is sent whole."""
        self._here()
        with self._address.in_words(doing):
            try:
                return self._client.evalsha(_SHA[script], 1, self._prefix, *values)
            except redis.exceptions.NoScriptError:
                return self._client.eval(script, 1, self._prefix, *values)

    # ---- reading ------------------------------------------------------------------------------------------------

    def find(self, key: str) -> Stored | None:
        found = self._run("read", FIND, key)
        return None if found is None else _stored(found[0], found[1])

    def owners(self, keys: Sequence[str]) -> list[str | None]:
        found = self._run("read", OWNERS, _pack(keys))
        return [None if owner is None else owner.decode() for owner in found]

    def read(self, persons: Sequence[str]) -> list[Stored | None]:
        self._here()
        if not persons:
            return []
        with self._address.in_words("read"):
            found = self._client.mget([self._prefix + b"p:" + person.encode() for person in persons])
        return [None if data is None else _stored(person, data) for person, data in zip(persons, found, strict=True)]

    def events(self, keys: Sequence[str], start: int, end: int, *, limit: int, descending: bool = False) -> list[StoredEvent]:
        asked = list(dict.fromkeys(keys))
        if not asked or limit <= 0:
            self._here()
            return []
        bounds = "[" + _time(start), "(" + _time(end)
        found = self._run("read", EVENTS, _pack(asked), *bounds, limit, int(descending))
        return [
            StoredEvent(asked[place - 1], int(member[:16], 16) - _OFFSET, member[16:].decode(), data)
            for place, member, data in zip(found[::3], found[1::3], found[2::3], strict=True)
        ]

    def known(self, events: Sequence[tuple[str, int, str]]) -> list[bool]:
        self._here()
        found: list[bool] = []
        with self._address.in_words("read"):
            for first in range(0, len(events), _ASKED):
                asking = self._client.pipeline(transaction=False)
                for key, at, id in events[first : first + _ASKED]:
                    asking.hexists(self._prefix + b"d:" + key.encode(), _time(at) + id)
                found += map(bool, asking.execute())
        return found

    def persons(self, after: str = "", *, limit: int = 1000) -> list[Stored]:
        found = self._run("read", PERSONS, b"(" + after.encode() if after else b"-", limit)
        return [_stored(id, data) for id, data in zip(found[::2], found[1::2], strict=True)]

    def count(self) -> Mapping[str, int]:
        self._here()
        with self._address.in_words("read"):
            asking = self._client.pipeline(transaction=True)
            asking.zcard(self._prefix + b"ids")
            asking.hmget(self._prefix + b"totals", "identities", "events")
            persons, (identities, events) = asking.execute()
        return {"persons": persons, "identities": int(identities or 0), "events": int(events or 0)}

    # ---- writing ------------------------------------------------------------------------------------------------

    def commit(self, changes: Sequence[Change]) -> list[bool]:
        self._here()
        with self._address.in_words("written"):
            packed = [_packed(change) for change in changes]
        said: list[Any] = []
        first = 0
        while first < len(packed):
            last, size = first + 1, sum(map(len, packed[first]))
            while last < len(packed) and last - first < _MANY and size < _LARGE:
                size += sum(map(len, packed[last]))
                last += 1
            said += self._commit(packed[first:last])
            for answer in said[first:]:
                if isinstance(answer, list):
                    raise nobody(*(part.decode() for part in answer))
            first = last
        return [answer == 1 for answer in said]

    def _commit(self, packed: Sequence[list[bytes]]) -> list[Any]:
        if len(packed) == 1:
            return [self._run("written", CHANGE, *packed[0])]
        with self._address.in_words("written"):
            asking = self._client.pipeline(transaction=False)
            asking.script_load(CHANGE)
            for one in packed:
                asking.evalsha(_SHA[CHANGE], 1, self._prefix, *one)
            answers = asking.execute(raise_on_error=False)[1:]
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
        return list(answers)

    def drop_events(self, before: int, *, limit: int = 10_000) -> int:
        return int(self._run("written", DROP, before // 1_000_000, "(" + _time(before), limit))

    # ---- small things -------------------------------------------------------------------------------------------

    def mark(self, name: str) -> int:
        self._here()
        with self._address.in_words("read"):
            return int(self._client.hget(self._prefix + b"marks", name) or 0)

    def value(self, name: str) -> tuple[bytes, int]:
        self._here()
        with self._address.in_words("read"):
            found = self._client.hget(self._prefix + b"named", name)
        if found is None:
            return b"", 0
        version, _, data = found.partition(b":")
        return data, int(version)

    def set_value(self, name: str, data: bytes, version: int) -> bool:
        return bool(self._run("written", SET_VALUE, name, str(version), data))

    def close(self) -> None:
        self._open = False
        self._client.close()
        self._client.connection_pool.disconnect()


def _stored(id: str | bytes, kept: bytes) -> Stored:
    version, _, data = kept.partition(b":")
    return Stored(id if isinstance(id, str) else id.decode(), int(version), data)


def _time(at: int) -> str:
    """16 digits in the order of time."""
    if not -_OFFSET <= at < _OFFSET:
        raise StoreError(f"A time has 64 bits; got {at}")
    return f"{at + _OFFSET:016x}"


def _packed(change: Change) -> list[bytes]:
    """A change as CHANGE reads it: MessagePack, then all the data."""
    data: list[bytes] = []

    def place(one: bytes) -> int:
        data.append(one)
        return len(data) + 1

    expect: list[Any] = [part for id, version in change.expect.items() for part in (id, str(version))]
    owners: list[Any] = [part for key, owner in change.owners.items() for part in (key, owner if owner is not None else False)]
    put: list[Any] = [part for id, one in change.put.items() for part in (id, place(one))]
    own: list[Any] = [part for key, owner in change.own.items() for part in (key, owner if owner is not None else False)]
    # a member is the time and the id; the second places an identity among those with old events
    events: list[Any] = [
        part for one in change.events for part in (one.key, _time(one.at) + one.id, str(one.at // 1_000_000), place(one.data))
    ]
    marks: list[Any] = [part for name, number in change.marks.items() for part in (name, str(max(number, 0)))]
    return [_pack((expect, owners, put, sorted(change.remove), own, events, sorted(change.forget), marks)), *data]
