"""Nodes by kind."""
