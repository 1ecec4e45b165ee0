"""A visitor as msgspec decodes it, for the servers that are written close to the wire."""

from datetime import datetime

import msgspec
from by_hand import score


class Visitor(msgspec.Struct, gc=False):
    age: float | None
    km: float
    quote: float
    seen_at: datetime
    gender: str | None
    brand: str | None
    car_type: str | None
    country: str | None


class Answer(msgspec.Struct, gc=False):
    propensity: float


decode = msgspec.json.Decoder(Visitor).decode
encode = msgspec.json.Encoder().encode


def answer(body: bytes) -> bytes:
    """JSON of a row -> JSON of its answer."""
    row = decode(body)
    return encode(Answer(score(row.age, row.km, row.quote, row.seen_at, row.gender, row.brand, row.car_type, row.country)))
