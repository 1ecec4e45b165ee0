"""Datasets: listed, read, deleted."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from rtml_core.client.records import Dataset, DatasetRecords
from rtml_core.errors import close_match, listing
from rtml_core.timestamps import format_timestamp
from rtml_plugins.hub.api.bodies import PLAIN
from rtml_plugins.hub.api.context import By, Context, InHub, route
from rtml_plugins.hub.api.json_bodies import wrong
from rtml_plugins.hub.errors import NotFound
from rtml_plugins.serving.names import NAME

router: Final = APIRouter(prefix="/v1/datasets", tags=["collecting"])
DatasetName = Annotated[str, Query(pattern=f"^{NAME.pattern}$")]
InPath = Annotated[str, Path(pattern=f"^{NAME.pattern}$", description="Name of a dataset.", examples=["web"])]
#: sorted records, which are held at once, as far as one request may ask
_SORTED: Final = 10_000
Text = Annotated[str, Query(min_length=1, max_length=1000, pattern=PLAIN)]
#: longer, as it may be a group, or name many values
Condition = Annotated[str, Query(min_length=1, max_length=10_000, pattern=PLAIN)]


def shown(listed: Any) -> Dataset:
    """A dataset as it is answered."""
    first, last = (None if at is None else format_timestamp(at) for at in (listed.first, listed.last))
    created = format_timestamp(listed.created)
    return Dataset(listed.name, listed.schema, listed.kind, listed.profile, listed.records, listed.bytes, created, first, last)


def _known(at: Context, name: str) -> None:
    """Raises NotFound with those that there are."""
    datasets = at.data.home.datasets
    if datasets.find(name) is None:
        names = [one.name for one in datasets.list()]
        raise NotFound(f"dataset '{name}' does not exist. There are: {listing(names)}.{close_match(name, names)}")


@router.get("", operation_id="listDatasets", summary="List datasets", **route("collect", "profile", errors=[501]))
def list_datasets(at: InHub) -> list[Dataset]:
    """By name; those of predictions, rtml-predictions-SERVICE, too."""
    return [shown(one) for one in at.data.home.datasets.list()]


@router.get(
    "/{dataset}/records",
    operation_id="readDataset",
    summary="Read records",
    response_class=Response,
    **route(
        "profile",
        errors=[404, 501],
        answers={200: {"model": DatasetRecords, "description": "Records in order of time, unless sorted."}},
    ),
)
def read_dataset(
    at: InHub,
    dataset: InPath,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
    offset: Annotated[int, Query(ge=0, le=10**9, description="How many to leave out first; few with sort.")] = 0,
    select: Annotated[list[Text] | None, Query(max_length=100, description="Paths of what is wanted, e.g. web.name.")] = None,
    where: Annotated[
        list[Condition] | None,
        Query(
            max_length=20,
            description='Comparisons, e.g. `eventType = "commerce.purchases"`, or groups: `{"or": ["a = 1", "a = 2"]}`.',
        ),
    ] = None,
    sort: Annotated[list[Text] | None, Query(max_length=10, description="Paths, with - before one for descending.")] = None,
) -> Response:
    """As they came. All comparisons have to hold; see rtml datasets read --help."""
    from rtml_plugins.profile.merging import chosen
    from rtml_plugins.xdm.datasets_query import find
    from rtml_plugins.xdm.paths import split

    if sort and offset + limit > _SORTED:
        raise wrong(
            "query: offset",
            f"at most {_SORTED:,} for offset + limit together with sort; to read all of a dataset leave sort out, and to see what"
            " comes later narrow it down with where",
            str(offset + limit),
        )
    _known(at, dataset)
    paths = [split(path) for path in select or ()]
    found = find(at.data.home.datasets, dataset, limit=limit + 1, offset=offset, where=where or (), sort=sort)
    records = [chosen(one.document, paths) if paths else one.document for one in found]
    after = offset + limit if len(records) > limit else None
    return Response(msgspec.json.encode(DatasetRecords(tuple(records[:limit]), after)), media_type="application/json")


@router.delete(
    "/{dataset}", operation_id="deleteDataset", summary="Delete a dataset", **route("profile-write", errors=[404, 501])
)
def delete_dataset(at: InHub, by: By, dataset: InPath) -> Dataset:
    """What it was. Profiles keep what they have learnt from it; to erase a person, see eraseProfile."""
    _known(at, dataset)
    was = shown(at.data.home.delete_dataset(dataset))
    with at.hub.database.write(by.name) as change:
        change.audit("dataset.delete", dataset, records=was.records)
    return was
