"""The hub's application: its routes behind one front."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI
from sqlalchemy import select

from rtml_core import __version__
from rtml_plugins.hub import tables, times
from rtml_plugins.hub.api import (
    admin,
    collecting,
    datasets,
    edges,
    enrichments,
    gallery,
    measures,
    openapi,
    predictions,
    profiles,
    projections,
    services,
    versions,
)
from rtml_plugins.hub.api.context import PUBLISHING, Context
from rtml_plugins.hub.api.errors import handle_errors
from rtml_plugins.hub.api.front import Front
from rtml_plugins.hub.api.waiting import Changes
from rtml_plugins.hub.data import HubData
from rtml_plugins.hub.gallery import asking
from rtml_plugins.hub.gallery.attempts import Attempts
from rtml_plugins.hub.gallery.page import refused
from rtml_plugins.hub.gallery.routes import routes
from rtml_plugins.hub.keys import Keys
from rtml_plugins.hub.lag import Revisions
from rtml_plugins.hub.settings import HubSettings

if TYPE_CHECKING:
    from rtml_plugins.hub.hub import Hub

_ROUTERS: Final = (
    services.router,
    versions.router,
    edges.router,
    measures.router,
    collecting.router,
    datasets.router,
    profiles.router,
    enrichments.router,
    projections.router,
    predictions.router,
    admin.keys,
    admin.audit,
    admin.hub,
    gallery.router,
)


def create_app(hub: Hub, settings: HubSettings) -> FastAPI:
    """The ASGI application of a hub. The hub stays open when the application ends."""
    database = hub.database

    def revision() -> int:
        """Of the newest change, whichever hub on this database made it."""
        with database.read() as connection:
            return int(connection.execute(select(tables.hub.c.revision)).scalar_one())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        hub.published.append(context.data.keep_aggregates)
        hub.changed.append(context.data.changed)
        context.data.open_soon()
        async with context.changes.running():
            try:
                yield
            finally:
                asking.close(hub)
                hub.published.remove(context.data.keep_aggregates)
                hub.changed.remove(context.data.changed)
                await asyncio.to_thread(context.data.close)

    app = FastAPI(
        title="rtml hub",
        version=__version__,
        description=openapi.DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # those pages load from other hosts
        redoc_url=None,
        openapi_url="/openapi.json",
        separate_input_output_schemas=False,
        redirect_slashes=False,
    )
    context = Context(
        hub=hub,
        data=HubData(settings.data, hub, profiles_url=settings.profiles, keep_events=settings.keep_events),
        keys=Keys(database),
        settings=settings,
        changes=Changes(hub, revision),
        publishing=asyncio.Semaphore(PUBLISHING),
        release=__version__,
        started=times.text(database.clock()),
    )
    app.state.context = context
    app.state.states = edges.States()
    Revisions.of(database)  # from now on
    app.state.attempts = Attempts()
    for router in _ROUTERS:
        app.include_router(router)
    app.router.routes += routes(context)
    handle_errors(app)
    app.add_middleware(Front, keys=context.keys, settings=settings, refused=refused)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = openapi.document(app)
    return app.openapi_schema
