"""Packages with a baseline written by hand, so that tests know every bin."""

from __future__ import annotations

from functools import cache

import msgspec

from rtml_core import operators as op
from rtml_core import package
from rtml_core.baseline import BaselineEntry, ColumnBaseline


def with_baseline(data: bytes, baseline: BaselineEntry) -> bytes:
    """The package with another baseline."""
    archive = package.read_archive(data, explain=True)
    files = {package.MODEL: archive.model, package.GRAPH: archive.graph, package.SAMPLE: archive.sample}
    if archive.explain:
        files[package.EXPLAIN] = archive.explain
    return package.write_archive(msgspec.structs.replace(archive.manifest, baseline=baseline), files)


@cache
def measured_package(number: int) -> bytes:
    """A package that answers {"says": x + number, "word": word, "when": when, "yes": yes} for {"x", "word", "when", "yes"}.

    Bins of x: (-inf, 0], (0, 10], (10, inf); of says those and number more; of word: red, blue, others; of when: until and from
    2024; of yes: false, true, others.
    """
    schema = {"x": "float?", "word": "string?", "when": "timestamp?", "yes": "bool"}
    graph = op.Receiver(schema=schema) >> op.FieldOps(ops=[{"set": "says", "to": f"x + {number}"}])
    word = ColumnBaseline("word", "category", 1, (5, 4, 0), values=("red", "blue"))
    when = ColumnBaseline("when", "time", 0, (5, 5), edges=(1_704_067_200.0,))
    yes = ColumnBaseline("yes", "category", 0, (6, 4, 0), values=("false", "true"))
    x = ColumnBaseline("x", "number", 0, (3, 4, 3), edges=(0.0, 10.0))
    says = ColumnBaseline("says", "number", 0, (3, 4, 3), edges=(0.0 + number, 10.0 + number))
    return with_baseline(graph.compile().data, BaselineEntry(10, (x, word, when, yes), (x, says, word, when, yes)))
