"""The operations of FieldTrans, read from JSON: what each does to the list of fields, on frames and on symbolic columns.

Names are handled once, for both: a step is a function on an ordered mapping of name and column; only what looks at values
(cast, default, require) has two forms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, ParamError, RtmlError, close_match, describe, listing
from rtml_plugins.fields import casts

T = TypeVar("T")
#: the operations, in the order in which the parameters of the same names are applied
KINDS: Final = ("copy", "rename", "cast", "default", "require", "drop", "keep", "move")
_BESIDE: Final[Mapping[str, tuple[str, ...]]] = {"cast": ("failed",), "move": ("to",)}


@dataclass(frozen=True)
class Step:
    """`kind` is one of KINDS; `given` its checked argument; `extra` what stands beside it."""

    number: int
    kind: str
    given: Any
    extra: Any = None

    @property
    def place(self) -> str:
        """How an error names the step."""
        return f"operation {self.number} ({self.kind})"


def read(ops: Sequence[Any]) -> list[Step]:
    """The steps of a list of operations; raises ParamError that names the operation, counted from 1."""
    steps = []
    for number, given in enumerate(ops, start=1):
        try:
            kind = _kind(given)
            steps.append(Step(number, kind, *_READERS[kind](given[kind], given)))
        except RtmlError as error:
            raise ParamError(f"operation {number}: {error}") from None
    return steps


def _kind(given: Any) -> str:
    kinds = [key for key in given if key in KINDS] if isinstance(given, Mapping) else []
    if len(kinds) != 1:
        hint = close_match(str(next(iter(given))), KINDS) if isinstance(given, Mapping) and given else ""
        raise ParamError(
            f'must be an object with one of {listing(KINDS)}, e.g. {{"rename": {{"old": "new"}}}}; got {describe(given)}.{hint}'
        )
    kind: str = kinds[0]
    for key in given:
        if key != kind and key not in _BESIDE.get(kind, ()):
            raise ParamError(f"'{key}' does not go with '{kind}'.{close_match(str(key), (*_BESIDE.get(kind, ()), *KINDS))}")
    return kind


def names(given: Any, what: str) -> tuple[str, ...]:
    """A field name or a list of them as names; raises ParamError."""
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, (list, tuple)) or not found or not all(isinstance(name, str) and name for name in found):
        raise ParamError(f"'{what}' must be a field name or a list of them; got {describe(given)}")
    twice = next((name for name in found if list(found).count(name) > 1), None)
    if twice is not None:
        raise ParamError(f"'{what}' must name each field once; got '{twice}' twice")
    return tuple(found)


def _listed(kind: str) -> Callable[[Any, Any], tuple[Any]]:
    return lambda given, _: (names(given, kind),)


def _pairs(kind: str) -> Callable[[Any, Any], tuple[Any]]:
    def read_pairs(given: Any, _: Any) -> tuple[Any]:
        plain = isinstance(given, Mapping) and given and all(isinstance(n, str) and n for n in (*given, *given.values()))
        if not plain:
            raise ParamError(f"'{kind}' must be an object of field names and new names; got {describe(given)}")
        targets = list(given.values())
        twice = next((name for name in targets if targets.count(name) > 1), None)
        if twice is not None:
            raise ParamError(f"'{kind}' gives the name '{twice}' to two fields")
        return (dict(given),)

    return read_pairs


def _default(given: Any, _: Any) -> tuple[Any]:
    from rtml_plugins.encoders.fill_missing import FillMissing

    if not isinstance(given, Mapping) or not given:
        raise ParamError(f"'default' must be an object of fields and values; got {describe(given)}")
    try:
        return (FillMissing(cols=list(given), strategy="constant", value=dict(given)),)
    except ParamError as error:
        raise ParamError(f"'default': {str(error).removeprefix('FillMissing: ')}") from None


def _move(given: Any, whole: Mapping[str, Any]) -> tuple[Any, Any]:
    to = whole.get("to", "first")
    beside = to.get("before", to.get("after")) if isinstance(to, Mapping) and len(to) == 1 else None
    if to not in ("first", "last") and not isinstance(beside, str):
        raise ParamError(f'\'to\' must be "first", "last", {{"before": field}} or {{"after": field}}; got {describe(to)}')
    moved = names(given, "move")
    if beside in moved:
        raise ParamError(f"'to' must name a field that is not moved itself; got '{beside}'")
    return moved, to


_READERS: Final[Mapping[str, Any]] = {
    "copy": _pairs("copy"),
    "rename": _pairs("rename"),
    "cast": lambda given, whole: (casts.read(given, whole.get("failed", "refuse")),),
    "default": _default,
    "require": _listed("require"),
    "drop": _listed("drop"),
    "keep": _listed("keep"),
    "move": _move,
}


# ---- names ----------------------------------------------------------------------------------------------------------------


def touched(step: Step) -> list[str]:
    """The fields that a step is about."""
    if step.kind == "cast":
        return [cast.field for cast in step.given]
    if step.kind == "default":
        return list(step.given.params.columns)
    found = list(step.given)
    return [*found, *step.extra.values()] if isinstance(step.extra, Mapping) else found


def require(step: Step, known: Sequence[str]) -> None:
    """Raise ColumnError, with the closest name, unless the fields of a step are there."""
    for name in touched(step):
        if name not in known:
            raise ColumnError(missing_column(name, known))


def rearranged(step: Step, columns: Mapping[str, T]) -> dict[str, T]:
    """The columns after a step that looks at no value: copy, rename, drop, keep, move."""
    if step.kind == "drop":
        return {name: column for name, column in columns.items() if name not in step.given}
    if step.kind == "keep":
        return {name: columns[name] for name in step.given}
    if step.kind == "copy":
        _free(step.given.values(), columns)
        return {**columns, **{new: columns[old] for old, new in step.given.items()}}
    if step.kind == "rename":
        _free(step.given.values(), [name for name in columns if name not in step.given])
        return {step.given.get(name, name): column for name, column in columns.items()}
    return _moved(step, columns)


def _free(wanted: Any, taken: Any) -> None:
    for name in wanted:
        if name in taken:
            raise ColumnError(f"Column '{name}' is there already; drop it first, or choose another name")


def _moved(step: Step, columns: Mapping[str, T]) -> dict[str, T]:
    rest = [name for name in columns if name not in step.given]
    if step.extra == "first":
        at = 0
    elif step.extra == "last":
        at = len(rest)
    else:
        ((side, beside),) = step.extra.items()
        at = rest.index(beside) + (side == "after")
    return {name: columns[name] for name in (*rest[:at], *step.given, *rest[at:])}
