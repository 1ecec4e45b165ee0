"""The parity gate at single nodes: a node's own edge rows, and the first node at which a graph differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.assemble import assemble
from rtml_core.columns import Field, Schema
from rtml_core.errors import ParityError, describe
from rtml_core.frames import canonical, to_carrier
from rtml_core.graph import Graph
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.scratch import lower_alone
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.lowering.trace import Lowered, lower_graph
from rtml_core.operator import DataMsg, Operator
from rtml_core.package import OutputEntry
from rtml_core.parity_compare import Array, Difference, differing, row_of, some_of_each, worst_rows
from rtml_core.running import run_lowered, run_model

if TYPE_CHECKING:
    import pandas as pd


#: where the rows of a node's parity_cases are from
OWN: Final = "the node's own cases"


def node_cases(graph: Graph, name: str, lowered: Lowered, scope: str = "", within: str = "") -> int:
    """Compare one node alone on the rows of its `parity_cases`; returns how many rows. Raises ParityError.

    A graph inside the node is compared node by node; `scope` and `within` are the id and the label of the node it is in.
    """
    operator = graph.nodes[name]
    place, scoped = within + graph.label(name), f"{scope}/{name}" if scope else name
    inner = operator.subgraph()
    if inner is not None:
        found = lowered.builder.subgraphs[scoped]
        view = replace(lowered, nodes=found.nodes, sources=found.sources)
        return sum(node_cases(inner, other, view, scoped, f"{place}: ") for other in inner.order())
    frame = operator.parity_cases()
    if frame is None or not len(frame):
        return 0
    frame = canonical(frame.reset_index(drop=True))
    incoming = _incoming(graph, name, lowered)
    names = [column for column in incoming if column in frame.columns]
    node = lower_alone(operator, Schema(incoming[column].column(column) for column in names))
    found, checks = run_lowered(node, frame)
    kept = np.arange(len(frame))
    if checks is not None:
        kept = np.flatnonzero(checks.all(axis=1))
        _require_refusals(operator, place, frame[names], some_of_each(checks))
    try:
        authored = canonical(operator.process(frame[names].iloc[kept].reset_index(drop=True)).data)
    except Exception as error:  # an operator of a stranger may raise anything here
        raise ParityError(f"{place} fails on its own parity cases: {type(error).__name__}: {error}") from error
    for column, symbolic in node.result.items():
        compiled = found[column][kept]
        entry = _entry(column, symbolic, operator.tolerance)
        wrong, _ = differing(authored[column], compiled, entry)
        if len(wrong):
            row, rows = int(wrong[0]), frame[names].iloc[kept]
            sides = (authored[column].iloc[row], compiled[row])
            difference = Difference(place, column, len(wrong), len(kept), OWN, int(kept[row]), row_of(rows, row), *sides)
            raise ParityError(
                str(difference), rows=worst_rows(authored[column], compiled, entry, wrong, rows, f"{OWN} ({place})", kept)
            )
    return len(kept)


def _require_refusals(operator: Operator, place: str, frame: pd.DataFrame, rows: Array) -> None:
    for row in rows:
        try:
            operator.process(frame.iloc[[row]].reset_index(drop=True))
        except Exception:  # whatever the eager side raises is a refusal
            continue
        raise ParityError(
            f"Authored and compiled differ at {place}: compiled it refuses row {row} (the node's own cases),"
            f" {describe(row_of(frame, int(row)), 300)}, authored it accepts the row. The package was not written."
        )


def _incoming(graph: Graph, name: str, lowered: Lowered) -> Mapping[str, Symbolic]:
    incoming: dict[str, Symbolic] = {}
    for feeding in graph.before(name):
        incoming.update(lowered.nodes[feeding])
    incoming.update({entry.name: lowered.sources[entry.name] for entry in graph.late_fields(name)})
    return incoming or lowered.sources


def _entry(column: str, symbolic: Symbolic, tolerance: tuple[float, float]) -> OutputEntry:
    return OutputEntry(column, symbolic.dtype, column, 0, symbolic.nullable, *tolerance)


def first_difference(graph: Graph, fields: Sequence[Field], frame: pd.DataFrame) -> tuple[str, str, Any, Any] | None:
    """The first node, in order, one of whose columns differs on these rows: (label, column, authored, compiled)."""
    messages = graph.process(frame)
    lowered = lower_graph(graph, fields)
    b = lowered.builder
    b.checks = []
    outputs: dict[str, Any] = {}
    asked: list[_Asked] = []
    for item in _columns(graph, lowered.nodes, messages, b):
        if item.symbolic.tensor.producer() is not None:
            outputs[f"value_{len(asked)}"] = b.alias(b.take(item.symbolic.tensor, [item.symbolic.index]))
            asked.append(item)
    if not outputs:  # every column is a field of the request as it came in
        return None
    made = assemble(b, outputs)
    found = run_model(made.model, _feed(lowered, frame), made.custom_ops.values())
    for item, array in zip(asked, (found[key] for key in outputs), strict=True):
        if item.data is None or item.column not in item.data.columns:
            continue
        authored = item.data[item.column]
        wrong, _ = differing(authored, array[:, 0], _entry(item.column, item.symbolic, item.tolerance))
        if len(wrong):
            return item.place, item.column, authored.iloc[wrong[0]], array[wrong[0], 0]
    return None


@dataclass(frozen=True)
class _Asked:
    """A column that a node gave: the node's label, and both forms of the column."""

    place: str
    column: str
    symbolic: Symbolic
    data: Any
    tolerance: tuple[float, float]


def _columns(
    graph: Graph,
    nodes: Mapping[str, Mapping[str, Symbolic]],
    messages: Mapping[str, DataMsg],
    b: Builder,
    scope: str = "",
    within: str = "",
) -> Iterator[_Asked]:
    """What every node gave, in order; the nodes of a graph inside a node come before that node."""
    for name in graph.order():
        operator, message = graph.nodes[name], messages[name]
        place, scoped = within + graph.label(name), f"{scope}/{name}" if scope else name
        inner = operator.subgraph()
        if inner is not None and message.inner is not None:
            yield from _columns(inner, b.subgraphs[scoped].nodes, message.inner, b, scoped, f"{place}: ")
        for column, symbolic in nodes[name].items():
            yield _Asked(place, column, symbolic, message.data, operator.tolerance)


def _feed(lowered: Lowered, frame: pd.DataFrame) -> dict[str, Array]:
    parts: dict[str, list[tuple[int, Array]]] = {}
    for entry in lowered.fields:
        slot = lowered.slots[entry.name]
        if slot is not None:
            parts.setdefault(slot.tensor, []).append((slot.index, to_carrier(frame[entry.name], entry.nullable)))
    return {
        name: np.stack([array for _, array in sorted(found, key=lambda part: part[0])], axis=1) for name, found in parts.items()
    }
