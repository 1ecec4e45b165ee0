"""OneHotEncoder: a column of 0 and 1 for each category of a column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from rtml_core import Params, doc
from rtml_core.errors import ColumnError, NotFittedError, ParamError, listing
from rtml_plugins.encoders import values
from rtml_plugins.encoders.category import positions, refuse_rows, require_encodable
from rtml_plugins.encoders.learned import ColumnLearner

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.onehot import Encoding
    from rtml_core.lowering.symbolic import Symbolic


#: more categories than this are learned by mistake: an id, a free text
MOST: Final = 1_000


class OneHotParams(Params):
    """See OneHotEncoder."""

    cols: Annotated[str | list[str], doc("The column or columns to encode.", "a column name or a list of them")]
    categories: Annotated[
        list[Any] | dict[str, list[Any]] | None,
        doc(
            "The values that get a column, in order: a list, or by column. What is left out is learned by fit: every value of the"
            " training frame, ascending.",
            "a list of values or an object of column names and lists of values",
        ),
    ] = None
    handle_unknown: Annotated[
        Literal["ignore", "error"],
        doc("ignore: a value that is no category, or is missing, is 0 in every column. error: the row is refused."),
    ] = "ignore"
    drop: Annotated[
        Literal["first", "if_binary"] | None,
        doc("first: no column for the first category. if_binary: so only where there are two categories."),
    ] = None
    prefix: Annotated[
        str | dict[str, str] | None,
        doc("What the new names start with, or by column; by default the column's name.", "a string or an object of strings"),
    ] = None

    def validate(self) -> None:
        values.check_cols(self.cols)
        self.categories = values.plain(self.categories)
        values.check_listed(values.by_column(self.categories, self.columns, "categories"), "categories")
        if isinstance(self.prefix, str) and len(self.columns) > 1:
            raise ParamError(f"parameter 'prefix' must be an object of column names and prefixes here; got {self.prefix!r}")
        unknown = [name for name in self.prefix if name not in self.columns] if isinstance(self.prefix, dict) else []
        if unknown:
            raise ParamError(f"parameter 'prefix' must be about the columns in 'cols'; got '{unknown[0]}'")

    @property
    def columns(self) -> list[str]:
        """`cols` as a list."""
        return values.as_list(self.cols)

    def prefix_of(self, column: str) -> str:
        """What the names of the column's new columns start with."""
        if isinstance(self.prefix, dict):
            return self.prefix.get(column, column)
        return column if self.prefix is None else self.prefix


