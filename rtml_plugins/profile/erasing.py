"""A person erased from a store, and the trail of that, which names nobody.

LIGHT: the standard library and msgspec only.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from secrets import token_bytes
from typing import Final

import msgspec

from rtml_plugins.profile.applying import Writer
from rtml_plugins.profile.records import Changed, Erased, Erasure
from rtml_plugins.profile.store import Change, ProfileStore

_KEY: Final = "profile/erasures/key"
_PAGES: Final = "profile/erasures"
#: lines of a page of the trail
_PAGE: Final = 500


def erase(writer: Writer, keys: Sequence[str], actor: str, clock: Callable[[], int]) -> Erased:
    """Erase the persons that own identities, with all that is kept of them, in one change; and leave a line."""
    erased = writer.attempt(lambda: _erased(writer, keys))
    named = erased.keys or list(keys)
    _leave(writer.store, Erasure(clock(), actor, digests(writer.store, named), erased.persons, erased.events, erased.fragments))
    writer.store.purge()  # as far as nobody is reading: what can't be now, whoever has the store open tries again
    return erased


def _erased(writer: Writer, keys: Sequence[str]) -> Erased | None:
    gathering = writer.gather(keys)
    people = gathering.people
    if not people:
        return Erased()
    erased = Erased(persons=len(people))
    datasets: set[str] = set()
    for held in people.values():
        erased.keys += held.person.known
        for known in held.person.known.values():
            trees = known.trees()
            erased.events += known.events
            erased.fragments += len(trees)
            datasets |= known.datasets.keys() | trees.keys()
    erased.datasets = sorted(datasets)
    change = Change(
        expect={held.id: held.version for held in people.values()},
        remove=set(people),
        own=dict.fromkeys(erased.keys),
        forget=set(erased.keys),
    )
    kept = writer.store.commit([change])[0]
    writer.forget(gathering)
    if not kept:
        return None
    writer.tell([Changed(held.id, 0, tuple(held.person.known)) for held in people.values()])
    return erased


def digests(store: ProfileStore, keys: Sequence[str]) -> list[str]:
    """What stands for identities in the trail, sorted: HMAC-SHA256 with the secret of the store."""
    secret = _secret(store)
    return sorted(hmac.new(secret, key.encode(), sha256).hexdigest() for key in keys)


def _secret(store: ProfileStore) -> bytes:
    secret, version = store.value(_KEY)
    while not secret:
        store.set_value(_KEY, token_bytes(32), version)
        secret, version = store.value(_KEY)
    return secret


def _leave(store: ProfileStore, line: Erasure) -> None:
    while True:
        pages = _pages(store)
        name = f"{_PAGES}/{pages}"
        data, version = store.value(name)
        lines = msgspec.json.decode(data, type=list[Erasure]) if data else []
        if len(lines) >= _PAGE:
            number = store.value(_PAGES)[1]
            store.set_value(_PAGES, b"%d" % (pages + 1), number)
            continue
        if store.set_value(name, msgspec.json.encode([*lines, line]), version):
            return


def _pages(store: ProfileStore) -> int:
    return int(store.value(_PAGES)[0] or b"0")


def erasures(store: ProfileStore) -> Iterator[Erasure]:
    """The trail, from the oldest line to the newest."""
    for page in range(_pages(store) + 1):
        data, _ = store.value(f"{_PAGES}/{page}")
        if data:
            yield from msgspec.json.decode(data, type=list[Erasure])


class Trail:
    """The trail for those who ask it often: pages that are full are read once."""

    def __init__(self, store: ProfileStore):
        self._store = store
        self._full: dict[str, int] = {}
        self._read = 0

    def erased_at(self, key: str) -> int | None:
        """When the person of an identity was last erased, in us; None when that was never so."""
        pages = _pages(self._store)
        while self._read < pages:
            _note(self._full, self._store, self._read)
            self._read += 1
        last: dict[str, int] = {}
        _note(last, self._store, pages)
        if not last and not self._full:
            return None
        digest = digests(self._store, [key])[0]
        return last.get(digest, self._full.get(digest))


def _note(times: dict[str, int], store: ProfileStore, page: int) -> None:
    data, _ = store.value(f"{_PAGES}/{page}")
    for line in msgspec.json.decode(data, type=list[Erasure]) if data else ():
        for digest in line.digests:
            times[digest] = max(line.at, times.get(digest, line.at))
