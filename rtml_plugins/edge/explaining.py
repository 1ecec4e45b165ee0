"""?explain=columns: what a model saw on the way to its answer. For debugging: in a thread, with a session of its own."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import msgspec

from rtml_core.errors import PackageError
from rtml_plugins.edge import limits, rowvalues
from rtml_plugins.edge.files import Home
from rtml_plugins.serving import logs
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_core import Runtime
    from rtml_plugins.edge.app import App
    from rtml_plugins.edge.table import Loaded

_log: Final = logs.Logger("rtml.edge")
#: most rows that are explained in one request
MOST_ROWS: Final = 100

_explained: Final[WeakKeyDictionary[Runtime, Any]] = WeakKeyDictionary()
#: one at a time: it costs memory and time that requests should have
_locks: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock]] = WeakKeyDictionary()


async def explain(app: App, loaded: Loaded, body: bytes) -> bytes:
    """The predictions, then "columns": for each row the nodes and what they give, then "left_out": what is not told, and why; for
    a request by identity then "fields": for each row what its sources made of it.

    Raises InputError as scoring does, Problem 413 for many rows and 422 for a package that can't tell.
    """
    lock = _locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
    async with lock:
        read: Any = None
        if loaded.requests is not None:  # a request by identity may have to wait for profiles, which is done in the event loop
            read = await asyncio.to_thread(loaded.requests.decode, body)
            if inspect.isawaitable(read):
                read = await read
        return await asyncio.to_thread(_explain, app, loaded, body, None if read is None else read.rows)


def _explain(app: App, loaded: Loaded, body: bytes, rows: Any) -> bytes:
    """rows: of a request by identity, None for a plain one, which says itself what its fields are."""
    fields = b""
    if rows is None:
        rows = loaded.scorer.rows.decode(body)
    else:
        fields = b',"fields":' + rowvalues.plain_rows(loaded.runtime.signature.ordered, rows)
    if len(rows) > MOST_ROWS:
        raise limits.too_many_rows(len(rows), MOST_ROWS)
    (predictions,) = loaded.scorer.rows.score_many([rows])
    if not isinstance(predictions, bytes):
        raise predictions
    try:
        explained = _explained.get(loaded.runtime)
        if explained is None:
            path = Home(app.settings.folder).package(loaded.package_id)
            explained = _explained[loaded.runtime] = loaded.runtime.explained_from_file(path)
        columns = explained.columns(rows)
    except PackageError as error:
        if loaded.runtime.manifest.explain is not None:  # it should have told: whoever runs the edge wants to know
            _log.error("package not explained", service=loaded.service, version=loaded.version, problem=str(error))
        raise Problem(422, "not-explained", f"what is computed on the way can't be told: {error}") from None
    told = msgspec.json.encode(columns), msgspec.json.encode(explained.left_out)
    return b'%b,"columns":%b,"left_out":%b%b' % (predictions, *told, fields)
