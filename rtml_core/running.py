"""Running a bare model, or a node lowered alone, in plain onnxruntime: for the parity gate and for tests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.assemble import CHECKS, assemble
from rtml_core.frames import to_carrier
from rtml_core.lowering.scratch import LoweredNode

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.custom_ops import CustomOp

Array = np.ndarray[Any, Any]


def open_model(model: bytes, custom_ops: Iterable[CustomOp] = ()) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    """A session over ONNX bytes, as a function from inputs to outputs by name; see run_model."""
    import onnxruntime as ort
    from onnxruntime_extensions import get_library_path

    from rtml_core.custom_ops.sessions import guarded, open_session, takes_texts

    ops = list(custom_ops)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    session = open_session(model, options, ops, get_library_path())
    wanted = {item.name for item in session.get_inputs()}
    names = [item.name for item in session.get_outputs()]
    run_session = guarded(session.run, ops, texts=takes_texts(session))

    def run(feed: Mapping[str, Array]) -> dict[str, Array]:
        arrays = run_session(names, {name: array for name, array in feed.items() if name in wanted})
        return dict(zip(names, arrays, strict=True))

    return run


def run_model(model: bytes, feed: Mapping[str, Array], custom_ops: Iterable[CustomOp] = ()) -> dict[str, Array]:
    """Run ONNX bytes with plain onnxruntime and its extensions; inputs that the model does not have are left out.

    custom_ops: custom operators that the model has, of any kind; CustomOpError when one fails.
    """
    return open_model(model, custom_ops)(feed)


def open_lowered(node: LoweredNode) -> Callable[[pd.DataFrame], tuple[dict[str, Array], Array | None]]:
    """A node lowered alone as a function of canonical frames, see run_lowered. The node is used up."""
    b = node.builder
    outputs = {f"out:{name}": b.alias(b.take(s.tensor, [s.index])) for name, s in node.result.items()}
    made = assemble(b, outputs)
    run = open_model(made.model, made.custom_ops.values())

    def answer(frame: pd.DataFrame) -> tuple[dict[str, Array], Array | None]:
        feed = {
            name: to_carrier(frame[name], column.dtype == "bool" and column.nullable)[:, None]
            for name, column in node.schema.items()
        }
        found = run(feed)
        return {name: found[f"out:{name}"][:, 0] for name in node.result}, found.get(CHECKS)

    return answer


def run_lowered(node: LoweredNode, frame: pd.DataFrame) -> tuple[dict[str, Array], Array | None]:
    """Run a node lowered alone on a canonical frame: arrays [N] by output column, and the row checks [N, c] if any."""
    return open_lowered(node)(frame)


def onnx_nodes(node: LoweredNode) -> int:
    """How many ONNX nodes a node lowered alone becomes."""
    outputs = {f"out:{name}": node.builder.take(s.tensor, [s.index]) for name, s in node.result.items()}
    made = {name: value for name, value in outputs.items() if value.producer() is not None}
    return assemble(node.builder, made).node_count if made or node.builder.checks else 0
