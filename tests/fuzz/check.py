"""One random graph, authored and compiled, on the same rows."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from rtml_core import compile_graph, package
from rtml_core.compiler import Compiled
from rtml_core.errors import RtmlError
from rtml_core.frames import canonical
from rtml_core.operator import frame_of
from rtml_core.parity_compare import differing, row_of
from rtml_core.testing import assert_parity
from tests.fuzz import rows
from tests.fuzz.graphs import Drawn, random_graph, takes

ROWS = 60


@dataclass
class Tally:
    """What was tried, over all graphs."""

    graphs: int = 0
    nodes: int = 0
    rows: int = 0
    rows_refused: int = 0
    amplified: int = 0
    onnx_nodes: int = 0
    operators: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        operators = ", ".join(f"{name} {count}" for name, count in self.operators.most_common())
        refused = ", ".join(f"{name} {count}" for name, count in self.refused.most_common())
        return (
            f"{self.graphs:,} graphs of {self.nodes:,} nodes ({self.onnx_nodes:,} ONNX nodes), {self.rows:,} rows compared,"
            f" {self.rows_refused:,} rows refused by both, {self.amplified:,} graphs in which a tolerated rounding grew\n"
            f"operators: {operators}\nnodes refused while growing: {refused}"
        )


class Mismatch(AssertionError):
    """Authored and compiled differ."""


def compare_random(number: int, examples: int, tally: Tally) -> None:
    """Check random graphs drawn from the seed `number`; what fails is made as small as it gets before it is raised."""

    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(st.data())
    def compare(data: st.DataObject) -> None:
        check(random_graph(data.draw), tally)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)  # overflow on purpose: numpy warns, both forms go on
        compare()


def check(drawn: Drawn, tally: Tally) -> None:
    """Fail with Mismatch unless the compiled graph answers every row as the authored one does, refusals included."""
    graph = drawn.graph
    compiled = compile_graph(graph, parity=False)
    values = rows.columns(drawn.fields, ROWS, drawn.rng)
    frame = rows.frame(drawn.fields, values)
    runtime = compiled.runtime
    found, passed = runtime.run_unchecked(runtime.signature.columns(values))
    accepted = passed.all(axis=1)
    for row in np.flatnonzero(~accepted):
        if takes(graph, frame.iloc[[row]]):
            raise Mismatch(f"compiled refuses a row that the authored graph scores: {row_of(frame, int(row))}\n{drawn!r}")
    kept = np.flatnonzero(accepted)
    _same(drawn, compiled, frame.iloc[kept].reset_index(drop=True), {name: array[kept] for name, array in found.items()}, tally)
    _alone(drawn, compiled, values, found, kept)
    tally.graphs += 1
    tally.nodes += len(graph.nodes)
    tally.onnx_nodes += compiled.node_count
    tally.rows += len(kept)
    tally.rows_refused += ROWS - len(kept)
    tally.operators.update(type(operator).__name__ for operator in graph.nodes.values())
    tally.refused.update(drawn.refused)


def _same(drawn: Drawn, compiled: Compiled, frame: pd.DataFrame, found: dict[str, Any], tally: Tally) -> None:
    try:
        authored = drawn.graph.run(frame)
    except RtmlError as error:
        raise Mismatch(f"the authored graph refuses a row that the compiled one scores: {error}\n{drawn!r}") from error
    for output in compiled.manifest.outputs:
        wrong, _ = differing(authored[output.name], found[output.name], output)
        if not len(wrong):
            continue
        if _only_amplified(drawn, frame):
            tally.amplified += 1
            return
        row = int(wrong[0])
        raise Mismatch(
            f"output '{output.name}' differs in {len(wrong)} of {len(frame)} rows; first: {row_of(frame, row)},"
            f" authored {authored[output.name].iloc[row]!r}, compiled {found[output.name][row]!r}\n{drawn!r}"
        )


def _only_amplified(drawn: Drawn, frame: pd.DataFrame) -> bool:
    """Whether a rounding that an operator declares was made larger by what follows: then every node by itself agrees."""
    graph = drawn.graph
    if not any(operator.tolerance != (0.0, 0.0) for operator in graph.nodes.values()):
        return False
    messages = graph.process(frame)
    for name, operator in graph.nodes.items():
        before = graph.before(name)
        if len(before) == 1:
            assert_parity(operator, canonical(frame_of(messages[before[0]], name)))
    return True


def _alone(drawn: Drawn, compiled: Compiled, values: dict[str, list[Any]], found: dict[str, Any], kept: Any) -> None:
    """A row by itself, and no row at all, are answered like a row among others."""
    runtime = compiled.runtime
    none, _ = runtime.run_unchecked(runtime.signature.columns({name: [] for name in values}))
    if any(len(array) for array in none.values()):
        raise Mismatch(f"no rows in, some rows out\n{drawn!r}")
    for row in kept[:3]:
        single, _ = runtime.run_unchecked(runtime.signature.columns({name: [cells[row]] for name, cells in values.items()}))
        for output in compiled.manifest.outputs:
            entry = package.OutputEntry(output.name, output.dtype, output.tensor, output.index, output.nullable, 1e-12, 0.0)
            one = pd.Series(single[output.name][:1]).reset_index(drop=True)
            both = found[output.name][row : row + 1]
            same = one.to_numpy()[0] == both[0] or (one.isna().all() and pd.isna(both[0]))
            if not same and len(differing(one, both, entry)[0]):
                raise Mismatch(f"output '{output.name}' of a row alone {one[0]!r}, among others {both[0]!r}\n{drawn!r}")
