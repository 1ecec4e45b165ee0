"""Requests that are no plain rows: {"identity": ..., "event": ...}, read by the sources of a package.

A typed decoder splits a request into its parts and the fields that no source fills; each source makes values of its fields, and
what comes out is the row that a plain request would have held, checked by the same types.
"""

from __future__ import annotations

import asyncio
import operator
import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import msgspec

from rtml_core.boundary import PARTS, Parts, Sink, Source
from rtml_core.columns import MISSING_STRING
from rtml_core.errors import InputError, InputProblem, PackageError, describe, listing, said
from rtml_core.package import BoundaryEntry, FieldEntry
from rtml_core.runtime import json_text, trusted
from rtml_core.runtime.signature import Signature, value_type

if TYPE_CHECKING:
    from rtml_core.runtime.json_rows import Row, Rows
    from rtml_core.runtime.runtime import Runtime

_astuple: Final = msgspec.structs.astuple
_convert: Final = msgspec.convert
_MARKS: Final = tuple(f'"{part}"'.encode() for part in PARTS)
_EXPECTED: Final = 'an object of the parts "identity" and "event", or {"rows": [...]} of such'


class Read(NamedTuple):
    """A request that was read. rows: what is scored, a tuple of one for a bare row. parts: what each row was made of."""

    rows: Rows
    parts: tuple[Parts, ...]


