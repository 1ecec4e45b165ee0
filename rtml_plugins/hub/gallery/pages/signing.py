"""Signing in with an API key or a link, and signing out."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from starlette.responses import RedirectResponse, Response

from rtml_core.errors import listing
from rtml_plugins.hub.gallery import attempts, sessions
from rtml_plugins.hub.gallery.attempts import Attempts
from rtml_plugins.hub.gallery.page import LOOK, View, page
from rtml_plugins.hub.gallery.rendering import NOTICES
from rtml_plugins.hub.gallery.sessions import Session
from rtml_plugins.hub.keys import Caller
from rtml_plugins.hub.visits import Visits
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.problems import Problem

_LOG: Final = logger("rtml.hub")
_WRONG: Final = "This key is none of this hub's, or is not valid any more. Whoever runs the hub makes new ones: rtml keys create"
NOTICES["signed-out"] = "You are signed out."


@page("/sign-in", methods=("GET", "POST"), public=True)
def sign_in(view: View) -> Response:
    """The form, and what it sends."""
    if view.session.kind == "open":
        return view.redirect("") if view.request.method == "POST" else _form(view)
    if view.request.method == "GET":
        return _form(view)
    secret = view.form.get("key", "").strip()
    key = attempts.key_of(secret)
    try:
        if key is not None:  # a text that is no key costs nothing, and so is not counted
            _attempts(view).check(_address(view), key)
        caller = view.at.keys.authenticate(secret)
    except Problem as problem:
        if problem.status == 401:
            if key is not None:
                _attempts(view).failed(_address(view), key)
            _LOG.warning("sign-in failed", address=_address(view), request_id=view.request.state.request_id)
            return _form(view, 401, _WRONG)
        return _too_often(view, problem)
    if not caller.scopes & {*LOOK, "admin"}:
        has = listing(sorted(caller.scopes))
        return _form(
            view, 403, f"The key '{caller.name}' has the scope {has}; the pages need {', '.join(LOOK[:-1])} or {LOOK[-1]}"
        )
    _open(view, caller, "key")
    return RedirectResponse(sessions.own(view.form.get("next", "")), 303)


@page("/enter", methods=("GET", "POST"), public=True)
def enter(view: View) -> Response:
    """What a link of `rtml gallery open` leads to. It opens one session, by POST: what only looks at addresses that somebody was
    sent (mail filters, previews of chats, a browser that loads ahead) uses nothing up, and nobody who follows a stranger's link
    is somebody else by that alone."""
    if view.session.kind == "open":
        return view.redirect("")
    token = (view.form if view.request.method == "POST" else view.query).get("token", "")
    if not attempts.is_link(token):
        return _form(view, 410, link=True)
    try:
        _attempts(view).check(_address(view))
    except Problem as problem:
        return _too_often(view, problem)
    visits = Visits(view.at.hub.database)
    caller = visits.redeem(token) if view.request.method == "POST" else visits.asked(token)
    if caller is None:
        _attempts(view).failed(_address(view))
        _LOG.warning("link refused", address=_address(view), request_id=view.request.state.request_id)
        return _form(view, 410, link=True)
    if view.request.method != "POST":
        return view.render("enter.html", link=Session(caller, "", "nobody"), token=token)
    _open(view, caller, "link")
    return view.redirect("")


@page("/sign-out", methods=("POST",), public=True)
def sign_out(view: View) -> Response:
    """End the session, here and in the database."""
    if view.session.kind != "signed in":
        return view.redirect("")
    Visits(view.at.hub.database).sign_out(view.session.secret)
    view.session = replace(view.session, caller=Caller.nobody(), kind="nobody", cookie="remove")
    return view.redirect("/sign-in", said="signed-out")


def _open(view: View, caller: Caller, by: str) -> None:
    """A new session for each time somebody signs in: one that was there before, whoever began it, is worth nothing after."""
    assert caller.key is not None
    opened = Visits(view.at.hub.database).sign_in(caller.key, view.session.secret)
    view.caller, view.session = caller, Session(caller, opened.secret, "signed in", "set")
    _LOG.info("signed in", key=caller.name, by=by, address=_address(view), request_id=view.request.state.request_id)


def _too_often(view: View, problem: Problem) -> Response:
    answer = _form(view, problem.status, problem.detail)
    answer.headers.update(dict(problem.headers))
    return answer


def _form(view: View, status: int = 200, wrong: str | None = None, *, link: bool = False) -> Response:
    back = sessions.own(view.form.get("next") or view.query.get("next", ""))
    return view.render("sign_in.html", status, next=back, wrong=wrong, link=link)


def _attempts(view: View) -> Attempts:
    found: Attempts = view.request.app.state.attempts
    return found


def _address(view: View) -> str:
    return view.request.client.host if view.request.client is not None else "unknown"
