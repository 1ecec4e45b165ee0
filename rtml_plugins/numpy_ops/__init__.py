"""NumPy: frames to arrays and back, ufuncs, columns by position."""

from __future__ import annotations

from collections.abc import Sequence

from rtml_core import Operator, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """NumpyArrays."""
    from rtml_plugins.numpy_ops.node import NumpyArrays

    return [NumpyArrays]
