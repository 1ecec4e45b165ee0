"""The parity gate: authored and compiled run on the same rows, and every output of every row must agree.

Rows: the sample, random rows drawn from its columns, an edge corpus (missing, empty, Unicode, out of range, at and next to
every constant of the graph), and each node's own cases (a model's thresholds). Equal means equal, or within a tolerance
that an operator declares. A row that the authored graph refuses must be refused by the compiled one too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args, get_origin

import numpy as np

from rtml_core import progress
from rtml_core.columns import Field, parse_signature
from rtml_core.errors import CustomOpError, ParityError, RtmlError, describe
from rtml_core.executor import outputs_of
from rtml_core.graph import Graph
from rtml_core.lowering.builder import SLOTS
from rtml_core.lowering.trace import Lowered
from rtml_core.on_the_way import OnTheWay
from rtml_core.operator import DataMsg, Operator
from rtml_core.params import describe_params
from rtml_core.parity_columns import ColumnsTold
from rtml_core.parity_compare import (
    WORST,
    Array,
    ComparedRow,
    Difference,
    differing,
    plain,
    row_of,
    some_of_each,
    worst_of,
    worst_rows,
)
from rtml_core.parity_nodes import first_difference, node_cases
from rtml_core.parity_rows import MAX_POINTS, constants, edge_rows, made_up, random_rows, sample_columns, to_frame
from rtml_core.timestamps import format_timestamp

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.runtime import Runtime

#: rows of each kind that travel in the package; that are run by themselves, too; rows examined for a cause
KEPT: Final = 8
ALONE: Final = 6
EXAMINED: Final = 50

Values = dict[str, list[Any]]


@dataclass(repr=False)
class Report:
    """What the gate did. `rows`: compared; `cases`: rows of nodes' own cases.

    `refused`: rows that a row check of the compiled graph refuses; `tried`: how many of these the authored graph was run on,
    one by one, and refused as well.

    `largest`: the largest relative deviation that a tolerance allowed; 0 when everything was equal bit by bit. `worst`: the rows
    that deviate most, the worst first; none when everything was equal bit by bit.
    """

    rows: int = 0
    refused: int = 0
    tried: int = 0
    cases: int = 0
    largest: float = 0.0
    worst: list[ComparedRow] = field(default_factory=list)
    sample: dict[str, Any] = field(default_factory=lambda: {"rows": [], "expected": []})

    def __str__(self) -> str:
        text = f"parity: {self.rows:,} rows, 0 differences"
        text += f"; {self.cases:,} rows at the edges of single nodes" if self.cases else ""
        text += f"; {self.refused:,} rows refused, {self.tried:,} of them tried: by both" if self.refused else ""
        return text + (f"; largest relative deviation {self.largest:.1e}" if self.largest else "")

    def __repr__(self) -> str:
        return f"<{self}>"

    def _repr_html_(self) -> str:
        from rtml_core.display import html

        return html(self)

    def may_be_worse(self, deviation: float) -> bool:
        """Whether a row that deviates so much belongs to the worst."""
        return deviation > (self.worst[-1].deviation or 0.0 if len(self.worst) == WORST else 0.0)


def prove(
    graph: Graph,
    lowered: Lowered,
    runtime: Runtime,
    sample: pd.DataFrame | None,
    told: OnTheWay,
    *,
    seed: int,
) -> Report:
    """Run the gate; raises ParityError naming the first node, column and row that differ.

    runtime: of the compiled graph; told: the explain model, whose columns are compared with the frames of the nodes on the same
    rows; one that differs is left out of it.
    """
    columns_told = ColumnsTold(told, runtime)
    report = Report()
    for name in graph.order():
        if progress.watched():
            progress.step(f"comparing {graph.label(name)} at its own edges")
        report.cases += node_cases(graph, name, lowered)
    for origin, columns in _row_sets(graph, lowered, sample, np.random.default_rng(seed)):
        progress.step(f"comparing both forms: {origin}")
        _compare(graph, lowered.fields, runtime, columns, origin, report, columns_told)
    columns_told.leave_out()
    return report


def _row_sets(graph: Graph, lowered: Lowered, sample: pd.DataFrame | None, rng: np.random.Generator) -> list[tuple[str, Values]]:
    fields = lowered.fields
    numbers, texts = _constants(graph)
    numbers |= lowered.builder.small_constants()
    texts |= set(sorted(lowered.builder.texts)[:MAX_POINTS])
    sets: list[tuple[str, Values]] = []
    base = sample_columns(fields, sample) if sample is not None and len(sample) else None
    if base is not None:
        sets.append(("sample", base))
    else:
        base = made_up(fields, sorted(texts - _names(graph, fields)), rng)
    sets.append(("random rows", random_rows(fields, base, rng)))
    sets.append(("edge rows", edge_rows(fields, base, _points_by_field(lowered, numbers), texts, rng)))
    return sets


def _constants(graph: Graph) -> tuple[set[float], set[str]]:
    """All numbers and texts of the nodes: where the graph's behaviour may change."""
    found = [constants_of(node) for node in graph.nodes.values()]
    numbers, texts = set().union(*(each for each, _ in found)), set().union(*(each for _, each in found))
    return set(sorted(numbers)[:MAX_POINTS]), set(sorted(texts)[:MAX_POINTS])


