"""What the nodes of a graph give on the way to its outputs: the explain model of a package, in a session of its own.

It is read and opened when it is first asked for. The session that scores is the one that it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rtml_core.columns import carrier_of
from rtml_core.errors import CustomOpError, PackageError, said
from rtml_core.package import Archive, ColumnEntry, OutputEntry
from rtml_core.runtime.runtime import reader_of

if TYPE_CHECKING:
    from rtml_core.runtime.json_rows import Row
    from rtml_core.runtime.runtime import Runtime


class Explained:
    """Columns on the way, of a package. runtime: the package, loaded; archive: the same package, read with explain=True. nodes:
    the nodes of the graph and their operators; left_out: columns that are not told, and why.

    Raises PackageError for a package that says nothing of columns on the way, says what is not so, or has an explain model that
    no runtime may load.
    """

    def __init__(self, runtime: Runtime, archive: Archive):
        if archive.id != runtime.id:
            raise PackageError(f"package {archive.id[:12]}... is not {runtime.id[:12]}..., which is loaded")
        entry = runtime.manifest.explain
        if entry is None:
            raise PackageError("the package says nothing of columns on the way: compile it again with this rtml")
        if entry.ops and not archive.explain:
            raise PackageError("the package was read without its explain model: read it with explain=True")
        names, told = {node.node for node in entry.nodes}, {column.node for column in entry.columns}
        inner = {name for name in names - told if name.rpartition("/")[0] in names}  # of graphs inside nodes: nothing is told
        self.nodes = tuple(node for node in entry.nodes if node.node not in inner)
        self.left_out = entry.left_out
        self._runtime = runtime
        self._run = runtime._open_explain(archive.explain, entry) if entry.ops else None
        self._answers = any(column.at == "output" for column in entry.columns)
        of_node: dict[str, list[tuple[ColumnEntry, Any]]] = {node.node: [] for node in entry.nodes}
        for column in entry.columns:
            if column.node not in of_node or column.at not in ("explain", "output", "input"):
                raise _damaged(column)
            read = reader_of(OutputEntry(column.name, column.dtype, "", 0, column.nullable))
            of_node[column.node].append((column, read))
        self._columns = of_node

    def columns(self, rows: Sequence[Row]) -> list[list[dict[str, Any]]]:
        """For each row the nodes in order of execution, {"node", "operator", "columns"}: the columns that the node gives and did
        not get, as JSON values. rows: of JsonRows.decode, which are scored without an error.

        Raises PackageError when the package is damaged, or when a custom operator fails.
        """
        if not rows:
            return []
        feed = self._runtime.json.feed(rows)
        arrays: dict[str, dict[str, Any]] = {"input": feed, "explain": {}, "output": {}}
        try:
            if self._run is not None:
                arrays["explain"] = self._run(feed)
            if self._answers:
                arrays["output"] = dict(zip(self._runtime._names, self._runtime.run_row(feed), strict=True))
        except CustomOpError:
            raise
        except Exception as error:  # onnxruntime raises many classes of its own
            raise PackageError(f"the explain model of the package fails: {said(error)}") from error
        told: list[list[dict[str, Any]]] = [[] for _ in rows]
        for node in self.nodes:
            given = [(column.name, self._values(arrays, column, read, len(rows))) for column, read in self._columns[node.node]]
            for at, row in enumerate(told):
                columns = {name: values[at] for name, values in given}
                row.append({"node": node.node, "operator": node.operator, "columns": columns})
        return told

    @staticmethod
    def _values(arrays: dict[str, dict[str, Any]], column: ColumnEntry, read: Any, count: int) -> list[Any]:
        array = arrays[column.at].get(column.tensor)
        if array is None or array.ndim != 2 or array.shape[0] != count or not 0 <= column.index < array.shape[1]:
            raise _damaged(column)
        kind = "O" if carrier_of(column.dtype, column.nullable) == "string" else carrier_of(column.dtype, column.nullable)
        if array.dtype != kind and array.dtype.kind != kind:
            raise _damaged(column)
        return [read(value) for value in array[:, column.index].tolist()]


def _damaged(column: ColumnEntry) -> PackageError:
    return PackageError(f"the package is damaged: its column {column.node}.{column.name} is not what its manifest says")
