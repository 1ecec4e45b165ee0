"""The edge over HTTP: which path is answered by what. Knows requests and responses, and no server."""

from __future__ import annotations

import asyncio
import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_core.errors import close_match
from rtml_plugins.edge import access, cors
from rtml_plugins.edge.exchange import Answer, Handler, Request, Response
from rtml_plugins.edge.measuring import Measuring
from rtml_plugins.edge.predict import Target, deprecation, problem_of, problem_response, request_id
from rtml_plugins.edge.predict_identity import PersonTarget
from rtml_plugins.edge.refusals import STATUSES, refusals
from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.edge.shadow import Shadow
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.edge.outbox import Outbox
    from rtml_plugins.edge.table import Service, Snapshot, Table

#: beginning of a path -> the module and the function that makes its handler out of the app
ROUTES: Final = {
    "/v2": "rtml_plugins.edge.v2.http:handler",
    "/metrics": "rtml_plugins.edge.metrics:handler",
    "/openapi.json": "rtml_plugins.edge.openapi:handler",
}
SERVICES: Final = "/v1/services"
_JSON: Final = (("Content-Type", "application/json"), *access.SECURITY_HEADERS)


#: compressed bodies that become large ones, at one time
_INFLATING: Final = 4


class App:
    """Answers requests from the current snapshot of a table.

    snapshot: the one that the paths were made for. in_flight: requests that wait to be scored. shadow: what is scored and not
    answered. measuring: what is counted of values. outbox: takes what the hub is told of persons; None where there is none.
    """

    def __init__(self, table: Table, settings: EdgeSettings, outbox: Outbox | None = None):
        self.table = table
        self.settings = settings
        self.in_flight = 0
        self.inflating = asyncio.Semaphore(_INFLATING)
        self.shadow = Shadow()
        self.outbox = outbox
        self.measuring = Measuring(settings.folder)
        self.snapshot: Snapshot = table.current
        self._targets: dict[str, Target] = {}
        self._routes: dict[str, Handler] = {}
        self._map(self.snapshot)
        for prefix, place in ROUTES.items():
            made = _resolve(place, self)
            if made is not None:
                self._routes[prefix] = made

    def handle(self, request: Request) -> Answer:
        """The answer to a request, or a promise of one; never raises."""
        snapshot = self.table.current
        if snapshot is not self.snapshot:
            self._map(snapshot)
        target = self._targets.get(request.path)
        if target is not None and request.method == "POST":
            return target.answer(request)
        return self._other(request)

    def take_up(self, snapshot: Snapshot) -> None:
        """Answer from a snapshot from now on, and let go of what only the one before had."""
        self._map(snapshot)
        self.shadow.forget(snapshot.services)
        self.measuring.follow(snapshot.services)

    def _map(self, snapshot: Snapshot) -> None:
        """Make the paths of a snapshot; those of services that did not change stay."""
        before, targets = self._targets, {}
        for name, service in snapshot.services.items():
            by_identity = any(loaded.requests is not None for loaded in service.versions.values())
            kind = PersonTarget if by_identity else Target
            path = f"{SERVICES}/{name}/predict"
            known = before.get(path)
            if known is not None and known.service is service:
                targets[path] = known
            else:
                targets[path] = kind(self, service, None)
            for number, loaded in service.versions.items():
                path = f"{SERVICES}/{name}/versions/{number}/predict"
                known = before.get(path)
                unchanged = known is not None and known.service is service
                targets[path] = known if unchanged and known is not None else kind(self, service, loaded)
        self._targets = targets
        self.snapshot = snapshot

    # ---- everything but predictions -----------------------------------------------------------------------------

    def _other(self, request: Request) -> Answer:
        identity = request_id(request.headers.get("x-request-id"))
        try:
            if request.method == "OPTIONS":
                response = cors.preflight(self.settings, request)
                return response._replace(headers=[*response.headers, *access.SECURITY_HEADERS], request_id=identity)
            handler = self._route(request.path)
            answer: Answer = self._own(request) if handler is None else handler(request)
        except Exception as error:
            return self._finish(self._problem(error, identity), request, identity)
        if isinstance(answer, Response):
            return self._finish(answer, request, identity)
        return self._finish_later(answer, request, identity)

    def _route(self, path: str) -> Handler | None:
        second = path.find("/", 1)
        return self._routes.get(path if second < 0 else path[:second])

    def _finish(self, response: Response, request: Request, identity: str) -> Response:
        more = cors.answer_headers(self.settings, request.headers)
        headers = [*response.headers, *more] if more else response.headers
        finished = Response(response.status, headers, response.body, response.request_id or identity)
        if response.status in STATUSES:
            refusals.note(request, finished)
        return finished

    async def _finish_later(self, answer: Any, request: Request, identity: str) -> Response:
        try:
            response = await answer
        except Exception as error:
            response = self._problem(error, identity)
        return self._finish(response, request, identity)

    def _problem(self, error: Exception, identity: str) -> Response:
        return problem_response(problem_of(error), identity)

    def _own(self, request: Request) -> Response:
        path = request.path
        if path in self._targets:
            raise _not_allowed(request.method, "POST")
        if path.endswith("/") and path != "/":
            said = f"there is nothing at {path[:200]!r}: leave the '/' at its end out{_without(path)}"
            raise Problem(404, "no-such-path", said)
        found = _GET.get(path)
        if found is None and path.startswith(SERVICES + "/"):
            found = App._service
        if found is None:
            raise Problem(404, "no-such-path", f"there is nothing at {path[:200]!r}: see /openapi.json")
        if request.method not in ("GET", "HEAD") and not path.endswith("/predict"):
            raise _not_allowed(request.method, "GET, HEAD")
        return found(self, request)

    def _live(self, request: Request) -> Response:
        return Response(200, _JSON, b'{"status":"live"}')

    def _ready(self, request: Request) -> Response:
        if not self.snapshot.ready:
            raise Problem(
                503, "not-ready", "not every service has answered its parity sample yet", headers=[("Retry-After", "1")]
            )
        return Response(200, _JSON, b'{"status":"ready"}')

    def _services(self, request: Request) -> Response:
        snapshot = self.snapshot
        key = access.authorize(
            snapshot, self.settings, request.headers, "predict", _any_service(snapshot, request, self.settings)
        )
        may = None if key is None else key.services
        listed = [self._brief(service) for name, service in snapshot.services.items() if may is None or name in may]
        for name, status in snapshot.waiting.items():
            if may is None or name in may:
                listed.append({"name": name, "versions": [], "state": status.state, "problem": status.problem})
        return Response(200, _JSON, msgspec.json.encode({"services": sorted(listed, key=lambda entry: entry["name"])}))

    def _service(self, request: Request) -> Response:
        parts = request.path[len(SERVICES) + 1 :].split("/")
        name = parts[0]
        snapshot = self.snapshot
        access.authorize(snapshot, self.settings, request.headers, "predict", name)
        service = snapshot.services.get(name)
        if service is None:
            raise self._missing(snapshot, name)
        if len(parts) == 1:
            return Response(200, [*_JSON, *deprecation(service)], msgspec.json.encode(self._described(service)))
        if len(parts) in (3, 4) and parts[1] == "versions" and parts[3:] in ([], ["predict"]):
            have = ", ".join(map(str, sorted(service.versions)))
            if len(parts) == 4:
                raise Problem(404, "no-such-version", f"service '{name}' has no version {parts[2][:20]!r} here; it has {have}")
        raise Problem(404, "no-such-path", f"there is nothing at {request.path[:200]!r}: see /openapi.json")

    def _missing(self, snapshot: Snapshot, name: str) -> Problem:
        waiting = snapshot.waiting.get(name)
        if waiting is not None and waiting.state == "loading":
            return Problem(503, "loading", f"service '{name}' is being loaded", headers=[("Retry-After", "1")])
        if waiting is not None:
            retry = [("Retry-After", "10")]
            return Problem(503, "service-failed", f"service '{name}' can't be served: {waiting.problem}", headers=retry)
        if not snapshot.known:
            return Problem(503, "no-state", "this edge has not heard from its hub yet", headers=[("Retry-After", "1")])
        region, hint = self.settings.region, close_match(name[:100], snapshot.services) if not snapshot.keys else ""
        return Problem(404, "no-such-service", f"region '{region}' has no service {name[:100]!r}.{hint}")

    def _brief(self, service: Service) -> dict[str, Any]:
        entry = service.entry
        brief: dict[str, Any] = {
            "name": entry.name,
            "description": entry.description,
            "versions": sorted(service.versions),
            "champion": service.champion.version,
            "state": service.state,
            "problem": service.problem,
        }
        if entry.deprecated is not None:
            brief |= {"deprecated": entry.deprecated, "deprecation": entry.deprecation}
        return brief

    def _described(self, service: Service) -> dict[str, Any]:
        manifest = service.champion.runtime.manifest
        fields = [{"optional": entry.optional, **msgspec.to_builtins(entry)} for entry in manifest.fields]
        for entry in fields:
            for private in ("tensor", "index"):
                entry.pop(private, None)
        outputs = [{"name": o.name, "dtype": o.dtype, "nullable": o.nullable} for o in manifest.outputs]
        return {**self._brief(service), "fields": fields, "outputs": outputs, "extra": manifest.extra}


def _any_service(snapshot: Snapshot, request: Request, settings: EdgeSettings) -> str | None:
    """A service that the key of a request is for, so that a key for some services may list these."""
    from rtml_plugins.serving.keys import bearer, digest

    secret = bearer(request.headers.get("authorization"))
    entry = None if secret is None else snapshot.keys.get(digest(secret))
    return entry.services[0] if entry is not None and entry.services else None


def _without(path: str) -> str:
    """How a path without the slash at its end reads, when it is short enough to be shown."""
    short = path.rstrip("/")
    return f": {short!r}" if 0 < len(short) < 200 else ""


def _not_allowed(method: str, allowed: str) -> Problem:
    detail = f"this path takes {allowed}; got {method[:20]}"
    return Problem(405, "method-not-allowed", detail, headers=[("Allow", f"{allowed}, OPTIONS")])


def _resolve(place: str, app: App) -> Handler | None:
    """The handler that a module makes; None as long as there is no such module."""
    module, _, name = place.partition(":")
    if find_spec(module) is None:
        return None
    handler: Handler = getattr(importlib.import_module(module), name)(app)
    return handler


_GET: Final = {
    "/v1/health/live": App._live,
    "/v1/health/ready": App._ready,
    SERVICES: App._services,
}
