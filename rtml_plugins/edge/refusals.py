"""Lines about who was refused: 401 and 403, at most one a second of a process, however many there are.

Whoever tries keys can't fill the disk. What is not written is counted in the line that comes next, and all are in the metrics.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from rtml_plugins.edge.exchange import Headers, Request, Response
from rtml_plugins.serving import logs
from rtml_plugins.serving.keys import bearer

#: statuses of answers that are noted
STATUSES: Final = frozenset({401, 403})
#: seconds between two lines
EVERY: Final = 1.0
#: longest text of a request in a line
_MOST: Final = 200
_log: Final = logs.Logger("rtml.edge")
_SECRET: Final = re.compile(r"rtml_([0-9a-f]{12})_").match
_SERVICE: Final = re.compile(r"/v[12]/(?:services|models)/([^/]+)").match
_reason: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Refusals:
    """Notes refusals. clock: seconds, as time.monotonic."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._next = float("-inf")  # when a line may be written again
        self._last: tuple[Request, Response] | None = None  # the newest refusal that no line was written for
        self._more = 0  # how many there are besides it

    def note(self, request: Request, response: Response) -> None:
        """Log the refusal of a request, or count it; nothing for answers of another status."""
        if response.status not in STATUSES:
            return
        self._more += self._last is not None
        bare = Request(request.method, request.path, "", request.headers, b"", request.client)  # its body may be a large one
        self._last = (bare, response)
        self.flush()

    def flush(self) -> None:
        """Write a line for what is left to be said, if it is time to."""
        if self._last is None or self._clock() < self._next:
            return
        fields = _fields(*self._last)
        _log.warning("request refused", **fields, **({"more": self._more} if self._more else {}))
        self._last, self._more = None, 0
        self._next = self._clock() + EVERY


def _fields(request: Request, response: Response) -> dict[str, Any]:
    """What is told of a refusal. Of a key its id: as the key has it, which for an unknown key anyone may have made up."""
    service = _SERVICE(request.path)
    fields = {
        "status": response.status,
        "reason": _reason(response.body)["detail"][: 2 * _MOST],
        "client": request.client,
        "key": key_id(request.headers),
        "service": None if service is None else service[1][:_MOST],
        "path": request.path[:_MOST],
        "request_id": response.request_id,
    }
    return {name: value for name, value in fields.items() if value}


def key_id(headers: Headers) -> str | None:
    """The id in the key of a request; None when there is no key, or one that no hub has made."""
    found = _SECRET(bearer(headers.get("authorization")) or "")
    return None if found is None else found[1]


refusals: Final = Refusals()
