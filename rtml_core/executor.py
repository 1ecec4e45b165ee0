"""The eager executor: runs a graph on frames. What it gives is the reference for everything compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rtml_core.errors import ExecutionError, GraphError, NotFittedError, RtmlError, close_match, listing
from rtml_core.frames import canonical, join
from rtml_core.graph import Graph
from rtml_core.operator import DataMsg, Operator

if TYPE_CHECKING:
    import pandas as pd


def run(graph: Graph, frame: Any = None) -> dict[str, DataMsg]:
    """Run every node on `frame` (DataFrame, DataMsg or None); returns the message of each node by id.

    An error inside a node becomes an ExecutionError that names node and operator and chains the cause; rtml's own
    errors keep their class and gain the node.
    """
    return _run(graph, frame, fit=False)


def fit(graph: Graph, frame: Any) -> None:
    """Run the graph on a training frame, calling `fit` of each operator that learns before it is used."""
    _run(graph, frame, fit=True)


def _run(graph: Graph, frame: Any, *, fit: bool) -> dict[str, DataMsg]:
    messages: dict[str, DataMsg] = {}
    for name in graph.validate():
        operator = graph.nodes[name]
        feeds = [messages[before] for before in graph.before(name)]
        messages[name] = step(graph, name, operator, feeds, frame, fit=fit)
    return messages


def step(graph: Graph, name: str, operator: Operator, feeds: list[DataMsg], frame: Any, *, fit: bool = False) -> DataMsg:
    """Run one node on the messages that feed it (or on `frame` when nothing does)."""
    try:
        message = _input(graph, feeds, frame)
        if fit and operator.learns:
            operator.fit(message.data)
        if not operator.fitted:
            raise NotFittedError(f"{operator.name} has to learn first: call graph.fit(train) before running or compiling")
        result = operator.process(message)
        if not isinstance(result, DataMsg):
            raise ExecutionError(f"process must return a DataMsg; got {type(result).__name__}")
        if result.data is not None and operator.role != "authoring":
            result = DataMsg(data=canonical(result.data), model=result.model)
        return result
    except RtmlError as error:
        error.args = (f"{graph.label(name)}: {error}", *error.args[1:])
        error.add_note(f"node id: {name}")
        raise
    except Exception as error:
        raise ExecutionError(f"{graph.label(name)} failed: {type(error).__name__}: {error}") from error


def _input(graph: Graph, feeds: list[DataMsg], frame: Any) -> DataMsg:
    if not feeds:
        message = frame if isinstance(frame, DataMsg) else DataMsg(data=frame)
        return DataMsg(data=_canonical(message.data), model=message.model)
    if len(feeds) == 1:
        return feeds[0]
    frames = [feed.data for feed in feeds if feed.data is not None]
    models = [feed.model for feed in feeds if feed.model is not None]
    merged = {key: value for model in models for key, value in model.items()} or None
    return DataMsg(data=join(frames) if frames else None, model=merged)


def _canonical(data: Any) -> Any:
    import pandas as pd

    return canonical(data) if isinstance(data, pd.DataFrame) and not isinstance(data.index, pd.MultiIndex) else data


def outputs(graph: Graph, frame: Any = None) -> pd.DataFrame:
    """Run the graph and return its output columns under their output names."""
    messages = run(graph, frame)
    frames = [messages[name].data for name in graph.ends() if messages[name].data is not None]
    if not frames:
        raise GraphError("the graph ends without a frame; its last node must give one")
    return select(graph, join(frames))


def select(graph: Graph, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns that the graph declares as outputs, renamed; all when it declares none."""
    if graph.outputs is None:
        return frame
    for output, column in graph.outputs.items():
        if column not in frame.columns:
            raise GraphError(
                f"output '{output}': the graph ends without a column '{column}'. It has: {listing(map(str, frame.columns))}."
                f"{close_match(column, map(str, frame.columns))}"
            )
    picked = frame[list(graph.outputs.values())].copy()
    picked.columns = list(graph.outputs)
    return picked
