"""Graphs to be drawn, from a few lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any
from xml.etree.ElementTree import Element

from rtml_core.package import ExplainEntry, FieldEntry, Manifest, OutputEntry, ParityEntry
from rtml_plugins.hub.gallery.steps import Drawn, read


def manifest(explain: ExplainEntry | None = None, fields: Iterable[FieldEntry] = (), **values: Any) -> Manifest:
    """A manifest that says little."""
    made: dict[str, Any] = {
        "format": 1,
        "rtml": "0.1.0",
        "fields": tuple(fields) or (FieldEntry("age", "float", nullable=True),),
        "extra": "ignore",
        "inputs": (),
        "outputs": (OutputEntry("p", "float64", "p"),),
        "checks": (),
        "opsets": {"": 21},
        "ir_version": 10,
        "ops": (),
        "plugins": (),
        "portable": True,
        "parity": ParityEntry(True, 100),
        "digests": {},
        "explain": explain,
    }
    return Manifest(**(made | values))


def node(id: str, operator: str = "Pandas", state: Any = None, plugin: str = "pandas", **params: Any) -> dict[str, Any]:
    """A node of a document; import_ as in Python."""
    named = {name.rstrip("_"): value for name, value in params.items()}
    return {"id": id, "operator": operator, "params": named, "plugin": plugin, "distribution": "rtml", "state": state}


def graph(
    nodes: Iterable[Mapping[str, Any]],
    edges: Iterable[tuple[str, str]] | None = None,
    about: Manifest | None = None,
    outputs: Mapping[str, str] | None = None,
) -> Drawn:
    """A graph of nodes, one after the other unless edges are given."""
    listed = list(nodes)
    ids = [one["id"] for one in listed]
    chain = list(pairwise(ids) if edges is None else edges)
    document = {"rtml": 1, "nodes": listed, "edges": chain, "outputs": outputs}
    return read("0" * 64, json.dumps(document).encode(), about or manifest())


def said(element: Element) -> str:
    """The text in an element, what stands in elements of their own apart."""
    return " ".join(" ".join(element.itertext()).split())
