"""What an estimator answers, and under which names: one vocabulary for the eager and the compiled side.

Parts: "label", "probability[class or index]", "decision[class or index]" (or "decision" where there is one score),
"value" (a regressor's prediction), "transformed[name or index]" (a transformer's columns).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import NotLowerableError, ParamError, close_match, listing

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.symbolic import Symbolic

    Row = Callable[[], pd.DataFrame]

PARTS = ("label", "probability", "decision", "value", "transformed")


@dataclass(frozen=True)
class Answer:
    """One output column: `name`, and which column of which part it is."""

    name: str
    part: str
    index: int = 0


def kind_of(estimator: Any) -> str:
    """classifier, regressor, transformer, or labeller (clusters and outliers: predicts, but no known class)."""
    from sklearn.base import is_classifier, is_regressor

    if type(estimator).__module__.startswith("sklearn.feature_selection"):
        return "transformer"
    if is_classifier(estimator):
        return "classifier"
    if is_regressor(estimator):
        return "regressor"
    if hasattr(estimator, "predict"):
        return "labeller"
    if hasattr(estimator, "transform"):
        return "transformer"
    raise ParamError(f"a {type(estimator).__name__} neither predicts nor transforms new rows, so it can't be a node")


def answers_of(estimator: Any, names: Sequence[str], spec: Mapping[str, str] | None, row: Row | None = None) -> list[Answer]:
    """The output columns of a fitted estimator: those asked for, or all that one usually wants.

    row: makes one row of its features, for transformers that do not name what they give.
    """
    if spec is not None:
        return [_asked(estimator, names, name, text, row) for name, text in spec.items()]
    kind, count = kind_of(estimator), targets_of(estimator)
    if count > 1:
        name, part = ("prediction", "value") if kind == "regressor" else ("label", "label")
        return [Answer(f"{name}_{i}", part, i) for i in range(count)]
    if kind == "regressor":
        return [Answer("prediction", "value")]
    if kind == "labeller":
        return [Answer("label", "label")]
    if kind == "transformer":
        return [Answer(name, "transformed", i) for i, name in enumerate(transformed_names(estimator, names, row))]
    classes = class_list(estimator)
    for part in ("probability", "decision"):
        if hasattr(estimator, _METHODS[part]):
            if part == "decision" and len(classes) == 2:
                return [Answer("label", "label"), Answer("decision", part)]
            return [Answer("label", "label"), *(Answer(f"{part}_{value}", part, i) for i, value in enumerate(classes))]
    return [Answer("label", "label")]


_METHODS = {
    "label": "predict",
    "probability": "predict_proba",
    "decision": "decision_function",
    "value": "predict",
    "transformed": "transform",
}
_FORM = re.compile(r"(\w+)(?:\[(.+)\])?")


def targets_of(estimator: Any) -> int:
    """How many targets a fitted predictor answers at once: 1 for most."""
    inner = _answering(estimator)
    if inner is not None:
        return targets_of(inner)
    classes = getattr(estimator, "classes_", None)
    if isinstance(classes, list):
        return len(classes)
    if type(estimator).__name__ in ("MultiOutputRegressor", "RegressorChain"):
        return len(estimator.estimators_)
    if kind_of(estimator) != "regressor":
        return 1
    # whichever attribute says it: a number, or the rows of a matrix of weights, or the columns of what was learned
    outputs = getattr(estimator, "n_outputs_", None)
    if outputs is not None:
        return int(outputs)
    for name, axis in (("coef_", 0), ("_y", 1), ("dual_coef_", 1), ("y_train_", 1)):
        found = np.shape(getattr(estimator, name, ()))
        if len(found) == 2:
            # support vectors have one row of weights for a vector each, whatever else
            return 1 if type(estimator).__name__ in ("SVR", "NuSVR") else int(found[axis])
    return 1


def _answering(estimator: Any) -> Any:
    """The estimator inside one that answers for it, if there is one."""
    if hasattr(estimator, "steps"):
        last = estimator.steps[-1][1]
        return None if last is None or isinstance(last, str) else last  # "passthrough" answers nothing itself
    for name in ("best_estimator_", "regressor_", "final_estimator_"):
        if hasattr(estimator, name):
            return getattr(estimator, name)
    return None


def class_list(estimator: Any) -> list[Any]:
    """The classes of a fitted classifier as Python values."""
    classes = getattr(estimator, "classes_", None)
    if classes is None or isinstance(classes, list):
        raise ParamError(f"{type(estimator).__name__} predicts several labels at once; fit one model for each label")
    return list(np.asarray(classes).tolist())


def transformed_names(estimator: Any, names: Sequence[str], row: Row | None = None) -> list[str]:
    """Names of a fitted transformer's output columns. Raises ParamError where even their number can't be told."""
    try:
        return [str(name) for name in estimator.get_feature_names_out(list(names))]
    except (AttributeError, ValueError, TypeError):
        from rtml_plugins.sklearn_ops.evaluate import width_of_transformed

    try:
        return [f"x{i}" for i in range(width_of_transformed(estimator, names, None if row is None else row()))]
    except (AttributeError, ValueError, TypeError) as error:
        raise ParamError(
            f"a {type(estimator).__name__} does not take rows of columns ({error}), so it can't be a node"
        ) from error


def _asked(estimator: Any, names: Sequence[str], name: str, text: str, row: Row | None) -> Answer:
    """One entry of `outputs`. Raises ParamError that names it and what there is."""
    where = f"ScikitLearn: parameter 'outputs', entry '{name}'"
    match = _FORM.fullmatch(text.strip())
    part, which = match.groups() if match else (text, None)
    if part not in PARTS:
        raise ParamError(
            f"{where}: must be one of {listing(PARTS)}, e.g. 'probability[1]'; got {text!r}.{close_match(part, PARTS)}"
        )
    kind = kind_of(estimator)
    fits = {"value": ("regressor",), "transformed": ("transformer",), "label": ("classifier", "labeller")}
    if kind not in fits.get(part, (kind,)) or not hasattr(estimator, _METHODS[part]):
        raise ParamError(f"{where}: a {type(estimator).__name__} has no {part}; it has {listing(_parts(estimator))}")
    count = targets_of(estimator)
    if part in ("label", "value") and count == 1:
        return Answer(name, part)
    if part in ("label", "value"):
        index = _position(range(count), which or "")
        if index is None:
            raise ParamError(f"{where}: say which of {count} targets, e.g. '{part}[0]'; got {text!r}")
        return Answer(name, part, index)
    choices = (
        transformed_names(estimator, names, row)
        if part == "transformed"
        else class_list(estimator)
        if kind == "classifier"
        else [0]
    )
    single = len(choices) == 1 or (part == "decision" and len(choices) == 2)
    if which is None:
        if single:
            return Answer(name, part)
        raise ParamError(f"{where}: say which one, e.g. '{part}[{choices[0]}]'; there are {listing(map(str, choices))}")
    index = _position(choices, which)
    if index is None:
        raise ParamError(f"{where}: {which!r} is none of {listing(map(str, choices))}.{close_match(which, map(str, choices))}")
    return Answer(name, part, 0 if single else index)


def _parts(estimator: Any) -> list[str]:
    kind = kind_of(estimator)
    if kind in ("regressor", "transformer"):
        return ["value" if kind == "regressor" else "transformed"]
    return [part for part in ("label", "probability", "decision") if hasattr(estimator, _METHODS[part])]


def _position(choices: Sequence[Any], which: str) -> int | None:
    """A class by its text, else a position."""
    texts = [str(choice) for choice in choices]
    if which in texts:
        return texts.index(which)
    if which.isdecimal() and int(which) < len(choices):
        return int(which)
    return None


def symbolic_answers(result: Any, answers: Sequence[Answer]) -> dict[str, Symbolic]:
    """The output columns of a conversion; raises NotLowerableError for a part that it does not give."""
    from rtml_plugins.sklearn_ops.convert.registry import Prediction

    found: dict[str, Symbolic] = {}
    for answer in answers:
        if not isinstance(result, Prediction):
            parts: Any = result if answer.part == "transformed" else None
        elif answer.part in ("label", "value"):
            one = result.label if answer.part == "label" else result.value
            parts = result.targets if one is None else [one]
        else:
            parts = getattr(result, answer.part, None)
        if parts is None or answer.index >= len(parts):
            raise NotLowerableError(f"its {answer.part} has no ONNX form; leave '{answer.name}' out of the outputs")
        found[answer.name] = parts[answer.index]
    return found
