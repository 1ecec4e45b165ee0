"""Nodes with models."""
