"""Columns on the way: what the explain model of a package tells of each node is what the node gives."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import onnx
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from rtml_core import Graph, Runtime, on_the_way, package
from rtml_core import operators as op
from rtml_core.compiler import Compiled
from rtml_core.errors import PackageError
from rtml_core.operator import DataMsg
from tests.benchmarks import authored, data, standard

FRAME = pd.DataFrame(
    {
        "age": [41.0, None, 65.5, 18.0],
        "km": [10.0, 20.5, 0.0, 7.0],
        "seen": pd.to_datetime(["2024-11-04T12:39:40Z", "2026-01-31T23:59:59Z", "2023-02-28T00:00:00Z", "2024-02-29T05:00:00Z"]),
        "brand": ["vw", None, "BMW", "ford"],
        "unused": [1.0, 2.0, 3.0, 4.0],
    }
)
SCHEMA = {"age": "float?", "km": "float", "seen": "timestamp", "brand": "string?", "unused": "float"}


def made() -> tuple[Graph, Compiled]:
    """Texts, times, missing values, steps that fold, a step on a field that no output depends on, a column that is dropped."""
    graph = (
        op.Receiver(schema=SCHEMA)
        >> op.FieldOps(
            ops=[{"set": "per", "to": "km / 7"}, {"set": "old", "to": "age > 40"}, {"set": "idle", "to": "unused * 2"}]
        )
        >> op.FillMissing(cols=["age"], strategy="constant", value=30.0)
        >> op.Pandas(import_="dt.hour", cols="seen", into="hour")
        >> op.Pandas(import_="str.upper", cols="brand", inplace=True)
        >> op.Pandas(import_="fillna", cols="brand", kwargs={"value": "??"}, inplace=True)
        >> op.Pandas(import_="map", cols="brand", kwargs={"arg": {"VW": "DE", "BMW": "DE", "FORD": "US"}}, into="country")
        >> op.Pandas(import_="map", cols="country", kwargs={"arg": {"DE": 1.0, "US": 2.0}}, into="code")
        >> op.Pandas(import_="fillna", cols="code", kwargs={"value": 0.0}, inplace=True)
        >> op.FieldOps(ops=[{"set": "sum", "to": "age + per * 2 + hour + code"}])
        >> op.Pandas(import_="filter", kwargs={"items": ["sum"]})
    )
    return graph, graph.compile(FRAME)


def opened(data: bytes) -> tuple[Runtime, Any]:
    runtime = Runtime.from_bytes(data)
    return runtime, runtime.explained(package.read_archive(data, explain=True))


def body_of(frame: pd.DataFrame) -> bytes:
    plain = frame.astype(object)
    for name in frame.columns:
        if frame[name].dtype.kind == "M":
            plain[name] = frame[name].dt.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return json.dumps({"rows": plain.where(frame.notna(), None).to_dict("records")}).encode()


def told_of(runtime: Runtime, explained: Any, body: bytes) -> dict[tuple[str, str], list[Any]]:
    """Every column that is told, by node and name, of all rows."""
    found: dict[tuple[str, str], list[Any]] = {}
    for row in explained.columns(runtime.json.decode(body)):
        assert [(node["node"], node["operator"]) for node in row] == [(n.node, n.operator) for n in explained.nodes]
        for node in row:
            for name, value in node["columns"].items():
                found.setdefault((node["node"], name), []).append(value)
    return found


def assert_as_authored(told: dict[tuple[str, str], list[Any]], messages: dict[str, DataMsg], rtol: float = 0.0) -> None:
    for (node, name), values in told.items():
        series = messages[node].data[name]
        assert len(series) == len(values)
        for value, expected in zip(values, series, strict=True):
            if pd.isna(expected):
                assert value is None, (node, name)
            elif isinstance(expected, pd.Timestamp):
                assert pd.Timestamp(value).tz_localize(None) == expected.tz_localize(None), (node, name)
            elif isinstance(expected, str):
                assert value == expected, (node, name)
            else:
                assert np.isclose(value, float(expected), rtol=rtol, atol=0.0), (node, name)


def test_every_column_of_every_node_is_told_as_the_node_gives_it() -> None:
    graph, compiled = made()
    runtime, explained = opened(compiled.data)
    told = told_of(runtime, explained, body_of(FRAME))
    new = ["per", "old", "age", "hour", "brand", "brand", "country", "code", "code", "sum"]
    assert [name for _, name in told] == new
    assert_as_authored(told, graph.process(FRAME))
    assert [(entry.node, entry.columns) for entry in explained.left_out] == [("field_ops", ("idle",))]
    assert "a field that no output depends on" in explained.left_out[0].why
    assert [node.operator for node in explained.nodes][:4] == ["Receiver", "FieldOps", "FillMissing", "Pandas dt.hour"]
    assert explained.columns([]) == []


def test_all_columns_of_the_standard_pipeline_are_told() -> None:
    train = data.rows(400, seed=1)
    graph = authored.graph(5).fit(standard.typed(train.assign(bought=data.bought(train, seed=2))))
    rows = standard.typed(data.rows(100, seed=3))
    compiled = graph.compile(rows)
    runtime, explained = opened(compiled.data)
    told = told_of(runtime, explained, json.dumps({"rows": standard.raw_rows(data.rows(100, seed=3))}).encode())
    assert (len(told), explained.left_out) == (46, ())
    assert_as_authored(told, graph.process(rows), rtol=1e-12)


def test_columns_that_were_fused_into_one_tensor_are_told_apart() -> None:
    names = ["a", "b", "c", "d"]
    frame = pd.DataFrame({name: [float(at), -2.5 * at, None, 7.0 + at] for at, name in enumerate(names)})
    graph = op.Receiver(schema=dict.fromkeys(names, "float?"))
    graph >>= op.FieldOps(ops=[{"set": name, "to": f"{name} * {at + 2} + {at}"} for at, name in enumerate(names)])
    graph >>= op.FieldOps(ops=[{"set": f"big_{name}", "to": f"{name} > {at}"} for at, name in enumerate(names)])
    graph >>= op.FieldOps(ops=[{"set": "sum", "to": "a + b + c + d"}, {"set": "any", "to": "big_a | big_d"}])
    runtime, explained = opened(graph.compile(frame).data)
    told = told_of(runtime, explained, body_of(frame))
    assert (len(told), explained.left_out) == (10, ())
    assert_as_authored(told, graph.process(frame))


def test_what_stands_behind_a_large_model_is_left_out_and_its_answer_is_told() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(600, 4)), columns=list("abcd"))
    frame["y"] = (rng.normal(size=600) + frame["a"] > 0).astype(int)
    forest = op.ScikitLearn(
        model=RandomForestClassifier(n_estimators=60, random_state=0),
        features=list("abcd"),
        label="y",
        outputs={"p": "probability[1]", "q": "probability[0]"},
    )
    graph = op.Receiver(schema=dict.fromkeys("abcd", "float")) >> op.FieldOps(ops=[{"set": "a", "to": "a * 2"}]) >> forest
    graph.outputs = {"p": "p"}
    graph.fit(frame)
    compiled = graph.compile(frame.drop(columns="y"))
    runtime, explained = opened(compiled.data)
    rows = frame.drop(columns="y").head(20)
    told = told_of(runtime, explained, body_of(rows))
    assert sorted(told) == [("field_ops", "a"), ("scikit_learn", "p")]
    assert_as_authored(told, graph.process(rows), rtol=1e-9)
    (left,) = explained.left_out
    assert (left.node, left.columns) == ("scikit_learn", ("q",))
    assert "bytes stand behind it" in left.why
    archive = package.read_archive(compiled.data, explain=True)
    assert len(archive.explain) < 2_000 < 100_000 < len(archive.model)


def test_code_of_a_plugin_that_only_a_dropped_column_needs_is_not_asked_for() -> None:
    frame = pd.DataFrame({"text": ["a b", "C"], "x": [1.0, 2.0]})
    graph = op.Receiver(schema={"text": "string", "x": "float"}) >> op.Pandas(import_="str.title", cols="text", into="title")
    graph >>= op.Pandas(import_="str.len", cols="text", into="n")
    graph >>= op.FieldOps(ops=[{"set": "y", "to": "x + n"}])
    graph.outputs = {"y": "y"}
    runtime, explained = opened(graph.compile(frame, portable=True).data)
    assert [(entry.columns, entry.why) for entry in explained.left_out] == [
        (("title",), "it needs code of a plugin that the outputs do not need")
    ]
    told = told_of(runtime, explained, body_of(frame))
    assert [name for _, name in told] == ["n", "y"]
    assert_as_authored(told, graph.process(frame))


def test_a_column_that_differs_from_the_authored_one_is_left_out_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, compiled = made()
    build = on_the_way.build

    def wrong(*given: Any) -> on_the_way.OnTheWay:
        """`per` where `sum` stands: an explain model that does not say what the graph does."""
        told = build(*given)
        places = {entry.name: entry for entry in told.entry.columns if entry.at == "explain"}
        columns = tuple(
            msgspec.structs.replace(entry, tensor=places["per"].tensor, index=places["per"].index)
            if entry.name == "hour"
            else entry
            for entry in told.entry.columns
        )
        told.entry = msgspec.structs.replace(told.entry, columns=columns)
        return told

    monkeypatch.setattr(on_the_way, "build", wrong)
    other = graph.compile(FRAME)
    (said,) = [entry for entry in other.manifest.explain.left_out if entry.columns == ("hour",)]  # type: ignore[union-attr]
    assert said.why.startswith("it differs from the authored graph in ")
    assert said.why.endswith("(sample)")
    monkeypatch.undo()
    assert graph.compile(FRAME).id == compiled.id


def test_the_explain_model_is_read_when_it_is_asked_for() -> None:
    _, compiled = made()
    archive = package.read_archive(compiled.data)
    assert archive.explain == b""
    runtime = Runtime.from_bytes(compiled.data)
    with pytest.raises(PackageError, match="read it with explain=True"):
        runtime.explained(archive)


def files_of(archive: package.Archive) -> dict[str, bytes]:
    return {
        package.MODEL: archive.model,
        package.GRAPH: archive.graph,
        package.SAMPLE: archive.sample,
        package.EXPLAIN: archive.explain,
    }


def test_a_package_that_says_nothing_of_columns_or_is_another_one_is_refused() -> None:
    _, compiled = made()
    archive = package.read_archive(compiled.data, explain=True)
    files = {n: d for n, d in files_of(archive).items() if n != package.EXPLAIN}
    old = package.write_archive(msgspec.structs.replace(archive.manifest, explain=None), files)
    runtime = Runtime.from_bytes(old)
    assert runtime.manifest.explain is None
    with pytest.raises(PackageError, match="says nothing of columns on the way: compile it again"):
        runtime.explained(package.read_archive(old, explain=True))
    with pytest.raises(PackageError, match="which is loaded"):
        runtime.explained(archive)
    orphan = package.write_archive(msgspec.structs.replace(archive.manifest, explain=None), files_of(archive))
    with pytest.raises(PackageError, match=r"explain\.onnx is there and its manifest says nothing of it"):
        Runtime.from_bytes(orphan)


def test_without_its_explain_model_a_package_still_tells_of_its_nodes() -> None:
    _, compiled = made()
    archive = package.read_archive(compiled.data, explain=True)
    assert archive.manifest.explain is not None
    assert archive.manifest.explain.ops
    bare = package.write_archive(archive.manifest, {n: d for n, d in files_of(archive).items() if n != package.EXPLAIN})
    runtime = Runtime.from_bytes(bare)
    said = runtime.manifest.explain
    assert said is not None
    assert said.ops == ()
    assert said.nodes == archive.manifest.explain.nodes
    assert all(column.at != "explain" for column in said.columns)
    gone = {name for entry in said.left_out if "left out of the package" in entry.why for name in entry.columns}
    assert gone == {column.name for column in archive.manifest.explain.columns if column.at == "explain"}
    (told,) = runtime.explained(package.read_archive(bare, explain=True)).columns(runtime.json.decode(body_of(FRAME.head(1))))
    assert [node["node"] for node in told] == [node.node for node in said.nodes]


@pytest.mark.parametrize(
    "change", [{"dtype": "complex"}, {"tensor": "nowhere"}, {"index": 7}, {"at": "elsewhere"}, {"node": "?"}]
)
def test_a_package_that_says_what_is_not_so_is_refused(change: dict[str, Any]) -> None:
    _, compiled = made()
    archive = package.read_archive(compiled.data, explain=True)
    entry = archive.manifest.explain
    assert entry is not None
    columns = list(entry.columns)
    at = next(at for at, column in enumerate(columns) if column.name == "age")
    columns[at] = msgspec.structs.replace(columns[at], **change)
    said = msgspec.structs.replace(entry, columns=tuple(columns))
    wrong = package.write_archive(msgspec.structs.replace(archive.manifest, explain=said), files_of(archive))
    runtime = Runtime.from_bytes(wrong)
    with pytest.raises(PackageError, match="is not what its manifest says"):
        runtime.explained(package.read_archive(wrong, explain=True)).columns(runtime.json.decode(body_of(FRAME)))


def test_an_explain_model_is_guarded_as_the_model_is() -> None:
    _, compiled = made()
    archive = package.read_archive(compiled.data, explain=True)
    model = onnx.load_from_string(archive.explain)
    model.graph.node[0].op_type = "If"
    bad = package.write_archive(archive.manifest, {**files_of(archive), package.EXPLAIN: model.SerializeToString()})
    runtime = Runtime.from_bytes(bad)
    with pytest.raises(PackageError, match="the explain model of the package holds control flow"):
        runtime.explained(package.read_archive(bad, explain=True))
