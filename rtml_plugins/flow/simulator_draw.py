"""From a profile and a seed to columns: the same rows on every machine, and with every version of numpy.

Rows are drawn in chunks, each column of each from random numbers of its own: the first rows of many are those of few, the order
of columns does not matter, and no more than a chunk is held. Only the Mersenne Twister's uniform numbers (whose sequence numpy
has frozen), sums, products and comparisons are used, which are exact or rounded alike everywhere.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

#: rows drawn at once
CHUNK: Final = 1024
MICROS: Final = 1_000_000
DAY: Final = 86_400 * MICROS
#: 1970-01-01 was a Thursday; Monday is 0, as in pandas
_EPOCH_WEEKDAY: Final = 3
#: what made-up texts consist of
ALPHABETS: Final = {
    "digits": "0123456789",
    "lower": "abcdefghijklmnopqrstuvwxyz",
    "upper": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "mixed": "abcdefghijklmnopqrstuvwxyz0123456789",
}
#: longest made-up text, in characters
_LONGEST: Final = 1000
#: units to which a point in time is rounded, in microseconds
UNITS: Final = {"day": DAY, "hour": 3600 * MICROS, "minute": 60 * MICROS, "second": MICROS, "microsecond": 1}

Columns = dict[str, list[Any]]


def chunks(profile: Mapping[str, Any], count: int, seed: int) -> Iterator[Columns]:
    """`count` rows as columns of JSON values (None is missing, times are microseconds), at most CHUNK at a time."""
    names = sorted(profile["fields"])
    makers = [_maker(profile["fields"][name]) for name in names]
    factor = _factor(profile.get("correlations"), names)
    for number in range(-(-count // CHUNK)):
        wanted = min(CHUNK, count - number * CHUNK)
        draws = [_Draws(seed, number, name) for name in names]
        shares = _correlated([draw.share for draw in draws], factor)
        made: Columns = {}
        for name, maker, draw, share in zip(names, makers, draws, shares, strict=True):
            found = maker(share, draw)[:wanted]
            gone = draw.missing[:wanted] < profile["fields"][name].get("missing", 0.0)
            made[name] = [None if absent else value for absent, value in zip(gone.tolist(), found, strict=True)]
        yield made


class _Draws:
    """The random numbers of one column in one chunk, each uniform in [0, 1)."""

    def __init__(self, seed: int, chunk: int, name: str):
        import numpy as np

        digest = hashlib.sha256(name.encode()).digest()
        own = [int.from_bytes(digest[:4], "big"), int.from_bytes(digest[4:8], "big")]
        self._random = np.random.RandomState([seed & 0xFFFFFFFF, seed >> 32, chunk, *own])
        self.share, self.missing, self.other = self._random.random_sample((3, CHUNK))

    def letters(self, length: int) -> Any:
        """[CHUNK, length] more of them."""
        return self._random.random_sample((CHUNK, length))


# ---- correlation --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def normal_table() -> tuple[Any, Any]:
    """Shares and the standard normal quantiles at them, rounded so that they are the same everywhere; the ends at 5."""
    from statistics import NormalDist

    import numpy as np

    steps = 4096
    inner = [round(NormalDist().inv_cdf(i / steps), 9) for i in range(1, steps)]
    return np.arange(steps + 1) / steps, np.array([-5.0, *inner, 5.0])


def interpolate(at: Any, known: Any, values: Any) -> Any:
    """Piecewise linear through (known, values), both ascending, step by step so that no two operations are joined."""
    import numpy as np

    place = np.clip(np.searchsorted(known, at, side="right") - 1, 0, len(known) - 2)
    width = known[place + 1] - known[place]
    part = np.clip((at - known[place]) / width, 0.0, 1.0)
    rise = (values[place + 1] - values[place]) * part
    return values[place] + rise


def _factor(correlations: Mapping[str, Any] | None, names: Sequence[str]) -> list[list[float]] | None:
    """The lower triangle whose product with its transpose is the matrix, weakened until there is one (Cholesky)."""
    if not correlations:
        return None
    at = {name: i for i, name in enumerate(correlations["names"])}
    size = len(names)
    matrix = [[float(i == j) for j in range(size)] for i in range(size)]
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            if i != j and one in at and other in at:
                matrix[i][j] = float(correlations["matrix"][at[one]][at[other]])
    while (found := _cholesky(matrix)) is None:
        matrix = [[value if i == j else value * 0.95 for j, value in enumerate(row)] for i, row in enumerate(matrix)]
    return found


def _cholesky(matrix: list[list[float]]) -> list[list[float]] | None:
    size = len(matrix)
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = matrix[i][j]
            for k in range(j):
                rest -= lower[i][k] * lower[j][k]
            if i == j:
                if rest <= 1e-6:
                    return None
                lower[i][i] = math.sqrt(rest)
            else:
                lower[i][j] = rest / lower[j][j]
    return lower


def _correlated(shares: list[Any], factor: list[list[float]] | None) -> list[Any]:
    """Uniform numbers that hang together as the factor says: a Gaussian copula."""
    if factor is None:
        return shares
    known, quantiles = normal_table()
    plain = [interpolate(share, known, quantiles) for share in shares]
    result = []
    for row, own in zip(factor, range(len(plain)), strict=True):
        total = plain[own] * row[own]
        for k in range(own):
            if row[k] != 0.0:
                total = total + plain[k] * row[k]
        result.append(interpolate(total, quantiles, known))
    return result


# ---- one column ---------------------------------------------------------------------------------------------------------


def _maker(entry: Mapping[str, Any]) -> Any:
    """A function (shares [CHUNK], draws) -> list of values for one field of a profile."""
    return _MAKERS[entry["kind"]](entry)


def _numbers(entry: Mapping[str, Any]) -> Any:
    import numpy as np

    values = np.array(entry["quantiles"], dtype=np.float64)
    known = np.arange(len(values)) / max(len(values) - 1, 1)
    whole = entry["type"].startswith("int")
    decimals = 0 if whole else entry.get("decimals")
    low, high = entry.get("range", (-math.inf, math.inf))

    def make(share: Any, _: _Draws) -> list[Any]:
        found = interpolate(share, known, values) if len(values) > 1 else np.full(len(share), values[0])
        if decimals is None:
            return [float(f"{value:.12g}") for value in found.tolist()]
        rounded = np.clip(np.round(found, decimals), low, high)
        return [int(value) for value in rounded.tolist()] if whole else (rounded + 0.0).tolist()

    return make


def _choices(entry: Mapping[str, Any]) -> Any:
    import numpy as np

    whole = entry["type"].startswith("int")
    values = [int(value) if whole else value for value, _ in entry["values"]]
    rare = entry.get("rare")
    weights = [float(weight) for _, weight in entry["values"]] + ([float(rare["share"])] if rare else [])
    ends = _cumulated(np.array(weights))
    texts = _texts(rare) if rare else None

    def make(share: Any, draws: _Draws) -> list[Any]:
        which = np.searchsorted(ends, share, side="right").tolist()
        made = texts(share, draws) if texts is not None else []
        return [values[i] if i < len(values) else made[row] for row, i in enumerate(which)]

    return make


def _texts(entry: Mapping[str, Any]) -> Any:
    """Made-up texts of plausible lengths."""
    lengths, alphabet = entry["lengths"], ALPHABETS[entry["letters"]]
    if not all(0 <= length <= _LONGEST for length in lengths):
        raise ValueError(f"lengths must lie between 0 and {_LONGEST}")

    def make(_: Any, draws: _Draws) -> list[str]:
        pick = (draws.letters(max(lengths)) * len(alphabet)).astype(int).tolist()
        sizes = (draws.other * len(lengths)).astype(int).tolist()
        return ["".join(alphabet[i] for i in row[: lengths[size]]) for row, size in zip(pick, sizes, strict=True)]

    return make


def _times(entry: Mapping[str, Any]) -> Any:
    """Microseconds since 1970: the day by its share, with the weekdays' pattern, then the hour, then anywhere in it."""
    import numpy as np

    from rtml_core.timestamps import parse_timestamp

    first, last = (parse_timestamp(entry[name]) for name in ("first", "last"))
    if first is None or last is None:
        raise ValueError(f"first and last must be timestamps; got {entry['first']!r} and {entry['last']!r}")
    days = np.arange(first // DAY, last // DAY + 1)
    weekdays, hours = np.array(entry["weekdays"], dtype=np.float64), np.array(entry["hours"], dtype=np.float64)
    by_day = _cumulated(weekdays[(days + _EPOCH_WEEKDAY) % 7])
    by_hour = _cumulated(hours)
    unit = UNITS[entry["unit"]]

    def make(share: Any, draws: _Draws) -> list[int]:
        day = days[np.searchsorted(by_day, share, side="right")]
        hour = np.searchsorted(by_hour, draws.other, side="right")
        within = (draws.letters(1)[:, 0] * 3600 * MICROS).astype(np.int64)
        moment = day * DAY + hour * (3600 * MICROS) + within
        found: list[int] = (np.clip(moment, first, last) // unit * unit).tolist()
        return found

    def text(share: Any, draws: _Draws) -> list[str]:
        from rtml_core.timestamps import format_timestamp

        return [format_timestamp(micros) for micros in make(share, draws)]

    return text if entry["type"].startswith("string") else make


def _cumulated(weights: Any) -> Any:
    """Ends of the shares of the first n - 1 weights, in order; equal weights when all are 0."""
    import numpy as np

    if not (weights > 0).any():
        weights = np.ones(len(weights))
    edges = np.cumsum(weights)  # one after the other, unlike sum()
    return edges[:-1] / edges[-1]


_MAKERS: Final = {"numbers": _numbers, "choices": _choices, "texts": _texts, "times": _times}
