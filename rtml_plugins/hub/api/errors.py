"""Every error as a problem document: what the hub refuses, what FastAPI refuses, and what nobody expected."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from rtml_core.errors import RtmlError, describe
from rtml_plugins.hub.enriching import EnrichmentRefused
from rtml_plugins.hub.errors import Changed, Conflict, InDoubt, NotFound, Refused, Unavailable
from rtml_plugins.hub.persons import NotInstalled
from rtml_plugins.hub.projecting import ProjectionRefused
from rtml_plugins.profile.store import StoreError
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.names import NAME, NameRefused
from rtml_plugins.serving.problems import CONTENT_TYPE, Problem
from rtml_plugins.serving.routing import TrafficRefused

_LOG: Final = logger("rtml.hub")
_KINDS: Final = {404: "no-such-path", 405: "method-not-allowed"}
_REFUSALS: Final[tuple[tuple[type[RtmlError], int, str], ...]] = (
    (NotFound, 404, "not-found"),
    (Conflict, 409, "conflict"),
    (Changed, 412, "changed"),
    (Refused, 422, "package-refused"),
    (NameRefused, 422, "invalid-name"),
    (TrafficRefused, 422, "invalid-traffic"),
    (EnrichmentRefused, 422, "invalid-enrichment"),
    (ProjectionRefused, 422, "invalid-projection"),
    (NotInstalled, 501, "not-installed"),
)
#: what fits a pattern, in words
_WORDS: Final = {
    f"^{NAME.pattern}$": "1 to 63 lower-case letters, digits, '-' and '_', with a letter or digit at both ends, e.g. 'churn-2'",
    "^[0-9a-f]{64}$": "64 hexadecimal digits, the id of a package",
    "^[0-9a-f]{12}$": "12 hexadecimal digits, the id of a key or of an aggregate",
    "^(champion|keep)$": "champion or keep",
    r"^[^\x00]*$": "a text without the character U+0000",
    r'^\s*(\*|(W/)?"[^"]*"(\s*,\s*(W/)?"[^"]*")*)\s*$': 'ETags as the hub gives them, e.g. "17", or *',
}
#: entries of one document; a body of a megabyte may have a hundred thousand mistakes
_MOST: Final = 50


def handle_errors(app: FastAPI) -> None:
    """Have the app answer with problem documents."""
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RtmlError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def answer(problem: Problem, request_id: str | None) -> Response:
    """The answer that carries a problem."""
    return Response(problem.body(request_id), problem.status, dict(problem.headers), CONTENT_TYPE)


def problem_of(error: RtmlError) -> Problem:
    """The problem for an error whose text is meant for a user."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, (Unavailable, StoreError)):
        _LOG.error("unavailable", reason=str(error))  # its text names places, which is for the log only
        if isinstance(error, InDoubt):  # no Retry-After: a rollback that is sent again could go back twice
            return Problem(
                503,
                "unavailable",
                "the hub lost its database while it made the change; whether it was made is not known: look before you repeat it",
            )
        return Problem(
            503,
            "unavailable",
            "the hub can't reach its database or its packages; its log says why. Edges go on with what they have",
            headers=[("Retry-After", "2")],
        )
    for cls, status, kind in _REFUSALS:
        if isinstance(error, cls):
            changes = [
                {"at": "/", "expected": "a signature like that of the version before", "got": text} for text in _changes(error)
            ]
            return Problem(status, kind, str(error), errors=changes)
    return Problem(422, "refused", str(error))


def _changes(error: RtmlError) -> tuple[str, ...]:
    return error.changes if isinstance(error, Refused) else ()


def unexpected() -> Problem:
    """The problem for a fault of the hub itself: what it was stands in its logs, under the request's id."""
    return Problem(500, "internal", "the hub failed; its log has what happened under this request_id")


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer(error, request.state.request_id)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, RtmlError)
    return answer(problem_of(error), request.state.request_id)


async def _http(request: Request, error: Exception) -> Response:
    """What routing refuses: 404, 405, and 400 for a body that can't be read."""
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    if error.status_code == 404:
        detail = f"there is nothing at {describe(request.scope['path'], 120)}; /openapi.json lists what there is"
    elif error.status_code == 405:
        allowed = (error.headers or {}).get("allow") or (error.headers or {}).get("Allow", "")
        detail = f"{describe(request.scope['path'], 120)} does not take {request.method[:20]}; it takes {allowed}"
    else:
        detail = str(error.detail)
    headers = list((error.headers or {}).items())
    kind = _KINDS.get(error.status_code, "refused")
    return answer(Problem(error.status_code, kind, detail, title=phrase, headers=headers), request.state.request_id)


async def _invalid(request: Request, error: Exception) -> Response:
    """What does not fit the declared parameters and bodies, one entry a field."""
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    if any(entry["type"] == "json_invalid" for entry in found):
        reason = found[0].get("ctx", {}).get("error", "it ends early")
        problem = Problem(400, "malformed-json", f"the body is no JSON document: {reason} at character {found[0]['loc'][-1]}")
        return answer(problem, request.state.request_id)
    entries = [entry_of(entry) for entry in found[:_MOST]]
    said = "; ".join(f"{entry['at']}: expected {entry['expected']}, got {entry['got']}" for entry in entries[:5])
    more = f"; and {len(found) - 5} more" if len(found) > 5 else ""
    problem = Problem(422, "invalid-request", said + more, title="The request is not what the hub takes", errors=entries)
    return answer(problem, request.state.request_id)


def entry_of(entry: dict[str, Any]) -> dict[str, str]:
    """{"at", "expected", "got"} of one of pydantic's findings. at: a JSON pointer into the body, or "query: NAME"."""
    where, *path = entry["loc"] or ("body",)
    if where == "body":
        at = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path) or "/"
    else:
        at = f"{where}: {'.'.join(map(str, path))}"
    if entry["type"] == "missing":
        return {"at": at, "expected": "a value", "got": "nothing"}
    if entry["type"] == "extra_forbidden":
        return {"at": at, "expected": "no such field", "got": describe(entry.get("input"))}
    if entry["type"] == "string_pattern_mismatch":
        pattern = entry["ctx"]["pattern"]
        return {"at": at, "expected": _WORDS.get(pattern, f"a text that fits {pattern}"), "got": describe(entry.get("input"))}
    message = str(entry["msg"])
    for opening in ("Input should be ", "Input should ", "Value error, "):
        message = message.removeprefix(opening)
    return {"at": at, "expected": message, "got": describe(entry.get("input"))}
