"""What a compile gives, as a notebook shows it."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest

from rtml_core import Graph
from rtml_core import operators as op
from rtml_core.errors import CompileError, RtmlError
from tests.unit.core.operators_for_tests import Scale, Source


def test_a_package_shows_what_it_is_and_not_its_bytes() -> None:
    graph: Any = Source(schema={"x": "float"}) >> Scale(col="x", by=2.0)
    compiled = graph.compile()
    assert repr(compiled).startswith(f"<package {compiled.id[:12]}: {compiled.node_count} ONNX nodes, ")
    assert f"{compiled.report.rows} rows, 0 differences" in repr(compiled)
    assert "parity: not checked" in repr(graph.compile(parity=False))


@pytest.mark.parametrize(
    "node",
    [
        lambda: op.Pandas(import_="fillna", cols="s", args=["\ud800"], inplace=True),
        lambda: op.Pandas(import_="str.upper", cols="s", into="\udfff"),
        lambda: op.OneHotEncoder(cols=["s"], categories=["\ud800"]),
    ],
)
def test_half_a_character_in_a_graph_is_refused_in_words(node: Any) -> None:
    graph: Any = op.Receiver(schema={"s": "string?"}) >> node()
    with pytest.raises(CompileError, match="half of a character, which no model holds"):
        graph.compile()


def test_a_column_of_the_sample_that_no_request_can_name_is_refused_in_words() -> None:
    graph = Graph()
    graph.add(op.Pandas(import_="fillna", cols='a"b', kwargs={"value": 0.0}, inplace=True), "fill")
    with pytest.raises(RtmlError, match=r"a field name must hold no quote .* got 'a\"b': rename it"):
        graph.compile(sample=pd.DataFrame({'a"b': [1.0, None]}))


@pytest.mark.parametrize("name", ['o"x', "o\\x", "o\nx"])
def test_an_output_may_have_a_name_that_json_escapes(name: str) -> None:
    graph: Any = Source(schema={"x": "float"}) >> Scale(col="x", by=2.0)
    graph.outputs = {name: "x"}
    runtime = graph.compile().runtime
    assert runtime.score({"x": 3.0}) == {name: 6.0}
    for body in (b'{"x": 3.0}', b'{"rows": [{"x": 3.0}, {"x": 3.0}]}'):
        rows = runtime.json.decode(body)
        assert json.loads(runtime.json.score(rows)) == [{name: 6.0}] * len(rows)
