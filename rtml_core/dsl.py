"""The DSL: a graph as documented, versioned JSON. Edges go by stable node ids. See docs/reference/dsl."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from rtml_core.errors import DslError, RtmlError, UnknownNameError, close_match, describe
from rtml_core.graph import Graph
from rtml_core.operator import Operator
from rtml_core.plugins import plugins
from rtml_core.registry import IN_DEVELOPMENT, Registry

#: version of the document format that this rtml writes; it reads this one and older
DSL_VERSION: Final = 1


class NodeDocument(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A node: `operator` by name, its parameters, its fitted state; who brought the operator when it was written."""

    id: str
    operator: str
    params: dict[str, Any] = {}
    state: dict[str, Any] | None = None
    version: str = "1"
    plugin: str | None = None
    distribution: str | None = None


class GraphDocument(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A graph: format version, nodes, edges [from, to], and optionally which columns are its outputs."""

    rtml: int
    nodes: list[NodeDocument]
    edges: list[tuple[str, str]] = []
    outputs: dict[str, str] | None = None


def to_dsl(graph: Graph) -> dict[str, Any]:
    """The document of a graph, as JSON values in a stable order. Raises DslError naming a value that is not JSON."""
    registry = plugins().registry
    nodes = [_node_document(name, operator, registry) for name, operator in graph.nodes.items()]
    document = GraphDocument(DSL_VERSION, nodes, list(graph.edges), graph.outputs)
    values: dict[str, Any] = {"rtml": DSL_VERSION, **msgspec.to_builtins(document)}
    return values


def dumps(graph: Graph) -> str:
    """The document as indented JSON text."""
    return json.dumps(to_dsl(graph), indent=2, ensure_ascii=False) + "\n"


def _node_document(name: str, operator: Operator, registry: Registry) -> NodeDocument:
    origin = registry.origin_of(operator)
    params = operator.to_json()
    for what, value in (("parameter", params), ("state", operator.state or {})):
        for key, item in value.items():
            _require_json(item, f"node '{name}' ({operator.name}): {what} '{key}'")
    return NodeDocument(
        id=name,
        operator=operator.name,
        params=params,
        state=operator.state,
        version=operator.version,
        plugin=origin.plugin if origin else None,
        distribution=origin.distribution if origin else None,
    )


def _require_json(value: Any, where: str) -> None:
    try:
        json.dumps(msgspec.to_builtins(value), allow_nan=True)
    except (TypeError, ValueError):
        raise DslError(f"{where} must be a JSON value to be written to the DSL; got {describe(value)}") from None


def from_dsl(document: Any) -> Graph:
    """The graph of a document (text, bytes or parsed JSON).

    Raises DslError naming the place: broken JSON, a newer version, an unknown operator (with the plugin that used to
    bring it), an edge to a node that is not there, a parameter that does not validate.
    """
    parsed = _parse(document)
    graph = Graph(outputs=parsed.outputs)
    for node in parsed.nodes:
        if node.id in graph.nodes:
            raise DslError(f"the node id '{node.id}' is used twice; every node needs its own")
        graph.add(_operator(node), node.id)
    for before, after in parsed.edges:
        for end in (before, after):
            if end not in graph.nodes:
                raise DslError(f"edge [{before!r}, {after!r}]: there is no node '{end}'.{close_match(end, graph.nodes)}")
        graph.connect(before, after)
    return graph


def _parse(document: Any) -> GraphDocument:
    if isinstance(document, (str, bytes)):
        try:
            document = json.loads(document)
        except ValueError as error:
            raise DslError(f"the DSL is not JSON: {error}") from None
        except RecursionError:
            raise DslError("the DSL is not JSON that can be read: it is nested too deep") from None
    if not isinstance(document, Mapping) or "rtml" not in document:
        raise DslError('the DSL must be an object with "rtml": 1, "nodes" and "edges"')
    version = document["rtml"]
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise DslError(f'"rtml" must be the format version, a whole number from 1; got {describe(version)}')
    if version > DSL_VERSION:
        raise DslError(f"the DSL has format version {version}; this rtml reads up to {DSL_VERSION}: upgrade rtml")
    try:
        return msgspec.convert(dict(document), GraphDocument)
    except msgspec.ValidationError as error:
        raise DslError(f"the DSL does not fit its format: {error}. `rtml schema` prints the JSON Schema") from None


def _operator(node: NodeDocument) -> Operator:
    known = plugins()
    try:
        cls = known.registry[node.operator]
    except UnknownNameError as error:
        brought = ""
        if node.distribution == IN_DEVELOPMENT:
            brought = " It was written in a notebook: run the cell that defines it (%%rtml_operator), or install its plugin."
        elif node.plugin and node.distribution and node.distribution != "rtml":
            brought = f" It was brought by plugin '{node.plugin}' of {node.distribution}: pip install {node.distribution}."
        raise DslError(f"node '{node.id}': {error}.{brought}{known.broken_bringing()}") from None
    if node.version != cls.version:
        raise DslError(
            f"node '{node.id}': written for {node.operator} version {node.version}; installed is version {cls.version}. Install"
            f" the matching version of {node.distribution or 'its plugin'}, or author the node again"
        )
    try:
        operator = cls(node.params, id=node.id)
    except RtmlError as error:
        raise DslError(f"node '{node.id}': {error}") from error
    operator.state = node.state
    return operator


def json_schema() -> dict[str, Any]:
    """JSON Schema of the document (format only; parameters are the operators' own, see `rtml operators show`)."""
    schema: dict[str, Any] = msgspec.json.schema(GraphDocument)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "rtml graph", **schema}
