"""POST /v1/services/{name}/predict: from a request to its answer, and nothing on the way that need not be there."""

from __future__ import annotations

import asyncio
import os
import re
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import msgspec

from rtml_core.errors import CustomOpError, InputError, JsonError
from rtml_plugins.edge import access, cors, limits, metrics
from rtml_plugins.edge.batching import LARGE_BODY
from rtml_plugins.edge.exchange import Answer, Later, Request, Response
from rtml_plugins.edge.refusals import refusals
from rtml_plugins.serving import logs
from rtml_plugins.serving.consent import ConsentRefused
from rtml_plugins.serving.problems import CONTENT_TYPE, Problem, invalid_input

if TYPE_CHECKING:
    from rtml_plugins.edge.app import App
    from rtml_plugins.edge.table import Loaded, Service

_now: Final = time.perf_counter
#: a Response without the detour through its constructor in Python, which takes as long as a look-up of a service
_response: Final[Any] = tuple.__new__
_log: Final = logs.Logger("rtml.edge")
_SANE: Final = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,128}").fullmatch
_JSON: Final = ("Content-Type", "application/json")
#: most entries of "errors" in a problem document, and the longest texts in them
_MOST_ERRORS: Final = 100
_MOST_TEXT: Final = 300

# ---- request ids ------------------------------------------------------------------------------------------------------------

_process = os.urandom(4).hex()
_last = 0


def new_id() -> str:
    """An id of a request, 24 hex digits: nanoseconds since the epoch, so that ids sort by time, and a number of the process."""
    global _last
    now = time.time_ns()
    _last = now if now > _last else _last + 1
    return f"{_last:016x}{_process}"


def request_id(given: str | None) -> str:
    """The id that a client gave, when it is one that may stand in logs; else a new one."""
    return given if given is not None and _SANE(given) is not None else new_id()


# ---- problems ---------------------------------------------------------------------------------------------------------------


def problem_of(error: Exception) -> Problem:
    """What an error is answered as; what nobody foresaw is logged."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, JsonError):
        return Problem(400, "malformed-json", _clean(str(error)))
    if isinstance(error, InputError):
        problem = invalid_input(error)
        problem.detail = _clean(problem.detail, 2000)
        problem.errors = [{key: _clean(text) for key, text in entry.items()} for entry in problem.errors[:_MOST_ERRORS]]
        return problem
    if isinstance(error, ConsentRefused):
        return Problem(403, "consent-refused", str(error))
    if isinstance(error, CustomOpError):
        _log.error("operator failed", problem=str(error))
        return Problem(500, "operator-failed", _clean(str(error)))
    _log.error("request failed", problem=f"{type(error).__name__}: {error}")
    return Problem(500, "internal", "the edge failed to answer this request; its log says why")


def _clean(text: str, most: int = _MOST_TEXT) -> str:
    """A text that came from outside, fit for JSON: half characters escaped, not longer than `most`."""
    text = text[: most + 1].encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= most else f"{text[:most]}..."


def problem_response(problem: Problem, identity: str, headers: Any = ()) -> Response:
    """The answer to a request that can't be answered. headers: more of them."""
    metrics.refused(problem.kind)
    return Response(
        problem.status,
        [("Content-Type", CONTENT_TYPE), *access.SECURITY_HEADERS, *problem.headers, *headers],
        problem.body(identity),
        identity,
    )


# ---- predicting -------------------------------------------------------------------------------------------------------------


