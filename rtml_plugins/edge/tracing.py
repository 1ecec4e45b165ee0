"""Traces of requests with OpenTelemetry, by setting: a span for each request, in it one for reading the rows and one for scoring.

Off unless `rtml edge --traces URL` or a variable, OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, asks for it;
then nothing of this module stands between a request and its answer. Sampling and names follow the other OTEL_* variables.
A traceparent header (W3C Trace Context) makes the request part of the caller's trace.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from rtml_core.errors import RtmlError, describe
from rtml_plugins.edge.exchange import Answer, Handler, Headers, Later, Request, Response
from rtml_plugins.edge.settings import EdgeSettings

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

    from rtml_plugins.edge.table import Snapshot, Table

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_STOP_MS: Final = 5_000
#: path segments that are not names; what else stands between slashes is replaced in the name of a span, so that names are few
_WORDS: Final = frozenset(
    [
        "v1",
        "v2",
        "services",
        "models",
        "versions",
        "predict",
        "infer",
        "ready",
        "live",
        "health",
        "metrics",
        "openapi.json",
        "config",
    ]
)


class TracesRefused(RtmlError):
    """Traces that can't be sent."""


def wanted(settings: EdgeSettings, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether traces are asked for."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true" or environment.get("OTEL_TRACES_EXPORTER") == "none":
        return False
    return bool(settings.traces or any(environment.get(name) for name in _ENDPOINTS))


def endpoint(settings: EdgeSettings) -> str | None:
    """Where --traces sends to: a URL without a path gets the one of OTLP; None leaves it to the variables.

    Raises TracesRefused for no URL.
    """
    if not settings.traces:
        return None
    try:
        parts = urlsplit(settings.traces)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise TracesRefused(
            f"{describe(settings.traces)} is no place for traces: expected http(s)://host:port, e.g. http://127.0.0.1:4318"
        )
    return settings.traces if parts.path.strip("/") else f"{parts.scheme}://{parts.netloc}/v1/traces"


def check(settings: EdgeSettings) -> None:
    """TracesRefused when traces are asked for and can't be sent: before processes are started that would all say so."""
    if wanted(settings):
        endpoint(settings)
        for name in ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http.trace_exporter"):
            try:
                import_module(name)
            except ImportError:
                raise TracesRefused(f"traces need {name}, which is not installed: pip install 'rtml[otel]'") from None


class Tracing:
    """The traces of a process. wrap() puts a span around each request, watch() two more inside it."""

    def __init__(self, settings: EdgeSettings):
        """Raises TracesRefused when OpenTelemetry is not installed, or the setting is no URL."""
        check(settings)
        from opentelemetry import context, trace
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        import rtml_core

        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {"service.name": "rtml-edge"}
        resource = Resource.create({**named, "service.version": rtml_core.__version__, "rtml.region": settings.region})
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint(settings))))
        self._tracer: Tracer = self._provider.get_tracer("rtml.edge", rtml_core.__version__)
        self._context, self._trace = context, trace
        self._extract = TraceContextTextMapPropagator().extract

    def stop(self) -> None:
        """Send what is left."""
        self._provider.force_flush(_STOP_MS)
        self._provider.shutdown()

    def wrap(self, handle: Handler) -> Handler:
        """A handler with a span around each request."""
        attach, detach = self._context.attach, self._context.detach

        def traced(request: Request) -> Answer:
            parent = self._extract(request.headers, getter=_HEADERS)
            attributes = {"http.request.method": request.method, "url.path": request.path}
            name = f"{request.method} {route(request.path)}"
            span = self._tracer.start_span(name, parent, self._trace.SpanKind.SERVER, attributes)
            token = attach(self._trace.set_span_in_context(span, parent))
            try:
                answer = handle(request)
            except BaseException as error:
                span.record_exception(error)
                span.set_status(self._trace.StatusCode.ERROR)
                span.end()
                raise
            finally:
                detach(token)
            if isinstance(answer, Response):
                self._end(span, answer)
                return answer
            if isinstance(answer, Later):
                later = Later()
                answer.then(lambda response: later.resolve(self._end(span, response)))
                return later
            return self._awaited(span, answer)

        return traced

    async def _awaited(self, span: Span, answer: Any) -> Response:
        try:
            return self._end(span, await answer)
        except BaseException as error:
            span.record_exception(error)
            span.end()
            raise

    def _end(self, span: Span, response: Response) -> Response:
        span.set_attribute("http.response.status_code", response.status)
        if response.request_id:
            span.set_attribute("rtml.request_id", response.request_id)
        if response.status >= 500:
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()
        return response

    def watch(self, table: Table) -> None:
        """Have what is loaded, now and later, tell what it does."""
        self._watch(table.current)
        table.on_change.append(self._watch)

    def _watch(self, snapshot: Snapshot) -> None:
        for service in snapshot.services.values():
            for loaded in service.versions.values():
                scorer: Any = loaded.scorer
                if not isinstance(scorer.rows, _TracedRows):
                    scorer.rows = _TracedRows(scorer.rows, self, loaded.service, loaded.version)

    def span(self, name: str, attributes: dict[str, Any]) -> Any:
        """A context manager: a span inside the request at hand; outside of any, e.g. in another thread, none."""
        if not self._trace.get_current_span().get_span_context().is_valid:
            return self._trace.use_span(self._trace.INVALID_SPAN)
        return self._tracer.start_as_current_span(name, attributes=attributes)


class _TracedRows:
    """Reading and scoring of a version with spans. A run for several requests stands in the span of the first of them."""

    def __init__(self, rows: Any, tracing: Tracing, service: str, version: int):
        self._rows = rows
        self._span = tracing.span
        self._attributes = {"rtml.service": service, "rtml.version": version}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._rows, name)

    def decode(self, body: bytes) -> Any:
        with self._span("decode", {**self._attributes, "rtml.bytes": len(body)}):
            return self._rows.decode(body)

    def score(self, rows: Any) -> Any:
        with self._span("score", {**self._attributes, "rtml.rows": len(rows), "rtml.requests": 1}):
            return self._rows.score(rows)

    def score_many(self, requests: Sequence[Any]) -> Any:
        count = sum(map(len, requests))
        with self._span("score", {**self._attributes, "rtml.rows": count, "rtml.requests": len(requests)}):
            return self._rows.score_many(requests)


class _HeaderGetter:
    """How OpenTelemetry reads headers of a request."""

    def get(self, carrier: Headers, key: str) -> list[str] | None:
        value = carrier.get(key)
        return None if value is None else [value]

    def keys(self, carrier: Headers) -> list[str]:
        return []


_HEADERS: Final[Any] = _HeaderGetter()


def route(path: str) -> str:
    """A path with its names replaced: "/v1/services/churn/predict" -> "/v1/services/{}/predict"."""
    return "/".join(part if part in _WORDS or not part else "{}" for part in path[:200].split("/")[:8])


_running: Tracing | None = None


def install(settings: EdgeSettings, table: Table, handle: Handler) -> Handler:
    """The handler to serve with: itself when no traces are asked for. Raises TracesRefused when they can't be sent."""
    global _running
    if not wanted(settings):
        return handle
    _running = Tracing(settings)
    _running.watch(table)
    return _running.wrap(handle)


def stop() -> None:
    """Send what is left of the traces; nothing when there are none."""
    global _running
    if _running is not None:
        _running.stop()
        _running = None
