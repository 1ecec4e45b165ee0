"""One root error. Every message says what went wrong, where, and what cures it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec


class RtmlError(Exception):
    """Root of all errors that rtml raises on purpose; its text is meant for a user."""


class UnknownNameError(RtmlError):
    """A name (operator, column, parameter, node, plugin) that does not exist."""


class ParamError(RtmlError):
    """A parameter of an operator is missing, unknown or of the wrong kind."""


class ColumnError(RtmlError):
    """A column is missing, or has a dtype that the operation can't take."""


class GraphError(RtmlError):
    """The graph is not a connected acyclic graph of nodes."""


class DslError(GraphError):
    """A DSL document can't be read."""


class NotFittedError(RtmlError):
    """An operator that learns was used before `fit`."""


class ExecutionError(RtmlError):
    """A node failed while the graph ran eagerly; the cause is chained."""


class NotLowerableError(RtmlError):
    """A node has no exact ONNX form here. Carries the reason; the compiler adds the node."""


class CompileError(RtmlError):
    """The graph could not be compiled; names the node."""


class ParityError(RtmlError):
    """Authored and compiled differ; names the first node, column and row.

    rows: what both forms answered to the rows that deviate most (rtml_core.parity_compare.ComparedRow), the worst first; () where
    one of them does not answer.
    """

    def __init__(self, *args: object, rows: Sequence[Any] = ()):
        super().__init__(*args)
        self.rows = tuple(rows)


class PackageError(RtmlError):
    """A .rtml file was refused; says why."""


class PluginError(RtmlError):
    """A plugin could not be loaded or registered."""


class ConfigError(RtmlError):
    """A setting, in the file of settings or the environment, is missing, unknown or of the wrong kind."""


class CustomOpError(RtmlError):
    """A custom operator failed while rows were scored; names the operator and what it did."""


class RtmlDeprecationWarning(DeprecationWarning):
    """Something of rtml that a plugin uses goes with the next plugin API; says since when, and what to use instead."""


class InputProblem(msgspec.Struct, frozen=True):
    """One thing that is wrong with one input row.

    `at` is a JSON pointer to the field ("/age", "/3/age" in a batch), `expected` and `got` are words for people.
    """

    at: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.at}: expected {self.expected}, got {self.got}"


class InputError(RtmlError):
    """Rows to score do not fit the signature of the package."""

    def __init__(self, problems: Sequence[InputProblem]):
        self.problems = tuple(problems)
        shown = "; ".join(str(problem) for problem in self.problems[:5])
        more = len(self.problems) - 5
        super().__init__(shown + (f"; and {more} more" if more > 0 else ""))


class JsonError(InputError):
    """A text that should be JSON is none, or JSON that nobody can read without risk."""


def close_match(name: str, known: Iterable[str]) -> str:
    """' Did you mean X?' when one of the known names is close to `name`, else ''."""
    import difflib  # errors are rare, and every command starts with this module

    matches = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" Did you mean '{matches[0]}'?" if matches else ""


def listing(names: Iterable[str], limit: int = 20) -> str:
    """Names joined by commas, cut after `limit` with a count of the rest."""
    items = list(names)
    tail = f", ... ({len(items) - limit} more)" if len(items) > limit else ""
    return (", ".join(items[:limit]) + tail) if items else "none"


def said(error: BaseException, limit: int = 1000) -> str:
    """Class and text of an exception of a stranger's code, for an error message; never raises.

    Half characters, which nothing can print or send, are escaped, and an endless text is cut.
    """
    try:
        text = str(error).encode(errors="backslashreplace").decode()
    except Exception:  # a stranger's exception may do anything
        text = "(its text can't be read)"
    text = text if len(text) <= limit else f"{text[:limit]}... ({len(text):,} characters)"
    return f"{type(error).__name__}: {text}"


def describe(value: Any, limit: int = 60) -> str:
    """A short repr for an error message; never raises."""
    try:
        text = repr(value)
    except Exception as error:  # a user's broken __repr__ must not hide the real error
        text = f"<{type(value).__name__}, whose repr fails: {type(error).__name__}>"
    return text if len(text) <= limit else text[: limit - 3] + "..."
