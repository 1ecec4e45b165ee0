"""Problem documents (RFC 9457): every error over HTTP has one shape, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from rtml_core.errors import InputError, RtmlError

CONTENT_TYPE: Final = "application/problem+json"
#: problems are named relative to the server that answers, which keeps no page under it; docs/reference/problems lists them
TYPE_PREFIX: Final = "/problems/"


class Problem(RtmlError):
    """An error that is answered over HTTP.

    status: of the answer. kind: the last part of the problem's type, e.g. "invalid-input". detail: one sentence with the cure.
    errors: for wrong input, one entry a field: {"at": JSON pointer, "expected": ..., "got": ...}. headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        *,
        title: str | None = None,
        errors: Sequence[dict[str, Any]] = (),
        headers: Sequence[tuple[str, str]] = (),
    ):
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.title = title or HTTPStatus(status).phrase
        self.detail = detail
        self.errors = list(errors)
        self.headers = list(headers)

    def document(self, request_id: str | None = None) -> dict[str, Any]:
        """The problem document."""
        document: dict[str, Any] = {
            "type": TYPE_PREFIX + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            document["errors"] = self.errors
        if request_id is not None:
            document["request_id"] = request_id
        return document

    def body(self, request_id: str | None = None) -> bytes:
        """The problem document as JSON."""
        return msgspec.json.encode(self.document(request_id))


def invalid_input(error: InputError, what: str = "The rows do") -> Problem:
    """422 for values that do not fit the signature of a service: every field that is wrong, what was expected, what came."""
    errors = [{"at": p.at, "expected": p.expected, "got": p.got} for p in error.problems]
    return Problem(422, "invalid-input", str(error), title=f"{what} not fit the signature", errors=errors)
