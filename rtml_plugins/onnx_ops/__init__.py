"""Models that exist as ONNX files: kept in a local store, scored as nodes, inlined into what is compiled."""

from __future__ import annotations

from collections.abc import Sequence

from rtml_core import Operator, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """ONNXNode, ModelUpload."""
    from rtml_plugins.onnx_ops.model_upload import ModelUpload
    from rtml_plugins.onnx_ops.onnx_node import ONNXNode

    return [ONNXNode, ModelUpload]
