"""Methods that become a Python operator, because ONNX has no exact form of them: the package is not portable then."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from rtml_core.columns import MISSING_TIME
from rtml_core.errors import NotLowerableError, RtmlError, describe
from rtml_core.lowering import regex
from rtml_core.lowering.blocks import Block
from rtml_core.lowering.custom import custom, custom_each
from rtml_core.lowering.symbolic import Symbolic, missing_mask, new, require_dtype, value_of
from rtml_plugins.pandas_ops import python_ops as ops
from rtml_plugins.pandas_ops.calendar import FAST, WRITERS, directives
from rtml_plugins.pandas_ops.datetimes import READ, UNREADABLE, unreadable_format
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import one_by_one

Lower = Callable[[Call], list[Symbolic]]
Step = Callable[[Call, Symbolic], Symbolic]
Several = Callable[[Call, Symbolic], list[Symbolic]]

_FORMS: Final = ("NFC", "NFD", "NFKC", "NFKD")
#: directives whose text is a matter of the locale
_NAMES: Final = frozenset("aAbBp")
#: the years that datetime knows, in microseconds since 1970
_FIRST, _LAST = -62_135_596_800_000_000, 253_402_300_799_999_999


def _texts(op: Any, *allowed: str, arguments: Callable[[Call], Mapping[str, Any]] = lambda call: {}) -> Lower:
    """A method from texts to texts; columns of one nullability go through one node together."""

    def lower(call: Call) -> list[Symbolic]:
        call.only(*allowed)
        one_by_one(call, lambda column: require_string(column))
        return custom_each(call.b, op, call.symbols, **arguments(call))

    return lower


class BetterReason(NotLowerableError):
    """Why a Python operator has no exact form either, which helps more than why ONNX has none."""


def require_string(column: Symbolic) -> Symbolic:
    """The column, which must hold texts."""
    require_dtype(column, ("string",), "a string")
    return column


def _form(call: Call) -> dict[str, Any]:
    form = call.get("form")
    if form not in _FORMS:
        raise NotLowerableError(f"argument 'form' must be one of {', '.join(_FORMS)}; got {describe(form)}")
    return {"form": form}


# ---- floats and timestamps as text --------------------------------------------------------------------------------------


def float_text(call: Call, block: Block) -> Block:
    """astype("str") of floats, as Python writes them."""
    op = ops.FLOAT_TEXT if block.dtype == "float64" else ops.FLOAT32_TEXT
    assert block.tensor is not None
    return Block("string", call.b.custom(op, block.tensor)[0], block.nullable)


def _strftime(call: Call, column: Symbolic) -> Symbolic:
    call.only("date_format")
    format = call.get("date_format")
    if not isinstance(format, str) or "\0" in format:
        raise NotLowerableError(f"argument 'date_format' must be a text; got {describe(format)}")
    require_dtype(column, ("timestamp",), "a timestamp")
    found = directives(format)
    for letter in found:
        if letter not in WRITERS:
            raise NotLowerableError(
                f"'%{letter}' of the format {format!r} differs from machine to machine, or says nothing here; it can have"
                f" {' '.join('%' + known for known in WRITERS)}"
            )
    padded = set(found) <= FAST
    if not padded:
        if _NAMES & set(found) and datetime(2024, 1, 1).strftime("%A %a %B %b %p") != "Monday Mon January Jan AM":
            raise NotLowerableError("the names of days and months here are those of a locale; compile under LC_TIME=C")
        _require_years(call, column)
        padded = datetime(999, 1, 1).strftime("%Y") == "0999"  # it is up to Python and its C library
    return custom(call.b, ops.STRFTIME, column, format=format, padded=padded)[0]


def _require_years(call: Call, column: Symbolic) -> None:
    """Rows outside of years 1 to 9999 are refused, as pandas does with all but the plainest formats."""
    b, value = call.b, value_of(call.b, column)
    inside = b.op(
        "And",
        b.op("GreaterOrEqual", value, b.const([[_FIRST]], "int64"), dtype="bool"),
        b.op("LessOrEqual", value, b.const([[_LAST]], "int64"), dtype="bool"),
    )
    if column.nullable:
        inside = b.op("Or", inside, b.op("Equal", value, b.const([[MISSING_TIME]], "int64"), dtype="bool"))
    b.check(inside, f"column '{call.columns[0]}' is outside of the years 1 to 9999, and its format has no text for that")


def _read_datetime(call: Call, column: Symbolic) -> Symbolic:
    """to_datetime by a format of the user's own. A column of timestamps stays what it is."""
    call.only("format", "errors", "utc", "cache", "exact")
    format, errors = call.get("format"), call.get("errors", "raise")
    if column.dtype == "timestamp":
        return column
    require_string(column)
    if not isinstance(format, str) or format in ("ISO8601", "mixed") or "\0" in format or call.get("exact", True) is not True:
        raise NotLowerableError("the format must be one text for all rows, and exact")
    wrong = unreadable_format(format)
    if wrong:
        raise BetterReason(wrong)
    b = call.b
    micros, status = b.custom(ops.READ_DATETIME, value_of(b, column), format=format)
    limit = READ if errors == "raise" else UNREADABLE
    name = call.columns[0]
    b.check(
        b.op("LessOrEqual", status, b.const([[limit]], "int64"), dtype="bool"),
        f"column '{name}': a text that is no timestamp in the format '{format}'"
        if errors == "raise"
        else f"column '{name}': a text of which the format '{format}' makes no certain timestamp",
    )
    return new("timestamp", micros, nullable=True)


# ---- regular expressions of Python --------------------------------------------------------------------------------------


