"""What is known of the values of a model fragment: element types and shapes, asked of onnxruntime itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rtml_core.custom_ops.guarding import undisturbed
from rtml_core.errors import NotLowerableError
from rtml_core.lowering.builder import EXT

if TYPE_CHECKING:
    import onnx

#: element types as onnxruntime and as the builder call them, with a value to probe with
TYPES: Final = {
    "float": "float32",
    "double": "float64",
    "string": "string",
    "bool": "bool",
    **{name: name for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "bfloat16")},
}


@dataclass(frozen=True)
class Known:
    """What is known of a value: element type, and shape when the rank is known ("N" rows; None: an unknown dimension)."""

    dtype: str
    shape: tuple[int | str | None, ...] | None


def known_values(model: onnx.ModelProto, widths: Mapping[str, int]) -> dict[str, Known]:
    """dtype and shape of every value, as onnxruntime sees them: types by loading, shapes by running on 2 and on 3 rows.

    widths: number of columns of inputs for which the model leaves it open. onnx's own inference knows no custom
    operators and crashes behind them.
    """
    import onnx

    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.ir_version = min(probe.ir_version, 13)
    del probe.graph.output[:]
    made = [name for node in model.graph.node for name in node.output if name]
    if not made:
        return declared_inputs(model, widths)
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in made)
    session = open_session(probe.SerializeToString(), optimise=False)
    known = declared_inputs(model, widths)
    types = {output.name: _element_type(output.name, output.type) for output in session.get_outputs()}
    shapes = _probe_shapes(session, known, made)
    for output in session.get_outputs():
        known[output.name] = Known(types[output.name], shapes.get(output.name))
    for tensor in model.graph.initializer:
        known[tensor.name] = Known(word_of(tensor.data_type), tuple(tensor.dims))
    return known


def word_of(code: int) -> str:
    import onnx_ir as ir

    name = ir.DataType(code).name.lower()
    if name not in TYPES:
        raise NotLowerableError(f"the ONNX model has a tensor of type {name}; export it in float32 or float64")
    return TYPES[name]


def type_code(dtype: str) -> int:
    """The number that ONNX has for an element type of Known."""
    import onnx_ir as ir

    name = next(onnx_name for onnx_name, word in TYPES.items() if word == dtype)
    return int(ir.DataType[name.upper()])


def _element_type(name: str, text: str) -> str:
    word = text.removeprefix("tensor(").removesuffix(")")
    if word not in TYPES:
        raise NotLowerableError(f"value '{name}' of the ONNX model is a {text}; only tensors can be served")
    return TYPES[word]


def declared_inputs(model: onnx.ModelProto, widths: Mapping[str, int]) -> dict[str, Known]:
    """Element type and shape of each input, rows "N"; raises NotLowerableError for one that can't take any number of rows."""
    stored = {tensor.name for tensor in model.graph.initializer}
    known = {}
    for value in model.graph.input:
        if value.name in stored:
            continue
        tensor = value.type.tensor_type
        dtype = word_of(tensor.elem_type) if value.type.HasField("tensor_type") and tensor.elem_type else None
        if dtype is None:
            raise NotLowerableError(f"input '{value.name}' of the ONNX model is not a tensor; only tensors can be served")
        if not tensor.HasField("shape"):
            known[value.name] = Known(dtype, ("N", widths.get(value.name)))
            continue
        dims: list[int | str | None] = [d.dim_value or None for d in tensor.shape.dim]
        if not dims:
            raise NotLowerableError(f"input '{value.name}' of the ONNX model is a single number, not one for each row")
        if dims[0] is not None:
            raise NotLowerableError(
                f"input '{value.name}' of the ONNX model takes exactly {dims[0]} row(s) at a time; export it with a free first"
                f" dimension (dynamic axes)"
            )
        dims[0] = "N"
        if len(dims) == 2 and dims[1] is None:
            dims[1] = widths.get(value.name)
        known[value.name] = Known(dtype, tuple(dims))
    return known


def _probe_shapes(session: Any, inputs: Mapping[str, Known], names: Sequence[str]) -> dict[str, tuple[int | str | None, ...]]:
    """Shapes of outputs, compared between a run on 2 rows and one on 3; empty when the model can't run on zeros."""
    try:
        feeds = [{name: _blank(known, rows) for name, known in inputs.items()} for rows in (2, 3)]
        run = undisturbed(session.run)
        two, three = (run(list(names), feed) for feed in feeds)
    except Exception:  # a model may refuse zeros; shapes that onnxruntime infers without running must do
        return {o.name: tuple(d if isinstance(d, int) else None for d in o.shape) for o in session.get_outputs() if o.shape}
    return {name: _common(np.shape(a), np.shape(c)) for name, a, c in zip(names, two, three, strict=True)}


def _common(two: tuple[int, ...], three: tuple[int, ...]) -> tuple[int | str | None, ...]:
    pairs = zip(two, three, strict=True)
    return tuple(a if a == c else "N" if (a, c) == (2, 3) else None for a, c in pairs)


def _blank(known: Known, rows: int) -> np.ndarray[Any, Any]:
    shape = tuple(rows if dim == "N" else 1 if dim is None else dim for dim in known.shape or ())
    if known.dtype == "string":
        return np.full(shape, "", dtype=object)
    return np.zeros(shape, dtype=known.dtype)


def open_session(model: bytes, *, optimise: bool = True) -> Any:
    """A quiet onnxruntime session on one thread; raises NotLowerableError with onnxruntime's reason when it refuses."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not optimise:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if EXT.encode() in model:
        import onnxruntime_extensions

        options.register_custom_ops_library(onnxruntime_extensions.get_library_path())
    try:
        return ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise NotLowerableError(f"onnxruntime refuses the ONNX model: {first_line(error)}") from None


def first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
