"""TreeEnsembleRegressor and TreeEnsembleClassifier in terms of ai.onnx.ml 5, with the meaning that onnxruntime gives them.

ai.onnx.ml 5 dropped both for TreeEnsemble, which knows neither base values nor labels. Sums, labels and untransformed
scores come out bit by bit. SOFTMAX and LOGISTIC are computed in float64 and rounded once, so that they differ from
onnxruntime's float32 formulas by what those lose: up to 6e-8, absolutely (LOGISTIC), or 3e-7, relatively (SOFTMAX).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import Builder, dtype_of
from rtml_core.lowering.forest import AGGREGATES, TRANSFORMS, Forest, Leaf, copies, numbers, read_forest, tree_ensemble
from rtml_core.lowering.symbolic import where

_UNEVEN = "a tree ensemble gives some {} a score on some rows only, {}; list a weight for every one of them in every leaf"


@dataclass
class TreeOutputs:
    """What a tree ensemble became. label: [N, 1] int64 or string; scores: float32 [N, k]; forest over x [N, F]."""

    label: ir.Value | None
    scores: ir.Value
    forest: Forest
    x: ir.Value


def _prepare(b: Builder, x: ir.Value, attributes: dict[str, Any]) -> tuple[ir.Value, str, str]:
    """x as float32 or float64, the dtype in which trees compute, and the checked post_transform."""
    transform = attributes.get("post_transform", "NONE")
    if transform not in (*TRANSFORMS, "SOFTMAX", "LOGISTIC"):
        raise NotLowerableError(f"a tree ensemble has the unknown post_transform {transform!r}")
    if dtype_of(x) == "float64":
        return x, "float64", transform
    return b.cast(x, "float32"), "float32", transform


def _transformed(b: Builder, raw: ir.Value, transform: str) -> ir.Value:
    """Raw scores [N, k] -> float32; the other transforms are done by the trees themselves."""
    single = b.cast(raw, "float32")
    if transform == "LOGISTIC":
        return b.cast(b.op("Sigmoid", b.cast(single, "float64")), "float32")
    if transform == "SOFTMAX":
        return b.cast(b.op("Softmax", b.cast(single, "float64"), axis=1), "float32")
    return single


def regressor(b: Builder, x: ir.Value, attributes: dict[str, Any]) -> TreeOutputs:
    """A TreeEnsembleRegressor over x [N, F] -> float32 [N, n_targets]."""
    x, dtype, transform = _prepare(b, x, attributes)
    n = attributes.get("n_targets", 0)
    aggregate = attributes.get("aggregate_function", "SUM")
    if aggregate not in AGGREGATES:
        raise NotLowerableError(f"a tree ensemble has the unknown aggregate_function {aggregate!r}")
    forest = read_forest(attributes, "target", n, dtype)
    base = _regressor_base(forest, n, numbers(attributes, "base_values", dtype).tolist())
    if n == 1 and transform != "PROBIT":
        transform = "NONE"  # onnxruntime transforms a single target by PROBIT only
    inside = transform if transform in TRANSFORMS else "NONE"
    averaged = aggregate == "AVERAGE" and copies(forest) > 1
    if inside != "NONE" and (averaged or (base and aggregate != "SUM")):
        raise NotLowerableError(f"a tree ensemble combines {aggregate} with {transform} in a way that has no exact form here")
    if averaged:
        raw = b.op("Div", tree_ensemble(b, x, forest, n), b.const(len(forest.trees), dtype))
    else:
        stubs = base if aggregate == "SUM" else []
        raw = tree_ensemble(b, x, forest, n, aggregate=aggregate, transform=inside, base=stubs)
    if base and aggregate != "SUM":
        raw = b.op("Add", raw, b.const([[dict(base).get(target, 0.0) for target in range(n)]], dtype))
    return TreeOutputs(None, _transformed(b, raw, transform), forest, x)


def _regressor_base(forest: Forest, n: int, base: list[float]) -> list[Leaf]:
    """(target, base value); of several targets, onnxruntime answers 0 for one without a score, whatever its base value."""
    if n == 1:
        return list(enumerate(base))
    has = [forest.presence(target) for target in range(n)]
    if base and "sometimes" in has:
        raise NotLowerableError(_UNEVEN.format("targets", "and has base values"))
    return [(target, value) for target, value in enumerate(base) if has[target] == "always"]


@dataclass
class _Classes:
    """The attributes of a classifier, digested; `has` is Forest.presence of each class."""

    labels: list[Any]
    forest: Forest
    base: list[float]
    transform: str
    has: list[str]
    weights: list[float]

    @property
    def one_class(self) -> bool:
        """Two classes, of which only one ever gets a weight."""
        return len(self.labels) == 2 and "never" in self.has

    @property
    def all_positive(self) -> bool:
        return min(self.weights, default=0.0) >= 0

    @property
    def binary_labels(self) -> tuple[Any, Any]:
        """Labels of the negative and the positive side: where both classes have weights, onnxruntime says plain 0 and 1."""
        if self.one_class or isinstance(self.labels[0], str):
            return self.labels[0], self.labels[1]
        return 0, 1


def classifier(b: Builder, x: ir.Value, attributes: dict[str, Any]) -> TreeOutputs:
    """A TreeEnsembleClassifier over x [N, F] -> label [N, 1], float32 scores [N, C]."""
    x, dtype, transform = _prepare(b, x, attributes)
    labels = list(attributes.get("classlabels_strings") or attributes.get("classlabels_int64s") or [])
    if len(labels) < 2:
        raise NotLowerableError(f"a tree ensemble classifies into {len(labels)} classes; at least 2 are needed")
    forest = read_forest(attributes, "class", len(labels), dtype)
    weights = [weight for tree in forest.trees for leaf in tree.leaves for _, weight in leaf]
    has = [forest.presence(c) for c in range(len(labels))]
    classes = _Classes(labels, forest, numbers(attributes, "base_values", dtype).tolist(), transform, has, weights)
    emit = _binary if len(labels) == 2 else _many
    label, scores = emit(b, x, classes)
    return TreeOutputs(label, scores, forest, x)


def _many(b: Builder, x: ir.Value, classes: _Classes) -> tuple[ir.Value, ir.Value]:
    """Three classes and more: the label is that of the highest raw score among the classes that got one."""
    n = len(classes.labels)
    base = list(enumerate(classes.base))
    scored = list(range(n))
    if not base and min(classes.weights) <= 0:
        if "sometimes" in classes.has:
            raise NotLowerableError(_UNEVEN.format("classes", "with weights that are not all positive"))
        scored = [c for c in scored if classes.has[c] == "always"]
    raw, scores = _scores(b, x, classes, n, base)
    best = b.op("ArgMax", b.take(raw, scored), dtype="int64", width=1, axis=1, keepdims=1)
    return _pick(b, [classes.labels[c] for c in scored], best), scores


def _scores(b: Builder, x: ir.Value, classes: _Classes, n: int, base: list[Leaf]) -> tuple[ir.Value, ir.Value]:
    """Raw scores [N, n] and the transformed ones."""
    raw = tree_ensemble(b, x, classes.forest, n, base=base)
    if classes.transform not in TRANSFORMS or classes.transform == "NONE":
        return raw, _transformed(b, raw, classes.transform)
    return raw, b.cast(tree_ensemble(b, x, classes.forest, n, transform=classes.transform, base=base), "float32")


def _pick(b: Builder, labels: list[Any], index: ir.Value) -> ir.Value:
    """labels[index], [N, 1]."""
    if labels == list(range(len(labels))):
        return index
    dtype = "string" if isinstance(labels[0], str) else "int64"
    return b.op("Gather", b.const(labels, dtype), index, dtype=dtype, width=1, axis=0)


def _binary(b: Builder, x: ir.Value, classes: _Classes) -> tuple[ir.Value, ir.Value]:
    """Two classes, in the forms that onnxruntime tells apart by base values and by which class has weights."""
    base, (first, second) = classes.base, classes.has
    if first == second == "never":
        raise NotLowerableError("a tree ensemble of two classes has no weights")
    if second == "sometimes" or (base and first == "sometimes"):
        raise NotLowerableError(_UNEVEN.format("classes", "where onnxruntime's answer has no fixed form"))
    if len(base) == 2 and second == "always":
        score = tree_ensemble(b, x, classes.forest.only(0), 1, base=[(0, base[1])])
        return _side(b, classes, score), _mirrored(b, classes, score)
    if len(base) < 2 and second == "never":
        score = tree_ensemble(b, x, classes.forest.only(0), 1, base=[(0, value) for value in base])
        return _side(b, classes, score), _single(b, classes, score)
    raw, scores = _scores(b, x, classes, 2, [(0, base[0])] if base and first == "always" else [])
    return _side(b, classes, b.take(raw, [0 if second == "never" else 1])), scores


def _side(b: Builder, classes: _Classes, score: ir.Value) -> ir.Value:
    """The label by which side of the threshold score [N, 1] is on."""
    threshold = 0.5 if classes.one_class and classes.all_positive else 0.0
    positive = b.op("Greater", score, b.const([[threshold]], classes.forest.dtype), dtype="bool")
    negative_label, positive_label = classes.binary_labels
    if (negative_label, positive_label) == (0, 1):
        return b.cast(positive, "int64")
    dtype = "string" if isinstance(positive_label, str) else "int64"
    return where(b, positive, b.const([[positive_label]], dtype), b.const([[negative_label]], dtype))


def _mirrored(b: Builder, classes: _Classes, score: ir.Value) -> ir.Value:
    """Scores -s and s of the one score [N, 1]; 0 in place of -s when the first class has no weights."""
    if classes.transform in ("PROBIT", "SOFTMAX_ZERO"):
        raise NotLowerableError(f"a tree ensemble combines two base values with {classes.transform}; that has no exact form here")
    negative = 0 if classes.has[0] == "never" else -1
    both = b.op("Mul", score, b.const([[negative, 1]], classes.forest.dtype), width=2)
    return _transformed(b, both, classes.transform)


def _single(b: Builder, classes: _Classes, score: ir.Value) -> ir.Value:
    """Both scores from the one score [N, 1] of a model that weighs one class."""
    if classes.transform == "PROBIT":
        raise NotLowerableError("a tree ensemble of two classes has one score and PROBIT, which leaves the other score undefined")
    dtype = classes.forest.dtype
    both = b.op("Mul", score, b.const([[-1, 1]], dtype), width=2)
    if classes.transform == "LOGISTIC":
        return _transformed(b, both, "LOGISTIC")
    if classes.all_positive:
        both = b.op("Add", both, b.const([[1, 0]], dtype))
    return _transformed(b, both, "NONE")
