"""The client for threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, overload

from rtml_core.client import operations as ops
from rtml_core.client.answers import Prediction
from rtml_core.client.blocking import Blocking
from rtml_core.client.hub import package_bytes
from rtml_core.client.records import (
    AuditEntry,
    Collected,
    Drift,
    Edge,
    GalleryLink,
    Key,
    NewKey,
    Published,
    Region,
    Rollout,
    Series,
    Service,
    Traffic,
    Version,
)
from rtml_core.client.sync_persons import PersonsClient
from rtml_core.progress import task as work


class Client(PersonsClient):
    """Publishes, steers and scores services. One for a whole process: threads share it and its connections.

    hub: its address; else RTML_HUB, else http://127.0.0.1:8000. edges: addresses of edges, or {region: addresses}, so that no hub
    is asked for them. region: where to score first, or several in order; others are fallen back to, and without one all are
    alike. key: an API key, else RTML_API_KEY. timeout: seconds of a call, retries included. retries: how often at most a call is
    tried again. ca: file or folder of certificates of authorities, instead of the usual ones.

    Every call raises ClientError: HubAway and EdgeAway when nobody answers, Refused when somebody does not want to.
    """

    def __init__(
        self,
        hub: str | None = None,
        *,
        edges: str | Sequence[str] | Mapping[str, str | Sequence[str]] | None = None,
        region: str | Sequence[str] | None = None,
        key: str | None = None,
        timeout: float = 10.0,
        retries: int = 2,
        ca: str | os.PathLike[str] | None = None,
    ):
        self._ops = ops.Operations(hub, edges, region, key, timeout, retries, ca)
        self._persons = self._ops.persons
        self._connections = Blocking(self._ops.wire)
        self._run = self._connections.run

    @property
    def hub(self) -> str:
        """The hub's address."""
        return self._ops.hub

    # scoring

    @overload
    def predict(
        self,
        service: str,
        rows: Mapping[str, Any],
        *,
        version: int | None = None,
        sticky: str | None = None,
        explain: bool = False,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        service: str,
        rows: Sequence[Mapping[str, Any]] | None = None,
        *,
        columns: Mapping[str, Sequence[Any]] | None = None,
        version: int | None = None,
        sticky: str | None = None,
        explain: bool = False,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> list[Prediction]: ...

    def predict(
        self,
        service: str,
        rows: Any = None,
        *,
        columns: Mapping[str, Sequence[Any]] | None = None,
        version: int | None = None,
        sticky: str | None = None,
        explain: bool = False,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Prediction | list[Prediction]:
        """Score one row (a dict), rows (a list of dicts) or columns (a dict of lists): a Prediction, or a list of them.

        version: another than traffic would choose. sticky: the visitor, so that an A/B test answers them by the same version each
        time. explain: the features computed on the way, for keys with the scope debug. request_id: for the edge's log.
        timeout: seconds, instead of the client's. Raises InvalidInput, an InputError, when rows do not fit the service.
        """
        flow = self._ops.predict(service, rows, columns, version, sticky, explain, request_id, timeout)
        return ops.one_or_all(rows, self._run(flow))

    # publishing and steering

    def publish(
        self,
        package: Any,
        name: str,
        *,
        regions: str | Sequence[str] | None = None,
        description: str | None = None,
        owner: str | None = None,
        message: str | None = None,
        allow_incompatible: bool = False,
        share: float | None = None,
        traffic: str = "champion",
        wait: bool = True,
        timeout: float = 60.0,
        progress: Callable[[Rollout], object] | None = None,
    ) -> Published:
        """Publish a package as a version of a service, and wait until every edge of its regions serves it.

        package: a .rtml file, its bytes, or what compile() gives. The same one twice is one version. regions: that are to serve
        it besides those that do; a new service is in all that have edges unless some are named. message: what is said about this
        version. allow_incompatible: although its signature breaks callers of the version before. share: answer only this part of
        the requests, as a canary. traffic: "keep" publishes without answering anyone. progress: called with each Rollout on the
        way. Raises NotTakenUp, with `published`, when edges can't load it or take longer than `timeout` seconds.
        """
        data = package_bytes(package)
        with work(f"publishing {name}"):
            flow = self._ops.publish(
                data,
                name,
                regions=regions,
                description=description,
                owner=owner,
                message=message,
                allow_incompatible=allow_incompatible,
                share=share,
                traffic=traffic,
                wait=wait,
                timeout=timeout,
                progress=ops.telling(progress),
            )
            return self._run(flow)

    def set_traffic(self, service: str, traffic: Traffic, *, seen: int | None = None, wait: bool = True) -> Service:
        """Say which version answers whom; wait until the edges do it. seen: `change` of the service as it was looked at; when it
        has changed since then, Conflict says who changed what, and nothing is done."""
        return self._run(self._ops.set_traffic(service, traffic, wait, seen))

    def promote(self, service: str, version: int | None = None, *, wait: bool = True) -> Service:
        """Make a version the champion, the canary unless one is named; it stops being canary, arm or shadow."""
        return self._run(self._ops.change_traffic(service, ops.with_champion(service, version), wait))

    def canary(self, service: str, version: int, share: float, *, sticky: str | None = None, wait: bool = True) -> Service:
        """Let a version answer a share (0 to 1) of the requests; 0 ends it. sticky: the field that decides who."""
        return self._run(self._ops.change_traffic(service, ops.with_canary(version, share, sticky), wait))

    def split(self, service: str, shares: Mapping[int, float], *, sticky: str | None = None, wait: bool = True) -> Service:
        """An A/B test: {version: share}; the champion answers the rest. Empty ends it. sticky: the field that decides who."""
        return self._run(self._ops.change_traffic(service, ops.with_split(shares, sticky), wait))

    def shadow(self, service: str, version: int | None, *, wait: bool = True) -> Service:
        """Score a version along with the one that answers, and compare; None ends it."""
        return self._run(self._ops.change_traffic(service, ops.with_shadow(version), wait))

    def rollback(self, service: str, to: int | None = None, *, wait: bool = True) -> Service:
        """Let the champion before, or version `to`, answer again."""
        return self._run(self._ops.rollback(service, to, wait))

    def rollout(
        self,
        service: str,
        revision: int | None = None,
        *,
        wait: bool = True,
        timeout: float = 60.0,
        progress: Callable[[Rollout], object] | None = None,
    ) -> Rollout:
        """Wait until the edges of a service serve a revision of the hub, the newest unless one is named; without `wait`, how far
        they are now."""
        return self._run(self._ops.rollout(service, revision, wait, timeout, progress))

    def deprecate(self, service: str, reason: str) -> Service:
        """Say that a service goes, and what to use instead; it is served as before, and answers say so."""
        return self._run(self._ops.deprecate(service, reason))

    def restore(self, service: str) -> Service:
        """Take a deprecation back."""
        return self._run(self._ops.restore(service))

    def update(
        self,
        service: str,
        *,
        description: str | None = None,
        owner: str | None = None,
        regions: str | Sequence[str] | None = None,
    ) -> Service:
        """Change description, owner or regions; None leaves each as it is."""
        return self._run(self._ops.update(service, description, owner, regions))

    def delete(self, service: str) -> None:
        """Delete a service; edges stop serving it."""
        self._run(self._ops.delete(service))

    # looking

    def services(
        self, q: str | None = None, *, region: str | None = None, limit: int | None = None, offset: int | None = None
    ) -> list[Service]:
        """Services by name; all of them, or those that `q` is found in, that a region serves, or a page."""
        return self._run(self._ops.services(q, region, limit, offset))

    def service(self, name: str) -> Service:
        """A service; NotFound when there is none of this name."""
        return self._run(self._ops.service(name))

    def versions(self, service: str) -> list[Version]:
        """Its versions, newest first."""
        return self._run(self._ops.versions(service))

    def download(self, service: str, version: int | None = None, *, timeout: float = 60.0) -> bytes:
        """The .rtml file of a version, of the champion unless one is named."""
        return self._run(self._ops.download(service, version, timeout))

    def measures(self, service: str, *, span: str = "1h", region: str | None = None, version: int | None = None) -> Series:
        """What a service answered in the last 15m, 1h, 24h, 7d or 30d, in steps, and in the last minute: requests a second,
        errors, latencies, by version and by region. region, version: only what these counted."""
        return self._run(self._ops.measures(service, span, region, version))

    def drift(self, service: str, version: int | None = None, *, span: str = "24h", region: str | None = None) -> Drift:
        """Whether the values that a version (by default the champion) got and gave in the last 15m, 1h, 24h, 7d or 30d are like
        those that it was compiled with: a verdict for it and for each column."""
        return self._run(self._ops.drift(service, version, span, region))

    def edges(self) -> list[Edge]:
        """Edges as they last reported to the hub."""
        return self._run(self._ops.edges())

    def forget_edge(self, edge: str) -> None:
        """Let the hub forget an edge that is gone for good; one that lives reports again."""
        self._run(self._ops.forget_edge(edge))

    def regions(self) -> list[Region]:
        """Regions that services or edges name."""
        return self._run(self._ops.known_regions())

    def audit(self, service: str | None = None, *, limit: int = 100, before: int | None = None) -> list[AuditEntry]:
        """Who changed what, newest first; of one service, or all. before: entries with lower numbers."""
        return self._run(self._ops.audit(service, limit, before))

    def collect(self, *, older_than: float | None = None, dry_run: bool = False) -> Collected:
        """Remove packages from the hub that no service has needed for `older_than` seconds, seven days by default. dry_run: only
        say which they are."""
        return self._run(self._ops.collect(older_than, dry_run))

    def gallery_link(self) -> GalleryLink:
        """An address that opens the hub's gallery in a browser with the rights of this client's key: once, within 90 seconds."""
        return self._run(self._ops.gallery_link())

    # keys

    def keys(self) -> list[Key]:
        """API keys, without their secrets."""
        return self._run(self._ops.keys())

    def create_key(
        self,
        name: str,
        scopes: Sequence[str],
        *,
        services: Sequence[str] | None = None,
        expires: str | None = None,
        rate: float | None = None,
        regions: Sequence[str] | None = None,
    ) -> NewKey:
        """A new key. scopes: of predict, publish, admin, debug, edge, collect, profile, profile-write. services: None for all.
        expires: ISO 8601. rate: requests a second. regions: of a key of scope edge, None for all. Its secret is in this answer
        only."""
        content = {"name": name, "scopes": list(scopes), "services": services, "expires": expires, "rate": rate}
        if regions is not None:
            content["regions"] = list(regions)
        return self._run(self._ops.create_key(content))

    def rotate_key(self, key: str, *, overlap: float | None = None) -> NewKey:
        """A new secret for the same rights; the old one is good for `overlap` seconds more."""
        return self._run(self._ops.rotate_key(key, overlap))

    def revoke_key(self, key: str, *, force: bool = False) -> None:
        """End a key, by its id; edges refuse it as soon as they hear of it. force: also the last one that may manage keys."""
        self._run(self._ops.revoke_key(key, force))

    # connections

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._connections.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self.hub!r})"
