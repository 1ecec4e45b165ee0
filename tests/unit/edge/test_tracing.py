"""Traces: what an OTLP receiver gets of requests."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rtml_plugins.edge import tracing
from rtml_plugins.edge.exchange import Later, Request, Response
from rtml_plugins.edge.settings import EdgeSettings

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Receiver:
    """An OTLP receiver. spans: by name, as protobuf messages."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    import gzip

                    body = gzip.decompress(body)
                receiver.requests.append(ExportTraceServiceRequest.FromString(body))
                receiver.paths.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.paths: list[str] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def spans(self) -> dict[str, Any]:
        return {
            span.name: span
            for request in self.requests
            for group in request.resource_spans
            for scope in group.scope_spans
            for span in scope.spans
        }


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver, and an environment that says nothing of traces."""
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    running = Receiver()
    thread = threading.Thread(target=running.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield running
    finally:
        running.server.shutdown()
        running.server.server_close()
        thread.join()


class Rows:
    """Rows of a version that needs no package."""

    def decode(self, body: bytes) -> list[int]:
        return [1, 2]

    def score_many(self, requests: Any) -> list[bytes]:
        return [b"[]"]

    extra = 7


def snapshot() -> Any:
    loaded = SimpleNamespace(service="churn", version=3, scorer=SimpleNamespace(rows=Rows()))
    return SimpleNamespace(services={"churn": SimpleNamespace(versions={3: loaded})})


def settings(traces: str | None) -> EdgeSettings:
    return EdgeSettings(home="unused", region="emea", traces=traces)


def attributes(span: Any) -> dict[str, Any]:
    return {entry.key: getattr(entry.value, entry.value.WhichOneof("value")) for entry in span.attributes}


def test_a_request_is_a_span_of_the_callers_trace_with_reading_and_scoring_inside(receiver: Receiver) -> None:
    table: Any = SimpleNamespace(current=snapshot(), on_change=[])

    def handle(request: Request) -> Response:
        rows = table.current.services["churn"].versions[3].scorer.rows
        assert rows.extra == 7
        rows.score_many([rows.decode(b"{}")])
        return Response(200, [], b"", "id-1")

    traced = tracing.install(settings(receiver.url), table, handle)
    try:
        traced(Request("POST", "/v1/services/churn/predict", "", {"traceparent": PARENT}, b"{}"))
    finally:
        tracing.stop()
    assert receiver.paths == ["/v1/traces"]
    server = receiver.spans["POST /v1/services/{}/predict"]
    assert server.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
    assert server.parent_span_id.hex() == "b7ad6b7169203331"
    said = attributes(server)
    assert (said["http.response.status_code"], said["rtml.request_id"], said["url.path"]) == (
        200,
        "id-1",
        "/v1/services/churn/predict",
    )
    for name in ("decode", "score"):
        inner = receiver.spans[name]
        assert (inner.trace_id, inner.parent_span_id) == (server.trace_id, server.span_id)
        assert attributes(inner)["rtml.service"] == "churn"
    assert attributes(receiver.spans["score"])["rtml.rows"] == 2
    (resource,) = {str(group.resource) for request in receiver.requests for group in request.resource_spans}
    assert '"rtml-edge"' in resource
    assert '"emea"' in resource


def test_versions_that_are_loaded_later_tell_what_they_do_too(receiver: Receiver) -> None:
    table: Any = SimpleNamespace(current=SimpleNamespace(services={}), on_change=[])
    tracing.install(settings(receiver.url), table, lambda request: Response(200, [], b""))
    try:
        later = snapshot()
        for _ in range(2):
            table.on_change[0](later)
        rows = later.services["churn"].versions[3].scorer.rows
        assert type(rows).__name__ == "_TracedRows"
        assert type(rows._rows) is Rows
        assert rows.decode(b"") == [1, 2]  # outside of a request there is no span
    finally:
        tracing.stop()
    assert receiver.spans == {}


def test_answers_that_come_later_and_failures_end_their_spans(receiver: Receiver) -> None:
    table: Any = SimpleNamespace(current=SimpleNamespace(services={}), on_change=[])
    waiting = Later()

    async def slow() -> Response:
        await asyncio.sleep(0)
        return Response(503, [], b"")

    def handle(request: Request) -> Any:
        if request.path == "/metrics":
            raise RuntimeError("broken")
        return waiting if request.path == "/v2" else slow()

    traced = tracing.install(settings(receiver.url), table, handle)
    try:
        got: list[Response] = []
        traced(Request("GET", "/v2", "", {}, b"")).then(got.append)  # type: ignore[union-attr]
        waiting.resolve(Response(200, [], b""))

        async def awaited() -> Response:
            return await traced(Request("GET", "/v1/x", "", {}, b""))  # type: ignore[misc]

        assert (got[0].status, asyncio.run(awaited()).status) == (200, 503)
        with pytest.raises(RuntimeError, match="broken"):
            traced(Request("GET", "/metrics", "", {}, b""))
    finally:
        tracing.stop()
    statuses = {name: span.status.code for name, span in receiver.spans.items()}
    assert statuses == {"GET /v2": 0, "GET /v1/{}": 2, "GET /metrics": 2}


@pytest.mark.parametrize("header", ["", "garbage", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "ff-" + "1" * 60, "é" * 200])
def test_a_traceparent_that_is_none_begins_a_new_trace(receiver: Receiver, header: str) -> None:
    table: Any = SimpleNamespace(current=SimpleNamespace(services={}), on_change=[])
    traced = tracing.install(settings(receiver.url), table, lambda request: Response(200, [], b""))
    traced(Request("GET", "/metrics", "", {"traceparent": header}, b""))
    tracing.stop()
    span = receiver.spans["GET /metrics"]
    assert (span.parent_span_id, any(span.trace_id)) == (b"", True)


def test_without_the_setting_the_handler_is_the_one_that_was_given(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(request: Request) -> Response:
        return Response(200, [], b"")

    table: Any = SimpleNamespace(current=None, on_change=[])
    assert tracing.install(settings(None), table, handle) is handle
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert tracing.install(settings(receiver.url), table, handle) is handle
    tracing.stop()
    assert table.on_change == []


def test_the_variables_of_opentelemetry_ask_for_traces_too(receiver: Receiver) -> None:
    assert tracing.wanted(settings(None), {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
    assert tracing.wanted(settings(None), {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"})
    assert not tracing.wanted(settings("http://x"), {"OTEL_TRACES_EXPORTER": "none"})
    assert tracing.endpoint(settings(None)) is None
    assert tracing.endpoint(settings("https://collector:4318/")) == "https://collector:4318/v1/traces"
    assert tracing.endpoint(settings("https://collector/custom")) == "https://collector/custom"


@pytest.mark.parametrize("traces", ["collector:4318", "ftp://collector", "http://", "http://[", "nonsense"])
def test_a_place_that_is_no_url_is_refused(receiver: Receiver, traces: str) -> None:
    with pytest.raises(tracing.TracesRefused, match=r"is no place for traces: expected http\(s\)://host:port"):
        tracing.check(settings(traces))


def test_without_the_extra_the_error_says_what_to_install(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(tracing, "import_module", missing)
    with pytest.raises(tracing.TracesRefused, match=r"is not installed: pip install 'rtml\[otel\]'"):
        tracing.check(settings(receiver.url))


def test_names_of_spans_are_few() -> None:
    assert tracing.route("/v1/services/churn/versions/3/predict") == "/v1/services/{}/versions/{}/predict"
    assert tracing.route("/" + "/".join("abcdefghijklmnop")) == "/" + "/".join(["{}"] * 7)
