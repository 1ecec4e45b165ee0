"""Clusters."""

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import AffinityPropagation, Birch, KMeans, MeanShift, MiniBatchKMeans
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from rtml_core.errors import NotLowerableError
from tests.unit.plugins.sklearn.checks import agree, numbers, two


def frame() -> Any:
    return numbers()[["a", "b", "c"]].assign(c=lambda f: f["c"] / 1e3)


@pytest.mark.parametrize("model", [KMeans(5, random_state=0), MiniBatchKMeans(5, random_state=0)])
def test_nearest_centres(model: Any) -> None:
    assert agree(model, frame(), rows=frame() * 1e6).nodes == 2
    agree(make_pipeline(StandardScaler(), model), frame())


def test_halfway_between_two_centres_is_the_first() -> None:
    x = frame()[["a"]].assign(a=np.tile([-1.0, 1.0], 120))
    middle = x.iloc[:3].assign(a=[0.0, np.nextafter(0, 1), np.nextafter(0, -1)])
    for start in ([[-1.0], [1.0]], [[1.0], [-1.0]]):
        agree(KMeans(2, init=np.array(start), n_init=1), x, rows=middle)


def test_distances_as_columns() -> None:
    agree(make_pipeline(KMeans(5, random_state=0), LogisticRegression(max_iter=1000)), frame(), two(numbers()), hard=False)


@pytest.mark.parametrize("model", [MeanShift(bandwidth=1.5), Birch(n_clusters=3), AffinityPropagation(), NearestCentroid()])
def test_what_rounding_decides_far_away_is_refused(model: Any) -> None:
    with pytest.raises(NotLowerableError, match=r"rounding alone then decides.*Use sklearn\.(cluster|discriminant)"):
        agree(model, frame(), None if "Centroid" not in str(model) else two(numbers()))


def test_mixtures() -> None:
    assert agree(GaussianMixture(3, random_state=0), frame(), rows=frame() * 1e4).nodes <= 8
    for model in (GaussianMixture(2, covariance_type="diag"), BayesianGaussianMixture(n_components=2, max_iter=1000)):
        with pytest.raises(NotLowerableError, match="use GaussianMixture"):
            agree(model, frame())
