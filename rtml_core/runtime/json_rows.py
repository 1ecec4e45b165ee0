"""JSON bytes in, JSON bytes out: rows go from the text into tensors without a dict in between.

A typed decoder made from the signature reads the text. What it refuses, or what needs a second look, is read again slowly
(json_text, Signature), which names everything that is wrong in the words of Runtime.score. Rows of several requests can be
decoded one by one, so that a wrong one fails alone, and scored in one run.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_core.errors import CustomOpError, InputError, InputProblem, describe
from rtml_core.package import FieldEntry
from rtml_core.runtime import json_text
from rtml_core.runtime.signature import Feed, Signature, value_type
from rtml_core.timestamps import parse_timestamp, to_micros

if TYPE_CHECKING:
    from rtml_core.runtime.runtime import Runtime

#: values of a row in the order of the tensors: missing texts and timestamps as they travel, other missing values None
Row = Sequence[Any]
#: rows of one request; a tuple when it was one bare row, which errors then point into
Rows = list[Row] | tuple[Row]

_NUMPY: Final = {"float64": np.float64, "int64": np.int64, "bool": np.bool_, "string": np.object_}
_PACKED: Final = {"float64": "d", "int64": "q", "bool": "?"}
_ZERO: Final[dict[str, Any]] = {"float": 0.0, "int": 0, "bool": False, "string": "", "timestamp": 0}
_FDD0: Final = MISSING_STRING.encode()
#: texts of timestamps whose microseconds are remembered: requests of one second often hold the same
_MOMENTS: Final = 4096
_astuple: Final = msgspec.structs.astuple
_FORMS: Final = 'a row {"field": value, ...}, {"rows": [...]} or {"columns": {"field": [...], ...}}'


class JsonRows:
    """JSON for one loaded package. Not for several threads at once, but for `score_many`, which may run in another thread."""

    def __init__(self, runtime: Runtime):
        self._runtime = runtime
        self._signature = signature = runtime.signature
        self._run: Any = runtime.run_row
        entries = signature.ordered
        fields = [(e.name, value_type(e, str), e.optional) for e in entries]
        row: Any = _struct("Row", fields, signature.ignore_extra)
        columns: Any = _struct("Columns", [(name, list[t] | dict[int, t], left) for name, t, left in fields], False)  # type: ignore[valid-type]
        self._row = _decoder(row)
        self._rows = _decoder(_struct("Rows", [("rows", list[row], False)], False))
        self._columns = _decoder(columns)
        self._wrapped = _decoder(_struct("Wrapped", [("columns", columns, False)], False))
        self._readers = runtime.json_readers
        self._checks = runtime.checks_position
        self._width = len(entries)
        self._times = [at for at, e in enumerate(entries) if e.type == "timestamp"]
        self._texts = _runs([at for at, e in enumerate(entries) if e.type == "string"])
        self._ready = _ready_maker(entries, self._times, self._texts)
        self._feed, self._fill = self._buffers()
        self._prediction: Any = _prediction_maker([output.name for output in runtime.manifest.outputs])
        self._encode = msgspec.json.Encoder().encode

    # ---- reading ------------------------------------------------------------------------------------------------

    def decode(self, body: bytes) -> Rows:
        """The rows of a request: a tuple of one for a bare row, a list for {"rows": [...]}, {"columns": {...}} and columns by
        name {"age": {"0": 41, "1": 42}}, whose keys give the order.

        Raises JsonError for what is no JSON and InputError for rows that do not fit, in the words of Runtime.score.
        """
        try:
            return self._fast(body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return self._slow(body)

    def _fast(self, body: bytes) -> Rows:
        """decode for the usual case; ValueError for everything that needs a second look."""
        if body[:2] != b'{"':  # written with white space
            body = b"{" + body.lstrip(b" \t\r\n")[1:].lstrip(b" \t\r\n") if body.lstrip(b" \t\r\n")[:1] == b"{" else body
        start = body[:10]
        rows: Rows
        if start[:7] == b'{"rows"':
            decoded = [self._ready(_astuple(row)) for row in self._rows(body).f0]
            rows, names = [row for row, _ in decoded], 1 + sum(count for _, count in decoded)
        elif start == b'{"columns"':
            rows, names = self._transposed(self._wrapped(body).f0, body)
            names += 1
        else:
            try:
                row, names = self._ready(_astuple(self._row(body)))
                rows = (row,)
            except msgspec.ValidationError:
                rows, names = self._transposed(self._columns(body), body)
        if (b"\\" in body and (b"\\u0000" in body or b"\\ufdd0" in body.lower())) or not (body.isascii() or _FDD0 not in body):
            raise ValueError("a text holds U+0000 or U+FDD0, or another text looks as if it did")
        # Each name and each text has two quotes: where there are more, a name stands twice, or is ignored, or a quote is escaped.
        if body.count(b'"') != 2 * names:
            json_text.read(body)
        return rows

    def _transposed(self, columns: Any, body: bytes) -> tuple[Rows, int]:
        """Rows out of typed columns, and how many names and texts of the document they stand for."""
        lists: list[Any] = []
        names, numbered = 0, False
        for column in _astuple(columns):
            if column is msgspec.UNSET:
                raise ValueError("a column is left out: the slow path fills it")
            names += 1
            if isinstance(column, dict):
                numbered = True
                names += len(column)
                if lists and len(column) != len(lists[0]):
                    raise ValueError("columns differ in length")
                column = [column.get(key, msgspec.UNSET) for key in range(len(column))]
                if msgspec.UNSET in column:
                    raise ValueError("keys are not 0, 1, 2, ...")
            lists.append(column)
        if numbered and _may_hold_minus_zero(body):
            raise ValueError("a key may be -0, which a decoder of whole numbers takes for 0")
        ready = [self._ready(row) for row in zip(*lists, strict=True)]
        return [row for row, _ in ready], names + sum(count - self._width for _, count in ready)

    def _slow(self, body: bytes) -> Rows:
        document = json_text.read(body)
        signature = self._signature
        if not isinstance(document, dict):
            raise InputError([InputProblem("/", _FORMS, describe(document))])
        first = next(iter(document.values()), None)
        envelope = next((name for name, kind in (("rows", list), ("columns", dict)) if type(document.get(name)) is kind), None)
        if envelope == "columns" and _is_documented(document, signature):
            envelope = None
        if envelope is not None:
            others = [name for name in document if name != envelope]
            if others:
                at = f"/{json_text.pointer(others[0])}"
                raise InputError([InputProblem(at, f'nothing beside "{envelope}"', describe(document[others[0]]))])
        if envelope == "rows":
            return [self._finish(values) for values in signature.slow_rows(document["rows"])]
        if envelope == "columns":
            return self._slow_columns(document["columns"])
        if isinstance(first, (list, dict)):
            return self._slow_columns(document)
        return (self._finish(signature.slow_row(document)),)

    def _slow_columns(self, columns: dict[str, Any]) -> Rows:
        lists = _listed(columns)
        self._signature.columns(lists)  # raises for everything that is wrong, in the words of Runtime.score
        names = list(lists)
        rows = [dict(zip(names, values, strict=True)) for values in zip(*lists.values(), strict=True)]
        return [self._finish(values) for values in self._signature.slow_rows(rows)]

    def _finish(self, values: tuple[Any, ...]) -> Row:
        """What the slow path gave, as the fast one would."""
        row = list(values)
        for at in self._times:
            row[at] = MISSING_TIME if row[at] is None else to_micros(row[at])
        for start, stop in self._texts:
            row[start:stop] = [MISSING_STRING if text is None else text for text in row[start:stop]]
        return row

    def finish_typed(self, values: tuple[Any, ...]) -> Row:
        """A row out of values in the order of the signature, each of the type that value_type(entry, str) says. Raises ValueError
        for a text that is no timestamp."""
        return self._ready(values)[0]

    def finish_slow(self, values: tuple[Any, ...]) -> Row:
        """A row out of what Signature.slow_row gave."""
        return self._finish(values)

    # ---- scoring ------------------------------------------------------------------------------------------------

    def score(self, rows: Rows) -> bytes:
        """The predictions of a request as a JSON list of objects. Raises InputError for rows that fail a check of the model."""
        if len(rows) != 1:
            return self._scored([rows])[0] if rows else b"[]"
        arrays = self._run(self._packed(rows[0]))
        if self._checks >= 0 and not arrays[self._checks].all():
            raise self._refused(arrays[self._checks], type(rows) is tuple)
        values = [
            arrays[position].item(index) if read is None else read(arrays[position].item(index))
            for position, index, read in self._readers
        ]
        return self._encode((self._prediction(*values),))

    def score_many(self, requests: Sequence[Rows]) -> list[bytes | InputError | CustomOpError]:
        """Score the rows of several requests in one run: the predictions of each, or the error that is its own."""
        try:
            return list(self._scored(requests, keep=True))
        except CustomOpError as error:
            if len(requests) == 1:
                return [error]
            return [self.score_many([rows])[0] for rows in requests]  # which of them it was, is seen one by one

    def _scored(self, requests: Sequence[Rows], keep: bool = False) -> Any:
        rows = [row for request in requests for row in request]
        if not rows:
            return [b"[]"] * len(requests)
        arrays = self._runtime.run_chunks(self.feed(rows), len(rows))
        columns: list[Any] = []
        for position, index, read in self._readers:
            values = arrays[position][:, index].tolist()
            columns.append(values if read is None else map(read, values))
        predictions = list(map(self._prediction, *columns))
        encode = self._encode
        checks = self._checks
        failed = checks >= 0 and not arrays[checks].all()
        answers: list[bytes | InputError] = []
        at = 0
        for request in requests:
            stop = at + len(request)
            if failed and not arrays[checks][at:stop].all():
                error = self._refused(arrays[checks][at:stop], type(request) is tuple)
                if not keep:
                    raise error
                answers.append(error)
            else:
                answers.append(encode(predictions[at:stop]))
            at = stop
        return answers

    def _refused(self, checks: np.ndarray[Any, Any], bare: bool) -> InputError:
        """What rows that fail a check are answered. checks: bool [N, c]."""
        entries = self._runtime.manifest.checks
        if bare:
            return InputError([InputProblem("/", "values that the model takes", entries[int(np.argmin(checks[0]))].message)])
        failed = np.argwhere(~checks)
        return InputError([InputProblem(f"/{row}", "values that the model takes", entries[int(c)].message) for row, c in failed])

    # ---- measuring ----------------------------------------------------------------------------------------------

    def sample(self) -> Row:
        """A row to measure with: the first of the package's own sample, else one of zeros and empty texts."""
        for row in self._runtime.sample_rows:
            return self._finish(self._signature.slow_row(row))
        return [
            MISSING_STRING if e.nullable and e.type == "string" else e.categories[0] if e.categories else _ZERO[e.type]
            for e in self._signature.ordered
        ]

    def try_run(self, rows: Sequence[Row]) -> None:
        """Run the model as `score` and `score_many` do, and throw the answer away."""
        if len(rows) == 1:
            self._run(self.feed(rows))
        else:
            self._runtime.run_chunks(self.feed(rows), len(rows))

    # ---- tensors ------------------------------------------------------------------------------------------------

    def _buffers(self) -> tuple[Feed, list[tuple[Any, Any, int, int]]]:
        """Tensors of one row that are filled anew for each request, and how: (array [k], packer, start, stop)."""
        feed: Feed = {}
        fill: list[tuple[Any, Any, int, int]] = []
        for name, dtype, start, stop, _ in self._signature.plan:
            feed[name] = np.zeros((1, stop - start), _NUMPY[dtype])
            packer = None if dtype == "string" else struct.Struct(f"={stop - start}{_PACKED[dtype]}").pack_into
            fill.append((feed[name][0], packer, start, stop))
        return feed, fill

    def _packed(self, row: Row) -> Feed:
        for array, packer, start, stop in self._fill:
            part = row[start:stop]
            if packer is None:
                for at, text in enumerate(part):
                    array[at] = text
            else:
                if None in part:
                    part = [math.nan if value is None else value for value in part]
                packer(array, 0, *part)
        return self._feed

    def feed(self, rows: Sequence[Row]) -> Feed:
        """Tensors [N, k] of rows as `decode` gives them."""
        columns = list(zip(*rows, strict=True))
        feed: Feed = {}
        for name, dtype, start, stop, _ in self._signature.plan:
            array: np.ndarray[Any, Any] = np.empty((stop - start, len(rows)), _NUMPY[dtype])
            for at in range(start, stop):
                array[at - start] = columns[at]
            feed[name] = np.ascontiguousarray(array.T)
        return feed


