"""The hub: keeps packages, services, versions, traffic, keys and edges, and tells edges what to serve."""

from rtml_core import hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_commands() -> dict[str, str]:
    """The command that runs a hub."""
    return {
        "hub": "rtml_plugins.hub.cli:hub|Run a hub: keep packages and services, tell edges what to serve.",
    }
