"""Predictions about persons, as edges tell their hub: what was seen and what was answered, in order, each once.

JSON by msgspec; unknown fields are ignored, so either side may be newer.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from rtml_plugins.serving.names import NAME

#: what a message may hold at most, and its bytes
RECORDS: Final = 5000
BYTES: Final = 1_000_000

Name = Annotated[str, msgspec.Meta(pattern=f"^{NAME.pattern}$")]


class Prediction(msgspec.Struct, omit_defaults=True):
    """A prediction about a person.

    id: of the request, and "/" with the number of the row when it had several. at: us since the epoch. identity: identityMap as
    XDM writes it. event: `_id` of the event, when it had one. values: the row that the model saw, by field of the signature, as a
    plain request would hold it; outputs: what was answered, by name.
    """

    id: Annotated[str, msgspec.Meta(max_length=200)]
    at: int
    service: Name
    version: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    identity: dict[str, Any]
    values: dict[str, Any] = {}
    outputs: dict[str, Any] = {}
    event: str = ""


class Predictions(msgspec.Struct, omit_defaults=True):
    """POST /v1/edges/{edge}/predictions. run: an id of the outbox that numbers them; first: the number of the first record; the
    hub takes each number of a run once and answers PredictionsTaken."""

    region: str
    run: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    first: Annotated[int, msgspec.Meta(ge=1)]
    records: Annotated[list[Prediction], msgspec.Meta(max_length=RECORDS)]


class PredictionsTaken(msgspec.Struct, frozen=True):
    """through: the highest number of the run that is kept at the hub now; the edge may let go of all up to it."""

    through: int
