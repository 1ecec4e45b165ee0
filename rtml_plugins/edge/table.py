"""What a process of an edge serves: loaded versions behind one reference, which is rebound when the region's state changes.

The agent puts packages and state.json into the folder of the edge; each worker looks at state.json and loads what is new in a
thread while it goes on answering. A service changes as a whole, when all that its traffic names is loaded; until then, and when
that fails, what it had goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from rtml_core.errors import said
from rtml_plugins.edge import files
from rtml_plugins.edge.files import HeldState, Home, HomeError
from rtml_plugins.edge.loading import Failure, Loaded, Loader, LoadKey, load_key
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.routing import chooser
from rtml_plugins.serving.wire import KeyEntry, ServiceEntry, ServiceStatus, VersionEntry, WorkerStatus

#: how often state.json is looked at, in seconds: one stat
POLL: Final = 0.05
#: how often the figures of shadow versions are written, in seconds
_STATUS_EVERY: Final = 1.0
_log: Final = logger("rtml.edge.table")


@dataclass(frozen=True, slots=True)
class Service:
    """A service as it answers: what stands in it never changes, another one takes its place.

    entry: what it serves, which is not the newest of the region while that is loading or when it failed (state, problem).
    versions: all that may be asked for by number. choose: from the sticky key of a request (or None) to a version; None when
    the champion answers everyone. shadow: what is scored too, never answered.
    """

    entry: ServiceEntry
    versions: dict[int, Loaded]
    choose: Callable[[str | None], int] | None
    champion: Loaded
    shadow: Loaded | None
    sticky: str | None
    state: Literal["ready", "loading", "failed"] = "ready"
    problem: str = ""

    @classmethod
    def of(cls, entry: ServiceEntry, versions: dict[int, Loaded]) -> Service:
        """The service of an entry, of which all that is in traffic is loaded."""
        traffic = entry.traffic
        shadow = None if traffic.shadow is None else versions[traffic.shadow]
        choose = chooser(entry.name, traffic)
        return cls(entry, versions, choose, versions[traffic.champion], shadow, traffic.sticky)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a request is answered from, read once a request.

    revision: of the newest state that is taken up: each of its services is ready, or failed. services: by name, those that
    answer. waiting: by name, those of the region that have nothing to answer with: loading, or failed. keys: by the digest of
    their secret. locked: whether requests need a key, even if there is none. ready: whether every service has answered its parity
    sample once since this process started. known: whether there is a state at all.
    """

    revision: int = 0
    services: dict[str, Service] = field(default_factory=dict)
    waiting: dict[str, ServiceStatus] = field(default_factory=dict)
    keys: dict[str, KeyEntry] = field(default_factory=dict)
    locked: bool = False
    ready: bool = False
    known: bool = False


def in_traffic(entry: ServiceEntry) -> list[int]:
    """The versions that a service can't do without, champion first."""
    traffic = entry.traffic
    arms = [*([traffic.canary] if traffic.canary else []), *traffic.split]
    shadow = [] if traffic.shadow is None else [traffic.shadow]
    return [traffic.champion, *(arm.version for arm in arms), *shadow]


