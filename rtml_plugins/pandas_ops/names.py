"""What a name in `import` means: a method of Series or DataFrame, an accessor's, or a function of pandas."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from rtml_core.errors import ParamError, UnknownNameError, close_match, listing
from rtml_plugins.pandas_ops.catalogue import outside

Kind = Literal["column", "frame", "function"]
ACCESSORS: Final = ("str", "dt", "cat")
#: of the names that start with to_, those that give a column; the rest writes files or leaves pandas
CONVERSIONS: Final = ("to_datetime", "to_numeric", "to_timedelta", "to_frame", "to_period", "to_timestamp")
#: names that pandas 3.1 warns about -> what it calls them now
_RENAMED: Final = {
    "dayofweek": "day_of_week",
    "weekday": "day_of_week",
    "dayofyear": "day_of_year",
    "daysinmonth": "days_in_month",
}
#: functions of pandas that take one column, not a frame
_ONE_COLUMN: Final = ("cut", "qcut", "to_numeric", "to_timedelta", "factorize", "unique")
#: what takes the whole frame, with `cols` meaning "these columns of it"
ON_FRAME: Final = ("get_dummies", "drop", "filter", "rename")


@dataclass(frozen=True)
class Target:
    """A pandas callable: `kind` says what it is called on; `accessor` is "str", "dt" or "cat" for a column's method.

    `parameters` are the names of its arguments; `open` says that it takes any keyword; `attribute` that it takes none.
    """

    name: str
    kind: Kind
    accessor: str | None
    method: str
    parameters: tuple[str, ...]
    open: bool
    attribute: bool

    @property
    def member(self) -> str:
        """The name to call: that of the method, or its present one where pandas has renamed it."""
        return _RENAMED.get(self.method, self.method) if self.accessor == "dt" else self.method

    @property
    def on_frame(self) -> bool:
        """Whether it is called on the frame even where `cols` names columns."""
        return self.kind == "frame" or self.name in ON_FRAME


def resolve(name: str, *, columns: bool, axis: Any = None) -> Target:
    """The callable that `name` means on columns (columns=True) or on the whole frame.

    Raises UnknownNameError with the closest name, ParamError when it does not fit `cols`.
    """
    import pandas as pd

    accessor, dot, method = name.partition(".")
    if dot:
        if accessor not in ACCESSORS or method.startswith("_") or method not in accessor_names(accessor):
            raise UnknownNameError(_unknown(name))
        if not columns:
            raise ParamError(f"'{name}' works on columns: name them in 'cols'")
        return _target(name, "column", accessor, method, _accessor_member(accessor, method))
    _require_known(name)
    rows = columns and axis in (1, "columns")
    if columns and not rows and name not in ON_FRAME:
        if name in names_of(pd.Series):
            return _target(name, "column", None, name, getattr(pd.Series, name))
        if name in functions() and name != "eval":
            return _target(name, "function", None, name, getattr(pd, name))
        raise ParamError(f"'{name}' works on the whole frame: leave 'cols' out")
    if name in names_of(pd.DataFrame) and (columns or name != "map"):
        return _target(name, "frame", None, name, getattr(pd.DataFrame, name))
    if name in functions() and name not in _ONE_COLUMN:
        return _target(name, "function", None, name, getattr(pd, name))
    raise ParamError(f"'{name}' works on columns: name them in 'cols'")


def _require_known(name: str) -> None:
    import pandas as pd

    if outside(name) and name in all_names():
        raise ParamError(f"'{name}' reads or writes outside the graph; a step takes a frame and gives a frame")
    if name in ("pipe", "transform"):
        raise ParamError(f"'{name}' takes a function of whole columns; give a function of one cell to 'map' or 'apply'")
    if name not in names_of(pd.Series) | names_of(pd.DataFrame) | functions():
        raise UnknownNameError(_unknown(name))


def _unknown(name: str) -> str:
    known = all_names()
    endings = [n for n in known if "." in n and n.partition(".")[2] == name]
    hint = f" Did you mean '{endings[0]}'?" if endings else close_match(name, known)
    return f"pandas has no method or function '{name}'.{hint}"


def _target(name: str, kind: Kind, accessor: str | None, method: str, member: Any) -> Target:
    if not callable(member):
        return Target(name, kind, accessor, method, (), False, True)
    parameters = list(inspect.signature(member).parameters.values())[1:]  # self, or the data itself
    named = tuple(p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL))
    return Target(name, kind, accessor, method, named, any(p.kind == p.VAR_KEYWORD for p in parameters), False)


def bind(target: Target, args: Iterable[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The given arguments by name. Raises ParamError for an argument that the callable does not take."""
    bound: dict[str, Any] = {}
    given = list(args)
    if len(given) > len(target.parameters):
        raise ParamError(f"'{target.name}' takes {len(target.parameters)} argument(s); 'args' has {len(given)}")
    for parameter, value in zip(target.parameters, given, strict=False):
        bound[parameter] = value
    for name, value in kwargs.items():
        if name == "inplace":
            raise ParamError("'inplace' belongs beside 'kwargs', not inside it")
        if name in bound:
            raise ParamError(f"'{target.name}': argument '{name}' is given twice, in 'args' and in 'kwargs'")
        if name not in target.parameters and not target.open:
            known = [p for p in target.parameters if p != "inplace"]
            raise ParamError(f"'{target.name}' takes no argument '{name}'. It takes: {listing(known)}.{close_match(name, known)}")
        bound[name] = value
    return bound


