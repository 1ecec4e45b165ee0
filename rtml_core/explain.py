"""What a compiled graph became, as a table for people and as entries for the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rtml_core.assemble import Assembled, kind_of
from rtml_core.custom_ops import CustomOp, native
from rtml_core.custom_ops.declaration import FOREIGN
from rtml_core.errors import CompileError, PluginError
from rtml_core.graph import Graph
from rtml_core.operator import Operator
from rtml_core.package import OpEntry
from rtml_core.plugins import plugins, registry


@dataclass(frozen=True)
class ExplainRow:
    """One authored node: what it is and what it became."""

    number: int
    node: str
    operator: str
    plugin: str
    kind: str
    onnx_nodes: int
    portable: bool


def op_entries(assembled: Assembled) -> list[OpEntry]:
    """The manifest's list of ONNX operators, with who brings those that are not core. Raises CompileError, naming the node, for a
    custom operator that no plugin brings, which no runtime could find, and for a native one that is not built here."""
    from importlib.metadata import version

    entries = []
    for (domain, op), count in assembled.ops.items():
        kind = kind_of(domain, assembled.custom_ops)
        if kind == "core":
            entries.append(OpEntry(domain, op, kind, count))
        elif kind == "extension":
            entries.append(OpEntry(domain, op, kind, count, "onnxruntime-extensions", version("onnxruntime-extensions")))
        else:
            entries.append(_custom_entry(assembled.custom_ops[domain], domain, count, f"Node '{assembled.callers.get(domain)}'"))
    return entries


def _custom_entry(op: CustomOp, domain: str, count: int, where: str) -> OpEntry:
    """A function is in the package, and needs nobody to bring it; of a native operator the library is named by its digest."""
    from unicodedata import unidata_version

    origin = plugins().custom_ops.origin_of(op)
    if origin is None and not op.portable:
        raise CompileError(
            f"{where}: the custom operator {op} ({op.body_name}) is brought by no installed plugin, so that no runtime could find"
            f" it; return it from the hook rtml_custom_ops of a plugin"
        )
    digests = {}
    if op.kind == "native":
        try:
            digests = {native.platform(): native.digest_of(native.require_library(op))}
        except PluginError as error:
            raise CompileError(f"{where}: {error}") from error
    return OpEntry(
        domain,
        op.name,
        op.kind,
        count,
        origin.distribution if origin else None,
        origin.version if origin else None,
        origin.plugin if origin else None,
        op.domain,
        op.version,
        unidata_version if op.unicode else None,
        digests,
    )


def explain_rows(graph: Graph, assembled: Assembled) -> list[ExplainRow]:
    """One row for each authored node, in order of execution; the nodes of a graph inside a node follow it, "outer/inner"."""
    rows = []
    for number, name in enumerate(graph.order(), start=1):
        rows += _node_rows(graph.nodes[name], name, number, assembled)
    loose = assembled.counts.get("", 0)
    if loose:
        rows.append(ExplainRow(len(graph.nodes) + 1, "(outputs)", "", "", "core", loose, True))
    return rows


def _node_rows(operator: Operator, scope: str, number: int, assembled: Assembled) -> list[ExplainRow]:
    method = getattr(operator.params, "import_", None)
    origin = registry().origin_of(operator)
    kinds = assembled.kinds.get(scope, set())
    kind = next((k for k in ("python", "native", "function", "extension") if k in kinds), "core")
    inner = operator.subgraph()
    row = ExplainRow(
        number,
        scope,
        f"{operator.name} {method}" if isinstance(method, str) else operator.name,
        origin.plugin if origin else "(not registered)",
        kind if assembled.counts.get(scope) else "folded" if inner is None else "its graph",
        assembled.counts.get(scope, 0),
        kind not in FOREIGN,
    )
    if inner is None:
        return [row]
    return [row, *(r for name in inner.order() for r in _node_rows(inner.nodes[name], f"{scope}/{name}", number, assembled))]


def render(rows: Sequence[ExplainRow]) -> str:
    """The rows as an aligned text table with a total."""
    header = ("#", "node", "operator", "plugin", "lowers to", "ONNX nodes", "portable")
    body = [(str(r.number), r.node, r.operator, r.plugin, r.kind, str(r.onnx_nodes), "yes" if r.portable else "no") for r in rows]
    total = ("", "", "", "", "total", str(sum(r.onnx_nodes for r in rows)), "yes" if all(r.portable for r in rows) else "no")
    widths = [max(len(line[i]) for line in (header, *body, total)) for i in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in (header, *body, total)
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
