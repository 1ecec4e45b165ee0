"""Methods of .str. What they mean is in rtml_core.lowering.strings and string_search; here their arguments are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from rtml_core.errors import NotLowerableError, describe
from rtml_core.lowering import string_parts as parts
from rtml_core.lowering import string_search as search
from rtml_core.lowering import strings
from rtml_core.lowering.symbolic import Symbolic
from rtml_plugins.pandas_ops.arguments import other_columns
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered.common import one_by_one

Lower = Callable[[Call], list[Symbolic]]
Step = Callable[[Call, Symbolic], Symbolic]


def _each(step: Step) -> Lower:
    """A lowering that goes column by column."""
    return lambda call: one_by_one(call, lambda column: step(call, column))


def _text(call: Call, argument: str) -> str:
    value = call.get(argument)
    if not isinstance(value, str):
        raise NotLowerableError(f"argument '{argument}' must be a text; got {describe(value)}")
    return value


def _whole(call: Call, argument: str, default: int | None = None) -> int | None:
    value = call.get(argument, default)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise NotLowerableError(f"argument '{argument}' must be a whole number; got {describe(value)}")
    return value


def _number(call: Call, argument: str) -> int:
    value = _whole(call, argument)
    if value is None:
        raise NotLowerableError(f"argument '{argument}' must be a whole number; got null")
    return value


def _missing_answer(call: Call) -> bool:
    """`na`: the answer for a missing text; pandas' default is False."""
    na = call.get("na")
    if na is not None and not isinstance(na, bool):
        raise NotLowerableError(f"argument 'na' must be true or false; got {describe(na)}")
    return bool(na)


def _strip(side: str) -> Step:
    def step(call: Call, column: Symbolic) -> Symbolic:
        characters = call.get("to_strip")
        return strings.strip(call.b, column, None if characters is None else _text(call, "to_strip"), side)

    return step


def _searched(find: Any, *, literal: bool) -> Step:
    """contains, match, fullmatch."""

    def step(call: Call, column: Symbolic) -> Symbolic:
        options = {"regex_": call.get("regex", True)} if literal else {}
        return find(  # type: ignore[no-any-return]
            call.b,
            column,
            _text(call, "pat"),
            case=call.get("case") is not False,
            flags=_whole(call, "flags", 0),
            na=_missing_answer(call),
            **options,
        )

    return step


def _affixed(find: Any) -> Step:
    """startswith, endswith: one text or several."""

    def step(call: Call, column: Symbolic) -> Symbolic:
        texts = call.get("pat")
        if not isinstance(texts, (list, tuple)):
            texts = [_text(call, "pat")]
        return find(call.b, column, texts, na=_missing_answer(call))  # type: ignore[no-any-return]

    return step


def _replace(call: Call, column: Symbolic) -> Symbolic:
    pat = call.get("pat")
    if isinstance(pat, dict) and call.get("repl") is not None:
        raise NotLowerableError("argument 'repl' must be left out where 'pat' is an object of texts and what takes their place")
    pairs = pat if isinstance(pat, dict) else {_text(call, "pat"): _text(call, "repl")}
    for text, repl in pairs.items():  # one after the other, as in pandas
        column = strings.replace(
            call.b,
            column,
            strings.plain(text),
            strings.plain(repl),
            n=_number(call, "n"),
            case=call.get("case"),
            flags=_whole(call, "flags", 0) or 0,
            regex_=bool(call.get("regex", False)),
        )
    return column


def _slice(call: Call, column: Symbolic) -> Symbolic:
    return strings.slice_(call.b, column, _whole(call, "start"), _whole(call, "stop"), _whole(call, "step"))


def _pad(side: str | None) -> Step:
    def step(call: Call, column: Symbolic) -> Symbolic:
        chosen = side or _text(call, "side")
        if chosen not in ("left", "right", "both"):
            raise NotLowerableError(f"argument 'side' must be left, right or both; got {describe(chosen)}")
        return strings.pad(call.b, column, _number(call, "width"), chosen, _text(call, "fillchar"))

    return step


def _affix_removed(argument: str, *, end: bool) -> Step:
    return lambda call, column: strings.remove_affix(call.b, column, _text(call, argument), end=end)


def _found(find: Any, *, last: bool) -> Step:
    """find, index and their kin from the right."""

    def step(call: Call, column: Symbolic) -> Symbolic:
        call.only("sub")
        return find(call.b, column, _text(call, "sub"), last=last)  # type: ignore[no-any-return]

    return step


def _joined(call: Call, column: Symbolic) -> Symbolic:
    """cat with other columns."""
    call.only("others", "sep", "na_rep")
    names = other_columns(call.get("others"), call.frame)
    if not names:
        raise NotLowerableError(
            "cannot run in real time: without 'others' it joins all rows of the column. Name the other columns"
        )
    na_rep = None if call.get("na_rep") is None else _text(call, "na_rep")
    separator = "" if call.get("sep") is None else _text(call, "sep")
    return strings.concat(call.b, [column, *(call.frame[name] for name in names)], separator, na_rep=na_rep)


