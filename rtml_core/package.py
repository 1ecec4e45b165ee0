"""The .rtml archive: model, manifest, graph and parity sample in one file that is the same every time it is built.

A zip with fixed times and order. Its comment is the SHA-256 of everything before it, which is the package's id: one
changed byte anywhere is noticed. Nothing in it is ever unpickled or executed. Format: docs/reference/package.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from rtml_core.baseline import BaselineEntry, unsound
from rtml_core.columns import Field
from rtml_core.errors import CompileError, PackageError
from rtml_core.metrics import checked

#: format version that this rtml writes; it reads this one and older
FORMAT: Final = 1
MODEL, MANIFEST, GRAPH, SAMPLE = "model.onnx", "manifest.json", "graph.json", "sample.json"
#: the explain model, which a package may have, or not
EXPLAIN: Final = "explain.onnx"
_FILES: Final = (MANIFEST, MODEL, GRAPH, SAMPLE)
#: largest archive and largest member that a loader reads, in bytes
MAX_BYTES: Final = 1 << 30
_COMMENT_BYTES: Final = 64


class FieldEntry(msgspec.Struct, omit_defaults=True, frozen=True):
    """A field of the signature. `tensor`/`index`: where it is fed; null when the outputs don't depend on it."""

    name: str
    type: str
    nullable: bool = False
    categories: tuple[str, ...] | None = None
    tensor: str | None = None
    index: int = 0
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False
    default: Any = None
    doc: str = ""

    @classmethod
    def of(cls, field: Field, tensor: str | None, index: int = 0) -> FieldEntry:
        """The entry of a declared field, fed as column `index` of a tensor."""
        return cls(
            field.name,
            field.type,
            field.nullable,
            field.categories,
            tensor,
            index,
            field.minimum,
            field.maximum,
            field.optional,
            field.default,
            field.doc,
        )

    @property
    def field(self) -> Field:
        return Field(
            self.name,
            self.type,
            self.nullable,
            self.categories,
            self.minimum,
            self.maximum,
            self.optional,
            self.default,
            self.doc,
        )


class TensorEntry(msgspec.Struct, frozen=True):
    """A model input: name, element type, number of columns."""

    name: str
    dtype: str
    width: int


class OutputEntry(msgspec.Struct, omit_defaults=True, frozen=True):
    """An output: its column dtype and where to read it. rtol/atol: tolerance of the parity gate."""

    name: str
    dtype: str
    tensor: str
    index: int = 0
    nullable: bool = False
    rtol: float = 0.0
    atol: float = 0.0


class OpEntry(msgspec.Struct, omit_defaults=True, frozen=True):
    """An ONNX operator in the model. kind: core, extension, function, native, python; who brought it, unless core.

    Of a custom operator: `custom`, the domain under which its plugin declares it (`domain` is one of its own), and
    `op_version`; `plugin`; `unicode`, the version of Unicode it was compiled with, when it asks Python's tables; `digests`, of a
    native one the SHA-256 of its library by platform.
    """

    domain: str
    op: str
    kind: str
    count: int
    distribution: str | None = None
    version: str | None = None
    plugin: str | None = None
    custom: str | None = None
    op_version: int | None = None
    unicode: str | None = None
    digests: dict[str, str] = {}

    @property
    def label(self) -> str:
        """The operator for people: "rtml.pandas:title 1" of a custom one, "domain:op" of another."""
        return f"{self.domain or 'ai.onnx'}:{self.op}" if self.custom is None else f"{self.custom}:{self.op} {self.op_version}"

    @property
    def source(self) -> str:
        """Distribution and version that brought it, "" for a core operator."""
        return f"{self.distribution} {self.version}" if self.distribution else ""


class NodeEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A node of the graph, and its operator for people ("Pandas fillna").

    plugin: that brings the operator. kind: how it was lowered: core, extension, function, native, python, "folded" when
    nothing is left of it, "its graph" when its inner nodes stand for it. onnx_nodes: how many it became. Packages made before
    these were kept have "" and None.
    """

    node: str
    operator: str
    plugin: str = ""
    kind: str = ""
    onnx_nodes: int | None = None


class ColumnEntry(msgspec.Struct, omit_defaults=True, frozen=True):
    """A column that a node gives and did not get: column `index` of `tensor`, which is an output of the explain model (at:
    "explain"), an output of the model ("output") or one of its inputs ("input")."""

    node: str
    name: str
    dtype: str
    at: str
    tensor: str
    index: int = 0
    nullable: bool = False


class LeftOutEntry(msgspec.Struct, frozen=True):
    """Columns of a node that are not told, and why."""

    node: str
    columns: tuple[str, ...]
    why: str


class ExplainEntry(msgspec.Struct, omit_defaults=True, frozen=True):
    """What can be told of the way to the outputs. nodes: all of the graph, in order of execution, each followed by those of a
    graph inside it ("outer/inner"), of which no columns are told. opsets, ops: of the explain
    model; none where the package has none."""

    nodes: tuple[NodeEntry, ...]
    columns: tuple[ColumnEntry, ...] = ()
    left_out: tuple[LeftOutEntry, ...] = ()
    opsets: dict[str, int] = {}
    ops: tuple[OpEntry, ...] = ()


class CheckEntry(msgspec.Struct, frozen=True):
    """A row check: column of the output "__checks__" in order; `message` is shown when a row fails it."""

    node: str
    message: str


class ParityEntry(msgspec.Struct, omit_defaults=True, frozen=True):
    """What the parity gate did: rows compared; rows refused by a row check, and how many of these the authored graph was tried
    on and refused, too. checked=false: it was switched off.
    """

    checked: bool
    rows: int = 0
    refused: int = 0
    tried: int = 0


class PluginEntry(msgspec.Struct, frozen=True):
    """A plugin whose operators the graph was authored with."""

    name: str
    distribution: str
    version: str


class BoundaryEntry(msgspec.Struct, omit_defaults=True, frozen=True):
    """A source or sink with a form of its own at the runtime's boundary (rtml_core.boundary).

    role: "source" or "sink". names: the fields that a source fills; the outputs that a sink takes. plan: what Operator.boundary
    said, JSON values. plugin, distribution, version: who brings the operator.
    """

    node: str
    operator: str
    role: str
    names: tuple[str, ...]
    plan: dict[str, Any]
    plugin: str
    distribution: str
    version: str


class Manifest(msgspec.Struct, frozen=True):
    """Everything a runtime must know before it looks at the model."""

    format: int
    rtml: str
    fields: tuple[FieldEntry, ...]
    extra: str
    inputs: tuple[TensorEntry, ...]
    outputs: tuple[OutputEntry, ...]
    checks: tuple[CheckEntry, ...]
    opsets: dict[str, int]
    ir_version: int
    ops: tuple[OpEntry, ...]
    plugins: tuple[PluginEntry, ...]
    portable: bool
    parity: ParityEntry
    digests: dict[str, str]
    explain: ExplainEntry | None = None  # null: the package says nothing of columns on the way
    baseline: BaselineEntry | None = None  # null: made without a sample
    boundary: tuple[BoundaryEntry, ...] = ()  # sources and sinks that read requests and shape answers
    metrics: dict[str, float] = {}  # how good the author found the model, by name: {"auc": 0.81}

    @property
    def foreign(self) -> list[OpEntry]:
        """The operators that run code of a plugin, because of which a package is not portable."""
        return [op for op in self.ops if op.kind in ("python", "native")]

    @property
    def portability(self) -> str:
        """Whether any onnxruntime with its extensions can run the package, and if not, what it needs."""
        if self.portable:
            return "portable"
        return "not portable: needs " + ", ".join(f"the {op.kind} operator {op.label} from {op.source}" for op in self.foreign)


class Archive(msgspec.Struct, frozen=True):
    """A read and verified archive. explain: the explain model; empty when there is none, or when it was not asked for."""

    id: str
    manifest: Manifest
    model: bytes
    graph: bytes
    sample: bytes
    explain: bytes = b""


def sha256(data: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(data).hexdigest()


def to_json(value: Any) -> bytes:
    """Deterministic JSON bytes of a struct or JSON value."""
    return msgspec.json.format(msgspec.json.encode(value, order="deterministic"), indent=1)


def write_archive(manifest: Manifest, files: Mapping[str, bytes]) -> bytes:
    """The archive's bytes. Its id is the last 64 of them. Without an explain model among `files` the manifest tells of the nodes,
    and nothing of the columns that would be read from it."""
    digests = {name: sha256(data) for name, data in sorted(files.items())}
    if manifest.explain is not None and manifest.explain.ops and EXPLAIN not in files:
        manifest = msgspec.structs.replace(manifest, explain=_without_model(manifest.explain))
    members = {**files, MANIFEST: to_json(msgspec.structs.replace(manifest, digests=digests))}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in (name for name in (*_FILES, EXPLAIN) if name in members):
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system, info.external_attr = 3, 0o644 << 16
            archive.writestr(info, members[name])
        archive.comment = b"0" * _COMMENT_BYTES
    body = buffer.getvalue()[:-_COMMENT_BYTES]
    return body + sha256(body).encode()


def _without_model(entry: ExplainEntry) -> ExplainEntry:
    gone: dict[str, list[str]] = {}
    for column in entry.columns:
        if column.at == "explain":
            gone.setdefault(column.node, []).append(column.name)
    why = "the explain model was left out of the package"
    left_out = (LeftOutEntry(node, tuple(names), why) for node, names in gone.items())
    kept = tuple(column for column in entry.columns if column.at != "explain")
    return ExplainEntry(entry.nodes, kept, (*entry.left_out, *left_out))


def read_archive(data: bytes, where: str = "the package", *, explain: bool = False) -> Archive:
    """Verify and open an archive; raises PackageError that says why it was refused. explain: read its explain model, too."""
    if len(data) > MAX_BYTES:
        raise PackageError(f"{where} has {len(data):,} bytes; at most {MAX_BYTES:,} are read")
    if data[:4] != b"PK\x03\x04":
        raise PackageError(f"{where} is not an rtml package: it is no zip archive. Was another file renamed to .rtml?")
    identity = _verify_digest(data, where)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if set(members) - {EXPLAIN} != set(_FILES) or len(members) != len(archive.infolist()):
                raise PackageError(
                    f"{where} is not an rtml package: it holds {sorted(members)}, not {sorted(_FILES)} and maybe {EXPLAIN}"
                )
            if sum(info.file_size for info in members.values()) > MAX_BYTES:
                raise PackageError(f"{where} unpacks to more than {MAX_BYTES:,} bytes")
            asked = [*_FILES, EXPLAIN] if explain and EXPLAIN in members else _FILES
            contents = {name: archive.read(name) for name in asked}
    except zipfile.BadZipFile as error:
        raise PackageError(f"{where} is damaged: {error}. Copy or build it again") from None
    manifest = _manifest(contents[MANIFEST], where)
    if (EXPLAIN in members) != (manifest.explain is not None and bool(manifest.explain.ops)):
        raise PackageError(f"{where} is damaged: {EXPLAIN} is there and its manifest says nothing of it, or the other way round")
    for name, digest in manifest.digests.items():
        if name == EXPLAIN and EXPLAIN in members and not explain:
            continue  # the digest of the whole file holds; this one is looked at when the member is
        if name not in contents or sha256(contents[name]) != digest:
            raise PackageError(f"{where} is damaged: {name} does not have the digest that the manifest gives. Build it again")
    return Archive(identity, manifest, contents[MODEL], contents[GRAPH], contents[SAMPLE], contents.get(EXPLAIN, b""))


def _verify_digest(data: bytes, where: str) -> str:
    end = data.rfind(b"PK\x05\x06")
    whole = end >= 0 and len(data) >= end + 22 and len(data) == end + 22 + struct.unpack_from("<H", data, end + 20)[0]
    if not whole:
        raise PackageError(f"{where} is cut off or damaged: the archive has no end. Copy or build it again")
    body, stated = data[:-_COMMENT_BYTES], data[-_COMMENT_BYTES:]
    if sha256(body).encode() != stated:
        raise PackageError(f"{where} was changed after it was built: its digest does not match. Copy or build it again")
    return stated.decode()


def _manifest(data: bytes, where: str) -> Manifest:
    try:
        version = msgspec.json.decode(data).get("format")
    except (msgspec.DecodeError, AttributeError, UnicodeDecodeError):
        raise PackageError(f"{where} is damaged: its manifest is not JSON") from None
    if not isinstance(version, int) or isinstance(version, bool):
        raise PackageError(f"{where} is not an rtml package: its manifest has no format version")
    if version > FORMAT:
        raise PackageError(f"{where} has package format {version}; this rtml reads up to {FORMAT}: upgrade rtml")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
        checked(manifest.metrics)
    except (msgspec.ValidationError, CompileError) as error:
        raise PackageError(f"{where}: its manifest does not fit format {version}: {error}") from None
    if manifest.baseline is not None:
        fields, outputs = ({entry.name for entry in entries} for entries in (manifest.fields, manifest.outputs))
        wrong = unsound(manifest.baseline, fields, outputs)
        if wrong:
            raise PackageError(f"{where}: its manifest does not fit format {version}: in the baseline, {wrong}")
    return manifest


def read_file(path: str | os.PathLike[str], *, explain: bool = False) -> Archive:
    """read_archive of a file; PackageError when it can't be read."""
    try:
        size = os.stat(path).st_size
        if size > MAX_BYTES:
            raise PackageError(f"{path} has {size:,} bytes; at most {MAX_BYTES:,} are read")
        data = Path(path).read_bytes()
    except OSError as error:
        raise PackageError(f"{path} can't be read: {error.strerror or error}") from None
    return read_archive(data, str(path), explain=explain)


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file by rename, so that it is there whole or not at all; PackageError when it can't be written."""
    target = Path(path)
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
        temporary = None
    except OSError as error:
        raise PackageError(f"{target} can't be written: {error.strerror or error}") from None
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)
