"""Random graphs: grown node by node, what is refused is taken out again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from rtml_core import Graph
from rtml_core import operators as op
from rtml_core.columns import Field, signature_spec
from rtml_core.errors import RtmlError
from rtml_core.lowering.trace import Columns, Lowered, lower_graph
from tests.fuzz import rows
from tests.fuzz.steps import CHOICES

TRAINING_ROWS = 24


@dataclass(repr=False)
class Drawn:
    """A graph that compiles, its fields, rows to learn from, and how often an operator was refused on the way."""

    graph: Graph
    fields: list[Field]
    training: pd.DataFrame
    rng: np.random.Generator
    refused: Counter[str] = field(default_factory=Counter)
    lowered: Lowered | None = None

    def grow(self, draw: Callable[[Any], Any]) -> None:
        """One node more, behind one or two of those that are there; nothing when it is refused."""
        names = list(self.graph.nodes)
        parents = draw(st.lists(st.sampled_from(names[-4:]), min_size=1, max_size=2, unique=True))
        reaching = {n: s.dtype for parent in parents for n, s in self._columns(parent).items()}
        if not reaching:
            return
        made = None
        try:
            made = draw(st.sampled_from(CHOICES))(draw, reaching, f"c{len(names)}")
            if made is None:
                return
            name = self.graph.add(made)
            for parent in parents:
                self.graph.connect(parent, name)
            self.settle()
        except RtmlError as error:
            called = type(made).__name__ if made is not None else "parameters"
            self.refused[f"{called}: {type(error).__name__}"] += 1
            self._take_out(names)

    def settle(self) -> None:
        """Learn what there is to learn and lower; RtmlError when the graph as it is can't be compiled."""
        if any(operator.learns for operator in self.graph.nodes.values()):
            self.graph.fit(self.training)
        lowered = lower_graph(self.graph, self.fields)
        self.lowered = lowered
        if lowered.builder.checks:
            self.training = self._accepted(self.training)

    def _accepted(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows that the authored graph takes; RtmlError when they are too few to learn from."""
        kept = [row for row in range(len(frame)) if takes(self.graph, frame.iloc[[row]])]
        if len(kept) < 6:
            raise RtmlError("nearly every row is refused")
        return frame.iloc[kept].reset_index(drop=True)

    def __repr__(self) -> str:
        """The graph as its author would write it."""
        lines = [f"  {name} = {operator!r}  # after {self.graph.before(name)}" for name, operator in self.graph.nodes.items()]
        return "\n".join(["a graph", *lines, f"  outputs = {self.graph.outputs}"])

    def _columns(self, name: str) -> Columns:
        assert self.lowered is not None
        return self.lowered.nodes[name]

    def _take_out(self, names: list[str]) -> None:
        self.graph.edges = [edge for edge in self.graph.edges if edge[1] in names]
        self.graph.nodes = {name: self.graph.nodes[name] for name in names}
        self.settle()


def takes(graph: Graph, row: pd.DataFrame) -> bool:
    """Whether the authored graph scores this row."""
    try:
        graph.run(row.reset_index(drop=True))
    except RtmlError:
        return False
    return True


def random_graph(draw: Callable[[Any], Any]) -> Drawn:
    """A graph of 1 to 12 nodes behind a Receiver; `draw` is that of hypothesis' data()."""
    entries = rows.signature(draw(rows.fields))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    training = rows.frame(entries, rows.columns(entries, TRAINING_ROWS, rng))
    drawn = Drawn(Graph.start(op.Receiver(schema=signature_spec(entries))), entries, training, rng)
    drawn.settle()
    for _ in range(draw(st.sampled_from((1, 2, 3, 4, 6, 8, 10, 12)))):
        drawn.grow(draw)
    _name_outputs(draw, drawn)
    return drawn


def _name_outputs(draw: Callable[[Any], Any], drawn: Drawn) -> None:
    """All columns of the ends, or some of them under names of their own."""
    assert drawn.lowered is not None
    found = sorted(drawn.lowered.outputs)
    if len(found) > 1 and draw(st.booleans()):
        chosen = draw(st.lists(st.sampled_from(found), min_size=1, max_size=4, unique=True))
        drawn.graph.outputs = {f"out {number}": name for number, name in enumerate(chosen)}
        drawn.settle()
