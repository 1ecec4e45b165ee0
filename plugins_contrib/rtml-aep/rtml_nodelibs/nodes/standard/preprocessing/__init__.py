"""Nodes that read requests and prepare features."""
