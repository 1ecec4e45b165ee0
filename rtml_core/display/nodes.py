"""What is known of a graph that somebody is working on: its nodes in order, the columns that they take and give, what is wrong.

Nothing of it is run, and a graph that is not fitted, not finished or broken is known as far as it can be. Where the sources
declare their fields, columns are those that the nodes' `schema` says; else those that parameters name.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from rtml_core.columns import Column, Schema
from rtml_core.display.naming import made, taken
from rtml_core.display.pruned import is_large, pruned
from rtml_core.errors import NotFittedError, RtmlError, said
from rtml_core.graph import Graph
from rtml_core.lineage import Lineage
from rtml_core.operator import Operator
from rtml_core.plugins import current

Edge = tuple[str, str]
#: columns that are looked at over all nodes; beyond them only what parameters name is known
MOST_COLUMNS: Final = 10_000
#: values of parameters and state of a node that is asked what it gives
_LARGE: Final = 5_000
#: inner nodes that are listed, and how deep
MOST_INNER: Final = 200
_DEEP: Final = 8


@dataclass(frozen=True)
class Node:
    """A node. number: as in errors, "node 5"; label: "Pandas fillna"; plugin: that brings it, "" when none is known to; model:
    class of the model that it holds; takes, gives: names of columns; leaving: all columns that leave it, None where that is not
    known; learning: "learned", "not fitted" or ""; problem: why it can't work; inner: nodes of a graph inside, "outer/inner"."""

    id: str
    number: int
    label: str
    plugin: str = ""
    role: str = ""
    model: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    takes: Sequence[str] = ()
    gives: Sequence[str] = ()
    leaving: Schema | None = None
    learning: str = ""
    problem: str = ""
    inner: Sequence[Node] = ()


@dataclass(frozen=True)
class Known:
    """A graph. edges: that go from node to node and close no cycle; back: those that do. problem: why it is no graph to be run;
    outputs: of the answer, None where they are not known."""

    nodes: Mapping[str, Node]
    edges: Sequence[Edge]
    back: Sequence[Edge]
    problem: str
    outputs: Sequence[str] | None


def known(graph: Graph) -> Known:
    """What is known of a graph; never raises for what is in it."""
    every = [(first, second) for first, second in dict.fromkeys(graph.edges) if first in graph.nodes and second in graph.nodes]
    edges, back = every, list[Edge]()
    order = _order(list(graph.nodes), edges)
    if order is None:
        edges, back = _without_cycles(every)
        order = _order(list(graph.nodes), edges) or []
    found = _Columns(graph, edges).follow(order)
    nodes = {name: _node(name, number, graph.nodes[name], found) for number, name in enumerate(order, 1)}
    return Known(nodes, edges, back, _problem(graph, nodes), _outputs(graph, nodes, edges))


def _order(names: Sequence[str], edges: Iterable[Edge]) -> list[str] | None:
    """Ids in the order of Graph.order; None when there is a cycle."""
    graph = Graph()
    graph.nodes = dict.fromkeys(names)  # type: ignore[assignment]  # whatever the nodes are
    graph.edges = list(edges)
    try:
        return graph.order()
    except RtmlError:
        return None


def _without_cycles(edges: Iterable[Edge]) -> tuple[list[Edge], list[Edge]]:
    """The edges, one after the other, that close no cycle; and those that do."""
    after: dict[str, list[str]] = {}
    kept: list[Edge] = []
    back: list[Edge] = []
    for first, second in edges:
        reached, waiting = {second}, [second]
        while waiting:
            new = set(after.get(waiting.pop(), ())) - reached
            reached |= new
            waiting += new
        if first in reached:
            back.append((first, second))
        else:
            kept.append((first, second))
            after.setdefault(first, []).append(second)
    return kept, back


