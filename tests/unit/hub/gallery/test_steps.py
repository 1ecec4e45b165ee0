"""What is read of an authored graph."""

from __future__ import annotations

import json
import threading
from typing import Any

import msgspec
import pytest

from rtml_core.display.layout import NotDrawn
from rtml_core.package import (
    CheckEntry,
    ColumnEntry,
    ExplainEntry,
    FieldEntry,
    LeftOutEntry,
    NodeEntry,
    PluginEntry,
    read_archive,
)
from rtml_plugins.hub.gallery import steps
from rtml_plugins.hub.gallery.steps import Column, Kept, graph_of, read
from tests.unit.hub.gallery import site
from tests.unit.hub.gallery.drawn import graph, manifest, node
from tests.unit.hub.gallery.site import Site


def test_a_real_package_is_read() -> None:
    archive = read_archive(site.package())
    found = read(archive.id, archive.graph, archive.manifest)
    assert [step.label for step in found.steps.values()] == [
        "Receiver",
        "Pandas dt.hour",
        "Pandas fillna",
        "Pandas fillna",
        "OneHotEncoder",
        "ScikitLearn",
    ]
    hour = found.steps["pandas"]
    assert (hour.number, hour.plugin, hour.release) == (2, "pandas", archive.manifest.plugins[2].version)
    assert hour.takes == ["seen_at"]
    assert [(one.name, one.dtype) for one in hour.gives] == [("hour", "int64")]
    assert found.starts == ["receiver"]
    assert found.ends == ["scikit_learn"]
    assert found.told
    assert found.onnx_nodes >= sum(step.onnx_nodes or 0 for step in found.steps.values()) > 0
    assert found.steps["scikit_learn"].digest
    assert [field.name for field in found.fields] == list(site.SCHEMA)


def test_what_the_package_says_of_a_node_stands_at_it() -> None:
    explain = ExplainEntry(
        nodes=(NodeEntry("a", "Pandas div", "pandas", "core", 3), NodeEntry("b", "TitleCase", "lang", "python", 1)),
        columns=(ColumnEntry("a", "ratio", "float64", "explain", "column_1", nullable=True),),
        left_out=(LeftOutEntry("b", ("title",), "it is heavy"),),
    )
    about = manifest(explain, checks=(CheckEntry("a", "no"),), plugins=(PluginEntry("lang", "rtml-lang", "2.0"),))
    found = graph([node("a", import_="div", cols="age"), node("b", "TitleCase", cols="ratio")], about=about)
    a, b = found.steps.values()
    assert (a.kind, a.onnx_nodes, a.portable, a.checks) == ("core", 3, True, ["no"])
    assert (a.takes, a.gives) == (["age"], [Column("ratio", "float64", nullable=True)])
    assert (b.takes, b.gives, b.portable) == (["ratio"], [Column("title", told=False)], False)
    assert (b.plugin, b.release, b.left_out) == ("lang", "2.0", [(("title",), "it is heavy")])


def test_an_old_package_says_less() -> None:
    found = graph([node("a", import_="sub", cols="age", into="left", kwargs={"other": {"column": "born"}})])
    step = found.steps["a"]
    assert not found.told
    assert (step.kind, step.onnx_nodes, step.portable) == ("", None, None)
    assert step.takes == ["age"]
    assert step.gives == [Column("left", told=False)]


def test_columns_are_found_in_formulas_and_not_in_texts_of_other_kinds() -> None:
    fields = [FieldEntry(name, "float") for name in ("age", "km", "upper")]
    found = graph(
        [
            node("a", "FieldOps", ops=[{"set": "km", "to": "age * 2"}]),
            node("b", import_="upper", cols="km", kwargs={"func": {"age": "upper"}, "value": "age"}),
        ],
        about=manifest(fields=fields),
    )
    assert found.steps["a"].takes == ["age"]
    assert found.steps["b"].takes == ["km"]


def test_a_long_parameter_is_known_by_its_digest() -> None:
    one, two = (graph([node("a", model="x" * 200_000 + end, cols="age")]).steps["a"] for end in ("1", "2"))
    assert one.params["model"]["$large"][0] == 200_003
    assert one.params["model"] != two.params["model"]
    assert one.takes == ["age"]


