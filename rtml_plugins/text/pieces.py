"""TextJoin, TextSplit, TextHash."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from rtml_core import Operator, Params, doc
from rtml_core.errors import ParamError
from rtml_plugins.text.common import (
    new_names,
    require_distinct,
    require_free,
    text_column,
    text_series,
    text_values,
    with_columns,
)

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic


class TextJoinParams(Params):
    """See TextJoin."""

    cols: Annotated[list[str], doc("The columns of texts, in order.")]
    into: Annotated[str, doc("Name of the new column.", "a column name")]
    separator: Annotated[str, doc("What stands between two texts.")] = " "
    missing: Annotated[
        Literal["null", "skip", "empty"],
        doc(
            "A missing text makes the whole missing ('null'), is passed by with its separator ('skip'; all missing: missing), or"
            " counts as an empty text ('empty')."
        ),
    ] = "null"

    def validate(self) -> None:
        require_distinct(self.cols, "cols")


class TextJoin(Operator):
    """Texts of several columns as one, with a separator between them.

    String columns, which stay -> one new string column.
    """

    Params = TextJoinParams
    lowering_kind = "extension"

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(title="string?", brand="string?", rows=40)
        return [(cls(cols=["title", "brand"], into="both"), rows)]

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        p = self.params
        require_free([p.into], map(str, frame.columns), "choose another name for 'into'")
        texts = [text_values(frame, name, self.name, missing=True) for name in p.cols]
        return with_columns(frame, {p.into: text_series([self._joined(row) for row in zip(*texts, strict=True)], frame.index)})

    def _joined(self, row: tuple[str | None, ...]) -> str | None:
        p = self.params
        there = [text for text in row if text is not None]
        if p.missing == "empty":
            return p.separator.join(text or "" for text in row)
        if len(there) < len(row) and p.missing == "null":
            return None
        return p.separator.join(there) if there else None

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_core.lowering.strings import concat
        from rtml_plugins.text.lowered.pieces import joined_there

        p = self.params
        require_free([p.into], columns, "choose another name for 'into'")
        chosen = [text_column(columns, name, self.name) for name in p.cols]
        if p.missing == "skip" and any(column.nullable for column in chosen):
            return {**columns, p.into: joined_there(b, chosen, p.separator)}
        return {**columns, p.into: concat(b, chosen, p.separator, na_rep="" if p.missing == "empty" else None)}


class TextSplitParams(Params):
    """See TextSplit."""

    column: Annotated[str, doc("The column of texts.", "a column name")]
    separator: Annotated[str, doc("Where the text is cut; a text, not a regular expression.")]
    into: Annotated[list[str], doc("Names of the new columns, for the parts from the first on.")]
    rest: Annotated[bool, doc("The last new column gets all that is left; else what is beyond it is dropped.")] = False

    def validate(self) -> None:
        require_distinct(self.into, "into")
        if not self.separator:
            raise ParamError("parameter 'separator' must be a text; got an empty one")


class TextSplit(Operator):
    """The parts of a text as columns; missing where a text has fewer.

    One string column, which stays -> as many string columns as `into` names. Missing in, missing out.
    """

    Params = TextSplitParams

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(title="string?", rows=40)
        return [(cls(column="title", separator=",", into=["first", "second"]), rows)]

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        p = self.params
        require_free(p.into, map(str, frame.columns), "choose other names for 'into'")
        limit = len(p.into) - 1 if p.rest else -1
        texts = text_values(frame, p.column, self.name, missing=True)
        parts = [[] if text is None else text.split(p.separator, limit) for text in texts]
        made = {name: [row[at] if at < len(row) else None for row in parts] for at, name in enumerate(p.into)}
        return with_columns(frame, {name: text_series(values, frame.index) for name, values in made.items()})

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_plugins.text.lowered.pieces import split_parts

        p = self.params
        require_free(p.into, columns, "choose other names for 'into'")
        column = text_column(columns, p.column, self.name)
        parts = split_parts(b, column, p.separator, len(p.into), rest=p.rest)
        return {**columns, **dict(zip(p.into, parts, strict=True))}


class TextHashParams(Params):
    """See TextHash."""

    cols: Annotated[str | list[str], doc("The column or columns of texts.", "a column name or a list of them")]
    buckets: Annotated[int, doc("How many buckets there are.")]
    into: Annotated[
        str | list[str] | None, doc("Names of the new columns, one for each of 'cols'; by default the texts are replaced.")
    ] = None
    seed: Annotated[int, doc("Another seed, other buckets; from 0 to 2^31 - 1.")] = 0

    def validate(self) -> None:
        new_names(self.cols, self.into)
        if not 1 <= self.buckets <= 2**31:
            raise ParamError(f"parameter 'buckets' must be from 1 to 2^31; got {self.buckets}")
        if not 0 <= self.seed < 2**31:
            raise ParamError(f"parameter 'seed' must be from 0 to 2^31 - 1; got {self.seed}")


class TextHash(Operator):
    """Texts -> numbers of buckets, for columns with more values than a vocabulary should hold.

    String columns -> int64 columns from 0 to `buckets` - 1, in place or new; float64 with NaN where a text may be missing.
    The bucket is the 32-bit MurmurHash3 (A. Appleby, x86 variant) of the UTF-8 bytes, without a sign, modulo `buckets`: the
    same in every process, on every machine and in every release.
    """

    Params = TextHashParams

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(title="string?", rows=40)
        return [(cls(cols="title", buckets=16), rows)]

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        import numpy as np
        import pandas as pd

        p = self.params
        made: dict[str, Any] = {}
        for name, target in new_names(p.cols, p.into).items():
            values = [self._bucket(text) for text in text_values(frame, name, self.name, missing=True)]
            dtype = np.float64 if None in values else np.int64
            made[target] = pd.Series([np.nan if v is None else v for v in values], index=frame.index, dtype=dtype)
        return with_columns(frame, made)

    def _bucket(self, text: str | None) -> int | None:
        from sklearn.utils import murmurhash3_32

        if text is None:
            return None
        return int(murmurhash3_32(text.encode(), seed=self.params.seed, positive=True)) % int(self.params.buckets)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_plugins.text.lowered.pieces import hashed

        p = self.params
        targets = new_names(p.cols, p.into)
        chosen = [text_column(columns, name, self.name) for name in targets]
        return {**columns, **dict(zip(targets.values(), hashed(b, chosen, p.buckets, p.seed), strict=True))}
