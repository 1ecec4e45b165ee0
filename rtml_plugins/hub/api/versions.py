"""Versions: published, shown, downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from rtml_core.client.records import Published, Version
from rtml_plugins.hub.api.bodies import PLAIN, Name, Versions
from rtml_plugins.hub.api.context import By, Context, InHub, Number, ServiceName, route
from rtml_plugins.hub.api.receiving import Body, spooled
from rtml_plugins.hub.api.services import READ

router: Final = APIRouter(prefix="/v1", tags=["versions"])
PACKAGE: Final = "application/octet-stream"
_BINARY: Final = {PACKAGE: {"schema": {"type": "string", "format": "binary"}}}
_MANIFEST: Final[dict[int, dict[str, Any]]] = {
    200: {"description": "manifest.json of the package.", "content": {"application/json": {"schema": {"type": "object"}}}}
}
_BYTES: Final[dict[int, dict[str, Any]]] = {
    200: {"description": "The bytes of the .rtml file.", "content": _BINARY},
    304: {"description": "If-None-Match names it: it never changes."},
}


@router.post(
    "/services/{name}/versions",
    operation_id="publish",
    summary="Publish a package",
    status_code=201,
    **route(
        "publish",
        errors=[404, 408, 409, 413],
        answers={200: {"model": Published, "description": "This package was a version of the service already."}},
        body=_BINARY,
    ),
)
async def publish(
    request: Request,
    response: Response,
    at: InHub,
    by: By,
    name: ServiceName,
    region: Annotated[
        list[Name] | None,
        Query(
            max_length=100,
            description="Regions that serve it, besides those that do; of a new service by default all that have edges.",
        ),
    ] = None,
    description: Annotated[str | None, Query(max_length=2000, pattern=PLAIN, description="What the service is for.")] = None,
    owner: Annotated[
        str | None, Query(max_length=2000, pattern=PLAIN, description="Whose it is; of a new service whose key it was.")
    ] = None,
    message: Annotated[str | None, Query(max_length=2000, pattern=PLAIN, description="About this version.")] = None,
    allow_incompatible: Annotated[bool, Query(description="Also when callers of the version before would break.")] = False,
    share: Annotated[
        float | None, Query(gt=0, lt=1, allow_inf_nan=False, description="As canary with this share of the requests.")
    ] = None,
    traffic: Annotated[
        str | None, Query(pattern="^(champion|keep)$", description="keep: it answers nobody until traffic says so.")
    ] = None,
) -> Published:
    """The body is the .rtml file. It is checked as an edge checks it; a refused one leaves everything as it was.

    The version becomes the champion, and edges hold the one before ready for a rollback. The same package twice is one version.
    """
    settings = at.settings
    body = Body(
        request.headers,
        request.receive,
        limit=settings.max_package,
        idle=settings.idle_timeout,
        total=settings.upload_timeout,
        what="package",
    )
    wanted: dict[str, Any] = {
        "regions": tuple(region or ()),
        "description": description,
        "owner": owner,
        "message": message or "",
        "allow_incompatible": allow_incompatible,
        "share": share,
        "traffic": traffic or "champion",
        "actor": by.name,
    }
    async with spooled(body) as file, at.publishing:
        published = await run_in_threadpool(_publish, at, name, file, wanted)
    response.status_code = 201 if published.created else 200
    response.headers["Location"] = f"/v1/services/{name}/versions/{published.version}"
    return published


def _publish(at: Context, name: str, file: IO[bytes], wanted: Mapping[str, Any]) -> Published:
    return at.hub.publish(name, file.read(), **wanted)


@router.get("/services/{name}/versions", operation_id="listVersions", summary="List versions", **route(*READ, errors=[404]))
def list_versions(at: InHub, name: ServiceName) -> Versions:
    """Versions of a service, newest first."""
    return Versions(at.hub.get(name).versions)


@router.get(
    "/services/{name}/versions/{number}", operation_id="getVersion", summary="Show a version", **route(*READ, errors=[404])
)
def get_version(at: InHub, name: ServiceName, number: Number) -> Version:
    """One published package."""
    return at.hub.version(name, number)


@router.get(
    "/services/{name}/versions/{number}/manifest",
    operation_id="getManifest",
    summary="Show what a version takes, gives and needs",
    response_class=Response,
    **route("publish", "debug", errors=[404], answers=_MANIFEST),
)
def get_manifest(at: InHub, name: ServiceName, number: Number) -> Response:
    """The manifest of its package: signature, operators and who brought them, parity."""
    manifest = at.hub.manifest(at.hub.version(name, number).package)
    return Response(msgspec.json.encode(manifest), media_type="application/json")


@router.get(
    "/services/{name}/versions/{number}/package",
    operation_id="downloadVersion",
    summary="Download a version",
    response_class=Response,
    **route("publish", "debug", errors=[404], answers=_BYTES),
)
def download_version(request: Request, at: InHub, name: ServiceName, number: Number) -> Response:
    """Its package, byte for byte as it was published."""
    return send_package(request, at, at.hub.version(name, number).package, f"{name}-{number}.rtml")


def send_package(request: Request, at: Context, package: str, filename: str) -> Response:
    """The bytes of a package, from its file where the store has one."""
    headers = {"ETag": f'"{package}"', "Cache-Control": "private, max-age=31536000, immutable"}
    if f'"{package}"' in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    file = at.hub.store.local(package)
    if file is not None:
        return FileResponse(file, headers=headers, media_type=PACKAGE, filename=filename)
    headers["Content-Disposition"] = f'attachment; filename="{filename}"'
    return Response(at.hub.store.get(package), media_type=PACKAGE, headers=headers)