class Table:
    """The services of a process, kept up with state.json by a task of its event loop.

    `current` is rebound as a whole: whoever reads it once has one consistent view. role names the kind of process in the
    folder workers/. resources: see Loader. on_change is called, in the event loop, after each rebinding.
    """

    def __init__(self, settings: EdgeSettings, *, role: str = "http", resources: Mapping[str, Any] | None = None):
        self.settings = settings
        self.home = Home(settings.folder)
        self.current = Snapshot()
        self.on_change: list[Callable[[Snapshot], None]] = []
        #: what the shadow versions were found to do, for the report to the hub
        self.shadow_report: Callable[[], dict[str, Any]] | None = None
        self._path = self.home.status(role, os.getpid())
        self._held: HeldState | None = None
        self._seen: files.Signature | None = None
        self._stale = False  # the state was changed since loading began
        self._good: dict[str, ServiceEntry] = {}
        self._loader = Loader(settings, self.home, resources)
        self._was_ready = False
        self._written: WorkerStatus | None = None
        self._written_at = 0.0
        self._task: asyncio.Task[None] | None = None

    # ---- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Load what is on disk and follow it from then on; returns when each service of that has loaded or failed."""
        try:
            await asyncio.to_thread(self.home.make)
        except HomeError as error:  # what is on a disk that takes nothing can be served all the same
            _log.error("home not written", problem=str(error))
        self._good = await asyncio.to_thread(self.home.read_served)
        self._look()
        await self._load_all(rebind=False)  # nobody asks yet: once, at the end, is soon enough
        if self._held is not None:
            self._rebind()
        self._task = asyncio.create_task(self._watch(), name="rtml-table")

    async def stop(self) -> None:
        """Stop following; what is loaded stays usable for requests in flight."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._loader.close()
        files.remove(self._path)

    async def _watch(self) -> None:
        loading: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(POLL)
                try:
                    self._look()
                    if loading is not None and loading.done():
                        ended, loading = loading, None
                        ended.result()
                    if loading is None and self._stale:
                        loading = asyncio.create_task(self._load_all(), name="rtml-load")
                    if self.shadow_report is not None and asyncio.get_running_loop().time() >= self._written_at + _STATUS_EVERY:
                        self._write_status()
                except Exception as error:  # a fault here must not end the watch: the next state may be fine
                    _log.exception("state not taken up", problem=said(error))
        finally:
            if loading is not None:
                loading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await loading

    # ---- state --------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Take up state.json when it is another one; one that can't be read leaves what there is."""
        seen = files.signature(self.home.state)
        if seen is None or seen == self._seen:
            return
        self._seen = seen
        try:
            held = self.home.read_state()
        except HomeError as error:
            _log.error("state not read", problem=str(error))
            return
        if held is None:
            return
        self._held, self._stale = held, True
        self._loader.forget_missing()
        self._rebind()

    def _candidates(self, entry: ServiceEntry) -> Iterable[ServiceEntry]:
        """What a service may serve, best first: what the hub says, and what it last served whole."""
        yield entry
        good = self._good.get(entry.name)
        if good is not None and good.id == entry.id and good != entry:
            yield good

    def _todo(self) -> list[tuple[ServiceEntry, VersionEntry]]:
        """What is to be loaded, in this order: champions of all services, what else is in traffic, what stands by."""
        if self._held is None:
            return []
        found = []
        for entry in self._held.services:
            for candidate in self._candidates(entry):
                needed = in_traffic(candidate)
                wanted = [v for v in candidate.versions if self._loader.wants(candidate, v, self._held.missing)]
                for version in wanted:
                    rank = needed.index(version.version) if version.version in needed else len(needed)
                    found.append((rank, candidate, version))
                coming = {*self._loader.loaded(candidate), *(version.version for version in wanted)}
                if coming.issuperset(needed):
                    break  # it is loaded, or will be in a moment: no need to go back
        found.sort(key=lambda item: item[0])
        return [(entry, version) for _, entry, version in found]

    def _missing(self, entry: ServiceEntry) -> Failure | None:
        """Why an entry can't be served as it is; None when it can or is still loading."""
        numbers = {version.version: version for version in entry.versions}
        for number in in_traffic(entry):
            if number not in numbers:
                return Failure(None, f"its traffic names version {number}, which the hub did not give")
            failure = self._loader.failure(entry, numbers[number])
            if failure is not None:
                return replace(failure, problem=f"version {number}: {failure.problem}")
        return None

    async def _load_all(self, *, rebind: bool = True) -> None:
        """Load whatever is to be loaded, one after the other, and rebind after each."""
        self._stale = False
        while todo := self._todo():
            for entry, version in todo:
                missing = self._held.missing if self._held is not None else {}
                if self._loader.wants(entry, version, missing):  # not loaded meanwhile for another service
                    await self._loader.load(entry, version, missing)
                if rebind:
                    self._rebind()
                if self._stale:  # the state changed: look anew what is to be done first
                    self._stale = False
                    break
        self._write_status()

    # ---- rebinding ----------------------------------------------------------------------------------------------

    def _rebind(self) -> None:
        held = self._held
        assert held is not None
        services: dict[str, Service] = {}
        waiting: dict[str, ServiceStatus] = {}
        for entry in held.services:
            service = self._assemble(entry)
            if service is not None:
                services[entry.name] = service
            else:
                failure = self._missing(entry)
                state = "loading" if failure is None else "failed"
                waiting[entry.name] = ServiceStatus(entry.name, (), state, "" if failure is None else failure.problem)
        self._good = {name: entry for name, entry in self._good.items() if name in services or name in waiting}
        self._was_ready = self._was_ready or not waiting
        states = {status.state for status in waiting.values()} | {service.state for service in services.values()}
        settled = "loading" not in states and not self._todo()
        revision = held.revision if settled else self.current.revision
        keys = {key.hash: key for key in held.keys}
        locked = held.locked or bool(keys)
        self.current = Snapshot(revision, services, waiting, keys, locked, self._was_ready, True)
        self._loader.keep(self._wanted(services))
        self._write_status()
        for listener in self.on_change:
            listener(self.current)

    def _assemble(self, entry: ServiceEntry) -> Service | None:
        """The best that a service can serve now; None for nothing at all."""
        now = self.current.services.get(entry.name)
        if now is not None and now.state == "ready" and len(now.versions) == len(entry.versions) and now.entry == entry:
            return now  # what most services are when something changes elsewhere
        for candidate in self._candidates(entry):
            versions = self._loader.loaded(candidate)
            if not all(number in versions for number in in_traffic(candidate)):
                continue
            if candidate is entry:
                self._remember(entry)
                return self._again(Service.of(entry, versions), self._standby_problem(entry))
            failure = self._missing(entry)
            state: Literal["loading", "failed"] = "loading" if failure is None else "failed"
            service = Service.of(candidate, versions)
            return self._again(replace(service, state=state), "" if failure is None else failure.problem)
        return None

    def _again(self, service: Service, problem: str) -> Service:
        """The service that is served already when nothing about it changed, so that what others keep with it stays."""
        service = replace(service, problem=problem)
        now = self.current.services.get(service.entry.name)
        if now is None or (now.entry, now.state, now.problem) != (service.entry, service.state, service.problem):
            return service
        same = now.versions.keys() == service.versions.keys() and all(now.versions[n] is v for n, v in service.versions.items())
        return now if same else service

    def _standby_problem(self, entry: ServiceEntry) -> str:
        """What is wrong with a version that is held for a rollback only."""
        for version in entry.versions:
            failure = self._loader.failure(entry, version)
            if failure is not None:
                return f"version {version.version}, which is not in traffic: {failure.problem}"
        return ""

    def _remember(self, entry: ServiceEntry) -> None:
        if self._good.get(entry.name) == entry:
            return
        self._good[entry.name] = entry
        try:
            files.write(self.home.served / f"{entry.name}.json", entry)
        except HomeError as error:
            _log.error("served state not kept", service=entry.name, problem=str(error))

    def _wanted(self, services: dict[str, Service]) -> set[LoadKey]:
        assert self._held is not None
        entries = [*self._held.services, *(service.entry for service in services.values())]
        entries += [good for entry in self._held.services for good in self._candidates(entry) if entry.name not in services]
        return {load_key(entry, version) for entry in entries for version in entry.versions}

    # ---- status -------------------------------------------------------------------------------------------------

    def status(self) -> WorkerStatus:
        """What this process serves, for its supervisor."""
        now = self.current
        served = [
            ServiceStatus(name, tuple(sorted(service.versions)), service.state, service.problem)
            for name, service in now.services.items()
        ]
        shadow = {} if self.shadow_report is None else self.shadow_report()
        return WorkerStatus(os.getpid(), now.revision, now.ready, (*served, *now.waiting.values()), shadow)

    def _write_status(self) -> None:
        """Write the status by rename when it says something new."""
        status = self.status()
        self._written_at = asyncio.get_running_loop().time()
        if status == self._written:
            return
        try:
            files.write(self._path, status)
        except HomeError as error:
            _log.error("status not written", problem=str(error))
        self._written = status


__all__ = ["Loaded", "Service", "Snapshot", "Table", "in_traffic"]
