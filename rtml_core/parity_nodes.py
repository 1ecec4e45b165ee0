"""The parity gate at single nodes: a node's own edge rows, and the first node at which a graph differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.assemble import assemble
from rtml_core.columns import Field, Schema
from rtml_core.errors import ParityError, describe
from rtml_core.frames import canonical, to_carrier
from rtml_core.graph import Graph
from rtml_core.lowering.scratch import lower_alone
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.lowering.trace import Lowered, lower_graph
from rtml_core.package import OutputEntry
from rtml_core.parity_compare import Array, Difference, differing, row_of, some_of_each
from rtml_core.testing import run_lowered, run_model

if TYPE_CHECKING:
    import pandas as pd


def node_cases(graph: Graph, name: str, lowered: Lowered) -> int:
    """Compare one node alone on the rows of its `parity_cases`; returns how many rows. Raises ParityError."""
    operator = graph.nodes[name]
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
        _require_refusals(graph, name, frame[names], some_of_each(checks))
    try:
        authored = canonical(operator.process(frame[names].iloc[kept].reset_index(drop=True)).data)
    except Exception as error:  # an operator of a stranger may raise anything here
        raise ParityError(f"{graph.label(name)} fails on its own parity cases: {type(error).__name__}: {error}") from error
    for column, symbolic in node.result.items():
        compiled = found[column][kept]
        wrong, _ = differing(authored[column], compiled, _entry(column, symbolic, operator.tolerance))
        if len(wrong):
            row = int(wrong[0])
            inputs = row_of(frame[names], int(kept[row]))
            sides = (authored[column].iloc[row], compiled[row])
            place = graph.label(name)
            raise ParityError(
                str(Difference(place, column, len(wrong), len(kept), "the node's own cases", int(kept[row]), inputs, *sides))
            )
    return len(kept)


def _require_refusals(graph: Graph, name: str, frame: pd.DataFrame, rows: Array) -> None:
    for row in rows:
        try:
            graph.nodes[name].process(frame.iloc[[row]].reset_index(drop=True))
        except Exception:  # whatever the eager side raises is a refusal
            continue
        raise ParityError(
            f"Authored and compiled differ at {graph.label(name)}: compiled it refuses row {row} (the node's own cases),"
            f" {describe(row_of(frame, int(row)), 300)}, authored it accepts the row. The package was not written."
        )


def _incoming(graph: Graph, name: str, lowered: Lowered) -> Mapping[str, Symbolic]:
    incoming: dict[str, Symbolic] = {}
    for feeding in graph.before(name):
        incoming.update(lowered.nodes[feeding])
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
    asked: list[tuple[str, str, OutputEntry]] = []
    for name in graph.order():
        for column, symbolic in lowered.nodes[name].items():
            if symbolic.tensor.producer() is not None:
                key = f"value_{len(asked)}"
                outputs[key] = b.alias(b.take(symbolic.tensor, [symbolic.index]))
                entry = _entry(column, symbolic, graph.nodes[name].tolerance)
                asked.append((name, column, entry))
    made = assemble(b, outputs)
    found = run_model(made.model, _feed(lowered, frame), made.custom_ops.values())
    for (name, column, entry), array in zip(asked, (found[key] for key in outputs), strict=True):
        data = messages[name].data
        if data is None or column not in data.columns:
            continue
        wrong, _ = differing(data[column], array[:, 0], entry)
        if len(wrong):
            return graph.label(name), column, data[column].iloc[wrong[0]], array[wrong[0], 0]
    return None


def _feed(lowered: Lowered, frame: pd.DataFrame) -> dict[str, Array]:
    parts: dict[str, list[tuple[int, Array]]] = {}
    for entry in lowered.fields:
        slot = lowered.slots[entry.name]
        if slot is not None:
            parts.setdefault(slot.tensor, []).append((slot.index, to_carrier(frame[entry.name], entry.nullable)))
    return {
        name: np.stack([array for _, array in sorted(found, key=lambda part: part[0])], axis=1) for name, found in parts.items()
    }
