"""Steps of NumpyArrays: function names and arguments, read once, then run on numpy arrays or lowered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.errors import ColumnError, ParamError, close_match, describe, listing
from rtml_plugins.numpy_ops import elementwise, rowwise, tables
from rtml_plugins.numpy_ops.arrays import Array, Lowered, check_selection, rows_by

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder

#: gives the other columns that a step meets, {"cols": [...]}
Others = Callable[[Sequence[str | int]], Any]

#: function -> names of its arguments after the array, "?" where they may be left out
ARGUMENTS: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(elementwise.UNARY, ()),
    **dict.fromkeys(elementwise.BINARY, ("other",)),
    **dict.fromkeys(rowwise.LOWERED, ()),
    "where": ("x", "y"),
    "clip": ("min?", "max?"),
    "round": ("decimals?",),
    "nan_to_num": ("nan?", "posinf?", "neginf?"),
    "norm": ("ord?",),
    "std": ("ddof?",),
    "var": ("ddof?",),
    "dot": ("b",),
    "polyval": ("p",),
    "digitize": ("bins", "right?"),
    "searchsorted": ("edges", "side?"),
    "interp": ("xp", "fp", "left?", "right?"),
    "take": ("indices",),
    "concatenate": ("other",),
}
_ALIASES: Final = {
    "matmul": "dot", "hstack": "concatenate", "column_stack": "concatenate", "around": "round", "true_divide": "divide",
    "linalg.norm": "norm", "remainder": "mod", "pow": "power", "concat": "concatenate",
}  # fmt: skip
_ARGUMENT_ALIASES: Final = {"a_min": "min", "a_max": "max", "x2": "other", "B": "b", "a": "edges"}
_EXACT: Final = (
    *elementwise.EXACT,
    *(n for n in rowwise.LOWERED if n != "softmax"),
    "take",
    "concatenate",
    "digitize",
    "searchsorted",
    "polyval",
)
_ROW: Final = "a row of real-time data stands alone, so an array keeps its rows and changes its columns only"
#: these take booleans and whole numbers as they are; the others take floats
_ANY_KIND: Final = (
    "any", "all", "count_nonzero", "where", "logical_and", "logical_or", "logical_not", "take", "flip",
)  # fmt: skip
#: what people ask for that has no row-wise meaning
REFUSED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("reshape", "ravel", "transpose", "swapaxes", "vstack", "stack", "squeeze", "expand_dims", "split"), _ROW),
    **dict.fromkeys(
        ("unique", "cov", "corrcoef", "histogram", "bincount", "percentile", "quantile", "gradient"),
        "it needs other rows; learn it in fit, e.g. with QuantileBins or Scaler",
    ),
    "einsum": "write it as 'dot' with a constant matrix, 'multiply' and 'sum'",
    "vectorize": "functions can't be kept in a graph; write the arithmetic as steps",
    "apply_along_axis": "functions can't be kept in a graph; write the arithmetic as steps",
    "argsort": "its order of equal elements differs between numpy and ONNX; use sort, argmax or argmin",
    "random": "answers would differ from call to call",
}  # fmt: skip


@dataclass(frozen=True)
class Step:
    """A function with its arguments by name."""

    function: str
    arguments: Mapping[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        """An argument, or its default."""
        return self.arguments.get(name, default)


def read(given: Any) -> Step:
    """A step from "log1p", or {"function": "clip", "args": [0, 1]}; raises ParamError."""
    if isinstance(given, str):
        given = {"function": given}
    unknown = (
        next((key for key in given if key not in ("function", "args", "kwargs")), None) if isinstance(given, Mapping) else None
    )
    if not isinstance(given, Mapping) or not isinstance(given.get("function"), str) or unknown is not None:
        raise ParamError(
            'a step must be the name of a function, or {"function": name, "args": [...], "kwargs": {...}}; got ' + describe(given)
        )
    name = given["function"].removeprefix("np.").removeprefix("numpy.")
    name = _ALIASES.get(name, name)
    if name in REFUSED or name.partition(".")[0] in ("random", "fft"):
        raise ParamError(f"'{name}' is not available: {REFUSED.get(name, REFUSED['random'])}")
    if name not in ARGUMENTS:
        raise ParamError(f"there is no function '{name}'.{close_match(name, ARGUMENTS)} There are: {listing(ARGUMENTS, 100)}")
    arguments = _bound(name, list(given.get("args", ())), dict(given.get("kwargs", {})))
    try:
        return Step(name, _checked(name, arguments))
    except ParamError as error:
        raise ParamError(str(error) if f"'{name}'" in str(error) else f"'{name}': {error}") from None


def _bound(name: str, args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any]:
    axis = kwargs.pop("axis", 1)
    if axis not in (1, -1) or isinstance(axis, bool):
        raise ParamError(f"'{name}' goes along the row, axis=1: {_ROW}; got axis={axis!r}")
    kwargs.pop("keepdims", None)
    known = [argument.removesuffix("?") for argument in ARGUMENTS[name]]
    if name in ("digitize", "searchsorted", "polyval") and len(args) > len(known):
        raise ParamError(f"'{name}' gets the array by itself; give only {listing(known)}")
    if len(args) > len(known):
        raise ParamError(f"'{name}' takes {len(known)} argument(s) after the array ({listing(known)}); got {len(args)}")
    bound = dict(zip(known, args, strict=False))
    for given, value in kwargs.items():
        argument = _ARGUMENT_ALIASES.get(given, given) if given not in known else given
        if argument not in known:
            raise ParamError(f"'{name}' has no argument '{given}'.{close_match(given, known)} It has: {listing(known)}")
        if argument in bound:
            raise ParamError(f"'{name}': argument '{argument}' is given twice")
        bound[argument] = value
    for argument in ARGUMENTS[name]:
        if not argument.endswith("?") and argument not in bound:
            raise ParamError(f"'{name}' needs the argument '{argument}'")
    return bound


def _operand(given: Any, what: str) -> Any:
    """A constant (number or list of them) or {"cols": [...]}; raises ParamError."""
    if isinstance(given, Mapping):
        if set(given) != {"cols"}:
            raise ParamError(f'{what} must be numbers, or {{"cols": [...]}} for other columns; got {describe(given)}')
        return {"cols": check_selection(given["cols"], f"'cols' of {what}")}
    if isinstance(given, (list, tuple)):
        return tables.numbers(list(given), what, finite=False).tolist()
    if isinstance(given, bool) or not isinstance(given, (int, float)):
        raise ParamError(f'{what} must be a number, a list of numbers or {{"cols": [...]}}; got {describe(given)}')
    return given


def _checked(name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a function, each of the kind it must be."""
    if name in elementwise.BINARY or name == "where":
        return {key: _operand(value, f"'{key}'") for key, value in given.items()}
    if name == "concatenate":
        if not isinstance(given["other"], Mapping):
            raise ParamError(f"'concatenate' takes other columns, {{\"cols\": [...]}}; got {describe(given['other'])}")
        return {"other": _operand(given["other"], "'other'")}
    if name == "clip":
        found = {key: _operand(value, f"'{key}'") for key, value in given.items() if value is not None}
        if not found or any(isinstance(value, Mapping) for value in found.values()):
            raise ParamError("needs 'min' or 'max', as numbers; for bounds out of columns use maximum and minimum")
        return found
    if name in ("nan_to_num", "interp"):
        for key in ("nan", "posinf", "neginf", "left", "right"):
            if given.get(key) is not None and isinstance(_operand(given[key], f"'{key}'"), (list, Mapping)):
                raise ParamError(f"'{key}' must be one number; got {describe(given[key])}")
    if name in ("round", "std", "var"):
        given = {key: elementwise.whole(value, f"'{key}'") for key, value in given.items()}
    if name == "take":
        return {"indices": tables.check_positions(given["indices"])}
    return {**given, **_tabled(name, given)}


