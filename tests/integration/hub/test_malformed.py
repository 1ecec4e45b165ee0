"""Whatever is sent to a hub, it answers or hangs up, and goes on answering others."""

from __future__ import annotations

from pathlib import Path

from tests.integration.hub.malformed import run
from tests.integration.hub.process import asked, hub, published
from tests.unit.hub.packages import package


def test_broken_requests_are_refused_without_a_fault(tmp_path: Path) -> None:
    with hub(tmp_path / "home") as running, asked(running) as client:
        assert published(client, package(1)).status_code == 201
        statuses = run(running.port, 600, 20261122)
        assert sum(statuses.values()) == 600
        assert statuses.keys() <= {0, 200, 201, 204, 304, 307, 400, 401, 403, 404, 405, 408, 409, 413, 414, 421, 422, 431, 503}
        assert statuses[404] > 0
        assert client.get("/v1/health/ready").status_code == 200
        assert client.get("/v1/audit").status_code == 200
        faults = [line for line in running.log.splitlines() if '"error"' in line or "Traceback" in line]
        assert faults == []
