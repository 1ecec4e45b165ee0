"""Lowering a whole graph: symbolic columns flow from node to node as frames do in the executor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rtml_core.columns import Field, carrier_of, missing_column
from rtml_core.errors import ColumnError, CompileError, GraphError, NotFittedError, NotLowerableError, RtmlError
from rtml_core.graph import Graph
from rtml_core.lineage import Lineage
from rtml_core.lowering.builder import Builder, live_values
from rtml_core.lowering.symbolic import Symbolic

#: what plugins may use (docs/reference/plugin-api-policy)
__all__ = ["lower_subgraph", "require_column"]

Columns = dict[str, Symbolic]


@dataclass
class Slot:
    """Where a field of the signature travels: column `index` of model input `tensor`."""

    tensor: str
    index: int


@dataclass
class Subgraph:
    """A lowered graph inside a node: what every inner node gave, and what went in."""

    nodes: dict[str, Columns]
    sources: Columns


@dataclass
class Lowered:
    """A lowered graph: the builder, what every node gave, the outputs, and where each field is fed (None: not needed)."""

    builder: Builder
    nodes: dict[str, Columns]
    outputs: Columns
    fields: tuple[Field, ...]
    slots: dict[str, Slot | None] = field(default_factory=dict)
    sources: dict[str, Symbolic] = field(default_factory=dict)


def lower_graph(graph: Graph, fields: Sequence[Field]) -> Lowered:
    """Lower every node; feed only the fields that the outputs depend on, packed into one input a dtype.

    Raises CompileError that names node, operator, reason and cure.
    """
    draft = _lower(graph, fields, set(), packed=False)
    needed = _needed(draft)
    return _lower(graph, fields, needed, packed=True)


def _lower(graph: Graph, fields: Sequence[Field], needed: set[str], *, packed: bool) -> Lowered:
    b = Builder()
    slots, sources = _inputs(b, fields, needed, packed=packed)
    nodes = _lower_nodes(graph, b, sources)
    lowered = Lowered(b, nodes, _outputs(graph, nodes), tuple(fields), slots, sources)
    if not lowered.outputs:
        raise CompileError("the graph has no output column: its last node gives an empty frame")
    return lowered


def _lower_nodes(graph: Graph, b: Builder, sources: Columns) -> dict[str, Columns]:
    """What every node gives; nodes that nothing feeds get the sources."""
    nodes: dict[str, Columns] = {}
    lineage = Lineage()
    late = {entry.name for name in graph.nodes for entry in graph.late_fields(name)}
    first = {name: column for name, column in sources.items() if name not in late}
    for name in graph.validate():
        incoming, versions = _incoming(graph, name, nodes, lineage) if graph.before(name) else (dict(first), {})
        incoming |= _own_fields(graph, name, incoming, sources)
        result = nodes[name] = lower_node(graph, name, b, incoming)
        lineage.record(name, versions, result, lambda c, i=incoming, r=result: r[c].same_as(i[c]))  # type: ignore[misc]
    return nodes


def _own_fields(graph: Graph, name: str, incoming: Columns, sources: Columns) -> Columns:
    """The fields that a source behind other nodes adds to what reaches it."""
    own = [entry.name for entry in graph.late_fields(name)]
    for field_name in own:
        if field_name in incoming:
            raise CompileError(
                f"{_cap(graph.label(name))} adds the field '{field_name}', and a column of that name reaches it: rename one"
            )
        if field_name not in sources:
            raise CompileError(f"{_cap(graph.label(name))} reads requests, so it can't stand in a graph inside of another node")
    return {field_name: sources[field_name] for field_name in own}


def lower_subgraph(graph: Graph, b: Builder, sources: Columns) -> Columns:
    """A graph with one end, inlined where a node is being lowered: `sources` go in, the columns of its end come out.

    Its nodes are emitted as "outer/inner". Raises what lower_node raises, with the inner node in front.
    """
    if b.scope in b.subgraphs:
        raise NotLowerableError(f"two nodes are called '{b.scope}', one of them inside a node; give one another id, without '/'")
    nodes = _lower_nodes(graph, b, sources)
    b.subgraphs[b.scope] = Subgraph(nodes, sources)
    return nodes[graph.ends()[0]]


def lower_node(graph: Graph, name: str, b: Builder, incoming: Columns) -> Columns:
    """Lower one node; every refusal becomes a CompileError with the node in front."""
    operator = graph.nodes[name]
    label = graph.label(name)
    if operator.role == "authoring":
        raise CompileError(f"{_cap(label)} is for authoring and training only; compile the graph without it")
    if not operator.fitted:
        raise NotFittedError(f"{_cap(label)} has to learn first: call graph.fit(train) before compiling")
    try:
        with b.node(f"{b.scope}/{name}" if b.scope else name):
            return operator.lower(b, incoming)
    except NotLowerableError as error:
        text = f"{_cap(label)} {error}" if str(error).startswith("cannot") else f"{_cap(label)}: {error}"
        refused = CompileError(text)
        refused.add_note(f"node id: {name}")
        raise refused from error
    except RtmlError as error:
        error.add_note(f"node id: {name}")
        error.args = (f"{_cap(label)}: {error}", *error.args[1:])
        raise


def _cap(text: str) -> str:
    return text[0].upper() + text[1:]


def require_column(columns: Columns, name: str) -> Symbolic:
    """The symbolic column `name`, or ColumnError with what there is and the closest name."""
    if name not in columns:
        raise ColumnError(missing_column(name, columns))
    return columns[name]


def _incoming(graph: Graph, name: str, nodes: dict[str, Columns], lineage: Lineage) -> tuple[Columns, dict[str, int]]:
    """Fan-in: the columns that reach a node, and their versions."""
    try:
        chosen = lineage.incoming(graph.before(name), lambda c, one, two: nodes[one][c].same_as(nodes[two][c]))
    except ColumnError as error:
        raise CompileError(f"{_cap(graph.label(name))}: {error}") from None
    columns = {column: nodes[parent][column] for column, (parent, _) in chosen.items()}
    return columns, {column: version for column, (_, version) in chosen.items()}


def _outputs(graph: Graph, nodes: dict[str, Columns]) -> Columns:
    ends = graph.ends()
    joined: Columns = {}
    for end in ends:
        for column, symbolic in nodes[end].items():
            present = joined.setdefault(column, symbolic)
            if not present.same_as(symbolic):
                raise CompileError(
                    f"the output column '{column}' comes from several ends of the graph ({', '.join(ends)}); rename one"
                )
    if "" in (joined if graph.outputs is None else graph.outputs):
        raise GraphError('an output must have a name; got \'\'. Name it in the graph\'s `outputs`, e.g. {"answer": "column"}')
    if graph.outputs is None:
        return joined
    for output, column in graph.outputs.items():
        if column not in joined:
            raise GraphError(f"output '{output}': {missing_column(column, joined, 'the end of the graph')}")
    return {output: joined[column] for output, column in graph.outputs.items()}


_ORDER = ("float64", "int64", "bool", "string")


def _inputs(b: Builder, fields: Sequence[Field], needed: set[str], *, packed: bool) -> tuple[dict[str, Slot | None], Columns]:
    slots: dict[str, Slot | None] = {}
    sources: Columns = {}
    groups: dict[str, list[Field]] = {}
    for entry in fields:
        column = entry.column
        if packed and entry.name not in needed:
            slots[entry.name] = None
            continue
        kind = carrier_of(column.dtype, column.nullable)
        groups.setdefault(kind if packed else f"{kind}:{entry.name}", []).append(entry)
    for key in sorted(groups, key=lambda k: _ORDER.index(k.partition(":")[0])):
        members = groups[key]
        tensor = b.input(key, key.partition(":")[0], len(members))
        for index, entry in enumerate(members):
            slots[entry.name] = Slot(key, index)
            sources[entry.name] = _source(entry, tensor, index)
    if packed:
        b_unfed = Builder()
        for entry in fields:
            if slots[entry.name] is None:
                column = entry.column
                dead = b_unfed.input(entry.name, carrier_of(column.dtype, column.nullable), 1)
                sources[entry.name] = _source(entry, dead, 0)
    return slots, {entry.name: sources[entry.name] for entry in fields}


def _source(entry: Field, tensor: Any, index: int) -> Symbolic:
    column = entry.column
    return Symbolic(column.dtype, tensor, index, column.nullable, categories=column.categories)


def _needed(draft: Lowered) -> set[str]:
    roots = [column.tensor for column in draft.outputs.values()] + [check.ok for check in draft.builder.checks]
    live = live_values(roots)
    return {name for name, slot in draft.slots.items() if slot is not None and slot.tensor in live}
