"""`xp`: binds the arguments of a call, checks them against the catalogue, and hands them to the engine that answers.

Two engines know what to do with columns: arrays compute, symbols emit ONNX. What a call may look like is decided here, once,
so that an author who only runs a formula meets the same refusals as one who compiles it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering.namespace.catalogue import (
    ALIASES,
    COLUMNS,
    CONSTANT_NAMES,
    CONSTANTS,
    FUNCTIONS,
    GROUPS,
    Function,
    Parameter,
    unknown_function,
)
from rtml_core.lowering.namespace.scalars import dtype_of_constant, plain
from rtml_core.lowering.namespace.values import Value


class Engine(Protocol):
    """What computes, or emits."""

    def owns(self, value: Value) -> bool:
        """Whether a column belongs to this run of a formula."""

    def adapt(self, value: Value, dtypes: tuple[str, ...]) -> Value | None:
        """A column of another dtype as one of these, where that says nothing new; None where it can't be."""

    def call(self, name: str, arguments: dict[str, Any]) -> Any:
        """The answer of a function to checked arguments: columns (Value) and plain constants."""


class Namespace:
    """The functions of formulas, numpy's names; constants pi, e, nan, inf; groups `strings` and `dates`."""

    def __init__(self, engine: Engine, prefix: str = ""):
        self._engine = engine
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if not self._prefix:
            if name in CONSTANT_NAMES:
                import math

                return getattr(math, name)
            if f"{name}." in GROUPS:
                return Namespace(self._engine, f"{name}.")
        full = self._prefix + name
        full = full if full in FUNCTIONS else ALIASES.get(full, full)
        if full not in FUNCTIONS:
            raise NotLowerableError(unknown_function(full)[1])
        return _bound(self._engine, FUNCTIONS[full])

    def __dir__(self) -> list[str]:
        names = [name for name in FUNCTIONS if name.startswith(self._prefix)]
        inner = {name.removeprefix(self._prefix).split(".")[0] for name in names}
        return sorted(inner | (set() if self._prefix else set(CONSTANT_NAMES)))

    def __repr__(self) -> str:
        return f"the array namespace of formulas{', ' + self._prefix[:-1] if self._prefix else ''}: {', '.join(dir(self))}"


def _bound(engine: Engine, function: Function) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        return engine.call(function.name, checked(engine, function, given, named))

    call.__name__ = call.__qualname__ = function.name.rpartition(".")[2]
    call.__doc__ = function.doc
    call.__signature__ = function.signature  # type: ignore[attr-defined]
    return call


def checked(engine: Engine, function: Function, given: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """The arguments by name, columns and plain constants; raises NotLowerableError that names the function."""
    try:
        bound = function.signature.bind(*given, **named)
    except TypeError as error:
        raise NotLowerableError(f"xp.{function.name}{function.signature}: {error}") from None
    bound.apply_defaults()
    arguments = dict(bound.arguments)
    for parameter in function.parameters:
        if parameter.name in arguments:
            value = arguments[parameter.name]
            arguments[parameter.name] = (
                [_check(engine, function, parameter, item) for item in value]
                if parameter.many
                else _check(engine, function, parameter, value)
            )
    return arguments


def _check(engine: Engine, function: Function, parameter: Parameter, value: Any) -> Any:
    where = f"xp.{function.name}"
    if parameter.is_constant:
        return _constant(where, parameter, value)
    if isinstance(value, Value):
        return _column(engine, where, parameter, value)
    if value is parameter.default:
        return value
    try:
        value = plain(value)
    except NotLowerableError as error:
        raise NotLowerableError(f"{where}: {error}") from None
    dtypes, words = COLUMNS[parameter.kind]
    dtype = dtype_of_constant(value)
    if (dtype is None and parameter.kind != "any") or (dtype is not None and dtype not in dtypes):
        cure = "; ask for missing values with xp.is_missing(x)" if value is None else ""
        raise NotLowerableError(f"{where} takes {words} as '{parameter.name}'; got {describe(value)}{cure}")
    return value


def _column(engine: Engine, where: str, parameter: Parameter, value: Value) -> Value:
    if not engine.owns(value):
        raise NotLowerableError(f"{where} got a column of another formula; a column is good for the run that it was made in")
    dtypes, words = COLUMNS[parameter.kind]
    adapted = value if value.dtype in dtypes else engine.adapt(value, dtypes)
    if adapted is None:
        raise NotLowerableError(f"{where} takes {words} as '{parameter.name}'; got {_article(value.dtype)} column")
    return adapted


def _constant(where: str, parameter: Parameter, value: Any) -> Any:
    types, words = CONSTANTS[parameter.kind]
    if value is parameter.default or parameter.kind == "object":
        return value
    if isinstance(value, Value):
        raise NotLowerableError(f"{where} needs {words} as '{parameter.name}', the same for every row; got a column")
    if parameter.kind in ("list", "set") and hasattr(value, "tolist"):
        value = value.tolist()
    if parameter.kind in ("int", "real", "flag"):
        value = plain(value)
    if not isinstance(value, types) or (isinstance(value, bool) and parameter.kind in ("int", "real")):
        raise NotLowerableError(f"{where} needs {words} as '{parameter.name}'; got {describe(value)}")
    return value


def _article(dtype: str) -> str:
    return f"an {dtype}" if dtype[0] in "aeiou" else f"a {dtype}"


def columns_in(arguments: dict[str, Any]) -> list[Value]:
    """All columns among checked arguments, those in lists too."""
    found: list[Value] = []
    for value in arguments.values():
        found += [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, Value)]
    return found
