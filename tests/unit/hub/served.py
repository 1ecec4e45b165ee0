"""A hub's application in the process of the test, with a client for it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI

from rtml_core.client.records import NewKey
from rtml_plugins.hub.api.app import create_app
from rtml_plugins.hub.database import open_database
from rtml_plugins.hub.hub import Hub
from rtml_plugins.hub.keys import Keys
from rtml_plugins.hub.settings import HubSettings
from rtml_plugins.hub.store import PackageStore
from rtml_plugins.serving.wire import EdgeReport, ServiceStatus
from tests.unit.hub.packages import check_here, package

URL = "http://127.0.0.1:8000"


class Client:
    """Asks an application that runs in another thread's loop."""

    def __init__(self, app: FastAPI, portal: BlockingPortal, url: str = URL):
        self._portal = portal
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=url)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self._portal.call(partial(self._client.request, method, path, **options))

    def __getattr__(self, method: str) -> Callable[..., httpx.Response]:
        return partial(self.request, method.upper())


class Served:
    """hub: it. client: asks it over its application. settings: as it was started."""

    def __init__(self, hub: Hub, app: FastAPI, settings: HubSettings, portal: BlockingPortal):
        self.hub = hub
        self.app = app
        self.settings = settings
        self.portal = portal
        self.keys = Keys(hub.database)
        self.client = Client(app, portal)

    def key(self, *scopes: str, **limits: Any) -> NewKey:
        """A new key."""
        return self.keys.create(limits.pop("name", f"k{len(self.keys.list())}"), scopes, **limits)

    def closed(self) -> dict[str, str]:
        """From now on keys are asked for; the headers of one of scope admin."""
        return bearer(self.key("admin"))

    def publish(self, name: str = "churn", number: float = 1.0, **query: Any) -> dict[str, Any]:
        """Publish a package over HTTP."""
        answer = self.client.post(f"/v1/services/{name}/versions", params=query, content=package(number))
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found


def bearer(key: NewKey) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.secret}"}


@cache
def _fresh() -> bytes:
    """A database as the migrations make it, made once."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hub.db"
        open_database(path).close()
        return path.read_bytes()


def opened(folder: Path, database: str | None = None, **options: Any) -> tuple[Hub, HubSettings]:
    """A hub in a folder, with the settings of options."""
    settings = HubSettings(home=str(folder), database=database, **options)
    if database is None and not (folder / "hub.db").exists():
        (folder / "hub.db").write_bytes(_fresh())
    hub = Hub(open_database(settings.database_url), PackageStore(settings.store_url), check=check_here)
    return hub, settings


@contextmanager
def served(folder: Path, **options: Any) -> Iterator[Served]:
    """A hub whose application runs."""
    hub, settings = opened(folder, **options)
    try:
        app = create_app(hub, settings)
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(app.router.lifespan_context(app)):
            yield Served(hub, app, settings, portal)
    finally:
        hub.close()


def report(region: str = "na", revision: int = 1, url: str = "http://10.0.0.7:8001", **services: str) -> EdgeReport:
    """What an edge reports that serves version 1 of some services, by their state."""
    status = tuple(ServiceStatus(name, (1,), state, "it broke" if state == "failed" else "") for name, state in services.items())
    return EdgeReport(region, url, True, revision, 1, "0.1.0", "2026-11-21T10:15:00.000Z", status)
