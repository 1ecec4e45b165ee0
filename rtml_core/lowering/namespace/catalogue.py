"""The functions of the namespace: names, parameters, one line on each, and examples, which are its parity tests as well.

A parameter is written "name:kind" or "name:kind=default", with a * for any number of them. A kind is what a column may be
(NUMBER, ...: a constant may stand for it), or what a constant must be (CONSTANTS).
"""

from __future__ import annotations

import difflib
import inspect
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from rtml_core.lowering.namespace.names_of_numbers import ALIASES as _ALIASES
from rtml_core.lowering.namespace.names_of_numbers import NUMBERS
from rtml_core.lowering.namespace.names_of_texts import TEXTS, TIMES
from rtml_core.lowering.namespace.names_refused import REFUSED

_NUMERIC: Final = ("float64", "float32", "int64", "bool")
#: kind of a column -> dtypes that it may have, and words for them
COLUMNS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "number": (_NUMERIC, "numbers and booleans"),
    "whole": (("int64", "bool"), "whole numbers and booleans"),
    "term": ((*_NUMERIC, "timestamp", "timedelta", "string"), "numbers, times and texts"),
    "factor": ((*_NUMERIC, "timedelta"), "numbers and timedeltas"),
    "condition": (_NUMERIC, "booleans (or numbers, which are true unless 0)"),
    "text": (("string",), "texts"),
    "time": (("timestamp",), "timestamps"),
    "span": (("timedelta",), "timedeltas"),
    "instant": (("timestamp", "timedelta"), "timestamps and timedeltas"),
    "any": ((*_NUMERIC, "string", "timestamp", "timedelta"), "any column"),
}
#: kind of a constant -> its types, and words for it
CONSTANTS: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "int": ((int,), "a whole number"),
    "real": ((int, float), "a number"),
    "str": ((str,), "a text"),
    "words": ((str, list, tuple), "a text or a list of them"),
    "list": ((list, tuple), "a list of constants"),
    "set": ((list, tuple, set, frozenset), "a list of constants"),
    "dict": ((dict,), "a dict of constants"),
    "flag": ((bool,), "True or False"),
    "object": ((object,), "anything"),
}
CONSTANT_NAMES: Final = ("pi", "e", "nan", "inf")
GROUPS: Final = {"": NUMBERS, "strings.": TEXTS, "dates.": TIMES}


@dataclass(frozen=True)
class Parameter:
    """One parameter; `default` is inspect's empty where there is none."""

    name: str
    kind: str
    many: bool = False
    default: Any = inspect.Parameter.empty

    @property
    def is_constant(self) -> bool:
        return self.kind in CONSTANTS


@dataclass(frozen=True)
class Function:
    """A function of the namespace. `exact`: eager and compiled are equal bit by bit."""

    name: str
    parameters: tuple[Parameter, ...]
    doc: str
    examples: tuple[str, ...]
    exact: bool

    @cached_property
    def signature(self) -> inspect.Signature:
        """For binding, and for the reference page."""
        made: list[inspect.Parameter] = []
        word: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
        if any(p.name.startswith("**") for p in self.parameters):  # an argument may have the name of a parameter
            word = inspect.Parameter.POSITIONAL_ONLY
        for p in self.parameters:
            if p.name.startswith("**"):
                made.append(inspect.Parameter(p.name[2:], inspect.Parameter.VAR_KEYWORD))
            elif p.many:
                made.append(inspect.Parameter(p.name, inspect.Parameter.VAR_POSITIONAL))
                word = inspect.Parameter.KEYWORD_ONLY
            else:
                made.append(inspect.Parameter(p.name, word, default=p.default))
        return inspect.Signature(made)


def _parameter(text: str) -> Parameter:
    name, _, kind = text.partition(":")
    kind, _, default = kind.partition("=")
    many = name.startswith("*") and not name.startswith("**")
    shown = name.removeprefix("*") if many else name
    if not default:
        return Parameter(shown, kind, many)
    import ast

    return Parameter(shown, kind, many, ast.literal_eval(default))


def _functions() -> dict[str, Function]:
    made = {}
    for prefix, rows in GROUPS.items():
        for name, parameters, doc, examples, *more in rows:
            split = tuple(map(_parameter, parameters.split(", ")))
            written = tuple(item.strip() for item in examples.split(";"))
            made[prefix + name] = Function(prefix + name, split, doc, written, "near" not in more)
    return made


FUNCTIONS: Final[dict[str, Function]] = _functions()
#: other names, numpy's or the standard's -> the name in FUNCTIONS
ALIASES: Final[dict[str, str]] = dict(_ALIASES)


def unknown_function(name: str) -> tuple[bool, str]:
    """Whether the namespace has a function of that name, and a sentence on it when it has not, with the closest."""
    if ALIASES.get(name, name) in FUNCTIONS:
        return True, ""
    start = f"xp.{name} is not in the array namespace of formulas"
    if name in REFUSED:
        return False, f"{start}: {REFUSED[name]}"
    last = name.rpartition(".")[2]
    for prefix in GROUPS:
        if prefix + last in FUNCTIONS:
            return False, f"{start}; there is xp.{prefix}{last}"
    close = difflib.get_close_matches(name, [*FUNCTIONS, *ALIASES], n=1, cutoff=0.6)
    group = name.rpartition(".")[0]
    prefix = f"{group}." if f"{group}." in GROUPS else ""
    has = ", ".join(row[0] for row in GROUPS[prefix])
    near = f" Did you mean 'xp.{close[0]}'?" if close else ""
    return False, f"{start}.{near} {'xp.' + group if prefix else 'It'} has: {has}"
