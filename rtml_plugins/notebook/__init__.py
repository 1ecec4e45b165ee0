"""The plugin of notebooks: `rtml notebook`, the templates, and what `%load_ext rtml` brings."""

from __future__ import annotations

from rtml_core import hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_commands() -> dict[str, str]:
    """`rtml notebook`."""
    return {"notebook": "rtml_plugins.notebook.cli:notebook|Start JupyterLab with a running hub and edge and a template."}