def _searched(how: str) -> Step:
    """contains, match, fullmatch with what RE2 lacks."""

    def step(call: Call, column: Symbolic) -> Symbolic:
        call.only("pat", "case", "flags", "na", "regex")
        require_string(column)
        pattern, flags = _python_pattern(call, call.get("pat"))
        (found,) = call.b.custom(ops.REGEX_TEST, value_of(call.b, column), pattern=pattern, flags=flags, how=how)
        if column.nullable and call.get("na") is True:
            found = call.b.op("Or", found, missing_mask(call.b, column))
        return new("bool", found)

    return step


def _python_pattern(call: Call, pattern: Any) -> tuple[str, int]:
    """Pattern and flags as numbers, `case` among them. Raises NotLowerableError when Python refuses them."""
    flags = call.get("flags", 0)
    if not isinstance(pattern, str) or isinstance(flags, bool) or not isinstance(flags, int):
        raise NotLowerableError("a pattern must be a text, and its flags a whole number")
    flags |= re.IGNORECASE if call.get("case") is False else 0
    regex.compile_python(pattern, flags)
    return pattern, int(flags)


def _replaced(call: Call, column: Symbolic) -> Symbolic:
    call.only("pat", "repl", "n", "case", "flags", "regex")
    require_string(column)
    pattern, new_text, n = call.get("pat"), call.get("repl"), call.get("n", -1)
    whole = isinstance(n, int) and not isinstance(n, bool)
    if not isinstance(pattern, str) or not isinstance(new_text, str) or not whole:
        raise NotLowerableError("a pattern and its replacement must be texts, and their number a whole one")
    if not (call.get("regex") or call.get("flags") or call.get("case") is False):
        return custom(call.b, ops.REPLACE, column, old=pattern, new=new_text, count=n)[0]
    pattern, flags = _python_pattern(call, pattern if call.get("regex") else re.escape(pattern))
    _require_template(pattern, flags, new_text)
    return custom(call.b, ops.REGEX_REPLACE, column, pattern=pattern, flags=flags, replacement=new_text, count=max(n, 0))[0]


def _require_template(pattern: str, flags: int, replacement: str) -> None:
    """A replacement that names a group which is not there fails at the first match, in a row; it is refused now."""
    parse = importlib.import_module("re._parser").parse_template
    try:
        parse(replacement, re.compile(pattern, flags))
    except (re.error, IndexError, OverflowError, RecursionError) as error:
        raise NotLowerableError(f"{replacement!r} is no replacement for the pattern {pattern!r}: {error}") from None


def _counted(call: Call, column: Symbolic) -> Symbolic:
    call.only("pat", "flags")
    require_string(column)
    pattern, flags = _python_pattern(call, call.get("pat"))
    return custom(call.b, ops.REGEX_COUNT, column, pattern=pattern, flags=flags)[0]


def extracted(core: Several) -> Several:
    """str.extract; with what RE2 lacks, one Python operator a group."""

    def step(call: Call, column: Symbolic) -> list[Symbolic]:
        try:
            return core(call, column)
        except NotLowerableError as error:
            call.only("pat", "flags", "expand")
            require_string(column)
            try:
                pattern, flags = _python_pattern(call, call.get("pat"))
            except NotLowerableError:
                raise error from None
            groups = range(1, re.compile(pattern, flags).groups + 1)
            if not groups:
                raise NotLowerableError(f"the pattern {pattern!r} has no group to extract; put () around one") from None
            return [custom(call.b, ops.REGEX_GROUP, column, pattern=pattern, flags=flags, group=group)[0] for group in groups]

    return step


_WRAPPING: Final = ("expand_tabs", "replace_whitespace", "drop_whitespace", "break_long_words", "break_on_hyphens")


def _wrapped(call: Call, column: Symbolic) -> Symbolic:
    call.only("width", *_WRAPPING)
    require_string(column)
    width = call.get("width")
    if isinstance(width, bool) or not isinstance(width, int) or width < 1:
        raise NotLowerableError(f"argument 'width' must be a whole number from 1 on; got {describe(width)}")
    options = {name: bool(call.get(name)) for name in _WRAPPING if call.get(name) is not None}
    return custom(call.b, ops.WRAP, column, width=width, options=options)[0]


# ---- what is registered -------------------------------------------------------------------------------------------------


def or_python(name: str, core: Lower) -> Lower:
    """The lowering `core`; where it is refused, a Python operator if that has an exact form."""
    step = FALLBACKS.get(name)
    if step is None:
        return core

    def lower(call: Call) -> list[Symbolic]:
        checks = len(call.b.checks)
        try:
            return core(call)
        except NotLowerableError as error:
            del call.b.checks[checks:]
            try:
                return one_by_one(call, lambda column: step(call, column))
            except RtmlError as other:
                if isinstance(other.__cause__, BetterReason):
                    raise other from None
                raise error from None

    return lower


#: methods that only a Python operator says exactly
PYTHON_METHODS: Final[Mapping[str, Lower]] = {
    "str.title": _texts(ops.TITLE),
    "str.capitalize": _texts(ops.CAPITALIZE),
    "str.swapcase": _texts(ops.SWAPCASE),
    "str.casefold": _texts(ops.CASEFOLD),
    "str.normalize": _texts(ops.NORMALIZE, "form", arguments=_form),
    "str.wrap": lambda call: one_by_one(call, lambda column: _wrapped(call, column)),
    "dt.strftime": lambda call: one_by_one(call, lambda column: _strftime(call, column)),
}
#: methods with a core form for most arguments -> a Python operator for the others
FALLBACKS: Final[Mapping[str, Step]] = {
    "str.contains": _searched("search"),
    "str.match": _searched("match"),
    "str.fullmatch": _searched("fullmatch"),
    "str.replace": _replaced,
    "str.count": _counted,
    "to_datetime": _read_datetime,
}
