"""NodeFactory: which nodes there are."""

from __future__ import annotations

from rtml_aep.nodes import discovered


class NodeFactory:
    """Nodes by name."""

    @classmethod
    def discover_nodes(cls) -> dict[str, str]:
        """Class name -> dotted path to import it from, of every node that is installed, in the order of the names."""
        return discovered()
