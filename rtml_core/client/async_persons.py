"""What the client for asyncio asks about persons."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rtml_core.client.answers import Prediction
from rtml_core.client.exchange import Flow
from rtml_core.client.persons import Persons, identified, one_of, person_row, record_bytes
from rtml_core.client.records import (
    CollectedRecords,
    Dataset,
    DatasetRecords,
    Enrichment,
    ErasedPerson,
    PersonEvents,
    PersonProfile,
    RegionProjection,
    XdmSchema,
)

T = TypeVar("T")

if TYPE_CHECKING:
    from rtml_core.client.operations import Operations


class Run(Protocol):
    """What runs operations."""

    def __call__(self, flow: Flow[T], /) -> Awaitable[T]: ...


class AsyncPersonsClient:
    """The part of a client that is about persons: records, profiles, enrichment, projections."""

    _ops: Operations
    _persons: Persons
    _run: Run

    async def predict_for(
        self,
        service: str,
        identity: Mapping[str, Any] | None,
        *,
        event: Mapping[str, Any] | None = None,
        fields: Mapping[str, Any] | None = None,
        version: int | None = None,
        sticky: str | None = None,
        explain: bool = False,
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> Prediction:
        """Score a person with a service that reads profiles or events.

        identity: {"ECID": "38652"} or XDM's identityMap; None: the event has it. event: what happens now, in XDM. fields: others
        that the service takes. For the rest see `predict`.
        """
        row = person_row(identity, event, fields)
        found = await self._run(self._ops.predict(service, row, None, version, sticky, explain, request_id, timeout))
        return one_of(found)

    async def ingest(
        self, records: Any, *, schema: str, dataset: str, threshold: float = 0.1, timeout: float = 600.0
    ) -> CollectedRecords:
        """Send XDM records to the hub, which checks them, keeps them in a dataset and builds profiles of them.

        records: a file of JSON lines, a JSON array or Parquet, its bytes, a dict or a list of dicts. schema: $id, short name or
        title. threshold: share of refused records; with more nothing is taken, and Refused is raised. A record whose `_id` is
        there is taken once."""
        return await self._run(self._persons.ingest(*record_bytes(records), schema, dataset, threshold, timeout))

    async def schemas(self, *, everything: bool = False) -> list[XdmSchema]:
        """Schemas that records are checked by; everything: their parts, too."""
        return await self._run(self._persons.schemas(everything))

    async def add_schemas(self, documents: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> list[str]:
        """Have the hub keep schema files, or identity descriptors; their ids."""
        return await self._run(self._persons.add_schemas(documents))

    async def datasets(self) -> list[Dataset]:
        """Datasets by name."""
        return await self._run(self._persons.datasets())

    async def read_dataset(
        self,
        dataset: str,
        *,
        limit: int = 100,
        offset: int = 0,
        select: Sequence[str] | None = None,
        where: Sequence[str] | None = None,
        sort: Sequence[str] | None = None,
    ) -> DatasetRecords:
        """Records in order of time, unless sorted. select: paths. where: comparisons such as 'eventType = "commerce.purchases"',
        of which all have to hold, or groups, '{"or": ["a = 1", "a = 2"]}'. sort: paths, with "-" before one for descending."""
        return await self._run(
            self._persons.dataset(dataset, {"limit": limit, "offset": offset, "select": select, "where": where, "sort": sort})
        )

    async def delete_dataset(self, dataset: str) -> Dataset:
        """Delete a dataset; what it was. Profiles keep what they have learnt from it."""
        return await self._run(self._persons.delete_dataset(dataset))

    async def profile(
        self,
        namespace: str,
        identity: str,
        *,
        fields: Sequence[str] | None = None,
        policy: str | None = None,
        aggregates: bool = False,
    ) -> PersonProfile:
        """The person of an identity, e.g. profile("ECID", "38652"). Raises NotFound when nobody is known by it.

        fields: paths of attributes. policy: a merge policy. aggregates: also the values of those that are kept.
        """
        return await self._run(
            self._persons.profile(identified(namespace, identity, fields=fields, policy=policy, aggregates=aggregates))
        )

    async def profile_events(
        self,
        namespace: str,
        identity: str,
        *,
        start: str | None = None,
        end: str | None = None,
        limit: int = 100,
        descending: bool = False,
        policy: str | None = None,
        after: str | None = None,
    ) -> PersonEvents:
        """What the person of an identity did, start <= timestamp < end (RFC 3339), in order of time. For the next
        page: start (with descending: end) is `next` of the one before, and after its `after`."""
        return await self._run(
            self._persons.events(
                identified(
                    namespace, identity, start=start, end=end, limit=limit, descending=descending, policy=policy, after=after
                )
            )
        )

    async def export_profile(self, namespace: str, identity: str) -> dict[str, Any]:
        """Everything that profiles know about the person of an identity, as one document."""
        return await self._run(self._persons.export(identified(namespace, identity)))

    async def erase_profile(self, namespace: str, identity: str) -> ErasedPerson:
        """Erase the person of an identity everywhere: profiles, datasets, predictions, edges."""
        return await self._run(self._persons.erase(identified(namespace, identity)))

    async def merge_policies(self) -> list[dict[str, Any]]:
        """Merge policies of profiles."""
        return await self._run(self._persons.policies())

    async def set_merge_policy(self, name: str, policy: Mapping[str, Any]) -> dict[str, Any]:
        """Set one, e.g. {"attributes": "dataSetPrecedence", "order": ["crm", "web"]}."""
        return await self._run(self._persons.set_policy(name, policy))

    async def remove_merge_policy(self, name: str) -> None:
        """Remove one."""
        await self._run(self._persons.remove_policy(name))

    async def linking(self) -> dict[str, Any]:
        """Rules by which identities are linked."""
        return await self._run(self._persons.linking())

    async def set_linking(self, rules: Mapping[str, Any]) -> dict[str, Any]:
        """Set them, e.g. {"unique": ["CRMID"]}; persons that they don't allow are parted."""
        return await self._run(self._persons.set_linking(rules))

    async def aggregates(self) -> dict[str, dict[str, Any]]:
        """What is counted over the events of each person: definitions by id."""
        return await self._run(self._persons.aggregates())

    async def add_aggregate(self, definition: Mapping[str, Any]) -> dict[str, Any]:
        """Count one more, e.g. {"count": {"eventType": "commerce.purchases"}, "window": "30d"}; its id and definition."""
        return await self._run(self._persons.add_aggregate(definition))

    async def remove_aggregate(self, aggregate: str) -> None:
        """Count one no more, by its id."""
        await self._run(self._persons.remove_aggregate(aggregate))

    async def enrichment(self, service: str) -> Enrichment:
        """What of a service's predictions is written to profiles. Raises NotFound when nothing is."""
        return await self._run(self._persons.enrichment(service))

    async def enrich(self, service: str, outputs: Mapping[str, str | None] | str, *, enabled: bool = True) -> Enrichment:
        """Have predictions of a service written to the profiles of the persons that they are about.

        outputs: paths of the profile by output, {"propensity": "_acme.rtml.churn"}; None, or an output alone, for the usual
        place, segmentMembership.rtml.SERVICE; {} to have them kept only. enabled: False stops that for now."""
        return await self._run(
            self._persons.enrich(
                service,
                {outputs: ""} if isinstance(outputs, str) else {name: path or "" for name, path in outputs.items()},
                enabled,
            )
        )

    async def remove_enrichment(self, service: str) -> None:
        """Have nothing written any more."""
        await self._run(self._persons.unenrich(service))

    async def projection(self, region: str) -> RegionProjection:
        """What the edges of a region may know of profiles."""
        return await self._run(self._persons.projection(region))

    async def set_projection(
        self, region: str, *, attributes: Sequence[str] = (), aggregates: Sequence[str] = (), ttl: float | None = None
    ) -> RegionProjection:
        """Choose that: paths of attributes, ids of aggregates, seconds for which an edge may use them."""
        return await self._run(
            self._persons.project(region, {"attributes": list(attributes), "aggregates": list(aggregates), "ttl": ttl})
        )

    async def remove_projection(self, region: str) -> RegionProjection:
        """Let it be what the services there read."""
        return await self._run(self._persons.unproject(region))
