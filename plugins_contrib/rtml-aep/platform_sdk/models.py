"""Dataset: one that the hub has, found by its name."""

from __future__ import annotations

from typing import Any

from platform_sdk.client_context import client_of
from platform_sdk.errors import PlatformSdkError
from rtml_core.client.records import Dataset as Found
from rtml_core.errors import close_match, describe, listing


def find(context: Any, name: str) -> Found:
    """The dataset of this name; PlatformSdkError with those that there are."""
    if not isinstance(name, str) or not name:
        raise PlatformSdkError(f"the id of a dataset is its name, e.g. 'web'; got {describe(name)}")
    client = client_of(context)
    found = {one.name: one for one in client.datasets()}
    if name not in found:
        raise PlatformSdkError(
            f"dataset '{name}' does not exist at {client.hub}. There are: {listing(sorted(found))}.{close_match(name, found)} One"
            f" is made by its first records: rtml ingest FILE --schema NAME --dataset {name} --hub {client.hub}"
        )
    return found[name]


class Dataset:
    """A dataset of the hub, once get_by_id has found it. id and name are the same here: its name."""

    def __init__(self, client_context: Any) -> None:
        self._context = client_context
        self._found: Found | None = None

    def __repr__(self) -> str:
        return f"<Dataset '{self.id}', {self.found.schema}>" if self._found is not None else "<Dataset, none yet>"

    def get_by_id(self, dataset_id: str) -> Dataset:
        """The dataset of this id, which is its name. Raises PlatformSdkError with those that there are."""
        one = Dataset(self._context)
        one._found = find(self._context, dataset_id)
        return one

    @property
    def found(self) -> Found:
        """What the hub says of it."""
        if self._found is None:
            raise PlatformSdkError("this is no dataset yet: take what Dataset(client_context).get_by_id(name) gives")
        return self._found

    @property
    def id(self) -> str:
        """Its name."""
        return self.found.name

    @property
    def name(self) -> str:
        """Its name."""
        return self.found.name

    @property
    def schema(self) -> str:
        """The $id of the schema of its records."""
        return self.found.schema
