"""Who is measured must answer the same: the contenders of the standard pipeline, and the growing graphs, at a small size."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import data, growth, kinds, pipelines, prototype
from tests.benchmarks.baseline import feature_names
from tests.benchmarks.measure import side_by_side
from tests.benchmarks.report import Bar, Report, markdown
from tests.benchmarks.standard import Standard, prepare, raw_rows, typed


@pytest.fixture(scope="module")
def standard() -> Standard:
    return prepare(rows=1_500, sample=200, trees=12)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Generated rows, and some by hand: leap day, ends of buckets, all missing."""
    rows = data.rows(300, seed=7)
    rows.loc[0, ["age", *data.TEXTS]] = np.nan, None, None, None, None
    rows.loc[1, "seen_at"] = "2024-02-29T23:59:59Z"
    rows.loc[2, "seen_at"] = "2000-03-01T00:00:00Z"
    rows.loc[3:5, "age"] = [25.0, 25.5, 65.0]
    return rows


def test_the_features_are_the_same_in_number_and_order(standard: Standard, frame: pd.DataFrame) -> None:
    made = standard.pipeline[:-1].transform(frame)
    assert made.shape == (len(frame), len(feature_names()))


def test_authored_and_scikit_learn_agree(standard: Standard, frame: pd.DataFrame) -> None:
    np.testing.assert_allclose(standard.authored(frame), standard.scikit_learn(frame), rtol=1e-12)


@pytest.mark.parametrize("entry", [Standard.columns, Standard.rows])
def test_the_runtime_agrees_with_the_authored_graph(
    standard: Standard, frame: pd.DataFrame, entry: Callable[[Standard, pd.DataFrame], np.ndarray]
) -> None:
    np.testing.assert_allclose(entry(standard, frame), standard.authored(frame), rtol=1e-9)


def test_the_prototype_agrees_within_float32(standard: Standard, frame: pd.DataFrame) -> None:
    np.testing.assert_allclose(standard.prototype(frame), standard.authored(frame), rtol=1e-5)


def test_the_prototype_takes_a_dict_as_it_takes_a_frame(standard: Standard, frame: pd.DataFrame) -> None:
    first = prototype.feed_row(raw_rows(frame)[0])
    whole = prototype.feed(frame.iloc[:1])
    assert {name: array.tolist() for name, array in first.items() if name != "age"} == {
        name: array.tolist() for name, array in whole.items() if name != "age"
    }
    assert np.isnan(first["age"]).all()


@pytest.mark.parametrize("text", ["2023-02-29T00:00:00Z", "2023-04-31T00:00:00Z", "1900-02-29T00:00:00Z", "yesterday", ""])
def test_the_prototype_knows_what_is_no_timestamp(standard: Standard, frame: pd.DataFrame, text: str) -> None:
    feed = prototype.feed(frame.iloc[:2].assign(seen_at=[text, "2024-02-29T01:02:03Z"]))
    assert standard.hand_session.run(["valid"], feed)[0].tolist() == [[False], [True]]


def test_the_jobs_that_are_timed_run_on_one_row_and_on_many(standard: Standard, frame: pd.DataFrame) -> None:
    expected = standard.authored(frame)
    for rows in (frame.iloc[:1], frame):
        compiled, by_hand = standard.on_arrays(rows)(), standard.hand_on_arrays(rows)()
        np.testing.assert_allclose(compiled[0][:, 0], expected[: len(rows)], rtol=1e-9)
        np.testing.assert_allclose(by_hand[0][:, 1], expected[: len(rows)], rtol=1e-5)


def test_raw_rows_have_no_nan() -> None:
    values = [value for row in raw_rows(data.rows(200, seed=3)) for value in row.values()]
    assert None in values
    assert [value for value in values if value != value] == []


def test_the_rows_are_the_same_every_time() -> None:
    pd.testing.assert_frame_equal(data.rows(50, seed=5), data.rows(50, seed=5))
    assert data.bought(data.rows(50, seed=5), seed=6).tolist() == data.bought(data.rows(50, seed=5), seed=6).tolist()


def test_every_kind_of_operator_answers_the_same() -> None:
    with kinds.contenders() as found:
        names = {(one.formula.name, one.kind) for one in found}
        assert names >= {
            (f.name, kind) for f in kinds.FORMULAS for kind in (kinds.FLOOR, "core", "function", "python", kinds.RAW)
        }
        assert ("scaled", "native") in names or ("CI" not in os.environ and shutil.which("cc") is None)
        for one in found:
            for count in (1, 300):
                columns = kinds.rows(one.formula, count, seed=2).to_numpy()
                expected = columns if one.kind == kinds.FLOOR else one.formula.body(*columns.T)[:, None]
                (answer,) = one.on_arrays(count)()
                np.testing.assert_allclose(answer, expected, rtol=1e-9)
            assert len(one.on_dict()()) == answer.shape[1]


@pytest.mark.parametrize("nodes", [10, 30])
def test_a_growing_graph_has_as_many_nodes_as_it_says_and_compiles(nodes: int) -> None:
    graph, rows = growth.graph(nodes), growth.rows(nodes, 50, seed=1)
    assert len(graph.nodes) == nodes + 1
    runtime = graph.compile(sample=rows).runtime
    got = [answer["score"] for answer in runtime.score(raw_rows(rows))]
    np.testing.assert_array_equal(got, graph.run(rows)["score"].to_numpy())


def test_jobs_take_turns() -> None:
    calls: list[str] = []
    taken = side_by_side({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=2, turn=0.0)
    assert set(taken) == {"a", "b"}
    assert all(0 < timing.fastest <= timing.median for timing in taken.values())
    assert calls[-4:] == ["a", "b", "b", "a"]


def test_a_bar_says_whether_it_is_passed() -> None:
    assert Bar("speed", 0.5, 0.6).cells == ("speed", "at most 0.6", "0.5", "passed")
    assert Bar("rows", 1.1, 1.2, at_most=False).cells == ("rows", "at least 1.2", "1.1", "MISSED")


def test_the_tables_go_between_the_markers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- figures: begin -->\nold\n<!-- figures: end -->\nafter\n")
    report = Report()
    report.table("Rows", ("what", "us"), [("one", "1.5"), ("two", "22")])
    report.finish()
    report.write(page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert "| one  | 1.5 |" in text
    assert "### Bars" in text.partition("### Rows")[0]
    assert "| one  | 1.5 |" in capsys.readouterr().out


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text("nothing")
    with pytest.raises(ValueError, match="must hold the lines"):
        Report().write(page)


def test_a_table_is_markdown() -> None:
    assert markdown(("what", "us"), [("one", "1.5")]).splitlines() == ["| what |  us |", "| ---- | --: |", "| one  | 1.5 |"]


def test_typed_rows_have_timestamps() -> None:
    assert typed(data.rows(3, seed=1))["seen_at"].dtype.kind == "M"


@pytest.mark.parametrize("name", pipelines.PIPELINES)
def test_the_model_without_the_passes_answers_the_same_and_is_larger(name: str) -> None:
    build, rows = pipelines.PIPELINES[name]
    frame = rows(60, 2)
    pair = pipelines.pair(build().fit(rows(400, 1)), frame)
    plain = pair.session.run(None, pair.plain_feed(frame))[0][:, 0]
    np.testing.assert_allclose(plain, pair.graph.run(frame)["p"], rtol=1e-9, atol=1e-12)
    assert pair.compiled.node_count < pair.plain.node_count * 0.7
