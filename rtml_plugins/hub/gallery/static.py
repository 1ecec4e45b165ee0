"""Style sheets, scripts and pictures of the pages: read once, kept by browsers as long as they do not change."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

_FOLDER: Final = Path(__file__).parent / "static"
_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Name -> content and digest. The parts in css/ are one style sheet, gallery.css."""
    contents = {path.name: path.read_bytes() for path in sorted(_FOLDER.iterdir()) if path.suffix in _TYPES}
    contents["gallery.css"] = b"\n".join(path.read_bytes() for path in sorted((_FOLDER / "css").glob("*.css")))
    return {name: (content, hashlib.sha256(content).hexdigest()[:16]) for name, content in contents.items()}


def address(name: str) -> str:
    """Where a page finds a file: another address when it changes. KeyError for one that is not there."""
    return f"/gallery/static/{_files()[name][1]}/{name}"


async def answer(request: Request) -> Response:
    """GET /gallery/static/{digest}/{file}; for everybody, as nothing in it is about a hub."""
    found = _files().get(request.path_params["file"])
    if found is None or found[1] != request.path_params["digest"]:
        return Response("there is no such file; load the page again\n", 404, media_type="text/plain")
    kept = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(found[0], 200, kept, _TYPES[Path(request.path_params["file"]).suffix])
