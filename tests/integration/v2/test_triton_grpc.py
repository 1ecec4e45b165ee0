"""tritonclient over gRPC against the real process: every answer is that of Runtime.score."""

import asyncio
import queue
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.utils import InferenceServerException

from rtml_plugins.edge.v2.messages import message, methods
from rtml_plugins.serving.routing import chooser
from tests.integration.v2 import edges, tensors
from tests.integration.v2.edges import ROWS, Edge


@pytest.fixture
def client(edge: Edge) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(edge.grpc)
    yield client
    client.close()


def inputs(rows: list[dict[str, Any]]) -> list[Any]:
    found = []
    for name, (datatype, _) in tensors.FIELDS.items():
        values, missing = tensors.column(rows, name)
        tensor = triton.InferInput(name, list(values.shape), datatype)
        tensor.set_data_from_numpy(values)
        if missing:
            tensor._input.parameters["missing"].string_param = missing
        found.append(tensor)
    return found


def answers(result: Any) -> list[dict[str, Any]]:
    outputs = {}
    for output in result.get_response().outputs:
        missing = output.parameters["missing"].string_param if "missing" in output.parameters else ""
        outputs[output.name] = tensors.python(result.as_numpy(output.name), missing)
    return tensors.rows_of(outputs)


def test_server_and_model_tell_what_they_are(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("visits", "2")
    for unknown in (("visits", "3"), ("nobody", "")):
        with pytest.raises(InferenceServerException, match=r"there is no model|has no version"):
            client.is_model_ready(*unknown)
    assert client.get_server_metadata().name == "rtml"
    model = client.get_model_metadata("visits")
    assert list(model.versions) == ["1", "2"]
    assert {i.name: i.datatype for i in model.inputs} == {name: kind for name, (kind, _) in tensors.FIELDS.items()}
    assert list(model.outputs[0].shape) == [-1, 1]
    config = client.get_model_config("visits", as_json=True)["config"]
    assert (config["max_batch_size"], config["input"][0]["data_type"]) == (5000, "TYPE_FP64")
    assert [entry.version for entry in client.get_model_repository_index().models] == ["1", "2"]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], ROWS[1:2], [], ROWS * 1000], ids=["three", "one", "another", "none", "many"])
def test_answers_are_those_of_the_runtime(edge: Edge, client: triton.InferenceServerClient, rows: list[dict[str, Any]]) -> None:
    result = client.infer("visits", inputs(rows), model_version="1", request_id="r-1")
    assert answers(result) == edge.runtimes[1].score(rows)
    assert (result.get_response().id, result.get_response().model_version) == ("r-1", "1")


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_subset_of_outputs_compressed(edge: Edge, client: triton.InferenceServerClient, coding: str) -> None:
    asked = [triton.InferRequestedOutput("stay"), triton.InferRequestedOutput("country")]
    result = client.infer("visits", inputs(ROWS), model_version="2", outputs=asked, compression_algorithm=coding)
    assert answers(result) == [{name: row[name] for name in ("stay", "country")} for row in edge.runtimes[2].score(ROWS)]


def test_errors_reach_the_user_as_sentences(client: triton.InferenceServerClient) -> None:
    def said(code: grpc.StatusCode, *given: Any, **named: Any) -> str:
        with pytest.raises(InferenceServerException) as caught:
            client.infer(*given, **named)
        assert caught.value.status() == str(code)
        return str(caught.value.message())

    invalid = grpc.StatusCode.INVALID_ARGUMENT
    assert said(grpc.StatusCode.NOT_FOUND, "visit", inputs(ROWS)).startswith("there is no model 'visit' here. Did you mean")
    assert "no version '7' here; it has 1, 2" in said(grpc.StatusCode.NOT_FOUND, "visits", inputs(ROWS), model_version="7")
    assert "input 'age': expected a finite number or null" in said(invalid, "visits", inputs(ROWS)[2:])
    gone = inputs(ROWS)
    gone[2]._input.parameters["missing"].string_param = "1"
    assert "input 'visits', row 1: expected a whole number, got a missing value" in said(invalid, "visits", gone)
    assert "at most 5,000" in said(invalid, "visits", inputs(ROWS * 1667))
    short = inputs(ROWS)
    short[0]._raw_content = short[0]._raw_content[:-1]
    assert "input 'quote' has 23 bytes of data: expected 24" in said(invalid, "visits", short)
    with pytest.raises(InferenceServerException, match="offers ServerLive"):
        client.load_model("visits")