class Requests:
    """Requests of one loaded package, read by its sources. resources: what whoever runs the runtime offers them, by name.

    Raises PackageError when a source or a sink can't be had here.
    """

    def __init__(self, runtime: Runtime, resources: Mapping[str, Any] | None = None):
        signature = self._signature = runtime.signature
        self._json = runtime.json
        self._finish = runtime.json.finish_typed
        ordered = signature.ordered
        by_name = {entry.name: entry for entry in ordered}
        made = [(entry, _make(runtime, entry, by_name, resources or {})) for entry in runtime.manifest.boundary]
        self.sinks: list[Sink] = [sink for entry, sink in made if entry.role == "sink"]
        sources = [(entry, source) for entry, source in made if entry.role == "source"]
        self._sources = [source for _, source in sources]
        self._filled = {name: entry.operator for entry, _ in sources for name in entry.names}
        plain = [entry for entry in ordered if entry.name not in self._filled]
        self._defaults = [(at, entry.default) for at, entry in enumerate(plain) if entry.optional]
        #: from the plain fields and then those of each source to the order of the signature
        self._order = _ordering([entry.name for entry in plain] + [*self._filled], [entry.name for entry in ordered])
        self._parted = msgspec.json.Decoder(_parted(plain, signature.ignore_extra)).decode
        self._peek = msgspec.json.Decoder(_peek()).decode
        self._split = msgspec.json.Decoder(list[msgspec.Raw]).decode
        # an array-like struct is converted into twenty times as fast as a tuple type, which msgspec reads anew each time
        types = [(f"f{at}", value_type(entry, str)) for at, entry in enumerate(ordered)]
        self._types: Any = msgspec.defstruct("Typed", types, array_like=True, gc=False)
        self._names = [entry.name for entry in ordered]
        self._texts = [at for at, entry in enumerate(ordered) if entry.type == "string"]
        unfed = [msgspec.structs.replace(entry, tensor=None) for entry in plain]
        self._rest = Signature(unfed, (), ignore_extra=signature.ignore_extra)

    def __bool__(self) -> bool:
        """Whether any source of the package reads requests."""
        return bool(self._sources)

    # ---- reading ------------------------------------------------------------------------------------------------

    def decode(self, body: bytes, now: int | None = None) -> Read | Pending | None:
        """A request with an identity or an event; None when it has neither: then it is read as a plain one.

        now: us since the epoch, of the clock unless given. A Pending, to be awaited, when a source waits for something. Raises
        JsonError and InputError as JsonRows.decode does, with pointers into the request.
        """
        identities, events = body.count(b'"identity"'), body.count(b'"event"')
        if not identities and not events:
            return None
        at_now = time.time_ns() // 1000 if now is None else now
        if (identities > 1 or events > 1) and body.lstrip(b" \t\r\n{")[:6] != b'"rows"':
            json_text.read(body)  # refuses a part that stands twice
        try:
            found = self._parted(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return self._other(body, at_now)
        if found.identity is msgspec.UNSET and found.event is msgspec.UNSET:
            return None
        row, parts = self._row(found, "", at_now)
        return Pending([row], (parts,), bare=True) if type(row) is _Waiting else Read((row,), (parts,))

    def _other(self, body: bytes, now: int) -> Read | Pending | None:
        """decode for what is no row of plain fields and parts: several rows, a plain request, or something wrong."""
        try:
            head = self._peek(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            json_text.read(body)
            return None  # JSON of another form: the plain way says what is wrong with it
        if head.identity is not msgspec.UNSET or head.event is not msgspec.UNSET:
            return self._refused(body, "")
        return None if head.rows is msgspec.UNSET else self._rows(body, bytes(head.rows), now)

    def _rows(self, body: bytes, text: bytes, now: int) -> Read | Pending | None:
        try:
            items = [bytes(item) for item in self._split(text)]
        except msgspec.DecodeError:
            return None  # rows that are no list, which the plain way refuses in its words
        if not any(mark in item for item in items for mark in _MARKS) or not any(map(self._is_parted, items)):
            return None
        others = [name for name in json_text.read(body) if name != "rows"]
        if others:
            raise InputError([InputProblem(f"/{json_text.pointer(others[0])}", 'nothing beside "rows"', "a name beside it")])
        problems: list[InputProblem] = []
        rows: list[Any] = []
        parts: list[Parts] = []
        for number, item in enumerate(items):
            try:
                row, part = self._row(self._read(item, f"/{number}"), f"/{number}", now)
            except InputError as error:
                problems += error.problems
                continue
            except BaseException:
                _close(rows)
                raise
            rows.append(row)
            parts.append(part)
        if problems:
            _close(rows)
            raise InputError(problems)
        if any(type(row) is _Waiting for row in rows):
            return Pending(rows, tuple(parts), bare=False)
        return Read(rows, tuple(parts))

    def _is_parted(self, item: bytes) -> bool:
        try:
            head = self._peek(item)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return True  # refused where it is read
        return head.identity is not msgspec.UNSET or head.event is not msgspec.UNSET

    def _read(self, text: bytes, at: str) -> Any:
        try:
            return self._parted(text)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return self._refused(text, at)

    def _row(self, found: Any, at: str, now: int) -> tuple[Any, Parts]:
        """A row, or what has to be awaited for it, and its parts."""
        identity, event, *plain = _astuple(found)
        parts = Parts(
            None if identity is msgspec.UNSET else bytes(identity), None if event is msgspec.UNSET else bytes(event), at
        )
        for place, default in self._defaults:
            if plain[place] is msgspec.UNSET:
                plain[place] = default
        waiting: list[tuple[int, Awaitable[Sequence[Any]]]] = []
        for source in self._sources:
            try:
                values: Any = source.values(parts, now)
            except BaseException:
                for _, awaitable in waiting:
                    _let_go(awaitable)
                raise
            if type(values) is not tuple and type(values) is not list:
                waiting.append((len(plain), values))
                values = ()
            plain += values
        if waiting:
            return _Waiting(self, plain, waiting, at), parts
        return self._typed(self._order(plain), at), parts

    def _typed(self, row: tuple[Any, ...], at: str) -> Row:
        """The row as it travels; what a source gave is held to the types of the fields, as a request's values are."""
        try:
            typed = _astuple(_convert(row, self._types))
            for place in self._texts:
                text = typed[place]
                if text is not None and ("\0" in text or text == MISSING_STRING):
                    raise ValueError("a text that no tensor holds")
            return self._finish(typed)
        except (msgspec.ValidationError, ValueError, TypeError, OverflowError):
            return self._json.finish_slow(self._signature.slow_row(dict(zip(self._names, row, strict=True)), at))

    def _refused(self, text: bytes, at: str) -> NoReturn:
        """Raise InputError for a row whose plain fields do not fit, naming each."""
        document = json_text.read(text)
        if not isinstance(document, dict):
            raise InputError([InputProblem(at or "/", "an object", describe(document))])
        for name in document:
            if name in self._filled:
                where = f"{at}/{json_text.pointer(name)}"
                expected = f"no value: {self._filled[name]} fills this field from the rest of the request"
                raise InputError([InputProblem(where, expected, describe(document[name]))])
        self._rest.slow_row({name: value for name, value in document.items() if name not in PARTS}, at)
        raise InputError([InputProblem(at or "/", _EXPECTED, describe(document))])

    # ---- answering ----------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Callable[[bytes], bytes] | None:
        """A function from predictions (a JSON list of objects) to the list as it is answered; None when no sink shapes them."""
        if not self.sinks:
            return None
        decode, encode, sinks = msgspec.json.Decoder(list[dict[str, Any]]).decode, msgspec.json.Encoder().encode, self.sinks

        def shaped(predictions: bytes) -> bytes:
            answers: list[Any] = decode(predictions)
            for sink in sinks:
                answers = [sink.shape(answer) for answer in answers]
            return encode(answers)

        return shaped


def _ordering(given: list[str], wanted: list[str]) -> Callable[[list[Any]], tuple[Any, ...]]:
    """A function that puts values by the names `given` into the order of the names `wanted`."""
    places = [given.index(name) for name in wanted]
    if len(places) == 1:
        return lambda values: (values[places[0]],)
    return operator.itemgetter(*places)


class _Waiting:
    """A row that waits for some of its sources. waiting: where their values go, and what gives them."""

    __slots__ = ("_at", "_requests", "_values", "_waiting")

    def __init__(self, requests: Requests, values: list[Any], waiting: list[tuple[int, Awaitable[Sequence[Any]]]], at: str):
        self._requests, self._values, self._waiting, self._at = requests, values, waiting, at

    async def row(self) -> Row:
        """The row, when all have answered. Raises InputError."""
        found = await asyncio.gather(*(awaitable for _, awaitable in self._waiting))
        for (place, _), more in zip(reversed(self._waiting), reversed(found), strict=True):
            self._values[place:place] = more
        return self._requests._typed(self._requests._order(self._values), self._at)

    def close(self) -> None:
        """Nobody waits any more."""
        for _, awaitable in self._waiting:
            _let_go(awaitable)


class Pending:
    """A request some of whose sources wait for something: awaited, it gives the Read, or raises InputError; else close it."""

    __slots__ = ("_bare", "_parts", "_rows")

    def __init__(self, rows: list[Any], parts: tuple[Parts, ...], *, bare: bool):
        self._rows, self._parts, self._bare = rows, parts, bare

    def __await__(self) -> Generator[Any, Any, Read]:
        return self._read().__await__()

    async def _read(self) -> Read:
        rows = list(self._rows)
        places = [at for at, row in enumerate(rows) if type(row) is _Waiting]
        found = await asyncio.gather(*(rows[at].row() for at in places), return_exceptions=True)
        problems: list[InputProblem] = []
        for at, row in zip(places, found, strict=True):
            if isinstance(row, InputError):
                problems += row.problems
            elif isinstance(row, BaseException):
                raise row
            rows[at] = row
        if problems:
            raise InputError(problems)
        return Read((rows[0],), self._parts) if self._bare else Read(rows, self._parts)

    def close(self) -> None:
        """Nobody waits for it any more."""
        _close(self._rows)


def _close(rows: Sequence[Any]) -> None:
    """Let go of the rows that wait for something."""
    for row in rows:
        if type(row) is _Waiting:
            row.close()


def _let_go(awaitable: Awaitable[Any]) -> None:
    """Nobody will await this: a coroutine, or what has a method `close` as coroutines have, is told."""
    close = getattr(awaitable, "close", None)
    if close is not None:
        close()


def _parted(plain: Sequence[FieldEntry], ignore_extra: bool) -> Any:
    """A struct of the parts of a request, as they stand, and the fields that no source fills."""
    part: Any = msgspec.Raw | msgspec.UnsetType
    fields: list[Any] = [(name, part, msgspec.UNSET) for name in PARTS]
    for at, entry in enumerate(plain):
        kind: Any = value_type(entry, str)
        default: Any = msgspec.NODEFAULT
        if entry.optional:
            kind, default = kind | msgspec.UnsetType, msgspec.UNSET
        fields.append((f"f{at}", kind, msgspec.field(name=entry.name, default=default)))
    return msgspec.defstruct("Parted", fields, forbid_unknown_fields=not ignore_extra, gc=False, kw_only=True)


def _peek() -> Any:
    part: Any = msgspec.Raw | msgspec.UnsetType
    return msgspec.defstruct("Peek", [(name, part, msgspec.UNSET) for name in (*PARTS, "rows")], gc=False, kw_only=True)


def _make(runtime: Runtime, entry: BoundaryEntry, fields: Mapping[str, FieldEntry], resources: Mapping[str, Any]) -> Any:
    """The source or sink of an entry."""
    where = f"{entry.operator} at '{entry.node}'"
    function = trusted.boundary(entry, runtime.trust, "the package")
    own = [fields[name] for name in entry.names] if entry.role == "source" else []
    try:
        made = function(entry, own, resources)
    except Exception as error:  # a stranger's function may raise anything
        raise PackageError(
            f"{where}, of {entry.distribution} {entry.version}, can't read requests here: {said(error)}"
        ) from error
    wanted = Source if entry.role == "source" else Sink
    if not isinstance(made, wanted):
        has = listing([name for name in dir(wanted) if not name.startswith("_")])
        raise PackageError(f"{where}: its plugin must give an object with {has}; got {describe(made)}")
    return made
