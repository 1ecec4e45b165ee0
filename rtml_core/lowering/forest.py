"""Forests: the trees of ai.onnx.ml 1..3 read into plain arrays and written as the TreeEnsemble of ai.onnx.ml 5.

The old operators hang any number of weights on a leaf, the new one exactly one: a tree whose leaves hold k weights is
written k times, each copy with the k-th weight, and what is the same on both sides of a branch is folded away. The order
in which onnxruntime adds up stays what it was, so that the sums are equal bit by bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx_ir as ir

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder, TensorAttribute, tensor_attribute

#: numbers that TreeEnsemble has for the words of the older operators
MODES: Final = {"BRANCH_LEQ": 0, "BRANCH_LT": 1, "BRANCH_GTE": 2, "BRANCH_GT": 3, "BRANCH_EQ": 4, "BRANCH_NEQ": 5}
AGGREGATES: Final = {"AVERAGE": 0, "SUM": 1, "MIN": 2, "MAX": 3}
#: SOFTMAX and LOGISTIC have numbers too, but onnxruntime takes one for the other; both are emitted as operators
TRANSFORMS: Final = {"NONE": 0, "SOFTMAX_ZERO": 3, "PROBIT": 4}

Leaf = tuple[int, float]


@dataclass
class Branch:
    """An inner node of a tree; `yes` and `no` are positions in Tree.nodes."""

    feature: int
    mode: int
    split: float
    missing_yes: bool
    yes: int
    no: int


@dataclass
class Tree:
    """One tree: nodes in the order given, the first is the root. A leaf holds (target, weight) pairs."""

    nodes: list[Branch | list[Leaf]]

    @property
    def leaves(self) -> list[list[Leaf]]:
        return [node for node in self.nodes if isinstance(node, list)]


@dataclass
class Forest:
    """Trees over one matrix; `dtype` ("float32" or "float64") is that of splits, weights and sums."""

    trees: list[Tree]
    dtype: str

    def splits(self) -> dict[int, list[float]]:
        """Split points by feature."""
        found: dict[int, list[float]] = {}
        for tree in self.trees:
            for node in tree.nodes:
                if isinstance(node, Branch):
                    found.setdefault(node.feature, []).append(node.split)
        return found

    def only(self, target: int) -> Forest:
        """The same trees with the weights of one target alone, as target 0."""
        return Forest([Tree([_only(node, target) for node in tree.nodes]) for tree in self.trees], self.dtype)

    def presence(self, target: int) -> str:
        """Whether every path through the trees meets a weight of the target ("always"), none does ("never"), or some."""
        found = False
        for tree in self.trees:
            met = [any(t == target for t, _ in leaf) for leaf in tree.leaves]
            if all(met):
                return "always"
            found = found or any(met)
        return "sometimes" if found else "never"


def _only(node: Branch | list[Leaf], target: int) -> Branch | list[Leaf]:
    return node if isinstance(node, Branch) else [(0, weight) for t, weight in node if t == target]


def read_forest(attributes: dict[str, Any], prefix: str, n_targets: int, dtype: str) -> Forest:
    """The forest in the attributes of a TreeEnsembleRegressor (prefix "target") or -Classifier (prefix "class").

    Raises NotLowerableError when the attributes do not describe trees.
    """
    treeids, nodeids = attributes["nodes_treeids"], attributes["nodes_nodeids"]
    values = numbers(attributes, "nodes_values", dtype)
    position = {key: i for i, key in enumerate(zip(treeids, nodeids, strict=True))}
    weights = _weights(attributes, prefix, n_targets, dtype)
    missing = attributes.get("nodes_missing_value_tracks_true") or [0] * len(treeids)
    trees: dict[int, tuple[int, list[Branch | list[Leaf]]]] = {}
    for i, key in enumerate(zip(treeids, nodeids, strict=True)):
        start, nodes = trees.setdefault(key[0], (i, []))
        if start + len(nodes) != i:
            raise NotLowerableError(f"a tree ensemble lists the nodes of tree {key[0]} in several places; convert it again")
        mode = attributes["nodes_modes"][i]
        if mode == "LEAF":
            nodes.append(_leaf(weights.get(key, []), n_targets, float(values[i])))
            continue
        if mode not in MODES:
            raise NotLowerableError(f"a tree ensemble has a node of the unknown mode {mode!r}")
        yes = position[(key[0], attributes["nodes_truenodeids"][i])] - start
        no = position[(key[0], attributes["nodes_falsenodeids"][i])] - start
        nodes.append(Branch(attributes["nodes_featureids"][i], MODES[mode], float(values[i]), bool(missing[i]), yes, no))
    return Forest([Tree(nodes) for _, nodes in trees.values()], dtype)


def _leaf(weights: list[Leaf], n_targets: int, value: float) -> list[Leaf]:
    """With one target, onnxruntime takes the first weight of a leaf, and the node's value when there is none."""
    if n_targets == 1:
        return weights[:1] or [(0, value)]
    return weights


