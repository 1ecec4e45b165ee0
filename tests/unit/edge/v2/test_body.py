"""Bodies over HTTP: whatever comes is read, or refused with a sentence."""

import gzip
import json
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.edge.v2 import body as bodies
from rtml_plugins.serving.problems import Problem


def request(**changes: Any) -> tuple[bytes, str]:
    """(body, length of its JSON): two rows of a binary input, of binary text and of JSON."""
    texts = struct.pack("<I", 1) + b"x" + struct.pack("<I", 0)
    document = {
        "id": "1",
        "inputs": [
            {"name": "a", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": 16}},
            {"name": "b", "shape": [2, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(texts)}},
            {"name": "c", "shape": [2], "datatype": "INT64", "data": [1, None]},
        ],
        "outputs": [{"name": "o", "parameters": {"binary_data": False}}, {"name": "p"}],
        "parameters": {"binary_data_output": True},
        **changes,
    }
    head = json.dumps(document).encode()
    return head + np.array([1.0, 2.0]).tobytes() + texts, str(len(head))


def refused(body: bytes, length: str | None, status: int = 400) -> str:
    with pytest.raises(Problem) as caught:
        bodies.read_request(body, length, 100)
    assert caught.value.status == status
    return caught.value.detail


def test_json_and_binary_inputs_in_their_order() -> None:
    read = bodies.read_request(*request(), 100)
    assert [(t.name, t.datatype, list(t.values)) for t in read.tensors] == [
        ("a", "FP64", [1.0, 2.0]),
        ("b", "BYTES", ["x", ""]),
        ("c", "INT64", [1, None]),
    ]
    assert (read.id, read.rows, read.outputs, read.binary) == ("1", 2, [("o", False), ("p", True)], True)


@pytest.mark.parametrize("length", ["-1", "1e2", "", "٣", "99999999999999999999", "100000", "0x10"])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    assert "Inference-Header-Content-Length is" in refused(request()[0], length)


def test_what_does_not_add_up_is_refused() -> None:
    body, length = request()
    assert "1 bytes after the binary data" in refused(body + b"x", length)
    assert "binary_data_size 9: expected at most 8" in refused(body[:-1], length)
    assert "needs the header Inference-Header-Content-Length" in refused(body, None)
    assert "can't be read" in refused(body, "0")
    assert "has no inputs" in refused(*request(inputs=[]))
    assert "Object missing required field `inputs`" in refused(b"{}", None)
    assert "asked for twice" in refused(*request(outputs=[{"name": "o"}, {"name": "o"}]))
    assert "expected true or false" in refused(*request(outputs=[{"name": "o", "parameters": {"binary_data": "yes"}}]))
    assert "101 rows; at most 100" in refused(*request(inputs=[{"name": "a", "shape": [101], "datatype": "FP64"}]), 413)
    assert "has no data" in refused(*request(inputs=[{"name": "a", "shape": [1], "datatype": "FP64"}]))
    for size in (-1, 1.5, "16", True, None):
        only = [{"name": "a", "shape": [2], "datatype": "FP64", "parameters": {"binary_data_size": size}}]
        assert "binary_data_size" in refused(*request(inputs=only))
    both = [{"name": "a", "shape": [2], "datatype": "FP64", "data": [1, 2], "parameters": {"binary_data_size": 16}}]
    assert "both 'data' and 'binary_data_size'" in refused(*request(inputs=both))
    for key in ("shared_memory_region", "classification"):
        assert "which this server does not" in refused(*request(parameters={key: "x"}))


def outcome(function: Any, *given: Any) -> tuple[Any, Problem | None]:
    """(result, None), or (None, the problem)."""
    try:
        return function(*given), None
    except Problem as problem:
        return None, problem


def read_or_refused(body: bytes, length: str | None) -> None:
    read, problem = outcome(bodies.read_request, body, length, 100)
    if problem is None:
        assert all(len(tensor.values) <= 100 for tensor in read.tensors)
    else:
        assert problem.status in (400, 413)
        assert json.loads(problem.body())["detail"] == problem.detail  # it can be sent


@given(st.binary(max_size=200), st.none() | st.text(max_size=6) | st.integers(0, 220).map(str))
def test_any_body_is_read_or_refused(body: bytes, length: str | None) -> None:
    read_or_refused(body, length)


@given(st.data())
def test_a_request_with_some_bytes_changed_is_read_or_refused(data: st.DataObject) -> None:
    body, length = request()
    changed = bytearray(body)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)) | st.just(len(body)))
    shifted = int(length) + data.draw(st.sampled_from([0, 0, 0, -1, 1, 16]))
    read_or_refused(bytes(changed)[:cut], str(shifted))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
