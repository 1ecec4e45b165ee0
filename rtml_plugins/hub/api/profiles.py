"""Profiles: looked up by any identity, exported, erased; how they are merged and linked, what is counted."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from rtml_core.client.records import ErasedPerson, PersonEvents, PersonIdentity, PersonProfile
from rtml_core.errors import describe
from rtml_core.timestamps import format_timestamp, parse_timestamp
from rtml_plugins.hub.api import pages
from rtml_plugins.hub.api.bodies import PLAIN
from rtml_plugins.hub.api.context import By, Context, InHub, route
from rtml_plugins.hub.api.json_bodies import decoded, wrong
from rtml_plugins.hub.api.polling import in_thread
from rtml_plugins.hub.errors import NotFound

router: Final = APIRouter(prefix="/v1/profiles", tags=["profiles"])
Namespace = Annotated[
    str,
    Query(min_length=1, max_length=255, pattern=PLAIN, description="Of the identity, e.g. ECID; in any case.", examples=["ECID"]),
]
Id = Annotated[str, Query(min_length=1, max_length=1024, pattern=PLAIN, description="Of the identity.", examples=["38652"])]
PolicyId = Annotated[
    str | None, Query(min_length=1, max_length=100, pattern=PLAIN, description="A merge policy; by default the default one.")
]
Moment = Annotated[str | None, Query(max_length=40, pattern=PLAIN, examples=["2026-11-21T10:15:00Z"])]
_ANY: Final = {"application/json": {"schema": {"type": "object"}}}
_POLICY: Final = {"id": "crm-first", "attributes": "dataSetPrecedence", "order": ["crm", "web"]}
_LINKING: Final = {"priority": ["CRMID", "ECID"], "unique": ["CRMID"]}
_AGGREGATE: Final = {"count": {"eventType": "commerce.purchases"}, "window": "30d"}


def _object(example: Any, status: str = "As it is now.") -> dict[str, Any]:
    """A body that is an object, and an answer that is one."""
    body = {"application/json": {"schema": {"type": "object"}, "example": example}}
    return {"body": body, "answers": {200: {"description": status, "content": _ANY}}}


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _identity(namespace: str, id: str) -> Any:
    """Raises IdentityError for one that names nobody."""
    from rtml_plugins.profile.identity import make

    return make(namespace, id)


def _nobody() -> NotFound:
    return NotFound("nobody is known by this identity: namespaces are compared without case, ids as they are")


# ---- persons --------------------------------------------------------------------------------------------------------------


@router.get(
    "",
    operation_id="getProfile",
    summary="Look up a person",
    response_class=Response,
    **route(
        "profile",
        errors=[404, 501],
        answers={200: {"model": PersonProfile, "description": "The person, as the policy shows it."}},
    ),
)
def get_profile(
    at: InHub,
    namespace: Namespace,
    id: Id,
    fields: Annotated[
        str | None, Query(max_length=5000, pattern=PLAIN, description="Paths of attributes, and identities, with commas between.")
    ] = None,
    policy: PolicyId = None,
    aggregates: Annotated[bool, Query(description="Also the values of all aggregates that are kept.")] = False,
) -> Response:
    """By any of its identities."""
    profiles = at.data.home.profiles
    identity = _identity(namespace, id)
    wanted = None if fields is None else [part.strip() for part in fields.split(",") if part.strip()]
    found = profiles.lookup(identity, wanted, policy)
    if found is None:
        raise _nobody()
    values: dict[str, Any] = {}
    if aggregates:
        view = profiles.view([identity], {}, [one.id for one in profiles.aggregates], policy=policy)
        values = {} if view is None else profiles.aggregate_values(view)
    identities = tuple(
        PersonIdentity(one.namespace, one.id, one.state, format_timestamp(one.first), format_timestamp(one.last), one.events)
        for one in found.identities
    )
    person = PersonProfile(
        found.person,
        found.version,
        found.policy,
        format_timestamp(found.changed),
        found.attributes,
        identities,
        tuple(found.sources),
        found.consent,
        values,
    )
    return _json(person)


@router.delete("", operation_id="eraseProfile", summary="Erase a person", **route("profile-write", errors=[501]))
def erase_profile(at: InHub, by: By, namespace: Namespace, id: Id) -> ErasedPerson:
    """Everywhere: the profile with all its identities, records of datasets, predictions, what edges hold. The audit log keeps who
    did it, and of the person a keyed digest. Asking again is no harm: what could not be erased then is erased now."""
    done = at.data.erase(_identity(namespace, id), by.name)
    return ErasedPerson(done.found, done.digest, done.identities, done.events, done.fragments, done.records)


@router.get(
    "/events",
    operation_id="getProfileEvents",
    summary="Look up what a person did",
    response_class=Response,
    **route("profile", errors=[404, 501], answers={200: {"model": PersonEvents, "description": "Events in order of time."}}),
)
def get_events(
    at: InHub,
    namespace: Namespace,
    id: Id,
    start: Moment = None,
    end: Moment = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="How many at most.")] = 100,
    descending: Annotated[bool, Query(description="The latest first.")] = False,
    policy: PolicyId = None,
    after: Annotated[
        str | None, Query(min_length=1, max_length=2000, pattern=PLAIN, description="`after` of the answer before.")
    ] = None,
) -> Response:
    """Those with start <= timestamp < end, of all identities of the person, as they came.

    `next` and `after` of an answer, sent as start (latest first: as end) and `after`, give what follows: each event once, however
    many are of one moment.
    """
    profiles = at.data.home.profiles
    identity = _identity(namespace, id)
    first, last = _moment("start", start), _moment("end", end)
    skipped = None if after is None else pages.read(after)
    found, following = pages.page(profiles, identity, (first, last), limit, descending, policy, skipped)
    if not found and profiles.lookup(identity, ()) is None:
        raise _nobody()
    further = (None, None) if following is None else pages.further(found[-1], following, descending)
    return _json(PersonEvents(tuple(one.document for one in found), *further))


def _moment(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    found = parse_timestamp(text)
    if found is None:
        raise wrong(f"query: {name}", "a time such as 2026-11-21T10:15:00Z", describe(text))
    return found


@router.get(
    "/export",
    operation_id="exportProfile",
    summary="Export everything about a person",
    response_class=Response,
    **route("profile", errors=[404, 501], answers={200: {"description": "One document.", "content": _ANY}}),
)
def export_profile(at: InHub, namespace: Namespace, id: Id) -> Response:
    """Identities, links, consents, attributes with the times and datasets that they come from, aggregates and all events."""
    found = at.data.home.profiles.export(_identity(namespace, id))
    if found is None:
        raise _nobody()
    return _json(found)


# ---- how profiles are made ------------------------------------------------------------------------------------------------


def _note(at: Context, actor: str, action: str, subject: str, **details: Any) -> None:
    """What persons look like may be something else now: edges ask anew."""
    at.data.feed.renew()
    with at.hub.database.write(actor) as change:
        change.audit(action, subject, **details)


@router.get(
    "/policies",
    operation_id="listPolicies",
    summary="List merge policies",
    response_class=Response,
    **route(
        "profile",
        errors=[501],
        answers={
            200: {
                "description": "Merge policies.",
                "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}},
            }
        },
    ),
)
def list_policies(at: InHub) -> Response:
    """How what several datasets say of a person becomes one answer."""
    return _json(at.data.home.profiles.policies.list())


@router.put(
    "/policies/{policy}",
    operation_id="setPolicy",
    summary="Set a merge policy",
    response_class=Response,
    **route("profile-write", errors=[400, 413, 501], **_object(_POLICY)),
)
async def set_policy(
    request: Request, at: InHub, by: By, policy: Annotated[str, Path(min_length=1, max_length=100, pattern=PLAIN)]
) -> Response:
    """It applies from the next lookup on: fragments are merged when they are read. At most five; one is the default."""
    given = decoded(await request.body(), dict[str, Any])
    if given.setdefault("id", policy) != policy:
        raise wrong("/id", f"{describe(policy)}, as in the path, or nothing", describe(given["id"]))
    made = await in_thread(at.data.home.profiles.policies.put, given)
    await in_thread(_note, at, by.name, "policy.set", policy, **msgspec.to_builtins(made))
    return _json(made)


@router.delete(
    "/policies/{policy}",
    operation_id="removePolicy",
    summary="Remove a merge policy",
    status_code=204,
    **route("profile-write", errors=[501]),
)
def remove_policy(at: InHub, by: By, policy: Annotated[str, Path(min_length=1, max_length=100, pattern=PLAIN)]) -> Response:
    """But not the default one."""
    at.data.home.profiles.policies.remove(policy)
    _note(at, by.name, "policy.remove", policy)
    return Response(status_code=204)


@router.get(
    "/linking",
    operation_id="getLinking",
    summary="Show the rules of linking",
    response_class=Response,
    **route("profile", errors=[501], answers={200: {"description": "The rules.", "content": _ANY}}),
)
def get_linking(at: InHub) -> Response:
    """Which identities that occur together are one person."""
    return _json(at.data.home.profiles.linking.get())


@router.put(
    "/linking",
    operation_id="setLinking",
    summary="Set the rules of linking",
    response_class=Response,
    **route("profile-write", errors=[400, 413, 501], **_object(_LINKING, "The rules, and `parted`: how many persons were.")),
)
async def set_linking(request: Request, at: InHub, by: By) -> Response:
    """priority: namespaces from the strongest on; unique: those of which a person has one id. Persons that the rules don't
    allow are parted before this is answered; what looser rules would join is joined when a record says so again."""
    given = decoded(await request.body(), dict[str, Any])
    parted = await in_thread(at.data.home.profiles.linking.set, given)
    now = msgspec.to_builtins(await in_thread(at.data.home.profiles.linking.get))
    await in_thread(_note, at, by.name, "linking.set", "linking", **now, parted=parted)
    return _json({**now, "parted": parted})


@router.get(
    "/aggregates",
    operation_id="listAggregates",
    summary="List aggregates",
    **route("profile", errors=[501]),
)
def list_aggregates(at: InHub) -> dict[str, dict[str, Any]]:
    """What is counted over the events of each person, by id: definitions. Those that ProfileReaders ask for are added when their
    package is published."""
    return {one.id: one.to_json() for one in at.data.home.profiles.aggregates}


@router.post(
    "/aggregates",
    operation_id="addAggregate",
    summary="Add an aggregate",
    response_class=Response,
    **route("profile-write", errors=[400, 413, 501], **_object(_AGGREGATE, "Its id and its definition.")),
)
async def add_aggregate(request: Request, at: InHub, by: By) -> Response:
    """Counted over what is stored before this is answered, and kept from now on. One that is kept already stays."""
    given = decoded(await request.body(), dict[str, Any])
    found = await in_thread(lambda: at.data.home.profiles.aggregates.add(given))
    await in_thread(_note, at, by.name, "aggregate.add", found[0].id, definition=found[0].to_json())
    return _json({"id": found[0].id, "definition": found[0].to_json()})


@router.delete(
    "/aggregates/{aggregate}",
    operation_id="removeAggregate",
    summary="Remove an aggregate",
    status_code=204,
    **route("profile-write", errors=[501]),
)
def remove_aggregate(
    at: InHub, by: By, aggregate: Annotated[str, Path(pattern="^[0-9a-f]{12}$", description="Its id.")]
) -> Response:
    """It is counted no more; services that read it get its default."""
    at.data.home.profiles.aggregates.remove(aggregate)
    _note(at, by.name, "aggregate.remove", aggregate)
    return Response(status_code=204)
