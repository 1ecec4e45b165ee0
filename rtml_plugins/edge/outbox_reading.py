"""Journals of predictions as the hub is told them: frames are read from a file that may still be written to, rows get their
names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from rtml_core.errors import RtmlError
from rtml_plugins.edge import rowvalues
from rtml_plugins.edge.outbox import HEAD, End, Header, Layout, Part, Records, Told
from rtml_plugins.serving.predictions import Prediction

#: bytes that are read at one time, and of the largest frame
_CHUNK: Final = 1 << 20
_MOST: Final = 256 << 20

_message: Final = msgspec.msgpack.Decoder(Header | Layout | Records | End).decode
_outputs: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode
_told: Final = msgspec.json.Decoder(Told).decode
_encode: Final = msgspec.json.Encoder().encode


class JournalDamaged(RtmlError):
    """A journal that can't be read any further."""


class Record(NamedTuple):
    """A prediction as it is told. number: of the run; data: serving.predictions.Prediction as JSON; end: where in the journal the
    frame ends that it is the last one of, None for others."""

    number: int
    data: bytes
    end: int | None


class _Prediction(msgspec.Struct, omit_defaults=True):
    """serving.predictions.Prediction with outputs that are JSON already."""

    id: str
    at: int
    service: str
    version: int
    identity: dict[str, Any]
    values: dict[str, Any]
    outputs: msgspec.Raw
    event: str = ""


assert _Prediction.__struct_fields__ == Prediction.__struct_fields__


class Journal:
    """A journal that is read from its beginning on. ended: its last frame was read. run: of the worker's outbox.

    known: bytes up to which its predictions are at the hub, so that they need not be read again.
    """

    def __init__(self, path: Path, known: int = 0):
        self.path = path
        self._known = known
        self.run = ""
        self.number = 1  # of the next prediction
        self.offset = 0  # of the next frame
        self.ended = False
        self._layouts: dict[int, tuple[Layout, list[Callable[[Any], Any]]]] = {}

    def read(self, most: int) -> list[Record]:
        """The next predictions, about so many: whole frames. Raises JournalDamaged, OSError."""
        records: list[Record] = []
        with self.path.open("rb") as stream:
            stream.seek(self.offset)
            while len(records) < most and not self.ended:
                frame = _next_frame(stream, self.path)
                if frame is None:
                    break
                end = self.offset + HEAD.size + len(frame[1])
                try:
                    if frame[0] and end <= self._known:
                        self.number += frame[0]
                    else:
                        self._take(frame, end, records)
                except (msgspec.DecodeError, KeyError, ValueError, IndexError) as error:
                    raise JournalDamaged(
                        f"{self.path.name} can't be read at byte {self.offset}: {type(error).__name__}"
                    ) from None
                self.offset = end
        return records

    def _take(self, frame: tuple[int, bytes], end: int, records: list[Record]) -> None:
        count, data = frame
        message = _message(data)
        if type(message) is Records:
            before, first = len(records), self.number
            for request in message.requests:
                self._records(request, records)
            if self.number - first != count:
                raise ValueError("another number of predictions than it says")
            if len(records) > before:
                records[-1] = records[-1]._replace(end=end)
        elif type(message) is Layout:
            self._layouts[message.id] = message, [rowvalues.reader(kind) for _, kind in message.fields]
        elif type(message) is Header:
            self.run, self.number = message.run, message.first
        else:
            self.ended = True

    def _records(self, request: Any, records: list[Record]) -> None:
        number, identity, at, parts, rows, predictions = request
        layout, readers = self._layouts[number]
        several = len(rows) > 1
        for place, (part, row, outputs) in enumerate(zip(parts, rows, _outputs(predictions), strict=True)):
            values = {name: read(value) for (name, _), read, value in zip(layout.fields, readers, row, strict=True)}
            self.number += 1
            identities, event = _who(part)
            if not identities:  # about nobody
                continue
            one = _Prediction(
                f"{identity}/{place}" if several else identity,
                at,
                layout.service,
                layout.version,
                identities,
                values,
                outputs,
                event,
            )
            records.append(Record(self.number - 1, _encode(one), None))


def count(path: Path, offset: int = 0) -> int:
    """How many predictions stand in a journal from `offset` on, as its frames say."""
    total = 0
    with path.open("rb") as stream:
        stream.seek(offset)
        while head := stream.read(HEAD.size):
            if len(head) < HEAD.size:
                break
            size, number = HEAD.unpack(head)
            total += number
            stream.seek(size, 1)
    return total


def _next_frame(stream: Any, path: Path) -> tuple[int, bytes] | None:
    """(how many predictions, msgpack); None when it is not there, or not whole yet."""
    head = stream.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    size, number = HEAD.unpack(head)
    if not 0 < size <= _MOST:
        raise JournalDamaged(f"{path.name} has a frame of {size:,} bytes")
    data = stream.read(size)
    return None if len(data) < size else (number, data)


def _who(part: Part) -> tuple[dict[str, list[Any]], str]:
    """The person of a row as an identityMap, {} for nobody, and `_id` of the event."""
    identity, event, _ = part
    spaces: Any = None if identity is None else msgspec.json.decode(identity)
    name: Any = ""
    if event is not None:
        try:
            told = _told(event)
        except msgspec.DecodeError:  # no event as XDM has them
            told = Told()
        if told.id is not msgspec.UNSET:
            name = msgspec.json.decode(told.id)
        if identity is None and told.identities is not msgspec.UNSET:
            spaces = msgspec.json.decode(told.identities)
    return _identity_map(spaces), name if isinstance(name, str) else ""


def _identity_map(spaces: Any) -> dict[str, list[Any]]:
    """An identityMap of what requests hold: {"ECID": "1"}, {"ECID": {"id": "1"}}, or lists of such."""
    found: dict[str, list[Any]] = {}
    for space, value in spaces.items() if isinstance(spaces, dict) else ():
        listed = value if isinstance(value, list) else [value]
        entries = [{"id": one} if isinstance(one, str) else one for one in listed]
        entries = [one for one in entries if isinstance(one, dict) and isinstance(one.get("id"), str)]
        if entries:
            found[space] = entries
    return found


def batches(records: Sequence[Record], most: int, size: int) -> list[list[Record]]:
    """Records in order, in messages of at most so many and so many bytes whose numbers follow each other; one that is larger
    stands alone."""
    found: list[list[Record]] = []
    room = 0
    for record in records:
        follows = bool(found) and record.number == found[-1][-1].number + 1
        if not follows or len(found[-1]) >= most or len(record.data) + 1 > room:
            found.append([])
            room = size
        found[-1].append(record)
        room -= len(record.data) + 1
    return found
