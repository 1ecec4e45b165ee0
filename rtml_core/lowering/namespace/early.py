"""Refusals of the compiled form, told when a formula runs on arrays: a pattern or a slice without an exact form, say.

Whether a function of texts or times compiles depends on its constants; so it is tried on a column that leads nowhere.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.namespace.values import Value

_TRIED: Final = ("strings.", "dates.")
_LEFT_OUT: Final = ("strings.concat",)


def refuse_early(name: str, arguments: dict[str, Any]) -> None:
    """Raise NotLowerableError where the function would raise it when traced, with these constants."""
    if not name.startswith(_TRIED) or name in _LEFT_OUT:
        return
    columns = tuple((key, value.dtype) for key, value in arguments.items() if isinstance(value, Value))
    constants = tuple(
        (key, tuple(value) if isinstance(value, list) else value)
        for key, value in arguments.items()
        if not isinstance(value, Value)
    )
    refusal = _refusal(name, columns, constants)
    if refusal:
        raise NotLowerableError(refusal)


@lru_cache(maxsize=1024)
def _refusal(name: str, columns: tuple[tuple[str, str], ...], constants: tuple[tuple[str, Any], ...]) -> str:
    from rtml_core.columns import carrier_of
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.namespace.lowered_functions import FUNCTIONS
    from rtml_core.lowering.symbolic import new
    from rtml_core.lowering.traced import Traced, Tracer

    b = Builder()
    tracer = Tracer(b)
    given: dict[str, Any] = dict(constants)
    for key, dtype in columns:
        given[key] = Traced.of(tracer, new(dtype, b.input(key, carrier_of(dtype, False), 1)))
    try:
        FUNCTIONS[name](tracer, **given)
    except NotLowerableError as error:
        return str(error)
    return ""
