"""What the operator ScikitLearn does when authoring: learning, testing, writing the ONNX file."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core import DataMsg
from rtml_core.columns import Column, Schema, missing_column
from rtml_core.errors import ColumnError, NotFittedError, RtmlError, describe

if TYPE_CHECKING:
    import pandas as pd

    from rtml_plugins.sklearn_ops.scikit import ScikitLearn


def learn(operator: ScikitLearn, frame: pd.DataFrame) -> dict[str, Any]:
    """Fit a fresh clone of the operator's estimator; returns its state. Raises RtmlError, ColumnError."""
    from rtml_plugins.sklearn_ops.answers import answers_of
    from rtml_plugins.sklearn_ops.documents import as_taken
    from rtml_plugins.sklearn_ops.estimators import needs_label, seeded
    from rtml_plugins.sklearn_ops.evaluate import answer_frame, features_frame, trained_dtype
    from rtml_plugins.sklearn_ops.hard_rows import describe_inputs

    estimator = seeded(operator.estimator)
    name, label = type(estimator).__name__, operator.params.label
    if label is None and needs_label(estimator):
        raise RtmlError(f'{operator.name}: a {name} learns from a label; name its column, label="..."')
    features = operator.params.features or all_features(frame, label)
    if len(frame) == 0 or not features:
        raise RtmlError(f"{operator.name}: there is nothing to learn from: {len(frame)} rows, {len(features)} feature columns")
    x = features_frame(frame, features)
    taken = as_taken(estimator, x)
    _fit(operator, estimator, taken, [] if label is None else [label_values(frame, label)])
    inputs = describe_inputs(frame, x)
    for column in features:
        inputs[column]["seen"] = trained_dtype(x[column])
    answers = answers_of(estimator, features, operator.params.outputs, lambda: x.iloc[:1])
    # all rows, not a few: whether a column of strings or numbers comes out may show late
    answered = answer_frame(estimator, x, answers, {})
    return state_of(estimator, features, inputs, answered_dtypes(answered))


def _fit(operator: ScikitLearn, estimator: Any, x: Any, labels: list[Any]) -> None:
    try:
        estimator.fit(x, *labels)
    except (ValueError, TypeError, AttributeError) as error:
        first = describe_error(error)
        raise RtmlError(f"{operator.name}: a {type(estimator).__name__} does not learn from these rows: {first}") from error


def describe_error(error: Exception) -> str:
    """The first sentence of what scikit-learn says; what follows it there are links and advice for many cases."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return first if isinstance(error, ValueError) else f"{type(error).__name__}: {first}"


def answered_dtypes(frame: pd.DataFrame) -> dict[str, str]:
    """dtype words of a frame of answers, after canonicalisation."""
    from rtml_core.frames import canonical, dtype_word

    clean = canonical(frame)
    return {str(name): dtype_word(clean[name]) for name in clean.columns}


def all_features(frame: pd.DataFrame, label: str | None) -> list[str]:
    """What is learned from when no features are named: all columns but the label and times, which scikit-learn can't take."""
    return [str(name) for name in frame.columns if str(name) != label and frame[name].dtype.kind not in "mM"]


def state_of(estimator: Any, features: list[str], inputs: dict[str, Any] | None, outputs: dict[str, str]) -> dict[str, Any]:
    """The JSON state of a fitted estimator and of the columns around it."""
    from sklearn import __version__

    from rtml_plugins.sklearn_ops.state import encode

    return {
        "sklearn": __version__,
        "estimator": encode(estimator),
        "features": list(features),
        "inputs": inputs,
        "outputs": outputs,
    }


def check_release(name: str, state: dict[str, Any]) -> None:
    """Refuse a state of another scikit-learn: the same attributes may mean something else there."""
    from sklearn import __version__

    written = str(state.get("sklearn"))
    if written.split(".")[:2] != __version__.split(".")[:2]:
        raise RtmlError(
            f"{name}: the model was fitted with scikit-learn {written}, and {__version__} is installed; fit it again, or"
            f" pip install scikit-learn=={written}"
        )


def label_values(frame: pd.DataFrame, label: str) -> Any:
    """The label as scikit-learn takes it. Raises ColumnError when it is not there or somewhere missing."""
    from rtml_core.frames import canonical_series, dtype_word

    if label not in frame.columns:
        raise ColumnError(missing_column(label, map(str, frame.columns)))
    series = canonical_series(frame[label], label)
    if series.isna().any():
        raise ColumnError(
            f"Column '{label}' is the label and is missing in {int(series.isna().sum())} rows; drop or fill them first"
        )
    if dtype_word(series) in ("timestamp", "timedelta"):
        raise ColumnError(f"Column '{label}' is the label and a {dtype_word(series)}; turn it into a number first")
    return series.to_numpy(dtype=object if dtype_word(series) == "string" else None)


# ---- testing -----------------------------------------------------------------------------------------------------------


