"""A package shows its signature, a parity report its worst rows, a schema its columns."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import Column, Graph, Operator, Params, Schema
from rtml_core import operators as op
from rtml_core.columns import Field
from rtml_core.compiler import Compiled
from rtml_core.display import html
from rtml_core.errors import ParityError, RtmlError
from rtml_core.parity import Report
from rtml_core.parity_compare import WORST, ComparedRow
from tests.unit.core.display.reading import lines, shown, with_class, words
from tests.unit.core.operators_for_tests import Crooked, Positive, Scale, Source

FRAME = pd.DataFrame({"a": [float(number) for number in range(1, 10)], "b": [0.5] * 9})


class Wave(Operator):
    """A formula in which numpy and onnxruntime differ by an ulp here and there."""

    class Params(Params):
        col: str

    def columns(self) -> list[str]:
        return [self.params.col]

    def compute(self, xp: Any, value: Any) -> dict[str, Any]:
        return {"wave": xp.sin(value) * xp.exp(value), "same": value + 1.0}


class Nudge(Operator):
    """Compiled, it is off by a millionth of a share that grows with the number; within its tolerance."""

    tolerance = (1e-3, 0.0)

    class Params(Params):
        col: str

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame

    def lower(self, b: Any, columns: Any) -> Any:
        from rtml_core.lowering.symbolic import new, value_of

        value = value_of(b, columns[self.params.col])
        share = b.op("Mul", b.op("Tanh", b.op("Abs", value)), b.const([[1e-6]]))
        nudged = b.op("Mul", value, b.op("Add", share, b.const([[1.0]])))
        return {**columns, self.params.col: new("float64", nudged)}


def source(**more: str) -> Source:
    return Source(schema={"a": "float", "b": "float", **more})


@pytest.fixture(scope="module")
def package() -> Compiled:
    graph = (
        op.Receiver(
            schema={"a": {"type": "float", "min": 0, "max": 100, "default": 1.5, "doc": "<b>of the car</b>"}, "b": "float?"},
            extra="ignore",
        )
        >> op.Pandas(import_="fillna", cols="b", kwargs={"value": 0.0}, inplace=True)
        >> Wave(col="a")
    )
    graph.outputs = {"answer": "wave", "b": "b"}
    return graph.compile(FRAME, metrics={"auc": 0.8125})


# ---- packages ----------------------------------------------------------------------------------------------------------


def test_a_package_shows_what_it_takes_and_answers(package: Compiled) -> None:
    page = shown(package)
    found = lines(page)
    assert ["a", "float", "no", "1.5", "0 to 100", "<b>of the car</b>"] in found
    assert ["b", "float", "yes", "required", "", ""] in found
    assert ["answer", "float64", "yes", "equal within 1e-09 relative or 1e-09 absolute"] in found
    said = words(page)
    assert said.startswith(f"Package {package.id[:12]}")
    assert f"{package.node_count} ONNX nodes portable ✓ Parity: " in said
    assert "Metrics: auc 0.812" in said
    assert "Other fields: are ignored" in said
    assert "Authored with the plugins: flow (rtml 0.1.0), pandas (rtml 0.1.0)" in said
    summaries = [words(one) for one in page.iter("summary")]
    assert "What became of 3 nodes" in summaries
    assert f"ONNX operators: {package.node_count} core" in summaries


def test_a_package_without_parity_says_so() -> None:
    made = (source() >> Scale(col="a")).compile(parity=False)
    assert "Parity was not checked: a runtime refuses this package" in words(shown(made))


def test_row_checks_are_told() -> None:
    said = words(shown((source() >> Positive(col="a")).compile(FRAME)))
    assert "1 check of rows, which refuse what the graph can't answer" in said


# ---- parity ------------------------------------------------------------------------------------------------------------


def test_a_report_keeps_the_rows_that_deviate_most() -> None:
    report = (source() >> Nudge(col="a")).compile(FRAME).report
    assert report is not None
    assert len(report.worst) == WORST
    deviations = [row.deviation or 0.0 for row in report.worst]
    assert deviations == sorted(deviations, reverse=True)
    assert deviations[0] == report.largest == pytest.approx(1e-6, rel=1e-3)
    for row in report.worst:
        assert row.output == "a"
        assert row.authored == row.inputs["a"]
        assert abs(row.compiled - row.authored) / abs(row.authored) == pytest.approx(row.deviation)
        assert row.origin in ("sample", "random rows", "edge rows")
        assert set(row.inputs) == {"a", "b"}
    assert len({(row.authored, row.compiled) for row in report.worst}) == WORST  # not one case five times
    page = shown(report)
    assert words(page).startswith(f"✓ P{str(report)[1:]} Equal within the tolerances that operators declare.")
    assert lines(page)[0] == ["row", "output", "authored", "compiled", "deviation", "the row"]
    assert len(lines(page)) == WORST + 1
    assert lines(page)[1][1:3] == ["a", repr(report.worst[0].authored)]


def test_the_rows_of_the_sample_are_named_by_their_numbers() -> None:
    frame = FRAME.assign(a=[0.0, 0.0, 0.0, 50.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    report = (source() >> Nudge(col="a")).compile(frame).report
    assert report is not None
    assert {(row.origin, row.row) for row in report.worst if row.origin == "sample"} <= {("sample", 3)}


def test_what_is_equal_bit_by_bit_has_no_rows_to_show() -> None:
    report = (source() >> Scale(col="a")).compile(FRAME).report
    assert report is not None
    assert (report.largest, report.worst) == (0.0, [])
    assert words(shown(report)).endswith("Every answer is equal bit by bit.")
    assert lines(shown(report)) == []


def test_worst_rows_are_kept_over_all_outputs() -> None:
    report = (source() >> Nudge(col="a") >> Wave(col="b")).compile(FRAME).report
    assert report is not None
    assert {row.output for row in report.worst} == {"a"}  # the wave is off by far less


def test_a_parity_error_has_the_rows_that_differ() -> None:
    graph = source() >> Crooked(col="a", limit=4.5)
    with pytest.raises(ParityError) as raised:
        graph.compile(FRAME)
    error = raised.value
    assert "in 5 of 9 rows (sample); first: row 4" in str(error)
    assert [row.row for row in error.rows] == [4, 5, 6, 7, 8]
    assert (error.rows[0].authored, error.rows[0].compiled) == (6.0, 7.0)
    assert error.rows[0].inputs == {"a": 5.0, "b": 0.5}
    page = shown(error)
    assert words(page).startswith(str(error))
    assert lines(page)[1] == ["4 (sample)", "a", "6.0", "7.0", "0.17", "a: 5.0, b: 0.5"]
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.rows) == (str(error), error.rows)


def test_a_parity_error_at_a_nodes_own_cases_has_them_too() -> None:
    class Secretive(Crooked):
        """Off where only its own cases look."""

        def to_json(self) -> dict[str, Any]:
            return {}

        def parity_cases(self) -> Any:
            return pd.DataFrame({"a": [1.0, self.params.limit * 2.0], "b": [0.0, 1.0]})

    with pytest.raises(ParityError) as raised:
        (source() >> Secretive(col="a", limit=1000.0)).compile(FRAME)
    (row,) = raised.value.rows
    assert (row.origin, row.row, row.inputs) == ("the node's own cases (node 2 (Secretive))", 1, {"a": 2000.0, "b": 1.0})
    assert (row.authored, row.compiled) == (2001.0, 2002.0)


def test_texts_that_differ_are_told_without_a_deviation() -> None:
    class Shout(Operator):
        """Says something else when compiled."""

        def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
            return frame.assign(t=frame["t"] + "!")

        def lower(self, b: Any, columns: Any) -> Any:
            return columns

    with pytest.raises(ParityError) as raised:
        (Source(schema={"t": "string"}) >> Shout()).compile(pd.DataFrame({"t": ["<i>a</i>", "b"]}))
    assert lines(shown(raised.value))[1] == ["0 (sample)", "t", "'<i>a</i>!'", "'<i>a</i>'", "-", "t: <i>a</i>"]


def test_a_parity_error_without_rows_is_its_sentence() -> None:
    assert words(shown(ParityError("they differ"))) == "they differ"


def test_what_is_missing_from_zero_and_long_is_readable() -> None:
    wide = {f"field {number}": number for number in range(40)}
    rows = [
        ComparedRow("sample", 1, wide, "p", None, 0.5, None),
        ComparedRow("sample", 2, {"a": float("nan"), "b": np.datetime64("2026-01-01")}, "p", 0.0, 1e-13, 1e287),
        ComparedRow("sample", 3, {"a": "x" * 500}, "p", "y" * 500, "z", None),
    ]
    found = lines(shown(Report(rows=3, largest=1e-9, worst=rows)))
    one, two, three = (next(line for line in found if line[0] == f"{number} (sample)") for number in (1, 2, 3))
    assert one[2:5] == ["missing", "0.5", "-"]
    assert "field 39 39" in one[5]
    assert two[2:] == ["0.0", "1e-13", "1e-13 from 0", "a: none, b: 2026-01-01"]
    assert three[2].startswith("'yyy")


# ---- schemas -----------------------------------------------------------------------------------------------------------


def test_a_schema_is_a_table() -> None:
    schema = Schema(
        [
            Column("age", "float64", nullable=True, finite=False),
            Column("brand", "string", categories=tuple(f"brand {number}" for number in range(30))),
            Column("plan", "string", categories=("a", "b")),
        ]
    )
    assert schema._repr_html_() == html(schema)
    found = lines(shown(schema))
    assert found[0] == ["column", "dtype", "may be missing", "may be infinite", "values"]
    assert found[1] == ["age", "float64", "yes", "yes", ""]
    assert found[2][4].startswith("30 values brand 0, brand 1")
    assert found[3] == ["plan", "string", "no", "no", "a, b"]
    assert words(shown(Schema())) == "A schema without columns."


def test_columns_and_fields_alone_and_in_lists() -> None:
    column, entry = Column("a", "int64"), Field("b", "int", minimum=2)
    assert lines(shown(column)) == lines(shown([column]))
    assert lines(shown(entry))[1] == ["b", "int", "no", "required", "at least 2", ""]
    assert lines(shown((entry, Field("c", "float", maximum=3.5))))[2][4] == "at most 3.5"


@pytest.mark.parametrize("value", [3, "a", [], [Column("a", "int64"), 3], None, RtmlError("no")])
def test_anything_else_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="there is no display of a"):
        html(value)


def test_what_is_in_hand_draws_itself(package: Compiled) -> None:
    graph = Graph.start(Scale(col="a"))
    for value in (graph, graph.nodes["scale"], package, package.report):
        assert value._repr_html_() == html(value)
    assert repr(graph) == "Graph(1 nodes, 0 edges)"
    assert with_class(shown(graph), "node")
