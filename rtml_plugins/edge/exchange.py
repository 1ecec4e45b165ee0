"""A request and its answer, neutral of the server: bytes in, bytes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol


class Headers(Protocol):
    """Headers of a request, by lower-case name; of a header that came twice, any one."""

    def get(self, name: str, default: str | None = None, /) -> str | None: ...


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
    """The answer to it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


#: what answers requests: at once, or later (micro-batches)
Answer = Response | Awaitable[Response]
Handler = Callable[[Request], Answer]
