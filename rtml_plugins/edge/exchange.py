"""A request and its answer, neutral of the server: bytes in, bytes out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Any, NamedTuple, Protocol, overload


class Headers(Protocol):
    """Headers of a request, by lower-case name; values of a header that came twice joined by a comma."""

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, default: str, /) -> str: ...


class Request:
    """One HTTP request. path without query, percent-decoded once; query raw; body whole."""

    __slots__ = ("body", "client", "headers", "method", "path", "query")

    def __init__(self, method: str, path: str, query: str, headers: Headers, body: bytes, client: str = ""):
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.client = client


class Response(NamedTuple):
    """The answer to it.

    headers: those that every answer of this kind has are best one and the same object, which a server need not write out again.
    request_id: sent as X-Request-Id, "" for none.
    """

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes
    request_id: str = ""


class Later:
    """A response that is not there yet: to be awaited, or to be handed to a function, which costs neither a future nor a task."""

    __slots__ = ("_response", "_then")

    def __init__(self) -> None:
        self._response: Response | None = None
        self._then: Callable[[Response], object] | None = None

    def then(self, use: Callable[[Response], object]) -> None:
        """Call `use` with the response: now when it is there, else as soon as it is. Once."""
        if self._response is not None:
            use(self._response)
        else:
            self._then = use

    def resolve(self, response: Response) -> None:
        """Give the response; in the event loop."""
        self._response = response
        if self._then is not None:
            self._then(response)

    def __await__(self) -> Generator[Any, None, Response]:
        if self._response is None:
            future: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
            self.then(lambda response: None if future.done() else future.set_result(response))
            return (yield from future.__await__())
        return self._response


#: what answers requests: at once, or later (micro-batches)
Answer = Response | Later | Awaitable[Response]
Handler = Callable[[Request], Answer]
