"""Constants that a function closes over, as expressions of a tree, taken by value."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from rtml_core.lowering.functions.tree import Node

#: a dict that answers for missing keys (defaultdict, Counter) is none of them
_MAPPINGS: Final = (dict, OrderedDict, MappingProxyType)


def plain(value: Any) -> Any:
    """A numpy number or text as the Python one; any other value as it is."""
    if (
        type(value).__module__ == "numpy"
        and hasattr(value, "item")
        and getattr(value, "ndim", 0) == 0
        and value.dtype.kind in "biufU"
    ):
        return value.item()
    return value


def is_constant(value: Any, depth: int = 0) -> bool:
    """Whether a value is made of numbers, texts, True, False, None, and tuples, lists, sets and dicts of these."""
    value = plain(value)
    if isinstance(value, float) and math.isnan(value) and depth:
        return False  # `x in (nan,)` asks whether x is that very object
    if value is None or type(value) in (bool, int, float, str):
        return True
    if depth > 20:
        return False
    if type(value) in (tuple, list, set, frozenset):
        return all(is_constant(item, depth + 1) for item in value)
    if type(value) in _MAPPINGS:
        return all(is_constant(key, depth + 1) and is_constant(item, depth + 1) for key, item in value.items())
    return False


def literal(value: Any) -> Node:
    """The tree of a constant. A set is written in an order of its own, so that equal functions give equal documents."""
    value = plain(value)
    if isinstance(value, float) and not math.isfinite(value):
        return ["number", str(value)]
    if isinstance(value, (tuple, list)):
        return ["tuple" if isinstance(value, tuple) else "list", [literal(item) for item in value]]
    if isinstance(value, (set, frozenset)):
        return ["set", [literal(item) for item in sorted(value, key=lambda item: (type(item).__name__, repr(item)))]]
    if isinstance(value, Mapping):
        return ["dict", [[literal(key), literal(item)] for key, item in value.items()]]
    return ["const", value]
