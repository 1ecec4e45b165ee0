"""What the nodes of a graph give on the way to its outputs, as a model of its own: the explain model.

The model that scores computes its outputs with as little as it can: steps are folded, and what is left moves in packed tensors.
So few columns on the way can be found in it. The explain model is made of what the lowering emitted, before anything was
optimised away, and has those columns as outputs. It is for looking into single rows, and nobody reads it who only scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import onnx_ir as ir

from rtml_core import package
from rtml_core.assemble import Assembled, assemble
from rtml_core.custom_ops import CustomOp
from rtml_core.custom_ops.declaration import FOREIGN
from rtml_core.explain import explain_rows, op_entries
from rtml_core.graph import Graph
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.lowering.trace import Lowered
from rtml_core.optimizer import ordered
from rtml_core.package import ColumnEntry, LeftOutEntry

#: bytes of constants (tables, trees, weights) that explain models hold at most: what weighs more is not in a package twice
HEAVY: Final = 256 << 10
#: more columns than these of one node are for a model, not for a reader
WIDE: Final = 256


@dataclass
class Draft:
    """What a lowering emitted, once more: a builder of its own, and its values by the id of those they stand for. New columns
    are (node, name, symbolic column), in the order of the graph."""

    builder: Builder
    values: dict[int, ir.Value]
    columns: list[tuple[str, str, Symbolic]]


@dataclass
class OnTheWay:
    """The explain model (None when none is needed), what the manifest says of it, and how near its columns must come.

    tolerances: (rtol, atol) by node; custom_ops: as in Assembled.
    """

    model: bytes | None
    entry: package.ExplainEntry
    tolerances: dict[str, tuple[float, float]]
    custom_ops: dict[str, CustomOp] = field(default_factory=dict)

    def leave_out(self, why: dict[tuple[str, str], str]) -> None:
        """Tell nothing of these columns, (node, name), any more, but why."""
        kept = tuple(entry for entry in self.entry.columns if (entry.node, entry.name) not in why)
        gone = [(entry.node, entry.name, why[entry.node, entry.name]) for entry in self.entry.columns if entry not in kept]
        left_out = (*self.entry.left_out, *_grouped(gone))
        if not any(entry.at == "explain" for entry in kept):
            self.model = None
            self.entry = package.ExplainEntry(self.entry.nodes, kept, left_out)
        else:
            self.entry = package.ExplainEntry(self.entry.nodes, kept, left_out, self.entry.opsets, self.entry.ops)


def draft(graph: Graph, lowered: Lowered) -> Draft:
    """To be called before the lowered graph is assembled, which rewires it. Constants are shared, not copied."""
    columns = list(_new_columns(graph, lowered))
    return Draft(*_copied(lowered.builder, [column.tensor for _, _, column in columns]), columns)


def build(graph: Graph, lowered: Lowered, outputs: list[package.OutputEntry], made: Draft, assembled: Assembled) -> OnTheWay:
    """The explain model. A column that is an output of the graph is read from the model that scores, and is not computed here;
    outputs: where they are.
    """
    by_name = {entry.name: entry for entry in outputs}
    answers = {_slot(column): by_name[name] for name, column in lowered.outputs.items()}
    fed = {id(value): value.name or "" for value in lowered.builder.inputs}
    chosen = _Chosen(made, set(assembled.custom_ops))
    columns: list[ColumnEntry] = []
    gone: list[tuple[str, str, str]] = []
    wide = {node for node in graph.nodes if sum(1 for other, _, _ in made.columns if other == node) > WIDE}
    for node, name, column in made.columns:
        answer = answers.get(_slot(column))
        if node in wide:
            gone.append((node, name, f"it is one of more than {WIDE} columns of its node"))
        elif answer is not None:
            columns.append(_entry(node, name, column, "output", answer.tensor, answer.index))
        elif id(column.tensor) in fed:
            columns.append(_entry(node, name, column, "input", fed[id(column.tensor)], column.index))
        elif why := chosen.refusal(column.tensor):
            gone.append((node, name, why))
        else:
            columns.append(_entry(node, name, column, "explain", chosen.name(column.tensor), column.index))
    rows = [row for row in explain_rows(graph, assembled) if row.operator]  # without what stands at the outputs
    nodes = tuple(package.NodeEntry(row.node, row.operator, row.plugin, row.kind, row.onnx_nodes) for row in rows)
    tolerances = _tolerances(graph)
    if not chosen.outputs:
        return OnTheWay(None, package.ExplainEntry(nodes, tuple(columns), _grouped(gone)), tolerances)
    explain = assemble(made.builder, chosen.outputs)
    entry = package.ExplainEntry(nodes, tuple(columns), _grouped(gone), explain.opsets, tuple(op_entries(explain)))
    return OnTheWay(explain.model, entry, tolerances, explain.custom_ops)


class _Chosen:
    """Which values become outputs of the explain model: those that are computed from what is fed, and whose constants are light.

    called: domains of custom operators that the model calls, too.
    """

    def __init__(self, made: Draft, called: set[str]):
        self.outputs: dict[str, ir.Value] = {}
        self._made = made
        self._inputs = {id(value) for value in made.builder.inputs}
        self._foreign = {d for d, op in made.builder.custom_ops.items() if op.kind in FOREIGN and d not in called}
        self._names: dict[int, str] = {}
        self._refused: dict[int, str | None] = {}
        self._taken: set[int] = set()
        self._weight = 0

    def name(self, tensor: ir.Value) -> str:
        """The output that a value is."""
        if id(tensor) not in self._names:
            name = self._names[id(tensor)] = f"column_{len(self._names) + 1}"
            self.outputs[name] = self._made.builder.alias(self._made.values[id(tensor)])
        return self._names[id(tensor)]

    def refusal(self, tensor: ir.Value) -> str | None:
        """Why a value is no output; None when it may be one, which then counts."""
        if id(tensor) not in self._refused:
            self._refused[id(tensor)] = self._look(self._made.values[id(tensor)])
        return self._refused[id(tensor)]

    def _look(self, value: ir.Value) -> str | None:
        seen: set[int] = set()
        weight = 0
        stack = [value]
        while stack:
            at = stack.pop()
            producer = at.producer()
            key = id(at if producer is None else producer)
            if key in seen or key in self._taken:
                continue
            seen.add(key)
            if producer is None:
                if at.const_value is None and id(at) not in self._inputs:
                    return "it depends on a field that no output depends on, which a model is not given"
                weight += at.const_value.nbytes if at.const_value is not None else 0
                continue
            if producer.domain in self._foreign:
                return "it needs code of a plugin that the outputs do not need"
            weight += sum(_weight(attribute) for attribute in producer.attributes.values())
            stack.extend(value for value in producer.inputs if value is not None)
        if self._weight + weight > HEAVY:
            return f"tables and models of about {weight:,} bytes stand behind it, which are not put into a package twice"
        self._weight += weight
        self._taken |= seen
        return None


def _weight(attribute: ir.Attr) -> int:
    value: Any = attribute.value
    if attribute.type == ir.AttributeType.TENSOR:
        return int(value.nbytes)
    if attribute.type in (ir.AttributeType.INTS, ir.AttributeType.FLOATS):
        return 4 * len(value)
    if attribute.type == ir.AttributeType.STRINGS:
        return sum(map(len, value))
    return 0


def _copied(b: Builder, roots: list[ir.Value]) -> tuple[Builder, dict[int, ir.Value]]:
    made = Builder(ml_opset=b.ml_opset, functions=b.functions, custom_ops=b.custom_ops, _count=b._count)
    now: dict[int, ir.Value] = {}

    def copy(value: ir.Value) -> ir.Value:
        if id(value) not in now:
            other = ir.Value(name=value.name, type=value.type, shape=value.shape, const_value=value.const_value)
            now[id(value)] = other
            if value.const_value is not None:
                made.initializers.append(other)
        return now[id(value)]

    made.inputs = [copy(value) for value in b.inputs]
    for node in ordered(roots):
        inputs = [None if value is None else copy(value) for value in node.inputs]
        other = ir.node(
            node.op_type, inputs, dict(node.attributes), domain=node.domain, num_outputs=len(node.outputs), name=node.name
        )
        other.metadata_props["rtml.node"] = node.metadata_props.get("rtml.node", "")
        made.nodes.append(other)
        for before, after in zip(node.outputs, other.outputs, strict=True):
            after.name, after.type, after.shape = before.name, before.type, before.shape
            now[id(before)] = after
    for value in roots:
        copy(value)
    return made, now


def _new_columns(graph: Graph, lowered: Lowered) -> Iterator[tuple[str, str, Symbolic]]:
    """What each node gives that it did not get."""
    for node, columns in lowered.nodes.items():
        before = [lowered.nodes[parent] for parent in graph.before(node)] or [lowered.sources]
        if graph.late_fields(node):
            before.append(lowered.sources)
        for name, column in columns.items():
            if not any(name in given and column.same_as(given[name]) for given in before):
                yield node, name, column


def _slot(column: Symbolic) -> tuple[int, int, str]:
    return id(column.tensor), column.index, column.dtype


def _entry(node: str, name: str, column: Symbolic, at: str, tensor: str, index: int) -> ColumnEntry:
    return ColumnEntry(node, name, column.dtype, at, tensor, index, column.nullable)


def _grouped(gone: list[tuple[str, str, str]]) -> tuple[LeftOutEntry, ...]:
    groups: dict[tuple[str, str], list[str]] = {}
    for node, name, why in gone:
        groups.setdefault((node, why), []).append(name)
    return tuple(LeftOutEntry(node, tuple(names), why) for (node, why), names in groups.items())


def _tolerances(graph: Graph) -> dict[str, tuple[float, float]]:
    """For each node the widest tolerance that it or a node before it declares."""
    found: dict[str, tuple[float, float]] = {}
    for name in graph.order():
        declared = [graph.nodes[name].tolerance, *(found[parent] for parent in graph.before(name))]
        found[name] = (max(t[0] for t in declared), max(t[1] for t in declared))
    return found
