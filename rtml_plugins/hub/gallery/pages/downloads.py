"""What one can take home of a service: the package of a version, its model as plain ONNX, its OpenAPI document."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from starlette.responses import Response

from rtml_core import __version__
from rtml_core.client.records import Service, Version
from rtml_core.package import MODEL
from rtml_plugins.hub import choosing
from rtml_plugins.hub.api.versions import PACKAGE, send_package
from rtml_plugins.hub.errors import NotFound
from rtml_plugins.hub.gallery import known, samples
from rtml_plugins.hub.gallery.page import TAKE, View, page
from rtml_plugins.hub.gallery.snippets import ANY_EDGE
from rtml_plugins.serving import openapi_service
from rtml_plugins.serving.problems import Problem

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")


@page("/services/{name}/versions/{number}/package", scopes=TAKE)
def package(view: View, name: str, number: str) -> Response:
    """The .rtml file, byte for byte as it was published."""
    version = _version(view.at.hub.get(name), number)
    return send_package(view.request, view.at, version.package, f"{name}-{version.version}.rtml")


@page("/services/{name}/versions/{number}/model.onnx", scopes=TAKE)
def model(view: View, name: str, number: str) -> Response:
    """The model of a portable package; a page that says what another one needs."""
    version = _version(view.at.hub.get(name), number)
    manifest = known.manifest(view.at, version.package)
    if not manifest.portable:
        raise Problem(
            409,
            "conflict",
            f"version {version.version} of '{name}' is {manifest.portability}: its model alone runs nowhere. Download the package"
            " and load it with rtml, where these plugins are installed and trusted",
            title="No portable ONNX",
        )
    headers = {
        "ETag": f'"{manifest.digests[MODEL]}"',
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": f'attachment; filename="{name}-{version.version}.onnx"',
    }
    if headers["ETag"] in view.request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(samples.member(view.at.hub.store, version.package, MODEL), headers=headers, media_type=PACKAGE)


@page("/services/{name}/openapi.json")
def openapi(view: View, name: str) -> Response:
    """The document of this service alone, for whoever calls it: the versions in traffic, typed."""
    service = view.at.hub.get(name)
    traffic = service.traffic
    arms = [traffic.champion, *(arm.version for arm in (*traffic.split, *([traffic.canary] if traffic.canary else [])))]
    asked = sorted({*arms, *([traffic.shadow] if traffic.shadow is not None else [])})
    packages = {version.version: version.package for version in service.versions}
    edges = [edge.url for edge in view.at.hub.edges() if choosing.able([edge], service)]
    document = openapi_service.document(
        openapi_service.About(name, service.description, service.deprecated, service.deprecation),
        {number: known.manifest(view.at, packages[number]) for number in asked},
        arms,
        traffic.champion,
        edges or [ANY_EDGE],
        __version__,
        view.at.keys.asked_for(),
    )
    headers = {"Content-Disposition": f'inline; filename="{name}.openapi.json"'}
    return Response(msgspec.json.format(msgspec.json.encode(document)), headers=headers, media_type="application/json")


def _version(service: Service, number: str) -> Version:
    for version in service.versions:
        if _NUMBER.fullmatch(number) and version.version == int(number):
            return version
    there = ", ".join(str(version.version) for version in reversed(service.versions))
    raise NotFound(f"service '{service.name}' has no version {number[:20]}. It has: {there}")
