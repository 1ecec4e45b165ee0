"""Reading what hubs and edges answer: records, predictions, problem documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from rtml_core.client.errors import BadAnswer, Conflict, InvalidInput, NotAllowed, NotFound, Refused
from rtml_core.client.exchange import Reply
from rtml_core.client.retry import retry_after

T = TypeVar("T")
_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Prediction(Mapping[str, Any]):
    """The outputs of one row, by the author's names: `prediction["propensity"]`, `dict(prediction)`.

    service, version: what answered. request_id: as in the edge's log. region, edge: where; edge is its address. columns: with
    explain, the features computed on the way.
    """

    outputs: dict[str, Any]
    service: str
    version: int
    request_id: str
    region: str
    edge: str
    columns: Any = None

    def __getitem__(self, name: str) -> Any:
        return self.outputs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.outputs)

    def __len__(self) -> int:
        return len(self.outputs)


class _Scored(msgspec.Struct):
    service: str
    version: int
    predictions: list[dict[str, Any]]
    request_id: str = ""
    columns: Any = None


class _Problem(msgspec.Struct):
    type: str = ""
    title: str = ""
    detail: str = ""
    errors: list[dict[str, Any]] = []
    request_id: str | None = None


_scored: Final = msgspec.json.Decoder(_Scored)
_problem: Final = msgspec.json.Decoder(_Problem)


def read_predictions(reply: Reply, region: str, edge: str) -> list[Prediction]:
    """The predictions of an edge's answer; BadAnswer when it is none."""
    try:
        found = _scored.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(reply, edge, str(error)) from None
    service, version, request, columns = found.service, found.version, found.request_id, found.columns
    several = isinstance(columns, list) and len(columns) == len(found.predictions)
    return [
        Prediction(outputs, service, version, request, region, edge, columns[at] if several else columns)
        for at, outputs in enumerate(found.predictions)
    ]


def read(reply: Reply, kind: type[T], at: str) -> T:
    """A record of a hub's answer; fields that this client does not know are ignored. BadAnswer when it is none."""
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(reply, at, str(error)) from None


def refusal(reply: Reply, at: str) -> Refused | BadAnswer:
    """The error that an answer other than 2xx stands for."""
    try:
        problem = _problem.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _unreadable(reply, at, "it is no problem document")
    if not problem.type and not problem.detail:
        return _unreadable(reply, at, "it is no problem document")
    kind = problem.type.rstrip("/").rpartition("/")[2]
    cls = _class(reply.status, kind)
    return cls(
        reply.status,
        kind,
        problem.detail or problem.title,
        address=at,
        errors=problem.errors,
        request_id=problem.request_id,
        retry_after=retry_after(reply.headers),
    )


def _class(status: int, kind: str) -> type[Refused]:
    if status in (401, 403):
        return NotAllowed
    if status == 404:
        return NotFound
    if status == 412:
        return Conflict
    return InvalidInput if status == 422 and kind == "invalid-input" else Refused


def _unreadable(reply: Reply, at: str, why: str) -> BadAnswer:
    text = reply.body[:_SHOWN].decode("utf-8", "replace")
    shown = "".join(character if character.isprintable() else " " for character in text)
    return BadAnswer(
        f"{at} answered {reply.status} with something that is no answer of rtml ({why}): {shown!r}; is it another server, or of"
        f" another release?"
    )
