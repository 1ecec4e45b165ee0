"""Arguments on their way to pandas: documented spellings, references to other columns, conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, ParamError, describe
from rtml_core.lowering.expressions import forbid_python
from rtml_core.lowering.functions import PythonFunction

if TYPE_CHECKING:
    import pandas as pd

#: arithmetic on columns; div and the like are other names, r... has the operands in the other order
ARITHMETIC: Final = (
    "add", "radd", "sub", "rsub", "subtract", "mul", "rmul", "multiply", "truediv", "rtruediv", "div", "rdiv", "divide",
    "floordiv", "rfloordiv", "mod", "rmod", "pow", "rpow",
)  # fmt: skip
COMPARISONS: Final = ("eq", "ne", "lt", "le", "gt", "ge")
#: method -> those of its arguments that may be another column
REFERENCES: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys([*ARITHMETIC, *COMPARISONS, "where", "mask", "combine_first"], ("other",)),
    "clip": ("lower", "upper"),
    "between": ("left", "right"),
    "fillna": ("value",),
}
#: method -> those of its arguments that are true or false
SWITCHES: Final[Mapping[str, tuple[str, ...]]] = {
    "str.contains": ("case", "na", "regex"),
    **dict.fromkeys(("str.match", "str.fullmatch"), ("case", "na")),
    **dict.fromkeys(("str.startswith", "str.endswith"), ("na",)),
    "str.replace": ("case", "regex"),
    "str.split": ("expand", "regex"),
    **dict.fromkeys(("str.rsplit", "str.partition", "str.rpartition", "str.extract"), ("expand",)),
    "str.wrap": (
        "expand_tabs", "replace_whitespace", "drop_whitespace", "break_long_words", "break_on_hyphens",
    ),
}  # fmt: skip
#: method -> those of them that may be null, which is their default
_MAY_BE_NULL: Final[Mapping[str, tuple[str, ...]]] = {
    **dict.fromkeys(("str.contains", "str.match", "str.fullmatch", "str.startswith", "str.endswith"), ("na",)),
    "str.replace": ("case",),
    "str.split": ("regex",),
}
#: methods whose texts are expressions
EXPRESSIONS: Final = ("eval", "query")


def normalise(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The documented spellings: na_action 0 is None, `arg` of map is `func`, conditions and expressions are checked."""
    found = dict(arguments)
    if name == "map":
        if found.get("na_action") == 0:
            found["na_action"] = None
        if "arg" in found:
            if "func" in found:
                raise ParamError("'map': give either 'arg' or 'func', they are the same")
            found["func"] = found.pop("arg")
        if "func" in found and not isinstance(found["func"], (Mapping, PythonFunction)):
            raise ParamError(f"'map': argument 'func' must be an object of values or a function; got {describe(found['func'])}")
    if name in EXPRESSIONS:
        for value in found.values():
            if isinstance(value, str):
                forbid_python(value)
    _check_kinds(name, found)
    return found


def _check_kinds(name: str, arguments: Mapping[str, Any]) -> None:
    """Refuse what stands for true or false in Python and is neither: pandas takes None for a False here, and for a True there."""
    for argument in SWITCHES.get(name, ()):
        value = arguments.get(argument, True)
        if not isinstance(value, bool) and not (value is None and argument in _MAY_BE_NULL.get(name, ())):
            raise ParamError(f"'{name}': argument '{argument}' must be true or false; got {describe(value)}")
    flags = arguments.get("flags", 0)
    if name.startswith("str.") and (isinstance(flags, bool) or not isinstance(flags, int)):
        raise ParamError(f"'{name}': argument 'flags' must be a whole number, as in the module re; got {describe(flags)}")


def is_column_reference(value: Any) -> bool:
    """Whether an argument is {"column": name}."""
    return isinstance(value, Mapping) and set(value) == {"column"} and isinstance(value["column"], str)


def is_expression(value: Any) -> bool:
    """Whether an argument is {"eval": text}."""
    return isinstance(value, Mapping) and set(value) == {"eval"} and isinstance(value["eval"], str)


def refers_to_columns(name: str, arguments: Mapping[str, Any]) -> bool:
    """Whether the arguments (as far as can be said without the frame) name other columns."""
    if name in ("where", "mask", "assign", "insert", "case_when", "str.cat", *EXPRESSIONS):
        return True
    return any(is_column_reference(arguments.get(argument)) for argument in REFERENCES.get(name, ()))


