"""rtml as a contender: `rtml edge` with one worker, on a folder as it is after a pull. Its hub is away, which changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from rtml_core import package
from rtml_core.client.records import Traffic
from rtml_plugins.edge import files
from rtml_plugins.serving import keys
from rtml_plugins.serving.wire import EXCHANGE, KeyEntry, ServiceEntry, VersionEntry
from tests.benchmarks.measure import console_script
from tests.benchmarks.serving.peers import Peer
from tests.benchmarks.serving.processes import free_port

KIND: Final = "rtml"
SERVICE: Final = "churn"
REGION: Final = "emea"


def make_home(folder: Path, archive: Path, key: str | None = None) -> Path:
    """The folder of an edge that has pulled one version of one service; key: a secret without which it answers nobody."""
    home = files.Home(folder)
    home.make()
    data = archive.read_bytes()
    identity = package.read_archive(data).id
    home.package(identity).write_bytes(data)
    entry = ServiceEntry("1", SERVICE, (VersionEntry(1, identity, len(data)),), Traffic(1))
    files.write(home.state, files.HeldState(EXCHANGE, "hub", REGION, 1, (entry,), _keys(key)))
    return folder


def command(home: Path, port: int) -> list[str]:
    """`rtml edge` with one worker; at the address of its hub nobody answers."""
    hub = f"http://127.0.0.1:{free_port()}"
    options = ["--hub", hub, "--region", REGION, "--home", str(home), "--port", str(port), "--workers", "1"]
    return [console_script("rtml"), "edge", *options]


def _keys(secret: str | None) -> tuple[KeyEntry, ...]:
    return () if secret is None else (KeyEntry("bench", keys.digest(secret), ("predict",)),)


def peer(home: Path, *, also: str = "", headers: Mapping[str, str] | None = None) -> Peer:
    """rtml among the peers: one bare row in, the answer out. also: what is special about it."""
    return Peer(
        f"rtml {version('rtml')}{also}",
        KIND,
        "",
        (),
        lambda python, port: command(home, port),
        path=f"/v1/services/{SERVICE}/predict",
        read=_read,
        headers=headers or {},
    )


def _read(document: Any) -> float:
    return float(document["predictions"][0]["propensity"])
