"""Graph -> package, with requests taken as pandas would take them.

What a request has to hold is what the graph needs. Columns that a JsonToDataframe has only in its sample, and whose values no
output depends on, may be left out; columns that it does not know are passed over. Columns that have only nulls in the sample are
what the nodes say they are. A Receiver, and a schema, say it themselves.
"""

from __future__ import annotations

from typing import Any

from rtml_aep.document import REQUEST
from rtml_aep.fields import request_fields
from rtml_aep.vocabulary import with_vocabularies
from rtml_core import Graph, operators
from rtml_core.columns import signature_spec
from rtml_core.errors import GraphError, RtmlError, listing


def compiled(graph: Graph) -> Any:
    """What Graph.compile gives. Raises RtmlError, with the fields of a request where they were worked out."""
    for name, operator in graph.nodes.items():
        if operator.name == "JsonToDataframe" and operator.params.extra == "refuse":
            _with_params(graph, name, extra="ignore")
    sampled = [
        name for name, operator in graph.nodes.items() if operator.name == "JsonToDataframe" and not operator.params.schema
    ]
    for name in sampled:
        _say_nulls(graph, name)
    graph = with_vocabularies(graph)
    try:
        # what is spare shows in the compiled form; it is proved once, as it is going to be
        manifest = graph.compile(parity=False).manifest
        spare = {entry.name for entry in manifest.fields if entry.tensor is None and not entry.optional and entry.nullable}
        _leave_out(graph, sampled, spare)
        return graph.compile()
    except RtmlError as error:
        if REQUEST in graph.nodes:
            fields = signature_spec(graph.nodes[REQUEST].source_fields() or ())
            shown = listing(f"{name} {kind}" for name, kind in fields.items())
            error.args = (f"{error}. (A request is taken to hold {shown}; generate_dsl(..., schema={{...}}) says otherwise)",)
        raise


def _say_nulls(graph: Graph, name: str) -> None:
    """Columns of a sample that have only nulls: of the kind that the nodes behind it say."""
    operator: Any = graph.nodes[name]
    nulls = [column for column, values in operator.payload.items() if all(value is None for value in values)]
    if not nulls:
        return
    try:
        said = request_fields(with_vocabularies(graph, nulls), nulls)
    except GraphError:  # nobody says it: they stay what JsonToDataframe takes them for
        return
    known = signature_spec(operator.source_fields())
    _with_params(graph, name, schema=known | {column: said[column] for column in nulls if column in said})


def _leave_out(graph: Graph, sampled: list[str], spare: set[str]) -> None:
    """Let requests leave out fields that nobody needs."""
    for name in sampled:
        schema = signature_spec(graph.nodes[name].source_fields())
        mine = [field for field in schema if field in spare]
        if mine:
            _with_params(graph, name, schema=schema | {field: {"type": schema[field], "default": None} for field in mine})


def _with_params(graph: Graph, name: str, **params: object) -> None:
    """Put a JsonToDataframe with other parameters in the place of one."""
    graph.nodes[name] = operators.JsonToDataframe(params={**graph.nodes[name].to_json(), **params}, id=name)
