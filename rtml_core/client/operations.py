"""Everything that a client can do, as operations that either shell runs."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from rtml_core import progress as on_the_way
from rtml_core.client.addresses import api_key, edge_addresses, hub_address
from rtml_core.client.answers import Prediction
from rtml_core.client.errors import ClientError, Conflict, InvalidInput, NotTakenUp
from rtml_core.client.exchange import Flow
from rtml_core.client.hub import HubCalls, hub_path
from rtml_core.client.persons import Persons
from rtml_core.client.pools import Wire
from rtml_core.client.records import (
    Arm,
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
from rtml_core.client.scoring import Scoring, scoring_body, scoring_path
from rtml_core.errors import describe, listing

Progress = Callable[[Rollout], object]
#: how often a change is tried again whose service somebody else changed in another way
_TURNS: Final = 4


class _Services(msgspec.Struct):
    services: list[Service]


class _Versions(msgspec.Struct):
    versions: list[Version]


class _Edges(msgspec.Struct):
    edges: list[Edge]


class _Regions(msgspec.Struct):
    regions: list[Region]


class _Audit(msgspec.Struct):
    entries: list[AuditEntry]


class _Keys(msgspec.Struct):
    keys: list[Key]


def telling(progress: Progress | None) -> Progress | None:
    """`progress`, and whoever listens to this thread's work is told how many edges are ready."""
    if not on_the_way.watched():
        return progress

    def told(rollout: Rollout) -> None:
        present = [edge for edge in rollout.edges if edge.state != "away"]
        ready = sum(rollout.complete or edge.revision >= rollout.revision for edge in present)
        on_the_way.at("edges that serve it", ready, len(present))
        if progress is not None:
            progress(rollout)

    return told


def names(given: str | Sequence[str] | None) -> list[str]:
    """Names as a list: given as one, or as a text like "na,emea"."""
    if isinstance(given, str):
        return [name for name in (part.strip() for part in given.split(",")) if name]
    return list(given or ())


