"""One machine, one command: a hub and an edge for each region."""

from rtml_core import hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_commands() -> dict[str, str]:
    """The command that starts everything on one machine."""
    return {"up": "rtml_plugins.up.cli:up|Run a hub and an edge for each region on this machine."}
