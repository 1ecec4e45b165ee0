"""XDM: schemas, checked ingestion, and documents as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rtml_core import Operator, hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_operators() -> Sequence[type[Operator]]:
    """XDM2Frame, Frame2XDM."""
    from rtml_plugins.xdm.frame2xdm import Frame2XDM
    from rtml_plugins.xdm.xdm2frame import XDM2Frame

    return [XDM2Frame, Frame2XDM]


@hookimpl
def rtml_boundaries() -> Mapping[str, str]:
    """How they run where models are served."""
    return {"XDM2Frame": "rtml_plugins.xdm.boundary:xdm2frame", "Frame2XDM": "rtml_plugins.xdm.boundary:frame2xdm"}


@hookimpl
def rtml_commands() -> Mapping[str, Any]:
    """xdm, ingest, datasets."""
    return {
        "xdm": "rtml_plugins.xdm.schema_cli:xdm|List and show XDM schemas, and check documents against them.",
        "datasets": "rtml_plugins.xdm.datasets_cli:datasets|List, read, export and delete datasets of XDM records.",
    }
