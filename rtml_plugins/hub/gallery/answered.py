"""The document that an edge answers a try with. What comes may be anybody's: a document of another form is no edge's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from rtml_core.client.records import Edge
from rtml_plugins.serving.problems import Problem

#: a value of a row: an output, or a feature computed on the way
Scalar = str | int | float | bool | None
#: bits of the largest integers that rows hold
_BITS: Final = 64
#: what edges refuse a request with, or fail with; 401 is about the hub's own key
_REFUSALS: Final = frozenset({400, 401, 403, 404, 408, 413, 415, 417, 421, 422, 429, 431, 500, 503})


class Step(msgspec.Struct, frozen=True):
    """A node of the graph, and the columns that it gives for the row."""

    node: str
    operator: str
    columns: dict[str, Scalar]

    def __post_init__(self) -> None:
        _check(self.columns)


class LeftOut(msgspec.Struct, frozen=True):
    """Columns of a node that are not told, and why."""

    node: str
    columns: list[str]
    why: str


class Prediction(msgspec.Struct, frozen=True):
    """predictions: of the one row that was asked for. columns: of ?explain=columns, None without it."""

    version: Annotated[int, msgspec.Meta(ge=1, lt=2**31)]
    predictions: Annotated[list[dict[str, Scalar]], msgspec.Meta(min_length=1, max_length=1)]
    request_id: str = ""
    columns: Annotated[list[list[Step]], msgspec.Meta(max_length=1)] | None = None
    left_out: list[LeftOut] = []

    def __post_init__(self) -> None:
        _check(self.predictions[0])

    @property
    def steps(self) -> list[Step]:
        """The nodes on the way of the row."""
        return self.columns[0] if self.columns else []


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with a field. at: a JSON pointer into the row."""

    at: str
    expected: str
    got: str


class Refusal(msgspec.Struct, frozen=True):
    """A problem document. type: /problems/KIND."""

    type: str = ""
    detail: str = ""
    request_id: str = ""
    errors: list[FieldError] = []

    @property
    def kind(self) -> str:
        """E.g. "invalid-input"."""
        return self.type.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Answer:
    """What an edge answered. document: a Prediction of status 200, else a Refusal. seconds: as this hub measured them, connecting
    not included when there was a connection already."""

    status: int
    document: Prediction | Refusal
    seconds: float
    edge: Edge


_PREDICTION: Final = msgspec.json.Decoder(Prediction)
_REFUSAL: Final = msgspec.json.Decoder(Refusal)


def read(edge: Edge, status: int, content: bytes, seconds: float) -> Answer:
    """The answer of an edge; Problem 503 for what no edge answers."""
    document: Prediction | Refusal | None = None
    try:
        if status == 200:
            document = _PREDICTION.decode(content)
        elif status in _REFUSALS:
            document = _REFUSAL.decode(content)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        pass
    if document is None:
        said = f"what answers at {edge.url} ({status}) is no edge: look at its --url, and at what stands before it"
        raise Problem(503, "no-edge", said)
    return Answer(status, document, seconds, edge)


def _check(values: Mapping[str, Any]) -> None:
    """ValueError for an integer that no row holds: it is no float either."""
    for value in values.values():
        if type(value) is int and value.bit_length() > _BITS:
            raise ValueError("an integer is beyond 64 bits")
