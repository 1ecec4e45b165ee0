"""How long what edges count is kept, and how finely: windows are added up in buckets of three widths.

A window goes whole into the bucket that its middle lies in. Requests are kept in all three widths, values (in the bins of
baselines, which are longer) in the two wider ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import add
from typing import Final, NamedTuple

import msgspec

from rtml_plugins.serving.measures import SECONDS


class Kept(NamedTuple):
    """Buckets of `width` seconds, forgotten when they are older than `keep` seconds."""

    width: int
    keep: int


_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
FINE: Final = Kept(10, 2 * _HOUR)
MIDDLE: Final = Kept(300, 2 * _DAY)
COARSE: Final = Kept(_HOUR, 90 * _DAY)
REQUESTS: Final = (FINE, MIDDLE, COARSE)
VALUES: Final = (MIDDLE, Kept(_HOUR, 35 * _DAY))
#: edges send a window when it is over; after so many seconds all of a moment has arrived, as a rule
LATE: Final = 3.0
#: how requests end, by serving.measures.Counted
_OUTCOMES: Final = frozenset({"ok", "invalid", "refused", "busy", "timeout", "error"})
#: how requests end that are no error of ours: answered, and refused for their input
_GOOD: Final = ("ok", "invalid")
#: steps of a series at most
_STEPS: Final = 120


class Requests(msgspec.Struct, omit_defaults=True):
    """Requests of a version in a bucket, as serving.measures.Counted has them."""

    outcomes: dict[str, int] = {}
    latency: list[int] = []
    seconds: float = 0.0

    def add(self, outcomes: dict[str, int], latency: list[int], seconds: float) -> None:
        """Count more of them. One that ended in a way that is not known here is an error: an edge could make up names without
        end, and all are kept in one row."""
        for told, number in outcomes.items():
            name = told if told in _OUTCOMES else "error"
            self.outcomes[name] = self.outcomes.get(name, 0) + number
        if latency:
            self.latency = list(map(add, self.latency, latency)) if self.latency else latency.copy()
        self.seconds += seconds

    @property
    def total(self) -> int:
        """How many there were."""
        return sum(self.outcomes.values())

    @property
    def errors(self) -> float:
        """The share of them that ended neither well nor as a wrong input; 0 of none."""
        total = self.total
        return (total - sum(self.outcomes.get(name, 0) for name in _GOOD)) / total if total else 0.0

    def quantile(self, share: float) -> float | None:
        """Seconds that this share of them took at most, None without any.

        By linear interpolation within the bucket of latencies that it falls into, from 0 in the first one; of the last, which has
        no upper bound, its lower one: as histogram_quantile of Prometheus does.
        """
        rank = share * sum(self.latency)
        if not rank:
            return None
        below = 0
        for at, count in enumerate(self.latency):
            if count and below + count >= rank:
                if at == len(SECONDS):
                    break
                lower = SECONDS[at - 1] if at else 0.0
                return lower + (SECONDS[at] - lower) * (rank - below) / count
            below += count
        return SECONDS[-1]


def together(every: Sequence[Requests]) -> Requests:
    """All of them added up."""
    outcomes: dict[str, int] = {}
    for one in every:
        for name, number in one.outcomes.items():
            outcomes[name] = outcomes.get(name, 0) + number
    latencies = [one.latency for one in every if one.latency]
    latency = latencies[0].copy() if len(latencies) == 1 else list(map(sum, zip(*latencies, strict=False)))
    return Requests(outcomes, latency, sum(one.seconds for one in every))


class Values(msgspec.Struct, omit_defaults=True):
    """Values of a version in a bucket. counts: of each column of the baseline, inputs first and outputs then, missing values and
    then those in its bins; zeros where nothing was counted. rows: that were looked at."""

    rows: int
    counts: list[int]

    def add(self, more: Values) -> None:
        """Count more of the same version."""
        self.rows += more.rows
        self.counts = list(map(add, self.counts, more.counts))


def bucket(moment: float, width: int) -> int:
    """The begin of the bucket that a moment (seconds since 1970) lies in."""
    return int(moment // width) * width


def kept_for(span: float, kinds: tuple[Kept, ...]) -> Kept:
    """The finest of the widths that goes back for so many seconds, and the widest one for more."""
    return next((kept for kept in kinds if span <= kept.keep), kinds[-1])


def step_for(span: float) -> tuple[Kept, int]:
    """Of a series over so many seconds: the width that it is read in, and its step, as many of these as keep it short."""
    kept = kept_for(span, REQUESTS)
    return kept, kept.width * max(1, -int(-span // (kept.width * _STEPS)))
