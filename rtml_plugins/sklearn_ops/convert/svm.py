"""Support vector machines with kernels: a kernel of the row with every support vector, then weighted sums of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.symbolic import new, unpack
from rtml_plugins.sklearn_ops.convert.labels import classes_of, label_from_flag, label_from_scores
from rtml_plugins.sklearn_ops.convert.packing import numbers, ordered, refuse_infinite
from rtml_plugins.sklearn_ops.convert.registry import Columns, Prediction, converts

if TYPE_CHECKING:
    import onnx_ir as ir

    from rtml_core.lowering.builder import Builder

#: farther than this from the support vectors an RBF kernel is 0, and the square of a larger number would be infinite
_FAR: Final = 1e100


def kernel(b: Builder, estimator: Any, columns: Columns) -> ir.Value:
    """float64 [N, S]: the kernel of each row with each of S support vectors."""
    numbers(b, columns, estimator, missing=False)
    vectors = _vectors(estimator)
    x, gamma = ordered(b, columns), float(estimator._gamma)
    if estimator.kernel == "rbf":
        return rbf(b, x, vectors, gamma)
    refuse_infinite(estimator)
    if estimator.kernel not in ("linear", "poly", "sigmoid"):
        raise NotLowerableError(
            f"{type(estimator).__name__} has a kernel of its own ({estimator.kernel!r}); use 'rbf', 'linear', 'poly' or 'sigmoid'"
        )
    if estimator.kernel == "linear":
        return _product(b, x, vectors.T, np.zeros(len(vectors)))
    inner = _product(b, x, gamma * vectors.T, np.full(len(vectors), float(estimator.coef0)))
    if estimator.kernel == "sigmoid":
        return b.op("Tanh", inner)
    return inner if estimator.degree == 1 else b.op("Pow", inner, b.const(float(estimator.degree), "float64"))


def _vectors(estimator: Any) -> Any:
    return _dense(estimator.support_vectors_)


def _dense(matrix: Any) -> Any:
    """A matrix as float64, also where the estimator learned from a sparse one, e.g. behind a OneHotEncoder."""
    return np.asarray(matrix.toarray() if hasattr(matrix, "toarray") else matrix, np.float64)


def rbf(b: Builder, x: ir.Value, points: Any, gamma: float) -> ir.Value:
    """exp(-gamma |x - p|^2): float64 [N, F] and [S, F] -> [N, S].

    One product around the middle of the points, where |x|^2 - 2 x.p + |p|^2 loses nothing that the exponential would show.
    """
    middle = points.mean(axis=0)
    near = points - middle
    moved = b.op("Sub", x, b.const(middle.reshape(1, -1), "float64"))
    # neither a Clip, which onnxruntime reorders, nor an infinite square, of which the difference is not a number
    inside = b.op("Min", b.op("Max", moved, b.const([[-_FAR]], "float64")), b.const([[_FAR]], "float64"))
    own = b.op("Mul", b.op("ReduceSumSquare", inside, b.const([1], "int64"), width=1, keepdims=1), b.const([[-gamma]], "float64"))
    product = _product(b, inside, 2.0 * gamma * near.T, -gamma * np.einsum("ij,ij->i", near, near))
    return b.op("Exp", b.op("Add", product, own))


def _product(b: Builder, x: ir.Value, weights: Any, bias: Any) -> ir.Value:
    return b.op("Gemm", x, b.const(weights, "float64"), b.const(bias, "float64"), width=weights.shape[1])


def _sums(b: Builder, estimator: Any, columns: Columns, weights: Any, bias: Any) -> ir.Value:
    """kernel @ weights + bias; with a linear kernel straight from the columns."""
    if estimator.kernel == "linear":
        numbers(b, columns, estimator, missing=False)
        refuse_infinite(estimator)
        return _product(b, ordered(b, columns), _vectors(estimator).T @ weights, bias)
    return _product(b, kernel(b, estimator, columns), weights, bias)


@converts("sklearn.svm.SVR", "sklearn.svm.NuSVR")
def regressor(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A weighted sum of kernels -> value."""
    weights = _dense(estimator._dual_coef_).T
    return Prediction(value=new("float64", _sums(b, estimator, columns, weights, np.asarray(estimator._intercept_))))


