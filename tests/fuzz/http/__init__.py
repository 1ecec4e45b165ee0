"""Broken HTTP requests over raw sockets against a worker of an edge: `python -m tests.fuzz.http --count 200000`."""
