"""What every request passes first: its id, who asks, from where, how much and how slowly; and what happens when all fails."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rtml_core.errors import RtmlError
from rtml_plugins.hub.api.errors import answer, problem_of, unexpected
from rtml_plugins.hub.api.origins import Origins
from rtml_plugins.hub.api.rates import Rates
from rtml_plugins.hub.api.receiving import Body, replayed
from rtml_plugins.hub.keys import Caller
from rtml_plugins.hub.settings import MAX_BODY, HubSettings
from rtml_plugins.serving.keys import bearer
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.problems import Problem

_LOG: Final = logger("rtml.hub")
#: what is answered without a key: whether the hub is there, and what it takes
_PUBLIC: Final = frozenset({"/v1/health/live", "/v1/health/ready", "/openapi.json"})
#: the routes that take packages and records read their bodies themselves
_UPLOAD: Final = re.compile(r"/v1/services/[^/]+/versions|/v1/collect")
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_REFUSALS: Final = frozenset({401, 403, 421, 429})
_SANE_ID: Final = re.compile(r"[A-Za-z0-9._~:/+=@-]{1,128}")
#: nothing that the hub answers is a page, is to be guessed at, framed or kept by a cache in between
_SECURITY: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


class Keys(Protocol):
    """Who may call (keys.Keys)."""

    @property
    def surely_asked_for(self) -> bool: ...

    def asked_for(self) -> bool: ...

    def authenticate(self, secret: str | None) -> Caller: ...


class Front:
    """The ASGI application around the hub's. refused: makes the page that tells of a problem, where a page was asked for."""

    def __init__(self, app: ASGIApp, *, keys: Keys, settings: HubSettings, refused: Callable[[Problem, Request, None], Response]):
        self._app = app
        self._refused = refused
        self._keys = keys
        self._settings = settings
        self._origins = Origins(settings)
        self._rates = Rates()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if _SANE_ID.fullmatch(given) else secrets.token_hex(13)
        scope.setdefault("state", {})["request_id"] = request_id
        cors = [] if _is_page(scope) else self._origins.headers(headers.get("origin"))  # no site reads pages, nor their tokens
        reply = _Reply(send, [("X-Request-Id", request_id), *cors])
        if scope["method"] == "HEAD":  # wherever GET is answered
            scope["method"], reply.bare = "GET", True
        began = time.monotonic()
        try:
            await self._pass(scope, headers, receive, reply)
        except ClientDisconnect:  # or half of it: who ended the body too early may still listen
            await self._refuse(_ended_early(), scope, receive, reply)
        except RtmlError as error:
            await self._refuse(problem_of(error), scope, receive, reply)
        except Exception:
            _LOG.exception("request failed", request_id=request_id, method=scope["method"], path=scope["path"])
            await self._refuse(unexpected(), scope, receive, reply)
        finally:
            _note(scope, reply, time.monotonic() - began)

    async def _pass(self, scope: Scope, headers: Headers, receive: Receive, reply: _Reply) -> None:
        method = scope["method"]
        origin = headers.get("origin")
        if method == "OPTIONS" and origin is not None and "access-control-request-method" in headers and not _is_page(scope):
            reply.extra += self._origins.preflight(origin)
            await Response(status_code=204)(scope, receive, reply)
            return
        await self._identify(scope, headers, reply)
        if method in _WITH_BODY and not (method == "POST" and _UPLOAD.fullmatch(scope["path"])):
            receive = await replayed(self.body(headers, receive), receive)
        await self._app(scope, receive, reply)

    async def _identify(self, scope: Scope, headers: Headers, reply: _Reply) -> None:
        """Who asks, into scope["state"]["caller"]. Raises Problem 401, 403, 429."""
        asked = self._keys.surely_asked_for or await run_in_threadpool(self._keys.asked_for)
        if not asked:
            self._origins.check_open(scope["method"], headers)
        if not asked or _is_page(scope) or scope["path"] in _PUBLIC:  # pages know callers by their session
            scope["state"]["caller"] = Caller.anyone() if not asked else Caller.nobody()
            return
        caller = await run_in_threadpool(self._keys.authenticate, bearer(headers.get("authorization")))
        if caller.key is not None and caller.rate is not None:
            reply.extra += self._rates.take(caller.key, caller.rate)
        scope["state"]["caller"] = caller

    def body(self, headers: Headers, receive: Receive) -> Body:
        """A body that is no package."""
        settings = self._settings
        return Body(headers, receive, limit=MAX_BODY, idle=settings.idle_timeout, total=settings.body_timeout)

    async def _refuse(self, problem: Problem, scope: Scope, receive: Receive, reply: _Reply) -> None:
        if reply.started:
            return
        pages = _is_page(scope)
        response = self._refused(problem, Request(scope), None) if pages else answer(problem, scope["state"]["request_id"])
        await response(scope, receive, reply)


def _is_page(scope: Scope) -> bool:
    """Whether a page of the gallery is asked for, or something on one."""
    path: str = scope["path"]
    return path == "/gallery" or path.startswith("/gallery/")


def _ended_early() -> Problem:
    close = [("Connection", "close")]
    return Problem(
        400, "malformed-request", "the body ended before all of it had come, or is no HTTP: send it again", headers=close
    )


def _note(scope: Scope, reply: _Reply, seconds: float) -> None:
    """A line in the log for what changes something or was refused to somebody; for the rest, and reports of edges, at debug."""
    state = scope["state"]
    quiet = scope["method"] in ("GET", "OPTIONS") or scope["path"].startswith("/v1/edges/")
    write = _LOG.debug if quiet and reply.status not in _REFUSALS else _LOG.info
    actor = state["caller"].name if "caller" in state else None
    fields = {"method": scope["method"], "path": scope["path"], "status": reply.status, "ms": round(seconds * 1e3, 1)}
    write("request", **fields, actor=actor, request_id=state["request_id"])


class _Reply:
    """Sends, with the headers that every answer has."""

    def __init__(self, send: Send, extra: Sequence[tuple[str, str]]):
        self._send = send
        self.extra = list(extra)
        self.started = False
        self.status = 0
        self.bare = False  # without a body

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _SECURITY:
                headers.setdefault(name, value)
            for name, value in self.extra:
                headers.append(name, value) if name == "Vary" else headers.setdefault(name, value)
        elif self.bare:
            message = {**message, "body": b""}
        await self._send(message)
