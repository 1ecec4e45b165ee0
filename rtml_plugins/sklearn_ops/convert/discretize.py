"""Numbers into bins and flags: piecewise constant, hence one TreeEnsemble."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import Symbolic, unpack
from rtml_plugins.sklearn_ops.convert.packing import numbers, pack
from rtml_plugins.sklearn_ops.convert.registry import Columns, converts
from rtml_plugins.sklearn_ops.convert.tree_ensemble import Trees, intervals, steps

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder


@converts("sklearn.preprocessing.KBinsDiscretizer")
def k_bins(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """The number of the bin, or a 0/1 column a bin; a value on an edge belongs to the bin above."""
    numbers(b, columns, estimator, missing=False)
    packed = pack(b, columns)
    one_hot = estimator.encode != "ordinal"
    trees, start = Trees(), 0
    for i, slot in enumerate(packed.at):
        edges = np.asarray(estimator.bin_edges_[i], np.float64)[1:-1]
        bins = len(edges) + 1
        if one_hot and bins != int(estimator.n_bins_[i]):
            raise NotLowerableError(
                f"KBinsDiscretizer: column '{columns.names[i]}' has {estimator.n_bins_[i]} bins and {bins} intervals"
            )
        if one_hot:
            trees.add(steps(slot, edges), np.ones(bins), start + np.arange(bins))
            start += bins
        else:
            trees.add(steps(slot, edges), np.arange(bins, dtype=np.float64), i)
    return unpack(trees.emit(b, packed.value, start if one_hot else len(columns)), "float64")


@converts("sklearn.preprocessing.Binarizer")
def binarizer(b: Builder, estimator: Any, columns: Columns) -> list[Symbolic]:
    """1 above the threshold, else 0."""
    numbers(b, columns, estimator, missing=False)
    packed = pack(b, columns)
    trees = Trees()
    for i, slot in enumerate(packed.at):
        trees.add(intervals(slot, np.array([float(estimator.threshold)]), np.zeros(1, bool)), np.array([0.0, 1.0]), i)
    return unpack(trees.emit(b, packed.value, len(columns)), "float64")