class OneHotEncoder(ColumnLearner):
    """Replaces columns by a float64 column of 0 and 1 for each category, named <column>_<category>, at the end of the frame.

    Takes string, number and boolean columns. The categories are fixed, by parameter or by fit, so that a frame of one row
    gets the same columns as the training frame. A missing value is no category.
    """

    Params = OneHotParams
    state_key = "categories"

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(brand="string?", rows=40)
        return [(cls(cols="brand").fit(rows), rows)]

    def setup(self) -> None:
        self.given = values.by_column(self.params.categories, self.params.columns, "categories") or {}
        #: learns only what the parameters leave open
        self.learns = any(name not in self.given for name in self.params.columns)

    def learn_column(self, series: pd.Series, name: str, dtype: str) -> Any:
        """The different values, in ascending order."""
        values.refuse_infinite(series, name)
        found = sorted(value for value, _ in values.counts(series))
        if not found:
            raise ColumnError(f"Column '{name}' has no value to learn categories from; list them in 'categories'")
        if len(found) > MOST:
            raise ColumnError(
                f"Column '{name}' has {len(found):,} different values, each would become a column; group them first, e.g."
                f' GroupRare(cols="{name}", top=20), or list the categories'
            )
        require_encodable(name, dtype)
        return [values.to_json(value, dtype) for value in found]

    def listed(self, column: str) -> list[Any]:
        """The categories of a column as they were given or learned."""
        found = self.given.get(column) or ((self.state or {}).get("categories") or {}).get(column)
        if found is None:
            raise NotFittedError(f"OneHotEncoder has to learn the categories of '{column}' first: call fit, or list them")
        return list(found)

    def categories_of(self, column: str, dtype: str) -> tuple[Any, ...]:
        """The categories of a column in carrier form; raises ColumnError when the column can't hold one of them."""
        require_encodable(column, dtype)
        return tuple(values.carried(value, dtype, column, "category") for value in self.listed(column))

    def skip_of(self, column: str) -> int:
        """How many of the first categories get no column."""
        return int(self.params.drop == "first" or (self.params.drop == "if_binary" and len(self.listed(column)) == 2))

    def names_of(self, column: str) -> list[str]:
        """Names of the new columns of a column."""
        return [f"{self.params.prefix_of(column)}_{category}" for category in self.listed(column)[self.skip_of(column) :]]

    def _check_names(self, rest: Iterable[str]) -> None:
        taken = set(rest)
        for column in self.params.columns:
            for name in self.names_of(column):
                if name in taken:
                    raise ColumnError(f"Column '{name}' would be there twice; give '{column}' another prefix")
                taken.add(name)

    # ---- eager ------------------------------------------------------------------------------------------------------

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        import numpy as np
        import pandas as pd

        from rtml_core.frames import canonical, dtype_word

        frame = canonical(frame)
        values.require(self.params.columns, frame.columns)
        rest = frame.drop(columns=self.params.columns)
        self._check_names(rest.columns)
        made: dict[str, Any] = {}
        for name in self.params.columns:
            categories = self.categories_of(name, dtype_word(frame[name]))
            found = positions(frame[name], categories)
            if self.params.handle_unknown == "error" and (found < 0).any():
                self._refuse(frame[name], found < 0)
            for position, new in enumerate(self.names_of(name), self.skip_of(name)):
                made[new] = (found == position).astype(np.float64)
        return pd.concat([rest, pd.DataFrame(made, index=frame.index)], axis=1)

    def _refuse(self, series: pd.Series, wrong: Any) -> None:
        listed = self.listed(str(series.name))
        refuse_rows(series, wrong, f"one of the {len(listed)} categories of '{series.name}': {listing(map(str, listed), 10)}")

    # ---- compiled ---------------------------------------------------------------------------------------------------

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_core.lowering.onehot import Encoding, one_hot

        values.require(self.params.columns, columns)
        result = {name: column for name, column in columns.items() if name not in self.params.columns}
        self._check_names(result)
        encodings: dict[str, Encoding] = {}
        for name in self.params.columns:
            column = columns[name]
            categories = self.categories_of(name, column.dtype)
            carried = tuple(map(float, categories)) if column.carrier == "float64" else categories
            encodings[name] = Encoding(column, carried, self.skip_of(name))
            if self.params.handle_unknown == "error":
                self._check(b, name, encodings[name])
        wanted = [name for name, encoding in encodings.items() if encoding.width]
        for name, hot in zip(wanted, one_hot(b, [encodings[name] for name in wanted]), strict=True):
            result.update(zip(self.names_of(name), hot, strict=True))
        return result

    def _check(self, b: Builder, name: str, encoding: Encoding) -> None:
        from rtml_core.lowering.onehot import category_code
        from rtml_core.lowering.symbolic import value_of

        listed = self.listed(name)
        code = value_of(b, category_code(b, encoding))
        known = b.op("Less", code, b.const([[len(listed)]], "int64"), dtype="bool")
        b.check(known, f"a value of '{name}' that is none of its {len(listed)} categories: {listing(map(str, listed), 10)}")

    def parity_cases(self) -> pd.DataFrame | None:
        """Every category of string columns, and what is close to one; None when a column is of another kind."""
        import pandas as pd

        rows: dict[str, list[str]] = {}
        for name in self.params.columns:
            listed = self.listed(name)
            if not all(isinstance(value, str) for value in listed):
                return None
            rows[name] = [*listed, "", *(f"{value} " for value in listed[:3]), *(value.swapcase() for value in listed[:3])]
        length = max(map(len, rows.values()))
        return pd.DataFrame({name: [texts[i % len(texts)] for i in range(length)] for name, texts in rows.items()})
