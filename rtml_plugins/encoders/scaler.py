"""Scaler: numbers moved and stretched to a common scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from rtml_core import doc
from rtml_core.errors import ColumnError, NotFittedError, ParamError
from rtml_plugins.encoders import values
from rtml_plugins.encoders.learned import ColumnLearner
from rtml_plugins.encoders.placing import ColumnsParams, placed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic
    from rtml_plugins.encoders.lookups import Wanted

_NUMBERS = ("float64", "float32", "int64", "bool")
#: far below the largest float64: adding or subtracting what is smaller than this can't make a finite number infinite
_HARMLESS = 1e290


class ScalerParams(ColumnsParams):
    """See Scaler."""

    method: Annotated[
        Literal["standard", "minmax", "robust", "maxabs"],
        doc(
            "standard: (x - mean) / standard deviation, that of the training rows (divided by n); minmax: (x - smallest) /"
            " (largest - smallest); robust: (x - median) / (upper - lower quantile), see 'quantiles'; maxabs: x / largest"
            " absolute value."
        ),
    ] = "standard"
    range: Annotated[
        tuple[float, float] | None,
        doc(
            "For minmax: where the smallest and the largest training value go; 0 and 1 by default.",
            "two numbers, the lower first",
        ),
    ] = None
    clip: Annotated[bool, doc("For minmax: values beyond those of the training rows go to the ends of the range.")] = False
    quantiles: Annotated[
        tuple[float, float] | None,
        doc("For robust: the two quantiles whose distance is the unit; 0.25 and 0.75 by default.", "two numbers between 0 and 1"),
    ] = None

    def validate(self) -> None:
        super().validate()
        for name, method in (("range", "minmax"), ("quantiles", "robust")):
            given = getattr(self, name)
            if given is None:
                continue
            if self.method != method:
                raise ParamError(f"parameter '{name}' must be left out unless 'method' is '{method}'; got {list(given)}")
            if not -_HARMLESS < given[0] < given[1] < _HARMLESS:
                raise ParamError(f"parameter '{name}' must be two numbers, the lower first; got {list(given)}")
        if self.quantiles is not None and not 0 <= self.quantiles[0] < self.quantiles[1] <= 1:
            raise ParamError(f"parameter 'quantiles' must be two numbers between 0 and 1; got {list(self.quantiles)}")
        if self.clip and self.method != "minmax":
            raise ParamError("parameter 'clip' must be left out unless 'method' is 'minmax'; got True")


class Scaler(ColumnLearner):
    """Moves and stretches columns of numbers to a common scale, learned by fit; float64 out, missing stays missing.

    Takes float, int and bool columns; float32 and whole numbers are computed in float64. With what the method learns, the
    answer is (x - center) / unit, in float64 and in this order. A column that is constant in the training rows has the unit
    1, so that it becomes 0 (by maxabs: 0 only where it is all zeros). Means and variances are correctly rounded sums divided
    by the number of values; quantiles lie between two values in proportion, as pandas computes them.
    """

    Params = ScalerParams
    state_key = "scale"
    learns = True

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(visits="int", rows=40)
        return [(cls(cols="visits").fit(rows), rows)]

    def setup(self) -> None:
        self.given = {}
        low, high = self.params.range or (0.0, 1.0)
        #: what minmax does after the division: None, or a factor and a summand
        self.stretch = None if (low, high) == (0.0, 1.0) else (float(high) - float(low), float(low))
        self.bounds = (float(low), float(high)) if self.params.clip else None

    def learn_column(self, series: pd.Series, name: str, dtype: str) -> dict[str, float]:
        """{"center": what is subtracted, "unit": what it is divided by}."""
        import numpy as np

        _require_number(name, dtype)
        values.refuse_infinite(series, name)
        there = np.sort(values.present(series).astype(np.float64))
        if not len(there):
            raise ColumnError(f"Column '{name}' has no value to learn from; leave it out, or fill it with a constant before")
        center, unit = self._learned_of(there, name)
        if not (math.isfinite(center) and math.isfinite(unit)):
            raise ColumnError(f"Column '{name}' spans more than float64 can hold; scale it down first")
        return {"center": center, "unit": unit if unit > 0 else 1.0}

    def _learned_of(self, ordered: np.ndarray[Any, Any], name: str) -> tuple[float, float]:
        import numpy as np

        first, last, n = float(ordered[0]), float(ordered[-1]), len(ordered)
        if first == last:  # rounding must not make a unit of it
            return (0.0, abs(first)) if self.params.method == "maxabs" else (first, 0.0)
        with np.errstate(over="ignore"):
            if self.params.method == "standard":
                mean = values.total(ordered, name) / n
                return mean, math.sqrt(values.total((ordered - mean) ** 2, name) / n)
            if self.params.method == "minmax":
                return first, last - first
            if self.params.method == "maxabs":
                return 0.0, max(abs(first), abs(last))
            lower, upper = self.params.quantiles or (0.25, 0.75)
            spread = values.quantile(ordered, upper) - values.quantile(ordered, lower)
            return values.quantile(ordered, 0.5), spread

    def scale_of(self, column: str) -> tuple[float, float]:
        """Center and unit of a column."""
        found = ((self.state or {}).get("scale") or {}).get(column)
        if found is None:
            raise NotFittedError(f"Scaler has to learn the scale of '{column}' first: call fit")
        return float(found["center"]), float(found["unit"])

    # ---- eager ------------------------------------------------------------------------------------------------------

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        import numpy as np
        import pandas as pd

        from rtml_core.frames import canonical, dtype_word

        frame = canonical(frame)
        values.require(self.params.columns, frame.columns)
        made = {}
        for name in self.params.columns:
            _require_number(name, dtype_word(frame[name]))
            numbers = frame[name].to_numpy(dtype=np.float64, na_value=np.nan)
            scaled = self.scaled(numbers, name)
            made[name] = {self.params.new_name(name): pd.Series(scaled, index=frame.index)}
        whole = placed({str(name): frame[name] for name in frame.columns}, made, self._into())
        return pd.DataFrame(whole, index=frame.index)

    def scaled(self, numbers: np.ndarray[Any, Any], column: str) -> np.ndarray[Any, Any]:
        """The formula on float64 numbers of a column."""
        import numpy as np

        center, unit = self.scale_of(column)
        with np.errstate(all="ignore"):
            result = (numbers - center) / unit if self._moves else numbers / unit
            if self.stretch is not None:
                result = result * self.stretch[0] + self.stretch[1]
            return result if self.bounds is None else np.clip(result, *self.bounds)

    @property
    def _moves(self) -> bool:
        return bool(self.params.method != "maxabs")

    def _into(self) -> dict[str, str]:
        return {name: self.params.new_name(name) for name in self.params.columns}

    # ---- compiled ---------------------------------------------------------------------------------------------------

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        values.require(self.params.columns, columns)
        names = self.params.columns
        for name in names:
            _require_number(name, columns[name].dtype)
        tables = {name: wanted for name in names if (wanted := self._table(columns[name], name)) is not None}
        made = self._scale_packed(b, {name: columns[name] for name in names if name not in tables})
        if tables:
            from rtml_plugins.encoders.lookups import look_up

            made |= {name: slots[0] for name, slots in zip(tables, look_up(b, list(tables.values())), strict=True)}
        return placed(columns, {name: {self.params.new_name(name): made[name]} for name in names}, self._into())

    def _table(self, column: Symbolic, name: str) -> Wanted | None:
        """For a column out of a table: the table of scaled numbers; None for every other column."""
        import numpy as np

        from rtml_plugins.encoders.lookups import through

        if column.dtype == "bool":
            return None

        def scaled(value: Any) -> float:
            return float(self.scaled(np.array([value], dtype=np.float64), name)[0])

        return through(column, scaled, "float64", nullable=column.nullable)

    def _scale_packed(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        """All columns side by side: one Sub and one Div for all of them."""
        from rtml_core.lowering.symbolic import Symbolic, matrix

        if not columns:
            return {}
        scales = [self.scale_of(name) for name in columns]
        result = matrix(b, list(columns.values()))
        if self._moves:
            result = b.op("Sub", result, b.const([[center for center, _ in scales]], "float64"))
        result = b.op("Div", result, b.const([[unit for _, unit in scales]], "float64"))
        if self.stretch is not None:
            result = b.op("Add", b.op("Mul", result, b.const(self.stretch[0], "float64")), b.const(self.stretch[1], "float64"))
        if self.bounds is not None:
            result = b.op("Clip", result, *(b.const(bound, "float64") for bound in self.bounds))
        return {
            name: Symbolic("float64", result, i, column.nullable, self._stays_finite(column, *scales[i]))
            for i, (name, column) in enumerate(columns.items())
        }

    def _stays_finite(self, column: Symbolic, center: float, unit: float) -> bool:
        """Whether no finite number of the column is so large that scaling makes it infinite."""
        small = column.dtype in ("int64", "bool", "float32") and unit > 1e-200
        stretched = self.stretch is None or self.stretch[0] <= 1
        return self.bounds is not None or (column.finite and abs(center) < _HARMLESS and stretched and (unit >= 1 or small))


def _require_number(column: str, dtype: str) -> None:
    if dtype not in _NUMBERS:
        raise ColumnError(f"Column '{column}' is a {dtype}; Scaler takes numbers and booleans")
