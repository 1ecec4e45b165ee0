"""Processor: rtml's operator of this name."""

from rtml_core import operators

__all__ = ["Processor"]

Processor = operators.Processor
