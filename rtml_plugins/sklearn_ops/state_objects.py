"""The allow-list of state.py: which objects may be written and made again, and how."""

from __future__ import annotations

import copyreg
import functools
import importlib
from collections.abc import Callable
from typing import Any

from rtml_core.converters import class_path, converter_for, converters
from rtml_plugins.sklearn_ops.state import KIND, StateError

#: parts of scikit-learn that no estimator is made of
_NEVER = ("sklearn.externals", "sklearn.datasets", "sklearn.conftest", "sklearn.tests", "sklearn.utils._testing")
_SCIPY = {
    *(f"scipy.sparse._{kind}.{kind}_{form}" for kind in ("csr", "csc", "coo") for form in ("matrix", "array")),
    "scipy.interpolate._bsplines.BSpline",
}
#: functions of scikit-learn that estimators keep as parameters; they are named, never called, when a state is read
_FUNCTION_MODULES = ("sklearn.feature_selection.", "sklearn.metrics.", "sklearn.cluster._kmeans", "sklearn.preprocessing.")
#: attributes that hold times of day or of work and no part of the model
_FORGOTTEN = {"cv_results_", "refit_time_"}
#: single functions that estimators keep: reductions of numpy as parameters, and what histogram boosting checks with
_FUNCTIONS = {
    *(f"numpy.{name}" for name in ("mean", "median", "amax", "amin", "max", "min", "sum")),
    "sklearn.utils.validation.check_array",
}
#: searchable trees are built again from their points: their own state is memory that nothing checks
_SEARCH_TREES = {f"sklearn.neighbors._{kind}_tree.{name}" for kind, name in (("kd", "KDTree"), ("ball", "BallTree"))}
_LEAF_SIZE_AT = 4

Encode = Callable[[Any], Any]


def allowed_package(module: str) -> bool:
    """Whether classes of this module may be imported by name: scikit-learn's, and of packages that rtml_converters name."""
    package = module.partition(".")[0]
    return not module.startswith(_NEVER) if package == "sklearn" else package in converters().packages()


def _require_allowed(name: str) -> None:
    if name not in _SCIPY and not allowed_package(name):
        raise StateError(
            f"an object of class {name} can't be kept: only classes of scikit-learn, and of packages that a plugin names, can."
            f" Use a scikit-learn estimator, or name a class of the package in a plugin (hook rtml_converters)"
        )


def _require_kept(cls: type, name: str) -> None:
    """Of a plugin's packages, estimators and the classes that it names; other classes may do anything when they are made."""
    from sklearn.base import BaseEstimator

    if name.startswith("sklearn.") or name in _SCIPY or issubclass(cls, BaseEstimator) or converter_for(cls) is not None:
        return
    raise StateError(
        f"an object of class {name} can't be kept: it is no estimator, and no plugin names it. Name it with to_state and"
        f" from_state (hook rtml_converters)"
    )


# ---- writing ---------------------------------------------------------------------------------------------------------


def encode_object(value: Any, encode: Encode) -> dict[str, Any]:
    """JSON for anything that is neither a builtin container nor an array."""
    import numpy as np

    if isinstance(value, type):
        return {KIND: "class", "value": _type_name(value)}
    if isinstance(value, np.ufunc):
        return {KIND: "ufunc", "value": _ufunc_name(value)}
    if type(value) is functools.partial:
        return {KIND: "partial", "function": encode(value.func), "args": encode(value.args), "keywords": encode(value.keywords)}
    if isinstance(value, np.random.RandomState):
        return {KIND: "random", "value": encode(value.get_state(legacy=False))}
    if isinstance(value, np.random.Generator):
        return {KIND: "generator", "value": encode(value.bit_generator.state)}
    if callable(value) and hasattr(value, "__qualname__"):
        return {KIND: "function", "value": _function_name(value)}
    name = class_path(type(value))
    _require_allowed(name)
    to_state = _of_plugin(type(value), "to_state")
    if to_state is not None:
        return {KIND: "object", "class": name, "make": "plugin", "args": [encode(_to_state(to_state, value, name))]}
    if name == "sklearn.utils._bunch.Bunch":
        return {KIND: "bunch", "value": encode(dict(value))}
    if name in _SEARCH_TREES:
        parts = [encode(part) for part in _search_tree(value)]
        return {KIND: "object", "class": name, "make": "call", "args": parts}
    if name.endswith("._bsplines.BSpline"):
        parts = [encode(part) for part in (value.t, value.c, value.k, value.extrapolate, value.axis)]
        return {KIND: "object", "class": name, "make": "call", "args": parts}
    return _encode_reduced(value, name, encode)


def _of_plugin(cls: type, part: str) -> Callable[..., Any] | None:
    """What a plugin brings for this class: to_state or from_state."""
    entry = converter_for(cls)
    return None if entry is None else entry.function(part)


