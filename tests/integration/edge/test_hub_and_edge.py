"""A real hub and a real edge: publishing, steering and revoking while requests come, and the hub killed under it."""

import os
import signal
from pathlib import Path

import httpx

from tests.integration.edge.running import Load, edge, wait
from tests.integration.hub.process import asked, hub, key, published
from tests.unit.edge.packages import package


def rolled_out(client: httpx.Client) -> None:
    """Wait until every edge has what the hub says of the service."""
    wait(lambda: client.get("/v1/services/churn/rollout", params={"wait": 5}).json()["complete"])


def test_versions_come_and_go_while_requests_come_and_the_hub_is_killed(tmp_path: Path) -> None:
    with hub(tmp_path / "hub") as first:
        with edge(tmp_path / "edge", first.url, "--workers", "2", region="na") as running:
            with asked(first) as client:
                published(client, package(1)[1]).raise_for_status()
                wait(lambda: running.predict(1.0)[0] == 200, running.said)
                rolled_out(client)
                with Load(running.port, 2) as load:
                    published(client, package(2)[1]).raise_for_status()
                    rolled_out(client)
                    wait(lambda: load.versions.get(2))
                    client.post("/v1/services/churn/rollback").raise_for_status()
                    rolled_out(client)
                    before = load.versions[1]
                    wait(lambda: load.versions[1] > before + 10)
                    os.kill(first.pid, signal.SIGKILL)
                    wait(lambda: "hub away" in running.said())
                    load.more()
                assert load.failures == []
                assert set(load.versions) == {1, 2}
            running.stop()
        first.stop()
        with edge(tmp_path / "edge", first.url, "--workers", "1", region="na") as again:  # restarted while the hub is away
            assert again.predict(1.0)[1]["predictions"] == [{"x": 1.0, "says": 2.0}]
            with hub(tmp_path / "hub", port=first.port) as second, asked(second) as client:
                wait(lambda: "hub back" in again.said())
                published(client, package(3)[1]).raise_for_status()
                wait(lambda: again.predict(1.0)[1]["version"] == 3)


def test_a_key_that_is_revoked_at_the_hub_is_refused_at_the_edge(tmp_path: Path) -> None:
    home = tmp_path / "hub"
    admin = key(home, "admin")
    secret = key(home, "edge", name="edge")["Authorization"].removeprefix("Bearer ")
    with hub(home) as running_hub, asked(running_hub, headers=admin) as client:
        published(client, package(1)[1]).raise_for_status()
        made = client.post("/v1/keys", json={"name": "shop", "scopes": ["predict"]}).raise_for_status().json()
        with edge(tmp_path / "edge", running_hub.url, "--workers", "1", region="na", key=secret) as running:
            good = f"Bearer {made['secret']}"
            wait(lambda: running.predict(authorization=good)[0] == 200, running.said)
            assert running.predict()[0] == 401
            assert running.predict(authorization=f"Bearer {secret}")[0] in (401, 403)  # it may pull, not score
            client.delete(f"/v1/keys/{made['key']['id']}").raise_for_status()
            wait(lambda: running.predict(authorization=good)[0] == 401, running.said)
