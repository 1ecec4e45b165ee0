"""Who looks at the pages: on an open hub everybody of this machine, else whoever signed in with an API key or a one-time link.

A session's cookie holds a random secret and nothing else; see hub.visits for what is kept of it. Before one signs in, and on an
open hub, the cookie is only what the tokens of forms are made from.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rtml_core.errors import listing
from rtml_plugins.hub.keys import Caller
from rtml_plugins.hub.visits import Visits
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.hub.api.context import Context
    from rtml_plugins.hub.gallery.page import View

_COOKIE: Final = "rtml_gallery"
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
#: addresses of pages that one may be sent back to
_OWN: Final = re.compile(r"/gallery(?:[/?](?:[A-Za-z0-9/?&=+:,;@!$'()*._~-]|%[0-9A-Fa-f]{2})*)?", re.ASCII)
_UPWARDS: Final = re.compile(r"(?:\.|%2e){2}|%5c|%0|%1", re.IGNORECASE)
_LONGEST: Final = 2000
Cookie = Literal["keep", "set", "remove"]
_KEEP: Final[Cookie] = "keep"
_SET: Final[Cookie] = "set"


@dataclass(frozen=True)
class Session:
    """A visit. secret: what its cookie holds. kind: "open" on a hub without keys, "nobody" before one signs in. cookie: whether
    it is to be set, or taken away."""

    caller: Caller
    secret: str
    kind: Literal["open", "nobody", "signed in"]
    cookie: Cookie = "keep"

    @property
    def csrf(self) -> str:
        """What forms and htmx send along: only a page of ours can know it, as no other one reads the cookie."""
        return hmac.new(self.secret.encode(), b"csrf", hashlib.sha256).hexdigest()

    @property
    def may(self) -> str:
        """What the visitor may do, in words."""
        scopes = self.caller.scopes
        if "admin" in scopes:
            return "may do everything"
        words = [word for scope, word in (("predict", "try"), ("debug", "look inside"), ("publish", "steer")) if scope in scopes]
        what = f"may {', '.join(['look', *words[:-1]])} and {words[-1]}" if words else "may look at nothing"
        services = self.caller.services
        return what if services is None else f"{what}: {listing(sorted(services))}"


def of(request: Request, at: Context) -> Session:
    """The session of a request."""
    given = request.cookies.get(cookie_name(request, at), "")
    there = _SECRET.fullmatch(given) is not None
    open_hub = not at.keys.asked_for()
    caller = Visits(at.hub.database).find(given) if there and not open_hub else None
    if caller is not None:
        return Session(caller, given, "signed in")
    secret, cookie = (given, _KEEP) if there else (secrets.token_urlsafe(32), _SET)
    return Session(Caller.anyone(), secret, "open", cookie) if open_hub else Session(Caller.nobody(), secret, "nobody", cookie)


def is_https(request: Request) -> bool:
    """Whether the browser speaks TLS, with the hub or with a proxy that says so. Who says so falsely gets a cookie that their own
    browser does not send back, and nothing else."""
    told = request.headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
    return request.scope["scheme"] == "https" or told == "https"


def cookie_name(request: Request, at: Context) -> str:
    """Of this hub, as browsers send cookies to all ports of a host. Over TLS with the prefix that keeps a page that is not from
    setting it (__Host- would do more, but is for the path / only)."""
    name = f"{_COOKIE}_{at.hub.id[:8]}"
    return f"__Secure-{name}" if is_https(request) else name


def is_partial(request: Request) -> bool:
    """Whether htmx asks for a part of a page; when somebody goes back in the history it takes a whole one."""
    return "hx-request" in request.headers and "hx-history-restore-request" not in request.headers


def ask(request: Request) -> Response:
    """To the page where one signs in, and back. htmx, which would put that page into a part of this one, is told to go there."""
    partial = is_partial(request)
    if partial:
        back = own(_below(request.headers.get("hx-current-url", "")))
    elif request.method == "GET":
        path, query = quote(request.scope["path"]), request.url.query
        back = own(f"{path}?{query}" if query else path)
    else:
        back = "/gallery"
    target = f"/gallery/sign-in?next={quote(back, safe='')}"
    return Response(status_code=401, headers={"HX-Redirect": target}) if partial else RedirectResponse(target, 303)


def _below(url: str) -> str:
    """Path and query of a URL; "" for what is none."""
    try:
        here = urlsplit(url)
    except ValueError:  # "http://["
        return ""
    return f"{here.path}?{here.query}" if here.query else here.path


def own(address: str) -> str:
    """The address itself when it is one of a page of this gallery, else the gallery's: nobody is sent elsewhere from here."""
    fits = len(address) <= _LONGEST and _OWN.fullmatch(address) and not _UPWARDS.search(address)
    return address if fits and not address.startswith(("/gallery/sign-", "/gallery/enter")) else "/gallery"


def check_csrf(view: View) -> None:
    """Problem 403 unless a POST comes from a page of ours."""
    given = view.form.get("csrf") or view.request.headers.get("x-csrf-token", "")
    foreign = view.request.headers.get("sec-fetch-site") == "cross-site"  # browsers say so themselves, and no page can unsay it
    if foreign or not hmac.compare_digest(given.encode("utf-8", "replace"), view.session.csrf.encode()):
        raise Problem(403, "csrf", "this form is not from this session: load the page again, and send it from there")


def keep(view: View, response: Response) -> None:
    """Set the cookie of a session that is new, take it away from one that ended."""
    if view.session.cookie == "keep":
        return
    name, secure = cookie_name(view.request, view.at), is_https(view.request)
    if view.session.cookie == "set":
        response.set_cookie(name, view.session.secret, path="/gallery", httponly=True, samesite="lax", secure=secure)
    else:
        response.delete_cookie(name, path="/gallery", httponly=True, samesite="lax", secure=secure)
