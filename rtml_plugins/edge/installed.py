"""Which plugins are installed where this edge runs: found out by a process of its own that ends at once.

Plugins are strangers' code. They are not loaded into the process of the supervisor, which has to stay small and up, whatever they
do; workers load them when a package needs them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterable
from typing import Any

import msgspec

from rtml_core import inventory
from rtml_core.inventory import Inventory
from rtml_plugins.edge.keyfile import VARIABLE
from rtml_plugins.serving.logs import logger

_log = logger("rtml.edge.agent")


Told = tuple[dict[str, Any], ...]


async def plugins(trust: Iterable[str], before: Told = (), seconds: float = inventory.SECONDS) -> Told:
    """All plugins as an edge reports them, see inventory.InstalledPlugin; what is wrong is logged when it was not so before.

    trust: distributions whose code packages may run.
    """
    found = await _look(tuple(trust), seconds)
    told = tuple(msgspec.to_builtins(plugin) for plugin in found.plugins)
    if told != before:
        for plugin in found.plugins:
            if plugin.state in ("broken", "missing"):
                _log.warning("plugin broken", plugin=plugin.name, distribution=plugin.distribution, problem=plugin.reason)
        if found.problem:
            _log.warning("plugins not listed", problem=found.problem)
    return told


class _Said(asyncio.SubprocessProtocol):
    """What a process says. exited: it has ended; closed: and nobody holds its streams any more."""

    def __init__(self) -> None:
        self.streams = {1: bytearray(), 2: bytearray()}
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.streams[fd] += data

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()


async def _look(trust: tuple[str, ...], seconds: float) -> Inventory:
    # the key of the edge to its hub is nothing for plugins
    variables = inventory.environment({name: value for name, value in os.environ.items() if name != VARIABLE})
    try:
        process, said = await asyncio.get_running_loop().subprocess_exec(
            _Said, *inventory.command("plugins", trust), stdin=asyncio.subprocess.DEVNULL, env=variables, start_new_session=True
        )
    except OSError as error:
        return inventory.unread(f"no process could be started: {error.strerror or error}", trust)
    try:
        async with asyncio.timeout(seconds):
            await said.closed.wait()
    except TimeoutError:
        return inventory.unread(f"a plugin keeps the others waiting: loading them takes more than {seconds:g} s", trust)
    finally:
        if not said.closed.is_set():  # it takes too long, or this edge stops
            # with what it started, which may hold its streams; one that left its group is not waited for
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.get_pid(), signal.SIGKILL)
            await said.exited.wait()
        process.close()
    return inventory.read(process.get_returncode() or 0, bytes(said.streams[1]), bytes(said.streams[2]), trust)
