"""The eager executor: runs a graph on frames. What it gives is the reference for everything compiled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rtml_core import progress
from rtml_core.errors import ExecutionError, GraphError, NotFittedError, RtmlError, close_match, listing, said
from rtml_core.frames import canonical, join
from rtml_core.graph import Graph
from rtml_core.lineage import Lineage
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
    with progress.task("training", len(graph.nodes)):
        _run(graph, frame, fit=True)


def _run(graph: Graph, frame: Any, *, fit: bool) -> dict[str, DataMsg]:
    messages: dict[str, DataMsg] = {}
    lineage = Lineage()
    late = {name: [entry.name for entry in graph.late_fields(name)] for name in graph.nodes}
    frame, own = _without_late(frame, {column for columns in late.values() for column in columns})
    branches_meet = any(len(graph.before(name)) > 1 for name in graph.nodes)
    for name in graph.validate():
        if fit and progress.watched():
            progress.step(graph.label(name))
        with _named(graph, name):
            message, versions = _input(graph, name, messages, lineage, frame)
            if late[name] and own is not None:
                message = _with_late(message, own, late[name])
            result = _step(graph.nodes[name], message, fit=fit)
        messages[name] = result
        if branches_meet and isinstance(result.data, pd_frame()) and result.data.columns.nlevels == 1:
            before = message.data
            lineage.record(name, versions, result.data.columns, lambda c, b=before, r=result.data: _equal(b, r, c))  # type: ignore[misc]
    return messages


def _without_late(frame: Any, columns: set[str]) -> tuple[Any, pd.DataFrame | None]:
    """What the first nodes get, and the columns that sources behind them add, as a compiled graph has it."""
    data = frame.data if isinstance(frame, DataMsg) else frame
    if not columns or not isinstance(data, pd_frame()):
        return frame, None
    found = [column for column in data.columns if column in columns]
    if not found:
        return frame, None
    rest = data.drop(columns=found)
    return (DataMsg(data=rest, model=frame.model) if isinstance(frame, DataMsg) else rest), data[found]


def _with_late(message: DataMsg, own: pd.DataFrame, columns: list[str]) -> DataMsg:
    """A message with the columns that a source adds, where the frame had them."""
    data = message.data
    found = [column for column in columns if column in own.columns]
    taken = [column for column in found if column in data.columns]
    if taken:
        raise ExecutionError(f"it adds the fields {listing(taken)}, and columns of that name reach it: rename one of them")
    if len(data) != len(own):
        raise ExecutionError(f"{len(data)} rows reach it, and {len(own)} rows have its fields: a node before it drops rows")
    joined = data.assign()
    for column in found:
        joined[column] = own[column].to_numpy() if not own.index.equals(data.index) else own[column]
    return DataMsg(data=joined, model=message.model)


def pd_frame() -> Any:
    """pandas.DataFrame, imported on first use."""
    import pandas as pd

    return pd.DataFrame


def _equal(before: Any, after: Any, column: str) -> bool:
    return before is after or bool(after[column].equals(before[column]))


def _step(operator: Operator, message: DataMsg, *, fit: bool) -> DataMsg:
    if fit and operator.learns:
        operator.fit(message.data)
    if not operator.fitted:
        raise NotFittedError(f"{operator.name} has to learn first: call graph.fit(train) before running or compiling")
    result = operator.process(message)
    if not isinstance(result, DataMsg):
        raise ExecutionError(f"process must return a DataMsg; got {type(result).__name__}")
    if result.data is not None and operator.role != "authoring":
        result = DataMsg(data=canonical(result.data), model=result.model, inner=result.inner)
    return result


@contextmanager
def _named(graph: Graph, name: str) -> Iterator[None]:
    """Errors gain the node: rtml's own keep their class, any other becomes an ExecutionError with its cause."""
    try:
        yield
    except RtmlError as error:
        error.args = (f"{graph.label(name)}: {error}", *error.args[1:])
        error.add_note(f"node id: {name}")
        raise
    except Exception as error:
        raise ExecutionError(f"{graph.label(name)} failed: {said(error)}") from error


def _input(graph: Graph, name: str, messages: dict[str, DataMsg], lineage: Lineage, frame: Any) -> tuple[DataMsg, dict[str, int]]:
    """What reaches a node, and the versions of its columns."""
    parents = graph.before(name)
    if not parents:
        message = frame if isinstance(frame, DataMsg) else DataMsg(data=frame)
        return DataMsg(data=_canonical(message.data), model=message.model), {}
    framed = [parent for parent in parents if messages[parent].data is not None]
    chosen = lineage.incoming(framed, lambda c, one, two: messages[one].data[c].equals(messages[two].data[c]))
    versions = {column: version for column, (_, version) in chosen.items()}
    models = [messages[parent].model for parent in parents]
    merged = {key: value for model in models if model is not None for key, value in model.items()} or None
    if len(framed) <= 1:
        return DataMsg(data=messages[framed[0]].data if framed else None, model=merged), versions
    return DataMsg(data=_side_by_side(messages, framed, chosen), model=merged), versions


def _side_by_side(messages: dict[str, DataMsg], parents: list[str], chosen: dict[str, tuple[str, int]]) -> pd.DataFrame:
    frames = [messages[parent].data for parent in parents]
    if any(len(frame) != len(frames[0]) for frame in frames):
        raise ExecutionError(f"the inputs to be joined have different numbers of rows: {[len(frame) for frame in frames]}")
    return pd_frame()({column: messages[parent].data[column] for column, (parent, _) in chosen.items()}, index=frames[0].index)


def _canonical(data: Any) -> Any:
    import pandas as pd

    return canonical(data) if isinstance(data, pd.DataFrame) and not isinstance(data.index, pd.MultiIndex) else data


def outputs(graph: Graph, frame: Any = None) -> pd.DataFrame:
    """Run the graph and return its output columns under their output names."""
    return outputs_of(graph, run(graph, frame))


def outputs_of(graph: Graph, messages: Mapping[str, DataMsg]) -> pd.DataFrame:
    """The output columns among what every node gave, under their output names."""
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
