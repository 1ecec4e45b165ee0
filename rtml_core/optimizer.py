"""A smaller graph of the same meaning.

What the builder leaves to this pass: nodes that nothing needs, and the pseudo-op Take (columns of a packed tensor), which
becomes one Split for all its users where they share a tensor, else Slice or Gather.
"""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from rtml_core.fusion import fuse
from rtml_core.lowering.builder import SLOTS, Builder, dtype_of, width_of


def optimize(b: Builder, outputs: Sequence[ir.Value]) -> tuple[list[ir.Node], list[ir.Value]]:
    """Nodes to keep, in order, with every Take resolved, and the values that stand for `outputs` now."""
    fused = fuse(b, ordered(outputs))
    outputs = [_now(fused, value) for value in outputs]
    replaced: dict[int, ir.Value] = {}
    nodes = _resolve_takes(b, ordered(outputs), replaced)
    return nodes, [replaced.get(id(value), value) for value in outputs]


def _now(replaced: dict[int, ir.Value], value: ir.Value) -> ir.Value:
    while id(value) in replaced:
        value = replaced[id(value)]
    return value


def ordered(outputs: Sequence[ir.Value]) -> list[ir.Node]:
    """The nodes that the outputs depend on, each after what feeds it; the order depends on the graph alone."""
    result: list[ir.Node] = []
    seen: set[int] = set()
    stack = [(value.producer(), False) for value in reversed(outputs)]
    while stack:
        node, fed = stack.pop()
        if node is None or (id(node) in seen and not fed):
            continue
        if fed:
            result.append(node)
            continue
        seen.add(id(node))
        stack.append((node, True))
        stack.extend((value.producer(), False) for value in reversed(node.inputs) if value is not None)
    return result


def _resolve_takes(b: Builder, nodes: list[ir.Node], replaced: dict[int, ir.Value]) -> list[ir.Node]:
    groups: dict[int, list[ir.Node]] = {}
    for node in nodes:
        if node.domain == SLOTS:
            groups.setdefault(id(node.inputs[0]), []).append(node)
    resolved: dict[int, list[ir.Node]] = {}
    for takes in groups.values():
        resolved.update(_resolve_group(b, takes, replaced))
    result: list[ir.Node] = []
    for node in nodes:
        result.extend(resolved.get(id(node), [node]))
    return result


def _resolve_group(b: Builder, takes: list[ir.Node], replaced: dict[int, ir.Value]) -> dict[int, list[ir.Node]]:
    """Real nodes for the Takes of one tensor, keyed by the pseudo-node whose place they take."""
    shared, rest = _disjoint_runs(takes)
    resolved: dict[int, list[ir.Node]] = {}
    if len(shared) > 1:
        resolved[id(takes[0])] = [_split(b, shared, replaced)]
        for take in takes:
            if take in shared:
                resolved.setdefault(id(take), [])
    else:
        rest = takes
    for take in rest:
        resolved.setdefault(id(take), []).append(_slice(b, take, replaced))
    return resolved


def _indices(take: ir.Node) -> list[int]:
    return [int(i) for i in take.attributes["indices"].as_ints()]


def _is_run(indices: list[int]) -> bool:
    return indices == list(range(indices[0], indices[0] + len(indices)))


def _disjoint_runs(takes: list[ir.Node]) -> tuple[list[ir.Node], list[ir.Node]]:
    taken: set[int] = set()
    shared, rest = [], []
    for take in sorted(takes, key=lambda t: len(_indices(t))):
        indices = _indices(take)
        if _is_run(indices) and not taken & set(indices):
            taken |= set(indices)
            shared.append(take)
        else:
            rest.append(take)
    return sorted(shared, key=lambda t: _indices(t)[0]), rest


def _split(b: Builder, takes: list[ir.Node], replaced: dict[int, ir.Value]) -> ir.Node:
    tensor = takes[0].inputs[0]
    assert tensor is not None
    sizes: list[int] = []
    targets: list[ir.Node | None] = []
    at = 0
    for take in takes:
        indices = _indices(take)
        if indices[0] > at:
            sizes.append(indices[0] - at)
            targets.append(None)
        sizes.append(len(indices))
        targets.append(take)
        at = indices[-1] + 1
    width = width_of(tensor)
    if at < width:
        sizes.append(width - at)
        targets.append(None)
    node = ir.node("Split", [tensor, b.const(sizes, "int64")], {"axis": 1}, num_outputs=len(sizes), name=b._name("Split"))
    node.metadata_props["rtml.node"] = takes[0].metadata_props.get("rtml.node", "")
    for output, size, target in zip(node.outputs, sizes, targets, strict=True):
        output.name, output.type, output.shape = b._name("split"), _type_of(tensor), ir.Shape(["N", size])
        if target is not None:
            _redirect(target.outputs[0], output, replaced)
    return node


def _slice(b: Builder, take: ir.Node, replaced: dict[int, ir.Value]) -> ir.Node:
    tensor, indices, output = take.inputs[0], _indices(take), take.outputs[0]
    assert tensor is not None
    if _is_run(indices):
        bounds = [b.const([indices[0]], "int64"), b.const([indices[-1] + 1], "int64"), b.const([1], "int64")]
        node = ir.node("Slice", [tensor, *bounds], name=b._name("Slice"))
    else:
        node = ir.node("Gather", [tensor, b.const(indices, "int64")], {"axis": 1}, name=b._name("Gather"))
    made = node.outputs[0]
    made.name, made.type, made.shape = b._name("take"), _type_of(tensor), ir.Shape(["N", len(indices)])
    node.metadata_props["rtml.node"] = take.metadata_props.get("rtml.node", "")
    _redirect(output, made, replaced)
    return node


def _type_of(value: ir.Value) -> ir.TensorType:
    assert value.dtype is not None
    return ir.TensorType(value.dtype)


def _redirect(old: ir.Value, new: ir.Value, replaced: dict[int, ir.Value]) -> None:
    assert dtype_of(old) == dtype_of(new)
    for node, index in list(old.uses()):
        node.replace_input_with(index, new)
    replaced[id(old)] = new


def count_by_node(nodes: Sequence[ir.Node]) -> dict[str, int]:
    """How many ONNX nodes each authored node became."""
    counts: dict[str, int] = {}
    for node in nodes:
        scope = node.metadata_props.get("rtml.node", "")
        counts[scope] = counts.get(scope, 0) + 1
    return counts
