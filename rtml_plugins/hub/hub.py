"""The hub itself, without HTTP: everything that can be asked of it and done to it, from many threads at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from rtml_core.client.records import (
    Activity,
    AuditEntry,
    Drift,
    Edge,
    Enrichment,
    Published,
    Region,
    RegionProjection,
    Rollout,
    Series,
    Service,
    Traffic,
    Version,
)
from rtml_core.package import Manifest
from rtml_plugins.hub import (
    activity,
    checks,
    drift,
    edge_access,
    edges,
    enriching,
    managing,
    overview,
    projecting,
    publishing,
    reading,
    series,
    steering,
)
from rtml_plugins.hub.baselines import Baselines
from rtml_plugins.hub.checks import Checked
from rtml_plugins.hub.database import Database
from rtml_plugins.hub.errors import Unavailable
from rtml_plugins.hub.keys import Caller
from rtml_plugins.hub.measures import Measuring
from rtml_plugins.hub.overview import Brief
from rtml_plugins.hub.store import PackageStore, identity
from rtml_plugins.serving.measures import Measures
from rtml_plugins.serving.wire import EdgeReport, RegionState

#: how long a package that no service needs is kept, in seconds
GRACE = 7 * 24 * 3600.0


class Hub:
    """Services, their versions and traffic, and the edges that serve them.

    Whatever changes something takes `actor`, who does it, for the audit log, and is one transaction. trust: distributions whose
    Python and native operators may run when a package is checked; limits: what that may take. changed: callables that are
    called, from the thread that made it, after each change that edges see; what another hub on the same database does shows in
    `revision` only. published: callables that are called with the manifest of what was published, and say of what to warn.

    Errors, all RtmlError: NotFound, Conflict, Changed (see set_traffic), Refused (a publication), NameRefused and TrafficRefused
    (what was given is none), Unavailable (the database or the store is away).
    """

    def __init__(
        self,
        database: Database,
        store: PackageStore,
        *,
        trust: Iterable[str] = (),
        limits: checks.Limits = checks.DEFAULT,
        check: Callable[[bytes], Checked] | None = None,
    ):
        self.database = database
        self.store = store
        self.id = database.id
        self.changed = database.changed
        self.published: list[Callable[[Manifest], str]] = []
        self._check = check or partial(checks.check_package, trust=tuple(trust), limits=limits)
        self._baselines = Baselines()
        self._measuring = Measuring(database, self._baselines)

    # ---- services -----------------------------------------------------------------------------------------------------------

    def publish(
        self,
        name: str,
        data: bytes,
        *,
        actor: str,
        regions: Iterable[str] | None = None,
        description: str | None = None,
        owner: str | None = None,
        message: str = "",
        allow_incompatible: bool = False,
        traffic: Literal["champion", "keep"] = "champion",
        share: float | None = None,
    ) -> Published:
        """Make a package a version of a service, which is made when it is new.

        regions: added to those of the service; of a new one, by default, all that have edges. message: about this version.
        traffic: "champion", the version answers everyone at once; "keep", nobody for now (the first version of a service always
        becomes its champion). share: it becomes the canary with that share instead. A package that is a version of the service
        already stays that version, and traffic as it is.

        Raises Refused, with nothing changed, for a package that does not load here, was not proved equal to what was authored,
        or is not compatible with the champion; Conflict when traffic is shared out and the new version is to be champion.
        """
        request = publishing.Request(
            name, tuple(dict.fromkeys(regions or ())), description, owner, message, allow_incompatible, traffic, share
        )
        package = identity(data)
        if package is not None:
            known = self._known(request, package, len(data))
            if known is not None:
                self.store.put(data)  # its bytes may have been lost
                return self._told(publishing.write(self.database, self.store, request, data, known, actor), known.manifest)
        checked = self._check(data)
        with self.database.read() as connection:
            publishing.require_compatible(connection, request, checked.manifest)
            publishing.check_arms(connection, request)
        fresh = not self.store.has(checked.id)
        self.store.put(data)
        try:
            published = publishing.write(self.database, self.store, request, data, checked, actor)
        except BaseException:
            if fresh:
                with suppress(Unavailable):  # then `collect` finds it
                    managing.discard(self.database, self.store, checked.id)
            raise
        return self._told(published, checked.manifest)

    def _told(self, published: Published, manifest: Manifest) -> Published:
        """With what those say who listen to publications."""
        said = tuple(filter(None, (listener(manifest) for listener in self.published)))
        return replace(published, warnings=(*published.warnings, *said)) if said else published

    def _known(self, request: publishing.Request, package: str, size: int) -> Checked | None:
        """What is known of a package that is a version of the service already: it was checked then."""
        with self.database.read() as connection:
            if publishing.existing(connection, request, package) is None:
                return None
            manifest = reading.manifest(connection, package)
        return Checked(package, size, manifest)

    def list(
        self,
        *,
        q: str | None = None,
        region: str | None = None,
        state: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> tuple[Sequence[Service], int]:
        """Services by name, and how many match without limit and offset.

        q: part of name, description or owner, in any case. state: active, deprecated or deleted; None for all but deleted ones.
        """
        with self.database.read() as connection:
            return reading.find(connection, q=q, region=region, state=state, limit=limit, offset=offset)

    def briefs(self) -> Sequence[Brief]:
        """Every service that is not deleted, by name, in short: without its versions, and with its champion's package."""
        with self.database.read() as connection:
            return overview.briefs(connection)

    def get(self, name: str) -> Service:
        """A service. Raises NotFound with the names that are near."""
        with self.database.read() as connection:
            return reading.service(connection, name)

    def version(self, name: str, number: int) -> Version:
        """A version of a service. Raises NotFound."""
        with self.database.read() as connection:
            return reading.version(connection, name, number)

    def manifest(self, package: str) -> Manifest:
        """The manifest of a package: signature, operators, parity. Raises NotFound."""
        with self.database.read() as connection:
            return reading.manifest(connection, package)

    def package(self, package: str) -> bytes:
        """The bytes of a package, verified. Raises NotFound."""
        return self.store.get(package)

    def update(
        self,
        name: str,
        *,
        actor: str,
        description: str | None = None,
        owner: str | None = None,
        regions: Iterable[str] | None = None,
    ) -> Service:
        """Change description, owner or regions; None leaves them. regions: all that it is served in from now on."""
        with self.database.write(actor) as change:
            managing.update_service(change, name, description, owner, None if regions is None else tuple(regions))
            return reading.service(change.connection, name)

    def deprecate(self, name: str, *, actor: str, reason: str = "", seen: Collection[int] | None = None) -> Service:
        """Mark a service as one to move away from; it goes on answering, and says so. reason: why, and what to use instead. seen:
        as in set_traffic."""
        with self.database.write(actor) as change:
            managing.deprecate(change, name, reason, seen)
            return reading.service(change.connection, name)

    def restore(self, name: str, *, actor: str, seen: Collection[int] | None = None) -> Service:
        """Take a deprecation back. seen: as in set_traffic."""
        with self.database.write(actor) as change:
            managing.restore(change, name, seen)
            return reading.service(change.connection, name)

    def delete(self, name: str, *, actor: str) -> None:
        """Take a service away from all edges. Its name is free then; its versions stay in the audit log, and numbers go on."""
        with self.database.write(actor) as change:
            managing.remove(change, name)

    # ---- traffic ------------------------------------------------------------------------------------------------------------

    def set_traffic(self, name: str, traffic: Traffic, *, actor: str, seen: Collection[int] | None = None) -> Service:
        """Set who answers. seen: numbers of changes (Service.change), of which the newest to the service has to be one.

        Raises TrafficRefused for shares, versions or a sticky field that can't be; Changed, with nothing done, when the service
        has changed since it was seen.
        """
        with self.database.write(actor) as change:
            steering.assign(change, name, traffic, seen)
            return reading.service(change.connection, name)

    def check_traffic(self, name: str, traffic: Traffic, *, seen: Collection[int] | None = None) -> None:
        """Raise what set_traffic would, with nothing changed."""
        with self.database.read() as connection:
            steering.check(connection, name, traffic, seen)

    def champions(self, name: str) -> Sequence[tuple[int, str]]:
        """The champions of a service that rollbacks go back to, each with since when it is one; the present one last."""
        with self.database.read() as connection:
            return steering.since_when(connection, name)

    def rollback(self, name: str, to: int | None = None, *, actor: str, seen: Collection[int] | None = None) -> Service:
        """Have the champion before, or version `to`, answer everyone; canary, split and shadow end. seen: as in set_traffic."""
        with self.database.write(actor) as change:
            steering.rollback(change, name, to, seen)
            return reading.service(change.connection, name)

    # ---- profiles -----------------------------------------------------------------------------------------------------------

    def enrichment(self, name: str) -> Enrichment:
        """What of a service's predictions is written to profiles. Raises NotFound, also when nothing is."""
        with self.database.read() as connection:
            return enriching.get(connection, name)

    def enrich(self, name: str, outputs: Mapping[str, str], *, actor: str, enabled: bool = True) -> Enrichment:
        """Say what is: paths of the profile by output, "" for the usual place; none of them to have predictions kept only.

        Raises EnrichmentRefused for an output that the champion does not have, and for a path that can't be.
        """
        with self.database.write(actor) as change:
            return enriching.put(change, name, outputs, enabled)

    def unenrich(self, name: str, *, actor: str) -> None:
        """Write nothing any more. Raises NotFound when nothing is."""
        with self.database.write(actor) as change:
            enriching.remove(change, name)

    def projection(self, region: str) -> RegionProjection:
        """What the edges of a region may know of profiles."""
        with self.database.read() as connection:
            return projecting.get(connection, region)

    def project(self, region: str, setting: projecting.Setting, *, actor: str) -> RegionProjection:
        """Choose that. Raises ProjectionRefused, NameRefused."""
        with self.database.write(actor) as change:
            return projecting.put(change, region, setting)

    def unproject(self, region: str, *, actor: str) -> RegionProjection:
        """Let it be what the services there read. Raises NotFound when it is."""
        with self.database.write(actor) as change:
            return projecting.remove(change, region)

    # ---- edges --------------------------------------------------------------------------------------------------------------

    def revision(self, region: str) -> int:
        """The revision of what edges of a region see. An edge that has another one, higher ones included, needs the state."""
        with self.database.read() as connection:
            return edges.revision(connection, region)

    def region_state(self, region: str) -> RegionState:
        """Everything that an edge of the region serves, with its revision."""
        with self.database.read() as connection:
            return edges.state(connection, region, self.id, self.database.clock())

    def report_edge(self, edge: str, report: EdgeReport, by: Caller | None = None) -> None:
        """Keep what an edge reports of itself. by: who says so; without, anyone on this machine."""
        edges.report(self.database, edge, report, Caller.anyone() if by is None else by)

    def check_edge(self, edge: str, by: Caller, region: str | None = None) -> None:
        """Problem 403 unless a caller may speak for an edge, and Problem 409 unless that is in the region."""
        with self.database.read() as connection:
            if region is None:
                edge_access.check_key(connection, by, edge, self.database.clock())
            else:
                edge_access.check(connection, by, edge, region, self.database.clock())

    def edges(self, region: str | None = None) -> Sequence[Edge]:
        """The edges that reported, by region and id; those not heard of for 15 s are away."""
        with self.database.read() as connection:
            return edges.listed(connection, self.database.clock(), region)

    def forget_edge(self, edge: str, *, actor: str) -> None:
        """Take an edge off the list; it comes back when it reports again. Raises NotFound."""
        edges.forget(self.database, edge, actor)

    def rollout(self, name: str, revision: int | None = None) -> Rollout:
        """How far a revision (by default, the newest) has come on the edges of a service."""
        with self.database.read() as connection:
            return edges.rollout(connection, name, revision, self.database.clock())

    def revisions(self, regions: Collection[str]) -> Mapping[str, int]:
        """The revision of each of these regions."""
        with self.database.read() as connection:
            return overview.revisions(connection, regions)

    def regions(self) -> Sequence[Region]:
        """Every region that a service or an edge names."""
        with self.database.read() as connection:
            return edges.all_regions(connection, self.database.clock())

    # ---- what edges count ---------------------------------------------------------------------------------------------------

    def record_measures(self, edge: str, measures: Measures) -> int:
        """Take the windows of an edge, each once however often it is sent; the number of the newest that was taken."""
        return self._measuring.record(edge, measures)

    def activity(self, names: Collection[str] | None = None) -> Mapping[str, Activity]:
        """What services answered in the last minute, by name; of all unless some are named. Two statements, however many."""
        with self.database.read() as connection:
            return activity.lately(connection, self.database.clock(), names)

    def rates(self, ids: Collection[str]) -> Mapping[str, Sequence[float]]:
        """Requests a second in the last hour, in steps of five minutes, oldest first, by id of a service; see Brief."""
        with self.database.read() as connection:
            return overview.rates(connection, ids, self.database.clock())

    def series(
        self, name: str, span: float, *, region: str | None = None, version: int | None = None, by_region: bool = True
    ) -> Series:
        """What a service answered in the last `span` seconds, up to 90 days. by_region: also by region. Raises NotFound."""
        with self.database.read() as connection:
            now = self.database.clock()
            return series.over(connection, now, name, span, region=region, version=version, by_region=by_region)

    def drift(self, name: str, version: int, span: float, *, region: str | None = None) -> Drift:
        """The values that a version got and gave in the last `span` seconds, up to 35 days, against those that it was made
        with. Raises NotFound."""
        with self.database.read() as connection:
            return drift.against(connection, self._baselines, self.database.clock(), name, version, span, region=region)

    # ---- keeping house ------------------------------------------------------------------------------------------------------

    def audit(
        self, *, limit: int = 100, before: int | None = None, service: str | None = None, **only: Any
    ) -> Sequence[AuditEntry]:
        """The audit log, newest first. before: entries with a lower number only; service: about one name only; for what else it
        can be narrowed to see reading.entries."""
        with self.database.read() as connection:
            return reading.entries(connection, limit=limit, before=before, service=service, **only)

    def entries(self, numbers: Collection[int]) -> Mapping[int, AuditEntry]:
        """Entries of the audit log by their numbers."""
        with self.database.read() as connection:
            return overview.entries(connection, numbers)

    def collect(self, *, actor: str, grace: float = GRACE, dry_run: bool = False) -> Mapping[str, int]:
        """Remove packages that no service has needed for `grace` seconds from the store; ids and bytes. dry_run: tell only."""
        return managing.collect(self.database, self.store, actor, grace, dry_run)

    def check(self) -> None:
        """Raise Unavailable unless database and store answer."""
        self.database.ping()
        self.store.ping()

    def close(self) -> None:
        """Close the database."""
        self.database.close()
