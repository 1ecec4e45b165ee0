"""Quick readers of single fields, for the paths and values that most events have.

A quick reader gives the very value that the slow way of plan.Reader gives, or raises anything: then the document is read the slow
way, which decides. So these know nothing of messages, and need not know every case. Light: edges load it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rtml_plugins.xdm.paths import EVERY, PatternStep

Read = Callable[[Any], Any]


def plain(steps: Sequence[PatternStep], convert: Read, missing: Callable[[], Any]) -> Read | None:
    """A reader of the one value at a path of keys with at most one index; None for other paths.

    convert: a value that is there to that of the field. missing: the value where nothing is, or raises.
    """
    indexes = [at for at, step in enumerate(steps) if not isinstance(step, str)]
    if not indexes:
        get = chain(steps)

        def read(document: Any) -> Any:
            value = get(document)
            return missing() if value is None else convert(value)

        return read
    if len(indexes) > 1 or steps[indexes[0]] is EVERY:
        return None
    index: Any = steps[indexes[0]]
    above, below = chain(steps[: indexes[0]]), chain(steps[indexes[0] + 1 :])

    def read_element(document: Any) -> Any:
        elements = above(document)
        if elements.__class__ is list:
            value = below(elements[index]) if -len(elements) <= index < len(elements) else None
        elif elements is None:
            value = None
        else:
            raise TypeError
        return missing() if value is None else convert(value)

    return read_element


def several(steps: Sequence[PatternStep]) -> Read | None:
    """A reader of the list of values that something is taken of, for paths of keys with at most one [*]; None for other paths."""
    others = [at for at, step in enumerate(steps) if not isinstance(step, str)]
    if not others:
        get = chain(steps)

        def elements(document: Any) -> list[Any]:
            value = get(document)
            if value.__class__ is list:
                return [inner for inner in value if inner is not None] if None in value else value
            return [] if value is None else [value]

        return elements
    if len(others) > 1 or steps[others[0]] is not EVERY:
        return None
    above, below = chain(steps[: others[0]]), chain(steps[others[0] + 1 :])

    def values(document: Any) -> list[Any]:
        outer = above(document)
        if outer is None:
            return []
        if outer.__class__ is not list:
            outer = outer.values()  # of a dict; whatever else raises
        return [inner for one in outer if (inner := below(one)) is not None]

    return values


def chain(keys: Sequence[PatternStep]) -> Read:
    """What is below a value at some keys, None where nothing is; raises AttributeError where something is no object."""
    if not keys:
        return lambda value: value
    if len(keys) == 1:
        (only,) = keys
        return lambda value: None if value is None else value.get(only)
    if len(keys) == 2:
        one, two = keys

        def second(value: Any) -> Any:
            if value is not None:
                value = value.get(one)
                if value is not None:
                    return value.get(two)
            return None

        return second
    if len(keys) == 3:
        one, two, three = keys

        def third(value: Any) -> Any:
            if value is not None:
                value = value.get(one)
                if value is not None:
                    value = value.get(two)
                    if value is not None:
                        return value.get(three)
            return None

        return third
    above, below = chain(keys[:3]), chain(keys[3:])
    return lambda value: below(above(value))