@converts("sklearn.svm.OneClassSVM")
def one_class(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """A weighted sum of kernels -> decision; 1 above 0, else -1 -> label."""
    weights = _dense(estimator._dual_coef_).T
    decision = _sums(b, estimator, columns, weights, np.asarray(estimator._intercept_))
    inside = b.op("Greater", decision, b.const([[0.0]], "float64"), dtype="bool")
    return Prediction(label=label_from_flag(b, inside, (-1, 1)), decision=[new("float64", decision)])


@converts("sklearn.svm.SVC", "sklearn.svm.NuSVC")
def classifier(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """One score for every two classes; the class that wins most often -> label. Its probabilities have no ONNX form."""
    classes, bias = classes_of(estimator), np.asarray(estimator._intercept_, np.float64)
    if len(classes) == 2:
        # the library's score speaks for the first class
        weights = -_dense(estimator._dual_coef_).T
        decision = _sums(b, estimator, columns, weights, -bias)
        if estimator.kernel == "poly":
            # of infinite kernels the sum may be no number, and then the second class wins
            flag = b.op("Not", b.op("Less", decision, b.const([[0.0]], "float64"), dtype="bool"))
        else:
            flag = b.op("GreaterOrEqual", decision, b.const([[0.0]], "float64"), dtype="bool")
        return Prediction(classes, label_from_flag(b, flag, classes), decision=[new("float64", decision, finite=False)])
    pairs = _pair_scores(b, estimator, columns, len(classes), bias)
    won = b.op("Not", b.op("Greater", pairs, b.const([[0.0]], "float64"), dtype="bool"))
    votes = votes_of_pairs(b, won, len(classes))
    if estimator.decision_function_shape == "ovo":
        return Prediction(classes, label_from_scores(b, votes, classes), decision=unpack(pairs, "float64", finite=False))
    lost = b.op("Less", pairs, b.const([[0.0]], "float64"), dtype="bool")
    decision = b.op("Add", votes_of_pairs(b, lost, len(classes)), confidence(b, b.op("Neg", pairs), len(classes)))
    label = label_from_scores(b, decision if estimator.break_ties else votes, classes)
    return Prediction(classes, label, decision=unpack(decision, "float64", finite=False))


def pairs_of(count: int) -> list[tuple[int, int]]:
    """Every two of so many classes, in scikit-learn's order."""
    return [(i, j) for i in range(count) for j in range(i + 1, count)]


def _pair_scores(b: Builder, estimator: Any, columns: Columns, count: int, bias: Any) -> ir.Value:
    """float64 [N, pairs]; above 0 speaks for the first class of a pair. Only vectors of the two classes count."""
    coef, sizes = _dense(estimator._dual_coef_), np.asarray(estimator._n_support)
    ends = np.cumsum(sizes)
    blocks = [slice(int(end - size), int(end)) for end, size in zip(ends, sizes, strict=True)]
    pairs = pairs_of(count)
    if estimator.kernel == "poly":
        return _unbounded(b, kernel(b, estimator, columns), coef, blocks, bias)
    weights = np.zeros((coef.shape[1], len(pairs)))
    for p, (i, j) in enumerate(pairs):
        weights[blocks[i], p] = coef[j - 1, blocks[i]]
        weights[blocks[j], p] = coef[i, blocks[j]]
    return _sums(b, estimator, columns, weights, bias)


def _unbounded(b: Builder, values: ir.Value, coef: Any, blocks: list[slice], bias: Any) -> ir.Value:
    """The scores of pairs class by class: an infinite kernel times the 0 of another class would not be a number."""
    count = len(blocks)
    parts = []
    for block in blocks:
        own = b.take(values, list(range(block.start, block.stop)))
        parts.append(b.op("MatMul", own, b.const(coef[:, block].T, "float64"), width=count - 1))
    sums, pairs = b.concat(parts), pairs_of(count)
    first = b.take(sums, [i * (count - 1) + j - 1 for i, j in pairs])
    second = b.take(sums, [j * (count - 1) + i for i, j in pairs])
    total = b.op("Add", first, second, width=len(pairs))
    return b.op("Add", total, b.const(bias.reshape(1, -1), "float64"))


def _sides(count: int) -> Any:
    """float64 [pairs, classes]: -1 for the first class of a pair, 1 for the second."""
    sides = np.zeros((len(pairs_of(count)), count))
    for p, (i, j) in enumerate(pairs_of(count)):
        sides[p, i], sides[p, j] = -1.0, 1.0
    return sides


def votes_of_pairs(b: Builder, second: ir.Value, count: int) -> ir.Value:
    """float64 [N, K]: how many pairs each class wins; `second` bool [N, pairs] says where the second of a pair does."""
    before = np.array([float(count - 1 - i) for i in range(count)])
    return _product(b, b.cast(second, "float64"), _sides(count), before)


def confidence(b: Builder, pairs: ir.Value, count: int) -> ir.Value:
    """float64 [N, K]: the sum s of a class's scores as s / (3 (|s| + 1)), which breaks ties of votes.

    pairs: float64 [N, pairs]; above 0 speaks for the second class of a pair.
    """
    total = _product(b, pairs, _sides(count), np.zeros(count))
    size = b.op("Add", b.op("Abs", total), b.const([[1.0]], "float64"))
    return b.op("Div", total, b.op("Mul", size, b.const([[3.0]], "float64")))
