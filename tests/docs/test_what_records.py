"""The tables of what records say what is so: each line is recorded, or refused with what the table says."""

from __future__ import annotations

import linecache
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import rtml
from rtml_core.errors import RtmlError
from rtml_plugins.pandas_ops import Pandas

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "what-records.md"
_LINE = re.compile(r"^\| `(?P<code>.+)` \| `(?P<then>.+)` \|$")


def lines(heading: str) -> list[tuple[str, str]]:
    """The rows of the table below a heading."""
    section = PAGE.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    found = [match for match in map(_LINE.match, section.splitlines()) if match is not None]
    return [(match["code"], match["then"].replace("\\|", "|")) for match in found]


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "x": [1.5, None, -2.0, 30.0],
            "n": [1, 2, 3, 9],
            "m": [4, 0, 1, 1],
            "k": ["a", "b", "a", "ca"],
            "s": ["a", None, "", "b"],
            "b": [True, False, True, True],
            "at": pd.to_datetime(["2024-01-01 10:00", "2024-02-29 23:59", "2024-06-01 00:00", "2024-12-31 01:02"]),
        }
    )


def record(code: str) -> Any:
    with rtml.record(frame()) as t:
        line = f't["made"] = {code}'
        linecache.cache["what-records.md"] = (len(line), None, [line], "what-records.md")  # functions are read from their source
        exec(compile(line, "what-records.md", "exec"), {"t": t, "np": np, "pd": pd})
    return t.graph


@pytest.mark.parametrize(("code", "wanted"), lines("What becomes a node"))
def test_what_becomes_a_node(code: str, wanted: str) -> None:
    nodes = record(code).nodes.values()
    made = [f"Pandas {node.params.import_}" if isinstance(node, Pandas) else type(node).__name__ for node in nodes]
    assert wanted in made


@pytest.mark.parametrize(("code", "said"), lines("What is refused"))
def test_what_is_refused(code: str, said: str) -> None:
    with pytest.raises(RtmlError) as refused:
        record(code)
    assert said in str(refused.value)


def test_the_tables_are_there() -> None:
    assert len(lines("What becomes a node")) > 20
    assert len(lines("What is refused")) > 10
