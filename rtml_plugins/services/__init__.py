"""Commands for whoever publishes and uses services: publish, services, edges, predict."""

from rtml_core import hookimpl

rtml_plugin_api = 1


@hookimpl
def rtml_commands() -> dict[str, str]:
    """The commands that talk to a hub and to edges."""
    return {
        "publish": "rtml_plugins.services.publish:publish|Publish a package as a version of a service.",
        "services": "rtml_plugins.services.services:services|List, show and steer services.",
        "keys": "rtml_plugins.services.keys_cli:keys|Make, list, rotate and revoke API keys.",
        "edges": "rtml_plugins.services.edges:edges|List edges, what they serve and how they are.",
        "gallery": "rtml_plugins.services.gallery_cli:gallery|Look at services in the browser.",
        "ingest": "rtml_plugins.services.ingest:ingest|Take XDM records into a dataset, and into profiles.",
        "profile": "rtml_plugins.services.profile:profile|Look up, export and erase persons; set how they are merged.",
        "predict": "rtml_plugins.services.predict:predict|Score a row with a service.",
    }
