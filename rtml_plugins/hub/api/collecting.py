"""Records of persons and their behaviour, taken into datasets and profiles."""

from __future__ import annotations

from typing import IO, Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from rtml_core.client.records import CollectedRecords, RefusedRecord, XdmSchema
from rtml_core.errors import describe, listing
from rtml_plugins.hub.api.bodies import PLAIN
from rtml_plugins.hub.api.context import By, Context, InHub, route
from rtml_plugins.hub.api.datasets import DatasetName
from rtml_plugins.hub.api.json_bodies import decoded
from rtml_plugins.hub.api.polling import in_thread
from rtml_plugins.hub.api.receiving import Body, spooled
from rtml_plugins.hub.errors import Conflict
from rtml_plugins.hub.persons import DATASET
from rtml_plugins.hub.settings import MAX_COLLECT
from rtml_plugins.serving.problems import Problem

router: Final = APIRouter(prefix="/v1", tags=["collecting"])
Format = Literal["jsonl", "json", "parquet"]
_LINES: Final = ("application/x-ndjson", "application/jsonl", "application/jsonlines", "application/x-jsonlines")
_PARQUET: Final = "application/vnd.apache.parquet"
#: refused records that a problem document names
_NAMED: Final = 50
_OBJECT: Final = {"type": "object"}
_EVENT: Final = {
    "_id": "7d3c",
    "timestamp": "2026-11-21T10:15:00Z",
    "eventType": "commerce.productViews",
    "identityMap": {"ECID": [{"id": "38652"}]},
}
_TEXT: Final = {"schema": {"type": "string"}}
_BODY: Final[dict[str, Any]] = {
    "application/json": {"schema": {"anyOf": [_OBJECT, {"type": "array", "items": _OBJECT}]}, "example": _EVENT},
    **dict.fromkeys(_LINES[:1], _TEXT),
    _PARQUET: {"schema": {"type": "string", "format": "binary"}},
}


@router.post(
    "/collect",
    operation_id="collect",
    summary="Take records",
    response_class=Response,
    **route(
        "collect",
        errors=[400, 404, 408, 409, 413, 415, 501],
        answers={
            200: {"model": CollectedRecords, "description": "All were taken, or were there before."},
            207: {"model": CollectedRecords, "description": "Some were refused; `refused` says which and why."},
        },
        body=_BODY,
    ),
)
async def collect(
    request: Request,
    at: InHub,
    schema: Annotated[
        str, Query(min_length=1, max_length=500, pattern=PLAIN, description="$id, short name or title of what they are.")
    ],
    dataset: Annotated[DatasetName, Query(description="Where they go; it is made when it is not there.")],
    threshold: Annotated[
        float,
        Query(ge=0, le=1, allow_inf_nan=False, description="Share of refused records; with more, nothing is taken."),
    ] = 0.1,
) -> Response:
    """One record, an array of them, JSON lines or Parquet; each also in the envelope of streaming ingestion, {"header", "body"}.

    When this is answered, all that is accepted is in the dataset and in the profiles. A record whose `_id` is there
    already is a duplicate, so that sending again changes nothing.
    """
    settings = at.settings
    kind = _format(request.headers.get("content-type", ""))
    idle, total = settings.idle_timeout, settings.upload_timeout
    body = Body(request.headers, request.receive, limit=MAX_COLLECT, idle=idle, total=total, what="input")
    async with spooled(body) as file:
        found = await in_thread(_collect, at, file, schema, dataset, kind, threshold)
    return Response(msgspec.json.encode(found), 207 if found.refused_count else 200, media_type="application/json")


def _format(content_type: str) -> Format | None:
    """Problem 415 for a type that holds no records. JSON may be one record, an array or, as some senders say so, lines."""
    name = content_type.partition(";")[0].strip().lower()
    if name in _LINES:
        return "jsonl"
    if name == _PARQUET:
        return "parquet"
    if name in ("application/json", "application/octet-stream", "") or name.endswith("+json"):
        return None
    known = listing(["application/json", _LINES[0], _PARQUET])
    raise Problem(415, "no-records", f"records are not taken as {describe(name)}: send Content-Type {known}")


