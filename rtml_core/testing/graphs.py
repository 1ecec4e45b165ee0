"""Graphs and packages of the operators under test, to score them as a server would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rtml_core.columns import signature_spec
from rtml_core.compiler import fields_of
from rtml_core.errors import GraphError, RtmlError, describe
from rtml_core.frames import canonical, schema_of
from rtml_core.graph import Graph
from rtml_core.operator import Operator
from rtml_core.plugins import registry

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.compiler import Compiled


def build_graph(
    operators: Operator | Sequence[Operator],
    schema: Mapping[str, Any] | pd.DataFrame,
    *,
    outputs: Mapping[str, str] | Sequence[str] | None = None,
) -> Graph:
    """A graph of a Receiver and the operators, one after the other.

    schema: what a request holds, {"age": "float?", "brand": "string"}, or a frame, whose columns are then the fields; one may be
    missing where the frame shows it. outputs: the columns that the graph answers with, by default all of the last operator.
    Raises GraphError when there is no operator, CompileError for a column that a request can't carry.
    """
    chain: list[Any] = list(operators) if isinstance(operators, (list, tuple)) else [operators]
    if not chain or not all(isinstance(operator, Operator) for operator in chain):
        raise GraphError(f"build_graph takes an operator, or a list of at least one; got {describe(operators)}")
    spec = dict(schema) if isinstance(schema, Mapping) else _spec(schema)
    graph = Graph(outputs)
    before = graph.add(registry()["Receiver"](schema=spec))
    for operator in chain:
        node = graph.add(operator)
        graph.connect(before, node)
        before = node
    return graph


def _spec(frame: pd.DataFrame) -> dict[str, Any]:
    shown = schema_of(canonical(frame))
    spec = signature_spec(fields_of(frame))
    return {name: word if shown[name].nullable else word.removesuffix("?") for name, word in spec.items()}


def compiled(
    operators: Operator | Sequence[Operator],
    frame: pd.DataFrame,
    *,
    schema: Mapping[str, Any] | None = None,
    outputs: Mapping[str, str] | Sequence[str] | None = None,
    **options: Any,
) -> Compiled:
    """A compiled package of the operators, proved on the frame: `.score(row)`, `.manifest`, `.explain()`, `.save(path)`.

    frame: real rows, and the signature unless `schema` gives one (see build_graph). options: those of Graph.compile, as
    portable=True. An operator that learns must have learned: call its fit(frame) before.
    Raises what compiling raises: CompileError, NotFittedError, ParityError.
    """
    if not hasattr(frame, "columns"):
        raise RtmlError(f"compiled takes a pandas DataFrame of rows to prove the package on; got {describe(frame)}")
    if not len(frame):
        raise RtmlError("compiled needs a frame with rows to prove the package on; got one without")
    return build_graph(operators, frame if schema is None else schema, outputs=outputs).compile(frame, **options)
