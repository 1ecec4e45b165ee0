"""Nodes: finding them, and what flows between them."""
