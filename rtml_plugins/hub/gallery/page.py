"""How a page is declared and what it gets: who looks, at what, and how to answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rtml_core.errors import RtmlError
from rtml_plugins.hub.gallery import sessions
from rtml_plugins.hub.gallery.rendering import render
from rtml_plugins.hub.keys import Caller
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.hub.api.context import Context

ROOT: Final = "/gallery"
#: scopes of which one is enough to look
LOOK: Final = ("predict", "publish", "debug")
_MOST_FIELDS: Final = 1000


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
        return "hx-request" in self.request.headers

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
    scopes: Sequence[str]


PAGES: Final[list[Page]] = []


def page(path: str, *, methods: Sequence[str] = ("GET",), scopes: Sequence[str] = LOOK) -> Callable[[Handler], Handler]:
    """Decorator: answer this path. scopes: of which the caller's key needs one; of a path with {name}, for that service."""

    def declare(handler: Handler) -> Handler:
        PAGES.append(Page(path, handler, tuple(methods), tuple(scopes)))
        return handler

    return declare


def endpoint(declared: Page, at: Context) -> Callable[[Request], Any]:
    """The endpoint of a page."""

    async def answer(request: Request) -> Response:
        view: View | None = None
        try:
            session = await run_in_threadpool(sessions.of, request, at)
            if session is None:
                return sessions.ask(request)
            view = View(request, at, session.caller, session)
            if declared.scopes:
                session.caller.needs(*declared.scopes)
            if "name" in request.path_params:
                session.caller.check_service(request.path_params["name"])
            if request.method == "POST":
                view.form = _form(await request.body())
                sessions.check_csrf(view)
            response: Response = await run_in_threadpool(declared.handler, view, **request.path_params)
        except RtmlError as error:
            response = refused(error, request, view)
        if view is not None:
            sessions.keep(view, response)
        return response

    return answer


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise Problem(400, "malformed-request", "the form can't be read: send it again from the page") from None


def refused(error: RtmlError, request: Request, view: View | None) -> Response:
    """The page that says in words why there is no other one."""
    from rtml_plugins.hub.api.errors import problem_of

    problem = problem_of(error)
    template = "part_error.html" if view is not None and view.partial else "error.html"
    return render(template, problem.status, view=view, problem=problem, request_id=request.state.request_id)
