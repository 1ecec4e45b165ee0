"""Operators on texts: a lookup, operators of the extensions and of ai.onnx.ml, a custom operator in Python."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd

from rtml_core import Operator, Params, doc
from rtml_core.columns import MISSING_STRING
from rtml_core.custom_ops import apply
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.custom import custom, custom_each
from rtml_core.lowering.symbolic import Symbolic, keep_missing, lookup, new, require_dtype, value_of
from rtml_core.lowering.trace import require_column

Columns = dict[str, Symbolic]


class Api1Region(Operator):
    """The region of a country: a new string column, missing where the country is missing or unknown."""

    class Params(Params):
        col: Annotated[str, doc("column of country codes")]
        regions: dict[str, str]

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(region=frame[self.params.col].map(self.params.regions))

    def lower(self, b: Builder, columns: Columns) -> Columns:
        country = require_column(columns, self.params.col)
        require_dtype(country, ("string",), "a column of strings")
        return {**columns, "region": lookup(b, country, self.params.regions, MISSING_STRING, "string", nullable=True)}

    def parity_cases(self) -> pd.DataFrame:
        return pd.DataFrame({self.params.col: [*self.params.regions, "", None]})

    def to_json(self) -> dict[str, Any]:
        return {"col": self.params.col, "regions": dict(sorted(self.params.regions.items()))}


class Api1Rank(Operator):
    """The number of a word in a list, -1 for others: a new int64 column."""

    class Params(Params):
        col: str
        words: list[str]

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        ranks = {word: rank for rank, word in enumerate(self.params.words)}
        return frame.assign(rank=frame[self.params.col].map(ranks).fillna(-1).astype("int64"))

    def lower(self, b: Builder, columns: Columns) -> Columns:
        value = value_of(b, require_column(columns, self.params.col))
        numbers = list(range(len(self.params.words)))
        rank = b.label_encode(value, self.params.words, numbers, -1, keys_dtype="string", values_dtype="int64")
        return {**columns, "rank": new("int64", rank)}


class Api1Code(Operator):
    """1 for one word and 0 for all others, by an operator of ai.onnx.ml; and the length of the text in ASCII: int64 columns."""

    class Params(Params):
        col: str
        word: str

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        texts = frame[self.params.col]
        return frame.assign(code=(texts == self.params.word).astype("int64"), length=texts.str.len().fillna(1).astype("int64"))

    def lower(self, b: Builder, columns: Columns) -> Columns:
        value = value_of(b, require_column(columns, self.params.col))
        code = b.ml("LabelEncoder", value, dtype="int64", keys_strings=[self.params.word], values_int64s=[1], default_int64=0)
        return {**columns, "code": new("int64", code), "length": new("int64", b.ext("StringLength", value, dtype="int64"))}


class Api1Turn(Operator):
    """Texts turned round by a custom operator in Python, in place; missing stays missing."""

    lowering_kind = "python"

    class Params(Params):
        cols: list[str]
        times: int = 1

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        from rtml_api1.custom import TURN

        made = {}
        for name in self.params.cols:
            texts = frame[name].astype(object).where(frame[name].notna(), None).to_numpy()
            made[name] = pd.Series(apply(TURN, texts, times=self.params.times)[0], index=frame.index, dtype=object).astype("str")
        return frame.assign(**made)

    def lower(self, b: Builder, columns: Columns) -> Columns:
        from rtml_api1.custom import TURN

        chosen = [require_column(columns, name) for name in self.params.cols]
        if len(chosen) == 1:
            return {**columns, self.params.cols[0]: custom(b, TURN, chosen[0], times=self.params.times)[0]}
        made = custom_each(b, TURN, chosen, times=self.params.times)
        return {**columns, **dict(zip(self.params.cols, made, strict=True))}


class Api1Upper(Operator):
    """ASCII texts in upper case, in place; missing stays missing."""

    class Params(Params):
        col: str

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{self.params.col: frame[self.params.col].str.upper()})

    def lower(self, b: Builder, columns: Columns) -> Columns:
        column = require_column(columns, self.params.col)
        upper = keep_missing(b, column, b.ext("StringUpper", value_of(b, column)))
        return {**columns, self.params.col: new("string", upper, nullable=column.nullable)}


OPERATORS = [Api1Region, Api1Rank, Api1Code, Api1Turn, Api1Upper]
