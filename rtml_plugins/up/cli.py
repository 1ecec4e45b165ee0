"""`rtml up`: hub and edges on one machine."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any, Final

import click

_EXAMPLE: Final = """\b
Example:
  rtml up
  rtml up --home shop --port 9000 --region na,emea,apac
  rtml publish churn.rtml --name churn --region na,emea,apac
"""


@click.command("up", epilog=_EXAMPLE)
@click.option(
    "--home",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Where everything is kept [default: up in $RTML_HOME, or in ~/.rtml].",
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on [default: 127.0.0.1, or the last one].")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    help="Port of the hub, edges take the next ones; 0: free ones [default: 8000, or the last ones].",
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="NAMES",
    help="Regions, e.g. na,emea,apac, an edge each [default: na, or the last ones].",
)
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes of each edge.")
@click.option("--trust", multiple=True, metavar="DISTRIBUTION", help="Plugins whose operators packages may run (repeatable).")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="warning",
    show_default=True,
    help="What hub and edges write to stderr.",
)
@click.option("--stop-with-input", is_flag=True, help="Stop, too, when standard input ends: with the program at its other end.")
def up(
    home: Path | None, host: str | None, port: int | None, regions: tuple[str, ...], stop_with_input: bool, **options: Any
) -> None:
    """Run a hub and an edge for each region on this machine.

    Ctrl-C stops them all. The next start in the same folder finds services, versions, traffic and keys again, and takes the
    regions and ports of the last one unless others are named.
    """
    from rtml_plugins.up.home import default_home, locked
    from rtml_plugins.up.machine import Machine, Options, plan

    home = (home or default_home()).absolute()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    if stop_with_input:
        threading.Thread(target=_read_to_end, args=(stopping,), name="input", daemon=True).start()
    with locked(home):
        machine = Machine(home, plan(home, host, port, regions), Options(**options), _say)
        try:
            machine.start(stopping)
            if not stopping.is_set():
                click.echo(machine.told())
                sys.stdout.flush()
            machine.watch(stopping)
        finally:
            machine.stop()
    _say("stopped")


def _read_to_end(stopping: threading.Event) -> None:
    # Not sys.stdin: its lock would be held by this thread when Python ends.
    with contextlib.suppress(OSError):  # there is none: that is an end, too
        while os.read(0, 4096):
            pass
    stopping.set()


def _say(text: str) -> None:
    click.echo(f"rtml up: {text}", err=True)
