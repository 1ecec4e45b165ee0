"""Predictions by identity: {"identity": {"ECID": "38652"}, "event": {...}}, for services whose packages read such requests.

The sources of a package make the row that a plain request would have held; from there on everything is as for one. A request
whose person is held is answered at once; one that has to wait for a profile is a coroutine, while others are answered.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_plugins.edge import limits, metrics, rowvalues
from rtml_plugins.edge.batching import LARGE_BODY
from rtml_plugins.edge.exchange import Answer, Request, Response
from rtml_plugins.edge.predict import Target, Waiting

if TYPE_CHECKING:
    from rtml_core.boundary import Parts
    from rtml_core.runtime.boundary import Requests
    from rtml_plugins.edge.app import App
    from rtml_plugins.edge.table import Loaded, Service

_MARKS: Final = (b'"identity"', b'"event"')


class PersonTarget(Target):
    """A Target whose requests may be by identity."""

    __slots__ = ("_add", "_layouts", "_shapes")

    def __init__(self, app: App, service: Service, version: Loaded | None):
        super().__init__(app, service, version)
        with_requests = {number: loaded.requests for number, loaded in service.versions.items() if loaded.requests is not None}
        self._shapes: dict[int, Callable[[bytes], bytes]] = {}
        for number, requests in with_requests.items():
            shape = requests.shape
            if shape is not None:
                self._shapes[number] = shape
        logged = service.entry.log and app.outbox is not None
        self._add: Any = app.outbox.add if logged and app.outbox is not None else None
        self._layouts: dict[int, int] = {}
        if app.outbox is not None and logged:
            self._layouts = {number: app.outbox.layout(service.versions[number]) for number in with_requests}

    def _score(self, request: Request, loaded: Loaded, identity: str, began: float) -> Answer:
        requests = loaded.requests
        if requests is None:
            return super()._score(request, loaded, identity, began)
        app = self._app
        if app.in_flight >= self._settings.max_concurrent:
            raise limits.busy(f"{app.in_flight} requests are in flight", 1)
        if len(request.body) > LARGE_BODY and any(mark in request.body for mark in _MARKS):
            return self._waited(self._large(requests, request.body), request, loaded, identity, began)
        read = requests.decode(request.body)
        if read is None:
            return super()._score(request, loaded, identity, began)
        if type(read) is tuple or not inspect.isawaitable(read):
            return self._scored(read, request, loaded, identity, began)
        return self._waited(read, request, loaded, identity, began)

    def _scored(self, read: Any, request: Request, loaded: Loaded, identity: str, began: float) -> Answer:
        """The answer to a request that was read. read: a runtime.boundary.Read."""
        rows, parts = read
        scorer = loaded.scorer
        if len(rows) > 1:
            scorer.check_count(rows)
        if scorer.at_once(len(rows)):
            metrics.batch(self.name, len(rows))
            return self.answered(scorer.rows.score(rows), rows, parts, request, loaded, identity, began)
        job = _Waiting(self, request, loaded, identity, began, rows, parts)
        scorer.submit(job)
        self._app.in_flight += 1
        return job

    async def _waited(self, reading: Awaitable[Any], request: Request, loaded: Loaded, identity: str, began: float) -> Response:
        """The answer to a request that waits to be read: for profiles, or for a thread."""
        app = self._app
        seconds = self._settings.request_timeout
        app.in_flight += 1
        waiting = True
        try:
            try:
                async with asyncio.timeout(seconds):
                    read = await reading
            except TimeoutError:
                raise limits.too_late(seconds) from None
            app.in_flight -= 1
            waiting = False
            if read is None:
                answer: Any = super()._score(request, loaded, identity, began)
            else:
                answer = self._scored(read, request, loaded, identity, began)
            response: Response = answer if type(answer) is Response else await answer
            return response
        except Exception as error:
            return self.failed(error, request, loaded, identity, began)
        finally:
            if waiting:
                app.in_flight -= 1

    async def _large(self, requests: Requests, body: bytes) -> Any:
        """A large request, read in a thread; a few at a time."""
        async with self._app.inflating:
            read: Any = await asyncio.to_thread(requests.decode, body)
        return await read if inspect.isawaitable(read) else read

    def answered(
        self,
        predictions: bytes,
        rows: Any,
        parts: Sequence[Parts],
        request: Request,
        loaded: Loaded,
        identity: str,
        began: float,
    ) -> Response:
        """The answer to a request by identity; told to the hub where the service says so."""
        size = len(request.body)
        if self._shadowed:
            shadow = self.service.shadow
            if shadow is not None and shadow.requests is None:  # it reads plain rows only
                request.body = b'{"rows":%b}' % rowvalues.plain_rows(loaded.runtime.signature.ordered, rows)
        response = self.done(predictions, rows, request, loaded, identity, began)
        if self._add is not None:
            self._add(self._layouts[loaded.version], identity, size, parts, rows, predictions)
        return response

    def done(
        self, predictions: bytes, rows: Any, request: Request, loaded: Loaded, identity: str, began: float, live: bool = True
    ) -> Response:
        """Target.done, with predictions as the sinks of the package shape them."""
        shape = self._shapes.get(loaded.version) if live else None
        if shape is None:
            return super().done(predictions, rows, request, loaded, identity, began, live)
        shaped = shape(predictions)
        response = super().done(predictions, rows, request, loaded, identity, began, live)
        start = self._starts[loaded.version]
        return response._replace(body=b"%b%b%b" % (start, shaped, response.body[len(start) + len(predictions) :]))

    def _key(self, request: Request) -> str | None:
        """The sticky key; without one a visitor stays in an arm by identity."""
        key = super()._key(request)
        if key is None and any(mark in request.body for mark in _MARKS):
            return visitor(request.body)
        return key


class _Waiting(Waiting):
    """A request by identity that waits to be scored."""

    __slots__ = ("_parts",)

    def __init__(
        self,
        target: PersonTarget,
        request: Request,
        loaded: Loaded,
        identity: str,
        began: float,
        rows: Any,
        parts: Sequence[Parts],
    ):
        super().__init__(target, request, loaded, identity, began, rows)
        self._parts = parts

    def finish(self, result: bytes | Exception, /) -> None:
        """Answer with the predictions, or with what went wrong."""
        target: Any = self._target
        if not isinstance(result, bytes):
            super().finish(result)
            return
        target._app.in_flight -= 1
        try:
            response = target.answered(result, self.rows, self._parts, self._request, self._loaded, self._identity, self.began)
        except Exception as error:  # a sink that fails
            response = target.failed(error, self._request, self._loaded, self._identity, self.began)
        self.resolve(response)


# ---- visitors -----------------------------------------------------------------------------------------------------------


class _Id(msgspec.Struct, gc=False):
    id: str
    primary: bool = False


_Map = dict[str, str | _Id | list[str | _Id]]


class _Event(msgspec.Struct, gc=False):
    identityMap: _Map | None = None


class _Row(msgspec.Struct, gc=False):
    identity: _Map | None = None
    event: _Event | None = None


class _Body(msgspec.Struct, gc=False):
    identity: _Map | None = None
    event: _Event | None = None
    rows: list[_Row] | None = None


_read_body: Final = msgspec.json.Decoder(_Body).decode


def visitor(body: bytes) -> str | None:
    """The identity of a request's first row as a text that is the same however it is written: the primary one, else the first.

    None when there is none, or the body can't be read: then chance decides, and reading says what is wrong.
    """
    try:
        found: Any = _read_body(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if found.rows:
        found = found.rows[0]
    spaces = found.identity if found.identity is not None else found.event.identityMap if found.event is not None else None
    first = None
    for space, value in (spaces or {}).items():
        for one in value if isinstance(value, list) else (value,):
            text = f"{space.lower()}:{one if isinstance(one, str) else one.id}"
            if not isinstance(one, str) and one.primary:
                return text
            first = first or text
    return first
