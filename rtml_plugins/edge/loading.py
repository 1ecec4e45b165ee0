"""Loading versions in a thread: what is loaded, and what failed and why."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from rtml_core.errors import RtmlError, said
from rtml_plugins.edge import files, metrics
from rtml_plugins.edge.files import Home, HomeError
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.wire import ServiceEntry, VersionEntry

if TYPE_CHECKING:
    from rtml_core import Runtime
    from rtml_core.runtime.boundary import Requests
    from rtml_plugins.edge.batching import Scorer

#: id of a service, its name, number of the version, id of the package
LoadKey = tuple[str, str, int, str]

#: a package of which so many processes died is not loaded any more
STRIKES: Final = 2
_log: Final = logger("rtml.edge.table")


def load_key(entry: ServiceEntry, version: VersionEntry) -> LoadKey:
    """What a loaded version is kept under: as long as it is the same, it stays loaded."""
    return entry.id, entry.name, version.version, version.package


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Loaded:
    """A version that answered its parity sample. scorer: what scores requests with it. requests: reads those by identity, None
    for a package that has none.
    """

    service: str
    version: int
    package_id: str
    runtime: Runtime
    scorer: Scorer
    requests: Requests | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a version is not served. signature: of the file that was tried, None when there was none."""

    signature: files.Signature | None
    problem: str


class Loader:
    """The versions that a process has loaded. Everything but the loading itself happens in the event loop."""

    def __init__(self, settings: EdgeSettings, home: Home, resources: Mapping[str, Any] | None = None):
        """resources: what sources of packages read persons with, by name; None where requests by identity are not taken."""
        self._settings = settings
        self._resources = resources
        self._home = home
        self._loaded: dict[LoadKey, Loaded] = {}
        self._failures: dict[LoadKey, Failure] = {}
        self._runtimes: WeakValueDictionary[str, Runtime] = WeakValueDictionary()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rtml-load")

    def close(self) -> None:
        """End the thread, when what it is loading is done."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def loaded(self, entry: ServiceEntry) -> dict[int, Loaded]:
        """What is loaded of an entry, by number."""
        found = {version.version: self._loaded.get(load_key(entry, version)) for version in entry.versions}
        return {number: loaded for number, loaded in found.items() if loaded is not None}

    def failure(self, entry: ServiceEntry, version: VersionEntry) -> Failure | None:
        """Why a version is not loaded; None when it is, or nobody tried."""
        return self._failures.get(load_key(entry, version))

    def wants(self, entry: ServiceEntry, version: VersionEntry, missing: Mapping[str, str]) -> bool:
        """Whether a version is to be loaded now: not one that failed, nor one whose package is still being fetched."""
        key = load_key(entry, version)
        return key not in self._loaded and key not in self._failures and missing.get(version.package) != ""

    def keep(self, keys: set[LoadKey]) -> None:
        """Let go of all others. A version leaves memory when the requests that use it are answered, too."""
        self._loaded = {key: loaded for key, loaded in self._loaded.items() if key in keys}
        self._failures = {key: failure for key, failure in self._failures.items() if key in keys}

    def forget_missing(self) -> None:
        """Try failed versions again whose file has come, or is another one now."""
        for key, failure in list(self._failures.items()):
            if failure.signature != self._signature(key[3]):
                del self._failures[key]

    async def load(self, entry: ServiceEntry, version: VersionEntry, missing: Mapping[str, str]) -> None:
        """Load a version in the thread; what goes wrong is kept as its failure."""
        key = load_key(entry, version)
        signature = self._signature(version.package)
        try:
            if signature is None:
                reason = missing.get(version.package) or "it is not on disk"
                raise HomeError(f"package {version.package[:12]}... could not be fetched: {reason}")
            loop = asyncio.get_running_loop()
            loaded, seconds = await loop.run_in_executor(self._thread, self._load, entry.name, version)
        except RtmlError as error:
            problem = str(error)
        except Exception as error:  # onnxruntime, the disk, memory: whatever it is, the others go on
            problem = said(error)
        else:
            self._loaded[key] = loaded
            metrics.loaded(entry.name, version.version, seconds)
            _log.info("version loaded", service=entry.name, version=version.version, ms=round(1e3 * seconds, 1))
            return
        self._failures[key] = Failure(signature, problem)
        metrics.load_failed(entry.name, version.version)
        _log.error("version not loaded", service=entry.name, version=version.version, problem=problem)

    def _signature(self, package: str) -> files.Signature | None:
        try:
            return files.signature(self._home.package(package))
        except HomeError:
            return None

    def _load(self, service: str, version: VersionEntry) -> tuple[Loaded, float]:
        """In the thread: guards, digest, session, parity sample, scorer. One runtime serves all versions of one package."""
        from rtml_core import Runtime
        from rtml_plugins.edge.batching import Scorer

        began = time.perf_counter()
        runtime = self._runtimes.get(version.package)
        if runtime is None:
            with self._watched(version.package):
                trust = "all" if "all" in self._settings.trust else self._settings.trust
                runtime = Runtime.from_file(self._home.package(version.package), trust=trust)
            if runtime.id != version.package:
                raise HomeError(f"the file of package {version.package[:12]}... holds another one, {runtime.id[:12]}...")
            self._runtimes[version.package] = runtime
        scorer = Scorer(runtime, self._settings, service)
        reads = self._resources is not None and bool(runtime.manifest.boundary)
        requests = runtime.requests(self._resources) if reads else None
        return Loaded(service, version.version, version.package, runtime, scorer, requests), time.perf_counter() - began

    @contextmanager
    def _watched(self, package: str) -> Iterator[None]:
        """Say what is being loaded, so that the supervisor knows of what this process died.

        HomeError for a package of which others died: it would end every worker, again and again.
        """
        died = self._home.read_suspects().get(package, 0)
        if died >= STRIKES:
            raise HomeError(
                f"{died} processes died while loading package {package[:12]}...: it is tried again when the edge restarts"
            )
        path = self._home.loading(os.getpid())
        with suppress(HomeError):  # on a full disk it is loaded unwatched
            files.write(path, package)
        try:
            yield
        finally:
            files.remove(path)
