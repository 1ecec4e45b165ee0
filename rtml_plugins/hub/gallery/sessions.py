"""Who looks at the pages: on an open hub everybody of this machine, else whoever signed in with an API key or a one-time link."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rtml_plugins.hub.keys import Caller
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.hub.api.context import Context
    from rtml_plugins.hub.gallery.page import View

COOKIE: Final = "rtml_gallery"


@dataclass(frozen=True)
class Session:
    """A visit. secret: what its cookie holds. fresh: the cookie is to be set."""

    caller: Caller
    secret: str
    fresh: bool = False

    @property
    def csrf(self) -> str:
        """What forms and htmx send along: only a page of ours can know it, as no other one reads the cookie."""
        return hmac.new(self.secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def of(request: Request, at: Context) -> Session | None:
    """The session of a request; None when the hub asks for keys and nobody has signed in."""
    given = request.cookies.get(COOKIE, "")
    if not at.keys.asked_for():
        return Session(Caller.anyone(), given or secrets.token_urlsafe(32), fresh=not given)
    return None


def ask(request: Request) -> Response:
    """To the page where one signs in, and back."""
    return RedirectResponse(f"/gallery/sign-in?next={quote(request.url.path, safe='')}", 303)


def check_csrf(view: View) -> None:
    """Problem 403 unless a POST comes from a page of ours."""
    given = view.form.get("csrf") or view.request.headers.get("x-csrf-token", "")
    if not hmac.compare_digest(given.encode(), view.session.csrf.encode()):
        raise Problem(403, "csrf", "this form is not from this session: load the page again, and send it from there")


def keep(view: View, response: Response) -> None:
    """Set the cookie of a session that is new."""
    if view.session.fresh:
        secure = view.request.url.scheme == "https"
        response.set_cookie(COOKIE, view.session.secret, path="/gallery", httponly=True, samesite="lax", secure=secure)
