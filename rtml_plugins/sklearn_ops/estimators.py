"""From the parameters of the operator to an estimator: import paths, objects, documented nested form, strings for numbers."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from rtml_core.errors import ParamError, close_match, describe

NESTED = {"model", "model_params"}

#: estimators that scikit-learn shows only after another import
_EXPERIMENTAL = {
    "IterativeImputer": "enable_iterative_imputer",
    "HalvingGridSearchCV": "enable_halving_search_cv",
    "HalvingRandomSearchCV": "enable_halving_search_cv",
}


def make_estimator(model: Any, model_params: Mapping[str, Any]) -> Any:
    """The estimator that `model` and `model_params` mean. Raises ParamError.

    model: an import path of an estimator class, an estimator (fitted or not), or the JSON form of one (see state).
    """
    from rtml_plugins.sklearn_ops.state import decode, is_encoded

    if isinstance(model, str):
        return _construct(model, model_params)
    if is_encoded(model):
        model = decode(model)
    if isinstance(model, type):
        raise ParamError(
            f"parameter 'model' must be an estimator or an import path; got the class {model.__name__}: call it,"
            f" {model.__name__}()"
        )
    if not (hasattr(model, "fit") and hasattr(model, "get_params")):
        raise ParamError(
            f"parameter 'model' must be an import path like 'sklearn.linear_model.LogisticRegression' or an estimator;"
            f" got {describe(model)}"
        )
    if not model_params:
        return model
    from sklearn.base import clone

    try:
        return _with_params(clone(model), model_params)
    except ValueError as error:
        raise ParamError(f"parameter 'model_params' does not fit {type(model).__name__}: {error}") from None


def _construct(path: str, params: Mapping[str, Any]) -> Any:
    cls = _estimator_class(path)
    values = _values(cls, params)
    known = cls._get_param_names() if hasattr(cls, "_get_param_names") else values
    for name in values:
        if "__" not in name and name not in known:
            raise ParamError(f"parameter 'model_params': {cls.__name__} has no parameter '{name}'.{close_match(name, known)}")
    try:
        made = cls(**{name: value for name, value in values.items() if "__" not in name})
        return _with_params(made, {name: params[name] for name in values if "__" in name})
    except (TypeError, ValueError) as error:
        raise ParamError(f"parameter 'model_params' does not fit {cls.__name__}: {error}") from None


def _with_params(made: Any, params: Mapping[str, Any]) -> Any:
    """The estimator with parameters set, those of estimators inside it as "step__parameter"."""
    for name, value in params.items():
        owner, _, last = name.rpartition("__")
        cls = type(made.get_params().get(owner, made))
        made.set_params(**{name: _values(cls, {last: value})[last]})
    return made


def _estimator_class(path: str) -> type:
    """The class of an import path; only packages that are known to hold estimators are imported."""
    from rtml_plugins.sklearn_ops.state_objects import allowed_package

    module, _, name = path.rpartition(".")
    if not module or not allowed_package(path):
        raise ParamError(
            f"parameter 'model' must be an import path into scikit-learn, e.g. 'sklearn.linear_model.LogisticRegression';"
            f" got {path!r}. For those of another package, install a plugin that names it (hook rtml_converters)"
        )
    try:
        home = importlib.import_module(module)
        if name in _EXPERIMENTAL:
            importlib.import_module(f"sklearn.experimental.{_EXPERIMENTAL[name]}")
    except ImportError:
        raise ParamError(f"parameter 'model': there is no module '{module}'; got {path!r}.{_near(module)}") from None
    found = getattr(home, name, None)
    if not (isinstance(found, type) and hasattr(found, "fit") and hasattr(found, "get_params")):
        near = close_match(name, [key for key in dir(home) if key[:1].isupper()])
        raise ParamError(f"parameter 'model': '{module}' has no estimator '{name}'.{near}")
    return found


def _near(module: str) -> str:
    import sklearn

    return close_match(module, [f"sklearn.{name}" for name in sklearn.__all__])


def _values(cls: type, params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameter values: nested models made, strings for numbers read as numbers where the parameter is one."""
    return {name: _number(cls, name, _nested(value)) for name, value in params.items()}


def _nested(value: Any) -> Any:
    from rtml_plugins.sklearn_ops.state import KIND, decode

    if isinstance(value, Mapping):
        if KIND in value:
            return decode(dict(value))
        if "model" in value and set(value) <= NESTED:
            return make_estimator(value["model"], value.get("model_params") or {})
        return {key: _nested(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [_nested(item) for item in value]
        # steps of a pipeline come as lists from JSON, and scikit-learn wants tuples of them
        return tuple(items) if isinstance(value, tuple) or (len(items) in (2, 3) and hasattr(items[1], "get_params")) else items
    return value


def _number(cls: type, name: str, value: Any) -> Any:
    """ "80" -> 80 for a parameter that takes numbers: documented code keeps its settings as strings."""
    if not isinstance(value, str) or not _numeric(cls, name):
        return value
    for read in (int, float):
        try:
            return read(value)
        except ValueError:
            continue
    return value


def _numeric(cls: type, name: str) -> bool:
    from numbers import Number

    from sklearn.utils._param_validation import Interval

    constraints = getattr(cls, "_parameter_constraints", {}).get(name, ())
    if not isinstance(constraints, str) and any(isinstance(item, Interval) for item in constraints):
        return True
    import inspect

    parameter = inspect.signature(cls).parameters.get(name)
    default = parameter.default if parameter is not None else None
    return isinstance(default, Number) and not isinstance(default, bool)


def seeded(estimator: Any) -> Any:
    """A fresh clone in which everything random that has no seed has seed 0, so that fitting twice gives one model."""
    from sklearn.base import clone

    fresh = clone(estimator)
    if hasattr(fresh, "get_params"):
        open_seeds = {
            name: 0
            for name, value in fresh.get_params(deep=True).items()
            if name.rpartition("__")[2] == "random_state" and value is None
        }
        # a cache on disk is no part of a model, and reading one back would unpickle it
        caches = {name: None for name in fresh.get_params(deep=True) if name.rpartition("__")[2] == "memory"}
        fresh.set_params(**open_seeds, **caches)
    return fresh


def is_fitted(estimator: Any) -> bool:
    """Whether an estimator has learned already."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(estimator)
    except (NotFittedError, TypeError):
        return False
    # of other libraries only they themselves know
    asked = hasattr(estimator, "__sklearn_is_fitted__") and not type(estimator).__module__.startswith("sklearn.")
    learned = [name for name in vars(estimator) if name.endswith("_") and not name.startswith("__")]
    return asked or bool(learned) or hasattr(estimator, "steps")


def needs_label(estimator: Any) -> bool:
    """Whether fitting needs a label, be it for a step in the middle."""
    from sklearn.utils import get_tags

    if hasattr(estimator, "steps"):
        return any(needs_label(step) for _, step in estimator.steps if step is not None and not isinstance(step, str))
    return bool(get_tags(estimator).target_tags.required)
