"""What can go wrong between a client and hubs and edges: servers that are away, and servers that refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from rtml_core.errors import InputError, InputProblem, RtmlError

if TYPE_CHECKING:
    from rtml_core.client.records import Published, Rollout

__all__ = [
    "BadAnswer",
    "ClientError",
    "Conflict",
    "EdgeAway",
    "HubAway",
    "InvalidInput",
    "NotAllowed",
    "NotFound",
    "NotTakenUp",
    "Refused",
    "Tried",
]


class Tried(NamedTuple):
    """An address that was asked, and why that did not help."""

    address: str
    why: str

    def __str__(self) -> str:
        return f"{self.address} ({self.why})"


class ClientError(RtmlError):
    """Root of what a client raises."""


class HubAway(ClientError):
    """No hub answered. tried: each attempt. arrived: whether the request may have been carried out all the same."""

    def __init__(self, message: str, tried: Sequence[Tried] = (), *, arrived: bool = False):
        super().__init__(message)
        self.tried = tuple(tried)
        self.arrived = arrived


class EdgeAway(ClientError):
    """No edge answered in time. tried: every address that was asked and why it did not answer, in order."""

    def __init__(self, message: str, tried: Sequence[Tried] = ()):
        super().__init__(message)
        self.tried = tuple(tried)


class BadAnswer(ClientError):
    """Something answered that is no hub or edge of rtml, or one whose answers this client can't read."""


class NotTakenUp(ClientError):
    """A change is made, and edges have not taken it up: in time, or because they can't load it. rollout: how far it came."""

    def __init__(self, message: str, rollout: Rollout, published: Published | None = None):
        super().__init__(message)
        self.rollout = rollout
        self.published = published


class Refused(ClientError):
    """A hub or edge answered with a problem (RFC 9457).

    status: of HTTP. kind: the last part of the problem's type, e.g. "unknown-service". detail: its sentence. errors: one entry a
    field. request_id: for the server's log. retry_after: seconds, when it named some. address: who answered.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        address: str = "",
        errors: Sequence[Mapping[str, Any]] = (),
        request_id: str | None = None,
        retry_after: float | None = None,
    ):
        RtmlError.__init__(self, detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.address = address
        self.errors = tuple(dict(entry) for entry in errors)
        self.request_id = request_id
        self.retry_after = retry_after


class NotAllowed(Refused):
    """401 or 403: no key, or one that may not do this."""


class NotFound(Refused):
    """404: no such service, version, edge or key."""


class Conflict(Refused):
    """412: somebody else changed the service since it was read, and nothing was done; says who changed what."""


class InvalidInput(Refused, InputError):
    """422: rows that do not fit the signature of the service; `problems` names each field, as scoring in process does."""

    def __init__(self, status: int, kind: str, detail: str, **more: Any):
        Refused.__init__(self, status, kind, detail, **more)
        self.problems = tuple(
            InputProblem(str(entry.get("at", "")), str(entry.get("expected", "")), str(entry.get("got", "")))
            for entry in self.errors
        )

    def of_one_row(self) -> InvalidInput:
        """The same for a caller who gave one row and no list: "/age" instead of "/0/age", as in process."""
        errors = [{**entry, "at": str(entry.get("at", "")).removeprefix("/0")} for entry in self.errors]
        more = {"address": self.address, "request_id": self.request_id, "retry_after": self.retry_after}
        found = InvalidInput(self.status, self.kind, self.detail, errors=errors, **more)
        if found.problems:
            found.detail = str(InputError(found.problems))
            found.args = (found.detail,)
        return found
