"""Graphs: operators placed as nodes with stable ids, connected by edges, without cycles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rtml_core.errors import GraphError, UnknownNameError, close_match, listing
from rtml_core.operator import Operator

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.columns import Field
    from rtml_core.compiler import Compiled
    from rtml_core.operator import DataMsg


class Graph:
    """An acyclic graph of operators.

    Build it with `a >> b >> c`, with fan-out and fan-in as lists (`a >> [b, c] >> d`), each of which gives a new graph, or with
    `add` and `connect`, which change the graph.
    `outputs` names the columns that the compiled graph answers with: {"name": "column"} of the last nodes, or None for
    all columns of the nodes that nothing follows.
    """

    def __init__(self, outputs: Mapping[str, str] | Sequence[str] | None = None):
        self.nodes: dict[str, Operator] = {}
        self.edges: list[tuple[str, str]] = []
        self.outputs: dict[str, str] | None = _outputs(outputs)
        self._tips: list[str] = []

    # ---- building -----------------------------------------------------------------------------------------------

    @classmethod
    def start(cls, first: Any) -> Graph:
        """A graph of one operator, or of several side by side."""
        graph = cls()
        graph._tips = graph._take(first)[1]
        return graph

    def add(self, operator: Operator, id: str | None = None) -> str:
        """Place an operator as a node; returns its id (the given one, the operator's, or one made from its name)."""
        if not isinstance(operator, Operator):
            raise GraphError(f"a node must be an operator, e.g. operators.Pandas(...); got {operator!r}")
        wanted = id or operator._given_id
        if wanted is None:
            wanted = self._fresh(operator.name)
        elif wanted in self.nodes and self.nodes[wanted] is not operator:
            raise GraphError(f"the node id '{wanted}' is used twice; give one of the two nodes another id")
        self.nodes[wanted] = operator
        operator.id = wanted
        return wanted

    def connect(self, before: str, after: str) -> None:
        """An edge from node `before` to node `after`."""
        for name in (before, after):
            if name not in self.nodes:
                raise UnknownNameError(
                    f"Node '{name}' does not exist. The graph has: {listing(self.nodes)}.{close_match(name, self.nodes)}"
                )
        if (before, after) not in self.edges:
            self.edges.append((before, after))

    def __rshift__(self, other: Any) -> Graph:
        """`graph >> operator`, `graph >> [a, b]`, `graph >> other_graph`: a new graph, its open ends connected to the new nodes.

        The graph itself stays as it is, so that two models may go on from one; both have its operators, and what these learn.
        """
        made = Graph(self.outputs)
        made.nodes, made.edges, made._tips = dict(self.nodes), list(self.edges), list(self._tips)
        entries, tips = made._take(other)
        for tip in self._tips or self.ends():
            for entry in entries:
                made.connect(tip, entry)
        made._tips = tips
        return made

    def __rrshift__(self, other: Any) -> Graph:
        """`[a, b] >> graph`."""
        return Graph.start(other) >> self

    def _take(self, item: Any) -> tuple[list[str], list[str]]:
        """Add an operator, graph or list of them; returns ids of the nodes to connect to, and of the open ends."""
        if isinstance(item, (list, tuple)):
            if not item:
                raise GraphError("an empty list can't be connected; put operators or graphs into it")
            pairs = [self._take(part) for part in item]
            return [e for entries, _ in pairs for e in entries], [t for _, tips in pairs for t in tips]
        if isinstance(item, Graph):
            return self._merge(item)
        known = next((name for name, operator in self.nodes.items() if operator is item), None)
        name = self.add(item) if known is None else known
        return [name], [name]

    def _merge(self, other: Graph) -> tuple[list[str], list[str]]:
        names = {}
        for name, operator in other.nodes.items():
            present = next((n for n, o in self.nodes.items() if o is operator), None)
            if present is None:
                present = self.add(operator, self._fresh(operator.name) if name in self.nodes else name)
            names[name] = present
        for before, after in other.edges:
            self.connect(names[before], names[after])
        if other.outputs is not None:
            self.outputs = other.outputs
        followed = {after for _, after in other.edges}
        return [names[n] for n in other.nodes if n not in followed], [names[tip] for tip in other._tips or other.ends()]

    def _fresh(self, name: str) -> str:
        stem = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
        if stem not in self.nodes:
            return stem
        number = 2
        while f"{stem}_{number}" in self.nodes:
            number += 1
        return f"{stem}_{number}"

    # ---- asking -------------------------------------------------------------------------------------------------

    def before(self, name: str) -> list[str]:
        """Ids of the nodes that feed `name`, in the order of the edges."""
        return [a for a, b in self.edges if b == name]

    def late_fields(self, name: str) -> tuple[Field, ...]:
        """The fields of a request that a source behind other nodes adds to what reaches it; () of all other nodes."""
        operator = self.nodes[name]
        if operator.role != "source" or not self.before(name) or operator.boundary() is None:
            return ()
        return tuple(operator.source_fields() or ())

    def ends(self) -> list[str]:
        """Ids of the nodes that nothing follows, in order."""
        followed = {a for a, _ in self.edges}
        return [name for name in self.nodes if name not in followed]

    def number(self, name: str) -> int:
        """Position of a node in order of execution, from 1: what error messages call "node 5"."""
        return self.order().index(name) + 1

    def label(self, name: str) -> str:
        """How an error names a node: "node 5 (OneHotEncoder)"."""
        operator = self.nodes[name]
        method = getattr(operator.params, "import_", None)
        called = f"{operator.name} '{method}'" if isinstance(method, str) else operator.name
        return f"node {self.number(name)} ({called})"

    def order(self) -> list[str]:
        """Node ids so that every node comes after what feeds it; raises GraphError naming the cycle."""
        done: dict[str, bool] = {}
        order: list[str] = []
        feeds: dict[str, list[str]] = {name: [] for name in self.nodes}
        for a, b in self.edges:
            feeds[b].append(a)
        for root in self.nodes:
            stack = [(root, iter(feeds[root]))] if root not in done else []
            done.setdefault(root, False)
            while stack:
                name, rest = stack[-1]
                step = next(rest, None)
                if step is None:
                    done[name] = True
                    order.append(name)
                    stack.pop()
                elif step not in done:
                    done[step] = False
                    stack.append((step, iter(feeds[step])))
                elif not done[step]:
                    path = [item for item, _ in stack]
                    cycle = [*reversed(path[path.index(step) :]), path[-1]]
                    raise GraphError(f"the graph has a cycle: {' -> '.join(cycle)}. Remove one of these edges")
        return order

    def validate(self) -> list[str]:
        """Check the graph as a whole; returns the order of execution. Raises GraphError."""
        if not self.nodes:
            raise GraphError("the graph is empty: add operators, e.g. operators.Receiver(schema={...}) >> operators.Pandas(...)")
        order = self.order()
        if len(self.nodes) > 1:
            linked = {name for edge in self.edges for name in edge}
            loose = [name for name in self.nodes if name not in linked]
            if loose:
                raise GraphError(f"not connected to the rest of the graph: {', '.join(loose)}. Connect or remove them")
            self._check_one_piece()
        return order

    def _check_one_piece(self) -> None:
        neighbours: dict[str, set[str]] = {name: set() for name in self.nodes}
        for a, b in self.edges:
            neighbours[a].add(b)
            neighbours[b].add(a)
        first = next(iter(self.nodes))
        reached, frontier = {first}, [first]
        while frontier:
            for name in neighbours[frontier.pop()] - reached:
                reached.add(name)
                frontier.append(name)
        apart = [name for name in self.nodes if name not in reached]
        if apart:
            raise GraphError(
                f"the graph falls apart: {', '.join(apart)} have no connection to '{first}'. Join them or make two graphs"
            )

    # ---- running ------------------------------------------------------------------------------------------------

    def fit(self, frame: pd.DataFrame) -> Graph:
        """Run the graph on a training frame and let every operator that learns learn from what reaches it."""
        from rtml_core.executor import fit

        fit(self, frame)
        return self

    def run(self, frame: Any = None) -> pd.DataFrame:
        """Run eagerly, on pandas; returns the output columns. The reference for everything compiled."""
        from rtml_core.executor import outputs

        return outputs(self, frame)

    def process(self, frame: Any = None) -> dict[str, DataMsg]:
        """Run eagerly and keep what every node gave, by node id."""
        from rtml_core.executor import run

        return run(self, frame)

    def compile(self, sample: pd.DataFrame | None = None, **options: Any) -> Compiled:
        """Compile the whole graph into one package; see compiler.compile_graph for the options."""
        from rtml_core.compiler import compile_graph

        return compile_graph(self, sample, **options)

    def to_dsl(self) -> dict[str, Any]:
        """The graph as JSON values; see docs/reference/dsl."""
        from rtml_core.dsl import to_dsl

        return to_dsl(self)

    @classmethod
    def from_dsl(cls, document: Any) -> Graph:
        """The graph of a DSL document (JSON text or parsed)."""
        from rtml_core.dsl import from_dsl

        return from_dsl(document)

    def _repr_html_(self) -> str:
        from rtml_core.display import html

        return html(self)

    def __repr__(self) -> str:
        return f"Graph({len(self.nodes)} nodes, {len(self.edges)} edges)"


def _outputs(outputs: Mapping[str, str] | Iterable[str] | None) -> dict[str, str] | None:
    if outputs is None:
        return None
    if isinstance(outputs, str):
        raise GraphError(f"outputs must be a list of columns or an object of names and columns; got {outputs!r}")
    return dict(outputs) if isinstance(outputs, Mapping) else {name: name for name in outputs}
