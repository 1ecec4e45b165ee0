"""Custom ONNX operators: declaring them, running their references, and running what a package needs of them safely.

Light: numpy is imported when a body runs, so that a plugin may declare its operators at discovery.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from rtml_core.custom_ops.declaration import CustomOp

if TYPE_CHECKING:
    from rtml_core.custom_ops.native import preferred
    from rtml_core.custom_ops.reference import apply

__all__ = ["CustomOp", "apply", "preferred"]

_WHERE = {"apply": "rtml_core.custom_ops.reference", "preferred": "rtml_core.custom_ops.native"}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'rtml_core.custom_ops' has no attribute {name!r}")
    return getattr(importlib.import_module(_WHERE[name]), name)
