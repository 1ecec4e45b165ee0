"""Records of one schema: checked on their way into a dataset, and turned into what profiles take on their way out of it."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from rtml_core.errors import describe
from rtml_core.timestamps import EXPECTED, format_timestamp, parse_timestamp
from rtml_plugins.profile.identity import Descriptor, Found, read
from rtml_plugins.profile.records import Record
from rtml_plugins.xdm.datasets_batch import Incoming
from rtml_plugins.xdm.datasets_parts import Row
from rtml_plugins.xdm.reading_json import Problem
from rtml_plugins.xdm.schema import Schema
from rtml_plugins.xdm.spelling import compatible, spelling_in
from rtml_plugins.xdm.validate import Validator

#: how far the clock of whoever sends an event may be ahead
_AHEAD_US: Final = 24 * 3600 * 1_000_000
#: violations that are told of one record
_TOLD: Final = 5


class Taker:
    """Compiled for one schema; safe to share by threads.

    Both spellings of XDM are taken. Profiles get the one without prefixes; a dataset keeps a record as it came.
    """

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.kind: Literal["event", "record"] = schema.kind
        self._validator = Validator(schema)
        self._descriptors = tuple(
            Descriptor(tuple(part for step in field.path for part in compatible(step)), field.namespace, field.primary)
            for field in schema.identities
        )

    def problems(self, document: dict[str, Any], now_us: int) -> list[Problem]:
        """What keeps a record from being taken: what the schema says, and for an event an `_id` and a moment that is not to
        come."""
        if not self._validator.is_valid(document):
            return [Problem(found.at, found.keyword, found.message) for found in self._validator.check(document, _TOLD)]
        id = self.id_of(document)
        if id is not None and not (isinstance(id, str) and id):
            return [Problem("/_id", "type", f"expected a text that is the record's own; got {describe(id)}")]
        if self.kind == "record":
            return []
        if id is None:
            return [Problem("", "required", "an event needs an `_id` of its own: by it, one that comes again is known")]
        given = document.get("timestamp", document.get("xdm:timestamp"))
        moment = parse_timestamp(given) if isinstance(given, str) else None
        if moment is None:
            return [Problem("/timestamp", "format", f"expected {EXPECTED}; got {describe(given)}")]
        if moment > now_us + _AHEAD_US:
            return [Problem("/timestamp", "maximum", f"{describe(given)} is to come; now it is {format_timestamp(now_us)}")]
        return []

    @staticmethod
    def id_of(document: dict[str, Any]) -> Any:
        """`_id`, or `@id` in the other spelling; None when there is none."""
        return document.get("_id", document.get("@id"))

    def identities(self, document: dict[str, Any]) -> Found:
        """Raises SpellingError for a document that mixes the spellings of XDM."""
        return read(self._plain(document), self._descriptors)

    def incoming(self, document: dict[str, Any], text: bytes, found: Found) -> Incoming:
        """A record without problems as datasets take it. found: identities() of it."""
        moment = None
        if self.kind == "event":
            moment = parse_timestamp(document.get("timestamp") or document["xdm:timestamp"])
        identities = found.identities
        if len(identities) > 1:
            identities = sorted(identities, key=lambda one: not one.primary)
        return Incoming(text, self.id_of(document), moment, tuple([one.key for one in identities]))

    def record(self, dataset: str, row: Row) -> Record:
        """A record of a dataset as profiles take it."""
        document = msgspec.json.decode(row.text)
        plain = self._plain(document)
        raw = row.text if plain is document else None
        return Record(self.kind, dataset, row.id or "", row.timestamp, row.ingested, plain, raw, self._descriptors)

    def _plain(self, document: dict[str, Any]) -> dict[str, Any]:
        if spelling_in(document) == "compatible":
            return document
        return self.schema.translator.translate(document, to="compatible")
