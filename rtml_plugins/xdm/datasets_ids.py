"""Which ids a dataset has: digests of 128 bits in sorted runs, looked up many at a time.

A run is a file of little-endian 64-bit numbers: MAGIC, count, width (2 or 4), then `width` columns of `count` numbers: the high
and the low half of the digest, and of its value where it has one. Runs are merged when there are many of a size, so each id is
written a few times, and the newest run that has a digest says its value. Two ids of one digest: with 10,000,000 of them, once in
10^24 datasets.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import numpy as np

from rtml_plugins.xdm.datasets_folder import DatasetError

Numbers = np.ndarray[Any, np.dtype[np.uint64]]

_MAGIC: Final = int.from_bytes(b"rtmlids1", "little")
_HEAD: Final = 3
#: runs of about one size that become one
_TOGETHER: Final = 4
_SMALLEST: Final = 4096


def digest(text: str, what: bytes = b"id") -> bytes:
    """16 bytes. what: texts of one kind are never taken for those of another."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, person=what).digest()


class IdRun:
    """Digests in ascending order of their high halves. columns: [width, count]."""

    def __init__(self, columns: Numbers) -> None:
        self._columns = columns

    def __len__(self) -> int:
        return int(self._columns.shape[1])

    @classmethod
    def of(cls, digests: Sequence[bytes], values: Sequence[bytes] | None = None) -> IdRun:
        """A run of digests, each once; values: of 16 bytes each."""
        rows = np.frombuffer(b"".join(digests), "<u8").reshape(-1, 2)
        columns = rows.T if values is None else np.vstack([rows.T, np.frombuffer(b"".join(values), "<u8").reshape(-1, 2).T])
        return cls(np.ascontiguousarray(columns[:, np.argsort(columns[0], kind="stable")]))

    @classmethod
    def open(cls, path: Path) -> IdRun:
        """The run in a file, which is mapped, not read. Raises DatasetError."""
        try:
            numbers = np.memmap(path, "<u8", mode="r")
        except (OSError, ValueError) as error:
            raise DatasetError(f"{path} is damaged: the index of ids can't be read: {error}") from None
        if len(numbers) < _HEAD or numbers[0] != _MAGIC or len(numbers) != _HEAD + int(numbers[1]) * int(numbers[2]):
            raise DatasetError(f"{path} is damaged: it is no index of ids, or not the whole of one")
        return cls(numbers[_HEAD:].reshape(int(numbers[2]), int(numbers[1])))

    def write(self, path: Path) -> None:
        """Write and sync."""
        with path.open("wb") as file:
            np.array([_MAGIC, len(self), self._columns.shape[0]], "<u8").tofile(file)
            self._columns.tofile(file)
            file.flush()
            os.fsync(file.fileno())

    def find(self, wanted: Numbers) -> tuple[Numbers, Numbers]:
        """wanted: [n, 2] digests. (those found, as indexes into wanted; their places in this run)."""
        high, low = self._columns[0], self._columns[1]
        at = np.searchsorted(high, wanted[:, 0])
        inside = np.flatnonzero(at < len(high))
        same = inside[high[at[inside]] == wanted[inside, 0]]
        places = at[same]
        whole = low[places] == wanted[same, 1]
        # several digests of one high half stand next to each other: look at those behind the first, too
        while not whole.all():
            others = np.flatnonzero(~whole)
            behind = places[others] + 1
            more = behind < len(high)
            more[more] = high[behind[more]] == wanted[same[others[more]], 0]
            if not more.any():
                break
            going = others[more]
            places[going] += 1
            whole[going] = low[places[going]] == wanted[same[going], 1]
            dropped = others[~more]
            keep = np.ones(len(same), bool)
            keep[dropped] = False
            same, places, whole = same[keep], places[keep], whole[keep]
        return same[whole], places[whole]

    def values(self, places: Numbers) -> Numbers:
        """[n, 2] values at places; zeros in a run without values."""
        if self._columns.shape[0] == 2:
            return np.zeros((len(places), 2), np.uint64)
        return np.asarray(self._columns[2:, places].T)

    def without(self, gone: IdRun) -> IdRun | None:
        """This run without the digests of another; None when it has none of them."""
        _, places = self.find(np.ascontiguousarray(gone._columns[:2].T))
        if not len(places):
            return None
        keep = np.ones(len(self), bool)
        keep[places] = False
        return IdRun(np.ascontiguousarray(self._columns[:, keep]))


def lookup(runs: Iterable[IdRun], wanted: Numbers) -> tuple[np.ndarray[Any, np.dtype[np.bool_]], Numbers]:
    """Which of [n, 2] digests are in runs, newest first, and their values [n, 2] as the newest run that has them says."""
    found = np.zeros(len(wanted), bool)
    values = np.zeros((len(wanted), 2), np.uint64)
    left = np.arange(len(wanted))
    for run in runs:
        if not len(left):
            break
        hits, places = run.find(wanted[left])
        found[left[hits]] = True
        values[left[hits]] = run.values(places)
        left = np.delete(left, hits)
    return found, values


def merged(runs: Sequence[IdRun]) -> IdRun:
    """One run of several, newest first."""
    width = max(run._columns.shape[0] for run in runs)
    padded = [
        run._columns if run._columns.shape[0] == width else np.vstack([run._columns, np.zeros((2, len(run)), np.uint64)])
        for run in runs
    ]
    columns = np.concatenate(padded, axis=1)
    if width == 2:  # what is known is not taken again, so no two have one digest
        return IdRun(np.ascontiguousarray(columns[:, np.argsort(columns[0], kind="stable")]))
    order = np.lexsort((np.arange(columns.shape[1]), columns[1], columns[0]))
    columns = columns[:, order]
    first = np.ones(len(order), bool)
    first[1:] = (columns[0, 1:] != columns[0, :-1]) | (columns[1, 1:] != columns[1, :-1])
    return IdRun(np.ascontiguousarray(columns[:, first]))


def to_merge(sizes: Sequence[int]) -> int:
    """How many of the newest runs should become one; 0: none. sizes: newest first."""
    together, biggest = 0, _SMALLEST
    for count, size in enumerate(sizes):
        if size > biggest * _TOGETHER:
            break
        biggest = max(biggest, size)
        together = count + 1
    return together if together >= _TOGETHER else 0
