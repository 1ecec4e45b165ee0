"""EdgeUtils: the documented way to publish, update, score, list and delete services, on rtml's client."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NoReturn

from rtml_aep import document
from rtml_aep.compiling import compiled as compiled_of
from rtml_aep.graph import check
from rtml_aep.scoring import Scored, location, payload_of, split_location
from rtml_aep.settings import Settings
from rtml_core import Client, Graph, settings
from rtml_core.client import ClientError, HubAway, NotFound
from rtml_core.client.records import Edge, Published, Service
from rtml_core.errors import listing


class EdgeUtils:
    """Publishes DSL as services and scores them. It needs no arguments: the settings of the plugin `aep` say where the hub is.

    Without a setting the hub is that of RTML_HUB; else the one that runs on this machine, which is started when none does and
    ends with this process. Nothing is looked for before the first call.
    """

    def __init__(self) -> None:
        self._edges: dict[str, Client] = {}
        #: names of services by id, as far as they were met
        self._names: dict[str, str] = {}

    @cached_property
    def _settings(self) -> Settings:
        found: Settings = settings("aep")
        return found

    @cached_property
    def _client(self) -> Client:
        from rtml import connect

        mine = self._settings
        key = None if mine.key is None else mine.key.reveal()
        return connect(mine.hub, home=mine.home, regions=mine.regions, key=key)

    # ---- publishing -------------------------------------------------------------------------------------------------------

    def publish_to_edge(self, dsl: str) -> tuple[str, str]:
        """Compile the DSL, prove it, and publish it as a service: (edge_location, service_id).

        It returns when every edge answers, so that nothing has to be waited for. edge_location is where rows are POSTed. The same
        content again is the service that it is already. Raises RtmlError, with nothing published, for a DSL that can't be served.
        """
        graph, _ = _checked(dsl)
        self._edge(self._settings.regions or [])
        compiled = compiled_of(graph)
        known = self._client.services()
        same = next((s for s in known if _champion(s) == compiled.id and s.deprecated is None), None)
        name = same.name if same is not None else _fresh(compiled.id, {service.name for service in known})
        published = self._client.publish(
            compiled, name, regions=self._settings.regions, description=None if same is not None else _told(graph, compiled)
        )
        return self._published(published.service, published.id)

    def update_deployment(self, dsl: str, service_id: str, *, allow_incompatible: bool = False) -> tuple[str, str, str]:
        """Publish the DSL as the next version of a service: (edge_location, service_id, updated_dsl).

        Its address and id stay; every edge answers with the new version when this returns. The content of an earlier version
        makes that one answer again. allow_incompatible: also when requests or answers change so that callers break.
        """
        graph, parsed = _checked(dsl)
        service = self._required(service_id)
        self._edge(self._settings.regions or list(service.regions))
        compiled = compiled_of(graph)
        published = self._client.publish(
            compiled,
            service.name,
            regions=self._settings.regions,
            description=_told(graph, compiled),
            allow_incompatible=allow_incompatible,
        )
        if not published.created:
            self._answering(published)
        return *self._published(service.name, service.id), json.dumps(parsed, indent=2, ensure_ascii=False) + "\n"

    def _answering(self, published: Published) -> None:
        """Have a version that was there already answer, unless it does."""
        if self._client.service(published.service).traffic.champion != published.version:
            self._client.promote(published.service, published.version)

    def _edge(self, regions: Sequence[str]) -> Edge:
        """An edge to score at, of the first of the regions that has one; of any region when none is named."""
        there = [edge for edge in self._client.edges() if edge.state != "away" and (not regions or edge.region in regions)]
        if not there:
            where = f"in {listing(regions)}" if regions else "anywhere"
            raise ClientError(
                f"no edge {where} reports to the hub {self._client.hub}, so nobody would serve it: start one with"
                f" `rtml edge --hub {self._client.hub} --region {regions[0] if regions else 'na'}`"
            )
        order = {region: place for place, region in enumerate(regions)}
        return min(there, key=lambda edge: (edge.state != "ready", order.get(edge.region, 0), edge.id))

    def _published(self, service: str, identity: str) -> tuple[str, str]:
        """(edge_location, service_id) of a service."""
        regions = self._settings.regions or list(self._client.service(service).regions)
        self._names[identity] = service
        return location(self._edge(regions).url.rstrip("/"), service), identity

    # ---- scoring ----------------------------------------------------------------------------------------------------------

    def score_edge(self, edge_location: str, service_id: str, scoring_data: Mapping[str, Any]) -> Scored:
        """Score rows, given by column: {"sepal_length": {0: 5.8}, ...}. Gives (edge_url, payload, scored_output).

        Raises InvalidInput, naming each field, for rows that do not fit; NotFound for a service that is not there; EdgeAway.
        """
        payload = payload_of(scoring_data)
        edge, served = split_location(edge_location)
        name = self._name(service_id, served)
        # columns of rows by number, which the edge reads as they are
        found = self._to_edge(edge).predict(name, columns=payload)  # type: ignore[arg-type]
        return Scored(location(edge, name), payload, [dict(prediction) for prediction in found])

    def _name(self, service_id: str, served: str | None) -> str:
        """The name of the service to be scored; the location that somebody has may name it, too."""
        try:
            name = self._names[service_id] if service_id in self._names else self._required(service_id).name
        except HubAway:
            if served is None:
                raise
            return served  # an edge scores while the hub is away
        self._names[service_id] = name
        if served not in (None, name):
            raise ClientError(
                f"edge_location leads to another service ({served}) than service_id {service_id!r} ({name}): take both from one"
                f" publish_to_edge"
            )
        return name

    def _to_edge(self, edge: str) -> Client:
        """A client of that edge alone, whose connections are kept."""
        if edge not in self._edges:
            key = self._settings.key
            self._edges[edge] = Client(edges=edge, key=None if key is None else key.reveal())
        return self._edges[edge]

    # ---- services ---------------------------------------------------------------------------------------------------------

    def list_deployed_services(self) -> list[dict[str, Any]]:
        """Services, oldest first, as {created, deprecated, id, type: "edge", updated}; times as 2020-05-25T19:18:52.731Z."""
        return [
            {
                "created": service.created,
                "deprecated": service.deprecated is not None,
                "id": service.id,
                "type": service.type,
                "updated": service.updated,
            }
            for service in sorted(self._client.services(), key=lambda service: (service.created, service.id))
        ]

    def delete_from_edge(self, service_id: str) -> bool:
        """Take a service away from all edges: True; False when there is none of this id."""
        service = self._service(service_id)
        if service is None:
            return False
        try:
            self._client.delete(service.name)
        except NotFound:  # somebody else just did
            return False
        return True

    def _service(self, service_id: str) -> Service | None:
        return next((service for service in self._client.services() if service_id in (service.id, service.name)), None)

    def _required(self, service_id: str) -> Service:
        return self._service(service_id) or self._unknown(service_id)

    def _unknown(self, service_id: str) -> NoReturn:
        raise ClientError(
            f"there is no service with the id {service_id!r} on {self._client.hub}: take one from list_deployed_services(), or"
            f" publish with publish_to_edge"
        )


def _checked(dsl: Any) -> tuple[Graph, dict[str, Any]]:
    """The graph of a DSL that could be published."""
    graph, parsed = document.read(dsl)
    check(graph)
    return graph, parsed


def _champion(service: Service) -> str:
    """The package that answers for a service by itself."""
    return next((v.package for v in service.versions if v.version == service.traffic.champion), "")


def _fresh(package: str, taken: set[str]) -> str:
    """A name of a service for a package: a service that was updated since keeps the first one."""
    stem, number = f"aep-{package[:12]}", 2
    name = stem
    while name in taken:
        name, number = f"{stem}-{number}", number + 1
    return name


def _told(graph: Graph, compiled: Any) -> str:
    """What the gallery says of a service: how it works, and what it takes."""
    steps = [graph.nodes[name].name for name in graph.order()]
    counted = [f"{steps.count(name)} x {name}" if steps.count(name) > 1 else name for name in dict.fromkeys(steps)]
    return f"{listing(counted, 8)}. Takes {listing((entry.name for entry in compiled.manifest.fields), 12)}."
