"""The Pandas operator: any method or function of pandas as a node; what is row-wise compiles."""

from __future__ import annotations

from rtml_core import Operator, hookimpl
from rtml_plugins.pandas_ops.node import Pandas

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> list[type[Operator]]:
    """Operators of this plugin."""
    return [Pandas]
