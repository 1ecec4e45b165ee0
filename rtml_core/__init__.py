"""rtml: author a real-time model in pandas and scikit-learn, compile all of it into one ONNX package, score it.

Everything here is imported on first use, so that `import rtml_core` costs nothing and the runtime never loads the
authoring side.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_WHERE = {
    "Operator": "rtml_core.operator",
    "DataMsg": "rtml_core.operator",
    "Params": "rtml_core.params",
    "doc": "rtml_core.params",
    "Secret": "rtml_core.params",
    "settings": "rtml_core.plugin_settings",
    "Graph": "rtml_core.graph",
    "hookimpl": "rtml_core.hookspecs",
    "CustomOp": "rtml_core.custom_ops",
    "Column": "rtml_core.columns",
    "Schema": "rtml_core.columns",
    "Runtime": "rtml_core.runtime",
    "Client": "rtml_core.client",
    "AsyncClient": "rtml_core.client",
    "RtmlError": "rtml_core.errors",
    "NotLowerableError": "rtml_core.errors",
    "compile_graph": "rtml_core.compiler",
    "operators": "rtml_core.operators",
    "profile_stores": "rtml_core.brought",
}

__all__ = [
    "AsyncClient",
    "Client",
    "Column",
    "CustomOp",
    "DataMsg",
    "Graph",
    "NotLowerableError",
    "Operator",
    "Params",
    "RtmlError",
    "Runtime",
    "Schema",
    "Secret",
    "__version__",
    "compile_graph",
    "doc",
    "hookimpl",
    "operators",
    "profile_stores",
    "settings",
]

if TYPE_CHECKING:
    from rtml_core import operators
    from rtml_core.brought import profile_stores
    from rtml_core.client import AsyncClient, Client
    from rtml_core.columns import Column, Schema
    from rtml_core.compiler import compile_graph
    from rtml_core.custom_ops import CustomOp
    from rtml_core.errors import NotLowerableError, RtmlError
    from rtml_core.graph import Graph
    from rtml_core.hookspecs import hookimpl
    from rtml_core.operator import DataMsg, Operator
    from rtml_core.params import Params, Secret, doc
    from rtml_core.plugin_settings import settings
    from rtml_core.runtime import Runtime


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'rtml_core' has no attribute {name!r}")
    module = importlib.import_module(_WHERE[name])
    return module if name == "operators" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted(__all__)