def constants_of(operator: Operator) -> tuple[set[float], set[str]]:
    """Numbers and texts in an operator's parameters and state. Defaults of parameters count: behaviour changes there, too.

    Choices ("refuse") do not, and of a source's schema only what a request may hold does: names and types of fields are no
    values.
    """
    params = operator.params
    values = [getattr(params, info.name) for info in describe_params(type(params)) if not _is_choice(info.type)]
    return constants([[_values_of_schema(value) for value in values] if operator.role == "source" else values, operator.state])


def _is_choice(kind: Any) -> bool:
    return get_origin(get_args(kind)[0] if get_origin(kind) is Annotated else kind) is Literal


def _values_of_schema(value: Any) -> Any:
    try:
        fields = parse_signature(value)
    except RtmlError:
        return value
    return [(entry.default, entry.categories, entry.minimum, entry.maximum) for entry in fields]


def _names(graph: Graph, fields: Sequence[Field]) -> set[str]:
    """Texts of the graph that are no plausible values: names of fields, and of what nodes import."""
    imported = {getattr(node.params, "import_", None) for node in graph.nodes.values()}
    return {entry.name for entry in fields} | {name for name in imported if isinstance(name, str)}


def _points_by_field(lowered: Lowered, numbers: set[float]) -> dict[str, set[float]]:
    """For each field: the graph's constants, and the thresholds that a model applies to the field as it came in."""
    by_slot: dict[tuple[str, int], set[float]] = {}
    for node in lowered.builder.nodes:
        source = node.inputs[0] if node.inputs else None
        if node.domain == SLOTS and source is not None and source.producer() is None:
            indices = node.attributes["indices"].as_ints()
            told = lowered.builder.thresholds.get(id(node.outputs[0]))
            if told and len(indices) == 1:
                by_slot[(source.name or "", int(indices[0]))] = told
    for value in lowered.builder.inputs:
        told = lowered.builder.thresholds.get(id(value))
        if told:  # a tensor of one column is its own column
            by_slot[(value.name or "", 0)] = told
    points = {}
    for entry in lowered.fields:
        slot = lowered.slots[entry.name]
        points[entry.name] = numbers | (by_slot.get((slot.tensor, slot.index), set()) if slot else set())
    return points


def _compare(
    graph: Graph,
    fields: Sequence[Field],
    runtime: Runtime,
    columns: Values,
    origin: str,
    report: Report,
    told: ColumnsTold,
) -> None:
    frame = to_frame(fields, columns)
    feed = runtime.signature.columns(columns)
    try:
        arrays, passed = runtime.run_unchecked(feed)
    except CustomOpError as error:
        raise ParityError(f"the compiled graph fails ({origin}): {error}. The package was not written.") from error
    accepted = passed.all(axis=1)
    tried = some_of_each(passed)
    _require_refusals(graph, frame, tried, origin)
    report.refused += int((~accepted).sum())
    report.tried += len(tried)
    kept = np.flatnonzero(accepted)
    if not len(kept):
        return
    rows = frame.iloc[kept].reset_index(drop=True)
    messages, authored = _run_authored(graph, rows, origin, kept)
    compiled = {name: array[kept] for name, array in arrays.items()}
    for output in runtime.manifest.outputs:
        wrong, deviation = differing(authored[output.name], compiled[output.name], output)
        report.largest = max(report.largest, deviation)
        if len(wrong):
            found = _difference(graph, fields, rows, output.name, wrong, authored, compiled, origin, kept)
            worst = worst_rows(authored[output.name], compiled[output.name], output, wrong, rows, origin, kept)
            raise ParityError(str(found), rows=worst)
        if report.may_be_worse(deviation):
            every = np.arange(len(kept))
            worst = worst_rows(authored[output.name], compiled[output.name], output, every, rows, origin, kept)
            report.worst = worst_of([*report.worst, *(row for row in worst if row.deviation)])
    _compare_alone(graph, runtime, rows, authored, compiled, origin, kept)
    told.compare(messages, {name: tensor[kept] for name, tensor in feed.items()}, compiled, origin)
    report.rows += len(kept)
    _keep(report, columns, runtime, compiled, kept)


