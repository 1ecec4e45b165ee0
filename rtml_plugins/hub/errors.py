"""What a hub refuses, by the kind of answer it gets over HTTP."""

from __future__ import annotations

from rtml_core.errors import RtmlError


class HubError(RtmlError):
    """Root of what a hub refuses."""


class NotFound(HubError):
    """A service, version, package, edge or key that does not exist."""


class Conflict(HubError):
    """What is asked for does not go with what is there."""


class Changed(HubError):
    """A service is no longer as it was when it was looked at."""


class Refused(HubError):
    """A publication that the checks refuse. changes: every difference of the signature, in words, when that is the reason."""

    def __init__(self, message: str, changes: tuple[str, ...] = ()):
        super().__init__(message)
        self.changes = changes


class Unavailable(HubError):
    """The database or the store can't be reached, or holds what this rtml can't read."""


class InDoubt(Unavailable):
    """The database went away while a change was committed: whether it was made is not known."""