class Operations:
    """Operations of one client. timeout: seconds of a call, retries included."""

    def __init__(
        self,
        hub: str | None,
        edges: str | Sequence[str] | Mapping[str, str | Sequence[str]] | None,
        region: str | Sequence[str] | None,
        key: str | None,
        timeout: float,
        retries: int,
        ca: str | os.PathLike[str] | None,
    ):
        if not timeout > 0:
            raise ClientError(f"timeout is {timeout!r}: expected seconds, more than 0")
        if retries < 0:
            raise ClientError(f"retries is {retries!r}: expected 0 or more")
        self.hub = hub_address(hub)
        self.regions = tuple(names(region))
        self.wire = Wire(api_key(key), ca)
        self.calls = HubCalls(self.hub, retries, timeout)
        self.persons = Persons(self.calls)
        self.scoring = Scoring(self.hub, edge_addresses(edges), self.regions, retries)
        self._timeout = timeout
        self._paths: dict[tuple[str, int | None, bool], str] = {}

    def predict(
        self,
        service: str,
        rows: Any,
        columns: Mapping[str, Sequence[Any]] | None,
        version: int | None,
        sticky: str | None,
        explain: bool,
        request_id: str | None,
        timeout: float | None,
    ) -> Flow[list[Prediction]]:
        """Predictions of rows or columns, one each."""
        path = self._paths.get((service, version, explain))
        if path is None:
            path = scoring_path(service, version, explain)
            if len(self._paths) < 1024:
                self._paths[service, version, explain] = path
        headers: tuple[tuple[str, str], ...] = ()
        if sticky is not None:
            headers = (("x-rtml-key", sticky),)
        if request_id is not None:
            headers = (*headers, ("x-request-id", request_id))
        body = scoring_body(rows, columns)
        try:
            return (yield from self.scoring.predict(path, service, body, headers, self._timeout if timeout is None else timeout))
        except InvalidInput as error:
            raise (error.of_one_row() if isinstance(rows, Mapping) else error) from None

    def publish(
        self,
        data: bytes,
        name: str,
        *,
        regions: str | Sequence[str] | None,
        description: str | None,
        owner: str | None,
        message: str | None,
        allow_incompatible: bool,
        share: float | None,
        traffic: str,
        wait: bool,
        timeout: float,
        progress: Progress | None,
    ) -> Flow[Published]:
        """Send a package and wait until the edges serve it."""
        if traffic not in ("champion", "keep"):
            raise ClientError(f"traffic is {describe(traffic)}: expected 'champion' (the new version answers) or 'keep'")
        query = {
            "region": names(regions),
            "description": description,
            "owner": owner,
            "message": message,
            "allow_incompatible": allow_incompatible or None,
            "share": share,
            "traffic": "keep" if traffic == "keep" else None,
        }
        published = yield from self.calls.publish(hub_path("services", name, "versions", query=query), data, timeout)
        if wait:
            try:
                yield from self.calls.rollout(name, published.revision, timeout, progress)
            except NotTakenUp as error:
                raise NotTakenUp(str(error), error.rollout, published) from None
        self.scoring.forget()
        return published

    def services(self, q: str | None, region: str | None, limit: int | None, offset: int | None) -> Flow[list[Service]]:
        """Services, all pages unless a limit is given."""
        found: list[Service] = []
        page = 500 if limit is None else limit
        while True:
            query = {"q": q, "region": region, "limit": page, "offset": (offset or 0) + len(found)}
            part = (yield from self.calls.get(hub_path("services", query=query), _Services)).services
            found += part
            if limit is not None or len(part) < page:
                return found

    def service(self, name: str) -> Flow[Service]:
        """One service."""
        return self.calls.get(hub_path("services", name), Service)

    def versions(self, name: str) -> Flow[list[Version]]:
        """Its versions, newest first."""
        return (yield from self.calls.get(hub_path("services", name, "versions"), _Versions)).versions

    def download(self, name: str, version: int | None, timeout: float) -> Flow[bytes]:
        """The package of a version, of the champion when none is named."""
        if version is None:
            version = (yield from self.service(name)).traffic.champion
        return (yield from self.calls.fetch(hub_path("services", name, "versions", version, "package"), timeout))

    def set_traffic(self, name: str, traffic: Traffic, wait: bool, seen: int | None = None) -> Flow[Service]:
        """PUT the traffic. seen: only while this is the newest change of the service."""
        changed = yield from self.calls.change("PUT", hub_path("services", name, "traffic"), Service, traffic, seen)
        return (yield from self._followed(name, changed, wait))

    def change_traffic(self, name: str, change: Callable[[Traffic], Traffic], wait: bool) -> Flow[Service]:
        """The traffic as it is, changed."""
        path = hub_path("services", name, "traffic")
        changed = yield from self._as_read(
            name, lambda now: self.calls.change("PUT", path, Service, change(now.traffic), now.change)
        )
        return (yield from self._followed(name, changed, wait))

    def rollback(self, name: str, to: int | None, wait: bool) -> Flow[Service]:
        """The champion before, or version `to`, answers again."""
        path = hub_path("services", name, "rollback", query={"to": to})
        if to is None:  # which one is before depends on which answers now
            changed = yield from self._as_read(name, lambda now: self.calls.change("POST", path, Service, None, now.change))
        else:
            changed = yield from self.calls.change("POST", path, Service)
        return (yield from self._followed(name, changed, wait))

    def _as_read(self, name: str, change: Callable[[Service], Flow[Service]]) -> Flow[Service]:
        """Read a service and change it as it was read. Where somebody else changed it in between, that is repeated while its
        traffic is still the same, and so what is wanted of it; else Conflict says what became of it."""
        now = yield from self.service(name)
        for _ in range(_TURNS):
            try:
                return (yield from change(now))
            except Conflict:
                before, now = now, (yield from self.service(name))
                if (now.id, now.traffic) != (before.id, before.traffic):
                    raise
        return (yield from change(now))

    def _followed(self, name: str, changed: Service, wait: bool) -> Flow[Service]:
        if wait:
            yield from self.calls.rollout(name, None, max(self._timeout, 30.0))
        return changed

    def rollout(self, name: str, revision: int | None, wait: bool, timeout: float, progress: Progress | None) -> Flow[Rollout]:
        """Wait for edges, or look at them."""
        if wait:
            return self.calls.rollout(name, revision, timeout, progress)
        return self.calls.get(hub_path("services", name, "rollout", query={"revision": revision}), Rollout)

    def measures(self, name: str, span: str, region: str | None, version: int | None) -> Flow[Series]:
        """What a service answered over time."""
        query = {"span": span, "region": region, "version": version}
        return self.calls.get(hub_path("services", name, "measures", query=query), Series)

    def drift(self, name: str, version: int | None, span: str, region: str | None) -> Flow[Drift]:
        """Live values of a version against its baseline."""
        query = {"version": version, "span": span, "region": region}
        return self.calls.get(hub_path("services", name, "drift", query=query), Drift)

    def deprecate(self, name: str, reason: str) -> Flow[Service]:
        """Say that a service is no longer to be used."""
        return self.calls.change("POST", hub_path("services", name, "deprecate"), Service, {"reason": reason})

    def restore(self, name: str) -> Flow[Service]:
        """Take a deprecation back."""
        return self.calls.change("POST", hub_path("services", name, "restore"), Service)

    def update(self, name: str, description: str | None, owner: str | None, regions: str | Sequence[str] | None) -> Flow[Service]:
        """Change what is said about a service, and where it is served."""
        given = {"description": description, "owner": owner, "regions": None if regions is None else names(regions)}
        content = {name: value for name, value in given.items() if value is not None}
        self.scoring.forget()
        return self.calls.change("PATCH", hub_path("services", name), Service, content)

    def delete(self, name: str) -> Flow[None]:
        """Delete a service and its versions."""
        yield from self.calls.change("DELETE", hub_path("services", name), object)

    def edges(self) -> Flow[list[Edge]]:
        """Edges as they last reported."""
        return (yield from self.calls.get(hub_path("edges"), _Edges)).edges

    def forget_edge(self, identity: str) -> Flow[None]:
        """Drop an edge that is gone."""
        yield from self.calls.change("DELETE", hub_path("edges", identity), object)
        self.scoring.forget()

    def known_regions(self) -> Flow[list[Region]]:
        """Regions."""
        return (yield from self.calls.get(hub_path("regions"), _Regions)).regions

    def audit(self, service: str | None, limit: int, before: int | None) -> Flow[list[AuditEntry]]:
        """Changes, newest first."""
        query = {"service": service, "limit": limit, "before": before}
        return (yield from self.calls.get(hub_path("audit", query=query), _Audit)).entries

    def collect(self, older_than: float | None, dry_run: bool) -> Flow[Collected]:
        """Have packages removed that no service needs."""
        query = {"older_than": None if older_than is None else f"{older_than:.15g}", "dry_run": dry_run or None}
        return self.calls.change("POST", hub_path("packages", "collect", query=query), Collected)

    def gallery_link(self) -> Flow[GalleryLink]:
        """What opens the gallery in a browser; at the address at which the hub is asked, whatever a proxy tells the hub."""
        found = yield from self.calls.change("POST", hub_path("gallery", "links"), GalleryLink)
        parts = urlsplit(found.url)
        return GalleryLink(f"{self.hub}{parts.path}{f'?{parts.query}' if parts.query else ''}", found.expires)

    def keys(self) -> Flow[list[Key]]:
        """Keys, without secrets."""
        return (yield from self.calls.get(hub_path("keys"), _Keys)).keys

    def create_key(self, content: Mapping[str, Any]) -> Flow[NewKey]:
        """A new key."""
        given = {name: value for name, value in content.items() if value is not None}
        return self.calls.change("POST", hub_path("keys"), NewKey, given)

    def rotate_key(self, identity: str, overlap: float | None) -> Flow[NewKey]:
        """A new secret in place of an old one."""
        query = {"overlap": None if overlap is None else f"{overlap:g}"}
        return self.calls.change("POST", hub_path("keys", identity, "rotate", query=query), NewKey)

    def revoke_key(self, identity: str, force: bool) -> Flow[None]:
        """End a key."""
        yield from self.calls.change("DELETE", hub_path("keys", identity, query={"force": force or None}), object)