def column_named(value: Any, names: Any, dtype: str) -> str | None:
    """The column that an argument of REFERENCES means on a column of `dtype`; None when it is a constant.

    A bare text is a constant on a column of strings; a column, or else a moment, on timestamps; a column on others.
    Raises ColumnError for a column that is not there.
    """
    if is_column_reference(value):
        name: str = value["column"]
    elif isinstance(value, str) and dtype != "string":
        if dtype in ("timestamp", "timedelta") and value not in names:
            return None
        name = value
    else:
        return None
    if name not in names:
        raise ColumnError(missing_column(name, names))
    return name


def for_pandas(name: str, arguments: Mapping[str, Any], frame: pd.DataFrame, series: pd.Series | None) -> dict[str, Any]:
    """The arguments as pandas takes them: columns instead of references, a boolean column instead of a condition."""
    found = dict(arguments)
    if series is not None:
        from rtml_core.frames import canonical_series, dtype_word

        dtype = dtype_word(canonical_series(series, str(series.name)))
        for argument in REFERENCES.get(name, ()):
            column = column_named(found.get(argument), list(frame.columns), dtype)
            if column is not None:
                found[argument] = frame[column]
            elif isinstance(found.get(argument), str):
                found[argument] = moment(found[argument], dtype)
        if name in ("where", "mask") and isinstance(found.get("cond"), str):
            found["cond"] = condition(frame, found["cond"])
        if name in ("str.startswith", "str.endswith") and isinstance(found.get("pat"), list):
            found["pat"] = tuple(found["pat"])  # JSON has no tuples, and pandas takes no lists here
        if name == "case_when":
            found["caselist"] = _cases(frame, found.get("caselist"), dtype)
        if name == "str.cat":
            found["others"] = [frame[column] for column in other_columns(found.get("others"), list(frame.columns))] or None
    if name == "assign":
        found = {key: _assigned(frame, value) for key, value in found.items()}
    if name == "insert" and "value" in found:
        found["value"] = _assigned(frame, found["value"])
    if name == "eval":
        found.setdefault("engine", "python")  # numexpr, when installed, computes % and // differently
    return found


def other_columns(value: Any, names: Any) -> list[str]:
    """The columns that the argument `others` of str.cat names; none when it is not given."""
    if value is None:
        return []
    items = value if isinstance(value, list) else [value]
    columns = [item["column"] if is_column_reference(item) else item for item in items]
    for column in columns:
        if not isinstance(column, str):
            raise ParamError(f"'str.cat': argument 'others' must name columns; got {describe(column)}")
        if column not in names:
            raise ColumnError(missing_column(column, names))
    return columns


def _cases(frame: pd.DataFrame, cases: Any, dtype: str) -> list[tuple[Any, Any]]:
    """The cases of case_when as pandas takes them."""
    if not isinstance(cases, list) or not all(isinstance(case, list) and len(case) == 2 for case in cases):
        raise ParamError(f"'case_when': argument 'caselist' must be a list of [condition, value]; got {describe(cases)}")
    found = []
    for text, value in cases:
        name = column_named(value, list(frame.columns), dtype)
        chosen = frame[name] if name is not None else moment(value, dtype) if isinstance(value, str) else value
        found.append((condition(frame, text) if isinstance(text, str) else text, chosen))
    return found


def moment(text: str, dtype: str) -> Any:
    """A text that meets a column of times, as the time it says; a text that meets another column as it is."""
    import pandas as pd

    from rtml_plugins.pandas_ops.values import utc_naive

    if dtype == "timestamp":
        return utc_naive(pd.Timestamp(text))
    return pd.Timedelta(text) if dtype == "timedelta" else text


def _assigned(frame: pd.DataFrame, value: Any) -> Any:
    if is_column_reference(value):
        column = column_named(value, list(frame.columns), "")
        return frame[column]
    return evaluate(frame, value["eval"]) if is_expression(value) else value


def evaluate(frame: pd.DataFrame, text: str) -> Any:
    """The value of an expression on a frame, by pandas' own eval."""
    forbid_python(text)
    return frame.eval(text, engine="python")


def condition(frame: pd.DataFrame, text: str) -> Any:
    """A condition as a boolean column; a column's own name is a condition too."""
    value = frame[text] if text in frame.columns else evaluate(frame, text)
    if getattr(value, "dtype", None) not in ("bool", "boolean"):
        raise ParamError(f"'cond' must be a condition that is true or false in every row; '{text}' is not")
    return value