def _problem(graph: Graph, nodes: Mapping[str, Node]) -> str:
    """Why the graph as a whole is none, in the words of Graph.validate; for edges to nowhere in our own."""
    nowhere = next((end for edge in graph.edges for end in edge if end not in graph.nodes), None)
    if nowhere is not None:
        return f"an edge leads to or from '{nowhere}', and there is no such node"
    try:
        graph.validate()
    except RtmlError as error:
        return str(error)
    return ""


def _outputs(graph: Graph, nodes: Mapping[str, Node], edges: Sequence[Edge]) -> list[str] | None:
    if graph.outputs is not None:
        return list(graph.outputs)
    followed = {first for first, _ in edges}
    names: dict[str, None] = {}
    for node in nodes.values():
        if node.id in followed:
            continue
        if node.leaving is None and not (node.role == "model" and node.gives):
            return None
        names |= dict.fromkeys(node.gives if node.leaving is None else node.leaving)
    return list(names)


# ---- columns -----------------------------------------------------------------------------------------------------------------


class _Columns:
    """The columns that enter and leave each node, where that is known without rows; problems of nodes."""

    def __init__(self, graph: Graph, edges: Sequence[Edge]):
        self.graph = graph
        self.parents: dict[str, list[str]] = {name: [] for name in graph.nodes}
        for first, second in edges:
            self.parents[second].append(first)
        self.entering: dict[str, Schema | None] = {}
        self.leaving: dict[str, Schema | None] = {}
        self.problems: dict[str, str] = {}
        self._lineage = Lineage()
        self._left = MOST_COLUMNS

    def follow(self, order: Sequence[str]) -> _Columns:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of strangers' operators: the display is no place to be warned of them
            for name in order:
                self._step(name)
        return self

    def _step(self, name: str) -> None:
        self.entering[name] = self.leaving[name] = None
        operator = self.graph.nodes[name]
        if not isinstance(operator, Operator):
            self.problems[name] = f"a node must be an operator; this one is a {type(operator).__name__}"
            return
        versions: dict[str, int] = {}
        with self._problems_of(name):
            columns = self._fields(operator) if not self.parents[name] else self._joined(name, versions)
            if columns is None:
                return
            for entry in self.graph.late_fields(name):
                columns.setdefault(entry.name, entry.column)
            self.entering[name] = before = Schema(columns.values())
            self._left -= len(before) + 1
            # lowering a model, or what else has learned much, may take seconds; what is for authoring has none
            skipped = operator.role in ("model", "authoring") or self._left < 0 or not operator.fitted
            if skipped or is_large(operator.state, _LARGE) or is_large(params_as_given(operator), _LARGE):
                return
            after = operator.schema(before)
            self._lineage.record(name, versions, after, lambda column: before[column] == after[column])
            self.leaving[name] = after

    def _fields(self, operator: Operator) -> dict[str, Column] | None:
        """The columns of a request, for a node that nothing feeds."""
        declared = operator.source_fields() if operator.role == "source" else None
        return None if declared is None else {entry.name: entry.column for entry in declared}

    def _joined(self, name: str, versions: dict[str, int]) -> dict[str, Column] | None:
        """The columns of all nodes before; versions: theirs, which are filled in."""
        before = {parent: self.leaving[parent] for parent in self.parents[name]}
        if any(schema is None for schema in before.values()):
            return None

        def at(parent: str, column: str) -> Column:
            schema = before[parent]
            assert schema is not None
            return schema[column]

        chosen = self._lineage.incoming(list(before), lambda column, one, other: at(one, column) == at(other, column))
        versions.update({column: version for column, (_, version) in chosen.items()})
        return {column: at(parent, column) for column, (parent, _) in chosen.items()}

    @contextmanager
    def _problems_of(self, name: str) -> Iterator[None]:
        """What an operator raises when it is asked about columns is a problem of its node, and no more."""
        try:
            yield
        except NotFittedError:
            pass  # that is marked in words of its own
        except RtmlError as error:
            self.problems[name] = str(error)
        except Exception as error:  # an operator of a stranger, or one that is being written, may raise anything
            self.problems[name] = said(error, 300)


# ---- nodes -------------------------------------------------------------------------------------------------------------------


