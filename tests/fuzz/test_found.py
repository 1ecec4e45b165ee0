"""What the fuzzer has found, once each, as small as it got."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from rtml_core import Graph
from rtml_core import operators as op
from rtml_core.testing import assert_refuses


def test_a_column_of_bins_is_text_where_no_row_falls_into_one() -> None:
    graph: Graph = (
        op.Receiver(schema={"zip": "float"})
        >> op.Pandas(import_="cut", cols="zip", kwargs={"bins": [1, 2]}, into="bin")
        >> op.Pandas(import_="eq", cols="bin", kwargs={"other": "red"}, into="red")
    )
    assert graph.run(pd.DataFrame({"zip": [100.0, 7.0]}))["red"].tolist() == [False, False]
    package = graph.compile(sample=pd.DataFrame({"zip": [100.0, 1.5]}))
    assert package.score({"zip": 100.0})["red"] is False


@pytest.mark.parametrize("other", [1e300, 2.0**63, -(2.0**64)])
def test_a_whole_number_beyond_int64_is_refused_in_a_column_of_whole_numbers(other: Any) -> None:
    frame = pd.DataFrame({"age": [1, 9]})
    node = op.Pandas(import_="where", cols="age", kwargs={"cond": "age > 5", "other": other})
    assert_refuses(node, frame, "int64", "astype")


@pytest.mark.parametrize(("method", "needs"), [("str.isdigit", "string"), ("str.lower", "string"), ("dt.hour", "timestamp")])
def test_an_accessor_on_a_column_of_another_dtype_is_refused(method: str, needs: str) -> None:
    node = op.Pandas(import_=method, cols="age", into="made")
    for values in ([True, False], [1.5, 2.0], [1, 2]):
        assert_refuses(node, pd.DataFrame({"age": values}), "age", needs, "first")
