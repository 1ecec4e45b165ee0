"""Who watches the health of the gRPC server learns that it stops, whenever that begins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from rtml_plugins.edge.table import Snapshot
from rtml_plugins.edge.v2.grpc_service import Health
from rtml_plugins.edge.v2.messages import HEALTH, methods
from tests.unit.edge import apps


def test_a_stop_that_begins_while_a_status_is_sent_is_told() -> None:
    async def watch() -> list[int]:
        table: Any = apps.Table()
        table.current = Snapshot(ready=True)
        health = Health(table)

        async def asks() -> AsyncIterator[Any]:
            yield methods(HEALTH)["Watch"][0]()

        told: list[int] = []
        async for answer in health.Watch(asks(), {}):
            told.append(answer.status)
            health.stop()
        return told

    assert asyncio.run(watch()) == [1, 2]  # SERVING, NOT_SERVING
