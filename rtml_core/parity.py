"""The parity gate: authored and compiled run on the same rows, and every output of every row must agree.

Rows: the sample, random rows drawn from its columns, an edge corpus (missing, empty, Unicode, out of range, at and next to
every constant of the graph), and each node's own cases (a model's thresholds). Equal means equal, or within a tolerance
that an operator declares. A row that the authored graph refuses must be refused by the compiled one too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core import package
from rtml_core.assemble import assemble
from rtml_core.columns import Field, Schema
from rtml_core.dsl import to_dsl
from rtml_core.errors import InputError, ParityError, RtmlError, describe
from rtml_core.frames import canonical, to_carrier
from rtml_core.graph import Graph
from rtml_core.lowering.builder import SLOTS, Builder
from rtml_core.lowering.scratch import scratch_columns
from rtml_core.lowering.symbolic import Symbolic, carrier_of
from rtml_core.lowering.trace import Lowered, lower_graph
from rtml_core.parity_rows import constants, edge_rows, made_up, random_rows, sample_columns, to_frame

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.runtime import Runtime

#: rows of the sample that travel in the package, and refused rows that are tried one by one
KEPT: Final = 24
TRIED: Final = 25

Values = dict[str, list[Any]]


@dataclass
class Report:
    """What the gate did. `rows`: compared; `refused`: refused on both sides; `cases`: rows of nodes' own cases."""

    rows: int = 0
    refused: int = 0
    cases: int = 0
    largest: float = 0.0
    sample: dict[str, Any] = field(default_factory=lambda: {"rows": [], "expected": []})

    def __str__(self) -> str:
        text = f"parity: {self.rows:,} rows, 0 differences"
        text += f"; {self.cases:,} rows at the edges of single nodes" if self.cases else ""
        text += f"; {self.refused:,} rows refused by both" if self.refused else ""
        return text + (f"; largest relative deviation {self.largest:.1e}" if self.largest else "")


def prove(
    graph: Graph, lowered: Lowered, model: bytes, manifest: package.Manifest, sample: pd.DataFrame | None, *, seed: int
) -> Report:
    """Run the gate; raises ParityError naming the first node, column and row that differ."""
    runtime = _runtime(model, manifest)
    report = Report()
    for name in graph.order():
        report.cases += _node_cases(graph, name, lowered)
    for origin, columns in _row_sets(graph, lowered, sample, np.random.default_rng(seed)):
        _compare_rows(graph, lowered.fields, runtime, columns, origin, report)
    return report


def _runtime(model: bytes, manifest: package.Manifest) -> Runtime:
    from rtml_core.runtime import Runtime

    archive = package.Archive("", manifest, model, b"{}", b"{}")
    return Runtime(archive, allow_unchecked=True, verify=False, where="the compiled graph")


def _row_sets(graph: Graph, lowered: Lowered, sample: pd.DataFrame | None, rng: np.random.Generator) -> list[tuple[str, Values]]:
    fields = lowered.fields
    numbers, texts = constants([{"params": op.to_json(), "state": op.state} for op in graph.nodes.values()])
    sets: list[tuple[str, Values]] = []
    base = sample_columns(fields, sample) if sample is not None and len(sample) else None
    if base is not None:
        sets.append(("sample", base))
    else:
        base = made_up(fields, sorted(texts), rng)
    sets.append(("random rows", random_rows(fields, base, rng)))
    points = _points_by_field(lowered, numbers)
    sets.append(("edge rows", edge_rows(fields, base, points, texts, rng)))
    return sets


def _points_by_field(lowered: Lowered, numbers: set[float]) -> dict[str, set[float]]:
    """For each field: the graph's constants, and the thresholds that a model applies to the field as it came in."""
    by_slot: dict[tuple[str, int], set[float]] = {}
    for node in lowered.builder.nodes:
        if node.domain == SLOTS and node.inputs[0] is not None and node.inputs[0].producer() is None:
            indices = node.attributes["indices"].as_ints()
            told = lowered.builder.thresholds.get(id(node.outputs[0]))
            if told and len(indices) == 1:
                by_slot[(node.inputs[0].name or "", int(indices[0]))] = told
    points = {}
    for entry in lowered.fields:
        slot = lowered.slots[entry.name]
        points[entry.name] = numbers | (by_slot.get((slot.tensor, slot.index), set()) if slot else set())
    return points


# ---- whole graph ------------------------------------------------------------------------------------------------------


def _compare_rows(graph: Graph, fields: Sequence[Field], runtime: Runtime, columns: Values, origin: str, report: Report) -> None:
    count = len(next(iter(columns.values())))
    frame = to_frame(fields, columns)
    feed = runtime.signature.columns({name: _boundary(values) for name, values in columns.items()})
    arrays = runtime.session.run(runtime._names, feed)
    accepted = arrays[runtime._checks].all(axis=1) if runtime._checks >= 0 else np.ones(count, bool)
    report.refused += _require_refusals(graph, frame, np.flatnonzero(~accepted), origin)
    kept = np.flatnonzero(accepted)
    if len(kept) == 0:
        return
    authored = _run_authored(graph, frame.iloc[kept].reset_index(drop=True), origin, kept)
    compiled = {name: array[kept] for name, array in runtime._read(arrays).items()}
    for output in runtime.manifest.outputs:
        wrong, deviation = differing(authored[output.name], compiled[output.name], output)
        report.largest = max(report.largest, deviation)
        if len(wrong):
            raise ParityError(_difference(graph, fields, frame.iloc[kept], output.name, wrong, authored, compiled, origin))
    report.rows += len(kept)
    _keep(report, columns, runtime, compiled, kept)


