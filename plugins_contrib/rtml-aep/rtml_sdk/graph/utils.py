"""GraphBuilder: nodes and edges as DSL."""

from rtml_aep.graph import GraphBuilder

__all__ = ["GraphBuilder"]
