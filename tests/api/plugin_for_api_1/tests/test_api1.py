"""The plugin's own tests, with what plugin API 1 ships for them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rtml_api1
from rtml_api1 import custom, library

from rtml_core import Graph, Operator, Runtime
from rtml_core import operators as op
from rtml_core.errors import ColumnError, CompileError, NotFittedError, NotLowerableError, ParamError, RtmlError
from rtml_core.testing import (
    assert_custom_op,
    assert_parity,
    assert_refuses,
    assert_row_wise,
    assert_schema,
    build_graph,
    compiled,
    frame,
    isolated_plugins,
)

NUMBERS = frame(a="float?", b="float?", rows=120)
TEXTS = pd.DataFrame({"s": ["DE", "us", "", "x y", None], "t": ["a", "bc", "", None, "DE"]})
WHOLE = pd.DataFrame({"s": ["DE", "us", "", "x y"]})


@pytest.fixture(autouse=True)
def plugin(rtml_plugins: Any) -> Any:
    return rtml_plugins.register(rtml_api1, "api1", distribution="rtml-api1", version="1.0")


def test_all_of_it_is_listed(plugin: Any, rtml_cli: Any) -> None:
    assert (plugin.state, plugin.api, plugin.error) == ("ok", 1, "")
    shown = rtml_cli("plugins", "show", "api1", "--json").json
    assert len(shown["operators"]) == 18
    assert (shown["boundaries"], shown["profile_stores"]) == (["Api1Keys", "Api1Wrap"], ["api1"])
    assert shown["commands"] == ["api1-greet"]
    assert "api1-greet" in rtml_cli("--help").out
    assert "rtml-api1" in rtml_cli("operators", "show", "Api1Span").out
    assert "example.api1:turn" in rtml_cli("custom-ops", "list").out


def test_its_command_reads_its_settings(rtml_cli: Any, rtml_environment: pytest.MonkeyPatch) -> None:
    rtml_environment.setenv("RTML_PLUGIN_API1_TIMES", "2")
    assert rtml_cli("api1-greet", "you").out == "hello you\nhello you\n"


def limited() -> Operator:
    return op.Api1Limit(cols=["a", "b"]).fit(pd.DataFrame({"a": [0.0, 1.0], "b": [-1.0, 1e6]}))


def test_its_operators_on_numbers_are_exact() -> None:
    for node in (op.Api1Span(a="a", b="b"), op.Api1Span({"a": "a", "b": "b", "lambda": 2.0, "rounding": "down"}), limited()):
        assert assert_parity(node, NUMBERS) >= 1
        assert_row_wise(node, NUMBERS)
    for node in (op.Api1Halve(col="a"), op.Api1Grafted(col="a")):
        assert_parity(node, NUMBERS)
    small = frame(a={"type": "float?", "min": -2e6, "max": 2e6}, around={"a": [0.0]})
    assert_parity(op.Api1Sign(col="a"), small)
    assert_parity(op.Api1Sign(col="a"), small.dropna())
    assert_schema(op.Api1Sign(col="a", limit=2.0), small[small["a"].abs() < 1e6], {"above": "bool?"}, nullable=True)
    assert_parity(op.Api1Below(cols=["a", "b"]), frame(a="float", b="int", c="string"))


def test_its_examples_can_be_made() -> None:
    assert [node.to_json() for node in op.Api1Span.examples()] == [{"a": "x", "b": "y"}]
    assert not op.Api1Limit.examples()


def test_its_operators_on_texts_are_exact() -> None:
    region = op.Api1Region(col="s", regions={"US": "America", "DE": "Europe"})
    assert assert_parity(region, TEXTS) == 1
    assert region.to_json()["regions"] == {"DE": "Europe", "US": "America"}
    assert_parity(op.Api1Rank(col="s", words=["us", "DE"]), TEXTS)
    assert_parity(op.Api1Code(col="s", word="us"), WHOLE)
    assert_parity(op.Api1Upper(col="s"), TEXTS)
    assert_parity(op.Api1Turn(cols=["s"]), TEXTS)
    assert_parity(op.Api1Turn(cols=["s", "t"], times=3), frame(s="string?", t="string"))


def test_what_it_cannot_do_is_refused() -> None:
    assert_refuses(op.Api1Below(cols=["a", "b"]), NUMBERS, "never missing; fill them before")
    assert_refuses(op.Api1Region(col="a", regions={"x": "y"}), NUMBERS, "a column of strings")
    assert_refuses(op.Api1Sorted(by="a"), NUMBERS)
    with pytest.raises(ColumnError):
        op.Api1Below(cols=["a"]).process(NUMBERS)
    with pytest.raises(NotFittedError):
        assert_parity(op.Api1Limit(cols=["a"]), NUMBERS)
    with pytest.raises(CompileError):
        compiled(op.Api1Sorted(by="a"), NUMBERS)
    assert issubclass(NotLowerableError, RtmlError)


def test_parameters_are_read_as_they_always_were() -> None:
    node = op.Api1Span(params={"a": "x", "b": "y", "lambda": 2})
    assert (node.params.lambda_, node.params.into) == (2.0, "span")
    assert node.to_json() == {"a": "x", "b": "y", "lambda": 2.0}
    for wrong, named in (
        ({"a": "x"}, "'b'"),
        ({"a": 1, "b": "y"}, "'a'"),
        ({"a": "x", "b": "y", "c": 1}, "'c'"),
        ({"a": "x", "b": "y", "lambda": "two"}, "'lambda'"),
        ({"a": "x", "b": "y", "lambda": -1.0}, "'lambda'"),
        ({"a": "x", "b": "y", "rounding": "up"}, "'rounding'"),
    ):
        with pytest.raises(ParamError) as failure:
            op.Api1Span(wrong)
        assert named in str(failure.value)


def test_messages_and_inner_graphs() -> None:
    message = (op.Api1Tag(model_id="m") >> op.Api1Only(cols=["a"])).process(NUMBERS)["api1_tag"]
    assert message.model == {"model_id": "m"}
    near = NUMBERS[(NUMBERS.isna() | (NUMBERS.abs() < 1e5)).all(axis=1)].reset_index(drop=True)
    inside = op.Api1Inside(a="a", b="b")
    assert set(inside.process(near).inner) == {"span", "sign"}
    assert_parity(inside, near)
    assert op.Api1Sorted(by="a").process(pd.DataFrame({"a": [2.0, 1.0]})).data["a"].tolist() == [1.0, 2.0]


def test_its_custom_operators_do_what_their_references_do() -> None:
    assert assert_custom_op(custom.TURN, {"times": 1}) > 0
    assert assert_custom_op(custom.HALVE) > 0


def test_a_graph_of_it_is_kept_compiled_and_scored(tmp_path: Any) -> None:
    graph = (
        op.Api1Rows(schema={"a": "float?", "b": "float?", "s": "string?"})
        >> op.Api1Span(a="a", b="b")
        >> op.Api1Turn(cols=["s"])
        >> op.Api1Only(cols=["span", "s"])
    )
    again = Graph.from_dsl(json.loads(json.dumps(graph.to_dsl())))
    made = again.compile(NUMBERS.assign(s="abc"))
    assert made.score({"a": 3.0, "b": 4.0, "s": "abc"}) == {"span": 5.0, "s": "cba"}
    made.save(tmp_path / "m.rtml")
    runtime = Runtime.from_file(tmp_path / "m.rtml", trust=["rtml-api1"])
    assert runtime.score([{"a": None, "b": 4.0, "s": None}]) == [{"span": None, "s": None}]
    assert compiled(op.Api1Halve(col="a"), NUMBERS).manifest.portable
    assert list(build_graph(op.Api1Halve(col="a"), NUMBERS).nodes) == ["receiver", "api1_halve"]


def test_its_estimators_are_kept_and_compiled() -> None:
    rows = pd.DataFrame({"a": np.linspace(0.5, 9.5, 30), "b": np.linspace(1.0, 2.0, 30) ** 2})
    for name in ("Saturate", "Above"):
        node = op.ScikitLearn(model=getattr(library, name)(), features=["a", "b"]).fit(rows)
        state = json.loads(json.dumps(node.state))
        again = op.ScikitLearn(node.to_json())
        again.state = state
        pd.testing.assert_frame_equal(again.process(rows).data, node.process(rows).data)
        assert_parity(again, rows, nullable=False)


def test_a_clean_registry_has_none_of_it() -> None:
    with isolated_plugins() as clean:
        assert "Api1Span" not in clean.registry
    assert "Api1Span" in dir(op)


def test_requests_are_read_and_answers_shaped() -> None:
    graph = op.Api1Rows(schema={"a": "float"}) >> op.Api1Keys(names=["b"]) >> op.Api1Wrap()
    package = graph.compile(sample=frame(a="float", b="float?", rows=20))
    runtime = Runtime.from_bytes(package.data, trust=["rtml-api1"])
    assert runtime.score_request({"a": 1, "event": {"b": 2.5, "c": 3}}) == [{"wrapped": {"a": 1.0, "b": 2.5}}]
    assert runtime.score({"a": 1, "b": None}) == {"a": 1.0, "b": None}