def _boundary(values: Sequence[Any]) -> Any:
    """As a client would send them: numbers as floats, the rest as they are."""
    return list(values)


def _require_refusals(graph: Graph, frame: pd.DataFrame, rows: np.ndarray[Any, Any], origin: str) -> int:
    for row in rows[:TRIED]:
        try:
            graph.run(frame.iloc[[row]].reset_index(drop=True))
        except RtmlError:
            continue
        raise ParityError(
            f"Authored and compiled differ: the compiled graph refuses row {row} of the {origin}, {_shown(frame, int(row))}, the authored"
            f" one scores it. The package was not written."
        )
    return len(rows)


def _run_authored(graph: Graph, frame: pd.DataFrame, origin: str, kept: np.ndarray[Any, Any]) -> pd.DataFrame:
    try:
        return graph.run(frame)
    except RtmlError as error:
        row = _first_raising(graph, frame)
        if row is None:
            raise
        if origin == "sample":
            raise ParityError(f"the authored graph fails on row {kept[row]} of the sample, {_shown(frame, row)}: {error}") from error
        raise ParityError(
            f"Authored and compiled differ: the authored graph refuses a row, {_shown(frame, row)}, that the compiled one scores:"
            f" {error}. Handle such values before that node. The package was not written."
        ) from error


def _first_raising(graph: Graph, frame: pd.DataFrame) -> int | None:
    """By halves: a row on which the graph raises by itself."""
    low, high = 0, len(frame)
    while high - low > 1:
        middle = (low + high) // 2
        if _raises(graph, frame.iloc[low:middle]):
            high = middle
        elif _raises(graph, frame.iloc[middle:high]):
            low = middle
        else:
            return None
    return low


def _raises(graph: Graph, frame: pd.DataFrame) -> bool:
    try:
        graph.run(frame.reset_index(drop=True))
    except RtmlError:
        return True
    return False


def differing(authored: pd.Series, compiled: np.ndarray[Any, Any], output: package.OutputEntry) -> tuple[np.ndarray[Any, Any], float]:
    """Rows (positions) in which a column differs, and the largest relative deviation among those that agree."""
    series = canonical(authored.to_frame("x"))["x"]
    nullable = carrier_of(output.dtype, output.nullable) == "float64" and output.dtype == "bool"
    left, right = to_carrier(series, nullable), compiled
    if left.dtype.kind in "O" or right.dtype.kind in "O":
        if left.dtype.kind != right.dtype.kind and not (left.dtype.kind == "f" and np.isnan(left).all()):
            return np.arange(len(right)), 0.0
        if left.dtype.kind == "f":
            left = to_carrier(series.astype(object).astype("string"), False)
        return np.flatnonzero(left != right), 0.0
    if left.dtype == right.dtype and left.dtype.kind != "f":
        return np.flatnonzero(left != right), 0.0
    one, other = left.astype(np.float64), right.astype(np.float64)
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(all="ignore"):
        deviation = np.abs(one - other)
        close = same | (deviation <= output.atol + output.rtol * np.abs(one))
        relative = np.where(same, 0.0, deviation / np.maximum(np.abs(one), 1e-300))
    return np.flatnonzero(~close), float(relative[close].max(initial=0.0))


def _difference(
    graph: Graph,
    fields: Sequence[Field],
    frame: pd.DataFrame,
    column: str,
    wrong: np.ndarray[Any, Any],
    authored: pd.DataFrame,
    compiled: Mapping[str, np.ndarray[Any, Any]],
    origin: str,
) -> str:
    """The sentence about a difference, with the first node at which it shows."""
    row = int(wrong[0])
    place = first_difference(graph, fields, frame.iloc[wrong[:50]].reset_index(drop=True))
    if place is not None:
        label, column, left, right = place
    else:
        label, left, right = "the outputs", authored[column].iloc[row], compiled[column][row]
    return (
        f"Authored and compiled differ at {label}, column '{column}', in {len(wrong):,} of {len(frame):,} rows ({origin}); first: row"
        f" {frame.index[row]}, {_shown(frame, row)}, authored {describe(_plain(left))}, compiled {describe(_plain(right))}. The package was"
        f" not written."
    )


