"""Operators between recorded columns and constants: arithmetic, comparisons, logic."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from rtml_plugins.recording.arguments import is_column, is_recorded, is_scalar, plain, refuse_rows
from rtml_plugins.recording.errors import refuse
from rtml_plugins.recording.expressions import Apply, Constant, Leaf, Tree
from rtml_plugins.recording.forms import Constantly, Expression, Form, Method
from rtml_plugins.recording.values import ColumnOf

if TYPE_CHECKING:
    from rtml_plugins.recording.columns import RecordedColumn
    from rtml_plugins.recording.values import Value

#: sign -> Python's operator and the method of pandas
SIGNS: Final[Mapping[str, tuple[Callable[[Any, Any], Any], str]]] = {
    "+": (operator.add, "add"),
    "-": (operator.sub, "sub"),
    "*": (operator.mul, "mul"),
    "/": (operator.truediv, "truediv"),
    "//": (operator.floordiv, "floordiv"),
    "%": (operator.mod, "mod"),
    "**": (operator.pow, "pow"),
    "&": (operator.and_, ""),
    "|": (operator.or_, ""),
    "^": (operator.xor, ""),
    "<": (operator.lt, "lt"),
    "<=": (operator.le, "le"),
    ">": (operator.gt, "gt"),
    ">=": (operator.ge, "ge"),
    "==": (operator.eq, "eq"),
    "!=": (operator.ne, "ne"),
}
#: dtypes whose results soon are beyond them; int32 is what parts of times have
_SMALL: Final = ("int8", "int16", "uint8", "uint16", "uint32", "uint64")
_COMPARISONS: Final = ("<", "<=", ">", ">=", "==", "!=")
_NUMBERS: Final = ("float64", "int64", "bool")
_WORDS: Final = {
    "+": "plus", "-": "minus", "*": "times", "/": "per", "//": "floordiv", "%": "mod", "**": "pow", "&": "and", "|": "or",
    "^": "xor", "<": "below", "<=": "up_to", ">": "above", ">=": "from", "==": "is", "!=": "is_not",
}  # fmt: skip


def binary(column: RecordedColumn, sign: str, other: Any, *, reflected: bool = False) -> Any:
    """column <sign> other, or with `reflected` the other way round."""
    from rtml_plugins.recording.columns import RecordedArray, RecordedColumn
    from rtml_plugins.recording.frame import RecordedFrame

    function, _ = SIGNS[sign]
    if isinstance(other, RecordedFrame):
        return NotImplemented
    if not is_recorded(other) and not is_scalar(other) and not _is_moment(other):
        refuse_rows(other)
    if is_scalar(other):
        other = plain(other)
    if sign in "&|^":
        for item in (column, other):
            if is_column(item):
                check_condition(item)
    given = other._native if is_column(other) else other
    native = function(given, column._native) if reflected else function(column._native, given)
    value = other._value if is_column(other) else other
    forms = forms_of(column._value, sign, value, reflected=reflected)
    shown = (
        f"{_shown(value)}_{_WORDS[sign]}_{column._value.shown}"
        if reflected
        else f"{column._value.shown}_{_WORDS[sign]}_{_shown(value)}"
    )
    (made,) = column._tape.record(sign, forms, [native], hint=shown)
    arrays = isinstance(column, RecordedArray) and (isinstance(other, RecordedArray) or not is_column(other))
    found = (RecordedArray if arrays else RecordedColumn)(native, made, column._tape)
    if str(native.dtype) not in _SMALL:
        return found
    from rtml_plugins.recording.methods import held_by_dtype

    return held_by_dtype(found)


def check_condition(column: RecordedColumn) -> None:
    """Raise RecordingError for a column of true and false that may be missing: pandas takes it as it falls, or not at all."""
    known = column._value.column
    if known is not None and known.dtype == "bool" and known.nullable:
        refuse(
            f"'{column._value.shown}' may be missing in a request, e.g. for a value that map does not list, and is neither true"
            " nor false then; write .fillna(False).astype(bool) behind it"
        )


def _is_moment(value: Any) -> bool:
    return hasattr(value, "isoformat") or hasattr(value, "total_seconds")


def _shown(other: Any) -> str:
    from rtml_plugins.recording.values import Value

    if isinstance(other, Value):
        return other.shown
    return "" if isinstance(other, str) or _is_moment(other) else str(other).replace(".", "_").replace("-", "minus_")


def forms_of(value: Value, sign: str, other: Any, *, reflected: bool = False) -> list[Form]:
    """How one operator can be said: as an expression, which can be put together with others, or as a method."""
    from rtml_plugins.recording.values import Value as ValueClass

    two = isinstance(other, ValueClass)
    if value.column is None or (two and other.column is None):
        return [Method("eq", value, {"other": ColumnOf(other)} if two else {})]  # of the label: nothing is built
    dtypes = {value.column.dtype} | ({other.column.dtype} if two else set())
    forms: list[Form] = []
    if (set(dtypes) <= set(_NUMBERS) and (two or isinstance(other, (bool, int, float)))) or (
        dtypes == {"string"} and sign in _COMPARISONS and (two or isinstance(other, str))
    ):
        forms.append(Expression(_tree(value, sign, other, reflected)))
    method = SIGNS[sign][1]
    if sign in ("==", "!=") and not two and _never_equal(value.column.dtype, other):
        forms.append(Constantly(sign == "!=", value))
    elif isinstance(other, str) and dtypes & set(_NUMBERS):
        refuse(f"column '{value.hint}' holds {value.column.dtype}, and {other!r} is a text; convert one of them with astype")
    elif method:
        forms.append(
            Method(("r" if reflected else "") + method, value, {"other": ColumnOf(other) if two else _moment(value, other)})
        )
    elif not forms:
        refuse(f"'{sign}' can be recorded between conditions, columns of true and false; got {_shown_kinds(value, other)}")
    return forms


def _never_equal(dtype: str, other: Any) -> bool:
    """Whether no value of a column equals a constant: a missing one, or one of another kind."""
    import pandas as pd

    if other is None or other is pd.NA or other is pd.NaT or other != other:
        return True
    text = isinstance(other, str)
    return (text and dtype in _NUMBERS) or (dtype == "string" and isinstance(other, (bool, int, float)))


def _shown_kinds(value: Value, other: Any) -> str:
    assert value.column is not None
    two = other.column.dtype if hasattr(other, "column") else repr(other)
    return f"{value.column.dtype} and {two}"


def _moment(value: Value, other: Any) -> Any:
    """A text that meets times, as the time that it says: it could be the name of a column."""
    return time_of(value, other) if isinstance(other, str) else other


def time_of(value: Value, text: str) -> Any:
    """A text as a time where it meets times."""
    import pandas as pd

    dtype = value.column.dtype if value.column is not None else ""
    return {"timestamp": pd.Timestamp, "timedelta": pd.Timedelta}.get(dtype, str)(text)


def _tree(value: Value, sign: str, other: Any, reflected: bool) -> Tree:
    from rtml_plugins.recording.values import Value as ValueClass

    parts: tuple[Tree, Tree] = (Leaf(value), Leaf(other) if isinstance(other, ValueClass) else Constant(other))
    if sign == "^":
        sign = "!="  # of conditions: the one or the other
    return Apply(sign, (parts[1], parts[0]) if reflected else parts)


def unary(column: RecordedColumn, sign: str) -> Any:
    """-column, +column, ~column."""
    value = column._value
    if sign == "+":
        return type(column)(+column._native, value, column._tape)
    if sign == "~":
        check_condition(column)
    native = -column._native if sign == "-" else ~column._native
    if value.column is not None and sign == "~" and value.column.dtype != "bool":
        refuse(f"'~' can be recorded on a condition, a column of true and false; '{value.hint}' is {value.column.dtype}")
    if value.column is not None and value.column.dtype == "timedelta":
        forms: list[Form] = [Method("mul", value, {"other": -1})]
    else:
        forms = [Expression(Apply(sign, (Leaf(value),)))]
    (made,) = column._tape.record(sign, forms, [native], hint=f"{'minus' if sign == '-' else 'not'}_{value.hint}")
    return type(column)(native, made, column._tape)
