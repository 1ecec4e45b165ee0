"""Baselines: every row of the sample is counted once, in the bin in which an edge would count it, and no rare text is kept."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core import Runtime, package
from rtml_core import operators as op
from rtml_core.baseline import MOST_BINS, MOST_VALUES, BaselineEntry, Binning, ColumnBaseline
from rtml_core.baseline_of import FEWEST, MOST_DECLARED, MOST_ROWS, chosen, of_numbers, of_texts, of_times
from rtml_core.compiler import Compiled
from rtml_core.errors import CompileError, PackageError, RtmlError


def compiled(frame: pd.DataFrame, schema: dict[str, Any], *more: Any, **options: Any) -> Compiled:
    graph: Any = op.Receiver(schema=schema) >> op.Pandas(import_="mul", cols="a", kwargs={"other": 2.0}, into="double")
    for node in more:
        graph = graph >> node
    return graph.compile(frame, **{"parity": False, **options})


def of(made: Compiled) -> BaselineEntry:
    found = package.read_archive(made.data).manifest.baseline
    assert found is not None
    return found


def held(column: ColumnBaseline, values: list[Any]) -> None:
    """Its counts are those of Binning.bin_of, JSON holds it, and its edges rise."""
    there = [value for value in values if value is not None]
    binning = Binning(column)
    counts = [0] * binning.bins
    for value in there:
        counts[binning.bin_of(value)] += 1
    assert tuple(counts) == column.counts
    assert column.rows == len(values)
    assert column.missing == len(values) - len(there)
    assert list(column.edges) == sorted(set(column.edges))
    assert all(map(math.isfinite, (*column.edges, *column.quantiles)))
    assert msgspec.json.decode(msgspec.json.encode(column), type=ColumnBaseline) == column


few = st.sampled_from([0.0, -0.0, 1.0, 2.0, 1e308, -1e308, 5e-324])
numbers = st.lists(st.one_of(st.none(), few, st.floats(allow_nan=False)), max_size=60)


@given(numbers)
@settings(max_examples=150, deadline=None)
def test_numbers_are_counted_where_an_edge_counts_them(values: list[float | None]) -> None:
    column = of_numbers("x", np.array([math.nan if value is None else value for value in values], np.float64))
    held(column, values)
    assert len(column.counts) <= MOST_BINS
    finite = sorted(value for value in values if value is not None and math.isfinite(value))
    assert (column.quantiles[:1], column.quantiles[-1:]) == (tuple(finite[:1]), tuple(finite[-1:]))
    if 2 <= len({*finite}) <= MOST_BINS:  # each of few values has a bin of its own
        assert len({Binning(column).bin_of(value) for value in finite}) == len({*finite}) == len(column.counts)


@given(st.lists(st.one_of(st.integers(-3, 3), st.integers(-(2**63) + 1, 2**63 - 1), st.integers(2**53, 2**53 + 40)), max_size=60))
@settings(max_examples=150, deadline=None)
def test_whole_numbers_are_too_also_those_that_are_no_floats(values: list[int]) -> None:
    held(of_numbers("x", np.array(values, np.int64), whole=True), values)


@given(st.lists(st.one_of(st.none(), st.integers(-(2**52), 2**52)), max_size=60))
@settings(max_examples=60, deadline=None)
def test_times_are_seconds(values: list[int | None]) -> None:
    column = of_times("t", np.array([-(2**63) if value is None else value for value in values], np.int64))
    held(column, [None if value is None else value / 1_000_000 for value in values])


@given(st.lists(st.one_of(st.none(), st.sampled_from("abc"), st.text(max_size=3)), max_size=200), st.booleans())
@settings(max_examples=100, deadline=None)
def test_texts_are_kept_by_name_only_where_many_rows_hold_them(values: list[str | None], declared: bool) -> None:
    column = of_texts("x", values, ("c", "z", "a") if declared else None)
    held(column, values)
    if declared:
        assert column.values == ("c", "z", "a")
    else:
        assert len(column.values) <= MOST_VALUES
        assert all(values.count(value) >= max(FEWEST, 0.01 * len(values)) for value in column.values)


def test_a_rare_text_of_many_rows_is_nowhere_in_the_baseline() -> None:
    texts = ["red"] * 900 + ["blue"] * 90 + [f"secret {number % 4}" for number in range(10)]  # 3 or 2 rows each
    nine = ["of nine rows"] * 9 + ["of ten rows"] * 10 + ["red"] * 981
    frame = pd.DataFrame({"a": np.arange(1000.0), "text": texts, "more": nine})
    found = of(compiled(frame, {"a": "float", "text": "string", "more": "string"}))
    assert "secret" not in json.dumps(msgspec.to_builtins(found))
    assert (found.inputs[1].values, found.inputs[1].counts) == (("red", "blue"), (900, 90, 10))
    assert (found.inputs[2].values, found.inputs[2].counts) == (("red", "of ten rows"), (981, 10, 9))


def test_bins_are_of_about_as_many_rows_and_a_number_of_many_rows_has_its_own() -> None:
    column = of_numbers("x", np.arange(1000.0))
    assert column.counts == (100,) * 10
    assert column.quantiles == (0.0, 49.0, 249.0, 499.0, 749.0, 949.0, 999.0)
    mostly = np.concatenate([np.zeros(800), np.linspace(-5, -1, 100), np.linspace(1, 5, 100)])
    binning = Binning(of_numbers("x", mostly))
    assert binning.bin_of(-1.0) != binning.bin_of(0.0) != binning.bin_of(1.0)
    # the largest number is most of them: what is below can still be told from it
    top = Binning(of_numbers("x", np.concatenate([np.full(950, 100.0), np.linspace(0, 99, 50)])))
    assert top.bin_of(99.0) != top.bin_of(100.0)


@given(
    st.lists(st.integers(0, 12) | st.integers(-(10**6), 10**6), min_size=2, max_size=200).filter(
        lambda found: len(set(found)) > 1
    )
)
def test_no_bin_is_one_that_nothing_of_the_sample_is_in(values: list[int]) -> None:
    assert all(of_numbers("x", np.array(values, np.int64), whole=True).counts)
    assert all(of_numbers("x", np.array(values, np.float64) / 8).counts)


def test_what_differs_from_the_only_number_of_a_sample_is_noticed() -> None:
    column = of_numbers("x", np.full(20, 7.0))
    assert column.counts == (0, 20, 0)
    assert [Binning(column).bin_of(value) for value in (6.0, 7.0, 8.0)] == [0, 1, 2]


def test_infinite_answers_are_counted_in_the_outermost_bins() -> None:
    column = of_numbers("x", np.array([math.inf, -math.inf, math.nan, 1.0, 2.0, 2.0]))
    assert (column.counts, column.missing, column.quantiles[-1]) == ((2, 3), 1, 2.0)
    assert of_numbers("x", np.array([math.inf])).counts == (1,)


def test_every_field_has_one_also_those_that_no_output_depends_on() -> None:
    frame = pd.DataFrame(
        {
            "a": [1.0, None, 3.0, 4.0],
            "n": [1, 2, 2, 1],
            "b": [True, None, False, True],
            "t": ["2024-01-01T00:00:00Z", None, "2024-01-02", "1970-01-01T00:00:01Z"],
            "c": ["x", "y", None, "x"],
        }
    )
    schema = {
        "a": "float?",
        "n": "int",
        "b": "bool?",
        "t": "timestamp?",
        "c": {"type": "string?", "categories": ["y", "z", "x"]},
        "left_out": {"type": "int", "default": 3},
    }
    graph = op.Receiver(schema=schema) >> op.Pandas(import_="filter", kwargs={"items": ["a"]})
    found = of(graph.compile(frame))
    a, n, b, t, c, left_out = found.inputs
    assert (found.rows, [column.name for column in found.outputs]) == (4, ["a"])
    assert (a.kind, a.missing, a.whole, n.kind, n.whole, n.counts) == ("number", 1, False, "number", True, (2, 2))
    assert (b.kind, b.values, b.counts, b.missing) == ("category", ("false", "true"), (1, 2, 0), 1)
    assert (t.kind, t.missing, t.quantiles[0], t.quantiles[-1]) == ("time", 1, 1.0, 1_704_153_600.0)
    assert (c.values, c.counts, c.missing) == (("y", "z", "x"), (1, 0, 2, 0), 1)
    assert left_out.counts == (0, 4, 0)


def test_rows_that_a_check_refuses_or_a_request_could_not_carry_are_left_out() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, math.inf, 3.0], "c": ["x", "elsewhere", "x", "x"], "n": [1, 2, 3, 2**60]})
    schema = {"a": "float", "c": {"type": "string", "categories": ["x"]}, "n": "int?"}
    found = of(compiled(frame, schema))
    assert found.rows == 1
    assert found.inputs[0].quantiles[0] == found.inputs[0].quantiles[-1] == 1.0
    assert compiled(frame.iloc[1:2], schema).manifest.baseline is None
    from tests.unit.core.operators_for_tests import Positive, Source

    graph = Source(schema={"a": "float"}) >> Positive(col="a")
    checked = of(graph.compile(pd.DataFrame({"a": [1.0, -2.0, 3.0]})))
    assert (checked.rows, checked.inputs[0].quantiles[0], checked.outputs[0].rows) == (2, 1.0, 2)


def test_without_a_sample_there_is_none() -> None:
    assert compiled(None, {"a": "float"}).manifest.baseline is None  # type: ignore[arg-type]
    assert compiled(pd.DataFrame({"a": []}, dtype=float), {"a": "float"}).manifest.baseline is None


def test_a_sample_without_a_field_is_refused() -> None:
    with pytest.raises(RtmlError, match="does not fit the graph: Column 'b' does not exist"):
        compiled(pd.DataFrame({"a": [1.0]}), {"a": "float", "b": "int"})


def test_the_same_sample_gives_the_same_package_and_a_long_one_is_thinned() -> None:
    frame = pd.DataFrame({"a": np.arange(3.0 * MOST_ROWS + 1)})
    first, again = (compiled(frame, {"a": "float"}) for _ in range(2))
    assert first.id == again.id
    found = of(first)
    assert found.rows == MOST_ROWS
    low, high = found.inputs[0].quantiles[0], found.inputs[0].quantiles[-1]
    assert low == 0
    assert high > 3 * MOST_ROWS - 5
    assert len(set(chosen(len(frame)).tolist())) == MOST_ROWS
    assert chosen(MOST_ROWS).tolist() == list(range(MOST_ROWS))


def test_of_very_many_declared_categories_the_most_frequent_have_places() -> None:
    declared = [f"c{number}" for number in range(MOST_DECLARED + 50)]
    column = of_texts("x", [*declared[100:], "c7"], declared)
    assert len(column.values) == MOST_DECLARED
    assert column.rows == 51
    assert {"c7", *declared[100:]} <= set(column.values)
    assert list(column.values) == sorted(column.values, key=declared.index)


def test_metrics_are_in_the_manifest_and_a_runtime_loads_the_package() -> None:
    made = compiled(pd.DataFrame({"a": [1.0, 2.0]}), {"a": "float"}, parity=True, metrics={"rmse": np.float32(0.5), "auc": 1})
    assert package.read_archive(made.data).manifest.metrics == {"rmse": 0.5, "auc": 1.0}
    assert Runtime.from_bytes(made.data).score({"a": 1.0})["double"] == 2.0


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"auc": math.nan}, "metric 'auc' must be a finite number; got nan"),
        ({"auc": math.inf}, "metric 'auc' must be a finite number; got inf"),
        ({"auc": "0.8"}, "metric 'auc' must be a finite number; got '0.8'"),
        ({"auc": True}, "metric 'auc' must be a finite number; got True"),
        ({"": 1.0}, "a metric's name must be 1 to 100 printable characters"),
        ({"a\nb": 1.0}, "a metric's name must be"),
        ({"a" * 101: 1.0}, "a metric's name must be"),
        ({3: 1.0}, "a metric's name must be"),
        ({"\ud800": 1.0}, "a metric's name must be"),
        ({f"m{number}": 1.0 for number in range(51)}, "metrics must be at most 50; got 51"),
        ([("auc", 1.0)], "metrics must be names and numbers"),
    ],
)
def test_metrics_that_say_nothing_are_refused(metrics: Any, words: str) -> None:
    with pytest.raises(CompileError) as raised:
        compiled(pd.DataFrame({"a": [1.0]}), {"a": "float"}, metrics=metrics)
    assert words in str(raised.value)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another field": ({"name": "b"}, "the field 'b' is none of the package"),
    "another kind": ({"kind": "colour"}, "is of the kind 'colour', which is none"),
    "too few counts": ({"counts": (3,)}, "has 1 counts, where 3 are right"),
    "values of a number": ({"values": ("x",)}, "has 3 counts"),
    "fewer than none": ({"counts": (-1, 3, 1)}, "counts 3 rows of 3"),
    "other rows": ({"counts": (1, 1, 7)}, "counts 9 rows of 3"),
    "edges that fall": ({"edges": (2.5, 1.5)}, "has edges that do not rise"),
    "edges that stay": ({"edges": (1.5, 1.5)}, "has edges that do not rise"),
    "three quantiles": ({"quantiles": (1.0, 2.0, 3.0)}, "has quantiles that are none"),
    "quantiles that fall": ({"quantiles": (3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0)}, "has quantiles that are none"),
    "a value twice": ({"kind": "category", "edges": (), "values": ("x", "x")}, "has a value twice"),
    "many bins": ({"edges": tuple(map(float, range(500))), "counts": (3,) + (0,) * 500}, "has 501 counts, where 128 are right"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_baseline_that_is_none_is_refused_when_the_package_is_read(name: str) -> None:
    changes, words = WRONG[name]
    made = compiled(pd.DataFrame({"a": [1.0, 2.0, 3.0]}), {"a": "float"})
    archive = package.read_archive(made.data)
    baseline = archive.manifest.baseline
    assert baseline is not None
    changed = msgspec.structs.replace(baseline, inputs=(msgspec.structs.replace(baseline.inputs[0], **changes),))
    with pytest.raises(PackageError) as raised:
        package.read_archive(again(archive, baseline=changed))
    assert "its manifest does not fit format 1: in the baseline, the field" in str(raised.value)
    assert words in str(raised.value)
    twice = msgspec.structs.replace(baseline, outputs=baseline.outputs[:1] * 2)
    with pytest.raises(PackageError, match="comes twice"):
        package.read_archive(again(archive, baseline=twice))


def again(archive: package.Archive, **changes: Any) -> bytes:
    files = {package.MODEL: archive.model, package.GRAPH: archive.graph, package.SAMPLE: archive.sample}
    return package.write_archive(msgspec.structs.replace(archive.manifest, **changes), files)


def test_metrics_that_no_page_could_show_are_refused_when_the_package_is_read() -> None:
    archive = package.read_archive(compiled(pd.DataFrame({"a": [1.0]}), {"a": "float"}).data)
    with pytest.raises(PackageError, match="a metric's name must be"):
        package.read_archive(again(archive, metrics={"a" * 500: 1.0}))
    with pytest.raises(PackageError, match="metrics must be at most 50"):
        package.read_archive(again(archive, metrics={f"m{number}": 1.0 for number in range(60)}))
