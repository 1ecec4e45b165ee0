"""Records of a stream, one by one: JSON lines, JSON arrays of any length, Parquet; streaming ingestion's envelope is taken off.

A record that can't be read is told with its number, its line and a reason, and the next one is read. Nothing raises for what a
record holds; ReadingError is for a stream of which nothing can be read.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple

import msgspec

from rtml_core.errors import RtmlError, describe
from rtml_plugins.xdm.reading_json import LONGEST, Problem, decode

Format = Literal["jsonl", "json", "parquet"]
FORMATS: Final = ("jsonl", "json", "parquet")

_BOM: Final = b"\xef\xbb\xbf"
#: how other encodings and compressed files begin
_OTHERS: Final = {
    b"\xff\xfe": "is UTF-16, expected UTF-8: iconv -f UTF-16 -t UTF-8 turns one into the other",
    b"\xfe\xff": "is UTF-16, expected UTF-8: iconv -f UTF-16 -t UTF-8 turns one into the other",
    b"\x1f\x8b": "is compressed with gzip: unpack it first, e.g. gunzip -c FILE | rtml ingest -",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd: unpack it first, e.g. zstd -dc FILE | rtml ingest -",
    b"PK\x03\x04": "is a zip archive: unpack it first",
}


class ReadingError(RtmlError):
    """Nothing of a stream can be read: it is not there, or no format that is known."""


class Read(NamedTuple):
    """A record as it was read.

    number: from 1. line: where it begins, from 1; 0 where there are no lines. raw: its own bytes; empty for one that was too
    large to be kept. text: the document as JSON text, without the envelope. document: None when there is a problem. schema: the
    $id of the schema that the envelope names, or None.
    """

    number: int
    line: int
    raw: bytes
    text: bytes
    document: dict[str, Any] | None
    problem: Problem | None
    schema: str | None = None


def read_records(
    source: IO[bytes] | str | Path | bytes, format: Format | None = None, *, longest: int = LONGEST
) -> Iterator[Read]:
    """The records of a file, of bytes, or of a stream of bytes, in their order.

    format: found out from the first bytes when it is None. longest: bytes of a record; a longer one is passed over in bounded
    memory and told as a problem. Raises ReadingError.
    """
    with _opened(source) as (stream, name):
        head = stream.peek(4096)
        kind = format or _format(head, name)
        if kind == "parquet":
            from rtml_plugins.xdm.reading_parquet import texts

            for number, (text, problem) in enumerate(texts(stream, name), 1):
                yield _read(number, 0, text, problem)
            return
        for magic, said in _OTHERS.items():
            if head.startswith(magic):
                raise ReadingError(f"{name} {said}")
        if head.startswith(_BOM):
            stream.read(len(_BOM))
        if kind == "jsonl":
            yield from _lines(stream, longest)
        else:
            from rtml_plugins.xdm.reading_array import elements

            for number, (line, raw, problem) in enumerate(elements(stream, longest), 1):
                yield _read(number, line, raw, problem)


@contextmanager
def _opened(source: IO[bytes] | str | Path | bytes) -> Iterator[tuple[io.BufferedReader, str]]:
    """The stream, which can be looked into without reading, and what to call it."""
    if isinstance(source, str | Path):
        try:
            with Path(source).open("rb") as file:
                yield file, str(source)
        except OSError as error:
            reason = "does not exist" if isinstance(error, FileNotFoundError) else f"can't be read: {error.strerror or error}"
            raise ReadingError(f"{source} {reason}") from None
        return
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    name = getattr(stream, "name", None)
    shown = name if isinstance(name, str) and name != "<stdin>" else "the input"
    if isinstance(stream, io.BufferedReader):
        yield stream, shown
        return
    unbuffered: Any = stream  # whatever has readinto will do
    reader: io.BufferedReader = io.BufferedReader(unbuffered, 1 << 16)
    try:
        yield reader, shown
    finally:
        reader.detach()  # the stream stays its owner's


def _format(head: bytes, name: str) -> Format:
    if head.startswith(b"PAR1"):
        return "parquet"
    start = head.removeprefix(_BOM).lstrip(b" \t\r\n")
    first_line, newline, _ = start.partition(b"\n")
    if start.startswith(b"[") or (newline and first_line.strip() == b"{"):
        return "json"
    return "jsonl"


def _lines(stream: io.BufferedReader, longest: int) -> Iterator[Read]:
    number = line = 0
    while raw := stream.readline(longest + 2):
        line += 1
        if len(raw) > longest and not (raw.endswith(b"\n") and len(raw.rstrip(b"\r\n")) <= longest):
            number += 1
            size = len(raw)
            while not raw.endswith(b"\n") and (raw := stream.readline(1 << 20)):
                size += len(raw)
            yield _read(number, line, b"", _too_large(size, longest))
            continue
        raw = raw.strip(b" \t\r\n")
        if raw:
            number += 1
            yield _read(number, line, raw, None)


def _too_large(size: int, longest: int) -> Problem:
    return Problem("", "size", f"the record has {size:,} bytes; at most {longest:,} are read")


def _read(number: int, line: int, raw: bytes, problem: Problem | None) -> Read:
    if problem is not None:
        return Read(number, line, raw, raw, None, problem)
    document, problem = decode(raw)
    if document is not None and "body" in document:
        body = document["body"]
        if type(body) is dict and "xdmEntity" in body:
            return _unwrapped(number, line, raw)
    return Read(number, line, raw, raw, document, problem)


class _SchemaRef(msgspec.Struct):
    id: Any = None


class _Header(msgspec.Struct):
    schemaRef: _SchemaRef = msgspec.field(default_factory=_SchemaRef)


class _Body(msgspec.Struct):
    xdmEntity: msgspec.Raw
    xdmMeta: _Header = msgspec.field(default_factory=_Header)


class _Envelope(msgspec.Struct):
    body: _Body
    header: _Header = msgspec.field(default_factory=_Header)


_envelope: Final = msgspec.json.Decoder(_Envelope)


def _unwrapped(number: int, line: int, raw: bytes) -> Read:
    """The record inside of {"header": ..., "body": {"xdmMeta": ..., "xdmEntity": ...}}."""
    try:
        envelope = _envelope.decode(raw)
    except msgspec.DecodeError as error:
        return Read(number, line, raw, raw, None, Problem("", "type", f"the envelope is not as it should be: {error}"))
    text = bytes(envelope.body.xdmEntity)
    document, problem = decode(text)
    named = envelope.body.xdmMeta.schemaRef.id or envelope.header.schemaRef.id
    if named is not None and not isinstance(named, str):
        problem = problem or Problem(
            "", "type", f"the envelope's schemaRef.id is {describe(named)}, expected the $id of a schema"
        )
        document = None
    return Read(number, line, raw, text, document, problem, named if isinstance(named, str) else None)
