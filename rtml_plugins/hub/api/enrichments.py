"""What of services' predictions is written to profiles."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter
from pydantic import ConfigDict, Field
from starlette.responses import Response

from rtml_core.client.records import Enrichment
from rtml_plugins.hub.api.bodies import PLAIN, Body
from rtml_plugins.hub.api.context import By, InHub, ServiceName, route
from rtml_plugins.hub.api.services import READ

router: Final = APIRouter(prefix="/v1/services/{name}/enrichment", tags=["profiles"])
Output = Annotated[str, Field(min_length=1, max_length=500, pattern=PLAIN)]
Path = Annotated[str, Field(max_length=500, pattern=PLAIN)]


class EnrichmentBody(Body):
    """Paths of the profile by output of the service; "" is the usual place, segmentMembership.rtml.NAME. Without outputs
    predictions are kept in the dataset rtml-predictions-NAME and written nowhere."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outputs": {"propensity": "_acme.rtml.churn"}}]})
    outputs: dict[Output, Path] = Field(max_length=20)
    enabled: bool = True


@router.get("", operation_id="getEnrichment", summary="Show what a service writes to profiles", **route(*READ, errors=[404]))
def get_enrichment(at: InHub, name: ServiceName) -> Enrichment:
    """Set by hand, or said by the ProfileWriter of a package."""
    return at.hub.enrichment(name)


@router.put(
    "",
    operation_id="setEnrichment",
    summary="Say what a service writes to profiles",
    **route("publish", errors=[400, 404, 413]),
)
def set_enrichment(at: InHub, by: By, name: ServiceName, body: EnrichmentBody) -> Enrichment:
    """From now on: what was predicted before stays where it is. It goes before what packages say."""
    return at.hub.enrich(name, body.outputs, enabled=body.enabled, actor=by.name)


@router.delete(
    "",
    operation_id="removeEnrichment",
    summary="Have a service write nothing to profiles",
    status_code=204,
    **route("publish", errors=[404]),
)
def remove_enrichment(at: InHub, by: By, name: ServiceName) -> Response:
    """Until somebody, or the ProfileWriter of the next package, says so again. What was written stays."""
    at.hub.unenrich(name, actor=by.name)
    return Response(status_code=204)
