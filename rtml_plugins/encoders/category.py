"""What the operators share that turn the values of a column into numbers by a table: eager form, lowering, edge rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from rtml_core.errors import ColumnError, InputError, InputProblem, describe, listing
from rtml_plugins.encoders import values
from rtml_plugins.encoders.learned import ColumnLearner
from rtml_plugins.encoders.placing import placed

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

#: more values than this are learned by mistake: an id, a free text
MOST_CATEGORIES: Final = 50_000
_MOST_EDGES: Final = 500


@dataclass(frozen=True)
class Codes:
    """What one column becomes: float64 rows of results, one for each category (carrier form), NaN where missing.

    unknown, missing: the rows for every other value and for a missing one; None where such a row of data is refused.
    names: of the new columns.
    """

    categories: tuple[Any, ...]
    rows: tuple[tuple[float, ...], ...]
    unknown: tuple[float, ...] | None
    missing: tuple[float, ...] | None
    names: tuple[str, ...]

    @property
    def absent(self) -> tuple[float, ...]:
        """A row of missing values."""
        return (float("nan"),) * len(self.names)


class CategoryEncoder(ColumnLearner):
    """Numbers for categories, learned or given, as float64 columns."""

    def codes(self, column: str, dtype: str) -> Codes:
        """The table of a column of this dtype. Raises ColumnError for a dtype without categories, NotFittedError before fit."""
        raise NotImplementedError

    # ---- eager ------------------------------------------------------------------------------------------------------

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        import numpy as np
        import pandas as pd

        from rtml_core.frames import canonical, dtype_word

        frame = canonical(frame)
        values.require(self.params.columns, frame.columns)
        made: dict[str, dict[str, Any]] = {}
        for name in self.params.columns:
            series = frame[name]
            codes = self.codes(name, dtype_word(series))
            found = positions(series, codes.categories)
            missing = series.isna().to_numpy()
            refused = (missing if codes.missing is None else False) | ((found < 0) & ~missing if codes.unknown is None else False)
            if np.any(refused):
                refuse_rows(series, np.asarray(refused), self._expected(name, codes))
            table = np.array([*codes.rows, codes.unknown or codes.absent, codes.missing or codes.absent], dtype=np.float64)
            count = len(codes.categories)
            row = np.where(missing, count + 1, np.where(found < 0, count, found))
            results = table[row]
            made[name] = {new: pd.Series(results[:, i], index=frame.index) for i, new in enumerate(codes.names)}
        whole = placed({str(name): frame[name] for name in frame.columns}, made, self._into())
        return pd.DataFrame(whole, index=frame.index)

    def _into(self) -> dict[str, str]:
        return {name: self.params.new_name(name) for name in self.params.columns}

    def _expected(self, name: str, codes: Codes) -> str:
        if codes.unknown is not None:
            return f"a value of '{name}'"
        also = "" if codes.missing is None else ", or null"
        return f"one of the {len(codes.categories)} categories of '{name}': {listing(map(str, codes.categories), 10)}{also}"

    def _refused(self, name: str, codes: Codes, nullable: bool) -> str:
        """What a row is refused for, as a row check says it."""
        unknown = f"none of its {len(codes.categories)} categories: {listing(map(str, codes.categories), 10)}"
        whats = [*(["missing"] if nullable and codes.missing is None else []), *([unknown] if codes.unknown is None else [])]
        return f"a value of '{name}' that is {' or '.join(whats)}"

    # ---- compiled ---------------------------------------------------------------------------------------------------

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_plugins.encoders.lookups import look_up

        values.require(self.params.columns, columns)
        names = self.params.columns
        codes = {name: self.codes(name, columns[name].dtype) for name in names}
        self._check(b, columns, codes)
        found = look_up(b, [_wanted(columns[name], codes[name]) for name in names])
        made = {name: dict(zip(codes[name].names, slots, strict=True)) for name, slots in zip(names, found, strict=True)}
        return placed(columns, made, self._into())

    def _check(self, b: Builder, columns: dict[str, Symbolic], codes: dict[str, Codes]) -> None:
        """Refuse rows whose values have no number, all columns in one lookup."""
        from rtml_core.lowering.symbolic import matrix
        from rtml_plugins.encoders.lookups import Wanted, look_up

        strict = [n for n, c in codes.items() if c.unknown is None or (c.missing is None and columns[n].nullable)]
        if not strict:
            return
        flags = []
        for name in strict:
            column, table = columns[name], codes[name]
            allowed: dict[Any, tuple[int]] = dict.fromkeys(table.categories, (1,))
            if column.nullable:
                allowed[_missing(column)] = (int(table.missing is not None),)
            flags.append(Wanted(column, allowed, (int(table.unknown is not None),), "int64"))
        ok = b.cast(matrix(b, [slots[0] for slots in look_up(b, flags)], "int64"), "bool")
        for position, name in enumerate(strict):
            b.check(b.take(ok, [position]), self._refused(name, codes[name], columns[name].nullable))

    def parity_cases(self) -> pd.DataFrame | None:
        """Categories of string columns, and what is close to one; None when a column is of another kind."""
        import pandas as pd

        rows: dict[str, list[str]] = {}
        for name in self.params.columns:
            listed = self.listed(name)
            if not listed or not all(isinstance(value, str) for value in listed):
                return None
            few = listed[:_MOST_EDGES]
            rows[name] = [*few, "", *(f"{value} " for value in few[:3]), *(value.swapcase() for value in few[:3])]
        length = max(map(len, rows.values()))
        return pd.DataFrame({name: [texts[i % len(texts)] for i in range(length)] for name, texts in rows.items()})

    def listed(self, column: str) -> list[Any]:
        """The categories of a column as JSON values, as given or learned."""
        raise NotImplementedError


def _missing(column: Symbolic) -> Any:
    from rtml_core.lowering.symbolic import missing_of

    return missing_of(column.carrier)


def _wanted(column: Symbolic, codes: Codes) -> Any:
    from rtml_plugins.encoders.lookups import Wanted

    keys = [float(key) for key in codes.categories] if column.carrier == "float64" else codes.categories
    table = dict(zip(keys, codes.rows, strict=True))
    refused = (0.0,) * len(codes.names)  # never seen: a check refuses the row
    default = refused if codes.unknown is None else codes.unknown
    if column.nullable:
        table[_missing(column)] = refused if codes.missing is None else codes.missing
    nullable = any(value != value for row in (*table.values(), default) for value in row)
    return Wanted(column, table, default, "float64", nullable)


def refuse_rows(series: pd.Series, wrong: Any, expected: str) -> None:
    """Raise InputError about the rows of a column where `wrong` (bool [N]) is true."""
    rows = [int(row) for row in wrong.nonzero()[0]]
    missing = series.isna().to_numpy()
    got = ["a missing value" if missing[row] else describe(series.iloc[row]) for row in rows]
    raise InputError([InputProblem(f"/{row}/{series.name}", expected, what) for row, what in zip(rows, got, strict=True)])


def require_encodable(column: str, dtype: str) -> None:
    """Raise ColumnError for a dtype that has no categories."""
    if dtype in ("timestamp", "timedelta"):
        raise ColumnError(
            f"Column '{column}' is a {dtype}, which has no categories; take a part of it first, e.g."
            f' Pandas(import_="dt.dayofweek", cols="{column}", into="{column}_weekday")'
        )


def counted(series: pd.Series, name: str, dtype: str, cure: str) -> list[tuple[Any, int]]:
    """values.counts of a column that has categories; raises ColumnError when it has none, too many, or an infinite one."""
    require_encodable(name, dtype)
    values.refuse_infinite(series, name)
    found = values.counts(series)
    if not found:
        raise ColumnError(f"Column '{name}' has no value to learn from; {cure}")
    if len(found) > MOST_CATEGORIES:
        raise ColumnError(
            f"Column '{name}' has {len(found):,} different values, which looks like an id; group them first, e.g."
            f' GroupRare(cols="{name}", top=100)'
        )
    return found


def positions(series: pd.Series, categories: tuple[Any, ...]) -> Any:
    """Position of each value among the categories, -1 for none of them, as int64 [N]."""
    import numpy as np
    import pandas as pd

    if isinstance(series.dtype, pd.StringDtype):
        return pd.Index(categories, dtype=object).get_indexer(series.astype(object).where(series.notna(), None))
    if isinstance(series.dtype, pd.BooleanDtype):
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return pd.Index(np.asarray(categories, dtype=np.float64)).get_indexer(numbers)
    return pd.Index(np.asarray(categories, dtype=series.dtype)).get_indexer(series.to_numpy())
