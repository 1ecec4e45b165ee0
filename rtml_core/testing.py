"""Helpers that ship for operator authors: prove an operator, build frames and graphs, run a bare model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.assemble import assemble
from rtml_core.errors import NotLowerableError, ParityError, RtmlError
from rtml_core.frames import canonical, schema_of, to_carrier
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.scratch import scratch_columns
from rtml_core.package import OutputEntry

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.operator import Operator


def run_model(model: bytes, feed: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
    """Run ONNX bytes with plain onnxruntime and its extensions; inputs that the model does not have are left out."""
    import onnxruntime as ort
    from onnxruntime_extensions import get_library_path

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.register_custom_ops_library(get_library_path())
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    wanted = {item.name for item in session.get_inputs()}
    names = [item.name for item in session.get_outputs()]
    return dict(zip(names, session.run(names, {name: array for name, array in feed.items() if name in wanted}), strict=True))


def lowered_frame(operator: Operator, frame: pd.DataFrame, *, nullable: bool | None = None) -> tuple[dict[str, Any], int]:
    """The operator's lowering run on a frame: output column -> (array, OutputEntry), and the number of ONNX nodes.

    nullable: declare every input column nullable (True) or not (False); by default what the frame shows.
    """
    frame = canonical(frame.reset_index(drop=True))
    schema = schema_of(frame, nullable=nullable)
    b = Builder()
    with b.node("under_test"):
        result = operator.lower(b, scratch_columns(b, schema))
    outputs = {name: b.alias(b.take(s.tensor, [s.index])) for name, s in result.items()}
    checks, b.checks = b.checks, []
    if checks:
        outputs["__checks__"] = b.alias(b.concat([check.ok for check in checks]))
    assembled = assemble(b, outputs)
    feed = {n: to_carrier(frame[n], schema[n].nullable and schema[n].dtype == "bool")[:, None] for n in schema}
    found = run_model(assembled.model, feed)
    entries = {n: OutputEntry(n, s.dtype, n, 0, s.nullable, *operator.tolerance) for n, s in result.items()}
    answer: dict[str, Any] = {n: (found[n][:, 0], entries[n]) for n in result}
    if checks:
        answer["__checks__"] = found["__checks__"]
    return answer, assembled.node_count - len(outputs)


def assert_parity(operator: Operator, frame: pd.DataFrame, *, nullable: bool | None = None) -> int:
    """Fail unless eager and compiled agree on every row and column of the frame; returns the number of ONNX nodes."""
    from rtml_core.parity import differing

    compiled, nodes = lowered_frame(operator, frame, nullable=nullable)
    frame = canonical(frame.reset_index(drop=True))
    authored = canonical(operator.process(frame).data)
    compiled.pop("__checks__", None)
    if list(authored.columns) != list(compiled):
        raise ParityError(f"{operator!r}: authored gives the columns {list(authored.columns)}, compiled gives {list(compiled)}")
    for name, (array, entry) in compiled.items():
        wrong, _ = differing(authored[name], array, entry)
        if len(wrong):
            row = int(wrong[0])
            raise ParityError(
                f"{operator!r}, column '{name}': {len(wrong)} of {len(frame)} rows differ; first: row {row},"
                f" {dict(frame.iloc[row])}, authored {authored[name].iloc[row]!r}, compiled {array[row]!r}"
            )
    return nodes


def assert_refuses(operator: Operator, frame: pd.DataFrame, *words: str, nullable: bool | None = None) -> str:
    """Fail unless the lowering is refused with a sentence that holds all the words; returns the sentence."""
    try:
        lowered_frame(operator, frame, nullable=nullable)
    except (NotLowerableError, RtmlError) as error:
        absent = [word for word in words if word not in str(error)]
        if absent:
            raise AssertionError(f"the refusal does not say {absent}: {error}") from error
        return str(error)
    raise AssertionError(f"{operator!r} was lowered, it should have been refused")
