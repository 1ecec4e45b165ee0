"""What each method of the protocol's gRPC services answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import grpc
from google.protobuf.message import DecodeError

from rtml_core.errors import describe
from rtml_plugins.edge import metrics
from rtml_plugins.edge.access import authorize
from rtml_plugins.edge.exchange import Headers, Request, Response
from rtml_plugins.edge.measuring import Measuring
from rtml_plugins.edge.predict import problem_of
from rtml_plugins.edge.refusals import STATUSES, refusals
from rtml_plugins.edge.shadow import Shadow
from rtml_plugins.edge.v2 import models, rpc
from rtml_plugins.edge.v2.body import InferRequest
from rtml_plugins.edge.v2.large import Large
from rtml_plugins.edge.v2.messages import HEALTH, INFERENCE, methods
from rtml_plugins.edge.v2.plan import Columns, plan_of, score
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.edge.table import Loaded, Snapshot, Table

Status = grpc.StatusCode
#: status of a problem over HTTP -> code of gRPC
CODES: Final = {
    400: Status.INVALID_ARGUMENT,
    401: Status.UNAUTHENTICATED,
    403: Status.PERMISSION_DENIED,
    404: Status.NOT_FOUND,
    413: Status.INVALID_ARGUMENT,
    422: Status.INVALID_ARGUMENT,
    429: Status.RESOURCE_EXHAUSTED,
    503: Status.UNAVAILABLE,
}
#: kinds of problems for which gRPC has a code of its own
KINDS: Final = {"not-offered": Status.UNIMPLEMENTED, "timeout": Status.DEADLINE_EXCEEDED}
#: methods that ask for no key
OPEN: Final = frozenset({"ServerLive", "ServerReady", "ServerMetadata"})
#: longest sentence of a status: it travels in a header
MAX_DETAILS: Final = 4000


class Inference:
    """Methods of inference.GRPCInferenceService; each takes a message and the metadata of the call, and returns the answer."""

    def __init__(self, table: Table):
        self._table = table
        self._settings = table.settings
        self._large = Large(self._settings.request_timeout)
        self.shadow = Shadow()
        self.measuring = Measuring(self._settings.folder)
        self._answers = {name: answer for name, (_, answer, _, _) in methods(INFERENCE).items()}

    def _authorize(self, snapshot: Snapshot, headers: Headers, service: str) -> None:
        authorize(snapshot, self._settings, headers, "predict", service)

    async def ServerLive(self, request: Any, headers: Headers) -> Any:
        return self._answers["ServerLive"](live=True)

    async def ServerReady(self, request: Any, headers: Headers) -> Any:
        return self._answers["ServerReady"](ready=self._table.current.ready)

    async def ServerMetadata(self, request: Any, headers: Headers) -> Any:
        return self._answers["ServerMetadata"](**models.server_metadata())

    async def ModelReady(self, request: Any, headers: Headers) -> Any:
        snapshot = self._table.current
        self._authorize(snapshot, headers, request.name)
        try:
            models.find(snapshot, request.name, request.version)
        except Problem as problem:
            if problem.status != 503:
                raise
            return self._answers["ModelReady"](ready=False)
        return self._answers["ModelReady"](ready=True)

    async def ModelMetadata(self, request: Any, headers: Headers) -> Any:
        snapshot = self._table.current
        self._authorize(snapshot, headers, request.name)
        return self._answers["ModelMetadata"](**models.metadata(models.find(snapshot, request.name, request.version)))

    async def ModelConfig(self, request: Any, headers: Headers) -> Any:
        snapshot = self._table.current
        self._authorize(snapshot, headers, request.name)
        config = models.config(models.find(snapshot, request.name, request.version), self._settings.max_rows)
        return self._answers["ModelConfig"](config=config)

    async def RepositoryIndex(self, request: Any, headers: Headers) -> Any:
        entries = models.index(self._table.current, self._settings, headers, request.ready)
        return self._answers["RepositoryIndex"](models=entries)

    async def ModelInfer(self, request: Any, headers: Headers) -> Any:
        began = time.perf_counter()
        snapshot = self._table.current
        self._authorize(snapshot, headers, request.model_name)
        model = models.find(snapshot, request.model_name, request.model_version)
        loaded = model.loaded
        outcome = "error"
        try:
            inference = rpc.read_request(request, self._settings.max_rows)
            loaded = model.choose(headers.get(models.KEY_HEADER), inference.parameters, inference.tensors)
            if inference.rows <= loaded.scorer.most:
                answer, columns = _score(inference, model, loaded)
            else:
                answer, columns = await self._large.run(_score, inference, model, loaded)
            outcome = "ok"
            metrics.batch(loaded.service, inference.rows)
            models.offer_shadow(self.shadow, model, loaded, inference.tensors, columns)
            size = request.ByteSize() + answer.ByteSize()
            models.offer_measured(self.measuring.known(loaded), loaded, inference.tensors, columns, size)
        except Exception as failure:
            problem = problem_of(failure)
            outcome = metrics.outcome(problem.status, problem.kind)
            raise problem from failure
        finally:
            metrics.observe(loaded.service, loaded.version, outcome, time.perf_counter() - began)
        return answer

    async def ModelStreamInfer(self, requests: AsyncIterator[Any], headers: Headers) -> AsyncIterator[Any]:
        """Each request's answer, or its error with the id it had."""
        async for request in requests:
            try:
                yield self._answers["ModelStreamInfer"](infer_response=await self.ModelInfer(request, headers))
            except Problem as problem:
                answer = self._answers["ModelStreamInfer"](error_message=problem.detail)
                answer.infer_response.id = request.id
                yield answer


