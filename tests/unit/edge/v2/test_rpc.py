"""Requests over gRPC: whatever comes is read, or refused with a sentence."""

from typing import Any

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.edge.v2 import rpc
from rtml_plugins.edge.v2.messages import CONTENTS, message
from rtml_plugins.edge.v2.tensors import DATATYPES
from rtml_plugins.serving.problems import Problem

Request = message("inference.ModelInferRequest")


def request(raw: bool = True) -> Any:
    made = Request(model_name="m", id="1")
    made.parameters["rtml_key"].string_param = "k"
    made.outputs.add(name="o")
    for name, datatype, values in (("a", "FP64", [1.0, 2.0]), ("b", "INT64", [3, 4])):
        tensor = made.inputs.add(name=name, datatype=datatype, shape=[2, 1])
        if raw:
            made.raw_input_contents.append(np.array(values).tobytes())
        else:
            getattr(tensor.contents, CONTENTS[datatype]).extend(values)
    made.inputs[1].parameters["missing"].string_param = "1"
    return made


def refused(made: Any, status: int = 400) -> str:
    with pytest.raises(Problem) as caught:
        rpc.read_request(made, 100)
    assert caught.value.status == status
    return caught.value.detail


@pytest.mark.parametrize("raw", [True, False])
def test_raw_and_typed_contents(raw: bool) -> None:
    read = rpc.read_request(request(raw), 100)
    assert [(t.name, t.datatype, list(t.values)) for t in read.tensors] == [("a", "FP64", [1.0, 2.0]), ("b", "INT64", [3, None])]
    assert (read.id, read.rows, read.outputs, read.binary) == ("1", 2, [("o", False)], raw)
    assert read.parameters == {"rtml_key": "k"}


def test_what_does_not_fit_together_is_refused() -> None:
    assert "has no inputs" in refused(Request(model_name="m"))
    made = request()
    made.raw_input_contents.append(b"")
    assert "3 raw_input_contents for 2 inputs" in refused(made)
    made = request()
    made.inputs[0].contents.fp64_contents.append(1.0)
    assert "both contents and raw_input_contents" in refused(made)
    made = request(raw=False)
    made.inputs[0].datatype = "FP16"
    assert "which has no typed contents: send it raw" in refused(made)
    made = request(raw=False)
    made.inputs[0].datatype = "FP32"
    assert "has fp64_contents: expected fp32_contents" in refused(made)
    made = request()
    made.inputs[0].shape[0] = 101
    assert "101 rows; at most 100" in refused(made, 413)
    made = request()
    made.outputs.add(name="o")
    assert "asked for twice" in refused(made)
    made = request()
    made.parameters["x"].Clear()
    assert "the parameter 'x' has no value" in refused(made)
    made = request()
    made.outputs[0].parameters["classification"].int64_param = 3
    assert "asks for a classification" in refused(made)
    made = request()
    made.inputs[0].parameters["shared_memory_region"].string_param = "r"
    assert "asks for shared memory" in refused(made)


@pytest.mark.parametrize("datatype", [datatype for datatype in DATATYPES if datatype in CONTENTS])
def test_each_datatype_has_its_list(datatype: str) -> None:
    made = Request()
    values = [b"x"] if datatype == "BYTES" else [1]
    tensor = made.inputs.add(name="a", datatype=datatype, shape=[1])
    getattr(tensor.contents, CONTENTS[datatype]).extend(values)
    assert list(rpc.read_request(made, 100).tensors[0].values) == (["x"] if datatype == "BYTES" else [1])


@given(st.data(), st.booleans())
def test_whatever_comes_is_read_or_refused(data: st.DataObject, raw: bool) -> None:
    changed = bytearray(request(raw).SerializeToString())
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        made = Request.FromString(bytes(changed[: data.draw(st.just(len(changed)) | st.integers(0, len(changed)))]))
    except DecodeError:
        return  # answered INVALID_ARGUMENT: tests/integration/v2
    problem = None
    try:
        read = rpc.read_request(made, 100)
    except Problem as refusal:
        problem = refusal
    assert all(len(tensor.values) <= 100 for tensor in read.tensors) if problem is None else problem.status in (400, 413)
