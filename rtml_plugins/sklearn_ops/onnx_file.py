"""A fitted estimator as an ONNX file of its own, and how it is scored: for `model_path`, and to check a conversion.

When all features are numbers the model has one input "features", float64 [N, F], in their order; else one input [N, 1] a
feature, under its name. Every output column is an output [N, 1] of its name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.columns import MISSING_STRING, Column
from rtml_core.custom_ops.guarding import undisturbed
from rtml_core.errors import RtmlError, listing
from rtml_plugins.sklearn_ops.answers import Answer, symbolic_answers

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.symbolic import Symbolic

FEATURES = "features"


@dataclass(frozen=True)
class OnnxFile:
    """The bytes of the model, its output columns by model output, its dtypes, and the messages of its row checks."""

    model: bytes
    outputs: dict[str, str]
    dtypes: dict[str, str]
    checks: tuple[str, ...]
    nodes: int


def build(estimator: Any, columns: Sequence[Column], answers: Sequence[Answer], dtypes: Mapping[str, str]) -> OnnxFile:
    """The ONNX file of a fitted estimator on these feature columns. Raises NotLowerableError."""
    from rtml_core.assemble import assemble
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import value_of
    from rtml_plugins.sklearn_ops.convert.registry import convert

    b = Builder()
    result = convert(b, estimator, inputs(b, columns))
    found = with_dtypes(b, symbolic_answers(result, answers), dtypes)
    names = {name: f"{name}_output" if name in {c.name for c in columns} | {FEATURES} else name for name in found}
    assembled = assemble(b, {names[name]: value_of(b, column) for name, column in found.items()})
    meaning = {names[name]: name for name in found}
    kinds = {name: column.dtype for name, column in found.items()}
    return OnnxFile(assembled.model, meaning, kinds, tuple(check.message for check in b.checks), assembled.node_count)


def inputs(b: Any, columns: Sequence[Column]) -> Any:
    """The features as model inputs: a matrix where all are numbers, else one input each."""
    from rtml_core.columns import carrier_of
    from rtml_core.lowering.symbolic import Symbolic
    from rtml_plugins.sklearn_ops.convert.registry import Columns

    names = [column.name for column in columns]
    if all(column.dtype != "string" for column in columns):
        matrix = b.input(FEATURES, "float64", len(columns))
        return Columns([Symbolic("float64", matrix, i, column.nullable) for i, column in enumerate(columns)], names)
    made = []
    for column in columns:
        value = b.input(column.name, carrier_of(column.dtype, column.nullable), 1)
        made.append(Symbolic(column.dtype, value, 0, column.nullable))
    return Columns(made, names)


def with_dtypes(b: Any, columns: Mapping[str, Symbolic], dtypes: Mapping[str, str]) -> dict[str, Symbolic]:
    """Output columns in the dtypes that the eager side gives; a number may change its kind, nothing else."""
    from rtml_core.lowering.symbolic import new, value_of

    result = {}
    for name, column in columns.items():
        wanted = dtypes.get(name, column.dtype)
        exact = wanted == "float64" or (wanted in ("int64", "bool", "float32") and not column.nullable)
        if wanted == column.dtype or not exact or column.dtype == "string":
            result[name] = column
        else:
            cast = b.cast(value_of(b, column), wanted)
            result[name] = new(wanted, cast, nullable=column.nullable, finite=column.finite)
    return result


def feeds(model: bytes, frame: pd.DataFrame, features: Sequence[str]) -> dict[str, Any]:
    """Model inputs for the rows of a features_frame; takes what the model declares."""
    session = _session(model)
    wanted = {value.name: value.type for value in session.get_inputs()}
    numpy_types = {"tensor(double)": np.float64, "tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}
    if len(wanted) == 1 and not (set(wanted) & set(features)):
        (name, kind), matrix = next(iter(wanted.items())), frame[list(features)]
        return {name: matrix.to_numpy(dtype=numpy_types.get(kind, np.float32))}
    found = {}
    for name, kind in wanted.items():
        if name not in features:
            raise RtmlError(f"the model has an input '{name}' that is no feature; the features are {listing(features)}")
        if kind == "tensor(string)":
            texts = frame[name].astype(object)
            found[name] = texts.where(texts.notna(), MISSING_STRING).to_numpy(dtype=object).reshape(-1, 1)
        else:
            found[name] = frame[name].to_numpy(dtype=numpy_types[kind]).reshape(-1, 1)
    return found


def run(model: bytes, frame: pd.DataFrame, features: Sequence[str]) -> dict[str, Any]:
    """Outputs of an ONNX model for the rows of a features_frame, by name."""
    session = _session(model)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, undisturbed(session.run)(names, feeds(model, frame, features)), strict=True))


def _session(model: bytes) -> Any:
    import onnxruntime

    if _LAST.get("model") != model:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 4  # what fails raises, too
        _LAST.update(model=model, session=onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]))
    return _LAST["session"]


_LAST: dict[str, Any] = {}


def describe_file(made: OnnxFile, features: Sequence[str], classes: Sequence[Any] | None) -> bytes:
    """The model with what it is about in its metadata: features, output columns, classes."""
    import onnx

    proto = onnx.load_model_from_string(made.model)
    facts = {"features": list(features), "outputs": made.outputs, "classes": None if classes is None else list(classes)}
    for key, value in facts.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = f"rtml.{key}", json.dumps(value, default=str)
    return bytes(proto.SerializeToString(deterministic=True))


def read_facts(model: bytes) -> dict[str, Any]:
    """What `describe_file` wrote into a model; empty where another tool made it."""
    import onnx

    found = {entry.key: entry.value for entry in onnx.load_model_from_string(model).metadata_props}
    empty: dict[str, Any] = {"features": [], "outputs": {}, "classes": None}
    return {key: json.loads(found[f"rtml.{key}"]) if f"rtml.{key}" in found else value for key, value in empty.items()}
