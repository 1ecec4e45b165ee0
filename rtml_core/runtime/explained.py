"""What a model computes on the way to its outputs: the columns of its nodes, as far as the optimised model still has them.

A second session of the same model, in which the values that are columns are outputs, too. Nothing of the first one changes, so
scoring costs what it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from rtml_core.errors import PackageError
from rtml_core.package import Archive, ColumnEntry, OutputEntry
from rtml_core.runtime.wire import encoded

if TYPE_CHECKING:
    from rtml_core.runtime.json_rows import Row
    from rtml_core.runtime.runtime import Runtime

#: element types of onnx.proto
_ELEMENTS: Final = {"float32": 1, "int64": 7, "string": 8, "bool": 9, "float64": 11}
_CARRIERS: Final = {"timestamp": "int64", "timedelta": "int64"}


class Explained:
    """Columns on the way, of a package. runtime: the package, loaded; archive: the same package. kept, lost: "node.column" of the
    columns that can be told, and of those that the optimised model computes its outputs without.

    Raises PackageError for a package that says nothing of columns on the way, or says what is not so.
    """

    def __init__(self, runtime: Runtime, archive: Archive):
        if archive.id != runtime.id:
            raise PackageError(f"package {archive.id[:12]}... is not {runtime.id[:12]}..., which is loaded")
        columns = runtime.manifest.columns
        if columns is None:
            raise PackageError("the package says nothing of columns on the way: compile it again with this rtml")
        self._runtime = runtime
        fed = {tensor.name for tensor in runtime.manifest.inputs}
        there = {output.name for output in runtime.session.get_outputs()}
        self._entries = [entry for entry in columns if entry.tensor is not None]
        self.kept = [f"{entry.node}.{entry.name}" for entry in self._entries]
        self.lost = [f"{entry.node}.{entry.name}" for entry in columns if entry.tensor is None]
        kinds = {entry.tensor: _element(entry) for entry in self._entries}
        wanted = {name: kind for name, kind in kinds.items() if name not in there and name not in fed}
        # two graphs in one message are one graph with the outputs of both: so says the wire format of embedded messages
        model = archive.model + encoded(7, b"".join(_output(name or "", kind) for name, kind in wanted.items()))
        self._session = runtime.session_of(model)
        self._names = [output.name for output in self._session.get_outputs()]
        self._readers = [runtime.reader_of(OutputEntry(e.name, e.dtype, "", 0, e.nullable)) for e in self._entries]

    def columns(self, rows: Sequence[Row]) -> list[dict[str, dict[str, Any]]]:
        """For each row, by node, the columns that the node gives and did not get, as JSON values. rows: of JsonRows.decode."""
        feed = self._runtime.json.feed(rows)
        arrays = dict(zip(self._names, self._session.run(self._names, feed), strict=True)) | feed
        told: list[dict[str, dict[str, Any]]] = [{} for _ in rows]
        for entry, read in zip(self._entries, self._readers, strict=True):
            values = arrays[entry.tensor or ""]
            if values.ndim != 2 or values.shape[0] != len(rows) or entry.index >= values.shape[1]:
                raise PackageError(f"the package is damaged: its column {entry.node}.{entry.name} is not where it says")
            for row, value in zip(told, values[:, entry.index].tolist(), strict=True):
                row.setdefault(entry.node, {})[entry.name] = read(value)
        return told


def _element(entry: ColumnEntry) -> int:
    carrier = "float64" if entry.dtype == "bool" and entry.nullable else _CARRIERS.get(entry.dtype, entry.dtype)
    if carrier not in _ELEMENTS:
        raise PackageError(f"the package is damaged: its column {entry.node}.{entry.name} has the unknown dtype {entry.dtype!r}")
    return _ELEMENTS[carrier]


def _output(name: str, element: int) -> bytes:
    """The field `output` of a GraphProto: a ValueInfoProto with name and element type, and no shape."""
    tensor = encoded(1, encoded(1, element))  # TypeProto.tensor_type, its elem_type
    return encoded(12, encoded(1, name.encode()) + encoded(2, tensor))
