"""Who converts what, and converters of others."""

from typing import Any

import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from rtml_core.errors import NotLowerableError, RtmlError
from rtml_plugins.sklearn_ops import register_converter
from rtml_plugins.sklearn_ops.convert import registry
from tests.unit.plugins.sklearn.checks import agree, numbers, value


class Doubler(TransformerMixin, BaseEstimator):
    """Twice the value; stands for an estimator of a third party."""

    def fit(self, x: Any, y: Any = None) -> "Doubler":
        self.n_features_in_ = x.shape[1]
        return self

    def transform(self, x: Any) -> Any:
        return x * 2

    def get_feature_names_out(self, names: Any) -> Any:
        return names


def test_a_converter_of_a_third_party_is_used_inside_a_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    registry.find_converter(StandardScaler())
    monkeypatch.setattr(registry, "_CONVERTERS", dict(registry._CONVERTERS))

    def convert_doubler(b: Any, estimator: Doubler, columns: registry.Columns) -> Any:
        from rtml_plugins.sklearn_ops.convert.packing import numbers, pack

        numbers(b, columns, estimator, missing=False)
        packed = pack(b, columns)
        return packed.unpack(b.op("Mul", packed.value, b.const(2.0, "float64")))

    register_converter(Doubler, convert_doubler)
    agree(make_pipeline(Doubler(), Ridge()), numbers()[["a", "c"]], value(numbers()))
    with pytest.raises(RtmlError, match=r"there is a converter for .*Doubler already"):
        register_converter(Doubler, convert_doubler)
    register_converter(Doubler, convert_doubler, replace=True)


def test_a_subclass_is_not_taken_for_its_parent() -> None:
    class Odd(Ridge):
        """Predicts something else."""

        def predict(self, x: Any) -> Any:
            return super().predict(x) + 1

    assert registry.find_converter(Ridge()) is not None
    assert registry.find_converter(Odd()) is None


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
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401

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
