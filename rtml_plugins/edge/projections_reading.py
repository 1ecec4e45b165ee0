"""What the hub answers of profiles, read so that one person who can't be read costs nobody else anything."""

from __future__ import annotations

from typing import Final

import msgspec

from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.projections import Key, Projection, Projections, ProjectionsChanged

_log: Final = logger("rtml.edge.projections")


class _Answer(msgspec.Struct):
    """Projections or ProjectionsChanged, with profiles as they came, and as many as there are."""

    epoch: str
    cursor: int
    projections: list[msgspec.Raw] = []
    changed: list[msgspec.Raw] = []
    gone: list[Key] = []


class _Whose(msgspec.Struct):
    key: Key


_answer: Final = msgspec.json.Decoder(_Answer).decode
_profile: Final = msgspec.json.Decoder(Projection).decode
_whose: Final = msgspec.json.Decoder(_Whose).decode


def read_asked(data: bytes) -> Projections:
    """The answer to a question for profiles; who can't be read is as if nobody knew them. Raises DecodeError, RecursionError."""
    answer = _answer(data)
    found, lost = _profiles(answer.projections)
    return Projections(answer.epoch, answer.cursor, (*found, *(Projection(key) for key in lost)))


def read_changed(data: bytes) -> ProjectionsChanged:
    """What changed; who can't be read is gone. Raises DecodeError, RecursionError."""
    answer = _answer(data)
    found, lost = _profiles(answer.changed)
    return ProjectionsChanged(answer.epoch, answer.cursor, tuple(found), (*answer.gone, *lost))


def _profiles(listed: list[msgspec.Raw]) -> tuple[list[Projection], list[str]]:
    """Profiles, and the keys of those that can't be read."""
    found: list[Projection] = []
    lost: list[str] = []
    for one in listed:
        try:
            found.append(_profile(one))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            lost.append(_whose(one).key)
            _log.error("a profile can't be read", problem=str(error), taken="as if there were none")
    return found, lost
