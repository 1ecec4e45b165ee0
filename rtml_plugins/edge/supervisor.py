"""The first process of an edge: starts the workers, keeps them running, follows the hub, and stops everything in order.

Workers are started before the hub is asked for anything: what is on disk is served at once. The agent is a task of this process
(see agent); a worker that dies, by whatever, is started again and takes nothing else down.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import importlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from rtml_core.errors import RtmlError, said
from rtml_plugins.edge import files, metrics, server
from rtml_plugins.edge.children import Child
from rtml_plugins.edge.files import Home, HomeError
from rtml_plugins.edge.keyfile import VARIABLE, HubKey
from rtml_plugins.edge.persons import Persons
from rtml_plugins.edge.ports import check_free, held_port
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.logs import logger

if TYPE_CHECKING:
    from rtml_plugins.edge.agent import Agent

#: seconds that processes have to end, besides those of the longest request
STOP_SECONDS: Final = 5.0
#: seconds that an edge for others than this machine waits for its hub to tell of keys
_KEYS_SECONDS: Final = 15.0
#: a worker that ended so many times before the edge ever answered will not come up
_HOPELESS: Final = 3
#: seconds that the hub waits to be asked until the edge answers with what it has on disk
_FIRST_SECONDS: Final = 1.5
GRPC_MODULE: Final = "rtml_plugins.edge.v2.grpc_server"

_log: Final = logger("rtml.edge.supervisor")


class EdgeRefused(RtmlError):
    """An edge that can't be started as asked for."""


@dataclass(frozen=True)
class Plan:
    """What to run. hub: its URL; ca: who vouches for it. workers: how many processes. name: of this edge at the hub."""

    settings: EdgeSettings
    hub: str
    key: HubKey
    workers: int
    ca: str | None = None
    name: str | None = None


async def run(plan: Plan, ready: Callable[[str], None]) -> None:
    """Run an edge until SIGTERM or SIGINT. ready: called with its address when it answers.

    Raises HomeError, AddressRefused and EdgeRefused when it can't be started.
    """
    home = Home(plan.settings.folder)
    home.make()
    with locked(home), held_port(plan.settings.host, plan.settings.port) as port:
        if plan.settings.grpc_port:
            importlib.import_module(GRPC_MODULE).require_grpc()
            check_free(plan.settings.host, plan.settings.grpc_port)
        supervisor = Supervisor(plan, home, port)
        supervisor.check_region()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, supervisor.ask_to_stop)
        await supervisor.run(ready)


