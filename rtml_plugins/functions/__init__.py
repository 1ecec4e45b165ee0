"""Python functions, read from their source and compiled branch by branch."""

from __future__ import annotations

from collections.abc import Sequence

from rtml_core import Operator, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """Function."""
    from rtml_plugins.functions.operator import Function

    return [Function]