def first_difference(graph: Graph, fields: Sequence[Field], frame: pd.DataFrame) -> tuple[str, str, Any, Any] | None:
    """The first node, in order, one of whose columns differs on these rows: (label, column, authored, compiled)."""
    messages = graph.process(frame)
    lowered = lower_graph(graph, fields)
    b = lowered.builder
    outputs, entries = {}, []
    for name in graph.order():
        for column, symbolic in lowered.nodes[name].items():
            producer = symbolic.tensor.producer()
            if producer is None:
                continue
            key = f"{len(entries)}"
            outputs[key] = b.alias(b.take(symbolic.tensor, [symbolic.index]))
            entries.append((name, column, package.OutputEntry(column, symbolic.dtype, key, 0, symbolic.nullable, *graph.nodes[name].tolerance)))
    found = _run_model(b, outputs, {n: _field_carrier(e, frame) for n, e in ((e.name, e) for e in fields)}, lowered)
    for name, column, entry in entries:
        data = messages[name].data
        if column in data.columns:
            wrong, _ = differing(data[column], found[entry.tensor][:, 0], entry)
            if len(wrong):
                return graph.label(name), column, data[column].iloc[wrong[0]], found[entry.tensor][wrong[0], 0]
    return None


def _field_carrier(entry: Field, frame: pd.DataFrame) -> np.ndarray[Any, Any]:
    return to_carrier(frame[entry.name], entry.nullable)


def _run_model(b: Builder, outputs: dict[str, Any], columns: Mapping[str, np.ndarray[Any, Any]], lowered: Lowered) -> dict[str, Any]:
    from rtml_core.testing import run_model

    checks, b.checks = b.checks, []
    assembled = assemble(b, outputs)
    b.checks = checks
    feed: dict[str, list[tuple[int, np.ndarray[Any, Any]]]] = {}
    for name, slot in lowered.slots.items():
        if slot is not None:
            feed.setdefault(slot.tensor, []).append((slot.index, columns[name]))
    arrays = {name: np.stack([a for _, a in sorted(parts, key=lambda p: p[0])], axis=1) for name, parts in feed.items()}
    return run_model(assembled.model, arrays)


def _shown(frame: pd.DataFrame, row: int) -> str:
    return describe({name: _plain(value) for name, value in frame.iloc[row].items()}, 300)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) and not isinstance(value, np.datetime64) else value


def _keep(report: Report, columns: Values, runtime: Runtime, compiled: Mapping[str, np.ndarray[Any, Any]], kept: np.ndarray[Any, Any]) -> None:
    room = KEPT // 3
    step = max(1, len(kept) // room)
    chosen = list(range(0, len(kept), step))[:room]
    expected = runtime.python_columns({name: values[chosen] for name, values in compiled.items()})
    for position, index in enumerate(chosen):
        report.sample["rows"].append({name: _json(values[kept[index]]) for name, values in columns.items()})
        report.sample["expected"].append({name: _finite(values[position]) for name, values in expected.items()})


def _json(value: Any) -> Any:
    from rtml_core.timestamps import format_timestamp

    return format_timestamp(int(value.astype("int64"))) if isinstance(value, np.datetime64) else value


def _finite(value: Any) -> Any:
    """JSON has no infinity; it travels as text and is read back by float()."""
    return str(value) if isinstance(value, float) and np.isinf(value) else value


# ---- single nodes -----------------------------------------------------------------------------------------------------


def _node_cases(graph: Graph, name: str, lowered: Lowered) -> int:
    """Compare one node alone on its own edge rows; returns how many rows."""
    operator = graph.nodes[name]
    frame = operator.parity_cases()
    if frame is None or not len(frame):
        return 0
    frame = canonical(frame.reset_index(drop=True))
    before = graph.before(name)
    incoming: dict[str, Symbolic] = {}
    for feeding in before:
        incoming.update(lowered.nodes[feeding])
    incoming = incoming or lowered.sources
    names = [column for column in incoming if column in frame.columns]
    schema = Schema(incoming[column].column(column) for column in names)
    b = Builder()
    result = operator.lower(b, scratch_columns(b, schema))
    outputs = {column: b.alias(b.take(s.tensor, [s.index])) for column, s in result.items()}
    refused = len(b.checks)
    b.checks = []
    from rtml_core.testing import run_model

    feeds = {n: to_carrier(frame[n], schema[n].nullable and schema[n].dtype == "bool")[:, None] for n in names}
    found = run_model(assemble(b, outputs).model, feeds)
    try:
        authored = canonical(operator.process(frame[names]).data)
    except Exception as error:
        if refused:
            return 0
        raise ParityError(f"{graph.label(name)} fails on its own parity cases: {type(error).__name__}: {error}") from error
    for column, symbolic in result.items():
        entry = package.OutputEntry(column, symbolic.dtype, column, 0, symbolic.nullable, *operator.tolerance)
        wrong, _ = differing(authored[column], found[column][:, 0], entry)
        if len(wrong):
            row = int(wrong[0])
            raise ParityError(
                f"Authored and compiled differ at {graph.label(name)}, column '{column}', in {len(wrong):,} of {len(frame):,} rows (the node's"
                f" own cases); first: {_shown(frame[names], row)}, authored {describe(_plain(authored[column].iloc[row]))}, compiled"
                f" {describe(_plain(found[column][row, 0]))}. The package was not written."
            )
    return len(frame)


__all__ = ["InputError", "Report", "prove"]