def test_message(operator: ScikitLearn, frame: pd.DataFrame) -> DataMsg:
    """Answers for the test rows, and metrics in `model` where the label is there."""
    if operator.state is None:
        return _test_file(operator, frame)
    from rtml_plugins.sklearn_ops.answers import class_list, kind_of
    from rtml_plugins.sklearn_ops.evaluate import features_frame, part_of

    answered = operator.transform(frame)
    label, model = operator.params.label, operator.model()
    facts: dict[str, Any] = {"rows": len(frame), "features": operator.features}
    kind = kind_of(model)
    if label is not None and label in frame.columns and kind in ("classifier", "regressor") and len(frame):
        truth = label_values(frame, label)
        x = features_frame(frame, operator.features, {k: v["seen"] for k, v in (operator.state["inputs"] or {}).items()})
        predicted = part_of(model, x, "label" if kind == "classifier" else "value")[:, 0]
        p = part_of(model, x, "probability") if kind == "classifier" and hasattr(model, "predict_proba") else None
        facts["metrics"] = _metrics(kind, truth, predicted, p, class_list(model) if kind == "classifier" else [])
    return DataMsg(data=answered, model=facts)


def _metrics(kind: str, truth: Any, predicted: Any, probability: Any, classes: list[Any]) -> dict[str, Any]:
    from rtml_plugins.sklearn_ops.metrics import classification_metrics, regression_metrics

    if kind == "regressor":
        return regression_metrics(truth, predicted)
    return classification_metrics(truth, predicted, probability, classes)


def _test_file(operator: ScikitLearn, frame: pd.DataFrame) -> DataMsg:
    """Score the test rows with the ONNX file that a node in mode "train" wrote."""
    import pandas as pd

    from rtml_plugins.sklearn_ops import onnx_file
    from rtml_plugins.sklearn_ops.answers import kind_of
    from rtml_plugins.sklearn_ops.evaluate import features_frame

    path = operator.params.model_path
    if path is None or not Path(path).is_file():
        where = "name the file that mode 'train' wrote, model_path=\"...\"" if path is None else f"there is no file '{path}'"
        raise NotFittedError(f"{operator.name}: mode 'test' needs a fitted model; {where}")
    label = operator.params.label
    facts = onnx_file.read_facts(Path(path).read_bytes())
    features = operator.params.features or facts["features"] or all_features(frame, label)
    found = onnx_file.run(Path(path).read_bytes(), features_frame(frame, features), features)
    answered = pd.DataFrame(
        {facts["outputs"].get(n, n): v[:, 0] for n, v in found.items() if v.ndim == 2 and v.shape[1] == 1}, index=frame.index
    )
    report: dict[str, Any] = {"rows": len(frame), "features": list(features), "model_path": path}
    kind = kind_of(operator.estimator)
    main = "label" if kind == "classifier" else "prediction"
    if label is not None and label in frame.columns and main in answered and len(frame):
        classes = facts["classes"] or sorted(set(answered["label"]))
        shares = [f"probability_{value}" for value in classes]
        p = answered[shares].to_numpy() if kind == "classifier" and set(shares) <= set(answered) else None
        report["metrics"] = _metrics(kind, label_values(frame, label), answered[main].to_numpy(), p, classes)
    return DataMsg(data=answered, model=report)


# ---- writing -----------------------------------------------------------------------------------------------------------


def write_model(operator: ScikitLearn, path: str) -> None:
    """Write the fitted model as an ONNX file of its own (see onnx_file); it appears whole or not at all, its folder is made."""
    from rtml_plugins.sklearn_ops import onnx_file
    from rtml_plugins.sklearn_ops.answers import class_list, kind_of

    model, columns = operator.model(), input_columns(operator)
    # the file takes all numbers as float64; what does not compile in the columns' own dtypes is refused here, too
    operator.schema(Schema(columns))
    made = onnx_file.build(model, columns, operator.answers(), (operator.state or {})["outputs"])
    classes = class_list(model) if kind_of(model) == "classifier" else None
    data = onnx_file.describe_file(made, operator.features, classes)
    part = f"{path}.part{os.getpid()}"
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(part).write_bytes(data)
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):  # it may be the folder that is none
            Path(part).unlink(missing_ok=True)
        raise RtmlError(f"{operator.name}: the model can't be written to {describe(path)}: {error.strerror}") from None


def input_columns(operator: ScikitLearn) -> list[Column]:
    """The feature columns as training saw them; float64 and never missing where that is not known."""
    inputs = (operator.state or {}).get("inputs") or {}
    columns = []
    for name in operator.features:
        facts = inputs.get(name, {"dtype": "float64", "missing": False})
        columns.append(Column(name, facts["dtype"], facts["missing"]))
    return columns


def json_model(values: dict[str, Any]) -> dict[str, Any]:
    """`model` and `model_params` as JSON values."""
    from sklearn.base import clone

    from rtml_plugins.sklearn_ops.state import encode

    result = dict(values)
    if hasattr(values.get("model"), "get_params"):
        result["model"] = encode(clone(values["model"]))
    if values.get("model_params"):
        result["model_params"] = {name: _json_value(value, encode) for name, value in values["model_params"].items()}
    return result


def _json_value(value: Any, encode: Any) -> Any:
    """A plain value stays readable; anything else takes the form of state."""
    if value is None or (isinstance(value, (bool, int, float, str)) and not isinstance(value, np.generic)):
        return value
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _json_value(item, encode) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_value(item, encode) for item in value]
    return encode(value)
