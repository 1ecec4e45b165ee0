"""A thin builder over onnx-ir: typed values, constants, shared sub-expressions, row checks, grafted fragments.

Every value is a tensor [N, k] unless a caller says otherwise, and every value carries dtype and shape, because custom
domains have no ONNX schema to infer them from. The same operation on the same inputs is emitted once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import onnx_ir as ir

from rtml_core.columns import carrier_of
from rtml_core.custom_ops import CustomOp, native
from rtml_core.errors import NotLowerableError, PluginError
from rtml_core.lowering.neutral import around

#: what plugins may use (docs/reference/plugin-api-policy)
__all__ = ["Builder", "dtype_of", "tensor_attribute", "width_of"]

#: what we emit; onnxruntime 1.31 guarantees opset <= 26, ai.onnx.ml <= 5, IR <= 13
OPSETS: Final = {"": 21, "ai.onnx.ml": 5, "ai.onnx.contrib": 1, "com.microsoft": 1}
IR_VERSION: Final = 10
ML: Final = "ai.onnx.ml"
EXT: Final = "ai.onnx.contrib"
#: what every onnxruntime brings beside the standard: Tokenizer, MurmurHash3
ORT: Final = "com.microsoft"
#: a constant of at most so many elements is searched for points at which behaviour changes
_SMALL: Final = 256
#: pseudo domain for "columns of a packed tensor"; the optimizer turns it into Split, Slice or Gather
SLOTS: Final = "rtml.slots"

_IR_DTYPES: Final = {
    "float64": ir.DataType.DOUBLE,
    "float32": ir.DataType.FLOAT,
    "int64": ir.DataType.INT64,
    "int32": ir.DataType.INT32,
    "bool": ir.DataType.BOOL,
    "string": ir.DataType.STRING,
    # only inside grafted fragments
    "int8": ir.DataType.INT8,
    "int16": ir.DataType.INT16,
    "uint8": ir.DataType.UINT8,
    "uint16": ir.DataType.UINT16,
    "uint32": ir.DataType.UINT32,
    "uint64": ir.DataType.UINT64,
    "float16": ir.DataType.FLOAT16,
    "bfloat16": ir.DataType.BFLOAT16,
}


@dataclass
class Check:
    """A condition that every row must meet; `ok` is bool [N, 1], `message` may hold the word {value} of `column`."""

    ok: ir.Value
    message: str
    node: str


@dataclass
class Builder:
    """Collects the nodes of one ONNX graph. `scope` is the id of the authored node being lowered."""

    scope: str = ""
    nodes: list[ir.Node] = field(default_factory=list)
    inputs: list[ir.Value] = field(default_factory=list)
    initializers: list[ir.Value] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    thresholds: dict[int, set[float]] = field(default_factory=dict)
    #: texts at which behaviour may change, for the parity gate; those of parameters it knows by itself
    texts: set[str] = field(default_factory=set)
    #: numbers among the arguments of custom operators, for the same
    numbers: set[float] = field(default_factory=set)
    ml_opset: int = OPSETS[ML]
    #: traced formulas of custom operators (local.LocalFunction), by their domain
    functions: dict[str, Any] = field(default_factory=dict)
    #: what the graphs inside nodes gave, by the scope of the node (trace.Subgraph)
    subgraphs: dict[str, Any] = field(default_factory=dict)
    custom_ops: dict[str, CustomOp] = field(default_factory=dict)
    _seen: dict[Any, tuple[ir.Value, ...]] = field(default_factory=dict)
    _kept: list[Any] = field(default_factory=list)
    _constants: dict[Any, ir.Value] = field(default_factory=dict)
    _count: int = 0

    @contextmanager
    def node(self, node_id: str) -> Any:
        """Everything emitted inside belongs to the authored node `node_id`."""
        before, self.scope = self.scope, node_id
        try:
            yield self
        finally:
            self.scope = before

    def _name(self, hint: str) -> str:
        self._count += 1
        return f"{hint}_{self._count}"

    def input(self, name: str, dtype: str, width: int) -> ir.Value:
        """A graph input [N, width]."""
        value = ir.Value(name=name, type=ir.TensorType(_IR_DTYPES[dtype]), shape=ir.Shape(["N", width]))
        self.inputs.append(value)
        return value

    def const(self, value: Any, dtype: str | None = None) -> ir.Value:
        """An initializer; equal constants are stored once. Strings become a string tensor of the array's shape.

        A string may be a part of a character, decoded with errors="surrogateescape".
        """
        array = np.asarray(value, dtype=object if dtype == "string" else dtype)
        text = array.dtype.kind in "OUS"
        if text:
            payload = tuple(str(item) for item in array.ravel())
            key: Any = ("string", array.shape, payload)
        else:
            key = (str(array.dtype), array.shape, array.tobytes())
        if key not in self._constants:
            name = self._name("const")
            if text:
                encoded = [item.encode("utf-8", "surrogateescape") for item in payload]
                tensor: Any = ir.StringTensor(encoded, shape=ir.Shape(array.shape), name=name)
            else:
                tensor = ir.tensor(np.ascontiguousarray(array).reshape(array.shape), name=name)
            made = ir.Value(name=name, type=ir.TensorType(tensor.dtype), shape=ir.Shape(array.shape), const_value=tensor)
            self.initializers.append(made)
            self._constants[key] = made
        return self._constants[key]

    def op(
        self,
        op_type: str,
        *inputs: ir.Value | None,
        dtype: str | None = None,
        width: int | None = None,
        shape: Sequence[int | str | None] | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> ir.Value:
        """Emit one node with one output and return its value.

        dtype: tensor element type ("float64", "bool", ...), by default that of the first input. Shape: `shape`, or
        [N, width], or the widest of the inputs' shapes (elementwise broadcasting).
        """
        return self.multi(op_type, *inputs, dtypes=[dtype], widths=[width], shapes=[shape], domain=domain, **attributes)[0]

    def multi(
        self,
        op_type: str,
        *inputs: ir.Value | None,
        dtypes: Sequence[str | None],
        widths: Sequence[int | None] | None = None,
        shapes: Sequence[Sequence[int | str | None] | None] | None = None,
        domain: str = "",
        attributes: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> tuple[ir.Value, ...]:
        """Emit one node with len(dtypes) outputs; see `op`. attributes: more of them, under any name."""
        if domain == "" and (other := around(self, op_type, inputs)) is not None:
            return (other,)
        attributes = {**(attributes or {}), **named}
        attrs = {name: _attribute(value) for name, value in attributes.items() if value is not None}
        key = (
            domain,
            op_type,
            tuple(map(id, inputs)),
            tuple(dtypes),
            tuple((n, _attribute_key(attributes[n])) for n in sorted(attrs)),
        )
        if key in self._seen:
            return self._seen[key]
        made = ir.node(op_type, list(inputs), attrs, domain=domain, num_outputs=len(dtypes), name=self._name(op_type))
        made.metadata_props["rtml.node"] = self.scope
        for position, output in enumerate(made.outputs):
            output.name = self._name(op_type.lower())
            output.type = ir.TensorType(_IR_DTYPES[dtypes[position] or dtype_of(_first(inputs))])
            explicit = shapes[position] if shapes else None
            width = widths[position] if widths else None
            if explicit is None:
                explicit = ["N", width] if width is not None else _broadcast(inputs)
            output.shape = ir.Shape(explicit)
        self.nodes.append(made)
        self._kept.append(attributes)
        self._seen[key] = tuple(made.outputs)
        return self._seen[key]

    def ext(self, op_type: str, *inputs: ir.Value, **options: Any) -> ir.Value:
        """An operator of onnxruntime-extensions; options as in `op`."""
        return self.op(op_type, *inputs, domain=EXT, **options)

    def ml(self, op_type: str, *inputs: ir.Value, **options: Any) -> ir.Value:
        """An operator of ai.onnx.ml; options as in `op`."""
        return self.op(op_type, *inputs, domain=ML, **options)

    def custom(self, op: CustomOp, /, *values: ir.Value, **arguments: Any) -> tuple[ir.Value, ...]:
        """A custom operator on values [N, k] of one shape; its outputs have that shape. A function takes [N, 1] only.

        Columns, and what is missing in them: see lowering.custom.
        """
        widths = {width_of(value) for value in values}
        dtypes = [dtype_of(value) for value in values]
        if dtypes != [carrier_of(dtype, False) for dtype in op.inputs] or len(widths) != 1:
            raise NotLowerableError(
                f"the custom operator {op} takes {op.signature}; got {', '.join(dtypes)} {sorted(widths)} wide"
            )
        if op.kind == "function" and widths != {1}:
            raise NotLowerableError(f"the custom operator {op} is a function and takes [N, 1]; got values {max(widths)} wide")
        try:
            attributes = _node_attributes(op, arguments)
            domain = op.domain_with(arguments)
        except PluginError as error:
            raise NotLowerableError(str(error)) from None
        for known, other in self.custom_ops.items():
            if (known == domain or other.key == op.key) and other != op:
                raise NotLowerableError(f"two different custom operators are called {op}; give one of them another version")
        if op.kind == "function":
            self._require_function(op, domain, arguments)
        self.custom_ops[domain] = op
        self._note(arguments)
        made = [carrier_of(dtype, False) for dtype in op.outputs]
        return self.multi(op.name, *values, dtypes=made, domain=domain, attributes=attributes)

    def _note(self, value: Any) -> None:
        """Arguments of a custom operator, at whatever depth: its behaviour may change at each."""
        if isinstance(value, str):
            self.texts.add(value)
        elif isinstance(value, (list, tuple)):
            for item in value:
                self._note(item)
        elif isinstance(value, Mapping):
            self._note([*value, *value.values()])
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= 1e30:
            self.numbers.add(float(value))

    def _require_function(self, op: CustomOp, domain: str, arguments: Mapping[str, Any]) -> None:
        """Trace the formula for these arguments, unless it was; and take in what it calls."""
        if domain in self.functions:
            if self.functions[domain].arguments != op.encode(arguments):
                raise NotLowerableError(
                    f"the custom operator {op} has one ONNX domain, {domain}, for two sets of arguments, by chance: change one of"
                    f" them a little, or give it another version"
                )
            return
        from rtml_core.lowering.local import local_function

        made = local_function(op, arguments)
        self.functions[domain] = made
        self.texts |= made.builder.texts
        for inner in made.builder.functions:
            self.functions.setdefault(inner, made.builder.functions[inner])
            self.custom_ops.setdefault(inner, made.builder.custom_ops[inner])

    def cast(self, value: ir.Value, dtype: str) -> ir.Value:
        """Cast, or `value` itself when it has the dtype already."""
        if dtype_of(value) == dtype:
            return value
        return self.op("Cast", value, dtype=dtype, to=int(_IR_DTYPES[dtype]))

    def label_encode(
        self, value: ir.Value, keys: Any, values: Any, default: Any, *, keys_dtype: str, values_dtype: str
    ) -> ir.Value:
        """Elementwise lookup: keys[i] -> values[i], anything else -> default. NaN is found as a float key."""
        if {keys_dtype, values_dtype} == {"float64", "float32"}:  # onnxruntime has none from one to the other
            keys = np.asarray(keys, dtype=keys_dtype).tolist()
            wide = self.label_encode(
                self.cast(value, "float64"), keys, values, default, keys_dtype="float64", values_dtype="float64"
            )
            return self.cast(wide, values_dtype)
        return self.ml(
            "LabelEncoder",
            value,
            dtype=values_dtype,
            keys_tensor=tensor_attribute(keys, keys_dtype),
            values_tensor=tensor_attribute(values, values_dtype),
            default_tensor=tensor_attribute([default], values_dtype),
        )

    def take(self, tensor: ir.Value, indices: Sequence[int]) -> ir.Value:
        """Columns `indices` of a packed tensor [N, k], as [N, len(indices)]; the tensor itself when that is all of it."""
        if list(indices) == list(range(width_of(tensor))):
            return tensor
        return self.op("Take", tensor, width=len(indices), domain=SLOTS, indices=list(indices))

    def concat(self, values: Sequence[ir.Value]) -> ir.Value:
        """[N, k1], [N, k2], ... -> [N, k1 + k2 + ...]; one element type."""
        if len(values) == 1:
            return values[0]
        return self.op("Concat", *values, width=sum(width_of(value) for value in values), axis=1)

    def alias(self, value: ir.Value) -> ir.Value:
        """A second name for a value: an Identity node of its own, never shared."""
        made = ir.node("Identity", [value], name=self._name("Identity"))
        made.metadata_props["rtml.node"] = self.scope
        output = made.outputs[0]
        output.name, output.type, output.shape = self._name("identity"), value.type, value.shape
        self.nodes.append(made)
        return output

    def check(self, ok: ir.Value, message: str) -> None:
        """Rows where `ok` (bool [N, 1]) is False make the runtime refuse the request with `message`."""
        self.checks.append(Check(ok, message, self.scope))

    def threshold(self, value: ir.Value, points: Sequence[float]) -> None:
        """Tell the parity gate that behaviour may change at these points of a [N, 1] value (see parity)."""
        self.thresholds.setdefault(id(value), set()).update(float(p) for p in points)

    def small_constants(self) -> set[float]:
        """All finite numbers among the graph's small constants: points at which its behaviour may change."""
        found = set(self.numbers)
        for function in self.functions.values():
            found |= function.builder.small_constants()
        for value in self.initializers:
            tensor = value.const_value
            if tensor is not None and tensor.dtype != ir.DataType.STRING and 0 < tensor.size <= _SMALL:
                numbers = tensor.numpy().astype(np.float64).ravel()
                found.update(numbers[np.isfinite(numbers) & (np.abs(numbers) <= 1e30)].tolist())
        return found

    def graft(self, model: Any, bindings: dict[str, ir.Value], outputs: Sequence[str] | None = None) -> dict[str, ir.Value]:
        """Inline a ModelProto: `bindings` feeds its inputs by name; returns its outputs (all, or those asked for) by name."""
        from rtml_core.lowering.graft import graft

        return graft(self, model, bindings, outputs)


