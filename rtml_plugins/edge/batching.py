"""When a request is scored, and with which others: decided for each version from what a run of it costs.

Where a run costs much and a row in it little, the requests that are there in one turn of the event loop are scored in one run;
nothing waits for requests that may come. Where it would save nothing a request is scored at once. What would hold the event loop
longer than others should wait is scored in a thread, while onnxruntime does not hold the interpreter.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Protocol

from rtml_core.errors import CustomOpError, RtmlError
from rtml_plugins.edge import metrics
from rtml_plugins.edge.limits import busy, too_late, too_many_rows
from rtml_plugins.edge.settings import EdgeSettings

if TYPE_CHECKING:
    from rtml_core import Runtime

#: seconds that one run may hold the event loop; what takes longer goes to the thread
HOLD: Final = 0.002
#: seconds that a request has to save by being scored with others: what queueing it costs
WORTH: Final = 0.000_003
#: runs of one request after each other that show that requests come one by one, and how many are then scored without queueing
#: before that is looked at again
ALONE: Final = 8
TRY_AGAIN: Final = 64
#: rows of the larger run that the costs are measured with
_MANY: Final = 16
#: bodies from this size on, in bytes, are read in the thread, too
LARGE_BODY: Final = 64 << 10
#: seconds that measuring may take
_MEASURE: Final = 0.05


class Job(Protocol):
    """A request that waits to be scored. rows: as JsonRows.decode gives them. began: time.perf_counter when it came."""

    rows: Any
    began: float

    def finish(self, result: bytes | Exception, /) -> None:
        """Take the predictions as a JSON list, or what went wrong; in the event loop, never raises."""


class Scorer:
    """Scores requests with one loaded version.

    rows: JSON to rows and back. call_cost, row_cost: seconds of a run, and of a row more in it. batches: whether requests
    of one turn of the event loop are scored together. most: rows that a run in the event loop may have.
    """

    # fmt: off
    __slots__ = (
        "_direct", "_max_queue", "_max_rows", "_queue", "_scheduled", "_service", "_singles", "_timeout", "_waiting",
        "batches", "call_cost", "most", "row_cost", "rows",
    )
    # fmt: on

    def __init__(self, runtime: Runtime, settings: EdgeSettings, service: str = ""):
        self.rows = runtime.json
        self.call_cost, self.row_cost = measure(runtime)
        self.batches = self.call_cost - (self.call_cost + (_MANY - 1) * self.row_cost) / _MANY > WORTH
        self.most = max(1, int((HOLD - self.call_cost) / self.row_cost))
        self._service = service
        self._max_queue = settings.max_queue
        self._max_rows = settings.max_rows
        self._timeout = settings.request_timeout
        self._queue: list[Job] = []
        self._waiting = 0  # rows in the queue
        self._scheduled = False
        self._singles = 0  # runs of one request after each other
        self._direct = 0  # requests that were scored without queueing since

    def at_once(self, count: int) -> bool:
        """Whether a request of so many rows had better be scored now, without queueing.

        Where batches pay, that is when the last requests came one by one: then queueing costs a turn of the event loop and saves
        nothing. It is tried again after some.
        """
        if count > self.most:
            return False
        if not self.batches:
            return True
        if self._singles < ALONE or self._queue:
            return False
        self._direct += 1
        if self._direct >= TRY_AGAIN:
            self._direct = 0
            self._singles = ALONE - 2
        return True

    @property
    def waiting(self) -> int:
        """Rows that wait for a run."""
        return self._waiting

    def check_count(self, rows: Any) -> None:
        """Problem 413 when a request has more rows than a request may."""
        if len(rows) > self._max_rows:
            raise too_many_rows(len(rows), self._max_rows)

    def submit(self, job: Job) -> None:
        """Have a request scored in this turn of the event loop, or in the thread when it is a large one.

        Raises Problem 503 when more rows wait already than may.
        """
        count = len(job.rows)
        if self._waiting + count > self._max_queue and self._waiting:
            raise busy(f"{self._waiting} rows wait to be scored", 1)
        if count > self.most:
            self.in_thread(job, None)
            return
        self._queue.append(job)
        self._waiting += count
        if not self._scheduled:
            asyncio.get_running_loop().call_soon(self._flush)
            self._scheduled = True

    def _flush(self) -> None:
        """Score what is queued in one run, or what fits into one; the rest in the next turn, so that others get theirs."""
        queue = self._queue
        if self._waiting > self.most:
            count = taken = 0
            for job in queue:
                if count + len(job.rows) > self.most:
                    break
                count += len(job.rows)
                taken += 1
            queue, self._queue = queue[:taken], queue[taken:]
            self._waiting -= count
            asyncio.get_running_loop().call_soon(self._flush)
        else:
            count = self._waiting
            self._queue = []
            self._waiting = 0
            self._scheduled = False
        metrics.batch(self._service, count)
        self._singles = self._singles + 1 if len(queue) == 1 else 0
        results: Any
        try:
            if len(queue) == 1:
                results = [self.rows.score(queue[0].rows)]
            else:
                results = self.rows.score_many([job.rows for job in queue])
        except Exception as error:
            results = [error] * len(queue)
        for job, result in zip(queue, results, strict=True):
            job.finish(result)

    def in_thread(self, job: Job, body: bytes | None) -> None:
        """Score a request in the thread; `body` is read there first when it is given, into the rows of the job.

        Raises Problem 503 when too much waits for the thread.
        """
        thread = _Thread.of(asyncio.get_running_loop())
        thread.submit(self, job, body, self._timeout)


class _Thread:
    """The thread of an event loop for large requests: one, as a worker has one core."""

    #: most requests that wait for it
    MOST: Final = 64
    _threads: Final[dict[asyncio.AbstractEventLoop, _Thread]] = {}

    def __init__(self, loop: asyncio.AbstractEventLoop):
        self._loop = loop
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="rtml-score")
        self._waiting = 0

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> _Thread:
        """The thread of a loop, made on first use."""
        if loop not in cls._threads:
            for other in [other for other in cls._threads if other.is_closed()]:
                cls._threads.pop(other)._pool.shutdown(wait=False)
            cls._threads[loop] = cls(loop)
        return cls._threads[loop]

    def submit(self, scorer: Scorer, job: Job, body: bytes | None, timeout: float) -> None:
        """Queue a request. Raises Problem 503 when MOST wait."""
        if self._waiting >= self.MOST:
            raise busy(f"{self._waiting} large requests wait to be scored", 2)
        self._waiting += 1
        self._pool.submit(self._score, scorer, job, body, timeout)

    def _score(self, scorer: Scorer, job: Job, body: bytes | None, timeout: float) -> None:
        result: bytes | Exception
        try:
            if time.perf_counter() - job.began > timeout:
                raise too_late(timeout)
            if body is not None:
                job.rows = scorer.rows.decode(body)
                scorer.check_count(job.rows)
            result = scorer.rows.score_many([job.rows])[0]
        except Exception as error:
            result = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._finish, scorer, job, result)

    def _finish(self, scorer: Scorer, job: Job, result: bytes | Exception) -> None:
        self._waiting -= 1
        if type(result) is bytes:
            metrics.batch(scorer._service, len(job.rows))
        job.finish(result)


def stop_thread(loop: asyncio.AbstractEventLoop) -> None:
    """End the thread of a loop, after what it is doing."""
    thread = _Thread._threads.pop(loop, None)
    if thread is not None:
        thread._pool.shutdown(wait=False, cancel_futures=True)


def measure(runtime: Runtime) -> tuple[float, float]:
    """Seconds of a run of one row, and of each row more: the best of several, on rows of the package's own sample."""
    rows = runtime.json
    row = rows.sample()
    limit = time.perf_counter() + _MEASURE
    try:
        one = _best(rows, [row], limit)
        many = _best(rows, [row] * _MANY, limit)
    except (CustomOpError, RtmlError):  # an operator of a plugin that does not take such a row: assume a dear call
        return 0.000_1, 0.000_01
    return one, max((many - one) / (_MANY - 1), 1e-7)


def _best(rows: Any, sample: list[Any], limit: float) -> float:
    best = float("inf")
    for repeat in range(25):
        began = time.perf_counter()
        rows.try_run(sample)
        best = min(best, time.perf_counter() - began)
        if repeat > 2 and time.perf_counter() > limit:
            break
    return best
