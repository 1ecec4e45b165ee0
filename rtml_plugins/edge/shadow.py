"""Shadow versions: scored with the rows of real requests after these are answered, compared, never answered themselves."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_plugins.edge import metrics
from rtml_plugins.edge.batching import LARGE_BODY

if TYPE_CHECKING:
    from rtml_plugins.edge.table import Loaded, Service

#: requests that wait to be scored by a shadow version; what comes while that many wait is dropped, and counted
MOST: Final = 256
#: rows of a request that are compared at most
MOST_ROWS: Final = 64
#: floats that differ by less are equal: relative
RTOL: Final = 1e-9


class Comparison(msgspec.Struct):
    """What a shadow version was found to do. rows: compared; equal: of them, in all outputs; difference: by output of numbers,
    [sum of absolute differences, values, the largest one]; failures: requests that it refused or failed on; dropped: requests not
    compared.
    """

    rows: int = 0
    equal: int = 0
    differences: dict[str, list[float]] = {}
    failures: int = 0
    dropped: int = 0

    def report(self) -> dict[str, Any]:
        """For the hub: counts, the mean absolute difference by output, and where the largest one is, None where there is none."""
        means = {name: total / count for name, (total, count, _) in self.differences.items() if count}
        counts = {"rows": self.rows, "equal": self.equal, "failures": self.failures, "dropped": self.dropped}
        most = max(self.differences.items(), key=lambda item: item[1][2], default=None)
        largest = None if most is None or most[1][2] == 0.0 else {"output": most[0], "difference": most[1][2]}
        return {**counts, "mean_absolute_difference": means, "largest": largest}


class Shadow:
    """The queue of an app's shadow versions, and what was found. Used in the event loop only."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, int, int], Comparison] = {}
        self._queue: deque[tuple[Service, Loaded, bytes, bytes]] = deque()
        self._scheduled = False
        self._reading = 0  # requests whose shadow waits for a profile
        self._tasks: set[asyncio.Future[None]] = set()

    def offer(self, service: Service, answered: Loaded, body: bytes, predictions: bytes) -> None:
        """Have the shadow version of a service score a body that was answered with these predictions; dropped when many wait,
        and when it is a large one, which would take memory while it waits and hold the event loop while it is read."""
        if len(self._queue) >= MOST or len(body) > LARGE_BODY:
            self._skip(service, answered, 1)
            return
        self._queue.append((service, answered, body, predictions))
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._work)

    def _work(self) -> None:
        """Compare one request in each turn of the event loop, so that requests go first."""
        service, answered, body, predictions = self._queue.popleft()
        if self._queue:
            asyncio.get_running_loop().call_soon(self._work)
        else:
            self._scheduled = False
        self._compare(service, answered, body, predictions)

    def _comparison(self, service: Service, answered: Loaded) -> Comparison:
        assert service.shadow is not None
        key = (service.entry.name, service.shadow.version, answered.version)
        if key not in self.found:
            self.found[key] = Comparison(differences={})
        return self.found[key]

    def _compare(self, service: Service, answered: Loaded, body: bytes, predictions: bytes) -> None:
        shadow = service.shadow
        assert shadow is not None
        try:
            read: Any = None
            if shadow.requests is not None:
                if self._reading >= MOST:
                    self._skip(service, answered, 1)
                    return
                read = shadow.requests.decode(body)
            if inspect.isawaitable(read):
                self._reading += 1
                task = asyncio.ensure_future(self._read(read, service, answered, predictions))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                return
            rows = shadow.scorer.rows.decode(body) if read is None else read.rows
        except Exception:  # whatever it does, it must not be felt
            self._failed(service, answered)
            return
        self._score(service, answered, rows, predictions)

    async def _read(self, reading: Any, service: Service, answered: Loaded, predictions: bytes) -> None:
        """Compare a request whose shadow waits for a profile."""
        try:
            rows = (await reading).rows
        except Exception:
            self._failed(service, answered)
            return
        finally:
            self._reading -= 1
        self._score(service, answered, rows, predictions)

    def _skip(self, service: Service, answered: Loaded, rows: int) -> None:
        assert service.shadow is not None
        self._comparison(service, answered).dropped += 1
        metrics.shadow(service.entry.name, service.shadow.version, "skipped", rows)

    def _failed(self, service: Service, answered: Loaded) -> None:
        assert service.shadow is not None
        self._comparison(service, answered).failures += 1
        metrics.shadow(service.entry.name, service.shadow.version, "failed")

    def _score(self, service: Service, answered: Loaded, rows: Any, predictions: bytes) -> None:
        shadow = service.shadow
        assert shadow is not None
        comparison = self._comparison(service, answered)
        if len(rows) > min(shadow.scorer.most, MOST_ROWS):
            self._skip(service, answered, len(rows))
            return
        try:
            got = msgspec.json.decode(shadow.scorer.rows.score(rows))
            equal = compare(msgspec.json.decode(predictions), got, comparison.differences)
        except Exception:
            self._failed(service, answered)
            return
        comparison.rows += len(got)
        comparison.equal += equal
        name, version = service.entry.name, shadow.version
        if equal:
            metrics.shadow(name, version, "same", equal)
        if equal < len(got):
            metrics.shadow(name, version, "differs", len(got) - equal)

    def report(self) -> dict[str, Any]:
        """What was found, by service, shadow version and answering version: for the edge's report."""
        report: dict[str, Any] = {}
        for (service, shadow, answered), comparison in self.found.items():
            report.setdefault(service, []).append({"shadow": shadow, "version": answered, **comparison.report()})
        return report

    def forget(self, services: Mapping[str, Service]) -> None:
        """Let go of what was found about services and versions that are gone."""
        for service, shadow, answered in list(self.found):
            now = services.get(service)
            if now is None or now.shadow is None or now.shadow.version != shadow or answered not in now.versions:
                del self.found[(service, shadow, answered)]


def compare(answers: list[dict[str, Any]], shadows: list[dict[str, Any]], differences: dict[str, list[float]]) -> int:
    """How many rows agree in all outputs that both have; absolute differences of numbers are added to `differences`.

    answers, shadows: predictions row by row. An output that only one of them has makes the row differ.
    """
    equal = 0
    for one, other in zip(answers, shadows, strict=True):
        same = one.keys() == other.keys()
        for name in one.keys() & other.keys():
            a, b = one[name], other[name]
            if _number(a) and _number(b):
                sums = differences.setdefault(name, [0.0, 0, 0.0])
                apart = abs(a - b)
                sums[0] += apart
                sums[1] += 1
                sums[2] = max(sums[2], apart)
                same = same and math.isclose(a, b, rel_tol=RTOL, abs_tol=1e-12)
            else:
                same = same and a == b
        equal += same
    return equal


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