@contextmanager
def locked(home: Home) -> Iterator[None]:
    """One edge in a folder at a time; EdgeRefused for a second one."""
    with home.lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            holder = lock.read(32).strip() or "unknown"
            raise EdgeRefused(
                f"{home.folder} is in use by another edge (process {holder}): stop it, or name another folder with --home"
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


class Supervisor:
    """The processes of one edge, and its agent."""

    def __init__(self, plan: Plan, home: Home, port: int):
        self._plan = plan
        self._home = home
        self.settings = msgspec.structs.replace(plan.settings, port=port, url=plan.settings.url or address(plan.settings, port))
        # The key of the edge to its hub stays in this process: no worker needs it.
        inherited = {name: value for name, value in os.environ.items() if name != VARIABLE}
        environment = {**inherited, **self.settings.to_environment()}
        self._workers = [
            Child(f"worker {number}", server.MODULE, environment, self._ended) for number in range(1, plan.workers + 1)
        ]
        self._children = list(self._workers)
        if self.settings.grpc_port is not None:
            self._children.append(Child("grpc", GRPC_MODULE, environment, self._ended))
        self._persons = Persons(self.settings, self._running)
        self._stopping = asyncio.Event()
        self._keeping: list[asyncio.Task[None]] = []

    def check_region(self) -> None:
        """EdgeRefused when the folder holds what another region serves."""
        with contextlib.suppress(HomeError):  # a state that can't be read is said by the agent, which asks the hub anew
            held = self._home.read_state()
            if held is not None and held.region != self.settings.region:
                raise EdgeRefused(
                    f"{self._home.folder} belongs to an edge of region '{held.region}': start it with --region {held.region}, or"
                    f" name another folder with --home"
                )

    def ask_to_stop(self) -> None:
        """Stop in order; asked a second time, at once."""
        if self._stopping.is_set():
            for child in self._children:
                child.kill()
        self._stopping.set()

    async def run(self, ready: Callable[[str], None]) -> None:
        """Run until asked to stop."""
        self._clean()
        await self._persons.listen()
        agent: Agent | None = None
        following: asyncio.Task[None] | None = None
        try:
            if self.settings.open or self._knows_keys():
                await self._start()
                with contextlib.suppress(TimeoutError):  # what the agent imports would take the workers' time
                    await asyncio.wait_for(self._answering(), _FIRST_SECONDS)
            agent = await self._make_agent()
            following = asyncio.create_task(self._follow(agent), name="rtml-agent")
            if not self._keeping:
                await self._wait_for_keys(agent)
                await self._start()
            if await self._answering():
                ready(self.settings.url)
            await self._stopping.wait()
        finally:
            await self._stop(agent, following)

    async def _start(self) -> None:
        """Start all processes; returns when the system has."""
        if self._stopping.is_set():
            return
        self._keeping = [asyncio.create_task(child.keep_running(), name=f"rtml-{child.name}") for child in self._children]
        while any(child.starts == 0 for child in self._children):
            await asyncio.sleep(0.001)

    async def _make_agent(self) -> Agent:
        """The agent; what it imports is imported in a thread, when the workers are on their way."""
        await asyncio.to_thread(importlib.import_module, "rtml_plugins.edge.agent")
        from rtml_plugins.edge.agent import Agent
        from rtml_plugins.edge.uplink import Uplink

        plan = self._plan
        uplink = Uplink(plan.hub, self.settings.region, plan.key, plan.ca)
        return Agent(self.settings, self._home, uplink, self._running, plan.name, self._persons)

    async def _follow(self, agent: Agent) -> None:
        """Follow the hub, whatever happens."""
        while True:
            try:
                await agent.run()
            except Exception as error:
                _log.exception("agent failed", problem=said(error))
            await asyncio.sleep(1.0)

    async def _answering(self) -> bool:
        """Wait until the edge listens; False when it is asked to stop before. EdgeRefused when its workers don't come up."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.settings.host, self.settings.host)
        while not self._stopping.is_set():
            if any(child.starts > _HOPELESS for child in self._workers):
                raise EdgeRefused(
                    f"the workers of the edge end as soon as they start, {_HOPELESS} times now: what they said is above"
                )
            try:
                _, writer = await asyncio.open_connection(host, self.settings.port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return True
        return False

    async def _stop(self, agent: Agent | None, following: asyncio.Task[None] | None) -> None:
        """Stop the processes, side by side, while the hub is told that this edge answers no more."""
        self._stopping.set()
        if following is not None:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
        seconds = self.settings.request_timeout + STOP_SECONDS
        async with asyncio.TaskGroup() as group:
            for child in self._children:
                group.create_task(child.stop(seconds))
            if agent is not None:
                group.create_task(agent.say_goodbye())
        if agent is not None:
            await agent.close()
        await self._persons.close()
        for keeping in self._keeping:
            keeping.cancel()  # one that waits to start its process again
        await asyncio.gather(*self._keeping, return_exceptions=True)

    # ---- keys ---------------------------------------------------------------------------------------------------

    def _knows_keys(self) -> bool:
        with contextlib.suppress(HomeError):
            held = self._home.read_state()
            return held is not None and held.locked
        return False

    async def _wait_for_keys(self, agent: Agent) -> None:
        """EdgeRefused unless the hub asks for keys: whoever reaches this edge could ask it anything."""
        what = f"--host {self.settings.host} needs a hub with API keys, and {self._plan.hub}"
        cure = "or serve this machine only with --host 127.0.0.1"
        deadline = asyncio.get_running_loop().time() + _KEYS_SECONDS
        while not (agent.held is not None and agent.held.locked) and not self._stopping.is_set():
            if agent.heard:
                raise EdgeRefused(f"{what} has none: make one (rtml keys create), {cure}")
            if asyncio.get_running_loop().time() > deadline:
                why = f" ({agent.trouble})" if agent.trouble else ""
                raise EdgeRefused(
                    f"{what} told of none within {_KEYS_SECONDS:.0f} s{why}: start it again when it answers, {cure}"
                )
            await asyncio.sleep(0.02)

    # ---- processes ----------------------------------------------------------------------------------------------

    def _ended(self, pid: int) -> None:
        """Forget what a process said that is gone, and remember the package that it was loading."""
        with contextlib.suppress(HomeError):
            package = files.read(self._home.loading(pid), str)
            if package is not None:
                suspects = self._home.read_suspects()
                suspects[package] = suspects.get(package, 0) + 1
                files.write(self._home.suspects, suspects)
                _log.error("process died of a package", pid=pid, package=package, times=suspects[package])
            files.remove(self._home.loading(pid))
        for role, number, _ in list(self._home.statuses()):
            if number == pid:
                files.remove(self._home.status(role, pid))

    def _clean(self) -> None:
        """Remove what processes of the last run said of themselves."""
        for path in self._home.workers.iterdir():
            files.remove(path)
        metrics.clear(self._home.folder)

    def _running(self) -> set[int]:
        return {child.pid for child in self._children if child.pid is not None}


def address(settings: EdgeSettings, port: int) -> str:
    """Where clients reach an edge, unless it is told."""
    host = settings.host
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"{'https' if settings.tls_cert else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
