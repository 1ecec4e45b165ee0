"""ONNXNode: rtml's operator of this name."""

from rtml_core import operators

__all__ = ["ONNXNode"]

ONNXNode = operators.ONNXNode