def _tabled(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    if name == "norm":
        rowwise._order(given.get("ord"))
    if name == "dot":
        return {"b": tables.matrix(given["b"])}
    if name == "polyval":
        return {"p": tables.numbers(given["p"], "'p', the coefficients with the highest power first,")}
    if name == "digitize":
        if not isinstance(given.get("right", False), bool):
            raise ParamError(f"'right' must be true or false; got {describe(given['right'])}")
        return {"bins": tables.edges(given["bins"], "'bins'", decreasing=True)}
    if name == "searchsorted":
        if given.get("side", "left") not in ("left", "right"):
            raise ParamError(f'\'side\' must be "left" or "right"; got {describe(given["side"])}')
        return {"edges": tables.edges(given["edges"], "'edges'")}
    if name == "interp":
        xp, fp = tables.points(given["xp"], given["fp"])
        return {"xp": xp, "fp": fp}
    return {}


def exact(steps: Sequence[Step]) -> bool:
    """Whether all steps are equal bit by bit in both forms."""
    return all(step.function in _EXACT for step in steps)


# ---- eager ----------------------------------------------------------------------------------------------------------------


def run(step: Step, values: Array, others: Others) -> Array:
    """The step on [N, k]: float64, int64 or bool, two-dimensional. Raises ColumnError and ParamError, naming the function."""
    name = step.function
    wide = values if name in _ANY_KIND else values.astype(np.float64)

    def operand(given: Any) -> Array:
        if isinstance(given, Mapping):
            found: Array = _fitting(others(given["cols"]), values.shape[1], name)
            return found
        return rows_by(given, values.shape[1], f"the operand of '{name}'")

    if name in elementwise.BINARY or name == "where":
        return elementwise.eager(name, wide, [operand(value) for value in step.arguments.values()])
    if name == "concatenate":
        return np.concatenate([wide, others(step.get("other")["cols"])], axis=1)
    if name == "clip":
        low, high = (None if step.get(side) is None else operand(step.get(side)) for side in ("min", "max"))
        return elementwise.eager_clip(wide, low, high)
    if name == "round":
        return np.round(wide, step.get("decimals", 0))
    if name == "nan_to_num":
        instead = _nan_to_num(step)
        return np.nan_to_num(wide, nan=instead["nan"], posinf=instead["posinf"], neginf=instead["neginf"])
    if name in elementwise.UNARY:
        return elementwise.eager(name, wide, [])
    if name in rowwise.LOWERED:
        return rowwise.eager(name, wide, *_row_arguments(step))
    return _run_table(step, wide)


def _fitting(array: Any, width: int, name: str) -> Any:
    found = array.width if isinstance(array, Lowered) else array.shape[1]
    if found not in (1, width):
        raise ColumnError(f"'{name}' of {width} columns meets {found} others; it needs one, or one for each")
    return array


def _nan_to_num(step: Step) -> dict[str, float]:
    return dict(
        zip(
            ("nan", "posinf", "neginf"),
            elementwise.nan_to_num_values(*(step.get(k) for k in ("nan", "posinf", "neginf"))),
            strict=True,
        )
    )


def _row_arguments(step: Step) -> list[Any]:
    return [step.get("ord")] if step.function == "norm" else [step.get("ddof", 0)] if step.function in ("std", "var") else []


def _run_table(step: Step, values: Array) -> Array:
    name = step.function
    if name == "dot":
        return tables.eager_dot(values, step.get("b"))
    if name == "polyval":
        return np.asarray(np.polyval(step.get("p"), values))
    if name == "digitize":
        return np.asarray(np.digitize(values, step.get("bins"), right=step.get("right", False))).astype(np.int64)
    if name == "searchsorted":
        return np.asarray(np.searchsorted(step.get("edges"), values, side=step.get("side", "left"))).astype(np.int64)
    if name == "take":
        return values[:, tables.positions(step.get("indices"), values.shape[1])]
    return np.asarray(np.interp(values, step.get("xp"), step.get("fp"), left=step.get("left"), right=step.get("right")))


# ---- lowered --------------------------------------------------------------------------------------------------------------


def lower(step: Step, b: Builder, values: Lowered, others: Others) -> Lowered:
    """The same as ONNX."""
    name = step.function
    wide = values if name in _ANY_KIND else _as_float(b, values)

    def operand(given: Any) -> Lowered:
        if isinstance(given, Mapping):
            found: Lowered = _fitting(others(given["cols"]), values.width, name)
            return found
        row = rows_by(given, values.width, f"the operand of '{name}'")
        return Lowered(b.const(row, "float64"), "float64", bool(np.isnan(row).any()), bool(np.isfinite(row).all()))

    if name == "where":
        return elementwise.lowered_where(b, wide, operand(step.get("x")), operand(step.get("y")))
    if name in elementwise.BINARY:
        return elementwise.lowered(name, b, wide, [operand(step.get("other"))])
    if name == "concatenate":
        other = others(step.get("other")["cols"])
        return Lowered(b.concat([wide.tensor, other.tensor]), "float64", wide.nan or other.nan, wide.finite and other.finite)
    if name == "clip":
        low, high = (
            None if step.get(s) is None else rows_by(step.get(s), values.width, f"'{s}' of 'clip'") for s in ("min", "max")
        )
        return elementwise.lowered_clip(b, wide, low, high)
    if name == "round":
        return elementwise.lowered_round(b, wide, step.get("decimals", 0))
    if name == "nan_to_num":
        return elementwise.lowered_nan_to_num(b, wide, **_nan_to_num(step))
    if name in elementwise.UNARY:
        return elementwise.lowered(name, b, wide, [])
    if name in rowwise.LOWERED:
        made = rowwise.LOWERED[name](b, wide, *_row_arguments(step))
        sure = wide.small and name not in ("prod", "std", "var") and made.dtype == "float64"
        return replace(made, nan=False, finite=True) if sure else made
    return _lower_table(step, b, wide)


def _as_float(b: Builder, values: Lowered) -> Lowered:
    return values if values.dtype == "float64" else Lowered(b.cast(values.tensor, "float64"), "float64", small=True)


def _lower_table(step: Step, b: Builder, values: Lowered) -> Lowered:
    name = step.function
    if name == "dot":
        return tables.lowered_dot(b, values, step.get("b"))
    if name == "polyval":
        return tables.lowered_polyval(b, values, step.get("p"))
    if name == "digitize":
        return tables.lowered_digitize(b, values, step.get("bins"), step.get("right", False))
    if name == "searchsorted":
        return tables.lowered_searchsorted(b, values, step.get("edges"), step.get("side", "left"))
    if name == "take":
        picked = tables.positions(step.get("indices"), values.width)
        return Lowered(b.take(values.tensor, picked), values.dtype, values.nan, values.finite)
    xp, fp = step.get("xp"), step.get("fp")
    left = fp[0] if step.get("left") is None else step.get("left")
    right = fp[-1] if step.get("right") is None else step.get("right")
    return tables.lowered_interp(b, values, xp, fp, float(left), float(right))


__all__ = ["ARGUMENTS", "REFUSED", "Step", "exact", "lower", "read", "run"]
