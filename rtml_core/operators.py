"""Operators as attributes: `from rtml_core import operators as op; op.Pandas(...)`. All of them come from plugins."""

from __future__ import annotations

from typing import Any

from rtml_core.errors import UnknownNameError


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(name)
    from rtml_core.plugins import plugins

    try:
        return plugins().registry[name]
    except UnknownNameError as error:
        raise AttributeError(f"{error}.{plugins().broken_bringing()}") from None


def __dir__() -> list[str]:
    from rtml_core.plugins import registry

    return list(registry())
