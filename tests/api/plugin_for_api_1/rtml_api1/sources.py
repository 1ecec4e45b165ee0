"""A source and a sink."""

from __future__ import annotations

from typing import Any

import pandas as pd

from rtml_core import Operator, Params
from rtml_core.columns import Field, parse_signature
from rtml_core.errors import ColumnError
from rtml_core.frames import canonical, schema_of
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic

Columns = dict[str, Symbolic]


class Api1Rows(Operator):
    """Where rows come in: declares their fields."""

    role = "source"

    class Params(Params):
        schema: dict[str, Any]

    def source_fields(self) -> tuple[Field, ...]:
        return parse_signature(self.params.schema)

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        rows = canonical(frame[list(self.params.schema)])
        for name, column in schema_of(rows).items():
            if column.nullable and not str(self.params.schema[name]).endswith("?"):
                raise ColumnError(f"Column '{name}' must not be missing")
        return rows

    def lower(self, b: Builder, columns: Columns) -> Columns:
        return {name: columns[name] for name in self.params.schema}


class Api1Only(Operator):
    """Keeps some columns, the last node of a graph."""

    role = "sink"

    class Params(Params):
        cols: list[str]

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[self.params.cols]

    def lower(self, b: Builder, columns: Columns) -> Columns:
        return {name: columns[name] for name in self.params.cols}


class Api1Keys(Operator):
    """Number fields out of the event of a request."""

    role = "source"

    class Params(Params):
        names: list[str]

    def source_fields(self) -> tuple[Field, ...]:
        return parse_signature(dict.fromkeys(self.params.names, "float?"))

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return canonical(frame)

    def lower(self, b: Builder, columns: Columns) -> Columns:
        return dict(columns)

    def boundary(self) -> dict[str, Any]:
        return {"part": "event"}


class Api1Wrap(Operator):
    """Shapes answers, and changes no column."""

    role = "sink"

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame

    def lower(self, b: Builder, columns: Columns) -> Columns:
        return dict(columns)

    def boundary(self) -> dict[str, Any]:
        return {"key": "wrapped"}


OPERATORS = [Api1Rows, Api1Only, Api1Keys, Api1Wrap]
