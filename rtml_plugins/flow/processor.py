"""Processor: a graph used as one node of another."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from rtml_core import DataMsg, Graph, Operator, Params, doc
from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, ExecutionError, ParamError, RtmlError, describe

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

T = TypeVar("T")
#: graphs inside graphs, at most
MAX_DEPTH: Final = 8
_NAMES: Final = "a list of columns, or an object of new names and columns"


class ProcessorParams(Params):
    """See Processor."""

    graph: Annotated[Any, doc("The inner graph: a Graph, or its document.", "a Graph, or the document that its to_dsl() gives")]
    inputs: Annotated[
        list[str] | dict[str, str] | None,
        doc("The columns that enter the inner graph, as {name inside: column outside}; without it, all of them.", _NAMES),
    ] = None
    outputs: Annotated[
        list[str] | dict[str, str] | None,
        doc("The columns that come out, as {name outside: column inside}; without it, all of them.", _NAMES),
    ] = None

    def validate(self) -> None:
        for what in ("inputs", "outputs"):
            given = getattr(self, what)
            if given is None:
                continue
            made = dict(given) if isinstance(given, Mapping) else {name: name for name in given}
            if not made or len(made) < len(given):
                raise ParamError(f"parameter '{what}' must be {_NAMES}, at least one and none twice; got {given!r}")
            setattr(self, what, made)
        self.graph = _graph(self.graph)
        _check(self.graph)


def _graph(given: Any) -> Graph:
    """A graph of operators of its own, so that two Processors of one graph learn apart."""
    if isinstance(given, Graph):
        graph = Graph(outputs=given.outputs)
        for name, operator in given.nodes.items():
            graph.add(copy.copy(operator), name)
        for before, after in given.edges:
            graph.connect(before, after)
        return graph
    if not isinstance(given, (Mapping, str)):
        raise ParamError(f"parameter 'graph' must be a Graph, or the document that its to_dsl() gives; got {describe(given)}")
    try:
        if isinstance(given, Mapping) and _document_depth(given) > MAX_DEPTH:
            raise ParamError(f"graphs are nested more than {MAX_DEPTH} deep")
        return Graph.from_dsl(given)
    except RtmlError as error:
        raise ParamError(f"parameter 'graph': {error}") from None


def _check(graph: Graph) -> None:
    try:
        graph.validate()
    except RtmlError as error:
        raise ParamError(f"parameter 'graph': {error}") from None
    for name, operator in graph.nodes.items():
        if operator.role in ("source", "authoring"):
            what = "declares a request" if operator.role == "source" else "is for authoring"
            raise ParamError(
                f"parameter 'graph': node '{name}' ({operator.name}) {what}, which belongs into the outer graph. Leave it out:"
                f" the inner graph gets the frame that reaches the Processor"
            )
    if _depth(graph) > MAX_DEPTH:
        raise ParamError(f"parameter 'graph': graphs are nested more than {MAX_DEPTH} deep")


def _depth(graph: Graph) -> int:
    inner = [found for found in (operator.subgraph() for operator in graph.nodes.values()) if found is not None]
    return 1 + max((_depth(found) for found in inner), default=0)


def _document_depth(document: Mapping[str, Any]) -> int:
    """How deep documents are nested in a document, counted without recursion; wrong forms are left to the reader."""
    deepest, stack = 1, [(document, 1)]
    while stack and deepest <= MAX_DEPTH:
        found, depth = stack.pop()
        deepest = max(deepest, depth)
        nodes = found.get("nodes")
        for node in nodes if isinstance(nodes, list) else []:
            params = node.get("params") if isinstance(node, Mapping) else None
            inner = params.get("graph") if isinstance(params, Mapping) else None
            if isinstance(inner, Mapping):
                stack.append((inner, depth + 1))
    return deepest


class Meet(Operator):
    """Where the branches of an inner graph end, their frames side by side; costs nothing."""

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        return dict(columns)


class Processor(Operator):
    """Runs a graph as one node: what belongs together gets a name, and can be used again.

    Without `inputs` and `outputs` the frame that comes in enters the first nodes of the inner graph, and the frame that comes
    out is that of its last nodes; where branches end apart, their columns are joined as at any node. With `inputs`, only these
    columns enter, under their names inside; with `outputs`, only these come out, under their names outside. With either of
    them, what comes out is added to the frame that came in, whose other columns pass by unchanged: like a function with
    arguments and results. The `outputs` of the inner graph choose and rename as they do elsewhere.

    fit() trains the inner nodes that learn, on what reaches them. A compile inlines the inner graph: it costs what its nodes
    cost, and explain(), parity and errors name them, as "outer/inner". The inner graph may branch and may hold Processors, up
    to 8 deep; it has no source and no node for authoring.
    """

    Params = ProcessorParams

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator with rows."""
        from rtml_core.testing import frame

        inner = {"id": "renamed", "operator": "FieldTrans", "params": {"rename": {"price": "cost"}}}
        return [(cls(graph={"rtml": 1, "nodes": [inner], "edges": []}), frame(price="float?", visits="int", rows=40))]

    def setup(self) -> None:
        self._inner: Graph = self.params.graph
        self.params.graph = _document(self._inner)
        self._runs = _meeting(self._inner)
        self.learns = any(operator.learns for operator in self._inner.nodes.values())
        self._widen()

    def _widen(self) -> None:
        """The tolerance is the widest of the inner nodes'; a model declares its own when it is lowered."""
        declared = [operator.tolerance for operator in self._inner.nodes.values()]
        self.tolerance = (max(t[0] for t in declared), max(t[1] for t in declared))  # type: ignore[misc]

    # ---- state ----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> dict[str, Any] | None:
        """What the inner nodes have learned, by their ids; it lives in them."""
        inner = self.__dict__.get("_inner")
        found = {} if inner is None else {name: op.state for name, op in inner.nodes.items() if op.state is not None}
        return found or None

    @state.setter
    def state(self, value: dict[str, Any] | None) -> None:
        if value is None or "_inner" not in self.__dict__:
            return  # nothing said: what the inner nodes were given holds
        for name, state in value.items():
            if name not in self._inner.nodes:
                raise ParamError(f"Processor: the state is about a node '{name}', which the inner graph does not have")
            self._inner.nodes[name].state = state

    @property
    def fitted(self) -> bool:
        return all(operator.fitted for operator in self._inner.nodes.values())

    def subgraph(self) -> Graph:
        return self._inner

    def __copy__(self) -> Processor:
        return Processor(graph=self._inner, inputs=self.params.inputs, outputs=self.params.outputs, id=self.id)

    def __repr__(self) -> str:
        return f"Processor({self._inner!r})"

    # ---- running --------------------------------------------------------------------------------------------------

    def _entering(self, message: DataMsg) -> DataMsg:
        """What the inner graph is given of a message."""
        from rtml_core.frames import canonical

        frame = canonical(message.data)
        inputs = self.params.inputs
        if inputs is not None:
            _require(inputs, frame.columns)
            frame = frame[list(inputs.values())].set_axis(list(inputs), axis=1)
        return DataMsg(data=frame, model=message.model)

    def fit(self, frame: pd.DataFrame) -> Processor:
        """Let the inner nodes that learn learn from what reaches them."""
        self._runs.fit(self._entering(DataMsg(data=frame)).data)
        return self

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        """Run the inner graph on the frame."""
        from rtml_core.operator import frame_of

        frame = frame_of(message, self.name)
        model = message.model if isinstance(message, DataMsg) else None
        inner = self._runs.process(self._entering(DataMsg(data=frame, model=model)))
        end = inner[self._runs.ends()[0]]
        if end.data is None:
            raise ExecutionError("the inner graph ends without a frame; its last node must give one")
        if len(end.data) != len(frame):
            raise ExecutionError(f"the inner graph gave {len(end.data)} rows for {len(frame)}; a node of a graph keeps its rows")
        made = self._leaving({str(name): end.data[name] for name in end.data.columns})
        passing = {} if self._replaces else {str(name): frame[name] for name in frame.columns}
        return DataMsg(data=_framed({**passing, **made}, frame.index), model=end.model, inner=inner)

    @property
    def _replaces(self) -> bool:
        return self.params.inputs is None and self.params.outputs is None

    def _leaving(self, columns: Mapping[str, T]) -> dict[str, T]:
        """What comes out of the inner graph's last columns, under the names outside."""
        for chosen, where in ((self._inner.outputs, "the end of the inner graph"), (self.params.outputs, "the inner graph")):
            for name in (chosen or {}).values():
                if name not in columns:
                    raise ColumnError(missing_column(name, columns, where))
            columns = columns if chosen is None else {outside: columns[inside] for outside, inside in chosen.items()}
        return dict(columns)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_core.lowering.trace import lower_subgraph

        inputs = self.params.inputs
        _require(inputs or {}, columns)
        entering = dict(columns) if inputs is None else {inside: columns[outside] for inside, outside in inputs.items()}
        made = self._leaving(lower_subgraph(self._runs, b, entering))
        self._widen()
        return made if self._replaces else {**columns, **made}


def _document(graph: Graph) -> dict[str, Any]:
    """The inner graph's document, without what it has learned: that is the node's state."""
    try:
        document = graph.to_dsl()
    except RtmlError as error:
        raise ParamError(f"Processor: parameter 'graph': {error}") from None
    for node in document["nodes"]:
        node.pop("state", None)
    return document


def _meeting(graph: Graph) -> Graph:
    """The graph with one end: several of them meet in one more node."""
    ends = graph.ends()
    if len(ends) == 1:
        return graph
    made = Graph()
    for name, operator in graph.nodes.items():
        made.add(operator, name)
    for before, after in graph.edges:
        made.connect(before, after)
    meet = made.add(Meet(), "(ends)")
    for end in ends:
        made.connect(end, meet)
    return made


def _require(inputs: Mapping[str, str], known: Any) -> None:
    names = [str(name) for name in known]
    for name in inputs.values():
        if name not in names:
            raise ColumnError(missing_column(name, names))


def _framed(columns: Mapping[str, Any], index: Any) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: series.set_axis(index) for name, series in columns.items()}, index=index)
