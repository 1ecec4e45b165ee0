"""Documents of events made small: deflate with a dictionary of what the events of a store have in common.

An event is a few hundred bytes, most of them names of fields, so on its own it hardly shrinks; with a dictionary it is a third to
a quarter. A dictionary holds only what events of at least three identities share: a person who is deleted does not stay in it.
"""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

#: how a document lies there: as it is, or deflated without a dictionary; other numbers name one
PLAIN: Final = 0

#: a dictionary is made when so many events have come: the first soon, the others when more kinds have been seen
DUE: Final = (64, 5_000, 200_000)

_WINDOW: Final = -12  # raw deflate in a window of 4 kB: more finds nothing more in such documents and costs setting up
_MEMORY: Final = 5
_MOST: Final = 3_000
_SHARED_BY: Final = 3
_TOKENS: Final = re.compile(rb'[^",:{}\[\]]+|[",:{}\[\]]+')


class EventBytes:
    """Packs and unpacks. dictionaries: by number, the last one is used for packing. Usable from several threads."""

    def __init__(self) -> None:
        self._fresh: dict[int, tuple[zlib._Compress, zlib._Decompress]] = {}
        self._last = PLAIN
        self._seen: deque[tuple[str, bytes]] = deque(maxlen=256)

    def __len__(self) -> int:
        return len(self._fresh)

    def __contains__(self, number: int) -> bool:
        return number == PLAIN or number in self._fresh

    def add(self, number: int, dictionary: bytes) -> None:
        """A dictionary that the store keeps under a number, > 0."""
        # Fixed codes: to work out codes for a few hundred bytes takes as long as all the rest, and saves three in a hundred.
        packer = zlib.compressobj(3, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_FIXED, zdict=dictionary)
        self._fresh[number] = packer, zlib.decompressobj(_WINDOW, zdict=dictionary)
        self._last = max(self._fresh)

    def pack(self, data: bytes) -> tuple[int, bytes]:
        """(number, bytes) that unpack gives the document for."""
        if self._last == PLAIN:
            return PLAIN, data
        # A copy of a compressor that has read its dictionary is made ten times faster than one that has to.
        packer = self._fresh[self._last][0].copy()
        packed = packer.compress(data) + packer.flush()
        return (self._last, packed) if len(packed) < len(data) else (PLAIN, data)

    def unpack(self, number: int, data: bytes) -> bytes:
        """The document. Raises zlib.error when the bytes are damaged, KeyError for a dictionary that was not added."""
        if number == PLAIN:
            return data
        unpacker = self._fresh[number][1].copy()
        document = unpacker.decompress(data)
        if not unpacker.eof:
            raise zlib.error("it ends too early")
        return document

    # ---- dictionaries -------------------------------------------------------------------------------------------

    def see(self, documents: Sequence[tuple[str, bytes]]) -> None:
        """Take samples, (key of the identity, document), of what a dictionary will be made from."""
        step = max(1, len(documents) // 64)
        self._seen.extend(sample for sample in documents[::step] if len(sample[1]) < 16_384)

    def due(self, events: int) -> bool:
        """Whether a store with so many events should have one dictionary more than it has."""
        return len(self) < len(DUE) and events >= DUE[len(self)]

    def make(self) -> bytes | None:
        """A dictionary from the samples; None when they have too little in common."""
        made = _in_common(self._seen)
        return made if len(made) >= 32 else None


def _in_common(samples: Iterable[tuple[str, bytes]]) -> bytes:
    """Stretches of the samples whose every token is in samples of several identities; those of the first samples at the end."""
    by: dict[bytes, set[str]] = {}
    split = [(key, _TOKENS.findall(data)) for key, data in samples]
    for key, tokens in split:
        for token in tokens:
            by.setdefault(token, set()).add(key)
    stretches: dict[bytes, None] = {}
    size = 0
    for _, tokens in split:
        stretch = b""
        for token in [*tokens, None]:
            if token is not None and len(by[token]) >= _SHARED_BY:
                stretch += token
                continue
            if len(stretch) > 3 and stretch not in stretches:
                if size + len(stretch) > _MOST:
                    return b"".join(reversed(stretches))
                stretches[stretch] = None
                size += len(stretch)
            stretch = b""
    return b"".join(reversed(stretches))
