"""Where results go: in place of their column, or beside it under names of the author's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeVar

from rtml_core import Params, doc
from rtml_core.errors import ColumnError, ParamError
from rtml_plugins.encoders import values

T = TypeVar("T")


class ColumnsParams(Params):
    """The parameters that say which columns, and where the results go."""

    cols: Annotated[str | list[str], doc("The column or columns.", "a column name or a list of them")]
    into: Annotated[
        str | dict[str, str] | None,
        doc(
            "The new column, or by column; the old one stays then. By default the result takes its place.",
            "a column name, or an object of column names and new names",
        ),
    ] = None

    def validate(self) -> None:
        values.check_cols(self.cols)
        if isinstance(self.into, str) and len(self.columns) > 1:
            raise ParamError(f"parameter 'into' must be an object of column names and new names here; got {self.into!r}")
        if isinstance(self.into, dict):
            unknown = [name for name in self.into if name not in self.columns]
            if unknown:
                raise ParamError(f"parameter 'into' must be about the columns in 'cols'; got '{unknown[0]}'")

    @property
    def columns(self) -> list[str]:
        """`cols` as a list."""
        return values.as_list(self.cols)

    def new_name(self, column: str) -> str:
        """What the result of a column is called."""
        given = self.into.get(column) if isinstance(self.into, dict) else self.into
        return column if given is None else given


def placed(columns: Mapping[str, T], made: Mapping[str, Mapping[str, T]], into: Mapping[str, str]) -> dict[str, T]:
    """The columns of a frame with what was made of some of them.

    made: for each column, its results by name. A result that has the column's name stands where the column stood; results
    of other names stand at the end, and the column goes, unless `into` names a new column for it. Raises ColumnError when
    a name would be there twice.
    """
    gone = {name for name, results in made.items() if name not in results and into[name] == name}
    result = {name: made.get(name, {}).get(name, column) for name, column in columns.items() if name not in gone}
    for column, results in made.items():
        for name, value in results.items():
            if name == column:
                continue
            if name in result:
                raise ColumnError(f"Column '{name}' would be there twice; give the result of '{column}' another name with 'into'")
            result[name] = value
    return result
