"""Who converts what."""

from typing import Any

import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from rtml_core.errors import NotLowerableError, RtmlError
from rtml_plugins.sklearn_ops.convert import registry
from tests.unit.plugins.sklearn.checks import numbers, value


def test_a_subclass_is_not_taken_for_its_parent() -> None:
    class Odd(Ridge):
        """Predicts something else."""

        def predict(self, x: Any) -> Any:
            return super().predict(x) + 1

    assert registry.find_converter(Ridge()) is not None
    assert registry.find_converter(Odd()) is None


def test_one_class_has_one_converter() -> None:
    registry.find_converter(Ridge())
    with pytest.raises(RtmlError, match=r"there is a converter for sklearn\.linear_model\.Ridge already, linear_regressor"):
        registry.converts("sklearn.linear_model.Ridge")(lambda b, estimator, columns: [])


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (DecisionTreeClassifier, "sklearn.tree.DecisionTreeClassifier"),
        (HistGradientBoostingClassifier, "sklearn.ensemble.HistGradientBoostingClassifier"),
        (Pipeline, "sklearn.pipeline.Pipeline"),
    ],
)
def test_public_names(cls: type, name: str) -> None:
    assert registry.public_name(cls) == name


def test_every_registered_class_exists() -> None:
    from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401

    registry.find_converter(Ridge())
    for name in [name for name in registry._CONVERTERS if name.startswith("sklearn.")]:
        module, _, last = name.rpartition(".")
        assert registry.public_name(getattr(__import__(module, fromlist=[last]), last)) == name


def test_a_predictor_in_the_middle_is_refused() -> None:
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import unpack

    b = Builder()
    columns = registry.Columns(unpack(b.input("x", "float64", 2), "float64"))
    ridge = Ridge().fit(numbers()[["a", "b"]], value(numbers()))
    with pytest.raises(NotLowerableError, match="Ridge predicts, but stands where a transformer is needed"):
        registry.transform(b, ridge, columns)
    with pytest.raises(NotLowerableError, match="StandardScaler transforms, but stands where a predictor"):
        registry.predict(b, StandardScaler().fit(numbers()[["a", "b"]]), columns)