def _collect(at: Context, file: IO[bytes], schema: str, dataset: str, kind: Format | None, threshold: float) -> CollectedRecords:
    home = at.data.home  # raises what a hub without the extra says
    from rtml_plugins.profile.collector import Collector
    from rtml_plugins.xdm.reading import ReadingError

    if dataset.startswith(DATASET):
        raise Conflict(f"datasets that begin with {DATASET} are of predictions, as edges tell them: choose another name")
    try:
        done = Collector(home).collect(file, schema, dataset, format=kind, threshold=threshold)
    except ReadingError as error:
        raise Problem(400, "malformed-records", str(error)) from None
    refused = tuple(
        RefusedRecord(
            one.record, one.line, one.id, tuple({"at": p.at, "keyword": p.keyword, "message": p.message} for p in one.problems)
        )
        for one in done.refused
    )
    found = CollectedRecords(
        done.dataset,
        done.schema,
        done.taken,
        done.batch,
        done.read,
        done.accepted,
        done.duplicates,
        done.withheld,
        done.nameless,
        done.refused_count,
        refused,
    )
    if not found.taken:
        raise _none_taken(found, threshold)
    return found


def _none_taken(found: CollectedRecords, threshold: float) -> Problem:
    entries = [
        {
            "at": f"record {one.record}: {problem['at'] or '/'}",
            "expected": f"what '{problem['keyword']}' asks for",
            "got": problem["message"],
        }
        for one in found.refused[:_NAMED]
        for problem in one.problems[:5]
    ]
    first = found.refused[0]
    said = "; ".join(f"{problem['at'] or '/'}: {problem['message']}" for problem in first.problems[:2])
    return Problem(
        422,
        "records-refused",
        f"{found.refused_count:,} of {found.read:,} records do not fit the schema, more than the threshold of {threshold:.0%}, so"
        f" none was taken. Record {first.record}: {said}. Mend them, or take the others with threshold=1",
        title="Records do not fit the schema",
        errors=entries,
    )


@router.get(
    "/schemas", operation_id="listSchemas", summary="List schemas", **route("collect", "profile", "profile-write", errors=[501])
)
def list_schemas(
    at: InHub, all: Annotated[bool, Query(description="Also field groups, data types and classes.")] = False
) -> list[XdmSchema]:
    """What records can be checked by: schemas that ship with rtml and those that were added."""
    found = [one for one in at.data.home.schemas if all or one.role == "schema"]
    return sorted((XdmSchema(one.id, one.title, one.name, one.kind, one.description) for one in found), key=lambda one: one.id)


@router.post(
    "/schemas",
    operation_id="addSchemas",
    summary="Add schemas",
    **route(
        "profile-write",
        errors=[400, 413, 501],
        body={
            "application/json": {
                "schema": {"anyOf": [_OBJECT, {"type": "array", "items": _OBJECT}]},
                "example": {
                    "$id": "https://ns.acme.example/schemas/visit",
                    "title": "Visit",
                    "type": "object",
                    "allOf": [{"$ref": "https://rtml.example/xdm/classes/event"}],
                },
            }
        },
    ),
)
async def add_schemas(request: Request, at: InHub, by: By) -> list[str]:
    """One schema file as XDM publishes them, or several; identity descriptors too. Their ids. One whose $id is known takes the
    place of the older one; those that ship with rtml stay as they are."""
    body = await request.body()
    whole: type[Any] = list[dict[str, Any]] if body.lstrip().startswith(b"[") else dict[str, Any]
    given = decoded(body, whole)
    documents = given if isinstance(given, list) else [given]
    return await in_thread(_add, at, by.name, documents)


def _add(at: Context, actor: str, documents: list[dict[str, Any]]) -> list[str]:
    ids = at.data.home.add_schemas(documents)
    with at.hub.database.write(actor) as change:
        change.audit("schema.add", listing(ids, 3), schemas=ids)
    return ids
