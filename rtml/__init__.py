"""rtml under one name, for notebooks and scripts: all of rtml_core, `record`, `connect`, and the IPython extension.

`import rtml` costs nothing: everything is imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import rtml_core
from rtml_core import __version__

_OWN = {
    "record": "rtml_plugins.recording",
    "connect": "rtml_plugins.up.embedded",
    "load_ipython_extension": "rtml_plugins.notebook.extension",
    "unload_ipython_extension": "rtml_plugins.notebook.extension",
}

__all__ = [
    "__version__",
    "connect",
    "load_ipython_extension",
    "record",
    "unload_ipython_extension",
    *(name for name in rtml_core.__all__ if name != "__version__"),
]

if TYPE_CHECKING:
    from rtml_core import *  # noqa: F403
    from rtml_plugins.notebook.extension import load_ipython_extension, unload_ipython_extension
    from rtml_plugins.recording import record
    from rtml_plugins.up.embedded import connect


def __getattr__(name: str) -> Any:
    if name in _OWN:
        return getattr(importlib.import_module(_OWN[name]), name)
    if name in rtml_core.__all__:
        return getattr(rtml_core, name)
    raise AttributeError(f"module 'rtml' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
