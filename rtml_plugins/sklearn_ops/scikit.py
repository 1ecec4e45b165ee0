"""The operator ScikitLearn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from rtml_core import DataMsg, Operator, Params, doc
from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, NotFittedError, NotLowerableError, ParamError, RtmlError
from rtml_core.operator import frame_of

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.columns import Column
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic
    from rtml_plugins.sklearn_ops.answers import Answer

#: what converters keep; ours are mostly bitwise equal
EXACT = (1e-9, 1e-12)


class ScikitLearnParams(Params):
    """Parameters of ScikitLearn."""

    model: Annotated[
        Any,
        doc("import path of an estimator class, or an estimator or Pipeline, fitted or not", "an import path or an estimator"),
    ] = None
    model_params: Annotated[
        dict[str, Any] | None, doc("hyperparameters; numbers may come as strings, estimators as {model, model_params}")
    ] = None
    features: Annotated[
        list[str] | None, doc("columns to learn from, in order; all but the label and timestamps when not given")
    ] = None
    label: Annotated[str | None, doc("column to learn")] = None
    mode: Annotated[
        Literal["train", "test"] | None, doc("train: learn from the training rows; test: metrics on the test rows")
    ] = None
    model_path: Annotated[
        str | None, doc("file to which the fitted model is written as ONNX, or from which mode 'test' reads it")
    ] = None
    outputs: Annotated[
        dict[str, str] | None,
        doc("output columns: name -> label, probability[class or index], decision[...], value, transformed[name or index]"),
    ] = None
    params: Annotated[dict[str, Any] | None, doc("model and model_params in one object, as in documented code")] = None

    def validate(self) -> None:
        if self.params is not None:
            unknown = sorted(set(self.params) - {"model", "model_params"})
            if unknown or "model" not in self.params:
                raise ParamError(f"parameter 'params' must hold 'model' and may hold 'model_params'; got {sorted(self.params)}")
            if self.model is not None or self.model_params is not None:
                raise ParamError("parameter 'model' must be given once, beside 'features' or inside 'params'")
        elif self.model is None:
            raise ParamError("parameter 'model' must be an import path or an estimator; it is missing")
        if self.label is not None and self.label in (self.features or ()):
            raise ParamError(f"parameter 'features' must not hold the label '{self.label}'")

    @property
    def chosen(self) -> tuple[Any, dict[str, Any]]:
        """model and model_params, from whichever place they were given in."""
        if self.params is not None:
            return self.params["model"], dict(self.params.get("model_params") or {})
        return self.model, dict(self.model_params or {})


class ScikitLearn(Operator):
    """Any scikit-learn estimator, transformer or pipeline: learns from a frame, answers for rows, compiles to ONNX.

    In: feature columns (float64, int64, bool, string), and the label when learning. Out: a frame with only its outputs, one
    row a row: a classifier's "label" and "probability_<class>" (float64, 0 to 1), a regressor's "prediction" in units of
    the label, a transformer's columns under scikit-learn's names; or what `outputs` asks for. Whatever is random and has
    no seed gets seed 0, so that learning twice gives one model. A fitted estimator is used as it is.

    On the frame of a Split, mode "train" learns from xs("train"), and mode "test" puts metrics on xs("test") into the
    message's `model`. Where scikit-learn refuses a finite value only because it is beyond float32, or an infinite one, the
    row is computed by the rules of floating point, in both forms.
    """

    role = "model"
    Params = ScikitLearnParams
    learns = True
    tolerance = EXACT

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator with rows."""
        from rtml_core.testing import frame

        rows = frame(age="float", edges=False, rows=40).assign(bought=[0, 1] * 20)
        model = "sklearn.linear_model.LogisticRegression"
        return [(cls(model=model, label="bought").fit(rows), rows)]

    def setup(self) -> None:
        """Make the estimator; a fitted one becomes the state at once."""
        from rtml_plugins.sklearn_ops.estimators import is_fitted, make_estimator

        model, model_params = self.params.chosen
        try:
            self.estimator = make_estimator(model, model_params)
        except ParamError as error:
            raise ParamError(f"{self.name}: {error}") from None
        self._decoded: tuple[Any, Any] | None = None
        #: the feature columns as the graph gave them when it was last lowered
        self._incoming: dict[str, Column] = {}
        self.given_fitted = is_fitted(self.estimator)
        if self.given_fitted:
            self._adopt(self.estimator)

    # ---- learning ----------------------------------------------------------------------------------------------------

    def fit(self, frame: pd.DataFrame) -> Self:
        """Learn from the frame, or from its training rows when it comes from a Split. A fitted estimator stays as it is."""
        if self.given_fitted or self.params.mode == "test":
            return self
        from rtml_plugins.sklearn_ops.training import learn

        self.state = learn(self, part_of_split(frame, "train"))
        self.tolerance = EXACT
        self._check_outputs()
        return self

    def _adopt(self, estimator: Any) -> None:
        """State for an estimator that was fitted elsewhere."""
        from rtml_plugins.sklearn_ops.training import state_of

        features = self.params.features or [str(name) for name in getattr(estimator, "feature_names_in_", [])]
        if not features:
            raise ParamError(
                f"{self.name}: parameter 'features' must name the columns, as the estimator was fitted without names"
            )
        self.state = state_of(estimator, features, None, {})
        self._check_outputs()

    def _check_outputs(self) -> None:
        if self.params.outputs is not None:
            self.answers()

    def model(self) -> Any:
        """The fitted estimator. Raises NotFittedError before `fit`."""
        from rtml_plugins.sklearn_ops.state import decode
        from rtml_plugins.sklearn_ops.training import check_release

        if self.state is None:
            raise NotFittedError(f"{self.name} has to learn first: call fit(frame), or graph.fit(train)")
        if self._decoded is None or self._decoded[0] is not self.state:
            check_release(self.name, self.state)
            self._decoded = (self.state, decode(self.state["estimator"]))
        return self._decoded[1]

    @property
    def features(self) -> list[str]:
        """The feature columns of the fitted model, in order."""
        self.model()
        assert self.state is not None
        return list(self.state["features"])

    def answers(self) -> list[Answer]:
        """The output columns."""
        from rtml_plugins.sklearn_ops.answers import answers_of
        from rtml_plugins.sklearn_ops.hard_rows import typical_row

        model = self.model()
        assert self.state is not None
        inputs = self.state["inputs"]
        return answers_of(model, self.features, self.params.outputs, None if inputs is None else lambda: typical_row(inputs))

    # ---- the eager reference -----------------------------------------------------------------------------------------

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        """Answers for the frame; in mode "train" it learns first, in mode "test" `model` holds the metrics."""
        frame = frame_of(message, self.name)
        if self.params.mode == "test":
            from rtml_plugins.sklearn_ops.training import test_message

            return test_message(self, part_of_split(frame, "test"))
        if self.params.mode == "train" and self.state is None:
            self.fit(frame)
        facts = None
        if self.params.mode == "train" or self.params.model_path is not None:
            facts = {"features": self.features, "outputs": [answer.name for answer in self.answers()], **self._write_model()}
        return DataMsg(data=self.transform(frame), model=facts)

    def _write_model(self) -> dict[str, Any]:
        if self.params.model_path is None:
            return {}
        from rtml_plugins.sklearn_ops.training import write_model

        write_model(self, self.params.model_path)
        return {"model_path": self.params.model_path}

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A frame of only the outputs, one row a row of `frame`."""
        from rtml_plugins.sklearn_ops.evaluate import answer_frame, features_frame

        model = self.model()
        assert self.state is not None
        inputs = self.state["inputs"] or {}
        x = features_frame(frame, self.features, {name: facts["seen"] for name, facts in inputs.items()})
        return answer_frame(model, x, self.answers(), self.state["outputs"])

    # ---- the compiled form -------------------------------------------------------------------------------------------

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        """Only the outputs. Raises NotLowerableError naming estimator, column and cure."""
        from rtml_plugins.sklearn_ops.lowering import lower_model

        chosen = {}
        for name in self.features:
            if name not in columns:
                raise ColumnError(missing_column(name, columns))
            if columns[name].dtype in ("timestamp", "timedelta"):
                raise NotLowerableError(f"column '{name}' is a {columns[name].dtype}, and scikit-learn takes numbers and strings")
            chosen[name] = columns[name]
        self._incoming = {name: column.column(name) for name, column in chosen.items()}
        return lower_model(self, b, chosen)

    def parity_cases(self) -> pd.DataFrame | None:
        """Rows of the features at, below and above every threshold, with unknown categories, missing and huge values."""
        model = self.model()
        assert self.state is not None
        if self.state["inputs"] is None:
            return None
        from rtml_plugins.sklearn_ops.edges import points
        from rtml_plugins.sklearn_ops.hard_rows import as_incoming, hard_rows

        return hard_rows(as_incoming(self.state["inputs"], self._incoming), points(model))

    # ---- as a node ---------------------------------------------------------------------------------------------------

    @property
    def fitted(self) -> bool:
        """Whether it can answer; in mode "test" the model may come from `model_path`."""
        return self.state is not None or (self.params.mode == "test" and self.params.model_path is not None)

    def to_json(self) -> dict[str, Any]:
        """Parameters as JSON values: an estimator object becomes its class and hyperparameters, unfitted."""
        from rtml_plugins.sklearn_ops.training import json_model

        values: dict[str, Any] = self.params.to_json()
        if self.params.params is not None:
            values["params"] = json_model(self.params.params)
        else:
            values.update(json_model({key: values[key] for key in ("model", "model_params") if key in values}))
        return values


def part_of_split(frame: pd.DataFrame, part: str) -> pd.DataFrame:
    """The rows of one part when the frame comes from a Split, else all."""
    if frame.index.nlevels < 2:
        return frame
    parts = frame.index.get_level_values(0)
    if part not in parts:
        raise RtmlError(f"the frame has no rows '{part}'; its first index level holds {sorted(set(map(str, parts)))}")
    return frame.xs(part)
