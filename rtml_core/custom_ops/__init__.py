"""Custom ONNX operators: declaring them, and running those with a Python body without ever taking the process down.

Light: numpy is imported when a body runs, so that a plugin may declare its operators at discovery.
"""

from rtml_core.custom_ops.declaration import CustomOp

__all__ = ["CustomOp"]