def _prediction_maker(names: Sequence[str]) -> Callable[..., Any]:
    """What makes of the values of the outputs what is encoded as a prediction: a struct, which is encoded faster than a dict, but
    for names that JSON has to escape, which no struct takes."""
    if any(char in '"\\' or char < " " for name in names for char in name):
        return lambda *values: dict(zip(names, values, strict=True))
    fields = [(f"f{at}", Any, msgspec.field(name=name)) for at, name in enumerate(names)]
    made: Callable[..., Any] = msgspec.defstruct("Prediction", fields, gc=False)
    return made


def _struct(name: str, fields: Iterable[tuple[str, Any, bool]], ignore_extra: bool) -> Any:
    """A struct whose optional fields are UNSET where they are left out."""
    definitions: list[Any] = []
    for at, (field, kind, optional) in enumerate(fields):
        annotation = kind | msgspec.UnsetType if optional else kind
        default = msgspec.UNSET if optional else msgspec.NODEFAULT
        definitions.append((f"f{at}", annotation, msgspec.field(name=field, default=default)))
    return msgspec.defstruct(name, definitions, forbid_unknown_fields=not ignore_extra, gc=False, kw_only=True)


def _may_hold_minus_zero(body: bytes) -> bool:
    """Whether a text of the document may be "-0", written plainly or with escapes."""
    if b'"-0"' in body:
        return True
    if b"\\" not in body:
        return False
    lower = body.lower()
    return b"\\u002d" in lower or b"\\u0030" in lower