def test_a_visitor_stays_with_a_version(client: triton.InferenceServerClient) -> None:
    choose = chooser("visits", edges.HALF)
    assert choose is not None
    keys = [f"visitor-{number}" for number in range(12)]
    by_metadata = [client.infer("visits", inputs(ROWS[:1]), headers={"x-rtml-key": key}) for key in keys]
    by_parameter = [client.infer("visits", inputs(ROWS[:1]), parameters={"rtml_key": key}) for key in keys]
    for results in (by_metadata, by_parameter):
        assert [int(result.get_response().model_version) for result in results] == [choose(key) for key in keys]
    assert int(client.infer("visits", inputs(ROWS[:1])).get_response().model_version) == choose("de")


def test_a_stream_answers_in_order_and_outlives_a_wrong_request(edge: Edge, client: triton.InferenceServerClient) -> None:
    results: queue.Queue[tuple[Any, Any]] = queue.Queue()
    client.start_stream(lambda result, error: results.put((result, error)))
    for number, row in enumerate(ROWS):
        client.async_stream_infer("visits", inputs([row]), request_id=str(number), model_version="1")
    client.async_stream_infer("visits", inputs(ROWS)[1:], request_id="wrong")
    client.async_stream_infer("visits", inputs(ROWS), request_id="last", model_version="1")
    got = [results.get(timeout=60) for _ in range(5)]
    client.stop_stream()
    assert [answers(result)[0] for result, _ in got[:3]] == edge.runtimes[1].score(ROWS)
    assert [result.get_response().id for result, _ in got[:3]] == ["0", "1", "2"]
    assert "input 'quote': expected a finite number" in str(got[3][1])
    assert answers(got[4][0]) == edge.runtimes[1].score(ROWS)


def test_the_asynchronous_client(edge: Edge) -> None:
    async def ask() -> list[Any]:
        async with triton_aio.InferenceServerClient(edge.grpc) as client:
            return await asyncio.gather(*(client.infer("visits", inputs([row]), model_version="1") for row in ROWS * 5))

    results = asyncio.run(ask())
    assert [answers(result)[0] for result in results] == edge.runtimes[1].score(ROWS * 5)


def test_typed_contents_are_answered_with_typed_contents(edge: Edge) -> None:
    lists = {"FP64": "fp64_contents", "INT64": "int64_contents", "BOOL": "bool_contents", "BYTES": "bytes_contents"}
    request = message("inference.ModelInferRequest")(model_name="visits", model_version="1")
    for name, (datatype, _) in tensors.FIELDS.items():
        values, missing = tensors.column(ROWS, name)
        tensor = request.inputs.add(name=name, datatype=datatype, shape=(3,))
        plain = values[:, 0].tolist()
        getattr(tensor.contents, lists[datatype]).extend(v.encode() if isinstance(v, str) else v for v in plain)
        if missing:
            tensor.parameters["missing"].string_param = missing
    with grpc.insecure_channel(edge.grpc) as channel:
        call = channel.unary_unary(
            "/inference.GRPCInferenceService/ModelInfer",
            request_serializer=lambda asked: asked.SerializeToString(),
            response_deserializer=message("inference.ModelInferResponse").FromString,
        )
        response = call(request, timeout=60)
        request.inputs[0].contents.bool_contents.append(True)
        with pytest.raises(grpc.RpcError) as caught:
            call(request, timeout=60)
    assert not response.raw_output_contents
    outputs = {}
    for output in response.outputs:
        values = np.array(getattr(output.contents, lists[output.datatype]), np.object_).reshape(3, 1)
        outputs[output.name] = tensors.python(values, output.parameters["missing"].string_param)
    assert tensors.rows_of(outputs) == edge.runtimes[1].score(ROWS)
    assert "input 'quote' has bool_contents: expected fp64_contents" in caught.value.details()


def test_health_for_load_balancers(edge: Edge) -> None:
    request, answer, _, _ = methods("grpc.health.v1.Health")["Check"]
    with grpc.insecure_channel(edge.grpc) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check", lambda asked: asked.SerializeToString(), answer.FromString)
        for service in ("", "inference.GRPCInferenceService", "visits"):
            assert check(request(service=service), timeout=60).status == 1  # SERVING
        with pytest.raises(grpc.RpcError) as caught:
            check(request(service="nobody"), timeout=60)
        assert caught.value.code() == grpc.StatusCode.NOT_FOUND
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch", lambda asked: asked.SerializeToString(), answer.FromString)
        watching = watch(request(service=""), timeout=60)
        assert next(watching).status == 1
        watching.cancel()


def test_what_is_no_message_is_refused(edge: Edge) -> None:
    with grpc.insecure_channel(edge.grpc) as channel:
        for method, data in (("ModelInfer", b"\xff\xff"), ("ModelMetadata", b"\x0a\x05a"), ("ModelInfer", b"")):
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(f"/inference.GRPCInferenceService/{method}")(data, timeout=60)
            assert caught.value.code() in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
