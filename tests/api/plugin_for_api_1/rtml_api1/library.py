"""Stands for a library of estimators that knows nothing of rtml."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin


class Saturate(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """x / (x + half), where half is the largest of the training rows."""

    def fit(self, X: Any, y: Any = None) -> Saturate:
        X = np.asarray(X, dtype=np.float64)
        self.n_features_in_ = X.shape[1]
        self.half_ = X.max(axis=0)
        return self

    def transform(self, X: Any) -> Any:
        X = np.asarray(X, dtype=np.float64)
        return X / (X + self.half_)


class Handle:
    """Holds numbers where no attribute shows them."""

    __slots__ = ("_cuts",)

    def __init__(self, cuts: list[float]):
        self._cuts = tuple(cuts)

    def get(self) -> tuple[float, ...]:
        return self._cuts


class Above(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """1.0 where a column is above its middle, else 0.0."""

    def fit(self, X: Any, y: Any = None) -> Above:
        X = np.asarray(X, dtype=np.float64)
        self.n_features_in_ = X.shape[1]
        self.handle_ = Handle(((X.min(axis=0) + X.max(axis=0)) / 2).tolist())
        return self

    def transform(self, X: Any) -> Any:
        return (np.asarray(X, dtype=np.float64) > np.array(self.handle_.get())).astype(np.float64)
