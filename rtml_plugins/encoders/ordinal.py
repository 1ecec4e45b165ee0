"""OrdinalEncoder: categories become whole numbers, in an order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from rtml_core import doc
from rtml_core.errors import ColumnError, NotFittedError, ParamError
from rtml_plugins.encoders import values
from rtml_plugins.encoders.category import CategoryEncoder, Codes, counted, require_encodable
from rtml_plugins.encoders.placing import ColumnsParams

if TYPE_CHECKING:
    import pandas as pd

#: whole numbers up to here are exact in float64
_EXACT = 2**53


class OrdinalParams(ColumnsParams):
    """See OrdinalEncoder."""

    order: Annotated[
        list[Any] | dict[str, list[Any]] | None,
        doc(
            "The categories in their order: a list, or by column. What is left out is learned by fit.",
            "a list of values or an object of column names and lists of values",
        ),
    ] = None
    by: Annotated[
        Literal["value", "frequency"],
        doc("How learned categories are ordered: ascending by value, or the most frequent first (ties ascending by value)."),
    ] = "value"
    handle_unknown: Annotated[
        Literal["code", "missing", "error"],
        doc("A value that is no category. code: it becomes 'unknown_code'; missing: it is missing; error: the row is refused."),
    ] = "code"
    unknown_code: Annotated[int, doc("The number of every value that is no category; none that a category has.")] = -1
    handle_missing: Annotated[
        Literal["missing", "category", "unknown", "error"],
        doc(
            "A missing value. missing: it stays so; category: it is one more, the last one; unknown: as 'handle_unknown' says;"
            " error: the row is refused."
        ),
    ] = "missing"

    def validate(self) -> None:
        super().validate()
        self.order = values.plain(self.order)
        listed = values.by_column(self.order, self.columns, "order")
        values.check_listed(listed, "order")
        if abs(self.unknown_code) > _EXACT:
            raise ParamError(f"parameter 'unknown_code' must lie within 2^53, where float64 is exact; got {self.unknown_code}")
        longest = max((len(found) for found in (listed or {}).values()), default=0)
        if self.is_taken(longest):
            raise ParamError(f"parameter 'unknown_code' must be a number that no category has; got {self.unknown_code}")

    def is_taken(self, categories: int) -> bool:
        """Whether so many categories leave 'unknown_code' to one of them."""
        return self.handle_unknown == "code" and 0 <= self.unknown_code < categories + (self.handle_missing == "category")


class OrdinalEncoder(CategoryEncoder):
    """Replaces columns by the position of their values in an order, from 0, as float64; one column stays one column.

    Takes string, number and boolean columns. The order is given, or learned by fit: ascending, or the most frequent first.
    The codes are float64 so that a missing value can travel with them. scikit-learn has a class of this name, too: to use
    that one, give it to the ScikitLearn operator.
    """

    Params = OrdinalParams
    state_key = "order"

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(brand="string?", rows=40)
        return [(cls(cols="brand").fit(rows), rows)]

    def setup(self) -> None:
        self.given = values.by_column(self.params.order, self.params.columns, "order") or {}
        self.learns = any(name not in self.given for name in self.params.columns)

    def learn_column(self, series: pd.Series, name: str, dtype: str) -> Any:
        """The different values in their order."""
        found = counted(series, name, dtype, "list its categories in 'order'")
        if self.params.by == "value":
            found = sorted(found)
        if self.params.is_taken(len(found)):
            code = self.params.unknown_code
            raise ColumnError(
                f"Column '{name}' has a category with the number {code}, which is 'unknown_code'; leave that below 0"
            )
        return [values.to_json(value, dtype) for value, _ in found]

    def listed(self, column: str) -> list[Any]:
        found = self.given.get(column) or ((self.state or {}).get("order") or {}).get(column)
        if found is None:
            raise NotFittedError(f"OrdinalEncoder has to learn the categories of '{column}' first: call fit, or list them")
        return list(found)

    def codes(self, column: str, dtype: str) -> Codes:
        require_encodable(column, dtype)
        listed = self.listed(column)
        categories = tuple(values.carried(value, dtype, column, "category") for value in listed)
        nothing = (float("nan"),)
        unknown = {"code": (float(self.params.unknown_code),), "missing": nothing, "error": None}[self.params.handle_unknown]
        missing = {"missing": nothing, "category": (float(len(listed)),), "unknown": unknown, "error": None}
        rows = tuple((float(code),) for code in range(len(listed)))
        return Codes(categories, rows, unknown, missing[self.params.handle_missing], (self.params.new_name(column),))
