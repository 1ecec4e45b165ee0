"""Scoring: rows, lists, columns; the strict signature; what must not be imported."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core import Runtime
from rtml_core.errors import InputError
from tests.unit.core.operators_for_tests import Positive, Scale, Source

SCHEMA = {
    "f": "float?",
    "g": "float",
    "i": "int",
    "j": "int?",
    "b": "bool",
    "c": "bool?",
    "s": "string",
    "t": "string?",
    "w": "timestamp",
    "v": "timestamp?",
}
ROW: dict[str, Any] = {
    "f": 1.5,
    "g": -2,
    "i": 2**60,
    "j": 7,
    "b": True,
    "c": None,
    "s": "é",
    "t": None,
    "w": "2026-11-21T10:15:00Z",
    "v": None,
}


def compiled(**options: Any) -> Any:
    graph: Any = Source(schema=SCHEMA, **options) >> Scale(col="g", by=2.0, into="double")
    sample = pd.DataFrame({name: [value, value] for name, value in ROW.items()})
    return graph.compile(sample)


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return Runtime.from_bytes(compiled().data)


ANSWER = {**ROW, "g": -2.0, "j": 7.0, "double": -4.0, "w": "2026-11-21T10:15:00Z"}


def test_one_row_keeps_every_type(runtime: Runtime) -> None:
    answer = runtime.score(ROW)
    assert answer == ANSWER
    assert {name: type(value) for name, value in answer.items() if name in "fgib"} == {
        "f": float,
        "g": float,
        "i": int,
        "b": bool,
    }


def test_rows_and_columns_answer_alike(runtime: Runtime) -> None:
    other = {**ROW, "f": None, "c": False, "t": "x", "v": "1969-12-31T23:59:59.5Z"}
    rows = runtime.score([ROW, other])
    assert rows[0] == runtime.score(ROW)
    assert rows[1] == runtime.score(other)
    columns = runtime.score({name: [ROW[name], other[name]] for name in ROW})
    assert [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)] == rows


@pytest.mark.parametrize("count", [0, 1, 2, 10_000])
def test_batches_of_any_size(runtime: Runtime, count: int) -> None:
    rows = [{**ROW, "g": float(n)} for n in range(count)]
    assert [answer["double"] for answer in runtime.score(rows)] == [2.0 * n for n in range(count)]
    columns = runtime.score_columns({name: [row[name] for row in rows] for name in ROW})
    assert columns["double"].tolist() == [2.0 * n for n in range(count)]


def test_typed_arrays_are_taken_as_columns(runtime: Runtime) -> None:
    frame = pd.DataFrame({name: [value] * 3 for name, value in ROW.items()}).assign(f=np.array([1.0, np.nan, 2.0], np.float32))
    frame["w"] = pd.to_datetime(frame["w"]).dt.tz_localize(None)
    answer = runtime.score({name: frame[name].to_numpy() for name in frame})
    assert answer["f"] == [1.0, None, 2.0]
    assert answer["w"] == ["2026-11-21T10:15:00Z"] * 3


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"g": None}, "/g: expected a finite number, got null"),
        ({"g": "1"}, "/g: expected a finite number, got string '1'"),
        ({"g": True}, "/g: expected a finite number, got boolean True"),
        ({"g": math.inf}, "/g: expected a finite number, got number inf"),
        ({"g": 10**309}, "/g: expected a finite number, got number 1000"),
        ({"g": math.nan}, "/g: expected a finite number, got number nan"),
        ({"g": [1]}, "/g: expected a finite number, got list [1]"),
        ({"f": "x"}, "/f: expected a finite number or null, got string 'x'"),
        ({"i": 1.5}, "/i: expected a whole number, got number 1.5"),
        ({"i": 2**63}, "/i: expected a whole number, got number 9223372036854775808"),
        ({"j": 2**53 + 1}, "/j: expected a whole number of at most 2^53 or null, got number 9007199254740993"),
        ({"b": 1}, "/b: expected true or false, got number 1"),
        ({"b": None}, "/b: expected true or false, got null"),
        ({"s": 5}, "/s: expected a string, got number 5"),
        ({"s": None}, "/s: expected a string, got null"),
        ({"t": "\ufdd0"}, "/t: expected a string of Unicode text without U+0000 and U+FDD0 or null, got string '\\ufdd0'"),
        ({"s": "a\0b"}, "/s: expected a string of Unicode text without U+0000 and U+FDD0, got string 'a\\x00b'"),
        ({"s": "\ud800"}, "/s: expected a string of Unicode text without U+0000"),
        ({"w": "yesterday"}, "/w: expected an ISO 8601 timestamp, e.g. 2026-11-21T10:15:00Z, got string 'yesterday'"),
        ({"w": "2026-02-29"}, "/w: expected an ISO 8601 timestamp"),
        ({"w": 5}, "/w: expected an ISO 8601 timestamp, e.g. 2026-11-21T10:15:00Z, got number 5"),
        ({"x/y": 5}, "/x~1y: expected no such field"),
    ],
)
def test_what_does_not_fit_is_named_with_expectation_and_value(runtime: Runtime, change: dict[str, Any], problem: str) -> None:
    for rows in ({**ROW, **change}, [{**ROW, **change}]):
        with pytest.raises(InputError) as raised:
            runtime.score(rows)
        at = problem if isinstance(rows, dict) else f"/0{problem}"
        assert at in str(raised.value)


def test_missing_fields_and_misspelled_ones(runtime: Runtime) -> None:
    row = {("gg" if name == "g" else name): value for name, value in ROW.items()}
    with pytest.raises(InputError) as raised:
        runtime.score(row)
    assert "/gg: expected no such field (did you mean 'g'?), got an unknown field" in str(raised.value)
    assert "/g: expected a finite number, got nothing: the field is missing" in str(raised.value)
    assert [problem.at for problem in raised.value.problems] == ["/gg", "/g"]


def test_all_problems_of_all_rows_are_listed(runtime: Runtime) -> None:
    with pytest.raises(InputError) as raised:
        runtime.score([ROW, {**ROW, "g": "x", "s": 1}, {**ROW, "i": "y"}])
    assert [problem.at for problem in raised.value.problems] == ["/1/g", "/1/s", "/2/i"]


def test_extra_fields_are_ignored_by_option() -> None:
    data = compiled().data
    assert Runtime.from_bytes(data, ignore_extra=True).score({**ROW, "more": 1})["double"] == -4.0
    assert Runtime.from_bytes(compiled(extra="ignore").data).score({**ROW, "more": 1})["double"] == -4.0


def test_odd_shapes_of_input_are_refused(runtime: Runtime) -> None:
    for rows, words in (
        (None, "a list of rows"),
        ("abc", "a list of rows"),
        ([1], "a row: an object"),
        ({name: [1] * (2 if name == "f" else 1) for name in ROW}, "columns of one length"),
    ):
        with pytest.raises(InputError, match=words):
            runtime.score(rows)


def test_numpy_and_pandas_scalars_of_a_frame_are_understood(runtime: Runtime) -> None:
    row = {
        **ROW,
        "g": np.float32(-2),
        "i": np.int64(2**60),
        "b": np.bool_(True),
        "f": np.nan,
        "t": pd.NA,
        "v": pd.NaT,
        "w": pd.Timestamp("2026-11-21T10:15Z"),
    }
    assert runtime.score(row) == {**ANSWER, "f": None}


def test_a_row_check_refuses_like_the_authored_graph() -> None:
    graph: Any = Source(schema={"a": "float"}) >> Positive(col="a")
    made = graph.compile(pd.DataFrame({"a": [1.0, 2.0]}))
    assert made.report.refused >= made.report.tried > 0
    assert made.manifest.parity.tried == made.report.tried
    assert made.score({"a": 3.0}) == {"a": 3.0}
    with pytest.raises(InputError, match=r"/1: expected values that the model takes, got 'a' must be above zero"):
        made.score([{"a": 3.0}, {"a": -3.0}])
    with pytest.raises(InputError, match=r"^/: expected values that the model takes"):
        made.score({"a": -3.0})


SCORE = """
import sys
from rtml_core import Runtime
Runtime.from_file(sys.argv[1]).score({"f": 1.0})
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(loaded & {"pandas", "sklearn", "onnx", "onnx_ir", "skl2onnx", "scipy", "sympy", "rtml_plugins", "pluggy"}))
print(sorted(name for name in sys.modules if name.startswith("rtml_core.")))
"""


def test_scoring_imports_no_authoring_side(tmp_path: Path) -> None:
    graph: Any = Source(schema={"f": "float"}) >> Scale(col="f")
    graph.compile().save(tmp_path / "m.rtml")
    printed = subprocess.run([sys.executable, "-c", SCORE, str(tmp_path / "m.rtml")], check=True, capture_output=True, text=True)
    heavy, own = printed.stdout.splitlines()
    assert heavy == "[]"
    assert "rtml_core.runtime.runtime" in own
    assert "rtml_core.compiler" not in own
    assert "rtml_core.lowering" not in own


@given(
    f=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    i=st.integers(-(2**63) + 1, 2**63 - 1),
    s=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufdd0\x00"), max_size=20),
    v=st.none() | st.datetimes(),
)
def test_any_fitting_row_comes_back_as_it_went_in(runtime: Runtime, f: Any, i: int, s: str, v: Any) -> None:
    answer = runtime.score({**ROW, "f": f, "i": i, "s": s, "v": v})
    assert (answer["f"], answer["i"], answer["s"]) == (f, i, s)
    assert (answer["v"] is None) == (v is None)
    assert v is None or answer["v"].startswith(f"{v:%Y}".zfill(4)[:4]) or v.year < 1000


def test_columns_refuse_what_rows_refuse(runtime: Runtime) -> None:
    columns: dict[str, Any] = {name: [value] * 20 for name, value in ROW.items()}
    answer = runtime.score(columns)
    assert {name: values[7] for name, values in answer.items()} == ANSWER
    for name, value in {"s": "a\0b", "t": "\ufdd0", "w": "2026-02-29T00:00:00Z", "j": 2**53 + 1, "g": math.inf}.items():
        bad = {**columns, name: [*columns[name][:19], value]}
        with pytest.raises(InputError, match=f"^/19/{name}: expected"):
            runtime.score(bad)
        with pytest.raises(InputError, match=f"^/19/{name}: expected"):
            runtime.score({**bad, name: np.array(bad[name])})


def test_categories_that_are_declared_are_the_only_values() -> None:
    schema = {"kind": {"type": "string?", "categories": ["a", "b"]}, "x": "float"}
    graph: Any = Source(schema=schema) >> Scale(col="x")
    made = graph.compile(pd.DataFrame({"kind": ["a", "b", None], "x": [1.0, 2.0, 3.0]}))
    assert made.score({"kind": "b", "x": 1.0}) == {"kind": "b", "x": 2.0}
    assert made.score({"kind": ["a", None], "x": [1.0, 2.0]}) == {"kind": ["a", None], "x": [2.0, 4.0]}
    for rows, at in (
        ({"kind": "c", "x": 1.0}, "/kind"),
        ([{"kind": "c", "x": 1.0}], "/0/kind"),
        ({"kind": ["a", "c"], "x": [1, 2]}, "/1/kind"),
    ):
        with pytest.raises(InputError, match=f"^{at}: expected one of 'a', 'b' or null, got string 'c'"):
            made.score(rows)
    with pytest.raises(Exception, match="row 1, column 'kind' must be string"):
        graph.compile(pd.DataFrame({"kind": ["a", "z"], "x": [1.0, 2.0]}))