PARAMETERS = st.dictionaries(st.sampled_from(["binary_data_size", "missing", "content_type", "binary_data", "rtml_key"]), VALUES)
INPUTS = st.fixed_dictionaries(
    {
        "name": st.text(max_size=3),
        "shape": st.lists(st.integers(-2, 3), max_size=3),
        "datatype": st.sampled_from(["FP64", "BYTES", "?"]),
    },
    optional={"data": VALUES, "parameters": PARAMETERS | VALUES},
)


@given(st.fixed_dictionaries({"inputs": st.lists(INPUTS, max_size=3) | VALUES}, optional={
    "id": VALUES, "parameters": PARAMETERS, "outputs": st.lists(st.fixed_dictionaries({"name": st.text(max_size=2)}, optional={
        "parameters": PARAMETERS}), max_size=2) | VALUES,
}), st.binary(max_size=24))  # fmt: skip
def test_any_document_is_read_or_refused(document: Any, behind: bytes) -> None:
    head = json.dumps(document).encode("utf-8", "surrogatepass")
    read_or_refused(head + behind, str(len(head)))


def test_compressed_bodies() -> None:
    body = request()[0]
    raw = zlib.compressobj(wbits=-15)
    for coded, coding in (
        (gzip.compress(body), "gzip"),
        (gzip.compress(body), " X-GZIP "),
        (zlib.compress(body), "deflate"),
        (raw.compress(body) + raw.flush(), "deflate"),
        (body, "identity"),
        (body, ""),
    ):
        assert bodies.decompress(coded, coding, 10_000) == body


def test_compressed_bodies_that_are_none() -> None:
    def said(coded: bytes, coding: str, status: int) -> str:
        with pytest.raises(Problem) as caught:
            bodies.decompress(coded, coding, 1000)
        assert caught.value.status == status
        return caught.value.detail

    assert "coded with gzip or deflate" in said(b"", "br", 415)
    assert "more than 1,000 bytes" in said(gzip.compress(bytes(10_000_000)), "gzip", 413)
    assert "more than 1,000 bytes" in said(zlib.compress(bytes(1001)), "deflate", 413)
    assert bodies.decompress(zlib.compress(bytes(1000)), "deflate", 1000) == bytes(1000)
    for damaged in (b"", b"x", gzip.compress(b"abc")[:-1], gzip.compress(b"abc") + b"x"):
        assert "no whole gzip stream" in said(damaged, "gzip", 400)


@given(st.binary(max_size=60), st.sampled_from(["gzip", "deflate"]))
def test_any_compressed_body_is_read_or_refused(coded: bytes, coding: str) -> None:
    whole, problem = outcome(bodies.decompress, coded, coding, 100)
    assert len(whole) <= 100 if problem is None else problem.status in (400, 413)


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("br, GZIP;q=0.5", "gzip"),
        ("gzip;q=0, deflate", "deflate"),
        ("gzip; q=0.0", None),
        ("br", None),
        ("identity", None),
        (None, None),
    ],
)
def test_answers_are_compressed_as_accepted(accepted: str | None, coding: str | None) -> None:
    body = b"x" * 5000
    coded, got = bodies.compress(body, accepted)
    assert got == coding
    assert (coded if got is None else bodies.decompress(coded, got, 5000)) == body
    assert bodies.compress(b"x" * 100, accepted) == (b"x" * 100, None)
