"""Predictions about persons, told by edges."""

from __future__ import annotations

from typing import Final

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from rtml_core.errors import describe
from rtml_plugins.hub.api.context import By, InHub, route
from rtml_plugins.hub.api.edges import EdgeId
from rtml_plugins.hub.api.json_bodies import decoded, wrong
from rtml_plugins.hub.api.polling import in_thread
from rtml_plugins.serving.names import NAME
from rtml_plugins.serving.predictions import Predictions, PredictionsTaken

router: Final = APIRouter(prefix="/v1", tags=["profiles"])
_TAKEN: Final = {"schema": {"$ref": "#/components/schemas/PredictionsTaken"}}
_BODY: Final = {
    "schema": {"$ref": "#/components/schemas/Predictions"},
    "example": {
        "region": "emea",
        "run": "6d1f0c",
        "first": 118,
        "records": [
            {
                "id": "01J9ZK3Q/0",
                "at": 1_795_256_100_000_000,
                "service": "churn",
                "version": 3,
                "identity": {"ECID": [{"id": "38652"}]},
                "values": {"age": 41.0},
                "outputs": {"propensity": 0.2431},
            }
        ],
    },
}


@router.post(
    "/edges/{edge}/predictions",
    operation_id="reportPredictions",
    summary="An edge tells its predictions about persons",
    response_class=Response,
    **route(
        "edge",
        errors=[400, 413, 501],
        answers={200: {"description": "What is kept.", "content": {"application/json": _TAKEN}}},
        body={"application/json": _BODY},
    ),
)
async def report_predictions(request: Request, at: InHub, by: By, edge: EdgeId) -> Response:
    """In order, each once however often it is sent, by its number in the edge's run. When this is answered they are kept; right
    after, they are in the profiles of services that enrich them."""
    given = decoded(await request.body(), Predictions)
    if not NAME.fullmatch(given.region):  # a pattern lets the end of a line pass
        raise wrong("/region", "a name of a region", describe(given.region))
    for number, one in enumerate(given.records):
        if not NAME.fullmatch(one.service):
            raise wrong(f"/records/{number}/service", "a name of a service", describe(one.service))
    by.check_region(given.region)
    await in_thread(at.hub.check_edge, edge, by)
    through = await in_thread(at.data.take, edge, given)
    return Response(msgspec.json.encode(PredictionsTaken(through)), media_type="application/json")
