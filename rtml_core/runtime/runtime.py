"""Runtime: loads a package and scores rows. One onnxruntime session, one thread, sequential."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import onnxruntime as ort

from rtml_core import package
from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_core.custom_ops import CustomOp, hosting, sessions
from rtml_core.errors import CustomOpError, InputError, InputProblem, PackageError, PluginError, said
from rtml_core.runtime import guards, trusted
from rtml_core.runtime.signature import Feed, Signature
from rtml_core.timestamps import format_timestamp

if TYPE_CHECKING:
    from rtml_core.runtime.boundary import Requests
    from rtml_core.runtime.explained import Explained
    from rtml_core.runtime.json_rows import JsonRows

CHECKS: Final = "__checks__"
#: rows scored in one session.run; larger batches are cut, which keeps memory bounded and caches warm
CHUNK: Final = 16_384
#: rows of the parity sample that stay in memory
_SAMPLE: Final = 4

Arrays = dict[str, np.ndarray[Any, Any]]


class Runtime:
    """A loaded package.

    trust: distributions whose code a package may run (its operators of kind "python" and "native"), besides rtml's own and
    those of RTML_TRUST and of the settings; "all" for whatever is installed. custom_ops: such operators, by their ONNX domain,
    that need not be looked up.

    Raises PackageError (with the reason) for a package that is damaged, unsafe, too new, not checked for parity, or that
    does not reproduce its own sample here.
    """

    def __init__(
        self,
        archive: package.Archive,
        *,
        allow_unchecked: bool = False,
        verify: bool = True,
        ignore_extra: bool | None = None,
        trust: trusted.Trust = (),
        custom_ops: Mapping[str, CustomOp] | None = None,
        where: str = "the package",
    ):
        manifest = archive.manifest
        if not manifest.parity.checked and not allow_unchecked:
            raise PackageError(
                f"{where} was built without the parity gate, so nothing proves it equal to what was authored. Build it again, or"
                f" load it on purpose (allow_unchecked=True, --allow-unchecked)"
            )
        guards.check(archive.model, manifest, where)
        custom = trusted.resolve(manifest, trust, where, custom_ops)
        self.id = archive.id
        self.manifest = manifest
        ignore = manifest.extra == "ignore" if ignore_extra is None else ignore_extra
        self.signature = Signature(manifest.fields, manifest.inputs, ignore_extra=ignore)
        self.trust, self._custom_ops = trust, custom_ops
        self.session = _session(archive.model, manifest, custom, where)
        # The binding itself: InferenceSession.run checks names and owners again at every call, which costs 3 us a row.
        self._run: Any = self.session._sess.run
        self._run_batch: Any = self.session.run
        texts = sessions.takes_texts(self.session)
        self._run, self._run_batch = (sessions.guarded(run, custom, texts=texts) for run in (self._run, self._run_batch))
        self._names = [output.name for output in self.session.get_outputs()]
        #: where the row checks are among the arrays that a run gives, bool [N, c]; -1 when the model has none
        self.checks_position = self._names.index(CHECKS) if CHECKS in self._names else -1
        positions = {name: position for position, name in enumerate(self._names)}
        self._readers = [(o.name, positions[o.tensor], o.index, reader_of(o)) for o in manifest.outputs]
        #: some rows of the package's own parity sample, once they are verified
        self.sample_rows: list[dict[str, Any]] = []
        self._json: JsonRows | None = None
        if verify:
            self.verify(archive.sample, where)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **options: Any) -> Runtime:
        """Load a .rtml file; options as for the class."""
        return cls(package.read_file(path), where=str(path), **options)

    @classmethod
    def from_bytes(cls, data: bytes, **options: Any) -> Runtime:
        """Load a package from memory; options as for the class."""
        return cls(package.read_archive(data), **options)

    # ---- scoring ------------------------------------------------------------------------------------------------

    @property
    def json(self) -> JsonRows:
        """Scoring of JSON bytes, without dicts in between; made on first use."""
        if self._json is None:
            from rtml_core.runtime.json_rows import JsonRows

            self._json = JsonRows(self)
        return self._json

    def requests(self, resources: Mapping[str, Any] | None = None) -> Requests:
        """Reading of requests with an identity or an event, by the sources of the package. resources: what they need, by name,
        such as "profiles". Raises PackageError when a plugin that brings one is not installed, or not trusted."""
        from rtml_core.runtime.boundary import Requests

        return Requests(self, resources)

    def score_request(
        self, request: Mapping[str, Any] | bytes, resources: Mapping[str, Any] | None = None, *, now: int | None = None
    ) -> list[Any]:
        """The predictions for a request as a server gets it: plain rows, or {"identity": ..., "event": ...}, and shaped as it
        answers them. now: us since the epoch, of the clock unless given. Raises InputError, and PackageError as `requests` does.

        Sources that have to wait for something can't be used here.
        """
        from rtml_core.runtime.boundary import Pending

        requests = self.requests(resources)
        body = request if isinstance(request, bytes) else _body(request)
        read = requests.decode(body, now)
        if isinstance(read, Pending):
            read.close()
            raise PackageError("a source of the package waits for something outside of this process: score it at an edge")
        predictions = self.json.score(self.json.decode(body) if read is None else read.rows)
        shape = requests.shape
        answered: list[Any] = msgspec.json.decode(predictions if shape is None else shape(predictions))
        return answered

    def explained(self, archive: package.Archive) -> Explained:
        """What the nodes give on the way: opens the explain model. archive: this very package, read with explain=True."""
        from rtml_core.runtime.explained import Explained

        return Explained(self, archive)

    def explained_from_file(self, path: str | os.PathLike[str]) -> Explained:
        """explained, of the file that this package was loaded from."""
        return self.explained(package.read_file(path, explain=True))

    def _open_explain(self, model: bytes, entry: package.ExplainEntry) -> Callable[[Feed], Arrays]:
        """A session over the explain model, which has to be what `entry` says as a model has to be what its manifest says: a
        function from tensors to its outputs by name."""
        view = msgspec.structs.replace(self.manifest, opsets=entry.opsets, ops=entry.ops)
        view = msgspec.structs.replace(view, portable=not view.foreign)
        where = "the explain model of the package"
        guards.check(model, view, where)
        custom = trusted.resolve(view, self.trust, where, self._custom_ops)
        session = _session(model, view, custom, where)
        run = sessions.guarded(session.run, custom, texts=sessions.takes_texts(session))
        names = [output.name for output in session.get_outputs()]
        taken = [tensor.name for tensor in session.get_inputs()]
        if not {*taken} <= {tensor.name for tensor in self.manifest.inputs}:
            raise PackageError(f"{where} has other inputs than its manifest says")
        return lambda feed: dict(zip(names, run(names, {name: feed[name] for name in taken}), strict=True))

    def score(self, rows: Any) -> Any:
        """Score one row (dict -> dict), rows (list of dicts -> list of dicts) or columns (dict of lists -> dict of lists).

        Raises InputError naming each field, what was expected and what came.
        """
        if isinstance(rows, Mapping):
            first = next(iter(rows.values()), None)
            if isinstance(first, (list, tuple, np.ndarray)):
                return self.python_columns(self.score_columns(rows))
            return self.score_row(rows)
        feed = self.signature.rows(rows)
        try:
            arrays = self.run(feed, len(rows))
        except UnicodeEncodeError:
            self.signature.refuse_surrogates(rows)
        columns = self.python_columns(self._read(arrays))
        names = list(columns)
        return [dict(zip(names, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def score_row(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """One row -> its outputs by name; null where an output is missing."""
        feed = self.signature.row(row)
        try:
            arrays = self._run(self._names, feed, None)
        except UnicodeEncodeError:
            self.signature.refuse_surrogates(row)
        if self.checks_position >= 0 and b"\0" in arrays[self.checks_position].tobytes():  # all() takes ten times as long
            failed = int(np.argmin(arrays[self.checks_position][0]))
            raise InputError([InputProblem("/", "values that the model takes", self.manifest.checks[failed].message)])
        return {name: read(arrays[position].item(index)) for name, position, index, read in self._readers}

    def score_columns(self, columns: Mapping[str, Any]) -> Arrays:
        """Columns (lists or arrays of one length) -> output columns as arrays, missing values in band (see columns)."""
        feed = self.signature.columns(columns)
        count = len(next(iter(columns.values()), ()))
        return self._read(self.run(feed, count))

    def run(self, feed: Feed, count: int) -> list[np.ndarray[Any, Any]]:
        """Run the session on tensors of `count` rows, in chunks; raises InputError for rows that fail a check."""
        arrays = self.run_chunks(feed, count)
        if self.checks_position >= 0 and not arrays[self.checks_position].all():
            self._refuse(arrays[self.checks_position])
        return arrays

    def run_chunks(self, feed: Feed, count: int) -> list[np.ndarray[Any, Any]]:
        """What the session gives for `count` rows, run in chunks, row checks included and not looked at."""
        if count <= CHUNK:
            return self.run_row(feed)
        starts = range(0, count, CHUNK)
        cut = ({name: array[start : start + CHUNK] for name, array in feed.items()} for start in starts)
        parts = [self.run_row(chunk) for chunk in cut]
        return [np.concatenate(pieces) for pieces in zip(*parts, strict=True)]

    def run_row(self, feed: Feed) -> list[np.ndarray[Any, Any]]:
        """What the session gives for tensors of a row, or of CHUNK at most, with the least overhead: nothing is checked."""
        arrays: list[np.ndarray[Any, Any]] = self._run(self._names, feed, None)
        return arrays

    @property
    def json_readers(self) -> list[tuple[int, int, Any]]:
        """For each output its array among those of a run, its column there, and what makes a JSON value of a carried one: None
        where msgspec does (it writes null for NaN and infinity)."""
        plain = ("float64", "float32", "int64")
        dtypes = {o.name: o.dtype for o in self.manifest.outputs}
        return [(position, index, None if dtypes[name] in plain else read) for name, position, index, read in self._readers]

    def run_unchecked(self, feed: Feed) -> tuple[Arrays, np.ndarray[Any, Any]]:
        """Output columns of all rows, and bool [N, c]: which row passes which check. For the parity gate."""
        arrays = self._run_batch(self._names, feed)
        columns = self._read(arrays)
        count = len(next(iter(columns.values())))
        return columns, arrays[self.checks_position] if self.checks_position >= 0 else np.ones((count, 0), bool)

    def _refuse(self, checks: np.ndarray[Any, Any]) -> None:
        problems = []
        for row, position in np.argwhere(~checks):
            entry = self.manifest.checks[int(position)]
            problems.append(InputProblem(f"/{int(row)}", "values that the model takes", entry.message))
        raise InputError(problems)

    def _read(self, arrays: Sequence[np.ndarray[Any, Any]]) -> Arrays:
        return {name: arrays[position][:, index] for name, position, index, _ in self._readers}

    def python_columns(self, columns: Arrays) -> dict[str, list[Any]]:
        """Output columns as Python values, missing as None, timestamps as text."""
        return {o.name: [reader_of(o)(v) for v in columns[o.name].tolist()] for o in self.manifest.outputs}

    # ---- proof --------------------------------------------------------------------------------------------------

    def verify(self, sample: bytes, where: str = "the package") -> int:
        """Score the package's own parity sample; returns its number of rows. Raises PackageError on a difference."""
        try:
            content = msgspec.json.decode(sample)
            rows, expected = content["rows"], content["expected"]
        except (msgspec.DecodeError, KeyError, TypeError):
            raise PackageError(f"{where} is damaged: its parity sample can't be read") from None
        signature, self.signature = self.signature, Signature(self.manifest.fields, self.manifest.inputs)
        try:
            got = self.score(rows) if rows else []
        except InputError as error:
            raise PackageError(f"{where} refuses a row of its own parity sample: {error}") from None
        except CustomOpError as error:
            raise PackageError(f"{where} does not reproduce its parity sample here: {error}") from error
        except Exception as error:  # onnxruntime raises many classes of its own, e.g. where there is no memory
            raise PackageError(f"{where} can't score its parity sample here: {said(error)}") from error
        finally:
            self.signature = signature
        for number, (one, other) in enumerate(zip(got, expected, strict=True)):
            for output in self.manifest.outputs:
                if not agree(one[output.name], other[output.name], output):
                    raise PackageError(
                        f"{where} does not reproduce its parity sample here: row {number}, output '{output.name}': expected"
                        f" {other[output.name]!r}, got {one[output.name]!r}. It was built with another onnxruntime or on another"
                        f" kind of machine"
                    )
        self.sample_rows = rows[:_SAMPLE]
        return len(rows)


