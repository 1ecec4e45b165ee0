"""Neighbours where it matters which of several equally far ones are taken.

Which of equally far rows scikit-learn takes for the last neighbour depends on the order of a tree in memory. Where their
answers differ, no other implementation can say the same, so such a row is refused: here when it is answered by scikit-learn,
and by a row check in the compiled model. A fitted neighbours model that comes out of a state is one of the classes here; they
differ from scikit-learn's in nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

#: distances closer than this, in relative terms, are taken for equal
NEAR: Final = 1e-11
#: scikit-learn's brute force subtracts large numbers: what it is off by, in terms of the squared lengths
NOISE: Final = 1e-12
_METRICS: Final = ("euclidean", "manhattan", "chebyshev", "minkowski")
_CHUNK: Final = 2_000_000
REFUSED: Final = (
    "a row that is equally far from several training rows with different answers, of which the nearest {count} are asked"
)


@dataclass(frozen=True)
class Asked:
    """What a neighbours model looks up. `power`: exponent of the differences (inf: the largest of them); `noisy`: brute force."""

    points: Any
    answers: Any
    count: int
    power: float
    noisy: bool


def asked(estimator: Any) -> Asked | None:
    """The look-up of a fitted neighbours model, or None where it is of a kind that is not read here."""
    metric, options = estimator.effective_metric_, dict(estimator.effective_metric_params_ or {})
    points = estimator._fit_X
    if metric not in _METRICS or options.pop("w", None) is not None or not isinstance(points, np.ndarray):
        return None
    answers = np.asarray(estimator._y, np.float64)
    if answers.ndim > 1 and answers.shape[1] != 1:
        return None
    power = {"euclidean": 2.0, "manhattan": 1.0, "chebyshev": np.inf}.get(metric, float(options.get("p", 2.0)))
    noisy = estimator._fit_method == "brute" and metric == "euclidean"
    return Asked(np.asarray(points, np.float64), answers.ravel(), int(estimator.n_neighbors), power, noisy)


def slack(found: Asked, x: Any) -> Any:
    """float64 [N, 1]: how far off squared distances may be by brute force; 0 otherwise."""
    if not found.noisy:
        return np.zeros((len(x), 1))
    return NOISE * (np.sum(x * x, axis=1, keepdims=True) + largest(found))


def largest(found: Asked) -> float:
    """The largest squared length of a training row."""
    return float(np.max(np.sum(found.points * found.points, axis=1)))


def undecided(estimator: Any, x: Any) -> Any:
    """bool [N]: rows of which the last neighbour is one of several equally far ones with different answers."""
    found = asked(estimator)
    rows = np.asarray(x, np.float64)
    if found is None or found.count >= len(found.points):
        return np.zeros(len(rows), bool)
    size = max(_CHUNK // len(found.points), 1)
    with np.errstate(all="ignore"):
        parts = [_undecided(found, rows[start : start + size]) for start in range(0, len(rows), size)]
    return np.concatenate(parts) if parts else np.zeros(0, bool)


def _undecided(found: Asked, x: Any) -> Any:
    far = np.zeros((len(x), len(found.points)))
    for j in range(x.shape[1]):
        apart = np.abs(x[:, j : j + 1] - found.points[None, :, j])
        far = np.maximum(far, apart) if np.isinf(found.power) else far + apart**found.power
    ends = np.partition(far, (found.count - 1, found.count), axis=1)[:, found.count - 1 : found.count + 1]
    off = slack(found, x)
    low, high = ends[:, :1] * (1 - NEAR) - off, ends[:, :1] * (1 + NEAR) + off
    # beyond what squares can hold, the lower end is no number, and nothing lies below it
    band = ~(far < low) & (far <= high)
    most = np.where(band, found.answers, -np.inf).max(axis=1)
    least = np.where(band, found.answers, np.inf).min(axis=1)
    return (ends[:, 1] <= high[:, 0]) & (most > least)


def _refuse(estimator: Any, x: Any) -> None:
    unclear = undecided(estimator, x)
    if unclear.any():
        count, first = int(unclear.sum()), int(np.flatnonzero(unclear)[0])
        raise ValueError(
            f"{type(estimator).__name__}: {count} of {len(unclear)} rows, the first of them row {first}, have"
            f" {REFUSED.format(count=estimator.n_neighbors)}; which of them count is an accident. Add a feature that tells rows"
            f" apart, or take another model"
        )


@cache
def _classes() -> dict[str, type]:
    """scikit-learn's class name -> the class here that refuses undecided rows."""
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor

    made: dict[str, type] = {}
    for base, methods in ((KNeighborsClassifier, ("predict", "predict_proba")), (KNeighborsRegressor, ("predict",))):
        body = {method: _checked(base, method) for method in methods}
        # named as the original, for everything that goes by the class: converters, state, messages
        names = {"__module__": base.__module__, "__qualname__": base.__qualname__, "__doc__": base.__doc__}
        made[f"{base.__module__}.{base.__qualname__}"] = type(base.__name__, (base,), {**body, **names})
    return made


def _checked(base: type, method: str) -> Any:
    original = getattr(base, method)

    def answer(self: Any, x: Any) -> Any:
        result = original(self, x)
        if x is not None:
            _refuse(self, x)
        return result

    answer.__name__, answer.__doc__ = method, original.__doc__
    return answer


def decided(made: Any) -> Any:
    """The same object, of the class that refuses undecided rows where it is a neighbours model."""
    cls = type(made)
    if cls.__module__.startswith("sklearn.neighbors."):
        found = _classes().get(f"{cls.__module__}.{cls.__qualname__}")
        if found is not None:
            made.__class__ = found
    return made


def is_decided(estimator: Any) -> bool:
    """Whether a neighbours model refuses undecided rows."""
    return type(estimator) in _classes().values()
