"""Small packages, compiled for real, each made once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from rtml_core import operators as op
from rtml_core.package import Manifest, read_archive
from rtml_plugins.hub.checking import check
from rtml_plugins.hub.checks import Checked
from rtml_plugins.hub.errors import Refused

SCHEMA = {"age": "float?", "visits": "int"}


@cache
def _made(schema: bytes, fill: float, extra: str, parity: bool) -> bytes:
    source = op.Receiver(schema=msgspec.json.decode(schema), extra=extra)
    graph = source >> op.Pandas(import_="fillna", cols="age", kwargs={"value": fill}, inplace=True)
    return graph.compile(parity=parity).data


def package(number: float = 1.0, *, schema: Mapping[str, Any] = SCHEMA, extra: str = "refuse", parity: bool = True) -> bytes:
    """A package that fills a missing age with `number`; another number is another package of the same signature."""
    return _made(msgspec.json.encode(schema), float(number), extra, parity)


def manifest(data: bytes) -> Manifest:
    return read_archive(data).manifest


def check_here(data: bytes) -> Checked:
    """The check in this process: the same loading without the process around it, which a test of its own is about."""
    outcome = check(data)
    if outcome.manifest is None:
        raise Refused(outcome.refused)
    return Checked(outcome.id, len(data), outcome.manifest)
