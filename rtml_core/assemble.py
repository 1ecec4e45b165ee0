"""From a builder and its outputs to ONNX bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx_ir as ir

from rtml_core.custom_ops import CustomOp
from rtml_core.lowering.builder import EXT, IR_VERSION, ML, OPSETS, ORT, SLOTS, Builder, live_values
from rtml_core.lowering.local import LocalFunction
from rtml_core.optimizer import count_by_node, optimize

#: model output that holds one bool column a row check; see Builder.check
CHECKS = "__checks__"


@dataclass
class Assembled:
    """The finished model: bytes, ONNX nodes by authored node, ops used (in functions too, each function counted once), opsets,
    kinds of ops by authored node, custom ops by domain, and the first authored node that calls each."""

    model: bytes
    counts: dict[str, int]
    ops: dict[tuple[str, str], int]
    opsets: dict[str, int]
    kinds: dict[str, set[str]]
    custom_ops: dict[str, CustomOp]
    callers: dict[str, str] = field(default_factory=dict)

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
    functions = local_functions(b, nodes)
    used = {node.domain for node in nodes}.union(*(function.opset_imports for function in functions))
    opsets = {
        domain: version for domain, version in {**OPSETS, "ai.onnx.ml": b.ml_opset}.items() if domain in used or domain == ""
    }
    custom_ops = {domain: op for domain, op in sorted(b.custom_ops.items()) if domain in used}
    for domain in custom_ops:
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
    model = ir.Model(graph, ir_version=IR_VERSION, producer_name="rtml", functions=functions)
    proto = ir.to_proto(model)
    _strip_private_metadata(proto)
    data = proto.SerializeToString(deterministic=True)
    everything = [*nodes, *(node for function in functions for node in function)]
    callers: dict[str, str] = {}
    for node in nodes:
        callers.setdefault(node.domain, node.metadata_props.get("rtml.node", ""))
    return Assembled(data, count_by_node(nodes), _count_ops(everything), opsets, _kinds(nodes, custom_ops), custom_ops, callers)


def local_functions(b: Builder, nodes: Iterable[ir.Node]) -> list[ir.Function]:
    """The ONNX functions that the nodes call, each once, by domain; those that are called by functions too."""
    found: dict[str, ir.Function] = {}
    waiting = [node.domain for node in nodes]
    while waiting:
        domain = waiting.pop()
        if domain in b.functions and domain not in found:
            traced = b.functions[domain]
            if traced.made is None:  # nodes belong to one function
                traced.made = _local_function(traced)
            found[domain] = traced.made
            waiting += found[domain].opset_imports
    return [found[domain] for domain in sorted(found)]


def _local_function(traced: LocalFunction) -> ir.Function:
    """An ONNX function out of a traced formula. Its constants are nodes, as a function has no initializers."""
    b = traced.builder
    nodes, outputs = optimize(b, traced.outputs)
    constants: dict[int, ir.Node] = {}
    stored = {id(value) for value in b.initializers}
    for node in nodes:
        for position, value in enumerate(node.inputs):
            if value is None or id(value) not in stored:
                continue
            if id(value) not in constants:
                constants[id(value)] = ir.node("Constant", [], {"value": value.const_value}, name=f"Constant_{len(constants)}")
                made = constants[id(value)].outputs[0]
                made.name, made.type, made.shape = value.name, value.type, value.shape
            node.replace_input_with(position, constants[id(value)].outputs[0])
    domains = {"", *(node.domain for node in nodes)}
    opsets = {domain: b.ml_opset if domain == ML else OPSETS.get(domain, 1) for domain in sorted(domains)}
    graph = ir.Graph(b.inputs, outputs, nodes=[*constants.values(), *nodes], opset_imports=opsets, name=traced.name)
    return ir.Function(traced.domain, traced.name, graph=graph, attributes=[])


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
    """Kinds of ONNX operators (core, extension, function, native, python) that each authored node became."""
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
    for node in (*proto.graph.node, *(node for function in proto.functions for node in function.node)):
        del node.metadata_props[:]
    for function in proto.functions:
        del function.value_info[:]
    for value in [*proto.graph.value_info, *proto.graph.input, *proto.graph.output]:
        del value.metadata_props[:]
