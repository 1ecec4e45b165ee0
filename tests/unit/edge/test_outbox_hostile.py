"""Predictions about persons: process ids that come back, values that can't be written."""

from __future__ import annotations

import os
from pathlib import Path

from rtml_core.boundary import Parts
from rtml_plugins.edge import metrics
from rtml_plugins.edge.loading import Loaded
from rtml_plugins.edge.outbox import Outbox
from rtml_plugins.edge.outbox_sending import Sender
from tests.unit.edge.known import KnownHub
from tests.unit.edge.test_outbox import add, journals, loaded, numbers, run, sender

__all__ = ["loaded"]  # a fixture


def test_a_journal_whose_process_id_came_back_is_told_and_removed(tmp_path: Path, loaded: Loaded) -> None:
    async def work() -> None:
        hub, told = KnownHub(), list[str]()
        old = Outbox(tmp_path, 1 << 30, len)  # of a worker that was killed
        add(old, loaded, 1)
        old.flush()
        one = Sender(tmp_path, "emea", 1 << 30, lambda process: process == os.getpid())  # the edge was started anew
        await one.send(hub, "edge-1")
        await one.send(hub, "edge-1")
        assert journals(tmp_path) == []

        new = Outbox(tmp_path, 1 << 30, told.append)
        add(new, loaded, 2)
        new.flush()
        await one.send(hub, "edge-1")
        await one.send(hub, "edge-1")
        assert len(journals(tmp_path)) == 1  # it has told nobody yet, and may write more
        one.heard(told[0])
        newest = Outbox(tmp_path, 1 << 30, told.append)  # a worker was killed, and the next one has its id
        add(newest, loaded, 3)
        newest.flush()
        one.heard(told[1])
        one.heard(told[0])
        await one.send(hub, "edge-1")
        await one.send(hub, "edge-1")
        assert [path.name for path in journals(tmp_path)] == [told[1]]
        assert numbers(hub) == [1, 2, 3]
        for box in (old, new, newest):
            box.close()

    run(work())


def test_a_value_that_cannot_be_written_loses_its_own_prediction_only(tmp_path: Path, loaded: Loaded) -> None:
    async def work() -> None:
        metrics.reset()
        box, hub, heard = Outbox(tmp_path, 1 << 30, len), KnownHub(), list[str]()
        row = loaded.runtime.json.sample()
        add(box, loaded, 1)
        box.add(box.layout(loaded), "huge", 100, [Parts(b'{"ECID": "2"}', None)], [(*row[:-1], 10**40)], b'[{"y":1.0}]')
        add(box, loaded, 3)
        box.flush()
        box.add(box.layout(loaded), "huge", 100, [Parts(b'{"ECID": "2"}', None)], [(*row[:-1], 10**40)], b'[{"y":1.0}]')
        box._notify = heard.append
        box.flush()
        assert heard == []  # there is nothing new
        add(box, loaded, 4)
        box.close()
        await sender(tmp_path).send(hub, "edge-1")
        assert numbers(hub) == [1, 3, 4]
        assert hub.taken == {next(iter(hub.taken)): 3}
        assert metrics._counters[("outbox_records", ("churn", "lost"))] == 2
        assert metrics._counters[("outbox_records", ("churn", "kept"))] == 3

    run(work())
