"""The documented DSL: rtml's own nodes inside, links by position, so that a node may be given another id.

    {"edge": {"applicationDsl": {
        "rtml": 1,
        "nodes": [{"id": "6f0c...", "name": "json_to_dataframe", "operator": "JsonToDataframe", "params": {...}}, ...],
        "edges": [[0, 1], [1, 2]],
        "fields": {"browser": "string?"}}}}

`id` is a UUID made of the name. One that was changed takes the place of the name in the graph, which makes it another version.
`fields` is there when a first node is no source: a Receiver with them is put before it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any, Final

from rtml_core import Graph, operators
from rtml_core.errors import DslError, describe

_NAMESPACE: Final = uuid.UUID("5c1d9f6c-6b0e-5f0a-9f63-0d0c1a3f7e21")
#: the name of the Receiver before a graph that has no source
REQUEST: Final = "request"
_FORM: Final = '{"edge": {"applicationDsl": {"nodes": [...], "edges": [[0, 1], ...]}}}'


def node_id(name: str) -> str:
    """The id of a node that nobody changed."""
    return str(uuid.uuid5(_NAMESPACE, name))


def write(graph: Graph, fields: Mapping[str, Any] | None) -> dict[str, Any]:
    """The document of a graph. fields: the schema of requests where no source says it."""
    plain = graph.to_dsl()
    positions = {name: position for position, name in enumerate(graph.nodes)}
    nodes = [{"id": node_id(node["id"]), "name": node["id"], **_without(_served(node), "id")} for node in plain["nodes"]]
    edges = [[positions[before], positions[after]] for before, after in graph.edges]
    application: dict[str, Any] = {"rtml": plain["rtml"], "nodes": nodes, "edges": edges}
    if fields is not None:
        application["fields"] = dict(fields)
    return {"edge": {"applicationDsl": application}}


def _served(node: dict[str, Any]) -> dict[str, Any]:
    """A node without what it was trained by: one that has learned writes no file when it is served."""
    if node["operator"] != "ScikitLearn" or node.get("state") is None:
        return node
    return {**node, "params": _without(node["params"], "mode", "model_path")}


def read(dsl: Any) -> tuple[Graph, dict[str, Any]]:
    """The graph of a document (text or parsed JSON), ready to be compiled, and the document as it was read. Raises DslError."""
    parsed = _parsed(dsl)
    application = parsed["edge"]["applicationDsl"]
    nodes: list[Any] = application.get("nodes") or []
    names = _names(nodes)
    inner = {
        "rtml": application.get("rtml", 1),
        "nodes": [{"id": name, **_without(node, "id", "name")} for name, node in zip(names, nodes, strict=True)],
        "edges": [[names[end] for end in edge] for edge in _edges(application.get("edges", []), len(nodes))],
    }
    graph = Graph.from_dsl(inner)
    fields = application.get("fields")
    if fields is not None:
        graph = _with_receiver(graph, fields)
    return graph, parsed


def _parsed(dsl: Any) -> dict[str, Any]:
    if isinstance(dsl, (str, bytes)):
        try:
            dsl = json.loads(dsl)
        except (ValueError, RecursionError) as error:
            raise DslError(f"the DSL is not JSON: {error}. Give the text that GraphBuilder.generate_dsl returns") from None
    edge = dsl.get("edge") if isinstance(dsl, Mapping) else None
    application = edge.get("applicationDsl") if isinstance(edge, Mapping) else None
    if not isinstance(application, Mapping) or not isinstance(application.get("nodes"), list):
        raise DslError(f"the DSL must be what GraphBuilder.generate_dsl returns, {_FORM}; got {describe(dsl)}")
    return dict(dsl)


def _names(nodes: list[Any]) -> list[str]:
    """The ids of nodes in rtml's graph: the name, or the id where it was changed. DslError for one that is there twice."""
    found: dict[str, int] = {}
    for position, node in enumerate(nodes):
        if not isinstance(node, Mapping) or not isinstance(node.get("id"), str) or not node["id"]:
            raise DslError(f'nodes[{position}] must be an object with an "id", a text; got {describe(node)}')
        name = node.get("name")
        chosen = name if isinstance(name, str) and node["id"] == node_id(name) else node["id"]
        if chosen in found:
            raise DslError(f"nodes[{found[chosen]}] and nodes[{position}] have the same id '{node['id']}': give one another id")
        found[chosen] = position
    return list(found)


def _edges(edges: Any, count: int) -> list[tuple[int, int]]:
    if not isinstance(edges, list):
        raise DslError(f'"edges" must be a list of pairs of positions in nodes, [[0, 1], ...]; got {describe(edges)}')
    found: list[tuple[int, int]] = []
    for number, edge in enumerate(edges):
        ends = edge if isinstance(edge, list) else []
        if len(ends) != 2 or not all(isinstance(end, int) and not isinstance(end, bool) and 0 <= end < count for end in ends):
            raise DslError(f"edges[{number}] must be two positions in nodes, from 0 to {count - 1}; got {describe(edge)}")
        found.append((ends[0], ends[1]))
    return found


def _with_receiver(graph: Graph, fields: Any) -> Graph:
    """The graph with a source before the first nodes that are none; other columns of a request are passed over."""
    bare = [name for name in graph.nodes if not graph.before(name) and graph.nodes[name].role != "source"]
    made = Graph()
    if bare:
        made.add(operators.Receiver(schema=fields, extra="ignore"), REQUEST)
    for name, operator in graph.nodes.items():
        made.add(operator, name)
    for first in bare:
        made.connect(REQUEST, first)
    for before, after in graph.edges:
        made.connect(before, after)
    return made


def _without(node: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in node.items() if key not in keys}
