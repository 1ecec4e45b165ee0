"""What ships for the tests of operator authors: assertions, builders of frames and graphs, a registry of one's own.

Everything here is public: it stays as long as plugin API 1 does (docs/reference/testing). It is imported on first use, as
pytest imports this package at every start.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_WHERE = {
    "Cli": "rtml_core.testing.command_line",
    "CliResult": "rtml_core.testing.command_line",
    "IsolatedPlugins": "rtml_core.testing.isolation",
    "assert_custom_op": "rtml_core.testing.custom_ops",
    "assert_parity": "rtml_core.testing.parity",
    "assert_refuses": "rtml_core.testing.parity",
    "assert_row_wise": "rtml_core.testing.rows",
    "assert_schema": "rtml_core.testing.schemas",
    "build_graph": "rtml_core.testing.graphs",
    "compiled": "rtml_core.testing.graphs",
    "frame": "rtml_core.testing.frames",
    "isolated_plugins": "rtml_core.testing.isolation",
    "onnx_nodes": "rtml_core.running",
    "run_lowered": "rtml_core.running",
    "run_model": "rtml_core.running",
}

__all__ = [
    "Cli",
    "CliResult",
    "IsolatedPlugins",
    "assert_custom_op",
    "assert_parity",
    "assert_refuses",
    "assert_row_wise",
    "assert_schema",
    "build_graph",
    "compiled",
    "frame",
    "isolated_plugins",
    "onnx_nodes",
    "run_lowered",
    "run_model",
]

if TYPE_CHECKING:
    from rtml_core.running import onnx_nodes, run_lowered, run_model
    from rtml_core.testing.command_line import Cli, CliResult
    from rtml_core.testing.custom_ops import assert_custom_op
    from rtml_core.testing.frames import frame
    from rtml_core.testing.graphs import build_graph, compiled
    from rtml_core.testing.isolation import IsolatedPlugins, isolated_plugins
    from rtml_core.testing.parity import assert_parity, assert_refuses
    from rtml_core.testing.rows import assert_row_wise
    from rtml_core.testing.schemas import assert_schema


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'rtml_core.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