def _translated(call: Call, column: Symbolic) -> Symbolic:
    table = call.get("table")
    if not isinstance(table, dict):
        raise NotLowerableError(
            f"argument 'table' must be an object of characters, as str.maketrans gives; got {describe(table)}"
        )
    return parts.translate(call.b, column, table)


def _repeated(call: Call, column: Symbolic) -> Symbolic:
    return parts.repeat(call.b, column, _number(call, "repeats"))


def _slice_replaced(call: Call, column: Symbolic) -> Symbolic:
    repl = "" if call.get("repl") is None else _text(call, "repl")
    return parts.slice_replace(call.b, column, _whole(call, "start"), _whole(call, "stop"), repl)


def _cased(method: str) -> Step:
    return lambda call, column: search.is_cased(call.b, column, method)


def _all_of(method: str) -> Step:
    return lambda call, column: search.is_all(call.b, column, method)


_STEPS: Final[Mapping[str, Step]] = {
    "lower": lambda call, column: strings.lower(call.b, column),
    "upper": lambda call, column: strings.upper(call.b, column),
    "len": lambda call, column: strings.length(call.b, column),
    "strip": _strip("both"),
    "lstrip": _strip("left"),
    "rstrip": _strip("right"),
    "contains": _searched(search.contains, literal=True),
    "match": _searched(search.match, literal=False),
    "fullmatch": _searched(search.fullmatch, literal=False),
    "startswith": _affixed(search.startswith),
    "endswith": _affixed(search.endswith),
    "replace": _replace,
    "slice": _slice,
    "get": lambda call, column: strings.get(call.b, column, _number(call, "i")),
    "pad": _pad(None),
    "ljust": _pad("right"),
    "rjust": _pad("left"),
    "center": _pad("both"),
    "zfill": lambda call, column: strings.zfill(call.b, column, _number(call, "width")),
    "removeprefix": _affix_removed("prefix", end=False),
    "removesuffix": _affix_removed("suffix", end=True),
    **{name: _all_of(name) for name in ("isalnum", "isalpha", "isdecimal", "isdigit", "isnumeric", "isspace")},
    **{name: _cased(name) for name in ("islower", "isupper", "istitle", "isascii")},
    "count": lambda call, column: parts.count(call.b, column, _text(call, "pat"), _whole(call, "flags", 0) or 0),
    "find": _found(parts.find, last=False),
    "rfind": _found(parts.find, last=True),
    "index": _found(parts.index, last=False),
    "rindex": _found(parts.index, last=True),
    "repeat": _repeated,
    "slice_replace": _slice_replaced,
    "join": lambda call, column: parts.join(call.b, column, _text(call, "sep")),
    "translate": _translated,
    "cat": _joined,
}

TEXT_METHODS: Final[Mapping[str, Lower]] = {f"str.{name}": _each(step) for name, step in _STEPS.items()}


def partition(call: Call, column: Symbolic) -> list[Symbolic]:
    """partition and rpartition: three columns."""
    if call.get("expand") is not True:
        raise NotLowerableError("a tuple is no column; leave 'expand' out, and name three columns in 'into'")
    return parts.partition(call.b, column, _text(call, "sep"), last=call.name == "str.rpartition")


def extract(call: Call, column: Symbolic) -> list[Symbolic]:
    """extract: a column for each group of the pattern."""
    return parts.extract(call.b, column, _text(call, "pat"), _whole(call, "flags", 0) or 0)


def rsplit(call: Call, column: Symbolic) -> list[Symbolic]:
    """rsplit once: before the last separator, and behind it."""
    if call.get("expand") is not True or call.get("n") != 1 or len(call.node.params.target_names or ()) != 2:
        raise NotLowerableError(
            "set 'expand' to true and 'n' to 1, and name two columns in 'into'; other forms have no exact one"
        )
    return parts.rsplit_once(call.b, column, _text(call, "pat"))


def split(call: Call, column: Symbolic) -> list[Symbolic]:
    """str.split with expand: as many columns as `into` names, missing where a text has fewer parts."""
    call.only("pat", "n", "expand", "regex")
    names = call.node.params.target_names or ()
    limit = _whole(call, "n", -1)
    if not call.get("expand") or limit is None or limit + 1 != len(names) or limit < 1:
        raise NotLowerableError(
            "the number of parts would depend on the rows. Set 'expand' to true, 'n' to the number of splits, and name n + 1"
            " columns in 'into'"
        )
    separator = call.get("pat")
    return [
        strings.split_get(call.b, column, separator, position, n=limit, regex_=call.get("regex"))
        for position in range(len(names))
    ]