def with_canary(version: int, share: float, sticky: str | None) -> Callable[[Traffic], Traffic]:
    """Traffic with a canary; a share of 0 takes it away."""

    def change(traffic: Traffic) -> Traffic:
        arm = Arm(version, share) if share else None
        return dataclasses.replace(traffic, canary=arm, sticky=traffic.sticky if sticky is None else sticky)

    return change


def with_split(shares: Mapping[int, float], sticky: str | None) -> Callable[[Traffic], Traffic]:
    """Traffic with an A/B test. The champion takes what is left; when it is named too, the shares have to add up to 1."""

    def change(traffic: Traffic) -> Traffic:
        total = sum(shares.values())
        if traffic.champion in shares and abs(total - 1.0) > 1e-9:
            raise ClientError(
                f"the shares of versions {listing(map(str, shares))} add up to {total:g}, and the champion"
                f" (version {traffic.champion}) is one of them: expected 1"
            )
        arms = tuple(Arm(version, share) for version, share in shares.items() if version != traffic.champion)
        return dataclasses.replace(traffic, split=arms, sticky=traffic.sticky if sticky is None else sticky)

    return change


def with_shadow(version: int | None) -> Callable[[Traffic], Traffic]:
    """Traffic with a version that is scored and not answered; None for none."""
    return lambda traffic: dataclasses.replace(traffic, shadow=version)


def with_champion(service: str, wanted: int | None) -> Callable[[Traffic], Traffic]:
    """Traffic in which a version, or the canary, answers all that no arm takes; it stops being an arm itself."""

    def change(traffic: Traffic) -> Traffic:
        if wanted is None and traffic.canary is None:
            raise ClientError(f"'{service}' has no canary to promote: name the version that is to answer")
        version = traffic.canary.version if wanted is None and traffic.canary is not None else int(wanted or 0)
        canary = None if traffic.canary is not None and traffic.canary.version == version else traffic.canary
        split = tuple(arm for arm in traffic.split if arm.version != version)
        shadow = None if traffic.shadow == version else traffic.shadow
        return dataclasses.replace(traffic, champion=version, canary=canary, split=split, shadow=shadow)

    return change


def one_or_all(rows: Any, predictions: list[Prediction]) -> Prediction | list[Prediction]:
    """A prediction for a row, a list for rows; ClientError when there are not as many as rows."""
    if isinstance(rows, Mapping):
        if len(predictions) != 1:
            raise ClientError(f"the edge answered with {len(predictions)} predictions for one row")
        return predictions[0]
    if isinstance(rows, Sequence) and len(predictions) != len(rows):
        raise ClientError(f"the edge answered with {len(predictions)} predictions for {len(rows)} rows")
    return predictions
