"""Apps on a table that is filled by hand, asked without a server."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path
from typing import Any

from rtml_core import Runtime
from rtml_plugins.edge.app import App
from rtml_plugins.edge.batching import Scorer
from rtml_plugins.edge.exchange import Request, Response
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.table import Loaded, Service, Snapshot
from rtml_plugins.serving.wire import ServiceEntry
from tests.unit.edge import packages


class Table:
    """A table whose snapshot is set by hand."""

    def __init__(self) -> None:
        self.current = Snapshot()
        self.on_change: list[Any] = []


@cache
def runtime(number: int) -> Runtime:
    return Runtime.from_bytes(packages.package(number)[1])


def service(entry: ServiceEntry, settings: EdgeSettings) -> Service:
    """A service of packages.service, loaded."""
    versions = {}
    for version in entry.versions:
        one = runtime(version.version)
        versions[version.version] = Loaded(entry.name, version.version, one.id, one, Scorer(one, settings, entry.name))
    return Service.of(entry, versions)


def app(tmp_path: Path, *entries: ServiceEntry, others: dict[str, Any] | None = None, **settings: Any) -> App:
    """An app that serves these. others: further fields of the snapshot."""
    given = EdgeSettings(**{"home": str(tmp_path), "region": "emea", "debug": True, **settings})
    table: Any = Table()
    services = {entry.name: service(entry, given) for entry in entries}
    table.current = Snapshot(**{"revision": 1, "services": services, "ready": True, "known": True, **(others or {})})
    return App(table, given)


def ask(
    one: App, path: str, body: Any = None, *, method: str | None = None, query: str = "", **headers: str
) -> tuple[Response, Any]:
    """(response, its JSON) of one request; headers by name with _ for -."""
    return asyncio.run(asked(one, path, body, method=method, query=query, **headers))


async def asked(
    one: App, path: str, body: Any = None, *, method: str | None = None, query: str = "", **headers: str
) -> tuple[Response, Any]:
    """ask, in an event loop that is there."""
    sent = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    given = {"host": "127.0.0.1", **{name.replace("_", "-"): value for name, value in headers.items()}}
    answer = one.handle(Request(method or ("GET" if body is None else "POST"), path, query, given, sent))
    response = answer if isinstance(answer, Response) else await answer
    is_json = "json" in dict(response.headers).get("Content-Type", "")
    return response, json.loads(response.body) if is_json else None