def _weights(attributes: dict[str, Any], prefix: str, n_targets: int, dtype: str) -> dict[tuple[int, int], list[Leaf]]:
    found: dict[tuple[int, int], list[Leaf]] = {}
    keys = zip(attributes[f"{prefix}_treeids"], attributes[f"{prefix}_nodeids"], strict=True)
    values = numbers(attributes, f"{prefix}_weights", dtype)
    for key, target, weight in zip(keys, attributes[f"{prefix}_ids"], values, strict=True):
        if not 0 <= target < n_targets:
            raise NotLowerableError(f"a tree ensemble has a weight for target {target}, but only {n_targets} targets")
        found.setdefault(key, []).append((target, float(weight)))
    return found


def numbers(attributes: dict[str, Any], name: str, dtype: str) -> np.ndarray[Any, Any]:
    """A list of numbers from `name` or `name`_as_tensor, as a [k] array; empty when neither is there."""
    tensor = attributes.get(f"{name}_as_tensor")
    values = attributes.get(name)
    found = tensor if tensor is not None and tensor.size else np.asarray([] if values is None else values, dtype=np.float32)
    return np.asarray(found).ravel().astype(dtype)


@dataclass
class _Written:
    """The growing attributes of a TreeEnsemble."""

    roots: list[int] = field(default_factory=list)
    branches: list[Branch] = field(default_factory=list)
    yes_leaf: list[bool] = field(default_factory=list)
    no_leaf: list[bool] = field(default_factory=list)
    leaves: dict[Leaf, int] = field(default_factory=dict)

    def leaf(self, leaf: Leaf) -> int:
        return self.leaves.setdefault(leaf, len(self.leaves))

    def branch(self, branch: Branch, yes: tuple[bool, int], no: tuple[bool, int]) -> int:
        self.branches.append(Branch(branch.feature, branch.mode, branch.split, branch.missing_yes, yes[1], no[1]))
        self.yes_leaf.append(yes[0])
        self.no_leaf.append(no[0])
        return len(self.branches) - 1

    def stub(self, leaf: Leaf) -> None:
        """A tree that is one leaf: a branch with the leaf on both sides."""
        end = (True, self.leaf(leaf))
        self.roots.append(self.branch(Branch(0, 0, 0.0, False, 0, 0), end, end))


def tree_ensemble(
    b: Builder,
    x: ir.Value,
    forest: Forest,
    n_targets: int,
    *,
    aggregate: str = "SUM",
    transform: str = "NONE",
    base: Sequence[Leaf] = (),
) -> ir.Value:
    """Emit the forest over x [N, F] of the forest's dtype -> [N, n_targets] of the same dtype.

    base: (target, value) pairs added after the trees (SUM only). AVERAGE needs at most one weight a leaf.
    """
    written = _Written()
    extremes = aggregate in ("MIN", "MAX")
    # where a leaf says nothing: nothing is added to a sum; a minimum must not see it, hence a target that is cut off
    nothing = (n_targets, 0.0) if extremes else (0, 0.0)
    for tree in forest.trees:
        for leaves in _copies(tree, nothing, keep_zeros=extremes):
            _write(written, tree, leaves)
    for leaf in base:
        written.stub(leaf)
    if not written.roots:
        raise NotLowerableError("a tree ensemble has no trees")
    width = n_targets + (nothing in written.leaves and extremes)
    result = _emit(b, x, written, width, forest.dtype, AGGREGATES[aggregate], TRANSFORMS[transform])
    return b.take(result, range(n_targets))


