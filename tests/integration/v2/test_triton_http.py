"""tritonclient over HTTP against a real worker: every answer is that of Runtime.score."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from rtml_plugins.serving.routing import chooser
from tests.integration.v2 import edges, tensors
from tests.integration.v2.edges import ROWS, Edge


@pytest.fixture
def client(edge: Edge) -> Iterator[triton.InferenceServerClient]:
    client = triton.InferenceServerClient(edge.http)
    yield client
    client.close()


def inputs(rows: list[dict[str, Any]], binary: bool = True, module: Any = triton) -> list[Any]:
    found = []
    for name, (datatype, _) in tensors.FIELDS.items():
        values, missing = tensors.column(rows, name)
        tensor = module.InferInput(name, list(values.shape), datatype)
        if not binary and datatype == "FP64" and np.isnan(values).any():
            tensor._data = [None if np.isnan(value) else value for value in values[:, 0].tolist()]
        else:
            tensor.set_data_from_numpy(values, binary_data=binary)
        if missing:
            tensor._parameters["missing"] = missing
        found.append(tensor)
    return found


def answers(result: Any) -> list[dict[str, Any]]:
    outputs = {}
    for output in result.get_response()["outputs"]:
        missing = output.get("parameters", {}).get("missing", "")
        if "data" in output:
            assert output["shape"] == [len(output["data"]), 1]
            gone = {int(at) for at in missing.split(",") if at}
            outputs[output["name"]] = [None if at in gone else value for at, value in enumerate(output["data"])]
            assert result.as_numpy(output["name"]).shape == (len(output["data"]), 1)
        else:
            outputs[output["name"]] = tensors.python(result.as_numpy(output["name"]), missing)
    return tensors.rows_of(outputs)


def test_server_and_model_tell_what_they_are(client: triton.InferenceServerClient) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("visits")
    assert client.is_model_ready("visits", "2")
    assert not client.is_model_ready("visits", "3")
    assert not client.is_model_ready("nobody")
    server = client.get_server_metadata()
    assert server["name"] == "rtml"
    assert "binary_tensor_data" in server["extensions"]
    model = client.get_model_metadata("visits")
    assert (model["name"], model["versions"]) == ("visits", ["1", "2"])
    assert {i["name"]: i["datatype"] for i in model["inputs"]} == {name: kind for name, (kind, _) in tensors.FIELDS.items()}
    assert {o["name"]: (o["datatype"], o["shape"]) for o in model["outputs"]}["stay"] == ("INT64", [-1, 1])
    config = client.get_model_config("visits", "1")
    assert config["max_batch_size"] == 5000
    assert {i["name"]: i["data_type"] for i in config["input"]}["country"] == "TYPE_STRING"
    index = client.get_model_repository_index()
    assert [(entry["name"], entry["version"], entry["state"]) for entry in index] == [
        ("visits", "1", "READY"),
        ("visits", "2", "READY"),
    ]


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], ROWS[1:2], []], ids=["three", "one", "another", "none"])
def test_answers_are_those_of_the_runtime(
    edge: Edge, client: triton.InferenceServerClient, rows: list[dict[str, Any]], binary_in: bool, binary_out: bool
) -> None:
    names = [output.name for output in edge.runtimes[1].manifest.outputs]
    asked = [triton.InferRequestedOutput(name, binary_data=binary_out) for name in names]
    result = client.infer("visits", inputs(rows, binary_in), model_version="1", outputs=asked, request_id="r-1")
    assert answers(result) == edge.runtimes[1].score(rows)
    response = result.get_response()
    assert (response["id"], response["model_name"], response["model_version"]) == ("r-1", "visits", "1")


def test_a_subset_of_outputs_each_in_its_form(edge: Edge, client: triton.InferenceServerClient) -> None:
    asked = [triton.InferRequestedOutput("stay", binary_data=False), triton.InferRequestedOutput("country")]
    result = client.infer("visits", inputs(ROWS), model_version="2", outputs=asked)
    expected = [{name: row[name] for name in ("stay", "country")} for row in edge.runtimes[2].score(ROWS)]
    assert answers(result) == expected


def test_durations_that_are_missing_are_numpy_s_nat(client: triton.InferenceServerClient) -> None:
    result = client.infer("visits", inputs(ROWS), model_version="1")
    stay = result.as_numpy("stay")[:, 0].view("m8[us]")
    assert np.isnat(stay).tolist() == [True, False, False]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_both_bodies_compressed(edge: Edge, client: triton.InferenceServerClient, coding: str) -> None:
    rows = ROWS * 50
    result = client.infer(
        "visits",
        inputs(rows),
        model_version="1",
        request_compression_algorithm=coding,
        response_compression_algorithm=coding,
    )
    assert answers(result) == edge.runtimes[1].score(rows)
    status, headers, _ = edges.post(
        edge,
        "/v2/models/visits/versions/1/infer",
        json_body(rows),
        {"Accept-Encoding": coding, "Content-Type": "application/json"},
    )
    assert (status, headers["content-encoding"]) == (200, coding)


def json_body(rows: list[dict[str, Any]], **more: Any) -> bytes:
    """A request with null where a value is missing."""
    found = [
        {"name": name, "shape": [len(rows)], "datatype": datatype, "data": [row[name] for row in rows]}
        for name, (datatype, _) in tensors.FIELDS.items()
    ]
    return json.dumps({"inputs": found, **more}).encode()


def test_null_and_one_value_a_row_in_plain_json(edge: Edge) -> None:
    body = json.loads(json_body(ROWS))
    for tensor in body["inputs"][::2]:
        tensor["shape"], tensor["data"] = [3, 1], [[value] for value in tensor["data"]]
    status, _, answer = edges.post(edge, "/v2/models/visits/versions/1/infer", json.dumps(body).encode())
    assert status == 200
    outputs = {output["name"]: output["data"] for output in json.loads(answer)["outputs"]}
    assert outputs["vip"] == [None, False, True]
    assert outputs["stay"][0] == -(2**63)  # numpy's NaT, as clients make no array of whole numbers and null
    outputs["stay"][0] = None
    assert tensors.rows_of(outputs) == edge.runtimes[1].score(ROWS)


def test_many_rows_are_answered_and_more_are_refused(edge: Edge, client: triton.InferenceServerClient) -> None:
    rows = (ROWS * 1667)[:5000]
    result = client.infer("visits", inputs(rows), model_version="1")
    assert answers(result) == edge.runtimes[1].score(rows)
    with pytest.raises(InferenceServerException, match=r"5,001 rows; at most 5,000") as caught:
        client.infer("visits", inputs([*rows, ROWS[0]]))
    assert caught.value.status() == "413"


def test_errors_reach_the_user_as_sentences(edge: Edge, client: triton.InferenceServerClient) -> None:
    def message(status: str, *given: Any, **named: Any) -> str:
        with pytest.raises(InferenceServerException) as caught:
            client.infer(*given, **named)
        assert caught.value.status() == status
        return str(caught.value.message())

    assert message("404", "visit", inputs(ROWS)) == "there is no model 'visit' here. Did you mean 'visits'?"
    assert message("404", "visits", inputs(ROWS), model_version="7") == "the model 'visits' has no version '7' here; it has 1, 2"
    assert "input 'age': expected a finite number or null, got nothing" in message("422", "visits", inputs(ROWS)[2:])
    unknown = triton.InferInput("citty", [3, 1], "BYTES")
    unknown.set_data_from_numpy(np.array([["a"]] * 3, np.object_))
    assert "input 'citty': expected no such field" in message("422", "visits", [*inputs(ROWS), unknown])
    wrong = inputs(ROWS)
    wrong[0] = triton.InferInput("quote", [3, 1], "BYTES")
    wrong[0].set_data_from_numpy(np.array([["a"]] * 3, np.object_))
    assert "input 'quote' has the datatype BYTES: expected FP64" in message("400", "visits", wrong)
    gone = inputs(ROWS)
    gone[2]._parameters["missing"] = "1"
    assert "input 'visits', row 1: expected a whole number, got a missing value" in message("422", "visits", gone)
    short = inputs(ROWS)
    short[3] = inputs(ROWS[:2])[3]
    assert "different numbers of rows: 'quote' has 3" in message("400", "visits", short)
    assert "there is no output 'age2'" in message(
        "400", "visits", inputs(ROWS), outputs=[triton.InferRequestedOutput("age2")], model_version="1"
    )
    for asked in (triton.InferRequestedOutput("age", class_count=3), triton.InferRequestedOutput("age", binary_data=False)):
        if "classification" not in asked._parameters:
            asked.set_shared_memory("region", 64)
        assert "which this server does not" in message("400", "visits", inputs(ROWS), outputs=[asked])


def test_a_body_that_is_too_large_is_refused_before_it_is_read(edge: Edge, client: triton.InferenceServerClient) -> None:
    big = triton.InferInput("country", [1, 1], "BYTES")
    big.set_data_from_numpy(np.array([["x" * (8 << 20)]], np.object_))
    with pytest.raises(InferenceServerException) as caught:
        client.infer("visits", [big])
    assert (caught.value.status(), caught.value.message()) == (
        "413",
        "the body has more than 8,388,608 bytes: send fewer rows at a time",
    )


def test_what_triton_offers_beyond_is_refused_with_a_sentence(client: triton.InferenceServerClient) -> None:
    for call in (lambda: client.load_model("visits"), lambda: client.unload_model("visits")):
        with pytest.raises(InferenceServerException, match="models are loaded and unloaded by the hub"):
            call()
    for call in (
        lambda: client.get_inference_statistics("visits"),
        client.get_system_shared_memory_status,
        client.get_trace_settings,
    ):
        with pytest.raises(InferenceServerException, match="there is nothing at '/v2/"):
            call()


def test_a_visitor_stays_with_a_version(edge: Edge, client: triton.InferenceServerClient) -> None:
    choose = chooser("visits", edges.HALF)
    assert choose is not None

    def version(**named: Any) -> int:
        return int(client.infer("visits", inputs(ROWS[:1]), **named).get_response()["model_version"])

    keys = [f"visitor-{number}" for number in range(12)]
    expected = [choose(key) for key in keys]
    assert set(expected) == {1, 2}
    assert [version(headers={"X-Rtml-Key": key}) for key in keys] == expected
    assert [version(parameters={"rtml_key": key}) for key in keys] == expected
    assert version() == choose("de")  # the sticky field of the first row
    assert version(model_version="2") == 2


def test_the_asynchronous_client(edge: Edge) -> None:
    async def ask() -> tuple[bool, list[Any]]:
        async with triton_aio.InferenceServerClient(edge.http) as client:
            ready = await client.is_model_ready("visits", "1")
            calls = [client.infer("visits", inputs([row], module=triton_aio), model_version="1") for row in ROWS * 5]
            return ready, await asyncio.gather(*calls)

    ready, results = asyncio.run(ask())
    assert ready
    assert [answers(result)[0] for result in results] == edge.runtimes[1].score(ROWS * 5)
