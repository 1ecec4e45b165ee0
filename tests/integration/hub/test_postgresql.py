"""Two hubs on one PostgreSQL and one store: what is done at one counts at the other."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.integration.hub.process import DEADLINE, asked, hub, published, rtml, wait_for
from tests.unit.hub.packages import package
from tests.unit.hub.postgresql import cluster


def test_two_hubs_are_one(tmp_path: Path) -> None:
    with cluster() as server:
        place = ("--database", server.new())
        shared = (*place, "--store", str(tmp_path / "packages"))
        with (
            hub(tmp_path / "a", *shared) as first,
            hub(tmp_path / "b", *shared) as second,
            asked(first) as here,
            asked(second) as there,
        ):
            assert here.get("/v1/hub").json()["id"] == there.get("/v1/hub").json()["id"]
            revision = there.get("/v1/regions/na/state").json()["revision"]
            states: list[dict[str, object]] = []

            def wait() -> None:
                answer = there.get("/v1/regions/na/state", params={"after": revision, "wait": 55})
                states.append(answer.json())

            poll = threading.Thread(target=wait)
            poll.start()
            assert published(here, package(1)).status_code == 201
            poll.join(DEADLINE)
            assert [service["name"] for service in states[0]["services"]] == ["churn"]  # type: ignore[attr-defined]
            assert there.get("/v1/services/churn/versions/1/package").content == package(1)
            assert published(there, package(1)).status_code == 200
            wrong = rtml("keys", "create", "--home", str(first.home), "--name", "me", "--scope", "admin", check=False)
            assert wrong.returncode == 2
            assert f"keeps its database elsewhere: name it with --database {place[1].partition('://')[0]}" in wrong.stderr
            made = rtml("keys", "create", *place, "--name", "me", "--scope", "admin").stdout.strip()
            assert here.get("/v1/hub").status_code == there.get("/v1/hub").status_code == 401
            headers = {"Authorization": f"Bearer {made}"}
            assert here.get("/v1/hub", headers=headers).status_code == 200
            assert there.delete("/v1/services/churn", headers=headers).status_code == 204
            assert here.get("/v1/services/churn", headers=headers).status_code == 404
            (worker,) = first.workers()
            first.stop()
            wait_for(lambda: not Path(f"/proc/{worker}").exists(), "the worker")
            assert there.get("/v1/health/ready").status_code == 200
