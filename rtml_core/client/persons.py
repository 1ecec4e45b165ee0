"""What a hub is asked about persons, as operations: records, profiles, what services write to them and regions see of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from rtml_core.client.answers import Prediction
from rtml_core.client.errors import ClientError
from rtml_core.client.exchange import Flow
from rtml_core.client.hub import HubCalls, hub_path
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
from rtml_core.errors import describe

_LINES: Final = "application/x-ndjson"
_BYTES: Final = "application/octet-stream"


def record_bytes(records: Any) -> tuple[bytes, str]:
    """(body, content type) of records: a file, bytes, one record or several. OSError when a file can't be read."""
    if isinstance(records, (bytes, bytearray, memoryview)):
        return bytes(records), _BYTES
    if isinstance(records, (str, os.PathLike)):
        return Path(records).read_bytes(), _BYTES
    given = [records] if isinstance(records, Mapping) else records
    if not isinstance(given, Sequence) or not all(isinstance(one, Mapping) for one in given):
        raise ClientError(f"expected a record (a dict), records (a list of dicts), a file or its bytes, got {describe(records)}")
    try:
        return b"".join(msgspec.json.encode(dict(one)) + b"\n" for one in given), _LINES
    except (TypeError, ValueError, OverflowError, RecursionError, UnicodeEncodeError) as error:
        raise ClientError(f"a record can't be sent as JSON: {error}") from None


def person_row(identity: Any, event: Any, fields: Mapping[str, Any] | None) -> dict[str, Any]:
    """The row of a request about a person; ClientError when it names nobody and nothing."""
    if identity is None and event is None:
        raise ClientError('name the person, e.g. {"ECID": "38652"}, or give an event with an identityMap')
    parts = {"identity": identity, "event": event}
    return {**(fields or {}), **{name: part for name, part in parts.items() if part is not None}}


def one_of(predictions: Sequence[Prediction]) -> Prediction:
    """The one of a row; ClientError when there is another number of them."""
    if len(predictions) != 1:
        raise ClientError(f"the edge answered with {len(predictions)} predictions for one person")
    return predictions[0]


class Persons:
    """Operations of one client."""

    def __init__(self, calls: HubCalls):
        self._calls = calls

    def ingest(
        self, data: bytes, content_type: str, schema: str, dataset: str, threshold: float, timeout: float
    ) -> Flow[CollectedRecords]:
        """Records into a dataset and profiles."""
        query = {"schema": schema, "dataset": dataset, "threshold": f"{threshold:.15g}"}
        return self._calls.upload(hub_path("collect", query=query), data, content_type, CollectedRecords, timeout)

    def schemas(self, everything: bool) -> Flow[list[XdmSchema]]:
        """Schemas of records."""
        return self._calls.get(hub_path("schemas", query={"all": everything or None}), list[XdmSchema])

    def add_schemas(self, documents: Any) -> Flow[list[str]]:
        """Schemas, kept."""
        return self._calls.change("POST", hub_path("schemas"), list[str], documents)

    def datasets(self) -> Flow[list[Dataset]]:
        """Datasets by name."""
        return self._calls.get(hub_path("datasets"), list[Dataset])

    def dataset(self, name: str, query: Mapping[str, Any]) -> Flow[DatasetRecords]:
        """Some records."""
        return self._calls.get(hub_path("datasets", name, "records", query=query), DatasetRecords)

    def delete_dataset(self, name: str) -> Flow[Dataset]:
        """One gone."""
        return self._calls.change("DELETE", hub_path("datasets", name), Dataset)

    def profile(self, query: Mapping[str, Any]) -> Flow[PersonProfile]:
        """A person."""
        return self._calls.get(hub_path("profiles", query=query), PersonProfile)

    def events(self, query: Mapping[str, Any]) -> Flow[PersonEvents]:
        """What a person did."""
        return self._calls.get(hub_path("profiles", "events", query=query), PersonEvents)

    def export(self, query: Mapping[str, Any]) -> Flow[dict[str, Any]]:
        """Everything about a person."""
        return self._calls.get(hub_path("profiles", "export", query=query), dict[str, Any])

    def erase(self, query: Mapping[str, Any]) -> Flow[ErasedPerson]:
        """A person gone."""
        return self._calls.change("DELETE", hub_path("profiles", query=query), ErasedPerson)

    def policies(self) -> Flow[list[dict[str, Any]]]:
        """Merge policies."""
        return self._calls.get(hub_path("profiles", "policies"), list[dict[str, Any]])

    def set_policy(self, name: str, policy: Mapping[str, Any]) -> Flow[dict[str, Any]]:
        """One of them."""
        return self._calls.change("PUT", hub_path("profiles", "policies", name), dict[str, Any], policy)

    def remove_policy(self, name: str) -> Flow[None]:
        """One less."""
        yield from self._calls.change("DELETE", hub_path("profiles", "policies", name), object)

    def linking(self) -> Flow[dict[str, Any]]:
        """Rules of linking."""
        return self._calls.get(hub_path("profiles", "linking"), dict[str, Any])

    def set_linking(self, rules: Mapping[str, Any]) -> Flow[dict[str, Any]]:
        """Other rules."""
        return self._calls.change("PUT", hub_path("profiles", "linking"), dict[str, Any], rules)

    def aggregates(self) -> Flow[dict[str, dict[str, Any]]]:
        """Definitions by id."""
        return self._calls.get(hub_path("profiles", "aggregates"), dict[str, dict[str, Any]])

    def add_aggregate(self, definition: Mapping[str, Any]) -> Flow[dict[str, Any]]:
        """One more."""
        return self._calls.change("POST", hub_path("profiles", "aggregates"), dict[str, Any], definition)

    def remove_aggregate(self, identity: str) -> Flow[None]:
        """One less."""
        yield from self._calls.change("DELETE", hub_path("profiles", "aggregates", identity), object)

    def enrichment(self, service: str) -> Flow[Enrichment]:
        """What a service writes."""
        return self._calls.get(hub_path("services", service, "enrichment"), Enrichment)

    def enrich(self, service: str, outputs: Mapping[str, str], enabled: bool) -> Flow[Enrichment]:
        """What it is to write."""
        content = {"outputs": outputs, "enabled": enabled}
        return self._calls.change("PUT", hub_path("services", service, "enrichment"), Enrichment, content)

    def unenrich(self, service: str) -> Flow[None]:
        """Nothing."""
        yield from self._calls.change("DELETE", hub_path("services", service, "enrichment"), object)

    def projection(self, region: str) -> Flow[RegionProjection]:
        """What a region may know."""
        return self._calls.get(hub_path("regions", region, "projection"), RegionProjection)

    def project(self, region: str, content: Mapping[str, Any]) -> Flow[RegionProjection]:
        """What it may know from now on."""
        given = {name: value for name, value in content.items() if value is not None}
        return self._calls.change("PUT", hub_path("regions", region, "projection"), RegionProjection, given)

    def unproject(self, region: str) -> Flow[RegionProjection]:
        """What its services read."""
        return self._calls.change("DELETE", hub_path("regions", region, "projection"), RegionProjection)


def identified(namespace: str, identity: str, **more: Any) -> dict[str, Any]:
    """The query that names a person. fields: paths, a list or a text with commas."""
    fields = more.get("fields")
    if fields is not None and not isinstance(fields, str):
        more["fields"] = ",".join(fields)
    return {"namespace": namespace, "id": identity, **{name: value for name, value in more.items() if value is not False}}
