"""scikit-learn as operators: ScikitLearn (any estimator, transformer or pipeline) and Split.

Plugins of third parties teach it estimators of other packages through the hook rtml_converters; what their converters need
is in `rtml_plugins.sklearn_ops.converting`.
"""

from __future__ import annotations

from rtml_core import hookimpl
from rtml_plugins.sklearn_ops.scikit import ScikitLearn
from rtml_plugins.sklearn_ops.split import Split

__all__ = ["ScikitLearn", "Split", "rtml_operators"]

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> list[type]:
    """The operators of this plugin."""
    return [ScikitLearn, Split]
