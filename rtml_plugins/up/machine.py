"""A hub and an edge for each region as child processes of one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rtml_plugins.hub import times
from rtml_plugins.hub.database import open_database
from rtml_plugins.hub.edges import listed
from rtml_plugins.hub.settings import HubSettings, is_loopback
from rtml_plugins.serving.names import check_name
from rtml_plugins.serving.tables import table
from rtml_plugins.up.children import Child, ChildFailed, stop
from rtml_plugins.up.home import Remembered, recall, remember, tell_running
from rtml_plugins.up.keys import EdgeKey
from rtml_plugins.up.ports import answers, check_free, free_after, free_ports, reachable

DEFAULT_PORT: Final = 8000
DEFAULT_REGIONS: Final = ("na",)
#: seconds until a process answers at the latest: a busy machine imports slowly
_READY_SECONDS: Final = 60.0
#: seconds between looks whether the hub asks for keys by now
_LOOK_SECONDS: Final = 1.0


def plan(home: Path, host: str | None, port: int | None, regions: Sequence[str]) -> Remembered:
    """What to start: what is named, else what the last start in this folder had, else the defaults.

    Raises PortTaken, HomeError, and NameRefused for a region that is no name.
    """
    last = recall(home)
    names = [name.strip() for text in regions for name in text.split(",") if name.strip()]
    wanted = list(dict.fromkeys(names)) or (list(last.edges) if last else list(DEFAULT_REGIONS))
    for name in wanted:
        check_name(name, "region")
    address = host or (last.host if last else "127.0.0.1")
    if port == 0:
        ports = free_ports(address, 1 + len(wanted))
    elif port is None and last is not None:
        ports = [last.hub]
        spare = free_after(address, max(last.hub, *last.edges.values(), 0))
        ports += [last.edges[name] if name in last.edges else next(spare) for name in wanted]
    else:
        first = DEFAULT_PORT if port is None else port
        ports = [first + at for at in range(1 + len(wanted))]
    check_free(address, ports)
    return Remembered(ports[0], dict(zip(wanted, ports[1:], strict=True)), address)


@dataclass(frozen=True)
class Options:
    """workers: processes of each edge. trust: distributions whose operators packages may run. log_level: of hub and edges."""

    workers: int = 1
    trust: Sequence[str] = ()
    log_level: str = "warning"


class Machine:
    """The processes. home/hub and home/edges/REGION are their folders."""

    def __init__(self, home: Path, what: Remembered, options: Options, say: Callable[[str], None]):
        self._home, self._what, self._say, self._options = home, what, say, options
        self._hub_folder = home / "hub"
        self._common = ["--log-level", options.log_level, *(part for name in options.trust for part in ("--trust", name))]
        self._children: list[Child] = []
        self._key = home / "edge.key"
        self._keys = EdgeKey(self._hub_folder, self._key)
        self._has_key = False

    def start(self, stopping: threading.Event) -> None:
        """Start the hub, then the edges side by side; returns when all answer and the hub knows them, or when `stopping` is set.

        Raises ChildFailed.
        """
        what, began = self._what, time.time()
        remember(self._home, what)
        hub = ["hub", "--home", str(self._hub_folder), "--host", what.host, "--port", str(what.hub), *self._common]
        self._begin(Child("hub", hub, self._say), what.hub, stopping)
        self._has_key = self._keys.provide()
        edges = [(self._edge(region, port), port) for region, port in what.edges.items()]
        for child, _ in edges:
            self._children.append(child)
            child.start()
        for child, port in edges:
            self._wait(child, port, stopping)
        self._wait_known(began, stopping)
        if not stopping.is_set():
            tell_running(self._home, self._running())

    def _running(self) -> dict[str, int]:
        return {child.name: child.pid for child in self._children if child.pid is not None}

    def _edge(self, region: str, port: int) -> Child:
        arguments = ["edge", "--hub", f"http://{reachable(self._what.host)}:{self._what.hub}", "--region", region]
        arguments += ["--home", str(self._home / "edges" / region), "--host", self._what.host, "--port", str(port)]
        arguments += ["--workers", str(self._options.workers), "--key-file", str(self._key), "--key-later", *self._common]
        if is_loopback(self._what.host):
            arguments.append("--debug")  # features computed on the way, for the author of a model
        return Child(f"edge {region}", arguments, self._say)

    def _begin(self, child: Child, port: int, stopping: threading.Event) -> None:
        self._children.append(child)
        child.start()
        self._wait(child, port, stopping)

    def _wait(self, child: Child, port: int, stopping: threading.Event) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while not stopping.wait(0.05):
            if child.ended() is not None:
                raise ChildFailed(f"{child.name} did not start; what it said stands above")
            if answers(reachable(self._what.host), port):
                return
            if time.monotonic() > deadline:
                raise ChildFailed(f"{child.name} does not answer on port {port} after {_READY_SECONDS:.0f} s")

    def _wait_known(self, began: float, stopping: threading.Event) -> None:
        """Until each edge has reported to the hub since then: a publication waits only for edges that the hub knows."""
        deadline = time.monotonic() + _READY_SECONDS
        with closing(open_database(HubSettings(home=str(self._hub_folder)).database_url)) as database:
            while not stopping.wait(0.05):
                with database.read() as connection:
                    heard = {edge.region for edge in listed(connection, database.clock()) if edge.seen >= times.text(began)}
                if heard >= self._what.edges.keys():
                    return
                if time.monotonic() > deadline:
                    missing = min(self._what.edges.keys() - heard)
                    raise ChildFailed(f"the hub has heard nothing of edge {missing} after {_READY_SECONDS:.0f} s")

    def watch(self, stopping: threading.Event) -> None:
        """Start again what ends, until `stopping` is set."""
        told: dict[str, int] = {}
        look_at = 0.0
        while True:
            for child in self._children:
                child.watch()
            if not self._has_key and time.monotonic() >= look_at:
                # Edges read the file when the hub refuses them, so nothing has to be started again.
                self._has_key = self._keys.provide()
                if self._has_key:
                    self._say("the hub asks for keys now; the edges have one")
                look_at = time.monotonic() + _LOOK_SECONDS
            running = self._running()
            if running != told:
                tell_running(self._home, running)
                told = running
            if stopping.wait(0.2):
                return

    def stop(self) -> None:
        """Stop edges, then the hub: what is in flight is finished."""
        try:
            tell_running(self._home, {})  # first: from now on nobody is to find this machine
        finally:
            stop(self._children[1:])
            stop(self._children[:1])
            self._keys.close()

    def told(self) -> str:
        """Where everything is, for the terminal."""
        host = reachable(self._what.host)
        rows = [["hub", "-", f"http://{host}:{self._what.hub}"]]
        rows += [["edge", region, f"http://{host}:{port}"] for region, port in self._what.edges.items()]
        regions = ",".join(self._what.edges)
        hub = "" if self._what.hub == DEFAULT_PORT else f" --hub http://{host}:{self._what.hub}"
        return (
            f"{table(['what', 'region', 'address'], rows)}\n"
            f"Open http://{host}:{self._what.hub}/gallery to see, try and steer services.\n"
            f"Kept in {self._home}. Ctrl-C stops it all. Next, in another terminal:\n"
            f"  rtml publish FILE.rtml --name NAME --region {regions}{hub}"
        )
