"""Which plugins are installed where this edge runs: found out by a process of its own that ends at once.

Plugins are strangers' code. They are not loaded into the process of the supervisor, which has to stay small and up, whatever they
do; workers load them when a package needs them.
"""

from __future__ import annotations

import asyncio
import os
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


async def _look(trust: tuple[str, ...], seconds: float) -> Inventory:
    # the key of the edge to its hub is nothing for plugins
    variables = inventory.environment({name: value for name, value in os.environ.items() if name != VARIABLE})
    try:
        process = await asyncio.create_subprocess_exec(
            *inventory.command("plugins", trust),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=variables,
            start_new_session=True,
        )
    except OSError as error:
        return inventory.unread(f"no process could be started: {error.strerror or error}", trust)
    try:
        async with asyncio.timeout(seconds):
            output, said = await process.communicate()
    except TimeoutError:
        return inventory.unread(f"a plugin keeps the others waiting: loading them takes more than {seconds:g} s", trust)
    finally:
        if process.returncode is None:  # it takes too long, or this edge stops
            process.kill()
            await process.communicate()
    return inventory.read(process.returncode or 0, output, said, trust)
