"""The parity gate at the columns on the way: what the explain model says of a node is what the node gave.

The outputs are proved elsewhere, and a package is right when they are. So a column on the way that differs does not stop a build:
it is left out, and the manifest says so. Some rows of each kind are compared: what was folded away in the model that scores is
computed here step by step, and the steps of texts are slow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import numpy as np

from rtml_core.on_the_way import OnTheWay
from rtml_core.operator import DataMsg
from rtml_core.package import ColumnEntry, OutputEntry
from rtml_core.parity_compare import Array, differing
from rtml_core.running import open_model

if TYPE_CHECKING:
    from rtml_core.runtime import Runtime

#: rows of each kind (sample, random, edge) that are compared, evenly spaced
ROWS: Final = 300


class ColumnsTold:
    """Compares the columns of an explain model. runtime: the model that scores, some of whose outputs are such columns."""

    def __init__(self, told: OnTheWay, runtime: Runtime):
        self._told = told
        self._outputs = {(output.tensor, output.index): output.name for output in runtime.manifest.outputs}
        self._wrong: dict[tuple[str, str], str] = {}
        self._run: Callable[[Mapping[str, Array]], dict[str, Array]] | None = None

    def compare(
        self, messages: Mapping[str, DataMsg], feed: Mapping[str, Array], outputs: Mapping[str, Array], origin: str
    ) -> None:
        """Compare on rows that pass the row checks. messages: what the nodes gave; feed: the tensors that the model is given;
        outputs: what it gave, by name."""
        count = len(next(iter(outputs.values())))
        some = np.arange(0, count, max(1, -(-count // ROWS)))
        feed = {name: tensor[some] for name, tensor in feed.items()}
        arrays: Mapping[str, Array] = {}
        try:
            if self._told.model is not None:
                self._run = self._run or open_model(self._told.model, self._told.custom_ops.values())
                arrays = self._run(feed)
        except Exception:  # onnxruntime raises many classes of its own, and a custom operator may fail on its own
            why = f"what computes it fails ({origin})"
            for entry in self._told.entry.columns:
                if entry.at == "explain":
                    self._wrong.setdefault((entry.node, entry.name), why)
        for entry in self._told.entry.columns:
            if (entry.node, entry.name) in self._wrong:
                continue
            if entry.at == "output":
                compiled = outputs[self._outputs[entry.tensor, entry.index]][some]
            else:
                compiled = (arrays if entry.at == "explain" else feed)[entry.tensor][:, entry.index]
            why = self._difference(entry, messages[entry.node], compiled, some)
            if why:
                self._wrong[entry.node, entry.name] = f"{why} ({origin})"

    def _difference(self, entry: ColumnEntry, message: DataMsg, compiled: Array, some: Array) -> str:
        frame = message.data
        if frame is None or entry.name not in frame.columns:
            return "the authored graph gives no such column"
        if len(frame) <= some[-1] or len(compiled) != len(some):
            return "it has other rows than the authored graph gives"
        rtol, atol = self._told.tolerances[entry.node] if entry.dtype in ("float64", "float32") else (0.0, 0.0)
        output = OutputEntry(entry.name, entry.dtype, entry.tensor, 0, entry.nullable, rtol, atol)
        try:
            wrong, _ = differing(frame[entry.name].iloc[some], compiled, output)
        except (TypeError, ValueError):  # texts among numbers, say
            return "it can't be compared with what the authored graph gives"
        return f"it differs from the authored graph in {len(wrong):,} of {len(some):,} rows" if len(wrong) else ""

    def leave_out(self) -> None:
        """Take what differed out of what is told."""
        if self._wrong:
            self._told.leave_out(self._wrong)
