"""The Pandas operator: any method or function of pandas as a node; what is row-wise compiles."""

from __future__ import annotations

from rtml_core import CustomOp, Operator, hookimpl
from rtml_plugins.pandas_ops.node import Pandas
from rtml_plugins.pandas_ops.python_ops import CUSTOM_OPS

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> list[type[Operator]]:
    """Operators of this plugin."""
    return [Pandas]


@hookimpl
def rtml_custom_ops() -> list[CustomOp]:
    """Python operators of the methods that ONNX can't say."""
    return CUSTOM_OPS
