"""The operators LightGBM, XGBoost and CatBoost: what ScikitLearn does, with the library's own estimators."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from rtml_core import Params, doc
from rtml_core.errors import ParamError, RtmlError
from rtml_plugins.sklearn_ops.scikit import ScikitLearn

if TYPE_CHECKING:
    import pandas as pd


class BoostingParams(Params):
    """Parameters of the three operators."""

    task: Annotated[
        Literal["classification", "regression"] | None, doc("what is learned: the class, or the number, in 'label'")
    ] = None
    model: Annotated[Any, doc("a fitted estimator of the library, instead of 'task' and 'model_params'", "an estimator")] = None
    model_params: Annotated[dict[str, Any] | None, doc("hyperparameters of the library's estimator")] = None
    features: Annotated[
        list[str] | None, doc("columns to learn from, in order; all but the label and timestamps when not given")
    ] = None
    label: Annotated[str | None, doc("column to learn")] = None
    outputs: Annotated[dict[str, str] | None, doc("output columns: name -> label, probability[class or index] or value")] = None

    # what else ScikitLearn asks for
    mode: ClassVar[None] = None
    model_path: ClassVar[None] = None
    params: ClassVar[None] = None
    #: module of the library, its estimator of each task, and what keeps it from printing and writing beside the work
    library: ClassVar[str] = ""
    classes: ClassVar[dict[str, str]] = {}
    quiet: ClassVar[dict[str, Any]] = {}

    def validate(self) -> None:
        if (self.model is None) == (self.task is None):
            raise ParamError("parameter 'task' must be 'classification' or 'regression', or 'model' a fitted estimator; give one")
        if self.model is not None and self.model_params:
            raise ParamError("parameter 'model_params' belongs to 'task'; a fitted 'model' has its hyperparameters already")
        if self.label is not None and self.label in (self.features or ()):
            raise ParamError(f"parameter 'features' must not hold the label '{self.label}'")

    @property
    def chosen(self) -> tuple[Any, dict[str, Any]]:
        """The estimator, and no further parameters; ParamError when the library is not installed or refuses them."""
        if self.model is not None:
            return self.model, {}
        try:
            cls = getattr(importlib.import_module(self.library), self.classes[str(self.task)])
        except ImportError:
            raise ParamError(f'{self.library} is not installed: pip install "rtml-boosting[{self.library}]"') from None
        try:
            return cls(**{**self.quiet, **(self.model_params or {})}), {}
        except (TypeError, ValueError) as error:
            raise ParamError(f"parameter 'model_params' does not fit {cls.__name__}: {error}") from None


class LightGBMParams(BoostingParams):
    """Parameters of LightGBM."""

    library: ClassVar[str] = "lightgbm"
    classes: ClassVar[dict[str, str]] = {"classification": "LGBMClassifier", "regression": "LGBMRegressor"}
    quiet: ClassVar[dict[str, Any]] = {"verbose": -1}


class XGBoostParams(BoostingParams):
    """Parameters of XGBoost."""

    library: ClassVar[str] = "xgboost"
    classes: ClassVar[dict[str, str]] = {"classification": "XGBClassifier", "regression": "XGBRegressor"}
    quiet: ClassVar[dict[str, Any]] = {"verbosity": 0}


class CatBoostParams(BoostingParams):
    """Parameters of CatBoost."""

    library: ClassVar[str] = "catboost"
    classes: ClassVar[dict[str, str]] = {"classification": "CatBoostClassifier", "regression": "CatBoostRegressor"}
    quiet: ClassVar[dict[str, Any]] = {"verbose": False, "allow_writing_files": False}


class _Boosting(ScikitLearn):
    """What the three share."""

    @classmethod
    def examples(cls) -> list[Any]:
        """A small forest for each task, with rows; none where the library is not installed."""
        from rtml_core.testing import frame

        if importlib.util.find_spec(cls.Params.library) is None:
            return []
        rows = frame(age="float?", visits="int", edges=False, rows=40).assign(bought=[0, 1] * 20)
        size = {"n_estimators": 5}
        return [(cls(task=task, label="bought", model_params=size).fit(rows), rows) for task in ("classification", "regression")]

    def setup(self) -> None:
        """As ScikitLearn; a model must be of the library."""
        known = list(type(self).Params.classes.values())
        super().setup()
        if type(self.estimator).__name__ not in known:
            raise ParamError(
                f"{self.name}: parameter 'model' must be a fitted {' or '.join(known)}; got {type(self.estimator).__name__}"
            )

    def fit(self, frame: pd.DataFrame) -> Self:
        """As ScikitLearn; RtmlError where the library can't copy its own hyperparameters."""
        try:
            return super().fit(frame)
        except RuntimeError as error:
            if "Cannot clone" not in str(error):
                raise
            odd = str(error).rpartition(" ")[2]
            raise RtmlError(
                f"{self.name}: {type(self.estimator).__name__} can't be copied with the hyperparameter '{odd}', because the"
                f" library changes it; fit the estimator yourself and pass it as 'model'"
            ) from error

    def to_json(self) -> dict[str, Any]:
        """Parameters as JSON values; a fitted estimator becomes its class and hyperparameters, its state is the node's."""
        values: dict[str, Any] = self.params.to_json()
        if self.params.model is not None:
            from rtml_plugins.sklearn_ops.training import json_model

            values.update(json_model({"model": values["model"]}))
        return values


class LightGBM(_Boosting):
    """Gradient boosting by LightGBM: learns from a frame, answers for rows, compiles to one ONNX TreeEnsemble in float64.

    In: feature columns of numbers and booleans; missing goes where LightGBM sends it, categories come as whole numbers
    (`categorical_feature`). Out: a frame with only its outputs, as of ScikitLearn. Labels are equal; scores are sums of the
    same float64 leaves in the same order, and probabilities differ by what two exponential functions differ by (1e-9).
    """

    Params = LightGBMParams


class XGBoost(_Boosting):
    """Gradient boosting by XGBoost: learns from a frame, answers for rows, compiles to one ONNX TreeEnsemble in float32.

    In: feature columns of numbers and booleans; missing goes where XGBoost sends it, a number beyond float32 is infinite, as
    in XGBoost. Out: a frame with only its outputs, as of ScikitLearn, in float32, which is what XGBoost computes in. Margins
    are sums of the same float32 leaves in the same order; probabilities differ by at most 4e-7, relatively.
    """

    Params = XGBoostParams
    tolerance = (4e-7, 1e-12)


class CatBoost(_Boosting):
    """Gradient boosting by CatBoost: learns from a frame, answers for rows, compiles to one ONNX TreeEnsemble in float64.

    In: feature columns of numbers and booleans, compared in float32 as CatBoost does; missing where a column had missing
    values in training. Out: a frame with only its outputs, as of ScikitLearn. Categories (`cat_features`) have no compiled
    form: encode them in front, with TargetEncoder or OneHotEncoder.
    """

    Params = CatBoostParams
