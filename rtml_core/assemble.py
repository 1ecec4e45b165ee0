"""From a builder and its outputs to ONNX bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from rtml_core.custom_ops import CustomOp
from rtml_core.lowering.builder import EXT, IR_VERSION, ML, OPSETS, ORT, SLOTS, Builder, live_values
from rtml_core.optimizer import count_by_node, optimize

#: model output that holds one bool column a row check; see Builder.check
CHECKS = "__checks__"


@dataclass
class Assembled:
    """The finished model: bytes, ONNX nodes by authored node, ops used, opsets, kinds of ops by authored node, custom ops by
    domain."""

    model: bytes
    counts: dict[str, int]
    ops: dict[tuple[str, str], int]
    opsets: dict[str, int]
    kinds: dict[str, set[str]]
    custom_ops: dict[str, CustomOp]

    @property
    def node_count(self) -> int:
        return sum(self.ops.values())


def assemble(b: Builder, outputs: Mapping[str, ir.Value]) -> Assembled:
    """Optimise and serialise. `outputs`: model output name -> value [N, k]; row checks are added as CHECKS.

    The bytes depend only on what was built, not on process, time or machine.
    """
    wanted = dict(outputs)
    if b.checks:
        wanted[CHECKS] = b.concat([check.ok for check in b.checks])
    nodes, values = optimize(b, [_own(b, value) for value in wanted.values()])
    finals = dict(zip(wanted, values, strict=True))
    for name, value in finals.items():
        value.name = name
    used = {node.domain: None for node in nodes}
    opsets = {
        domain: version for domain, version in {**OPSETS, "ai.onnx.ml": b.ml_opset}.items() if domain in used or domain == ""
    }
    custom_ops = {domain: op for domain, op in sorted(b.custom_ops.items()) if domain in used}
    for domain in (*(function.domain for function in b.functions.values()), *custom_ops):
        opsets.setdefault(domain, 1)
    live = live_values(list(finals.values()))
    graph = ir.Graph(
        inputs=[value for value in b.inputs if value.name in live],
        outputs=list(finals.values()),
        nodes=nodes,
        initializers=_used_initializers(b, nodes),
        opset_imports=opsets,
        name="rtml",
    )
    model = ir.Model(graph, ir_version=IR_VERSION, producer_name="rtml", functions=list(b.functions.values()))
    proto = ir.to_proto(model)
    _strip_private_metadata(proto)
    data = proto.SerializeToString(deterministic=True)
    return Assembled(data, count_by_node(nodes), _count_ops(nodes), opsets, _kinds(nodes, custom_ops), custom_ops)


def _own(b: Builder, value: ir.Value) -> ir.Value:
    """A model output must be made by a node: a graph input goes through Identity."""
    producer = value.producer()
    source = producer.inputs[0] if producer is not None and producer.domain == SLOTS else value
    return value if source is not value or producer is not None else b.op("Identity", value)


def _used_initializers(b: Builder, nodes: list[ir.Node]) -> list[ir.Value]:
    used = {id(value) for node in nodes for value in node.inputs if value is not None}
    return [value for value in b.initializers if id(value) in used]


def _count_ops(nodes: list[ir.Node]) -> dict[tuple[str, str], int]:
    counts: dict[tuple[str, str], int] = {}
    for node in nodes:
        counts[(node.domain, node.op_type)] = counts.get((node.domain, node.op_type), 0) + 1
    return dict(sorted(counts.items()))


def _kinds(nodes: list[ir.Node], custom_ops: Mapping[str, CustomOp]) -> dict[str, set[str]]:
    """Kinds of ONNX operators (core, extension, python) that each authored node became."""
    kinds: dict[str, set[str]] = {}
    for node in nodes:
        kinds.setdefault(node.metadata_props.get("rtml.node", ""), set()).add(kind_of(node.domain, custom_ops))
    return kinds


def kind_of(domain: str, custom_ops: Mapping[str, CustomOp]) -> str:
    """The kind of an ONNX operator, by its domain."""
    if domain in ("", ML, ORT):
        return "core"
    return "extension" if domain == EXT else custom_ops[domain].kind


def _strip_private_metadata(proto: Any) -> None:
    for node in proto.graph.node:
        del node.metadata_props[:]
    for value in [*proto.graph.value_info, *proto.graph.input, *proto.graph.output]:
        del value.metadata_props[:]