def test_nodes_inside_a_node_are_read() -> None:
    inner = {"rtml": 1, "nodes": [{"id": "fill", "operator": "FillMissing", "params": {"cols": "x"}, "plugin": "encoders"}]}
    explain = ExplainEntry(
        (NodeEntry("part", "Processor", "flow", "its graph", 0), NodeEntry("part/fill", "FillMissing", "encoders", "core", 2))
    )
    found = graph([node("part", "Processor", plugin="flow", graph=inner)], about=manifest(explain))
    (one,) = found.steps["part"].inner
    assert (one.id, one.kind, one.onnx_nodes, one.takes) == ("part/fill", "core", 2, ["x"])


def test_nodes_come_in_the_order_of_execution() -> None:
    nodes = [node("c"), node("a"), node("b")]
    edges = [("a", "b"), ("b", "c")]
    assert list(graph(nodes, edges).steps) == ["a", "b", "c"]
    told = ExplainEntry(tuple(NodeEntry(name, "Pandas") for name in ("b", "a", "c")))
    assert list(graph(nodes, [("a", "c"), ("b", "c")], manifest(told)).steps) == ["b", "a", "c"]
    assert list(graph(nodes, edges, manifest(told)).steps) == ["a", "b", "c"]  # not what it says, which can't be


def test_what_was_learned_is_kept_when_it_is_small() -> None:
    small = graph([node("a", state={"values": {"age": 1.5}})]).steps["a"]
    large = graph([node("a", state={"values": [0.5] * 20_000})]).steps["a"]
    assert small.learned == {"values": {"age": 1.5}}
    assert large.learned is None
    assert large.learned_bytes > steps.MOST_LEARNED
    assert len({small.digest, large.digest}) == 2
    assert graph([node("a")]).steps["a"].digest == ""


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"", "can't be read"),
        (b'{"rtml": 1, "nodes": 3}', "can't be read"),
        (b"\xff\xfe", "can't be read"),
        (b'{"nodes": [], "edges": [], "outputs": ' + b"[" * 100_000, "can't be read"),
        (json.dumps({"nodes": [node("a"), node("a")]}).encode(), "two nodes of one id"),
        (json.dumps({"nodes": [node("a")], "edges": [["a", "b"]]}).encode(), "no such node"),
        (json.dumps({"nodes": [node("a"), node("b")], "edges": [["a", "b"], ["b", "a"]]}).encode(), "cycle"),
        (json.dumps({"nodes": [node(str(number)) for number in range(401)]}).encode(), "401 nodes; up to 400 are shown"),
    ],
)
def test_a_damaged_graph_is_refused_in_words(document: bytes, said: str) -> None:
    with pytest.raises(NotDrawn, match=said):
        read("ab" * 32, document, manifest())


def test_a_graph_is_read_once(gallery: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    version = gallery.hub.get("churn").versions[0]
    context = gallery.app.state.context
    first = graph_of(context, version.package)
    monkeypatch.setattr(steps, "read_archive", lambda *_: pytest.fail("it is read again"))
    assert graph_of(context, version.package) is first


def test_the_least_used_is_forgotten() -> None:
    kept: Kept[int] = Kept(2)
    made: list[str] = []

    def make(key: str) -> int:
        made.append(key)
        return len(made)

    for key in ("a", "b", "a", "c", "a", "b"):
        kept.get(key, lambda key=key: make(key))  # type: ignore[misc]
    assert made == ["a", "b", "c", "b"]


def test_many_threads_may_ask() -> None:
    kept: Kept[Any] = Kept(8)
    wrong: list[BaseException] = []

    def ask() -> None:
        try:
            for number in range(2000):
                assert kept.get(str(number % 13), lambda n=number % 13: n) == number % 13  # type: ignore[misc]
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_nothing_of_a_plugin_is_loaded() -> None:
    """A graph of operators that nobody here has can be looked at."""
    found = graph([node("a", "Nonesuch", plugin="gone", cols="age")])
    assert found.steps["a"].label == "Nonesuch"
    assert msgspec.to_builtins(found.outputs)
