"""What the client's operations say to whoever runs them: send this, wait so long. No input or output happens here.

An operation is a generator: it yields Send or Pause, is sent the outcome, and returns its answer. One for threads and one for
asyncio run the same operations, so that nothing is written twice and everything can be tested without a network or a clock.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Final, Literal, TypeAlias, TypeVar

import msgspec

#: most bytes of an answer that are read, packages aside
MAX_ANSWER: Final = 64 << 20


class Send(msgspec.Struct, frozen=True):
    """A request. timeout: seconds for all of it; connect: seconds to reach the server.

    fresh: on a connection of its own, as on a kept one a request that may not be repeated could meet a server that is just
    closing it. limit: most bytes of the answer. The key is not here: who sends adds it.
    """

    method: str
    url: str
    body: bytes | None = None
    headers: tuple[tuple[str, str], ...] = ()
    timeout: float = 10.0
    connect: float = 2.0
    fresh: bool = False
    limit: int = MAX_ANSWER


class Pause(msgspec.Struct, frozen=True):
    """Wait so many seconds."""

    seconds: float


class Reply(msgspec.Struct, frozen=True):
    """An answer; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Failure(msgspec.Struct, frozen=True):
    """No answer. kind: "unreached": no connection, so nothing arrived; "broken": the connection ended; "late": time is up."""

    kind: Literal["unreached", "broken", "late"]
    why: str

    @property
    def arrived(self) -> bool:
        """Whether the request may have arrived."""
        return self.kind != "unreached"


Outcome: TypeAlias = Reply | Failure
T = TypeVar("T")
Flow: TypeAlias = Generator[Send | Pause, Any, T]


def send(request: Send) -> Flow[Outcome]:
    """The outcome of one request."""
    outcome = yield request
    assert isinstance(outcome, (Reply, Failure))
    return outcome
