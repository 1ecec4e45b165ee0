"""A refusal under any identity of a request holds: alone, in a batch, with a shadow; held or just fetched."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from rtml_plugins.serving.projections import Projection
from tests.unit.edge.known import KnownHub, persons, until, worker
from tests.unit.edge.test_identity_predict import app, asked, package, says
from tests.unit.edge.test_projections import look


def test_a_refusal_under_any_identity_is_heard_at_an_edge(tmp_path: Path) -> None:
    async def work() -> None:
        hub = KnownHub(ecid_1={"person.age": 40}, ecid_2={"person.age": 50})
        hub.profiles["email:x"] = Projection("email:x", True, "x", consent=False)
        async with persons(tmp_path, hub), worker(tmp_path) as profiles:
            await look(profiles, "ecid:1")
            await look(profiles, "ecid:2")
            resource: Any = profiles
            one, told = app(tmp_path, resource, package(1), package(1), log=True, traffic_shadow=1)
            fine = {"identity": {"ECID": "2"}, "x": 0.0}
            both = {"identity": {"ECID": [{"id": "1", "primary": True}], "Email": [{"id": "x"}]}, "x": 0.0}
            elsewhere = {"identity": {"ECID": "1"}, "event": {"identityMap": {"Email": [{"id": "x"}]}}, "x": 0.0}
            for body in (both, elsewhere, {"rows": [fine, both]}, {"rows": [fine, elsewhere]}, both):
                response, document = await asked(one, body)
                assert (response.status, document["type"]) == (403, "/problems/consent-refused"), body
            assert told.added == []
            assert one.shadow.report() == {}
            assert says((await asked(one, {"rows": [fine, {"identity": {"ECID": "1"}, "x": 0.0}]}))[1]) == [51.0, 41.0]
            await until(lambda: one.shadow.report())
            (found,) = one.shadow.report()["churn"]
            assert (found["rows"], found["failures"]) == (2, 0)

    asyncio.run(work())
