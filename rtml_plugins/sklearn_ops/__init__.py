"""scikit-learn as operators: ScikitLearn (any estimator, transformer or pipeline) and Split.

For plugins of third parties: `allow_package` lets estimators of another package be named and kept, `register_converter`
teaches how one of them becomes ONNX.
"""

from __future__ import annotations

from typing import Any

from rtml_core import hookimpl
from rtml_plugins.sklearn_ops.scikit import ScikitLearn
from rtml_plugins.sklearn_ops.split import Split

__all__ = ["ScikitLearn", "Split", "allow_package", "register_converter", "rtml_operators"]


@hookimpl
def rtml_operators() -> list[type]:
    """The operators of this plugin."""
    return [ScikitLearn, Split]


def allow_package(name: str) -> None:
    """Let estimators of the top-level package `name` be named in graphs and kept as fitted state."""
    from rtml_plugins.sklearn_ops.state_objects import allow_package as allow

    allow(name)


def register_converter(estimator: type | str, converter: Any, *, replace: bool = False) -> None:
    """Teach how estimators of exactly this class become ONNX; see convert.registry."""
    from rtml_plugins.sklearn_ops.convert.registry import register_converter as register

    register(estimator, converter, replace=replace)
