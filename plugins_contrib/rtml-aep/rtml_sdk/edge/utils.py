"""EdgeUtils: publish, update, score, list and delete services."""

from rtml_aep.edge import EdgeUtils

__all__ = ["EdgeUtils"]
