"""Settings of plugins: declared by the hook rtml_settings, given in the file or the environment (see config)."""

from __future__ import annotations

from typing import Any

from rtml_core.errors import PluginError, describe
from rtml_core.params import Params


def check_class(cls: Any, origin: Any) -> None:
    """Raise PluginError unless a plugin's settings are a class of them; called at registration."""
    if not (isinstance(cls, type) and issubclass(cls, Params)):
        raise PluginError(f"rtml_settings of {origin} must return a subclass of rtml_core.Params; got {describe(cls)}")
