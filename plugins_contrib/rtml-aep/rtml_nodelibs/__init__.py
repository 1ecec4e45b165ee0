"""The documented nodes: rtml's operators under the documented import paths."""
