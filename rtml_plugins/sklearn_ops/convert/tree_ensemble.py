"""The ONNX operator TreeEnsemble (ai.onnx.ml 5) in float64: forests, and every other piecewise constant function.

One operator holds any number of trees; each leaf adds its weight to one target. onnxruntime adds tree after tree, as
scikit-learn does, so sums come out bit by bit the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

#: comparisons of a node: x <= split, x < split, x in a set; one for all nodes is what onnxruntime is fastest with
LEQ: Final = 0
LT: Final = 1
MEMBER: Final = 6
SUM: Final = 1
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Flat:
    """One tree as arrays over its nodes; node 0 is the root, `left` is -1 at a leaf.

    modes: the comparison of each node, LEQ where None; x goes left when it holds for x and `threshold`. missing_left: NaN
    goes left. members: for a MEMBER node, the whole numbers that go left; onnxruntime looks only at the whole part of what
    it compares with a set, so such a column must hold whole numbers (or NaN).
    """

    left: Array
    right: Array
    feature: Array
    threshold: Array
    missing_left: Array
    modes: Array | None = None
    members: Mapping[int, Array] = field(default_factory=dict)

    @property
    def leaves(self) -> Array:
        """Positions of the leaves."""
        return np.flatnonzero(self.left < 0)


@dataclass
class Trees:
    """Collects trees for one TreeEnsemble."""

    roots: list[int] = field(default_factory=list)
    nodes: dict[str, list[Array]] = field(default_factory=dict)
    leaf_targets: list[Array] = field(default_factory=list)
    leaf_weights: list[Array] = field(default_factory=list)
    members: list[Array] = field(default_factory=list)
    node_count: int = 0
    leaf_count: int = 0

    def add(self, tree: Flat, weights: Array, targets: Array | int = 0) -> None:
        """A tree; weights and targets of its leaves, in the order of `tree.leaves`."""
        leaf = tree.left < 0
        if leaf[0]:
            self.constant(float(weights[0]), int(np.broadcast_to(targets, 1)[0]))
            return
        inner = ~leaf
        place = np.where(inner, np.cumsum(inner) - 1 + self.node_count, np.cumsum(leaf) - 1 + self.leaf_count)
        left, right = tree.left[inner], tree.right[inner]
        self._append(
            nodes_featureids=tree.feature[inner],
            nodes_splits=tree.threshold[inner].astype(np.float64),
            nodes_modes=self._modes(tree)[inner],
            nodes_missing_value_tracks_true=tree.missing_left[inner].astype(np.int64),
            nodes_truenodeids=place[left],
            nodes_falsenodeids=place[right],
            nodes_trueleafs=leaf[left].astype(np.int64),
            nodes_falseleafs=leaf[right].astype(np.int64),
        )
        self.roots.append(self.node_count)
        self.node_count += int(inner.sum())
        self._leaves(np.asarray(weights, np.float64), targets)

    def _modes(self, tree: Flat) -> Array:
        # the sets of all nodes follow each other, each closed by a NaN
        self.members += [np.append(tree.members[node], np.nan) for node in sorted(tree.members)]
        return np.full(len(tree.left), LEQ, np.uint8) if tree.modes is None else tree.modes

    def constant(self, value: float, target: int = 0) -> None:
        """A tree that is one leaf: adds `value` to `target` in every row."""
        # the form that the specification gives to a lone leaf: a node of which both ways lead to it
        both = np.array([self.leaf_count])
        one = np.ones(1, np.int64)
        self._append(
            nodes_featureids=0 * one,
            nodes_splits=np.zeros(1),
            nodes_modes=np.zeros(1, np.uint8),
            nodes_missing_value_tracks_true=0 * one,
            nodes_truenodeids=both,
            nodes_falsenodeids=both,
            nodes_trueleafs=one,
            nodes_falseleafs=one,
        )
        self.roots.append(self.node_count)
        self.node_count += 1
        self._leaves(np.array([value], np.float64), target)

    def emit(self, b: Builder, x: ir.Value, targets: int) -> ir.Value:
        """float64 [N, F] -> float64 [N, targets]: the sums of the leaves that each row falls into."""
        from rtml_core.lowering.builder import tensor_attribute

        flat = {name: np.concatenate(parts) for name, parts in self.nodes.items()}
        missing = flat.pop("nodes_missing_value_tracks_true")
        splits, modes = flat.pop("nodes_splits"), flat.pop("nodes_modes")
        lists: dict[str, Any] = {name: values.tolist() for name, values in flat.items()}
        return b.ml(
            "TreeEnsemble",
            x,
            dtype="float64",
            width=targets,
            aggregate_function=SUM,
            n_targets=targets,
            tree_roots=self.roots,
            nodes_splits=tensor_attribute(splits, "float64"),
            nodes_modes=tensor_attribute(modes, "uint8"),
            nodes_missing_value_tracks_true=missing.tolist() if missing.any() else None,
            leaf_weights=tensor_attribute(np.concatenate(self.leaf_weights), "float64"),
            membership_values=tensor_attribute(np.concatenate(self.members), "float64") if self.members else None,
            leaf_targetids=np.concatenate(self.leaf_targets).tolist(),
            **lists,
        )

    def _append(self, **parts: Array) -> None:
        for name, values in parts.items():
            self.nodes.setdefault(name, []).append(values)

    def _leaves(self, weights: Array, targets: Array | int) -> None:
        self.leaf_weights.append(weights)
        self.leaf_targets.append(np.broadcast_to(np.asarray(targets, np.int64), weights.shape))
        self.leaf_count += len(weights)


def constant(b: Builder, rows: ir.Value, value: float) -> ir.Value:
    """float64 [N, 1] with `value` in every row; `rows` is any float64 [N, k] and gives N."""
    trees = Trees()
    trees.constant(value)
    return trees.emit(b, rows, 1)


def steps(feature: int, edges: Array) -> Flat:
    """A balanced tree over sorted edges: leaf i, in order, holds the x with edges[i-1] <= x < edges[i]."""
    return intervals(feature, edges, np.ones(len(edges), bool))


def intervals(feature: int, edges: Array, strict: Array, *, missing_first: bool = False) -> Flat:
    """A balanced tree over sorted edges; edge i sends x < edge (strict) or x <= edge to the left.

    missing_first: NaN falls into the first leaf (with an edge of -inf, strict, a leaf of its own).
    """
    left: list[int] = []
    right: list[int] = []
    middle_of: list[int] = []

    def build(first: int, last: int) -> int:
        at = len(left)
        middle = (first + last) // 2
        left.append(-1)
        right.append(-1)
        middle_of.append(middle)
        if first < last:
            left[at] = build(first, middle)
            right[at] = build(middle + 1, last)
        return at

    build(0, len(edges))
    # x < edge as x <= the number below it: one comparison for all nodes; below -inf there is none
    below = np.isfinite(edges) & strict
    thresholds = np.append(np.where(below, np.nextafter(edges, -np.inf), edges), 0.0)[middle_of]
    modes = np.append(np.where(strict & ~below, LT, LEQ), LEQ).astype(np.uint8)[middle_of]
    places = np.full(len(left), feature)
    return Flat(np.array(left), np.array(right), places, thresholds, np.full(len(left), missing_first), modes)
