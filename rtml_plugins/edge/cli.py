"""`rtml edge`: run an edge."""

from __future__ import annotations

import math
import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import click

from rtml_core.errors import RtmlError, describe
from rtml_plugins.serving.sizes import Size

_EXAMPLE: Final = """\b
Example:
  rtml edge --region emea
  rtml edge --hub https://hub.example.com --region emea --key-file edge.key --workers 4
  rtml edge --hub https://hub.example.com --region emea --host 0.0.0.0 --url https://emea.example.com
"""
_HUB: Final = "http://127.0.0.1:8000"
_LEVELS: Final = ("debug", "info", "warning", "error")


class EdgeOptionRefused(RtmlError):
    """An option of `rtml edge` that does not fit."""


@click.command("edge", epilog=_EXAMPLE)
@click.option("--hub", metavar="URL", envvar="RTML_HUB", default=_HUB, show_default=True, help="The hub (also RTML_HUB).")
@click.option("--region", required=True, metavar="NAME", help="The region that is served, e.g. na, emea, apac.")
@click.option(
    "--home",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where packages and state are kept [default: edges/REGION in $RTML_HOME, or in ~/.rtml].",
)
@click.option("--name", metavar="NAME", help="Name of this edge at the hub [default: made up, and kept in the home].")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8001, show_default=True, help="Port to listen on; 0: a free one.")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes that score [default: one for each core].")
@click.option("--url", metavar="URL", help="Where clients reach this edge [default: from --host and --port].")
@click.option("--key-file", metavar="FILE", help="File with the API key for the hub, scope edge; else RTML_API_KEY.")
@click.option("--key-later", is_flag=True, hidden=True)  # rtml up writes the file when the hub begins to ask for keys
@click.option("--ca", metavar="FILE", help="Certificates of authorities (PEM) that vouch for the hub, instead of the usual ones.")
@click.option("--trust", multiple=True, metavar="DISTRIBUTION", help="Plugins whose operators packages may run (repeatable).")
@click.option(
    "--max-body",
    type=Size(1, 1 << 30, "8MB"),
    default="8MB",
    show_default=True,
    help="Largest request, e.g. 512kB or 2MB; bytes without a unit.",
)
@click.option("--max-rows", type=click.IntRange(1, 10_000_000), default=10_000, show_default=True, help="Rows of a request.")
@click.option(
    "--max-concurrent",
    type=click.IntRange(1, 1_000_000),
    default=1024,
    show_default=True,
    help="Requests in flight in a worker; more get 503.",
)
@click.option(
    "--max-queue",
    type=click.IntRange(1, 10_000_000),
    default=4096,
    show_default=True,
    help="Rows that wait in a worker for one service; more get 503.",
)
@click.option("--timeout", type=click.FloatRange(0.1, 3600), default=10.0, show_default=True, help="Seconds of a request.")
@click.option(
    "--profiles-memory",
    type=Size(1 << 20, 1 << 40, "64MB"),
    default="64MB",
    show_default=True,
    help="Memory of a worker for profiles of persons.",
)
@click.option(
    "--profiles-keep",
    type=click.FloatRange(0, 30 * 86_400),
    default=86_400.0,
    show_default=True,
    help="Seconds that a profile is used beyond its time while the hub is away.",
)
@click.option(
    "--outbox-disk",
    type=Size(1 << 20, 1 << 40, "256MB"),
    default="256MB",
    show_default=True,
    help="Disk for predictions about persons until the hub has them; beyond it the oldest go.",
)
@click.option("--cors", multiple=True, metavar="ORIGIN", help="Origin whose pages may call the edge; * for any (repeatable).")
@click.option("--tls-cert", metavar="FILE", help="Certificate with its chain, PEM.")
@click.option("--tls-key", metavar="FILE", help="Its private key, PEM, not encrypted.")
@click.option("--grpc-port", type=click.IntRange(1, 65_535), help="Port for the Open Inference Protocol over gRPC.")
@click.option("--debug", is_flag=True, help="On an edge without keys: answer ?explain=columns, too.")
@click.option("--traces", metavar="URL", help="Where OpenTelemetry traces are sent (OTLP over HTTP).")
@click.option("--access-log", type=click.FloatRange(0, 1), default=0.0, metavar="SHARE", help="Log this share of requests.")
@click.option("--log-level", type=click.Choice(_LEVELS), default="info", show_default=True, help="What is logged, on stderr.")
def edge(**options: Any) -> None:
    """Run an edge: score the services of a region over HTTP.

    It keeps what it serves in its home and goes on with that while the hub is away. On 127.0.0.1 it asks for keys as soon as the
    hub has some; on another address it starts only with a hub that has. Ctrl-C finishes what is in flight and stops.
    """
    import asyncio

    from rtml_plugins.edge.supervisor import run
    from rtml_plugins.serving import logs

    plan = plan_of(**options)
    logs.configure(options["log_level"])
    workers = f"{plan.workers} worker{'' if plan.workers == 1 else 's'}"
    asyncio.run(
        run(plan, lambda url: click.echo(f"rtml edge: region {plan.settings.region} on {url} ({workers}, hub {plan.hub})"))
    )


