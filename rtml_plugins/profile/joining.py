"""Small inputs that come at the same time share a batch: what a batch costs, syncs of the disk and files, is paid once for all.

Who comes while a batch of a dataset is being written waits. When it is done, the first of those who wait writes what all of them
have. Nobody is answered before what they gave is kept and in profiles.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rtml_plugins.xdm.datasets_batch import Incoming
from rtml_plugins.xdm.datasets_catalog import Info

if TYPE_CHECKING:
    from rtml_plugins.profile.home import DataHome


class Joined(NamedTuple):
    """What became of one input. fresh: which of its records are new; batch: the number of the batch, 0 when none of anybody's
    was. trouble: why profiles do not have it yet; they get it with the next batch."""

    fresh: list[bool]
    batch: int
    trouble: BaseException | None = None


class _Input:
    """Records that wait. turn: set when they are written, or when `leads`: then their thread is to write."""

    def __init__(self, records: Sequence[Incoming]) -> None:
        self.records = records
        self.turn = threading.Event()
        self.leads = False
        self.joined: Joined | None = None
        self.error: BaseException | None = None


class _Queue:
    """What waits for one dataset. busy: whether somebody writes."""

    def __init__(self) -> None:
        self.waiting: list[_Input] = []
        self.busy = False


class Joining:
    """Joins the inputs of a home; usable from several threads."""

    def __init__(self, home: DataHome) -> None:
        self._home = home
        self._guard = threading.Lock()
        self._queues: dict[str, _Queue] = {}

    def take(self, info: Info, records: Sequence[Incoming]) -> Joined:
        """Take records into a dataset and into profiles, in a batch with what others give at the same time.

        Raises DatasetError, and then none of these records was taken; those of others that can be taken are.
        """
        mine = _Input(records)
        with self._guard:
            queue = self._queues.setdefault(info.uid, _Queue())
            queue.waiting.append(mine)
            mine.leads = not queue.busy
            queue.busy = True
        if not mine.leads:
            mine.turn.wait()
        if mine.leads:
            self._lead(info, queue)
        if mine.joined is None:
            assert mine.error is not None
            raise mine.error
        return mine.joined

    def _lead(self, info: Info, queue: _Queue) -> None:
        """Write what waits, and have the next one lead."""
        with self._guard:
            inputs, queue.waiting = queue.waiting, []
        try:
            self._write(info, inputs)
        except BaseException as error:
            for one in inputs:
                one.error = one.error or error
            raise
        finally:
            with self._guard:
                following = queue.waiting[0] if queue.waiting else None
                queue.busy = following is not None
            if following is not None:
                following.leads = True
                following.turn.set()
            for one in inputs:
                one.turn.set()

    def _write(self, info: Info, inputs: Sequence[_Input]) -> None:
        try:
            self._keep(info, inputs)
        except Exception:
            for one in inputs:  # nothing was kept; whose fault it was is found out
                self._keep_alone(info, one)
        if any(one.joined is not None and one.joined.batch for one in inputs):
            try:
                self._home.follow(info.name)
            except Exception as error:
                for one in inputs:
                    one.joined = one.joined and one.joined._replace(trouble=error)

    def _keep(self, info: Info, inputs: Sequence[_Input]) -> None:
        with self._home.datasets.begin(info.name) as batch:
            fresh = [batch.add(one.records) for one in inputs]
            number = batch.commit().batch
        for one, new in zip(inputs, fresh, strict=True):
            one.joined = Joined(new, number)

    def _keep_alone(self, info: Info, one: _Input) -> None:
        try:
            self._keep(info, [one])
        except Exception as error:
            one.error = error
