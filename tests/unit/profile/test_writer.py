"""ProfileWriter: frames and answers are as without it; the package says what is written."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from rtml_core import Runtime
from rtml_core.errors import ColumnError, ParamError
from rtml_plugins.flow.receiver import Receiver
from rtml_plugins.profile.writer import ProfileWriter


def test_answers_are_as_without_it() -> None:
    graph = (
        Receiver(schema={"a": "float", "b": "float"})
        >> ProfileWriter(output="a", path="_acme.rtml.a")
        >> ProfileWriter(output="b")
    )
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    pd.testing.assert_frame_equal(graph.run(frame), frame)
    runtime = Runtime.from_bytes(graph.compile(sample=frame).data)
    assert runtime.score_request({"a": 1.5, "b": 2.5}) == [{"a": 1.5, "b": 2.5}]
    assert [entry.plan for entry in runtime.manifest.boundary] == [{"paths": {"a": "_acme.rtml.a"}}, {"paths": {"b": ""}}]
    assert [entry.role for entry in runtime.manifest.boundary] == ["sink", "sink"]


def test_an_output_that_is_not_there() -> None:
    graph = Receiver(schema={"price": "float"}) >> ProfileWriter(output="prise")
    with pytest.raises(ColumnError, match="Column 'prise' does not exist"):
        graph.run(pd.DataFrame({"price": [1.0]}))
    with pytest.raises(ColumnError, match="Column 'prise' does not exist"):
        graph.compile()
    with pytest.raises(ColumnError, match="Did you mean 'price'"):
        ProfileWriter(output="prise").process(pd.DataFrame({"price": [1.0]}))


@pytest.mark.parametrize("path", ["score", "person.name", "_id.x", "_acme", "_acme.a[0]", "_acme..a", "_experience.a", ""])
def test_paths_that_are_not_ones_own(path: str) -> None:
    with pytest.raises(ParamError, match="ProfileWriter: parameter 'path' must be a path under a tenant"):
        ProfileWriter(output="a", path=path)


@pytest.mark.parametrize("params", [{}, {"output": ""}, {"output": 3}])
def test_outputs_that_are_none(params: dict[str, Any]) -> None:
    with pytest.raises(ParamError, match="parameter 'output'"):
        ProfileWriter(**params)