class Target:
    """What a path under /v1/services scores with: a service, by its traffic, or one version of it.

    One is made for each path whenever the snapshot changes.
    """

    # fmt: off
    __slots__ = (
        "_app", "_cors", "_headers", "_settings", "_shadowed", "_starts", "_sticky", "_taps", "name", "service", "version",
    )
    # fmt: on

    def __init__(self, app: App, service: Service, version: Loaded | None):
        self._app = app
        self._settings = app.settings
        self.service = service
        self.version = version
        self.name = service.entry.name
        self._cors = bool(app.settings.cors)
        self._shadowed = service.shadow is not None and version is None
        self._headers = (_JSON, *access.SECURITY_HEADERS, *deprecation(service))
        self._starts: dict[int, bytes] = {}
        self._taps = {number: app.measuring.tap(loaded) for number, loaded in service.versions.items()}
        self._sticky = None if service.sticky is None else Sticky(service.sticky)
        for loaded in service.versions.values():
            self._starts[loaded.version] = b'{"service":"%b","version":%d,"predictions":' % (self.name.encode(), loaded.version)

    def answer(self, request: Request) -> Answer:
        """The predictions for the rows of a request, or a problem document."""
        began = _now()
        headers = request.headers
        given = headers.get("x-request-id")
        identity = new_id() if given is None else request_id(given)
        loaded = self.version or self.service.champion
        try:
            access.authorize(self._app.snapshot, self._settings, headers, "predict", self.name)
            content_type = headers.get("content-type")
            if content_type != "application/json":
                limits.check_json(content_type)
            coding = headers.get("content-encoding")
            if coding is not None:
                try:
                    request.body = limits.inflate(request.body, coding, LARGE_BODY)
                except Problem as problem:
                    if problem.status != 413:
                        raise
                    return self._inflated(request, coding, loaded, identity, began)
                if len(request.body) > self._settings.max_body:
                    raise limits.too_large(self._settings.max_body)
            if self.service.choose is not None and self.version is None:
                loaded = self.service.versions[self.service.choose(self._key(request))]
            if request.query:
                return self._queried(request, loaded, identity, began)
            return self._score(request, loaded, identity, began)
        except Exception as error:
            return self.failed(error, request, loaded, identity, began)

    async def _inflated(self, request: Request, coding: str, loaded: Loaded, identity: str, began: float) -> Response:
        """The answer to a body that inflates to a large one: in a thread, as 12 kB may become 8 MiB; a few at a time."""
        try:
            async with self._app.inflating:
                request.body = await asyncio.to_thread(limits.inflate, request.body, coding, self._settings.max_body)
                if self.service.choose is not None and self.version is None:
                    loaded = self.service.versions[self.service.choose(self._key(request))]
                way = self._queried if request.query else self._score
                answer: Any = way(request, loaded, identity, began)
                response: Response = answer if type(answer) is Response else await answer
                return response
        except Exception as error:
            return self.failed(error, request, loaded, identity, began)

    def _score(self, request: Request, loaded: Loaded, identity: str, began: float) -> Answer:
        scorer = loaded.scorer
        body = request.body
        if self._app.in_flight >= self._settings.max_concurrent:
            raise limits.busy(f"{self._app.in_flight} requests are in flight", 1)
        if len(body) > LARGE_BODY:
            job = Waiting(self, request, loaded, identity, began, ())
            scorer.in_thread(job, body)
        else:
            rows = scorer.rows.decode(body)
            if len(rows) > 1:
                scorer.check_count(rows)
            if scorer.at_once(len(rows)):
                metrics.batch(self.name, len(rows))
                return self.done(scorer.rows.score(rows), rows, request, loaded, identity, began)
            job = Waiting(self, request, loaded, identity, began, rows)
            scorer.submit(job)
        self._app.in_flight += 1
        return job

    def done(
        self, predictions: bytes, rows: Any, request: Request, loaded: Loaded, identity: str, began: float, live: bool = True
    ) -> Response:
        """The answer with the predictions, a JSON list; counted, measured, and given to the shadow version to compare.

        rows: what was scored. live: False for a request that shall show in no figure of the service's traffic.
        """
        version = loaded.version
        if live:
            if self._shadowed:
                self._app.shadow.offer(self.service, loaded, request.body, predictions)
            tap = self._taps[version]
            if tap.left:
                tap.take(rows, request.body, predictions)
        body = b'%b%b,"request_id":"%b"}' % (self._starts[version], predictions, identity.encode())
        headers: Any = self._headers
        if self._cors:
            headers = [*headers, *cors.answer_headers(self._settings, request.headers)]
        if live:
            metrics.observe(self.name, version, "ok", _now() - began)
        response: Response = _response(Response, (200, headers, body, identity))
        return response

    def failed(
        self, error: Exception, request: Request, loaded: Loaded, identity: str, began: float, live: bool = True
    ) -> Response:
        """The problem document of an error; counted."""
        problem = problem_of(error)
        if live:
            metrics.observe(self.name, loaded.version, metrics.outcome(problem.status, problem.kind), _now() - began)
        response = problem_response(problem, identity, cors.answer_headers(self._settings, request.headers))
        if problem.kind != "consent-refused":  # nobody tried what they may not
            refusals.note(request, response)
        return response

    def _key(self, request: Request) -> str | None:
        key = request.headers.get("x-rtml-key")
        if key is not None or self._sticky is None:
            return key
        return self._sticky.of(request.body)

    def _queried(self, request: Request, loaded: Loaded, identity: str, began: float) -> Answer:
        """A request with a query: ?explain=columns, which needs the scope debug."""
        try:
            asked = parse_qs(request.query, keep_blank_values=True, strict_parsing=True, max_num_fields=10)
        except ValueError:
            raise Problem(400, "unknown-query", f"the query {request.query[:100]!r} can't be read") from None
        unknown = [name for name in asked if name != "explain"]
        if unknown or asked["explain"] != ["columns"]:
            raise Problem(400, "unknown-query", f"expected no query or ?explain=columns; got ?{request.query[:100]}")
        # Somebody tries or debugs the model: it takes other times, of values that are nobody's, and is counted by itself.
        metrics.count("explained", self.name, str(loaded.version))
        try:
            access.authorize(self._app.snapshot, self._settings, request.headers, "debug", self.name, charge=False)
        except Problem as problem:
            return self.failed(problem, request, loaded, identity, began, live=False)
        return self._explained(request, loaded, identity, began)

    async def _explained(self, request: Request, loaded: Loaded, identity: str, began: float) -> Response:
        from rtml_plugins.edge import explaining

        try:
            told = await explaining.explain(self._app, loaded, request.body)
        except Exception as error:
            return self.failed(error, request, loaded, identity, began, live=False)
        return self.done(told, (), request, loaded, identity, began, live=False)


