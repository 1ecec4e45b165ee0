"""Bodies of requests: whole, within a size and a time, so that large, slow and half-open clients take nothing from others."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from rtml_plugins.serving.problems import Problem

#: of a package, so much is held in memory while it arrives; the rest goes to a temporary file
_IN_MEMORY: Final = 1 << 20
_CURES: Final = {"package": "; start the hub with a larger --max-package", "input": "; send it in parts"}


class Body:
    """The body of a request as it comes in, never more than `limit` bytes nor slower than the timeouts (seconds) allow. what: it
    holds, for people."""

    def __init__(self, headers: Headers, receive: Receive, *, limit: int, idle: float, total: float, what: str = "body"):
        self._receive = receive
        self._limit = limit
        self._idle = idle
        self._total = total
        self._what = what
        declared = headers.get("content-length")
        if declared is not None and declared.isdecimal() and int(declared) > limit:
            raise self._too_large(f"{int(declared):,} bytes")

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its pieces. Raises Problem 413 or 408, ClientDisconnect when the client goes."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._total
        received = 0
        more = True
        while more:
            try:
                async with asyncio.timeout_at(min(deadline, loop.time() + self._idle)):
                    message = await self._receive()
            except TimeoutError:
                raise Problem(
                    408,
                    "slow-body",
                    f"the {self._what} did not arrive: expected more within {self._idle:g} s and all within {self._total:g} s,"
                    f" got {received:,} bytes",
                    headers=[("Connection", "close")],
                ) from None
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk: bytes = message.get("body", b"")
            received += len(chunk)
            if received > self._limit:
                raise self._too_large("more")
            more = message.get("more_body", False)
            if chunk:
                yield chunk

    def _too_large(self, got: str) -> Problem:
        cure = _CURES.get(self._what, "")
        return Problem(
            413,
            "body-too-large",
            f"the {self._what} is too large: expected at most {self._limit:,} bytes, got {got}{cure}",
            headers=[("Connection", "close")],
        )


async def replayed(body: Body, receive: Receive) -> Receive:
    """Reads the whole body; a receive that gives it at once, and what comes after it (that the client went)."""
    whole = b"".join([chunk async for chunk in body.chunks()])
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": whole, "more_body": False}

    return again


@asynccontextmanager
async def spooled(body: Body) -> AsyncIterator[IO[bytes]]:
    """The whole body in a temporary file, read from its beginning; gone when the block ends."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:
        written = 0
        async for chunk in body.chunks():
            written += len(chunk)
            if written > _IN_MEMORY:  # it goes to the disk
                await run_in_threadpool(file.write, chunk)
            else:
                file.write(chunk)
        file.seek(0)
        yield file