def _to_state(to_state: Callable[..., Any], value: Any, name: str) -> Any:
    try:
        return to_state(value)
    except Exception as error:  # a stranger's function
        raise StateError(
            f"to_state for {name} failed ({type(error).__name__}: {error}); that is a mistake in its plugin"
        ) from error


def _search_tree(tree: Any) -> tuple[Any, int, Any]:
    """Points, leaf size and metric of a KDTree or BallTree."""
    import numpy as np

    parts = tree.__getstate__()
    if parts[-1] is not None:
        raise StateError("a search tree with sample weights can't be kept as state")
    return np.asarray(tree.data), int(parts[_LEAF_SIZE_AT]), parts[-2]


def _encode_reduced(value: Any, name: str, encode: Encode) -> dict[str, Any]:
    reduced = value.__reduce_ex__(4)
    if isinstance(reduced, str) or any(part is not None for part in reduced[3:]):
        raise StateError(f"an object of class {name} has a form of its own that can't be kept as state")
    maker, args, *rest = reduced
    state = rest[0] if rest else None
    made: dict[str, Any] = {KIND: "object", "class": name, **_maker(maker, args, type(value), encode)}
    if isinstance(state, dict):
        kept = {key: item for key, item in sorted(state.items()) if key not in _FORGOTTEN}
        # the release is kept once, by the operator, and given back on reading
        kept.pop("_sklearn_version", None)
        made["state"] = {key: encode(item) for key, item in kept.items()}
    elif state is not None:
        made["setstate"] = encode(state)
    return made


def _maker(maker: Any, args: tuple[Any, ...], cls: type, encode: Encode) -> dict[str, Any]:
    if maker is copyreg.__newobj__ and args[0] is cls:  # type: ignore[attr-defined]
        return {"make": "new", "args": [encode(arg) for arg in args[1:]]} if args[1:] else {}
    if maker is cls:
        return {"make": "call", "args": [encode(arg) for arg in args]}
    if _is_cython_maker(maker) and args and args[0] is cls:
        name = f"{maker.__module__}.{maker.__qualname__}"
        return {"make": name, "args": [encode(arg) for arg in args[1:]]}
    raise StateError(f"an object of class {class_path(cls)} is made by {maker!r}, which is not allowed in a state")


def _is_cython_maker(maker: Any) -> bool:
    return _cython_maker_name(f"{getattr(maker, '__module__', '')}.{getattr(maker, '__qualname__', '')}")


def _cython_maker_name(name: str) -> bool:
    module, _, function = name.rpartition(".")
    generated = module == "sklearn._loss._loss" and function.startswith("__pyx_unpickle_Cy")
    return generated or (module == "sklearn.metrics._dist_metrics" and function == "newObj")


def _type_name(cls: type) -> str:
    import numpy as np

    if cls in (int, float, str, bool, object) or issubclass(cls, np.generic):
        return class_path(cls)
    _require_allowed(class_path(cls))
    return class_path(cls)


def _ufunc_name(ufunc: Any) -> str:
    import numpy as np
    import scipy.special

    for prefix, module in (("numpy", np), ("scipy.special", scipy.special)):
        if getattr(module, ufunc.__name__, None) is ufunc:
            return f"{prefix}.{ufunc.__name__}"
    raise StateError(f"the function {ufunc!r} is none of numpy's or scipy.special's own, and can't be kept as state")


def _function_name(function: Any) -> str:
    module = getattr(function, "__module__", None)  # a method of a builtin class has none
    name = f"{module}.{function.__qualname__}" if module else function.__qualname__
    if name in _FUNCTIONS or (name.startswith(_FUNCTION_MODULES) and "<" not in name):
        return name
    raise StateError(
        f"the function {name} can't be kept: only numpy's functions on numbers (numpy.log1p, numpy.sqrt, ...) and scikit-learn's"
        f" own can. Use one of them, or do the step with an operator before this one"
    )


# ---- reading ---------------------------------------------------------------------------------------------------------


def decode_object(state: dict[str, Any], decode: Encode) -> Any:
    """The object that encode_object wrote. Raises StateError for whatever is not on the allow-list."""
    import numpy as np

    kind = state.get(KIND)
    if kind == "object":
        return _decode_instance(state, decode)
    if kind in ("class", "ufunc", "function"):
        return _decode_named(kind, state["value"])
    if kind == "partial":
        function = _decode_named("function", state["function"]["value"])
        return functools.partial(function, *decode(state["args"]), **decode(state["keywords"]))
    if kind == "bunch":
        from sklearn.utils import Bunch

        return Bunch(**decode(state["value"]))
    if kind == "random":
        random = np.random.RandomState()
        random.set_state(decode(state["value"]))
        return random
    if kind == "generator":
        parts = decode(state["value"])
        if parts["bit_generator"] not in ("PCG64", "MT19937", "Philox", "SFC64", "PCG64DXSM"):
            raise StateError(f"there is no random generator {parts['bit_generator']!r}")
        generator = np.random.Generator(getattr(np.random, parts["bit_generator"])())
        generator.bit_generator.state = parts
        return generator
    raise StateError(
        f"the state of an estimator holds an unknown kind {kind!r}; it was written by another version of rtml or edited"
    )