def _decoder(kind: Any) -> Callable[[bytes], Any]:
    return msgspec.json.Decoder(kind).decode


def _ready_maker(
    entries: Sequence[FieldEntry], times: list[int], texts: list[tuple[int, int]]
) -> Callable[[tuple[Any, ...]], tuple[Row, int]]:
    """A function from typed values to (the row to be scored, how many names and texts of the document it stands for)."""
    optional = [(at, e.default, 2 if isinstance(e.default, str) else 1) for at, e in enumerate(entries) if e.optional]
    all_names = len(entries) + len(times) + sum(stop - start for start, stop in texts)
    moments: dict[str, int] = {}

    def moment(text: str) -> int:
        micros = parse_timestamp(text)
        if micros is None:
            raise ValueError("no timestamp")
        if len(moments) >= _MOMENTS:
            moments.clear()
        moments[text] = micros
        return micros

    def ready(values: tuple[Any, ...]) -> tuple[Row, int]:
        row: Any = list(values) if optional or times else values
        names = all_names
        for at, default, count in optional:
            if row[at] is msgspec.UNSET:
                names -= count
                row[at] = default
        for at in times:
            text = row[at]
            if text is None:
                row[at] = MISSING_TIME
                names -= 1
            else:
                micros = moments.get(text)
                row[at] = moment(text) if micros is None else micros
        for start, stop in texts:
            part = row[start:stop]
            if None in part:
                names -= part.count(None)
                row = [*row[:start], *(MISSING_STRING if text is None else text for text in part), *row[stop:]]
        return row, names

    return ready