def defaults(target: Target) -> dict[str, Any]:
    """Default values of the callable's arguments, where it has them; pandas' "nothing given" marks are left out."""
    member = _member(target)
    if target.attribute:
        return {}
    from pandas.api.extensions import no_default

    found = {p.name: p.default for p in inspect.signature(member).parameters.values() if p.default is not p.empty}
    return {name: value for name, value in found.items() if value is not no_default}


def _member(target: Target) -> Any:
    import pandas as pd

    if target.accessor:
        return _accessor_member(target.accessor, target.method)
    return getattr({"column": pd.Series, "frame": pd.DataFrame, "function": pd}[target.kind], target.method)


@cache
def _accessor_classes(accessor: str) -> tuple[type, ...]:
    import pandas as pd

    empty: dict[str, list[Any]] = {
        "str": [pd.Series([], dtype="str").str],
        "dt": [pd.Series([], dtype="datetime64[us]").dt, pd.Series([], dtype="timedelta64[us]").dt],
        "cat": [pd.Series([], dtype="category").cat],
    }
    return tuple(type(instance) for instance in empty[accessor])


def _accessor_member(accessor: str, method: str) -> Any:
    for cls in _accessor_classes(accessor):
        if hasattr(cls, method):
            return getattr(cls, method)
    raise UnknownNameError(_unknown(f"{accessor}.{method}"))


@cache
def accessor_names(accessor: str) -> frozenset[str]:
    """Public names of an accessor."""
    return frozenset(n for cls in _accessor_classes(accessor) for n in dir(cls) if not n.startswith("_"))


@cache
def names_of(cls: type) -> frozenset[str]:
    """Public names of Series or DataFrame, without the accessors themselves."""
    return frozenset(n for n in dir(cls) if not n.startswith("_") and n not in (*ACCESSORS, "sparse", "plot", "list", "struct"))


@cache
def functions() -> frozenset[str]:
    """Public functions of the pandas module, without those about its settings."""
    import pandas as pd

    found: dict[str, Callable[..., Any]] = {n: getattr(pd, n) for n in dir(pd) if not n.startswith("_")}
    about_pandas = ("show_versions", "test", "set_eng_float_format", "array", "col")
    plain = {n for n, value in found.items() if callable(value) and not isinstance(value, type) and "option" not in n}
    return frozenset(plain - set(about_pandas))


@cache
def all_names() -> tuple[str, ...]:
    """Everything that `import` may hold, in order."""
    import pandas as pd

    plain = names_of(pd.Series) | names_of(pd.DataFrame) | functions()
    return tuple(sorted(plain | {f"{a}.{n}" for a in ACCESSORS for n in accessor_names(a)}))
