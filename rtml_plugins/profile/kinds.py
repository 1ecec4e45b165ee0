"""The kinds of aggregates: what an event adds to a bucket, how buckets add up, and how they are read.

Every `add` is commutative and associative to the last bit. Numbers are summed exactly, as integers over a power of two (every
double is one), and rounded once, when they are read: the sum is math.fsum of all values, the mean the double nearest to the true
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from rtml_plugins.profile.conditions import number

#: values that `distinct` counts at most; characters of a text that first and last keep at most
MOST_DISTINCT: Final = 100
MOST_CHARACTERS: Final = 1000
_SMALL: Final = 2**63


class Kind:
    """One kind. of: whether it is of a path; buckets: whether a window is kept in buckets, or the cell itself says its times."""

    of = True
    buckets = True

    def lift(self, values: Sequence[Any], at: int) -> Any:
        """The cell of one event, from what is at its path; None when it has nothing to say."""
        raise NotImplementedError

    def add(self, one: Any, other: Any) -> Any:
        """The cell of the events of both."""
        raise NotImplementedError

    def read(self, cells: Sequence[Any], now: int, since: int | None) -> Any:
        """The value, of cells in the order of their time. since: events before it are out of the window."""
        raise NotImplementedError


class Count(Kind):
    of = False

    def lift(self, values: Sequence[Any], at: int) -> Any:
        return 1

    def add(self, one: Any, other: Any) -> Any:
        return one + other

    def read(self, cells: Sequence[Any], now: int, since: int | None) -> Any:
        return sum(cells)


class Recency(Kind):
    """Seconds since the latest event. Cell: its time."""

    of = False
    buckets = False

    def lift(self, values: Sequence[Any], at: int) -> Any:
        return at

    def add(self, one: Any, other: Any) -> Any:
        return max(one, other)

    def read(self, cells: Sequence[Any], now: int, since: int | None) -> Any:
        return (now - cells[0]) / 1e6 if cells and (since is None or cells[0] >= since) else None


class Sum(Kind):
    """Cell: [n, m, k] of the sum m / 2**k of n numbers; k as small as it can be; m in hexadecimal when it is beyond 64 bits."""

    def lift(self, values: Sequence[Any], at: int) -> Any:
        numbers = [value for value in values if number(value)]
        if not numbers:
            return None
        cell = _exact(numbers[0])
        for value in numbers[1:]:
            cell = self.add(cell, _exact(value))
        return cell

    def add(self, one: Any, other: Any) -> Any:
        n, m, k = one
        more, m2, k2 = other
        m, m2 = _whole(m), _whole(m2)
        if k < k2:
            m, k = m << (k2 - k), k2
        elif k2 < k:
            m2 <<= k - k2
        return _cell(n + more, m + m2, k)

    def read(self, cells: Sequence[Any], now: int, since: int | None) -> Any:
        return _divided(*self._total(cells), 1) if cells else 0.0

    def _total(self, cells: Sequence[Any]) -> tuple[int, int]:
        """m and k of all cells; k not the smallest."""
        most = max([cell[2] for cell in cells])
        try:
            return sum([cell[1] << most - cell[2] for cell in cells]), most
        except TypeError:  # a sum beyond 64 bits, in hexadecimal
            return sum([_whole(cell[1]) << most - cell[2] for cell in cells]), most


class Mean(Sum):
    def read(self, cells: Sequence[Any], now: int, since: int | None) -> Any:
        if not cells:
            return None
        return _divided(*self._total(cells), sum([cell[0] for cell in cells]))


def _exact(value: Any) -> list[Any]:
    m, d = value.as_integer_ratio()
    return _cell(1, m, d.bit_length() - 1)


def _cell(n: int, m: int, k: int) -> list[Any]:
    if k and not m & 1:
        zeros = min(k, (m & -m).bit_length() - 1) if m else k
        m, k = m >> zeros, k - zeros
    return [n, m if -_SMALL <= m < _SMALL else hex(m), k]


def _whole(m: Any) -> int:
    return m if type(m) is int else int(m, 16)


def _divided(m: int, k: int, n: int) -> float | None:
    """m / (2**k * n) as the nearest double; None beyond the doubles."""
    try:
        return m / (n << k)
    except OverflowError:
        return None


class Least(Kind):
    """The smallest number, as a double."""

    pick: Any = staticmethod(min)

    def lift(self, values: Sequence[Any], at: int) -> Any:
        numbers = [float(value) + 0.0 for value in values if number(value)]  # + 0.0: there is one zero
        return self.pick(numbers) if numbers else None

    def add(self, one: Any, other: Any) -> Any:
        return self.pick(float(one), float(other))

    def read(self, cells: Sequence[Any], now: int, since: int | None) -> Any:
        return float(self.pick(cells)) if cells else None


class Greatest(Least):
    pick: Any = staticmethod(max)


class Last(Kind):
    """The value of the latest event; of several at one moment, the one whose JSON text is the greatest. Cell: [time, value]."""

    buckets = False
    latest = True

    def lift(self, values: Sequence[Any], at: int) -> Any:
        kept = [value for value in values if keepable(value)]
        return [at, kept[-1 if self.latest else 0]] if kept else None

    def add(self, one: Any, other: Any) -> Any:
        if one[0] != other[0]:
            return one if (one[0] > other[0]) == self.latest else other
        return one if (_text(one[1]) > _text(other[1])) == self.latest else other

    def read(self, cells: Sequence[Any], now: int, since: int | None) -> Any:
        return cells[0][1] if cells and (since is None or cells[0][0] >= since) else None


class First(Last):
    """The value of the earliest event."""

    buckets = True
    latest = False

    def read(self, cells: Sequence[Any], now: int, since: int | None) -> Any:
        return cells[0][1] if cells else None


class Distinct(Kind):
    """How many values there are, at most MOST_DISTINCT. Cell: [time, digest] of the latest event of each, the latest first."""

    buckets = False

    def lift(self, values: Sequence[Any], at: int) -> Any:
        digests = sorted({_digest(value) for value in values if isinstance(value, str | bool) or number(value)})
        return [[at, digest] for digest in digests][:MOST_DISTINCT] or None

    def add(self, one: Any, other: Any) -> Any:
        latest: dict[str, int] = {}
        for at, digest in (*one, *other):
            if digest not in latest or at > latest[digest]:
                latest[digest] = at
        # which of those of one moment go does not matter: one whose place is taken has MOST_DISTINCT after or beside it
        newest = sorted((-at, digest) for digest, at in latest.items())
        return [[-before, digest] for before, digest in newest[:MOST_DISTINCT]]

    def read(self, cells: Sequence[Any], now: int, since: int | None) -> Any:
        return sum(since is None or at >= since for at, _ in cells[0]) if cells else 0


def keepable(value: Any) -> bool:
    """Whether first and last keep a value: a text that is not too long, a number, true or false."""
    return (isinstance(value, str) and len(value) <= MOST_CHARACTERS) or isinstance(value, bool) or number(value)


def _text(value: Any) -> bytes:
    return msgspec.json.encode(value)


def _digest(value: Any) -> str:
    """Eight bytes of a value; equal for 1 and 1.0, which JSON does not tell apart."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return blake2b(_text(value), digest_size=8).hexdigest()


KINDS: Final[dict[str, Kind]] = {
    "count": Count(),
    "sum": Sum(),
    "mean": Mean(),
    "min": Least(),
    "max": Greatest(),
    "first": First(),
    "last": Last(),
    "recency": Recency(),
    "distinct": Distinct(),
}
