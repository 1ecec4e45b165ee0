"""Operators that deal with messages: facts about a model, a graph inside of a node, one for authoring only."""

from __future__ import annotations

from typing import Any

import pandas as pd

from rtml_core import DataMsg, Graph, Operator, Params
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.lowering.trace import lower_subgraph
from rtml_core.operator import frame_of

Columns = dict[str, Symbolic]


class Api1Tag(Operator):
    """Names the model in the message; the frame passes."""

    role = "model"

    class Params(Params):
        model_id: str

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        return DataMsg(data=frame_of(message, self.name), model={"model_id": self.params.model_id})

    def lower(self, b: Builder, columns: Columns) -> Columns:
        return dict(columns)


class Api1Inside(Operator):
    """Runs two operators of this plugin as one node."""

    class Params(Params):
        a: str
        b: str

    def setup(self) -> None:
        from rtml_api1.numbers import Api1Sign, Api1Span

        self.inner: Graph = Api1Span(a=self.params.a, b=self.params.b, id="span") >> Api1Sign(col="span", limit=1.0, id="sign")
        self.inner.nodes["sign"].learns = False

    def subgraph(self) -> Graph:
        return self.inner

    @property
    def tolerance(self) -> tuple[float, float]:  # type: ignore[override]
        return self.inner.nodes["span"].tolerance

    def process(self, message: Any = None, *_: Any) -> DataMsg:
        given = self.inner.process(frame_of(message, self.name))
        (end,) = self.inner.ends()
        return DataMsg(data=given[end].data, inner=given)

    def lower(self, b: Builder, columns: Columns) -> Columns:
        return lower_subgraph(self.inner, b, columns)


class Api1Sorted(Operator):
    """The rows in order, for looking at them; never compiled."""

    role = "authoring"

    class Params(Params):
        by: str

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.sort_values(self.params.by, ignore_index=True)


OPERATORS = [Api1Tag, Api1Inside, Api1Sorted]