def copies(forest: Forest) -> int:
    """The most often that a tree has to be written, when weights of zero are left out."""
    return max((sum(weight != 0 for _, weight in leaf) for tree in forest.trees for leaf in tree.leaves), default=1)


def _copies(tree: Tree, nothing: Leaf, *, keep_zeros: bool) -> list[dict[int, Leaf]]:
    """For each copy of a tree, the one (target, weight) of each leaf by position."""
    kept = {
        i: [(target, weight) for target, weight in node if keep_zeros or weight != 0]
        for i, node in enumerate(tree.nodes)
        if isinstance(node, list)
    }
    number = max(1, *(len(leaf) for leaf in kept.values()))
    return [{i: leaf[copy] if copy < len(leaf) else nothing for i, leaf in kept.items()} for copy in range(number)]


def _write(written: _Written, tree: Tree, leaves: dict[int, Leaf]) -> None:
    """Append one copy of a tree; a branch with one leaf on both sides becomes that leaf."""
    done: dict[int, tuple[bool, int]] = {}
    stack = [0]
    while stack:
        at = stack[-1]
        node = tree.nodes[at]
        if at in done:
            stack.pop()
        elif not isinstance(node, Branch):
            done[at] = (True, written.leaf(leaves[at]))
        elif node.no not in done or node.yes not in done:
            if len(stack) > len(tree.nodes):
                raise NotLowerableError("a tree of a tree ensemble runs in a circle")
            stack.append(node.yes if node.no in done else node.no)
        else:
            yes, no = done[node.yes], done[node.no]
            _refuse_chain(node, tree.nodes[node.no], None if no[0] else written.branches[no[1]])
            done[at] = yes if yes == no and yes[0] else (False, written.branch(node, yes, no))
    is_leaf, root = done[0]
    if is_leaf:
        end = (True, root)
        root = written.branch(Branch(0, 0, 0.0, False, 0, 0), end, end)
    written.roots.append(root)


def _refuse_chain(branch: Branch, *following: Branch | list[Leaf] | None) -> None:
    """onnxruntime 1.31 joins equality splits of one feature that follow each other, and then compares whole parts only.

    It does so where their yes sides are alike, in the old operators and in the new one; folding can make them alike.
    """
    for node in following:
        if isinstance(node, Branch) and node.mode == branch.mode == MODES["BRANCH_EQ"] and node.feature == branch.feature:
            raise NotLowerableError(
                f"a tree ensemble splits twice in a row on feature {node.feature} being equal to something, which onnxruntime"
                f" gets wrong for fractions; convert the model with BRANCH_LEQ splits"
            )


def _emit(b: Builder, x: ir.Value, written: _Written, width: int, dtype: str, aggregate: int, transform: int) -> ir.Value:
    branches = written.branches
    tracks = [int(branch.missing_yes) for branch in branches]
    return b.ml(
        "TreeEnsemble",
        x,
        dtype=dtype,
        width=width,
        aggregate_function=aggregate,
        post_transform=transform,
        n_targets=width,
        tree_roots=_ints("tree_roots", written.roots),
        nodes_featureids=_ints("nodes_featureids", [branch.feature for branch in branches]),
        nodes_modes=tensor_attribute([branch.mode for branch in branches], "uint8"),
        nodes_splits=tensor_attribute([branch.split for branch in branches], dtype),
        nodes_missing_value_tracks_true=_ints("nodes_missing_value_tracks_true", tracks) if any(tracks) else None,
        nodes_truenodeids=_ints("nodes_truenodeids", [branch.yes for branch in branches]),
        nodes_trueleafs=_ints("nodes_trueleafs", [int(leaf) for leaf in written.yes_leaf]),
        nodes_falsenodeids=_ints("nodes_falsenodeids", [branch.no for branch in branches]),
        nodes_falseleafs=_ints("nodes_falseleafs", [int(leaf) for leaf in written.no_leaf]),
        leaf_targetids=_ints("leaf_targetids", [target for target, _ in written.leaves]),
        leaf_weights=tensor_attribute([weight for _, weight in written.leaves], dtype),
    )


def _ints(name: str, values: Sequence[int]) -> TensorAttribute:
    """A list of whole numbers that compares by content, at any length."""
    return TensorAttribute(ir.AttrInt64s(name, list(values)), np.asarray(values, dtype=np.int64).tobytes())
