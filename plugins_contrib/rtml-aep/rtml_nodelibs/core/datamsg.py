"""DataMsg: what flows between nodes, rtml's own."""

from rtml_core import DataMsg

__all__ = ["DataMsg"]
