"""FrequencyEncoder: how common a value is in the training frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from rtml_core import doc
from rtml_core.errors import NotFittedError
from rtml_plugins.encoders import values
from rtml_plugins.encoders.category import CategoryEncoder, Codes, counted, require_encodable
from rtml_plugins.encoders.placing import ColumnsParams

if TYPE_CHECKING:
    import pandas as pd


class FrequencyParams(ColumnsParams):
    """See FrequencyEncoder."""

    measure: Annotated[
        Literal["share", "count"],
        doc("share: the share of all training rows, missing ones included, that hold the value; count: their number."),
    ] = "share"
    handle_unknown: Annotated[
        Literal["zero", "missing", "error"],
        doc(
            "A value that the training frame does not have. zero: it becomes 0; missing: it is missing; error: the row is"
            " refused."
        ),
    ] = "zero"
    handle_missing: Annotated[
        Literal["category", "unknown", "missing", "error"],
        doc(
            "A missing value. category: the share or count of the training rows where the column is missing; unknown: as"
            " 'handle_unknown' says; missing: it stays so; error: the row is refused."
        ),
    ] = "category"


class FrequencyEncoder(CategoryEncoder):
    """Replaces columns by how frequent their values are in the training frame, as float64; one column stays one column.

    Takes string, number and boolean columns. With n training rows of which k hold a value, its share is k / n.
    """

    Params = FrequencyParams
    state_key = "counts"
    learns = True

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(brand="string?", rows=40)
        return [(cls(cols="brand").fit(rows), rows)]

    def setup(self) -> None:
        self.given = {}

    def learn_column(self, series: pd.Series, name: str, dtype: str) -> Any:
        """{"rows": number of training rows, "missing": of those where it is missing, "values": [[value, count], ...]}."""
        found = counted(series, name, dtype, "leave it out")
        pairs = [[values.to_json(value, dtype), count] for value, count in found]
        return {"rows": len(series), "missing": int(series.isna().sum()), "values": pairs}

    def _learned(self, column: str) -> dict[str, Any]:
        found: dict[str, Any] | None = ((self.state or {}).get("counts") or {}).get(column)
        if found is None:
            raise NotFittedError(f"FrequencyEncoder has to count the values of '{column}' first: call fit")
        return found

    def listed(self, column: str) -> list[Any]:
        return [value for value, _ in self._learned(column)["values"]]

    def codes(self, column: str, dtype: str) -> Codes:
        require_encodable(column, dtype)
        learned = self._learned(column)
        of = learned["rows"] if self.params.measure == "share" else 1
        categories = tuple(values.carried(value, dtype, column, "category") for value in self.listed(column))
        nothing = (float("nan"),)
        unknown = {"zero": (0.0,), "missing": nothing, "error": None}[self.params.handle_unknown]
        own = (learned["missing"] / of,)
        missing = {"category": own, "unknown": unknown, "missing": nothing, "error": None}[self.params.handle_missing]
        rows = tuple((count / of,) for _, count in learned["values"])
        return Codes(categories, rows, unknown, missing, (self.params.new_name(column),))