def plan_of(
    *,
    hub: str,
    region: str,
    home: Path | None,
    name: str | None,
    host: str,
    workers: int | None,
    url: str | None,
    key_file: str | None,
    key_later: bool = False,
    ca: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    timeout: float,
    debug: bool,
    cors: tuple[str, ...],
    traces: str | None,
    **limits: Any,
) -> Any:
    """What to run (a supervisor.Plan), from the options; RtmlError for what does not fit."""
    from rtml_plugins.edge import tls, tracing
    from rtml_plugins.edge.access import is_loopback
    from rtml_plugins.edge.cors import check_origins
    from rtml_plugins.edge.keyfile import HubKey
    from rtml_plugins.edge.ports import numeric
    from rtml_plugins.edge.settings import EdgeSettings
    from rtml_plugins.edge.supervisor import Plan
    from rtml_plugins.serving.names import NAME, check_name

    check_name(region, "region")
    if name is not None and not NAME.fullmatch(name):
        raise EdgeOptionRefused(
            f"--name {describe(name)} is no name of an edge: expected lower-case letters, digits, '-' and '_'"
        )
    tls.check(tls_cert, tls_key)
    if limits.get("grpc_port") and find_spec("grpc") is None:
        raise EdgeOptionRefused("--grpc-port needs the package grpcio: pip install 'rtml[grpc]'")
    if ca is not None:
        tls.check_authorities(ca)
    address = numeric(host)
    settings = EdgeSettings(
        home=str((home or default_home(region)).absolute()),
        region=region,
        host=address,
        open=is_loopback(f"[{address}]" if ":" in address else address),
        request_timeout=timeout,
        url="" if url is None else checked_url(url, "--url"),
        debug=debug,
        cors=check_origins(cors),
        traces=traces,
        tls_cert=None if tls_cert is None else str(Path(tls_cert).absolute()),
        tls_key=None if tls_key is None else str(Path(tls_key).absolute()),
        **limits,
    )
    tracing.check(settings)
    return Plan(settings, checked_url(hub, "--hub"), HubKey(key_file, key_later), workers or cores(), ca, name)


def checked_url(url: str, option: str) -> str:
    """An address of HTTP without query and fragment; EdgeOptionRefused for anything else."""
    try:
        parts = urlsplit(url.strip())
        fine = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
        )
        fine = fine and (parts.port is None or parts.port > 0) and url.isprintable() and " " not in url.strip()
    except ValueError:
        fine = False
    if not fine:
        raise EdgeOptionRefused(f"{option} {describe(url)} is no address: expected e.g. https://hub.example.com or {_HUB}")
    return url.strip().rstrip("/")


def cores(quota: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Cores that this process may use: its affinity, and in a container no more than its limit (cgroup version 2), rounded up."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        allowed, period = quota.read_text().split()
        return max(1, min(found, math.ceil(int(allowed) / int(period))))
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or "max": no limit
        return found


def default_home(region: str) -> Path:
    """The folder when none is named: edges/REGION in $RTML_HOME, or in ~/.rtml."""
    home = os.environ.get("RTML_HOME")
    return (Path(home) if home else Path.home() / ".rtml") / "edges" / region
