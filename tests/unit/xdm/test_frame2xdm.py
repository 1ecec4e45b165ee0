"""Frame2XDM: predictions as documents, in Python and at the boundary."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core import Runtime
from rtml_core import operators as op
from rtml_core.errors import ColumnError, ParamError, RtmlError
from rtml_core.package import BoundaryEntry
from rtml_plugins.xdm.boundary import frame2xdm
from rtml_plugins.xdm.frame2xdm import Frame2XDM
from rtml_plugins.xdm.frames import to_documents
from rtml_plugins.xdm.paths import join
from tests.unit.xdm.documents import keys, same

SCORE = "_acme.rtml.churn.score"
FRAME = pd.DataFrame({"score": [0.25, np.nan], "label": pd.Series(["a", None], dtype="str")})


def sink(plan: dict[str, Any], *names: str) -> Any:
    return frame2xdm(BoundaryEntry("x", "Frame2XDM", "sink", names, plan, "xdm", "rtml", "1"), (), {})


def test_columns_are_renamed_and_rows_become_documents() -> None:
    operator = Frame2XDM(paths={"score": SCORE})
    frame = operator.transform(FRAME)
    assert list(frame.columns) == [SCORE, "label"]
    assert list(FRAME.columns) == ["score", "label"]
    assert operator.documents(FRAME) == [{"_acme": {"rtml": {"churn": {"score": 0.25}}}, "label": "a"}, {}]
    assert Frame2XDM().documents(frame) == operator.documents(FRAME)


def test_predictions_are_nested() -> None:
    graph = (
        op.Receiver(schema={"x": "float?", "label": "string?"})
        >> op.Pandas(import_="mul", cols="x", kwargs={"other": 2.0}, into="score")
        >> Frame2XDM(paths={"score": SCORE})
    )
    graph.outputs = {SCORE: SCORE, "label": "label"}
    sample = pd.DataFrame({"x": [1.0, np.nan], "label": pd.Series(["a", None], dtype="str")})
    eager = graph.run(sample)
    runtime = Runtime.from_bytes(graph.compile(sample=sample).data)
    answers = runtime.score_request({"rows": [{"x": 1.0, "label": "a"}, {"x": None, "label": None}]})
    assert answers == to_documents(eager) == [{"_acme": {"rtml": {"churn": {"score": 2.0}}}, "label": "a"}, {}]


@given(st.lists(st.lists(keys, min_size=1, max_size=3).map(tuple), unique=True, max_size=5), st.data())
def test_the_boundary_nests_as_python_does(paths: list[tuple[str, ...]], data: st.DataObject) -> None:
    names = [join(path) for path in paths]
    values = data.draw(
        st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=len(names), max_size=len(names))
    )
    if any(one != other and one == other[: len(one)] for one in paths for other in paths):
        with pytest.raises(RtmlError, match="can't have both"):
            sink({"paths": None}, *names)
        with pytest.raises(ColumnError, match="can't have both"):
            Frame2XDM().transform(pd.DataFrame([values], columns=names))
        return
    shaped = sink({"paths": None}, *names).shape(dict(zip(names, values, strict=True)))
    frame = pd.DataFrame({name: [value] for name, value in zip(names, values, strict=True)}, dtype="float64", index=[0])
    assert same([shaped], Frame2XDM().documents(frame))


def test_names_that_are_no_paths_stay_keys() -> None:
    frame = pd.DataFrame({"score": [1.0], "c.d": [2.0], "e[0]": [3.0], "": [4.0]})
    assert Frame2XDM(paths={"score": "a.b"}).documents(frame) == [{"a": {"b": 1.0}, "c.d": 2.0, "e[0]": 3.0, "": 4.0}]
    made = sink({"paths": ["a.b"]}, "a.b", "c.d", "e[0]").shape({"a.b": 1, "c.d": 2, "e[0]": 3})
    assert made == {"a": {"b": 1}, "c.d": 2, "e[0]": 3}


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        ({"score": "a..b"}, "'a..b' is no path"),
        ({"score": "a[0]"}, "'score' must get a path of keys"),
        ({"score": ""}, "'score' must get a path of keys"),
        ({}, "must be an object of columns"),
        ({"a": "x", "b": "x.y"}, "can't have both 'x' and 'x.y'"),
        ({"a": "x", "b": "x"}, "can't have both 'x' and 'x'"),
        (["a"], "must be an object of columns"),
    ],
)
def test_paths_that_say_nothing_are_refused(paths: Any, said: str) -> None:
    with pytest.raises(ParamError, match=said):
        Frame2XDM(paths=paths)


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(ColumnError, match=r"Column 'scores' does not exist\. It has: score, label\. Did you mean 'score'"):
        Frame2XDM(paths={"scores": SCORE}).transform(FRAME)