def _score(inference: InferRequest, model: models.Model, loaded: Loaded) -> tuple[Any, Columns]:
    plan = plan_of(loaded.runtime)
    columns = score(loaded.runtime, plan.columns(inference.tensors), inference.rows)
    return rpc.write_response(inference, model, loaded.version, plan, columns), columns


class Health:
    """Methods of grpc.health.v1.Health: of the server ("" or the inference service), or of one service of rtml by its name."""

    def __init__(self, table: Table):
        self._table = table
        self._answer = methods(HEALTH)["Check"][1]
        self._changed = asyncio.Event()
        self._stopping = False
        table.on_change.append(lambda snapshot: self._wake())

    def stop(self) -> None:
        """Say from now on that this server serves no more."""
        self._stopping = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _status(self, service: str) -> str:
        snapshot = self._table.current
        if service in ("", INFERENCE, HEALTH):
            serving = snapshot.ready
        elif service in snapshot.services or service in snapshot.waiting:
            serving = service in snapshot.services
        else:
            return "SERVICE_UNKNOWN"
        return "SERVING" if serving and not self._stopping else "NOT_SERVING"

    async def Check(self, request: Any, headers: Headers) -> Any:
        status = self._status(request.service)
        if status == "SERVICE_UNKNOWN":
            raise Problem(404, "unknown-service", f"there is no service {describe(request.service)} here")
        return self._answer(status=status)

    async def Watch(self, requests: AsyncIterator[Any], headers: Headers) -> AsyncIterator[Any]:
        async for request in requests:
            said = None
            while True:
                changed, stopping = self._changed, self._stopping
                status = self._status(request.service)
                if status != said:
                    said = status
                    yield self._answer(status=status)
                if stopping:  # as it was before the status was read: it may have begun while that was sent
                    return
                await changed.wait()


class Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    """All methods of one service; methods that clients know and this server does not offer are refused with a sentence."""

    def __init__(self, service: str, servicer: Any, admit: Callable[[Headers], object] | None = None):
        """admit: raises a Problem for metadata of a call whose messages need not be read; not asked for OPEN methods."""
        self._prefix = f"/{service}/"
        self._admit = admit
        self._handlers = {}
        for name, (request, _, client_streams, server_streams) in methods(service).items():
            method = getattr(servicer, name)
            if server_streams:
                make = grpc.stream_stream_rpc_method_handler if client_streams else grpc.unary_stream_rpc_method_handler
                self._handlers[name] = make(self._streaming(request, method, client_streams), None, _bytes)
            else:
                self._handlers[name] = grpc.unary_unary_rpc_method_handler(self._unary(request, method), None, _bytes)
        offered = f"{service} offers {', '.join(self._handlers)} here, and not the method that was called"
        self._unknown = self._refusing(Problem(400, "not-offered", offered))

    def service(self, call: Any) -> Any:
        """The handler of a call by its path; None when it is another service's."""
        if not call.method.startswith(self._prefix):
            return None
        name = call.method[len(self._prefix) :]
        handler = self._handlers.get(name)
        if handler is None:
            return self._unknown
        if self._admit is not None and name not in OPEN:
            try:
                self._admit(_headers(call.invocation_metadata))
            except Problem as problem:
                return self._refusing(problem)
        return handler

    def _refusing(self, problem: Problem) -> Any:
        """A handler that refuses. As one of streams it does so before messages are read, which a client without a key could make
        large and many."""

        async def call(requests: Any, context: Any) -> None:
            await self._abort(context, problem)

        return grpc.stream_stream_rpc_method_handler(call)

    def _unary(self, kind: Any, method: Callable[[Any, Headers], Awaitable[Any]]) -> Any:
        async def call(data: bytes, context: Any) -> Any:
            try:
                return await method(_parse(kind, data), _headers(context.invocation_metadata()))
            except Exception as error:
                await self._abort(context, error)

        return call

    def _streaming(self, kind: Any, method: Callable[[Any, Headers], AsyncIterator[Any]], client_streams: bool) -> Any:
        async def parsed(requests: Any) -> AsyncIterator[Any]:
            if client_streams:
                async for data in requests:
                    yield _parse(kind, data)
            else:
                yield _parse(kind, requests)

        async def call(requests: Any, context: Any) -> AsyncIterator[Any]:
            try:
                async for answer in method(parsed(requests), _headers(context.invocation_metadata())):
                    yield answer
            except Exception as error:
                await self._abort(context, error)

        return call

    async def _abort(self, context: Any, error: Exception) -> None:
        if isinstance(error, grpc.aio.AbortError):
            raise error
        problem = problem_of(error)
        metrics.refused(problem.kind)
        _note(context, problem)
        code = KINDS.get(problem.kind) or CODES.get(problem.status, Status.INTERNAL)
        details = problem.detail
        await context.abort(code, details if len(details) <= MAX_DETAILS else details[: MAX_DETAILS - 3] + "...")


def _note(context: Any, problem: Problem) -> None:
    """Log a call that was refused, as over HTTP. Which service it was for stands in its messages, which were not read maybe."""
    if problem.status not in STATUSES:
        return
    client = unquote(context.peer()).partition(":")[2].rpartition(":")[0].strip("[]")  # of "ipv4:127.0.0.1:5000"
    headers = _headers(context.invocation_metadata())
    refusals.note(Request("POST", "", "", headers, b"", client), Response(problem.status, (), problem.body()))


def _bytes(answer: Any) -> bytes:
    return answer.SerializeToString()  # type: ignore[no-any-return]


def _parse(kind: Any, data: bytes) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError:
        raise Problem(400, "invalid-request", f"the request is no {kind.DESCRIPTOR.full_name}") from None


def _headers(metadata: Any) -> Headers:
    """Metadata of a call by its lower-case name; binary entries are left out."""
    found: Any = {key: value for key, value in metadata or () if isinstance(value, str)}
    return found  # type: ignore[no-any-return]