def _decode_named(kind: str, name: str) -> Any:
    import numpy as np

    found = _resolve(name)
    if kind == "ufunc":
        if isinstance(found, np.ufunc) and name.rpartition(".")[0] in ("numpy", "scipy.special"):
            return found
    elif kind == "function":
        if callable(found) and not isinstance(found, type) and _function_name(found) == name:
            return found
    elif isinstance(found, type) and _type_name(found) == name:
        return found
    raise StateError(f"the state of an estimator names {name} as a {kind}, which it is not")


def _resolve(name: str) -> Any:
    """What a dotted name stands for, inside the allowed packages only."""
    module, _, last = name.rpartition(".")
    if module not in ("builtins", "numpy", "scipy.special") and name not in _SCIPY and not allowed_package(name):
        _require_allowed(name)
    try:
        return getattr(importlib.import_module(module), last)
    except (ImportError, AttributeError):
        raise StateError(f"the state of an estimator needs {name}, which is not installed here") from None


def _decode_instance(state: dict[str, Any], decode: Encode) -> Any:
    name = state["class"]
    cls = _resolve(name)
    if not isinstance(cls, type) or class_path(cls) != name:
        raise StateError(f"the state of an estimator names {name}, which is not a class of that name")
    make, args = state.get("make", "new"), [decode(arg) for arg in state.get("args", [])]
    _require_kept(cls, name)
    if make == "plugin":
        return _from_plugin(cls, args)
    if _of_plugin(cls, "from_state") is not None:  # which checks what the forms below would let in
        raise StateError(f"the state of a {name} is not of the form that its plugin writes; fit the model again")
    if name.endswith("._bsplines.BSpline"):
        made = _spline(cls, *args)
    elif make == "call":
        made = cls(*args)
    elif make == "new":
        made = cls.__new__(cls, *args)
    elif _cython_maker_name(make):
        made = _resolve(make)(cls, *args)
    else:
        raise StateError(f"the state of an estimator is made by {make!r}, which is not allowed")
    attributes = {key: decode(item) for key, item in state["state"].items()} if "state" in state else None
    _give_state(made, cls, attributes, decode(state["setstate"]) if "setstate" in state else None)
    from rtml_plugins.sklearn_ops.decided import decided
    from rtml_plugins.sklearn_ops.state_trees import check_trees

    check_trees(made, attributes)
    return decided(made)


def _spline(cls: Any, knots: Any, weights: Any, degree: Any, extrapolate: Any, axis: Any = 0) -> Any:
    """A spline as scikit-learn makes it; scipy's constructor would refuse the equal knots of a constant column."""
    import numpy as np

    t, c = np.asarray(knots, np.float64), np.asarray(weights, np.float64)
    sound = t.ndim == 1 and np.isfinite(t).all() and bool((np.diff(t) >= 0).all()) and axis == 0 and c.ndim >= 1
    if not (sound and type(degree) is int and 0 <= degree <= 99 and len(t) >= 2 * degree + 2 and len(c) >= len(t) - degree - 1):
        raise StateError("the state of a spline does not fit together: knots, weights and degree; fit it again")
    return cls.construct_fast(t, c, degree, extrapolate=extrapolate, axis=axis)


def _from_plugin(cls: type, args: list[Any]) -> Any:
    from_state = _of_plugin(cls, "from_state")
    if from_state is None:
        raise StateError(f"the state of a {class_path(cls)} was written by a plugin that is not here; install it, or fit again")
    made = from_state(*args)
    if type(made) is not cls:
        raise StateError(f"from_state for {class_path(cls)} gave a {class_path(type(made))}; that is a mistake in its plugin")
    return made


def _give_state(made: Any, cls: type, attributes: dict[str, Any] | None, other: Any) -> None:
    if attributes is None and other is None:
        return
    if attributes is None:
        made.__setstate__(other)
    elif hasattr(made, "__setstate__"):
        from sklearn import __version__
        from sklearn.base import BaseEstimator

        if issubclass(cls, BaseEstimator):
            attributes = {**attributes, "_sklearn_version": __version__}
        _check_before(cls, attributes)
        made.__setstate__(attributes)
    else:
        made.__dict__.update(attributes)


def _check_before(cls: type, attributes: dict[str, Any]) -> None:
    if class_path(cls) == "sklearn.tree._tree.Tree" and set(attributes) != {"max_depth", "node_count", "nodes", "values"}:
        raise StateError("the state of a decision tree has other parts than nodes and values")
