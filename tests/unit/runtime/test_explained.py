"""Columns on the way: those that the model still computes are what pandas computes, the others are said to be gone."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pandas as pd
import pytest

from rtml_core import Runtime, package
from rtml_core import operators as op
from rtml_core.errors import PackageError

FRAME = pd.DataFrame(
    {
        "age": [41.0, None, 65.5, 18.0],
        "km": [10.0, 20.5, 0.0, 7.0],
        "seen": pd.to_datetime(["2024-11-04T12:39:40Z", "2026-01-31T23:59:59Z", "2023-02-28T00:00:00Z", "2024-02-29T05:00:00Z"]),
        "brand": ["vw", None, "BMW", "ford"],
    }
)
SCHEMA = {"age": "float?", "km": "float", "seen": "timestamp", "brand": "string?"}


def made() -> tuple[Any, Any]:
    graph = (
        op.Receiver(schema=SCHEMA)
        >> op.FieldOps(ops=[{"set": "per", "to": "km / 7"}, {"set": "old", "to": "age > 40"}, {"set": "twice", "to": "per * 2"}])
        >> op.FillMissing(cols=["age"], strategy="constant", value=30.0)
        >> op.FieldOps(ops=[{"set": "sum", "to": "age + twice"}])
    )
    return graph, graph.compile(FRAME)


def rows_of(runtime: Runtime) -> Any:
    frame = FRAME.assign(seen=FRAME["seen"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).astype(object)
    rows = frame.where(frame.notna(), None).to_dict("records")
    return runtime.json.decode(json.dumps({"rows": rows}).encode())


def test_columns_that_are_kept_are_those_of_pandas_and_each_column_is_kept_or_not() -> None:
    _, compiled = made()
    runtime = Runtime.from_bytes(compiled.data)
    explained = runtime.explained(package.read_archive(compiled.data))
    told = pd.DataFrame(
        [{f"{n}.{c}": v for n, columns in row.items() for c, v in columns.items()} for row in explained.columns(rows_of(runtime))]
    )
    assert sorted(told) == sorted(explained.kept)
    per = FRAME["km"] / 7
    expected = {
        "field_ops.per": per,
        "field_ops.twice": per * 2,
        "field_ops.old": FRAME["age"] > 40,
        "fill_missing.age": FRAME["age"].fillna(30.0),
        "field_ops_2.sum": FRAME["age"].fillna(30.0) + per * 2,
    }
    assert {*explained.kept, *explained.lost} == set(expected)
    assert "field_ops_2.sum" in explained.kept
    for name in explained.kept:
        pd.testing.assert_series_equal(told[name], expected[name].rename(name), check_dtype=False, rtol=1e-12)


def test_a_package_that_says_nothing_of_columns_or_is_another_one_is_refused() -> None:
    _, compiled = made()
    archive = package.read_archive(compiled.data)
    files = {package.MODEL: archive.model, package.GRAPH: archive.graph, package.SAMPLE: archive.sample}
    old = package.write_archive(msgspec.structs.replace(archive.manifest, columns=None), files)
    runtime = Runtime.from_bytes(old)
    with pytest.raises(PackageError, match="says nothing of columns on the way: compile it again"):
        runtime.explained(package.read_archive(old))
    with pytest.raises(PackageError, match="which is loaded"):
        runtime.explained(archive)


@pytest.mark.parametrize("change", [{"dtype": "complex"}, {"tensor": "nowhere"}, {"index": 7}])
def test_a_package_that_says_what_is_not_so_is_refused(change: dict[str, Any]) -> None:
    _, compiled = made()
    archive = package.read_archive(compiled.data)
    files = {package.MODEL: archive.model, package.GRAPH: archive.graph, package.SAMPLE: archive.sample}
    columns = list(archive.manifest.columns or ())
    at = next(at for at, entry in enumerate(columns) if entry.name == "age")
    columns[at] = msgspec.structs.replace(columns[at], **change)
    wrong = package.write_archive(msgspec.structs.replace(archive.manifest, columns=tuple(columns)), files)
    runtime = Runtime.from_bytes(wrong)
    with pytest.raises(PackageError):
        runtime.explained(package.read_archive(wrong)).columns(rows_of(runtime))


def test_columns_that_were_fused_into_one_tensor_are_told_apart() -> None:
    names = ["a", "b", "c", "d"]
    frame = pd.DataFrame({name: [float(at), -2.5 * at, None, 7.0 + at] for at, name in enumerate(names)})
    graph = op.Receiver(schema=dict.fromkeys(names, "float?"))
    graph >>= op.FieldOps(ops=[{"set": name, "to": f"{name} * {at + 2} + {at}"} for at, name in enumerate(names)])
    graph >>= op.FieldOps(ops=[{"set": f"big_{name}", "to": f"{name} > {at}"} for at, name in enumerate(names)])
    graph >>= op.FieldOps(ops=[{"set": "sum", "to": "a + b + c + d"}, {"set": "any", "to": "big_a | big_d"}])
    compiled = graph.compile(frame)
    runtime = Runtime.from_bytes(compiled.data)
    explained = runtime.explained(package.read_archive(compiled.data))
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    told = explained.columns(runtime.json.decode(json.dumps({"rows": rows}).encode()))
    expected = {f"field_ops.{name}": frame[name] * (at + 2) + at for at, name in enumerate(names)}
    expected |= {f"field_ops_2.big_{name}": expected[f"field_ops.{name}"] > at for at, name in enumerate(names)}
    assert len(explained.kept) > 4
    assert {*explained.kept, *explained.lost} == {*expected, "field_ops_3.sum", "field_ops_3.any"}
    for name, values in expected.items():
        node, _, column = name.partition(".")
        if name in explained.kept:
            got = pd.Series([row[node][column] for row in told], name=name)
            pd.testing.assert_series_equal(got, values.rename(name), check_dtype=False, rtol=1e-12)
