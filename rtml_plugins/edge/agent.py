"""The agent of an edge: follows what the hub says of its region, has the packages on disk, and reports.

It runs in the process of the supervisor, as a task: it waits most of the time, imports no onnxruntime, and whatever happens to it
takes nothing from the workers, which know it by the files that it leaves them. While the hub is away, or answers nonsense, the
files stay as they are.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Callable
from typing import Any, Final

import msgspec

from rtml_core.errors import RtmlError, said
from rtml_plugins.edge import files
from rtml_plugins.edge.cache import Cache
from rtml_plugins.edge.files import HeldState, Home, HomeError
from rtml_plugins.edge.persons import Persons
from rtml_plugins.edge.reporting import Reporter
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.telling import Teller
from rtml_plugins.edge.uplink import HubFailed, KeyAwaited, StateRefused, Uplink
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.wire import RegionState

#: seconds that a question for a newer state waits at the hub
WAIT: Final = 25.0
#: seconds between questions while the hub fails: doubled up to the last, so that its return is noticed soon
PAUSES: Final = (0.1, 2.0)
#: an answer that says nothing new came too soon when it came within so many seconds
_SOON: Final = 1.0
#: a hub that was restored from a backup is followed back when it answers an older state so many times in a row
_SURE: Final = 3

_log: Final = logger("rtml.edge.agent")


class Identity(msgspec.Struct, frozen=True):
    """edge.json: who this edge is."""

    id: str


class Agent:
    """Follows a hub. workers: the process ids of the workers that run now, for the reports. name: of this edge at the hub.
    persons: what workers have of profiles and tell of predictions.
    """

    def __init__(
        self,
        settings: EdgeSettings,
        home: Home,
        uplink: Uplink,
        workers: Callable[[], set[int]],
        name: str | None = None,
        persons: Persons | None = None,
    ):
        self._settings = settings
        self._home = home
        self._uplink = uplink
        self._cache = Cache(home, uplink, self._write)
        self._held = read_held(home)
        self._met = False
        self._lower = 0
        self._trouble = ""
        self._unwritten = ""  # why the workers could not be told
        edge = name or read_identity(home, settings.region)
        self._edge = edge
        self._persons = persons
        self._reporter = Reporter(settings, home, uplink, edge, workers)
        self._teller = Teller(settings, uplink, edge, lambda: () if self._held is None else self._held.services)
        #: whether the hub has told what to serve since this process started
        self.heard = False

    @property
    def held(self) -> HeldState | None:
        """The state that workers are told."""
        return self._held

    async def run(self) -> None:
        """Follow and report until cancelled."""
        self._cache.clean()
        if self._held is not None:
            self._want(self._held)
        self._teller.know(self._home.read_served().values())
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(), name="rtml-follow")
                group.create_task(self._reporter.run(self._verify), name="rtml-report")
                group.create_task(self._reporter.look(), name="rtml-plugins")
                group.create_task(self._teller.run(), name="rtml-measures")
                if self._persons is not None:
                    group.create_task(self._persons.run(self._uplink, self._edge), name="rtml-persons")
        finally:
            await self._cache.close()

    @property
    def trouble(self) -> str:
        """What keeps this edge from following the hub, "" when nothing does."""
        return self._trouble

    async def say_goodbye(self) -> None:
        """Tell the hub that this edge answers no more."""
        await self._reporter.say_goodbye()

    async def close(self) -> None:
        """Tell the hub what was counted since it was told, now that no process counts any more; close the connections to it."""
        await self._teller.last()
        if self._persons is not None:
            await self._persons.last(self._uplink, self._edge)
        await self._uplink.close()

    # ---- following ----------------------------------------------------------------------------------------------

    async def _follow(self) -> None:
        pause = PAUSES[0]
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            try:
                news = await self._ask()
            except KeyAwaited as error:  # nothing is wrong
                _log.debug("key awaited", reason=str(error))
            except HubFailed as error:
                self._complain(str(error))
            except Exception as error:  # a fault of ours must not end the following
                _log.exception("state not taken up", problem=said(error))
            else:
                if self._unwritten:
                    self._write()
                self._complain(self._unwritten)
                if (news or loop.time() - asked >= _SOON) and not self._unwritten:
                    pause = PAUSES[0]
                    continue
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, PAUSES[1])

    async def _ask(self) -> bool:
        """Ask once; whether there was news. The first question of a run is for the whole state, at once."""
        after = self._held.revision if self._held is not None and self._met else None
        # A hub that was away is asked for an answer at once: whether it is back should not take a long poll to know.
        state = await self._uplink.state(after, 0.0 if self._trouble else WAIT)
        if state is None:
            return False
        news = self._accept(state)
        self._met = True
        self.heard = True
        return news

    def _accept(self, state: RegionState) -> bool:
        """Take a state up; False when it says nothing new. StateRefused when it is not of the hub that was followed."""
        held = self._held
        if held is not None and state.hub != held.hub:
            raise StateRefused(
                f"{self._uplink.hub} is another hub (id {state.hub[:40]}) than the one that this edge follows (id"
                f" {held.hub[:40]}), so what is served stays. To follow it, remove {self._home.state} and start the edge again"
            )
        if held is not None and state.revision <= held.revision:
            if _told(state) == _told(held) and held.locked >= state.locked:
                self._lower = 0
                return False
            self._lower += 1
            if self._met and self._lower < _SURE:
                return False
            _log.warning("hub went back", held=held.revision, revision=state.revision)
        self._lower = 0
        locked = state.locked or bool(state.keys) or (held is not None and held.locked)
        self._held = HeldState(
            exchange=state.exchange,
            hub=state.hub,
            region=state.region,
            revision=state.revision,
            services=state.services,
            keys=state.keys,
            locked=locked,
        )
        self._want(self._held)
        self._write()
        _log.info("state taken up", revision=state.revision, services=len(state.services), fetching=len(self._cache.missing))
        self._tidy()
        return True

    def _want(self, held: HeldState) -> None:
        self._cache.want({version.package: version.size for entry in held.services for version in entry.versions})

    def _write(self) -> None:
        """Tell the workers what there is; they look at the file many times a second."""
        if self._held is None:
            return
        self._held = msgspec.structs.replace(self._held, missing=self._cache.missing)
        try:
            files.write(self._home.state, self._held, durable=True)
            self._unwritten = ""
        except HomeError as error:  # tried again after the next answer of the hub
            self._unwritten = str(error)

    def _tidy(self) -> None:
        assert self._held is not None
        names = {entry.name for entry in self._held.services}
        for path in self._home.served.glob("*.json"):
            if path.stem not in names:
                files.remove(path)
        self._cache.prune()

    async def _verify(self, service: str) -> None:
        """Look whether the packages of a service that failed are what they should be."""
        if self._held is not None:
            for entry in self._held.services:
                if entry.name == service:
                    for version in entry.versions:
                        await self._cache.verify(version.package)

    def _complain(self, trouble: str) -> None:
        """Log what keeps this edge from following the hub, once until it changes, and that it is right again."""
        if trouble == self._trouble:
            return
        if trouble:
            _log.warning("disk away" if trouble == self._unwritten else "hub away", problem=trouble, served="what is held")
        else:
            _log.info("hub back")
        self._trouble = trouble


def _told(state: RegionState) -> tuple[Any, ...]:
    return state.revision, state.services, state.keys


def read_held(home: Home) -> HeldState | None:
    """The state of the last run; None, and a line in the log, when it can't be read: the hub is asked for it anew."""
    try:
        return home.read_state()
    except RtmlError as error:
        _log.error("state not read", problem=str(error))
        return None


def read_identity(home: Home, region: str) -> str:
    """The id of this edge, made at its first start and kept in its folder."""
    try:
        known = files.read(home.edge, Identity)
    except HomeError as error:
        _log.error("edge gets a new id", problem=str(error))
        known = None
    if known is None:
        known = Identity(f"{region[:40]}-{secrets.token_hex(4)}")
        files.write(home.edge, known, durable=True)
    return known.id