def _node(name: str, number: int, operator: Operator, columns: _Columns) -> Node:
    before, after, problem = columns.entering[name], columns.leaving[name], columns.problems.get(name, "")
    if not isinstance(operator, Operator):
        return Node(name, number, type(operator).__name__, problem=problem)
    params = params_of(operator)
    gives = made(params) if before is None or after is None else _given(before, after)
    if operator.role == "source" and after is not None:
        gives = list(after)
    return Node(
        id=name,
        number=number,
        label=label_of(operator),
        plugin=plugin_of(operator),
        role=operator.role,
        model=_model(params),
        params=params,
        takes=_taken(operator, params, before),
        gives=gives,
        leaving=after,
        learning=learning_of(operator),
        problem=problem,
        inner=_inner(operator, name, number, 0),
    )


def label_of(operator: Operator) -> str:
    """An operator in short: "Pandas fillna"."""
    method = getattr(operator.params, "import_", None)
    return f"{operator.name} {method}" if isinstance(method, str) else operator.name


def plugin_of(operator: Operator) -> str:
    """The plugin that brings an operator; "" for one that none of the loaded ones does."""
    plugins = current()
    origin = plugins.registry.origin_of(operator) if plugins is not None else None
    return origin.plugin if origin is not None else ""


def params_of(operator: Operator) -> dict[str, Any]:
    """The parameters that are given, as JSON values, cut down."""
    found: dict[str, Any] = pruned(params_as_given(operator))
    return found


def params_as_given(operator: Operator) -> dict[str, Any]:
    """The parameters that differ from their defaults; not Operator.to_json, which may read files."""
    try:
        given: dict[str, Any] = operator.params.to_json()
    except Exception:  # arrays can't be compared with a default; parameters of a stranger may do anything
        return {name: getattr(operator.params, name, None) for name in getattr(operator.params, "__struct_fields__", ())}
    return given


def learning_of(operator: Operator) -> str:
    """Whether a node that learns has learned; "" for one that need not."""
    try:
        return "" if not operator.learns else "learned" if operator.fitted else "not fitted"
    except Exception:  # a property of a stranger's
        return ""


def _model(params: Mapping[str, Any]) -> str:
    """The class of the model in parameters, as they are written or given."""
    inner = params.get("params")
    model = params.get("model", inner.get("model") if isinstance(inner, Mapping) else None)
    if isinstance(model, Mapping):
        model = model.get("class")
    return model.rpartition(".")[2] if isinstance(model, str) else ""


def _taken(operator: Operator, params: Mapping[str, Any], before: Schema | None) -> list[str]:
    if operator.role == "source":
        return []
    try:
        if operator.has_formula():
            return list(map(str, operator.columns()))
    except Exception:  # of a formula that is being written
        return []
    features = operator.state.get("features") if isinstance(operator.state, Mapping) else None
    if isinstance(features, list) and "features" not in params:
        return [name for name in features if isinstance(name, str)]
    return taken(params, dict.fromkeys(before or ()))


def _given(before: Schema, after: Schema) -> list[str]:
    """What a node gives and did not get."""
    return [name for name, column in after.items() if name not in before or before[name] != column]


def _inner(operator: Operator, outer: str, number: int, depth: int) -> list[Node]:
    """The nodes of a graph inside a node, and of those inside them."""
    try:
        graph = operator.subgraph()
        inside = [] if graph is None or depth >= _DEEP else list(graph.nodes.items())
    except Exception:  # of a stranger's operator
        return []
    nodes: list[Node] = []
    for name, one in inside[:MOST_INNER]:
        params = params_of(one)
        nodes.append(
            Node(
                id=f"{outer}/{name}",
                number=number,
                label=label_of(one),
                plugin=plugin_of(one),
                role=one.role,
                model=_model(params),
                params=params,
                takes=_taken(one, params, None),
                gives=made(params),
                learning=learning_of(one),
            )
        )
        nodes += _inner(one, f"{outer}/{name}", number, depth + 1)
    return nodes
