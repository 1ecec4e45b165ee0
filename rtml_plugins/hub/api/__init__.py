"""The hub's REST API, under /v1."""
