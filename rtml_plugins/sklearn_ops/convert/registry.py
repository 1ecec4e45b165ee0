"""Converters from fitted estimators to ONNX: who converts what.

A converter is a function `(b, estimator, columns) -> list[Symbolic] | Prediction`: the columns that come out of a
transformer, or what a predictor can tell. It holds for an exact class, as a subclass may predict differently. Packed columns
stay packed: a converter works on whole tensors [N, k] and gives slots of whole tensors back.

Those for scikit-learn are here; plugins bring those for other packages through the hook rtml_converters.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rtml_core.converters import converter_for
from rtml_core.errors import NotLowerableError, RtmlError
from rtml_core.lowering.symbolic import Symbolic

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder


class Columns(list[Symbolic]):
    """Symbolic columns with their names, in the order in which the estimator takes them."""

    def __init__(self, columns: Iterable[Symbolic], names: Sequence[str] | None = None):
        super().__init__(columns)
        self.names = list(names) if names is not None else [f"x{i}" for i in range(len(self))]
        if len(self.names) != len(self):
            raise NotLowerableError(f"{len(self)} columns came with {len(self.names)} names")

    def pick(self, positions: Iterable[int]) -> Columns:
        """The columns at these positions."""
        chosen = list(positions)
        return Columns([self[i] for i in chosen], [self.names[i] for i in chosen])


@dataclass(frozen=True)
class Prediction:
    """What a predictor can tell, each part None where it can't.

    classes: the labels, in the order of `probability`. probability, decision: float64 columns. label: a column of the
    dtype of the classes. value: the prediction of a regressor, float64. transformed: what the estimator gives as a
    transformer, where it is one too. targets: the labels or values of a predictor of several targets, in place of one.
    """

    classes: tuple[Any, ...] | None = None
    label: Symbolic | None = None
    probability: list[Symbolic] | None = None
    decision: list[Symbolic] | None = None
    value: Symbolic | None = None
    transformed: list[Symbolic] | None = None
    targets: list[Symbolic] | None = None


Converter = Callable[["Builder", Any, Columns], "list[Symbolic] | Prediction"]

#: public dotted name of a class -> converter
_CONVERTERS: dict[str, Converter] = {}
#: where our own converters are; imported when the first estimator is converted
_MODULES = (
    "linear",
    "trees",
    "boosting",
    "scale",
    "impute",
    "categories",
    "discretize",
    "features",
    "compose",
    "meta",
    "isotonic",
    "text",
    "ensembles",
    "bayes",
    "distances",
    "svm",
    "neural",
    "reductions",
    "curves",
    "projections",
    "outliers",
    "neighbours",
    "targets",
    "iterative",
)
_loaded = False
#: whether what is being converted may meet infinite values, out of which its own arithmetic makes NaN
_infinite: ContextVar[bool] = ContextVar("columns may be infinite", default=False)


def converts(*names: str) -> Callable[[Converter], Converter]:
    """Decorator: rtml's own converter for scikit-learn classes, by public dotted names ("sklearn.linear_model.Ridge")."""

    def register(converter: Converter) -> Converter:
        for name in names:
            if name in _CONVERTERS:
                raise RtmlError(f"there is a converter for {name} already, {_CONVERTERS[name].__qualname__}")
            _CONVERTERS[name] = converter
        return converter

    return register


def public_name(cls: type) -> str:
    """Dotted name under which a class is imported: `sklearn.tree._classes.X` is `sklearn.tree.X`."""
    parts = cls.__module__.split(".")
    private = next((i for i, part in enumerate(parts) if part.startswith("_")), len(parts))
    return ".".join([*parts[:private], cls.__qualname__])


def find_converter(estimator: Any) -> Converter | None:
    """The converter for the exact class of an estimator, or None.

    Raises RtmlError where both rtml and a plugin have one and RTML_PREFER does not say which is meant.
    """
    global _loaded
    if not _loaded:
        _loaded = True
        for module in _MODULES:
            importlib.import_module(f"rtml_plugins.sklearn_ops.convert.{module}")
    own = _CONVERTERS.get(public_name(type(estimator)))
    entry = converter_for(type(estimator))
    brought = entry.function("convert") if entry is not None and (own is None or entry.preferred) else None
    if own is not None and brought is None and entry is not None and entry.convert is not None:
        raise RtmlError(
            f"a converter for {entry.name} is brought by rtml itself and by {entry.origin}. Block that plugin, or set"
            f' RTML_PREFER="{entry.name}={entry.origin.plugin}" to use its converter'
        )
    return brought or own


def convert(b: Builder, estimator: Any, columns: Columns) -> Columns | Prediction:
    """Emit an estimator on its input columns. Raises NotLowerableError with estimator, reason and cure."""
    name = type(estimator).__name__
    expected = getattr(estimator, "n_features_in_", None)
    if expected is not None and expected != len(columns):
        raise NotLowerableError(f"{name} was fitted on {expected} columns and gets {len(columns)}; fit it again on these columns")
    converter = find_converter(estimator)
    if converter is None:
        from rtml_plugins.sklearn_ops.fallback import convert_by_skl2onnx

        converter = convert_by_skl2onnx
    token = _infinite.set(_infinite.get() or not all(column.finite for column in columns))
    try:
        result = converter(b, estimator, columns)
    finally:
        _infinite.reset(token)
    if isinstance(result, Prediction):
        return result
    return Columns(result, names_out(estimator, columns.names, len(result)))


def may_be_infinite() -> bool:
    """Whether a column of the estimator that is being converted, or of one around it, may hold infinite values."""
    return _infinite.get()


def transform(b: Builder, estimator: Any, columns: Columns) -> Columns:
    """Emit a transformer; raises NotLowerableError when the estimator predicts instead."""
    result = convert(b, estimator, columns)
    if isinstance(result, Prediction) and result.transformed is not None:
        return Columns(result.transformed, names_out(estimator, columns.names, len(result.transformed)))
    if isinstance(result, Prediction):
        raise NotLowerableError(f"{type(estimator).__name__} predicts, but stands where a transformer is needed")
    return result


def predict(b: Builder, estimator: Any, columns: Columns) -> Prediction:
    """Emit a predictor; raises NotLowerableError when the estimator transforms instead."""
    result = convert(b, estimator, columns)
    if not isinstance(result, Prediction):
        raise NotLowerableError(f"{type(estimator).__name__} transforms, but stands where a predictor is needed")
    return result


def names_out(estimator: Any, names: Sequence[str], count: int) -> list[str]:
    """Names of a transformer's output columns, for messages: its own, else those of the inputs where there are as many."""
    try:
        found = [str(name) for name in estimator.get_feature_names_out(names)]
    except (AttributeError, ValueError, TypeError):
        found = []
    if len(found) == count:
        return found
    return list(names) if len(names) == count else [f"x{i}" for i in range(count)]
