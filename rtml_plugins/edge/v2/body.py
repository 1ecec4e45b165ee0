"""Bodies of inference over HTTP: JSON, with binary tensor data behind it where a client sends or wants it, and compression."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from rtml_core.columns import MISSING_TIME
from rtml_core.errors import describe
from rtml_plugins.edge.limits import too_large, too_many_rows
from rtml_plugins.edge.v2.models import Model, refuse_parameters
from rtml_plugins.edge.v2.plan import Columns, Plan
from rtml_plugins.edge.v2.tensors import (
    ELEMENTS,
    MISSING,
    Tensor,
    binary,
    from_binary,
    from_list,
    plain,
    refuse,
    rows_of,
    with_parameters,
)
from rtml_plugins.serving.problems import Problem

#: length in bytes of the JSON in front of binary data
LENGTH_HEADER: Final = "inference-header-content-length"
#: smaller bodies are not worth compressing
COMPRESS_FROM: Final = 1024
_DIGITS: Final = 12


class InputJson(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: list[Any] | None = None


class OutputJson(msgspec.Struct):
    name: str
    parameters: dict[str, Any] | None = None


class RequestJson(msgspec.Struct):
    inputs: list[InputJson]
    id: str | None = None
    parameters: dict[str, Any] | None = None
    outputs: list[OutputJson] | None = None


_decoder: Final = msgspec.json.Decoder(RequestJson)
_encoder: Final = msgspec.json.Encoder()


class InferRequest(msgspec.Struct):
    """A request. outputs: (name, whether in binary) of those asked for; None for all."""

    id: str
    parameters: dict[str, Any]
    tensors: list[Tensor]
    rows: int
    outputs: list[tuple[str, bool]] | None
    binary: bool


def read_request(body: bytes, header_length: str | None, max_rows: int) -> InferRequest:
    """A request of JSON and binary data. Raises Problem 400 for what is none, 413 for too many rows."""
    split = len(body)
    if header_length is not None:
        text = header_length.strip()
        if not (text.isascii() and text.isdigit() and len(text) < _DIGITS) or int(text) > len(body):
            refuse(
                f"the header Inference-Header-Content-Length is {describe(header_length)}: expected the length of the JSON in"
                f" bytes, at most {len(body)}, which is all of the body"
            )
        split = int(text)
    try:
        request = _decoder.decode(body if split == len(body) else memoryview(body)[:split])
    except msgspec.ValidationError as error:
        refuse(f"the request is no inference request of the V2 protocol: {error}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        behind = header_length is None and "trailing" in str(error)
        hint = "; binary data behind it needs the header Inference-Header-Content-Length" if behind else ""
        refuse(f"the JSON of the request can't be read: {error}{hint}")
    tensors, rows, end = _tensors(request.inputs, memoryview(body), split, max_rows)
    if end != len(body):
        refuse(f"there are {len(body) - end:,} bytes after the binary data of the last input")
    parameters = request.parameters or {}
    refuse_parameters("the request", parameters)
    all_binary = parameters.get("binary_data_output") is True
    return InferRequest(request.id or "", parameters, tensors, rows, _outputs(request.outputs, all_binary), all_binary)


def _tensors(inputs: Sequence[InputJson], body: memoryview, at: int, max_rows: int) -> tuple[list[Tensor], int, int]:
    if not inputs:
        refuse("the request has no inputs: expected one for each field of the service")
    tensors: list[Tensor] = []
    rows = 0
    for item in inputs:
        data, parameters = item.data, item.parameters
        if parameters is None and data is not None and (item.shape == [1] or item.shape == [1, 1]) and len(data) == 1:
            kind = ELEMENTS.get(item.datatype)
            if kind is not None and type(data[0]) is kind:  # what nearly all requests are made of
                tensors.append(Tensor(item.name, item.datatype, data))
                rows = 1
                continue
        rows = rows_of(item.name, item.datatype, item.shape)
        require_rows(rows, max_rows)
        size = None if parameters is None else parameters.get("binary_data_size")
        if size is None:
            if parameters:
                refuse_parameters(f"input {describe(item.name)}", parameters)
            if data is None:
                refuse(f"input {describe(item.name)} has no data: expected 'data', or 'binary_data_size' among its parameters")
            values = from_list(item.name, item.datatype, rows, data)
        else:
            if data is not None:
                refuse(f"input {describe(item.name)} has both 'data' and 'binary_data_size'")
            if type(size) is not int or not 0 <= size <= len(body) - at:
                refuse(
                    f"input {describe(item.name)} has binary_data_size {describe(size)}: expected at most {len(body) - at:,}, as"
                    f" many bytes as are left of the body"
                )
            values = from_binary(item.name, item.datatype, rows, body[at : at + size])
            at += size
        if parameters is not None and (size is None or len(parameters) > 1):
            values = with_parameters(item.name, values, parameters)
        tensors.append(Tensor(item.name, item.datatype, values))
    return tensors, rows, at


def require_rows(rows: int, max_rows: int) -> None:
    """Refuse more rows than one request may have."""
    if rows > max_rows:
        raise too_many_rows(rows, max_rows)


def _outputs(asked: Sequence[OutputJson] | None, all_binary: bool) -> list[tuple[str, bool]] | None:
    if not asked:
        return None
    outputs: dict[str, bool] = {}
    for item in asked:
        parameters = item.parameters or {}
        refuse_parameters(f"output {describe(item.name)}", parameters)
        wanted = parameters.get("binary_data", all_binary)
        if type(wanted) is not bool:
            refuse(f"output {describe(item.name)} has binary_data {describe(wanted)}: expected true or false")
        if item.name in outputs:
            refuse(f"output {describe(item.name)} is asked for twice")
        outputs[item.name] = wanted
    return list(outputs.items())


def write_response(request: InferRequest, model: Model, version: int, plan: Plan, columns: Columns) -> tuple[bytes, int | None]:
    """The answer, and the length of its JSON when binary data follows it."""
    asked = request.outputs or [(name, request.binary) for name in plan.outputs]
    frame = request.parameters.get("content_type") == "pd"  # MLServer's codec of frames reads the answer, too
    outputs: list[dict[str, Any]] = []
    raw: list[bytes] = []
    for name, in_binary in asked:
        spec = plan.spec(name)
        output: dict[str, Any] = {"name": name, "datatype": spec.datatype, "shape": [request.rows, 1]}
        parameters: dict[str, Any] = {"content_type": "str"} if frame and spec.datatype == "BYTES" else {}
        if in_binary:
            data, missing = binary(spec, columns[name])
            raw.append(data)
            parameters["binary_data_size"] = len(data)
        else:
            output["data"], missing = plain(spec, columns[name])
            if missing and spec.datatype == "INT64":  # no client makes an array of whole numbers and null
                output["data"] = [MISSING_TIME if value is None else value for value in output["data"]]
        if missing:
            parameters[MISSING] = ",".join(map(str, missing))
        if parameters:
            output["parameters"] = parameters
        outputs.append(output)
    document: dict[str, Any] = {"model_name": model.name, "model_version": str(version)}
    if request.id:
        document["id"] = request.id
    if frame:
        document["parameters"] = {"content_type": "pd"}
    document["outputs"] = outputs
    encoded = _encoder.encode(document)
    return (b"".join((encoded, *raw)), len(encoded)) if raw else (encoded, None)


# ---- compression --------------------------------------------------------------------------------------------------------------


def decompress(body: bytes, encoding: str, limit: int) -> bytes:
    """A body as Content-Encoding says. Raises Problem: 415 for other encodings, 413 beyond `limit` bytes, 400 when damaged."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise Problem(
            415,
            "unknown-coding",
            f"a body may be coded with gzip or deflate, or not at all; got Content-Encoding: {describe(encoding)}",
            headers=[("Accept-Encoding", "gzip, deflate")],
        )
    # 31: gzip; 15: zlib, which "deflate" means; -15: the bare stream that some send instead
    windows = (31,) if encoding != "deflate" else (15, -15)
    for wbits in windows:
        decompressor = zlib.decompressobj(wbits)
        try:
            whole = decompressor.decompress(body, limit + 1)
        except zlib.error:
            continue
        if len(whole) > limit:
            raise too_large(limit)
        if decompressor.eof and not decompressor.unused_data:
            return whole
    refuse(f"the body is no whole {encoding} stream, as its Content-Encoding says", "damaged-body")


def compress(body: bytes, accepted: str | None) -> tuple[bytes, str | None]:
    """The body as Accept-Encoding asks for, and the encoding; unchanged when small, or nothing that is known here is accepted."""
    if accepted is None or len(body) < COMPRESS_FROM:
        return body, None
    tokens = {}
    for part in accepted.lower().split(","):
        name, _, quality = part.partition(";")
        tokens[name.strip()] = quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    if tokens.get("gzip"):
        compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
        return compressor.compress(body) + compressor.flush(), "gzip"
    if tokens.get("deflate"):
        return zlib.compress(body, 1), "deflate"
    return body, None
