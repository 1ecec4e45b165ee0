"""How a page is declared and what it gets: who looks, at what, and how to answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response

from rtml_core.errors import RtmlError, describe
from rtml_plugins.hub.api.errors import problem_of, unexpected
from rtml_plugins.hub.gallery import sessions
from rtml_plugins.hub.gallery.rendering import render
from rtml_plugins.hub.keys import Caller
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.hub.api.context import Context

ROOT: Final = "/gallery"
#: scopes of which one is enough to look
LOOK: Final = ("predict", "publish", "debug")
#: scopes of which one is enough to have a package, as over the REST API
TAKE: Final = ("publish", "debug")
#: fields of a form: to try a service takes up to two for each field of its signature
_MOST_FIELDS: Final = 10_000
#: how pages call what they refuse; other statuses by their own name
_TITLES: Final = {
    400: "This can't be read",
    403: "This is not for you to do",
    404: "There is nothing here",
    405: "This page is not for that",
    413: "This is too much",
    421: "Not under this name",
    500: "The hub failed",
    503: "The hub can't answer now",
}
_LOG: Final = logger("rtml.hub")


@dataclass
class View:
    """One request for a page. form: fields of a POST; query: of the address, the last of each name; session: see sessions."""

    request: Request
    at: Context
    caller: Caller
    session: sessions.Session
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def query(self) -> Mapping[str, str]:
        return self.request.query_params

    @property
    def partial(self) -> bool:
        """Whether htmx asks, which puts a part into a page that is there."""
        return sessions.is_partial(self.request)

    def may(self, scope: str, service: str | None = None) -> bool:
        """Whether the caller's key has a scope, for a service."""
        allowed = bool(self.caller.scopes & {scope, "admin"})
        return allowed and (service is None or self.caller.services is None or service in self.caller.services)

    def sees(self, service: str) -> bool:
        """Whether the caller's key is for a service."""
        return self.caller.services is None or service in self.caller.services

    def render(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page, or a part of one, of templates/."""
        return render(template, status, view=self, **values)

    def redirect(self, path: str, **query: str) -> Response:
        """To another page, after a POST. path: below /gallery, e.g. "/services/churn". said=NOTICE tells what was done there."""
        return RedirectResponse(f"{ROOT}{path}{f'?{urlencode(query)}' if query else ''}", 303)


Handler = Callable[..., Response]


@dataclass(frozen=True)
class Page:
    """A path below /gallery, e.g. "/services/{name}", and what answers it: handler(view, **parts of the path), in a thread."""

    path: str
    handler: Handler
    methods: Sequence[str]
    scopes: Sequence[str] = ()
    public: bool = False


PAGES: Final[list[Page]] = []


def page(
    path: str, *, methods: Sequence[str] = ("GET",), scopes: Sequence[str] = LOOK, public: bool = False
) -> Callable[[Handler], Handler]:
    """Decorator: answer this path. scopes: of which the caller's key needs one; of a path with {name}, for that service. public:
    also for who has not signed in, whatever the scopes."""

    def declare(handler: Handler) -> Handler:
        PAGES.append(Page(path, handler, tuple(methods), () if public else tuple(scopes), public))
        return handler

    return declare


def endpoint(declared: Page, at: Context) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of a page: every refusal, and every failure, is a page, too."""

    async def answer(request: Request) -> Response:
        view: View | None = None
        try:
            _check_texts(request)
            session = await run_in_threadpool(sessions.of, request, at)
            view = View(request, at, session.caller, session)
            if session.kind == "nobody" and not declared.public:
                return sessions.ask(request)
            if declared.scopes:
                session.caller.needs(*declared.scopes)
            if "name" in request.path_params:
                session.caller.check_service(request.path_params["name"])
            if request.method == "POST" and "POST" in declared.methods:
                view.form = _form(request.headers.get("content-type", ""), await request.body())
                sessions.check_csrf(view)
            response: Response = await run_in_threadpool(declared.handler, view, **request.path_params)
        except RtmlError as error:
            response = refused(problem_of(error), request, view)
        except ClientDisconnect:
            raise
        except Exception:
            _LOG.exception("page failed", request_id=request.state.request_id, method=request.method, path=request.scope["path"])
            response = refused(unexpected(), request, view)
        if view is not None:
            sessions.keep(view, response)
            request.state.caller = view.caller  # for the log
        return response

    return answer


def _check_texts(request: Request) -> None:
    """Problem 400 for a path or a query that no database keeps: U+0000, or what is no UTF-8."""
    query = request.scope.get("query_string", b"")
    try:
        given = [*map(str, request.path_params.values()), *unquote(query.decode("ascii"), errors="strict").split("&")]
        for text in given:
            text.encode()
    except UnicodeError:
        raise Problem(400, "malformed-request", "the address holds what is no UTF-8: take it from a page") from None
    if any("\0" in text for text in given):
        raise Problem(400, "malformed-request", "the address holds the character U+0000, which no name has: take it from a page")


def _form(content_type: str, body: bytes) -> dict[str, str]:
    """The fields of a form, the last of each name. Raises Problem 400, 415."""
    kind = content_type.partition(";")[0].strip().lower()
    if body and kind != "application/x-www-form-urlencoded":
        said = f"a form comes as application/x-www-form-urlencoded; got {describe(content_type, 80)}"
        raise Problem(415, "no-form", said)
    try:
        found = dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"))
    except ValueError:
        raise Problem(400, "malformed-request", "the form can't be read: send it again from the page") from None
    if any("\0" in text for field in found.items() for text in field):
        raise Problem(400, "malformed-request", "the form holds the character U+0000, which no text has: send it without")
    return found


def refused(problem: Problem, request: Request, view: View | None) -> Response:
    """The page that says in words why there is no other one."""
    template = "part_error.html" if sessions.is_partial(request) else "error.html"
    title = _TITLES.get(problem.status, problem.title)
    values = {"view": view, "problem": problem, "title": title, "request_id": request.state.request_id}
    response = render(template, problem.status, **values)
    for name, value in problem.headers:
        if name != "WWW-Authenticate":  # how programs send a key; people sign in
            response.headers[name] = value
    return response