def _compare_alone(
    graph: Graph,
    runtime: Runtime,
    rows: pd.DataFrame,
    authored: pd.DataFrame,
    compiled: Mapping[str, Array],
    origin: str,
    kept: Array,
) -> None:
    """Some rows by themselves: where pandas takes a dtype from the rows at hand, a request and a training frame may differ.

    A row on which the authored graph fails alone says nothing: a column of texts that are all missing is one of floats.
    """
    # those with the fewest missing answers first: there a column of whole numbers may come alone
    fullest = np.argsort(authored.isna().sum(axis=1).to_numpy(), kind="stable")[:ALONE]
    for row in sorted({*fullest.tolist(), *range(0, len(rows), max(1, -(-len(rows) // ALONE)))}):
        try:
            single = graph.run(rows.iloc[[row]].reset_index(drop=True))
        except RtmlError:
            continue
        for output in runtime.manifest.outputs:
            sides = single[output.name], compiled[output.name][row : row + 1], output
            wrong, _ = differing(*sides)
            if len(wrong):
                alone, among = (
                    describe(plain(found)) for found in (single[output.name].iloc[0], authored[output.name].iloc[row])
                )
                raise ParityError(
                    f"The authored graph answers a row otherwise alone than among others: output '{output.name}' is {alone} alone"
                    f" and {among} among others, for {describe(row_of(rows, row), 300)}. A column on the way is int64 or float64"
                    f' by what the rows hold; say which it is, with Pandas(import_="astype", kwargs={{"dtype": "float64"}}). The'
                    f" package was not written.",
                    rows=worst_rows(*sides, wrong, rows.iloc[[row]], f"{origin}, alone", kept[row : row + 1]),
                )


def _difference(
    graph: Graph,
    fields: Sequence[Field],
    rows: pd.DataFrame,
    column: str,
    wrong: Array,
    authored: pd.DataFrame,
    compiled: Mapping[str, Array],
    origin: str,
    kept: Array,
) -> Difference:
    row = int(wrong[0])
    found = first_difference(graph, fields, rows.iloc[wrong[:EXAMINED]].reset_index(drop=True))
    place, column, left, right = found or ("the outputs", column, authored[column].iloc[row], compiled[column][row])
    return Difference(place, column, len(wrong), len(rows), origin, int(kept[row]), row_of(rows, row), left, right)


def _require_refusals(graph: Graph, frame: pd.DataFrame, rows: Array, origin: str) -> None:
    for row in rows:
        if not _raises(graph, frame.iloc[[row]]):
            raise ParityError(
                f"Authored and compiled differ: the compiled graph refuses row {row} ({origin}),"
                f" {describe(row_of(frame, int(row)), 300)}, the authored one scores it. The package was not written."
            )


def _run_authored(graph: Graph, frame: pd.DataFrame, origin: str, kept: Array) -> tuple[Mapping[str, DataMsg], pd.DataFrame]:
    """What every node gives, and the outputs."""
    try:
        messages = graph.process(frame)
        return messages, outputs_of(graph, messages)
    except RtmlError as error:
        row = _first_raising(graph, frame)
        if row is None:
            raise
        shown = describe(row_of(frame, row), 300)
        if origin == "sample":
            raise ParityError(f"the authored graph fails on row {kept[row]} of the sample, {shown}: {error}") from error
        raise ParityError(
            f"Authored and compiled differ: the authored graph refuses a row, {shown}, that the compiled one scores: {error}."
            f" Handle such values before that node. The package was not written."
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


def _keep(report: Report, columns: Values, runtime: Runtime, compiled: Mapping[str, Array], kept: Array) -> None:
    """Put some rows, evenly spaced, into the sample that travels in the package."""
    step = max(1, len(kept) // KEPT)
    chosen = list(range(0, len(kept), step))[:KEPT]
    expected = runtime.python_columns({name: values[chosen] for name, values in compiled.items()})
    for position, index in enumerate(chosen):
        report.sample["rows"].append({name: _json(values[kept[index]]) for name, values in columns.items()})
        report.sample["expected"].append({name: _json(values[position]) for name, values in expected.items()})


def _json(value: Any) -> Any:
    """A value as the package's sample holds it; infinity, which JSON does not have, travels as text."""
    if isinstance(value, np.datetime64):
        return format_timestamp(int(value.astype("int64")))
    return str(value) if isinstance(value, float) and np.isinf(value) else value
