"""The edge: pulls what its region serves and scores it over HTTP and gRPC, close to the page."""

from rtml_core import hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_commands() -> dict[str, str]:
    """The command that runs an edge."""
    return {"edge": "rtml_plugins.edge.cli:edge|Run an edge: score the services of a region over HTTP."}