#: at load, another processor may round differently: relative tolerance below which floats agree
LOAD_RTOL: Final = 1e-9


def agree(one: Any, other: Any, output: package.OutputEntry) -> bool:
    """Whether two output values are equal within the package's tolerance (and LOAD_RTOL for floats)."""
    if one is None or other is None or not isinstance(one, float):
        return bool(one == other)
    rtol = max(output.rtol, LOAD_RTOL if output.dtype == "float64" else 1e-5)
    return math.isclose(one, float(other), rel_tol=rtol, abs_tol=max(output.atol, 1e-12))


def _session(model: bytes, manifest: package.Manifest, custom: list[CustomOp], where: str) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    extended = any(op.kind in ("extension", "python") for op in manifest.ops)
    try:
        return sessions.open_session(model, options, custom, extension_library(where) if extended else None)
    except (CustomOpError, PluginError) as error:  # onnxruntime runs a node of constants when it loads a model
        raise PackageError(f"{where} can't be loaded: {error}") from error
    except PackageError:
        raise
    except Exception as error:  # onnxruntime raises many classes of its own
        also = f" (it has the operators {', '.join(map(str, custom))})" if custom else ""
        raise PackageError(f"{where} was refused by onnxruntime: {str(error).splitlines()[0]}{also}") from error


