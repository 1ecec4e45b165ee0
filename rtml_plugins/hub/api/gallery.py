"""Links that open the gallery, for the command line."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request

from rtml_core.client.records import GalleryLink
from rtml_plugins.hub.api.context import By, InHub, route
from rtml_plugins.hub.api.services import READ
from rtml_plugins.hub.gallery.page import ROOT
from rtml_plugins.hub.gallery.sessions import is_https
from rtml_plugins.hub.visits import Visits

router: Final = APIRouter(prefix="/v1/gallery", tags=["gallery"])


@router.post("/links", operation_id="openGallery", summary="Make a link that opens the gallery", status_code=201, **route(*READ))
def open_gallery(request: Request, at: InHub, by: By) -> GalleryLink:
    """Whoever follows it first, within 90 seconds, looks at the gallery with the rights of the key that asked.

    On a hub without keys it is the address of the gallery, which asks for nothing.
    """
    root = f"{'https' if is_https(request) else 'http'}://{request.base_url.netloc}{ROOT}"
    if by.key is None:
        return GalleryLink(root)
    made = Visits(at.hub.database).link(by.key)
    return GalleryLink(f"{root}/enter?token={made.secret}", made.expires)