class Waiting(Later):
    """A request that waits to be scored: a Job of batching, and what is answered with."""

    __slots__ = ("_identity", "_loaded", "_request", "_target", "began", "rows")

    def __init__(self, target: Target, request: Request, loaded: Loaded, identity: str, began: float, rows: Any):
        self._response = None
        self._then = None
        self._target = target
        self._request = request
        self._loaded = loaded
        self._identity = identity
        self.began = began
        self.rows = rows

    def finish(self, result: bytes | Exception, /) -> None:
        """Answer with the predictions, or with what went wrong."""
        target = self._target
        target._app.in_flight -= 1
        if isinstance(result, bytes):
            response = target.done(result, self.rows, self._request, self._loaded, self._identity, self.began)
        else:
            response = target.failed(result, self._request, self._loaded, self._identity, self.began)
        self.resolve(response)


def deprecation(service: Service) -> list[tuple[str, str]]:
    """The header Deprecation (RFC 9745) of a deprecated service: since when, as a date of structured fields."""
    since = service.entry.deprecated
    if since is None:
        return []
    try:
        moment = int(datetime.fromisoformat(since).timestamp())
    except ValueError:
        return [("Deprecation", "@0")]
    return [("Deprecation", f"@{moment}")]


class Sticky:
    """Reads the field whose value keeps a visitor in an arm, before it is known which version reads the rest."""

    def __init__(self, field: str):
        row: Any = msgspec.defstruct("Row", [("value", Any, msgspec.field(name=field, default=None))])
        wrapped = msgspec.defstruct(
            "Wrapped",
            [
                ("value", Any, msgspec.field(name=field, default=None)),
                ("rows", list[row] | None, None),
                ("columns", row | None, None),
            ]
            if field not in ("rows", "columns")
            else [("value", Any, msgspec.field(name=field, default=None))],
        )
        self._decode = msgspec.json.Decoder(wrapped).decode

    def of(self, body: bytes) -> str | None:
        """The value of the first row as a text; None when there is none, or the body can't be read: then chance decides."""
        try:
            document: Any = self._decode(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return None
        rows, columns = getattr(document, "rows", None), getattr(document, "columns", None)
        value = rows[0].value if rows else columns.value if columns is not None else document.value
        if isinstance(value, dict):
            value = next(iter(value.values()), None)
        elif isinstance(value, list):
            value = value[0] if value else None
        if value is None or isinstance(value, (dict, list)):
            return None
        return value if isinstance(value, str) else msgspec.json.encode(value).decode()
