"""Methods on a column that came out of a table become a table, whose answers Python gives when compiling."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from rtml_core import operators as op
from rtml_plugins.pandas_ops import Pandas

MAPPING = {"a": "Ab-c", "b": "x=1=2", "c": "", "d": "aa", "e": "12.5", "f": "ǅ"}
#: method, arguments, number of columns that come out
CASES: list[tuple[str, dict[str, Any], int]] = [
    *[(f"str.{name}", {}, 1) for name in ("islower", "isupper", "istitle", "isascii", "len", "upper")],
    ("str.count", {"pat": "[a-z]"}, 1),
    ("str.find", {"sub": "-"}, 1),
    ("str.rfind", {"sub": "a"}, 1),
    ("str.repeat", {"repeats": 2}, 1),
    ("str.join", {"sep": "_"}, 1),
    ("str.slice_replace", {"start": 1, "stop": 2, "repl": "#"}, 1),
    ("str.translate", {"table": {97: "A", 45: None}}, 1),
    ("str.partition", {"sep": "="}, 3),
    ("str.rpartition", {"sep": "="}, 3),
    ("str.rsplit", {"pat": "=", "n": 1, "expand": True}, 2),
    ("str.extract", {"pat": "([a-z])(.)"}, 2),
    ("to_numeric", {"errors": "coerce"}, 1),
]
NAMES = ["x", "y", "z"]


@pytest.mark.parametrize(("name", "arguments", "width"), CASES, ids=lambda value: str(value)[:40])
@pytest.mark.parametrize("kind", ["string", "string?"])
def test_a_method_folds_into_the_table_before_it(name: str, arguments: dict[str, Any], width: int, kind: str) -> None:
    into = NAMES[:width]
    graph = (
        op.Receiver(schema={"s": kind})
        >> Pandas(import_="map", cols="s", kwargs={"arg": MAPPING}, inplace=True)
        >> Pandas(import_=name, cols="s", kwargs=arguments, into=into)
        >> Pandas(import_="filter", cols=into)
    )
    rows = pd.DataFrame({"s": [*MAPPING, "z", "", *([None] if kind.endswith("?") else [])]})
    compiled = graph.compile(rows)  # the gate compares both forms on these rows
    assert compiled.node_count <= 2 * width