def _runs(positions: list[int]) -> list[tuple[int, int]]:
    """Ranges that hold the positions, neighbours together."""
    runs: list[tuple[int, int]] = []
    for at in positions:
        if runs and runs[-1][1] == at:
            runs[-1] = (runs[-1][0], at + 1)
        else:
            runs.append((at, at + 1))
    return runs


def _is_documented(document: dict[str, Any], signature: Signature) -> bool:
    """Whether {"columns": {"0": ...}} is a column by the name "columns" rather than columns."""
    return any(e.name == "columns" for e in signature.fields) and all(key.isdigit() for key in document["columns"])


def _listed(columns: dict[str, Any]) -> dict[str, list[Any]]:
    """Columns as lists; those that are objects {"0": value, ...} by the order of their keys."""
    lists: dict[str, list[Any]] = {}
    keys: list[int] | None = None
    for name, column in columns.items():
        at = f"/{json_text.pointer(name)}"
        if isinstance(column, list):
            lists[name] = column
            continue
        if not isinstance(column, dict):
            raise InputError([InputProblem(at, 'a column: a list of values, or {"0": value, ...}', describe(column))])
        numbered: dict[int, Any] = {}
        for key, value in column.items():
            if not (key.isascii() and key.isdigit() and len(key) < 16) or int(key) in numbered:
                raise InputError(
                    [InputProblem(at, 'whole numbers as keys, each once: {"0": value, ...}', f"the key {describe(key)}")]
                )
            numbered[int(key)] = value
        order = sorted(numbered)
        if keys is not None and order != keys:
            raise InputError([InputProblem(at, "the same keys in each column", f"{len(order)} others than in the column before")])
        keys = order
        lists[name] = [numbered[key] for key in order]
    return lists