def extension_library(where: str) -> str:
    """Path of the library of onnxruntime-extensions; PackageError when it is not installed."""
    path = hosting.library()
    if path is None:
        raise PackageError(
            f"{where} needs onnxruntime-extensions, which is not installed here: pip install onnxruntime-extensions"
        )
    return path


def reader_of(output: package.OutputEntry) -> Any:
    """A function from a carried value to the Python value of an output."""
    if output.dtype in ("float64", "float32"):
        return _float_or_none
    if output.dtype == "string":
        return _text_or_none
    if output.dtype == "bool":
        return _bool_or_none if output.nullable else bool
    if output.dtype == "timestamp":
        return _time_or_none
    if output.dtype == "timedelta":
        return _micros_or_none
    return int


def _float_or_none(value: float) -> float | None:
    return None if value != value else value


def _text_or_none(value: str) -> str | None:
    return None if value == MISSING_STRING else value


def _bool_or_none(value: Any) -> bool | None:
    return None if value != value else bool(value)


def _time_or_none(value: int) -> str | None:
    return None if value == MISSING_TIME else format_timestamp(value)


def _micros_or_none(value: int) -> int | None:
    return None if value == MISSING_TIME else value


def _body(request: Mapping[str, Any]) -> bytes:
    """A request as it would be sent; halves of characters by their numbers, as only JSON can say them."""
    try:
        return msgspec.json.encode(request)
    except UnicodeEncodeError:
        return json.dumps(request).encode()
