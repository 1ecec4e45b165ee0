"""GraphBuilder: documented nodes and edges as DSL text, checked before anybody publishes it."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from rtml_aep import document
from rtml_aep.fields import request_fields
from rtml_aep.vocabulary import with_vocabularies
from rtml_core import Graph, Operator
from rtml_core.columns import parse_signature, signature_spec
from rtml_core.errors import GraphError, NotFittedError, describe


class GraphBuilder:
    """Makes the DSL of a graph."""

    @staticmethod
    def generate_dsl(
        nodes: Sequence[Operator], edges: Iterable[tuple[Operator, Operator]], *, schema: Mapping[str, Any] | None = None
    ) -> str:
        """The DSL of nodes that are connected by edges (node, node after it), as JSON text.

        schema: the fields of a request, {"browser": "string?", "age": "float?"}, for a graph that begins with a node which is no
        source; without it they are worked out from the nodes. Raises RtmlError, naming node and cure, for what could not be
        published: an edge to a node that is not among the nodes, a cycle, nodes that hang loose, a graph without a model, a
        node that has not learned or is for authoring.
        """
        graph = _graph(_operators(nodes), edges)
        check(graph)
        return json.dumps(document.write(graph, _fields(graph, schema)), indent=2, ensure_ascii=False) + "\n"


def _operators(nodes: Any) -> list[Operator]:
    if isinstance(nodes, (str, Operator, Mapping)) or not isinstance(nodes, Iterable):
        raise GraphError(f"nodes must be a list of nodes, e.g. [json_node, onnx_node]; got {describe(nodes)}")
    found: list[Operator] = []
    for position, node in enumerate(nodes):
        if isinstance(node, type) and issubclass(node, Operator):
            raise GraphError(f"nodes[{position}] is the class {node.name}: make a node of it, {node.name}(params={{...}})")
        if not isinstance(node, Operator):
            raise GraphError(
                f"nodes[{position}] is no node but {describe(node)}: make it of a class that NodeFactory.discover_nodes() names"
            )
        first = next((number for number, other in enumerate(found) if other is node), None)
        if first is not None:
            raise GraphError(f"nodes[{position}] ({_called(node)}) is nodes[{first}] again: list every node once")
        found.append(node)
    if not found:
        raise GraphError("nodes is empty: list at least a node with a model, e.g. ONNXNode")
    return found


def _graph(nodes: list[Operator], edges: Any) -> Graph:
    """The graph of copies of the nodes, so that a node may be part of several graphs."""
    positions = {id(node): position for position, node in enumerate(nodes)}
    graph = Graph()
    ids = []
    for node in nodes:
        copied = copy.copy(node)
        ids.append(graph.add(copied, _fresh(_name(node), graph.nodes)))
    if isinstance(edges, (str, Mapping)) or not isinstance(edges, Iterable):
        raise GraphError(f"edges must be a list of pairs (node, node after it); got {describe(edges)}")
    for number, edge in enumerate(edges):
        if not isinstance(edge, (tuple, list)) or len(edge) != 2:
            raise GraphError(f"edges[{number}] must be a pair (node, node after it); got {describe(edge)}")
        for end in edge:
            if id(end) not in positions:
                what = _called(end) if isinstance(end, Operator) else describe(end)
                raise GraphError(f"edges[{number}] leads to a node ({what}) that is not in nodes: add it there")
        before, after = (positions[id(end)] for end in edge)
        if before == after:
            raise GraphError(f"edges[{number}] leads from nodes[{before}] ({_called(nodes[before])}) to itself: remove it")
        graph.connect(ids[before], ids[after])
    return graph


def _name(node: Operator) -> str:
    """A name for the node that says what it does: "map_leasing", "onnxnode"."""
    method = getattr(node.params, "import_", None)
    cols = getattr(node.params, "cols", None)
    parts = [method if isinstance(method, str) else node.name, *([cols] if isinstance(cols, str) else list(cols or [])[:3])]
    return re.sub(r"\W+", "_", "_".join(parts)).strip("_").lower()[:60]


def _fresh(name: str, taken: Container[str]) -> str:
    made, number = name, 2
    while made in taken:
        made, number = f"{name}_{number}", number + 1
    return made


def _called(node: Operator) -> str:
    """What a message calls a node: operator, method and columns."""
    method = getattr(node.params, "import_", None)
    cols = getattr(node.params, "cols", None)
    names = [cols] if isinstance(cols, str) else list(cols or [])
    shown = f" of {', '.join(names[:3])}{', ...' if len(names) > 3 else ''}" if names else ""
    return f"{node.name} '{method}'{shown}" if isinstance(method, str) else f"{node.name}{shown}"


def check(graph: Graph) -> None:
    """Raise GraphError or NotFittedError unless the graph could be published, as far as that is seen without compiling it."""
    positions = {name: position for position, name in enumerate(name for name in graph.nodes if name != document.REQUEST)}
    for name in (name for name in graph.order() if name in positions):
        node, place = graph.nodes[name], f"nodes[{positions[name]}] ({_called(graph.nodes[name])})"
        if node.role == "authoring":
            raise GraphError(f"{place} is for authoring, and a request has only rows to score: leave it out of nodes and edges")
        if not node.fitted:
            raise NotFittedError(f"{place} has to learn first: call fit(frame) of the node with the frame that reaches it")
    if not any(_has_model(node) for node in graph.nodes.values()):
        raise GraphError(
            "the graph has no model, so there is nothing to score: end it with an ONNXNode(params={'features': [...], 'model_id':"
            " ...}), or a ScikitLearn that has learned"
        )
    graph.validate()


def _has_model(node: Operator) -> bool:
    inner = node.subgraph()
    return node.role == "model" or (inner is not None and any(_has_model(found) for found in inner.nodes.values()))


def _fields(graph: Graph, schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The schema of what enters the first nodes that are no sources; None when all are sources."""
    graph = with_vocabularies(graph)
    bare = [name for name in graph.nodes if not graph.before(name) and graph.nodes[name].role != "source"]
    if not bare:
        if schema is not None:
            raise GraphError(f"schema must be left out: {graph.label(graph.order()[0])} says what the fields of a request are")
        return None
    return signature_spec(parse_signature(schema if schema is not None else request_fields(graph)))