class TensorAttribute:
    """A tensor-valued attribute that compares by content."""

    def __init__(self, tensor: Any, key: Any):
        self.tensor = tensor
        self.key = key


def tensor_attribute(values: Any, dtype: str) -> TensorAttribute:
    """A one-dimensional tensor attribute of element type `dtype`."""
    if dtype == "string":
        texts = tuple(str(value) for value in values)
        return TensorAttribute(ir.StringTensor([t.encode() for t in texts], shape=ir.Shape([len(texts)]), name=""), texts)
    array = np.asarray(values, dtype=dtype)
    return TensorAttribute(ir.tensor(array), (str(array.dtype), array.shape, array.tobytes()))


def _node_attributes(op: CustomOp, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a node of a custom operator: the arguments as JSON of a Python operator, one by one of a native one; none
    of a function, which has them inside. Raises PluginError for arguments that it does not take."""
    encoded = op.encode(arguments)
    if op.kind == "native":
        return dict(native.attributes(op, arguments))
    return {} if op.kind == "function" else {"arguments": encoded}


def _attribute(value: Any) -> Any:
    return value.tensor if isinstance(value, TensorAttribute) else value


#: a forest has lists of millions of whole numbers, which compare as bytes
_LONG: Final = 64


def _attribute_key(value: Any) -> Any:
    if isinstance(value, TensorAttribute):
        return value.key
    if isinstance(value, (list, tuple)):
        if len(value) > _LONG and set(map(type, value)) == {int}:
            return ("ints", np.array(value, dtype=np.int64).tobytes())
        return tuple(_attribute_key(item) for item in value)
    if isinstance(value, (int, float, str, bytes, bool)):
        return (type(value).__name__, repr(value))  # repr tells -0.0 from 0.0
    return id(value)  # the builder keeps every attribute alive, so that no id is used twice


def _first(inputs: Sequence[ir.Value | None]) -> ir.Value:
    for value in inputs:
        if value is not None:
            return value
    raise NotLowerableError("an operation without inputs needs an explicit dtype")


def dtype_of(value: ir.Value) -> str:
    """Element type of a value, as a word ("float64", "string", ...)."""
    for word, code in _IR_DTYPES.items():
        if value.dtype == code:
            return word
    raise NotLowerableError(f"tensor element type {value.dtype} is not supported here")


def width_of(value: ir.Value) -> int:
    """k of a [N, k] value."""
    assert value.shape is not None
    width = value.shape[-1]
    if not isinstance(width, int):
        raise NotLowerableError(f"value {value.name} has no fixed width; its shape is {value.shape}")
    return width


def _broadcast(inputs: Sequence[ir.Value | None]) -> list[Any]:
    shapes: list[list[Any]] = [list(value.shape) for value in inputs if value is not None and value.shape is not None]
    if not shapes:
        raise NotLowerableError("an operation without inputs needs an explicit shape")
    rank = max(len(shape) for shape in shapes)
    padded = [[1] * (rank - len(shape)) + shape for shape in shapes]
    return [next((d for d in dims if d != 1), 1) for dims in zip(*padded, strict=True)]


def live_values(roots: Sequence[ir.Value]) -> set[str | None]:
    """Names of all values that the roots depend on, themselves included."""
    seen: set[int] = set()
    names: set[str | None] = set()
    stack = list(roots)
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        names.add(value.name)
        producer = value.producer()
        if producer is not None:
            stack.extend(item for item in producer.inputs if item is not None)
    return names
