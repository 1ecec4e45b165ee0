"""Helpers that ship for operator authors: prove an operator on a frame, prove a refusal, run a bare model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.assemble import CHECKS, assemble
from rtml_core.errors import ParityError, RtmlError
from rtml_core.frames import canonical, schema_of, to_carrier
from rtml_core.lowering.scratch import LoweredNode, lower_alone
from rtml_core.package import OutputEntry
from rtml_core.parity_compare import Array, differing, row_of

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.custom_ops import CustomOp
    from rtml_core.operator import Operator


def run_model(model: bytes, feed: Mapping[str, Array], custom_ops: Iterable[CustomOp] = ()) -> dict[str, Array]:
    """Run ONNX bytes with plain onnxruntime and its extensions; inputs that the model does not have are left out.

    custom_ops: custom operators that the model has; CustomOpError when one fails.
    """
    import onnxruntime as ort
    from onnxruntime_extensions import get_library_path

    from rtml_core.custom_ops.hosting import declare, guarded

    declare(custom_ops)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.register_custom_ops_library(get_library_path())
    session = guarded(ort.InferenceSession)(model, options, providers=["CPUExecutionProvider"])
    wanted = {item.name for item in session.get_inputs()}
    names = [item.name for item in session.get_outputs()]
    arrays = guarded(session.run)(names, {name: array for name, array in feed.items() if name in wanted})
    return dict(zip(names, arrays, strict=True))


def run_lowered(node: LoweredNode, frame: pd.DataFrame) -> tuple[dict[str, Array], Array | None]:
    """Run a node lowered alone on a canonical frame: arrays [N] by output column, and the row checks [N, c] if any."""
    b = node.builder
    outputs = {f"out:{name}": b.alias(b.take(s.tensor, [s.index])) for name, s in node.result.items()}
    feed = {
        name: to_carrier(frame[name], column.dtype == "bool" and column.nullable)[:, None] for name, column in node.schema.items()
    }
    made = assemble(b, outputs)
    found = run_model(made.model, feed, made.custom_ops.values())
    return {name: found[f"out:{name}"][:, 0] for name in node.result}, found.get(CHECKS)


def onnx_nodes(node: LoweredNode) -> int:
    """How many ONNX nodes a node lowered alone becomes."""
    outputs = {f"out:{name}": node.builder.take(s.tensor, [s.index]) for name, s in node.result.items()}
    made = {name: value for name, value in outputs.items() if value.producer() is not None}
    return assemble(node.builder, made).node_count if made or node.builder.checks else 0


def assert_parity(operator: Operator, frame: pd.DataFrame, *, nullable: bool | None = None) -> int:
    """Fail unless eager and compiled agree on every row and column of the frame; returns the number of ONNX nodes.

    nullable: declare every input column nullable (True) or not (False); by default what the frame shows. Rows that the
    compiled form refuses by a check must be refused by the eager form, one by one.
    """
    frame = canonical(frame.reset_index(drop=True))
    schema = schema_of(frame, nullable=nullable)
    node = lower_alone(operator, schema)
    found, checks = run_lowered(node, frame)
    kept = np.arange(len(frame))
    if checks is not None:
        kept = np.flatnonzero(checks.all(axis=1))
        for refused in np.flatnonzero(~checks.all(axis=1)):
            _assert_raises(operator, frame.iloc[[refused]].reset_index(drop=True))
    rows = frame.iloc[kept].reset_index(drop=True)
    authored = canonical(operator.process(rows).data)
    if list(authored.columns) != list(node.result):
        raise ParityError(
            f"{operator!r}: authored gives the columns {list(authored.columns)}, compiled gives {list(node.result)}"
        )
    for name, symbolic in node.result.items():
        entry = OutputEntry(name, symbolic.dtype, name, 0, symbolic.nullable, *operator.tolerance)
        wrong, _ = differing(authored[name], found[name][kept], entry)
        if len(wrong):
            row = int(wrong[0])
            raise ParityError(
                f"{operator!r}, column '{name}': {len(wrong)} of {len(rows)} rows differ; first: row {row}, {row_of(rows, row)},"
                f" authored {authored[name].iloc[row]!r}, compiled {found[name][kept][row]!r}"
            )
    return onnx_nodes(lower_alone(operator, schema))


def _assert_raises(operator: Operator, row: pd.DataFrame) -> None:
    try:
        operator.process(row)
    except Exception:  # whatever the eager side raises counts as a refusal
        return
    raise ParityError(f"{operator!r}: compiled refuses the row {row_of(row, 0)}, authored accepts it")


def assert_refuses(operator: Operator, frame: pd.DataFrame, *words: str, nullable: bool | None = None) -> str:
    """Fail unless the lowering is refused with a sentence that holds all the words; returns the sentence."""
    try:
        lower_alone(operator, schema_of(canonical(frame), nullable=nullable))
    except RtmlError as error:
        absent = [word for word in words if word not in str(error)]
        if absent:
            raise AssertionError(f"the refusal does not say {absent}: {error}") from error
        return str(error)
    raise AssertionError(f"{operator!r} was lowered, it should have been refused")


__all__: list[Any] = ["assert_parity", "assert_refuses", "onnx_nodes", "run_lowered", "run_model"]
