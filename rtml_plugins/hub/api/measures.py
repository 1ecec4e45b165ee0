"""What edges count: told by them, read as series and as drift."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request

from rtml_core.client.records import Drift, Series
from rtml_core.errors import describe
from rtml_plugins.hub.api.context import Context, InHub, ServiceName, route
from rtml_plugins.hub.api.edges import EdgeId
from rtml_plugins.hub.api.json_bodies import decoded, wrong
from rtml_plugins.hub.api.polling import in_thread
from rtml_plugins.hub.api.services import READ
from rtml_plugins.serving.measures import SECONDS, Measures
from rtml_plugins.serving.names import NAME

router: Final = APIRouter(prefix="/v1", tags=["measures"])
_NAMED: Final = f"^{NAME.pattern}$"
#: seconds of the spans that can be asked for
SPANS: Final[Mapping[str, float]] = {"15m": 900.0, "1h": 3600.0, "24h": 86_400.0, "7d": 604_800.0, "30d": 2_592_000.0}
Span = Literal["15m", "1h", "24h", "7d", "30d"]
_BODY: Final = {
    "schema": {"$ref": "#/components/schemas/Measures"},
    "example": {
        "run": "6d1f0c",
        "region": "emea",
        "windows": [
            {
                "number": 17,
                "since": 1795256100.0,
                "until": 1795256105.0,
                "versions": [
                    {
                        "service": "churn",
                        "version": 3,
                        "package": "3f1c...",
                        "counted": {
                            "outcomes": {"ok": 40, "invalid": 2},
                            "seconds": 0.021,
                            "rows": 40,
                            "inputs": {"age": {"counts": [3, 21, 12], "missing": 4}},
                        },
                    }
                ],
            }
        ],
    },
}
Region = Annotated[str | None, Query(pattern=_NAMED, description="Only what edges of this region counted.")]


@dataclass(frozen=True, slots=True)
class Taken:
    """number: of the newest window of this run of the edge that the hub has."""

    number: int


@router.post(
    "/edges/{edge}/measures",
    operation_id="reportMeasures",
    summary="An edge tells what it counted",
    **route("edge", errors=[400, 413], body={"application/json": _BODY}),
)
async def report_measures(request: Request, at: InHub, edge: EdgeId) -> Taken:
    """Whole windows of time, oldest first; each is counted once however often it is sent, by its number in the edge's run.

    Windows of the future, of before what is kept, and of services and versions that are gone are taken and counted nowhere.
    """
    body = await request.body()
    return Taken(await in_thread(_take, at, edge, body))


def _take(at: Context, edge: str, body: bytes) -> int:
    given = decoded(body, Measures)
    if not NAME.fullmatch(given.region):  # a pattern lets the end of a line pass
        raise wrong("/region", "a name of a region", describe(given.region))
    for number, window in enumerate(given.windows):
        if window.until < window.since:
            raise wrong(f"/windows/{number}/until", f"{window.since:.15g} or later, as `since`", f"{window.until:.15g}")
        for place, one in enumerate(window.versions):
            latency = one.counted.latency
            if latency and len(latency) != len(SECONDS) + 1:
                where = f"/windows/{number}/versions/{place}/counted/latency"
                raise wrong(where, f"{len(SECONDS) + 1} counts, one for each bucket", str(len(latency)))
    return at.hub.record_measures(edge, given)


@router.get(
    "/services/{name}/measures",
    operation_id="getMeasures",
    summary="What a service answered",
    **route(*READ, errors=[404]),
)
def get_measures(
    at: InHub,
    name: ServiceName,
    span: Annotated[Span, Query(description="How far back.")] = "1h",
    region: Region = None,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Only this version.")] = None,
) -> Series:
    """Requests a second, errors and latencies over time, by version and by region, and of the last minute.

    Steps get longer with the span, so that there are at most 120; one without requests has none of its figures.
    """
    return at.hub.series(name, SPANS[span], region=region, version=version)


@router.get(
    "/services/{name}/drift",
    operation_id="getDrift",
    summary="Whether live values are like those of training",
    **route(*READ, errors=[404]),
)
def get_drift(
    at: InHub,
    name: ServiceName,
    span: Annotated[Span, Query(description="How far back.")] = "24h",
    region: Region = None,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="By default the champion.")] = None,
) -> Drift:
    """The population stability index of each field and output of a version against the sample that it was compiled with, the
    verdict on it and the shares that it is made of."""
    number = at.hub.get(name).traffic.champion if version is None else version
    return at.hub.drift(name, number, SPANS[span], region=region)
