"""`rtml hub`: run a hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import click

from rtml_plugins.serving.sizes import Size

_EXAMPLE: Final = """\b
Example:
  rtml hub
  rtml hub --home hub --port 9000 --trust rtml-geo
  rtml keys create --home hub --scope admin --name me
  rtml hub --home hub --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
"""


def default_home() -> Path:
    """The folder when none is named: hub in $RTML_HOME, or in ~/.rtml."""
    home = os.environ.get("RTML_HOME")
    return (Path(home) if home else Path.home() / ".rtml") / "hub"


@click.command("hub", epilog=_EXAMPLE)
@click.option(
    "--home",
    metavar="DIR",
    type=click.Path(file_okay=False),
    help="Where everything is kept [default: hub in $RTML_HOME or ~/.rtml].",
)
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="Port to listen on; 0: a free one.")
@click.option(
    "--database",
    metavar="URL",
    envvar="RTML_HUB_DATABASE",
    show_envvar=True,
    help="A file, or postgresql://... [default: hub.db in the home].",
)
@click.option(
    "--store", metavar="URL", help="Where packages are kept: a folder, s3://..., gcs://... [default: packages in the home]."
)
@click.option(
    "--profiles",
    metavar="URL",
    envvar="RTML_HUB_PROFILES",
    show_envvar=True,
    help="Store of profiles, e.g. redis://... [default: profiles.db in the home's data].",
)
@click.option(
    "--keep-events",
    type=click.FloatRange(1, 36_500),
    metavar="DAYS",
    help="Drop events of profiles that are older, e.g. 395 [default: keep them].",
)
@click.option("--trust", multiple=True, metavar="DISTRIBUTION", help="Plugins whose operators packages may run (repeatable).")
@click.option("--cors", multiple=True, metavar="ORIGIN", help="Origin whose pages may call the hub, * for any (repeatable).")
@click.option("--tls-cert", metavar="FILE", help="Certificate with its chain, PEM.")
@click.option("--tls-key", metavar="FILE", help="Its private key, PEM in PKCS#8.")
@click.option(
    "--max-package",
    type=Size(1 << 10, 1 << 30, "256MB"),
    default="256MB",
    show_default=True,
    help="Largest package that is taken, e.g. 64MB; bytes without a unit.",
)
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True)
def hub(
    home: str | None,
    host: str,
    port: int,
    database: str | None,
    store: str | None,
    profiles: str | None,
    keep_events: float | None,
    trust: tuple[str, ...],
    cors: tuple[str, ...],
    tls_cert: str | None,
    tls_key: str | None,
    max_package: int,
    log_level: str,
) -> None:
    """Run a hub: keep packages and services, tell edges what to serve.

    On 127.0.0.1 it asks for no keys until the first one is made; on another address it starts only when there is a key of scope
    admin. Ctrl-C finishes what is in flight and stops.
    """
    from rtml_plugins.hub.server import run
    from rtml_plugins.hub.settings import HubSettings

    folder = Path(home) if home is not None else default_home()
    run(
        HubSettings(
            home=str(folder.absolute()),
            host=host,
            port=port,
            database=database,
            store=store,
            profiles=profiles,
            keep_events=keep_events,
            trust=trust,
            cors=cors,
            tls_cert=tls_cert,
            tls_key=tls_key,
            max_package=max_package,
            log_level=log_level,
        )
    )
