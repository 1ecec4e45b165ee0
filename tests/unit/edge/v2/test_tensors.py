"""Tensors of the protocol as columns, and back."""

import base64
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from rtml_core.columns import MISSING_STRING, MISSING_TIME
from rtml_plugins.edge.v2 import tensors
from rtml_plugins.edge.v2.tensors import OutputSpec, Tensor
from rtml_plugins.serving.problems import Problem

NUMBERS = {
    "INT8": np.int8, "INT16": np.int16, "INT32": np.int32, "INT64": np.int64, "UINT8": np.uint8, "UINT16": np.uint16,
    "UINT32": np.uint32, "UINT64": np.uint64, "FP16": np.float16, "FP32": np.float32, "FP64": np.float64, "BOOL": np.bool_,
}  # fmt: skip


def refused(function: Any, *given: Any) -> str:
    with pytest.raises(Problem) as caught:
        function(*given)
    assert caught.value.status == 400
    return caught.value.detail


def read_or_refused(read: Any, count: int) -> None:
    problem: Problem | None = None
    try:
        values = read()
    except Problem as refusal:
        problem = refusal
    assert len(values) == count if problem is None else (problem.status, "'a'" in problem.detail) == (400, True)


@pytest.mark.parametrize("datatype", NUMBERS)
def test_binary_is_what_numpy_writes(datatype: str) -> None:
    values = np.array([0, 1, 1, 0]).astype(NUMBERS[datatype])
    got = tensors.from_binary("a", datatype, 4, values.tobytes())
    assert isinstance(got, np.ndarray)
    assert got.dtype == values.dtype
    assert (got == values).all()
    assert "bytes of data: expected" in refused(tensors.from_binary, "a", datatype, 3, values.tobytes())


def test_bf16_is_the_upper_half_of_fp32() -> None:
    values = np.array([1.0, -2.5, 3e38, 0.0], np.float32)
    upper = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    got = tensors.from_binary("a", "BF16", 4, upper)
    assert np.allclose(got, values, rtol=2**-7)


def test_a_bool_is_one_or_zero() -> None:
    assert "holds the byte 2" in refused(tensors.from_binary, "a", "BOOL", 2, b"\x01\x02")
    assert len(tensors.from_binary("a", "BOOL", 0, b"")) == 0


@given(st.lists(st.text(), max_size=8))
def test_texts_travel_as_tritonclient_writes_and_reads_them(texts: list[str]) -> None:
    usable = [text for text in texts if text.isprintable()]
    written = serialize_byte_tensor(np.array(usable, np.object_))
    data = written.item() if written.size else b""
    assert tensors.from_binary("a", "BYTES", len(usable), data) == usable
    spec = OutputSpec("a", "BYTES", "string", False)
    raw, missing = tensors.binary(spec, np.array(usable, np.object_))
    assert (deserialize_bytes_tensor(raw).tolist(), missing) == ([text.encode() for text in usable], [])


@given(st.binary(max_size=40), st.integers(0, 5), st.sampled_from(tensors.DATATYPES))
def test_any_bytes_are_read_or_refused(data: bytes, count: int, datatype: str) -> None:
    read_or_refused(lambda: tensors.from_binary("a", datatype, count, data), count)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=6,
)


@given(st.lists(JSON, max_size=4), st.integers(0, 4), st.sampled_from(tensors.DATATYPES), st.dictionaries(
    st.sampled_from(["missing", "content_type"]), st.sampled_from(["0", "1,0", "x", "", "base64", "pd"]) | JSON
))  # fmt: skip
def test_any_json_is_read_or_refused(data: list[Any], count: int, datatype: str, parameters: dict[str, Any]) -> None:
    read_or_refused(lambda: tensors.with_parameters("a", tensors.from_list("a", datatype, count, data), parameters), count)


@pytest.mark.parametrize(
    ("datatype", "data", "sentence"),
    [
        ("INT64", [1.5], "row 0: expected a whole number"),
        ("INT64", [0, 2**63], "row 1: 9223372036854775808 does not fit its datatype INT64"),
        ("UINT8", [0, -1], "row 1: -1 does not fit its datatype UINT8"),
        ("INT64", ["1"], "row 0: expected a value of datatype INT64, got '1'"),
        ("FP64", [True], "row 0: expected a value of datatype FP64, got True"),
        ("FP64", [10**400], "holds a number that FP64 can't hold"),
        ("BOOL", [1], "row 0: expected a value of datatype BOOL, got 1"),
        ("BYTES", [1], "row 0: expected a value of datatype BYTES, got 1"),
        ("BYTES", [["a", "b"]], "expected one value in each row"),
        ("BYTES", ["a", "b"], "has 2 values: expected 1"),
    ],
)
def test_json_that_is_not_of_the_datatype_is_refused(datatype: str, data: list[Any], sentence: str) -> None:
    assert sentence in refused(tensors.from_list, "a", datatype, 1 if len(data) == 1 or "b" in data else 2, data)


