"""Inference requests and answers of gRPC, to and from what both ways of the protocol share."""

from __future__ import annotations

import math
from typing import Any, Final

from rtml_core.columns import MISSING_TIME
from rtml_core.errors import describe
from rtml_plugins.edge.v2.body import InferRequest, require_rows
from rtml_plugins.edge.v2.messages import CONTENTS, message, parameters_of
from rtml_plugins.edge.v2.models import Model, refuse_parameters
from rtml_plugins.edge.v2.plan import Columns, Plan
from rtml_plugins.edge.v2.tensors import (
    MISSING,
    OutputSpec,
    Tensor,
    binary,
    from_binary,
    from_list,
    plain,
    refuse,
    rows_of,
    with_parameters,
)

ModelInferResponse: Final = message("inference.ModelInferResponse")
#: what stands in typed contents where a value is missing
_FILL: Final = {"BOOL": False, "BYTES": b"", "INT64": MISSING_TIME}


def read_request(request: Any, max_rows: int) -> InferRequest:
    """A ModelInferRequest. Raises Problem 400 for what does not fit together, 413 for too many rows."""
    raw = request.raw_input_contents
    if not request.inputs:
        refuse("the request has no inputs: expected one for each field of the service")
    if raw and len(raw) != len(request.inputs):
        refuse(f"there are {len(raw)} raw_input_contents for {len(request.inputs)} inputs: expected one each, or none at all")
    tensors: list[Tensor] = []
    rows = 0
    for position, item in enumerate(request.inputs):
        name, datatype = item.name, item.datatype  # each reading of a field makes an object
        rows = rows_of(name, datatype, item.shape)
        require_rows(rows, max_rows)
        if raw:
            if item.HasField("contents"):
                refuse(f"input {describe(name)} has both contents and raw_input_contents")
            values = from_binary(name, datatype, rows, raw[position])
        else:
            values = from_list(name, datatype, rows, _contents(item))
        if item.parameters:
            parameters = parameters_of(item.parameters)
            refuse_parameters(f"input {describe(name)}", parameters)
            values = with_parameters(name, values, parameters)
        tensors.append(Tensor(name, datatype, values))
    parameters = parameters_of(request.parameters) if request.parameters else {}
    refuse_parameters("the request", parameters)
    return InferRequest(request.id, parameters, tensors, rows, _outputs(request.outputs), bool(raw))


def _contents(item: Any) -> list[Any]:
    """The elements of typed contents; refuses those that stand in another list than the datatype's."""
    wanted = CONTENTS.get(item.datatype)
    if wanted is None:
        refuse(f"input {describe(item.name)} is of datatype {item.datatype}, which has no typed contents: send it raw")
    for field, _ in item.contents.ListFields():
        if field.name != wanted:
            refuse(f"input {describe(item.name)} has {field.name}: expected {wanted}, as its datatype is {item.datatype}")
    return list(getattr(item.contents, wanted))


def _outputs(asked: Any) -> list[tuple[str, bool]] | None:
    names = [item.name for item in asked]
    for item in asked:
        if item.parameters:
            refuse_parameters(f"output {describe(item.name)}", parameters_of(item.parameters))
    if len(set(names)) < len(names):
        refuse(f"an output is asked for twice: {', '.join(map(describe, names))}")
    return [(name, False) for name in names] or None


def write_response(request: InferRequest, model: Model, version: int, plan: Plan, columns: Columns) -> Any:
    """The ModelInferResponse, raw when the request was."""
    response = ModelInferResponse(model_name=model.name, model_version=str(version), id=request.id)
    names = [name for name, _ in request.outputs] if request.outputs else list(plan.outputs)
    for name in names:
        spec = plan.spec(name)
        output = response.outputs.add(name=name, datatype=spec.datatype, shape=(request.rows, 1))
        if request.binary:
            data, missing = binary(spec, columns[name])
            response.raw_output_contents.append(data)
        else:
            values, missing = plain(spec, columns[name])
            getattr(output.contents, CONTENTS[spec.datatype]).extend(_filled(spec, values))
        if missing:
            output.parameters[MISSING].string_param = ",".join(map(str, missing))
    return response


def _filled(spec: OutputSpec, values: list[Any]) -> list[Any]:
    if spec.datatype == "BYTES":
        return [b"" if value is None else value.encode() for value in values]
    fill = _FILL.get(spec.datatype, math.nan)
    return [fill if value is None else value for value in values] if None in values else values
