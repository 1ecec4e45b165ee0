"""Columns that go through the same steps travel as one tensor.

Run-time cost follows the number of ONNX nodes, so k equal elementwise operations on k columns [N, 1] become one operation
on [N, k]: columns of a packed tensor are taken together (often the tensor itself), loose ones are put side by side, and
constants that differ become a row [1, k]. Levels are worked off from the inputs on, so that whole chains move together. The
numbers do not change: every element goes through the same kernel as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import onnx_ir as ir

from rtml_core.lowering.builder import EXT, ML, SLOTS, Builder, dtype_of, width_of

_BINARY: Final = (
    "Add", "Sub", "Mul", "Div", "Mod", "Pow", "Max", "Min", "And", "Or", "Xor", "Equal", "Less", "LessOrEqual", "Greater",
    "GreaterOrEqual",
)  # fmt: skip
_UNARY: Final = (
    "Not", "IsNaN", "Abs", "Neg", "Floor", "Ceil", "Round", "Sqrt", "Exp", "Log", "Sin", "Cos", "Tanh", "Sigmoid", "Reciprocal",
    "Sign", "Cast",
)  # fmt: skip
#: operators that work element by element on tensors of any shape, with the usual broadcasting
ELEMENTWISE: Final = frozenset(
    [("", name) for name in (*_BINARY, *_UNARY, "Where", "Clip")]
    + [(ML, "LabelEncoder"), (EXT, "StringUpper"), (EXT, "StringLower"), (EXT, "StringLength")]
)


#: element types that Concat, Split and Gather of onnxruntime take
_PACKABLE: Final = ("float64", "float32", "int64", "bool", "string")


@dataclass
class _Operand:
    """One input of an operation: a constant, a column of a packed tensor, or a loose [N, 1] value."""

    kind: str
    value: ir.Value
    tensor: ir.Value | None = None
    index: int = 0

    @property
    def key(self) -> Any:
        if self.kind == "slot":
            return ("slot", id(self.tensor))
        return (self.kind, dtype_of(self.value))


def fuse(b: Builder, nodes: Sequence[ir.Node]) -> dict[int, ir.Value]:
    """Fuse what can be fused among `nodes`, which are in topological order.

    Returns, by the id of each replaced value, what stands for it now: a column (Take) of a fused one. All uses are rewired.
    """
    fusion = _Fusion(b)
    by_level: dict[int, list[ir.Node]] = {}
    for node, level in zip(nodes, _levels(nodes), strict=True):
        by_level.setdefault(level, []).append(node)
    for level in sorted(by_level):
        fusion.level(by_level[level])
    for node in nodes:
        if (node.domain, node.op_type) == ("", "Concat"):
            fusion.tidy(node)
    return fusion.replaced


class _Fusion:
    def __init__(self, b: Builder):
        self.b = b
        self.replaced: dict[int, ir.Value] = {}

    def level(self, nodes: list[ir.Node]) -> None:
        """One level: nodes that don't depend on each other."""
        groups: dict[Any, list[tuple[ir.Node, list[_Operand]]]] = {}
        for node in nodes:
            operands = self._operands(node)
            if operands is not None:
                groups.setdefault(self._key(node, operands), []).append((node, operands))
        for members in groups.values():
            if self._pays(members):
                self._fuse(members)

    def tidy(self, node: ir.Node) -> None:
        """A Concat of columns that lie in one tensor now takes them together."""
        if node.attributes["axis"].as_int() != 1:
            return
        merged: list[ir.Value] = []
        for value in node.inputs:
            assert value is not None
            before = merged[-1] if merged else None
            if before is not None and _source(before) is not None and _source(before) is _source(value):
                tensor = _source(value)
                assert tensor is not None
                merged[-1] = self.b.take(tensor, [*_indices(before), *_indices(value)])
            else:
                merged.append(value)
        if len(merged) < len(node.inputs):
            self._replace(node.outputs[0], self.b.concat(merged))

    def _operands(self, node: ir.Node) -> list[_Operand] | None:
        if (node.domain, node.op_type) not in ELEMENTWISE or len(node.outputs) != 1 or not _is_column(node.outputs[0]):
            return None
        operands = []
        for value in node.inputs:
            operand = None if value is None else self._operand(value)
            if operand is None:
                return None
            operands.append(operand)
        return operands if any(operand.kind != "const" for operand in operands) else None

    @staticmethod
    def _operand(value: ir.Value) -> _Operand | None:
        if value.const_value is not None:
            return _Operand("const", value) if value.const_value.size == 1 else None
        if not _is_column(value) or dtype_of(value) not in _PACKABLE:
            return None
        tensor = _source(value)
        return _Operand("loose", value) if tensor is None else _Operand("slot", value, tensor, _indices(value)[0])

    @staticmethod
    def _key(node: ir.Node, operands: list[_Operand]) -> Any:
        attributes = tuple((name, _attribute_key(node.attributes[name])) for name in sorted(node.attributes))
        return (node.domain, node.op_type, attributes, dtype_of(node.outputs[0]), tuple(operand.key for operand in operands))

    @staticmethod
    def _pays(members: list[tuple[ir.Node, list[_Operand]]]) -> bool:
        """Whether fewer nodes are left: one operation, plus one for each operand that has to be gathered or put together."""
        extra = 3 if _clips_differently(members) else 0
        for position, operand in enumerate(members[0][1]):
            column = [operands[position] for _, operands in members]
            if operand.kind == "loose" and len({id(item.value) for item in column}) > 1:
                extra += 1
            if operand.kind == "slot" and operand.tensor is not None:
                indices = sorted(item.index for item in column)
                extra += indices != list(range(width_of(operand.tensor)))
        return len(members) - 1 > extra

    def _fuse(self, members: list[tuple[ir.Node, list[_Operand]]]) -> None:
        members.sort(key=lambda member: [operand.index for operand in member[1] if operand.kind == "slot"])
        first, operands = members[0]
        values = [self._together([other[i] for _, other in members]) for i in range(len(operands))]
        with self.b.node(first.metadata_props.get("rtml.node", "")):
            if _clips_differently(members):
                output = self._clip(*values)
            else:
                output = self._emit(first, values, len(members))
            for position, (member, _) in enumerate(members):
                self._replace(member.outputs[0], self.b.take(output, [position]))

    def _emit(self, like: ir.Node, values: list[ir.Value], width: int) -> ir.Value:
        node = ir.node(like.op_type, values, dict(like.attributes), domain=like.domain, name=self.b._name(like.op_type))
        node.metadata_props["rtml.node"] = self.b.scope
        output = node.outputs[0]
        output.name, output.type, output.shape = self.b._name("fused"), like.outputs[0].type, ir.Shape(["N", width])
        self.b.nodes.append(node)
        return output

    def _clip(self, x: ir.Value, low: ir.Value, high: ir.Value) -> ir.Value:
        """Clip takes one pair of bounds for a whole tensor; comparisons take a row of them."""
        raised = self.b.op("Where", self.b.op("Less", x, low, dtype="bool"), low, x, dtype=dtype_of(x))
        return self.b.op("Where", self.b.op("Greater", raised, high, dtype="bool"), high, raised, dtype=dtype_of(x))

    def _together(self, column: list[_Operand]) -> ir.Value:
        """One operand of all members, as [N, k], or [1, k] for constants, or as it is when all share it."""
        first = column[0]
        if all(item.value is first.value for item in column) and first.kind != "slot":
            return first.value
        if first.kind == "const":
            return _constant_row(self.b, [item.value for item in column])
        if first.kind == "slot":
            assert first.tensor is not None
            return self.b.take(first.tensor, [item.index for item in column])
        return self.b.concat([item.value for item in column])

    def _replace(self, old: ir.Value, new: ir.Value) -> None:
        for node, index in list(old.uses()):
            node.replace_input_with(index, new)
        self.replaced[id(old)] = new