def test_json_of_a_narrow_datatype_has_its_precision() -> None:
    got = tensors.from_list("a", "FP32", 1, [0.1])
    assert got[0] == np.float32(0.1)
    assert tensors.from_list("a", "INT32", 2, [[1.0], [2]]).tolist() == [1, 2]  # type: ignore[union-attr]


def test_missing_rows_by_parameter() -> None:
    assert tensors.with_parameters("a", ["x", "y"], {"missing": "1"}) == ["x", None]
    assert tensors.with_parameters("a", np.array([1, 2]), {"missing": 0}) == [None, 2]
    assert tensors.with_parameters("a", ["x"], {"missing": ""}) == ["x"]
    floats = tensors.with_parameters("a", np.array([1, 2], np.float32), {"missing": [1]})
    assert isinstance(floats, np.ndarray)
    assert (floats[0], np.isnan(floats[1])) == (1.0, True)
    for wrong in ("2", "-1", "x", "1;2", "9" * 5000, True, 0.5, {}):
        assert "its parameter 'missing' is" in refused(tensors.with_parameters, "a", ["x", "y"], {"missing": wrong})


def test_content_types_of_mlserver() -> None:
    encoded = base64.b64encode("é".encode()).decode()
    assert tensors.with_parameters("a", [encoded], {"content_type": "base64"}) == ["é"]
    assert tensors.with_parameters("a", ["x"], {"content_type": "str"}) == ["x"]
    for wrong in (["{"], ["YQ"], ["é"], [None]):
        assert "can't be decoded" in refused(tensors.with_parameters, "a", wrong, {"content_type": "base64"})


def field(kind: str, nullable: bool = False) -> Any:
    return SimpleNamespace(type=kind, nullable=nullable)


@pytest.mark.parametrize("shape", [[2, 2], [], [1, 2], [-1], [2, 1, 1], [-5, 1]])
def test_shapes_are_a_column(shape: list[int]) -> None:
    assert "expected [N] or [N, 1]" in refused(tensors.rows_of, "a", "FP64", shape)
    assert tensors.rows_of("a", "FP64", [3, 1]) == tensors.rows_of("a", "BYTES", [3]) == 3
    assert "has the datatype 'FP8': expected one of BOOL" in refused(tensors.rows_of, "a", "FP8", [1])


def test_fields_take_what_they_can_hold_exactly() -> None:
    for datatype in ("INT64", "UINT64"):
        kind = NUMBERS[datatype]
        assert tensors.column_for(field("float"), Tensor("a", datatype, np.array([2**53], kind)))[0] == 2**53
        for entry in (field("float"), field("int", True)):
            assert "beyond 2^53" in refused(tensors.column_for, entry, Tensor("a", datatype, np.array([2**53 + 1], kind)))
            assert "beyond 2^53" in refused(tensors.column_for, entry, Tensor("a", datatype, [None, 2**53 + 1]))
        assert tensors.column_for(field("int"), Tensor("a", datatype, np.array([2**62], kind)))[0] == 2**62
    for kind, wrong, right in (("string", "FP64", "BYTES"), ("bool", "INT8", "BOOL"), ("float", "BOOL", "FP64")):
        assert f"has the datatype {wrong}: expected {right}" in refused(tensors.column_for, field(kind), Tensor("a", wrong, []))


@pytest.mark.parametrize(
    ("spec", "column", "values", "missing"),
    [
        (OutputSpec("o", "FP64", "float64", True), np.array([1.5, math.nan]), [1.5, math.nan], []),
        (OutputSpec("o", "FP32", "float32", True), np.array([0.1], np.float32), [float(np.float32(0.1))], []),
        (OutputSpec("o", "BOOL", "bool", True), np.array([1.0, math.nan, 0.0]), [True, None, False], [1]),
        (OutputSpec("o", "BOOL", "bool", False), np.array([True]), [True], []),
        (OutputSpec("o", "INT64", "int64", False), np.array([-(2**63)]), [-(2**63)], []),
        (OutputSpec("o", "INT64", "timedelta", True), np.array([7, MISSING_TIME]), [7, None], [1]),
        (OutputSpec("o", "BYTES", "timestamp", True), np.array([0, MISSING_TIME]), ["1970-01-01T00:00:00Z", None], [1]),
        (OutputSpec("o", "BYTES", "string", True), np.array(["", MISSING_STRING], np.object_), ["", None], [1]),
    ],
)
def test_outputs_plain_and_binary(spec: OutputSpec, column: Any, values: list[Any], missing: list[int]) -> None:
    got, gone = tensors.plain(spec, column)
    assert repr(got) == repr(values)
    assert gone == missing
    raw, gone = tensors.binary(spec, column)
    assert gone == missing
    if spec.datatype != "BYTES":
        back = np.frombuffer(raw, NUMBERS[spec.datatype]).tolist()
        assert len(back) == len(values)
        for row, value in enumerate(back):
            assert row in missing or repr(value) == repr(values[row])
    one = [None if value is None or value != value else value for value in values[-1:]]
    assert tensors.binary(spec, one)[0] == tensors.binary(spec, column[-1:])[0]
    assert tensors.plain(spec, one)[1] == tensors.plain(spec, column[-1:])[1]