def _levels(nodes: Sequence[ir.Node]) -> list[int]:
    """For each node, how many operations lie between the inputs and it; a Take is no operation."""
    levels: dict[int, int] = {}
    result = []
    for node in nodes:
        before = [levels[id(value)] for value in node.inputs if value is not None and id(value) in levels]
        level = max(before, default=0) + (0 if node.domain == SLOTS else 1)
        levels.update((id(output), level) for output in node.outputs)
        result.append(level)
    return result


def _source(value: ir.Value) -> ir.Value | None:
    """The tensor of which a value is some columns; None when it is no Take."""
    producer = value.producer()
    return producer.inputs[0] if producer is not None and producer.domain == SLOTS else None


def _indices(value: ir.Value) -> list[int]:
    producer = value.producer()
    assert producer is not None
    return [int(index) for index in producer.attributes["indices"].as_ints()]


def _clips_differently(members: list[tuple[ir.Node, list[_Operand]]]) -> bool:
    """Whether these are Clips with bounds of their own each."""
    if members[0][0].op_type != "Clip":
        return False
    return len({tuple(id(operand.value) for operand in operands[1:]) for _, operands in members}) > 1


def _is_column(value: ir.Value) -> bool:
    shape = value.shape
    return shape is not None and len(shape) == 2 and shape[1] == 1 and not isinstance(shape[0], int)


def _attribute_key(attribute: Any) -> Any:
    value = attribute.value
    if isinstance(value, (ir.Tensor, ir.StringTensor)) or hasattr(value, "numpy"):
        array = value.numpy()
        return (str(array.dtype), array.shape, array.tobytes() if array.dtype.kind != "O" else tuple(array.ravel().tolist()))
    return repr(value)


def _constant_row(b: Builder, values: Sequence[ir.Value]) -> ir.Value:
    """Single constants side by side: [1, k]."""
    dtype = dtype_of(values[0])
    items: list[Any] = []
    for value in values:
        assert value.const_value is not None
        item = value.const_value.numpy().ravel()[0]
        items.append(item.decode() if isinstance(item, bytes) else item)
    return b.const(np.array([items], dtype=object if dtype == "string" else dtype), dtype)
