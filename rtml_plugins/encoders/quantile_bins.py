"""QuantileBins: numbers to bins that hold equally many rows of the training frame."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from rtml_core import doc
from rtml_core.errors import ColumnError, NotFittedError, ParamError, describe
from rtml_plugins.encoders import values
from rtml_plugins.encoders.category import refuse_rows
from rtml_plugins.encoders.learned import ColumnLearner
from rtml_plugins.encoders.placing import ColumnsParams, placed

if TYPE_CHECKING:
    import onnx_ir as ir
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic
    from rtml_plugins.encoders.lookups import Wanted

_MOST_BINS: Final = 1_000
#: digits that a number in a label has at least, where it has so many
_DIGITS: Final = 6


class QuantileParams(ColumnsParams, kw_only=True):
    """See QuantileBins."""

    bins: Annotated[
        int | list[float],
        doc(
            "How many bins of equally many training rows; or the quantiles at which bins end, ascending.",
            "a whole number from 2, or a list of numbers between 0 and 1",
        ),
    ]
    labels: Annotated[
        Literal["range", "code"] | list[str] | dict[str, list[str]],
        doc(
            'What a bin is called. range: by its ends, "(2.5, 7]"; code: 0, 1, 2, ... as float64; or a list of names, or one by'
            " column.",
            "'range', 'code', a list of strings, or an object of column names and lists of strings",
        ),
    ] = "range"
    handle_missing: Annotated[
        Literal["missing", "bin", "error"],
        doc("A missing value. missing: it stays so; bin: a bin of its own, the last one; error: the row is refused."),
    ] = "missing"
    missing_label: Annotated[str, doc("What the bin of missing values is called.")] = "missing"

    def validate(self) -> None:
        super().validate()
        if isinstance(self.bins, int):
            if not 2 <= self.bins <= _MOST_BINS:
                raise ParamError(f"parameter 'bins' must be a whole number from 2 to {_MOST_BINS:,}; got {self.bins}")
        elif not self.bins or not all(0 < q < 1 for q in self.bins) or sorted(set(self.bins)) != self.bins:
            raise ParamError(
                f"parameter 'bins' must be numbers above 0 and below 1, ascending, e.g. [0.5, 0.9]; got {describe(self.bins)}"
            )
        named = self.labels if isinstance(self.labels, dict) else {} if isinstance(self.labels, str) else {"": self.labels}
        unknown = [name for name in named if name and name not in self.columns]
        if unknown:
            raise ParamError(f"parameter 'labels' must be about the columns in 'cols'; got '{unknown[0]}'")
        for listed in named.values():
            if len(listed) != len(self.shares) + 1 or len(set(listed)) != len(listed):
                raise ParamError(
                    f"parameter 'labels' must be {len(self.shares) + 1} different names, one for each bin; got {describe(listed)}"
                )
            if self.handle_missing == "bin" and self.missing_label in listed:
                raise ParamError(f"parameter 'missing_label' must differ from the other labels; got {self.missing_label!r}")

    @property
    def shares(self) -> list[float]:
        """The quantiles at which bins end, without 0 and 1."""
        if isinstance(self.bins, list):
            return list(self.bins)
        step = 1 / self.bins  # multiples of it, not fractions i / bins: so pandas has them
        return [i * step for i in range(1, self.bins)]

    def named(self, column: str) -> list[str] | None:
        """The labels given for a column."""
        if isinstance(self.labels, dict):
            return self.labels.get(column)
        return None if isinstance(self.labels, str) else self.labels


class QuantileBins(ColumnLearner):
    """Puts numbers into bins that hold equally many rows of the training frame: a string (or a code) for each number.

    Takes float and int columns, compared as float64. Bins end at the quantiles, which fit learns as pandas computes them; a
    number at an edge belongs to the bin below it. On the training frame the bins are those of pandas.qcut with
    duplicates="drop", but the first and the last are open, so that every number has a bin. Where many rows have one value,
    quantiles fall together and there are fewer bins; a column with one value has one bin.

    The strings are categories: OneHotEncoder, OrdinalEncoder or TargetEncoder behind it fold into the same lookup.
    """

    Params = QuantileParams
    state_key = "edges"
    learns = True

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(age="float?", rows=40)
        return [(cls(cols="age", bins=4).fit(rows), rows)]

    def setup(self) -> None:
        self.given = {}

    def learn_column(self, series: pd.Series, name: str, dtype: str) -> list[float]:
        """The edges between bins, ascending."""
        import numpy as np

        _require_number(name, dtype)
        values.refuse_infinite(series, name)
        ordered = np.sort(values.present(series).astype(np.float64))
        if not len(ordered):
            raise ColumnError(f"Column '{name}' has no value to learn from; leave it out, or fill it with a constant before")
        found = [values.quantile(ordered, share) for share in self.params.shares]
        if not all(map(math.isfinite, found)):
            raise ColumnError(f"Column '{name}' spans more than float64 can hold; scale it down first")
        edges = sorted({edge for edge in found if ordered[0] < edge < ordered[-1]})
        wanted = self.params.named(name)
        if wanted is not None and len(wanted) != len(edges) + 1:
            raise ColumnError(
                f"Column '{name}' has so many equal values that {len(self.params.shares) + 1} bins become {len(edges) + 1}, and"
                f" {len(wanted)} labels do not fit; use fewer bins, or labels='range'"
            )
        return edges

    def edges_of(self, column: str) -> list[float]:
        """The edges between the bins of a column."""
        found = ((self.state or {}).get("edges") or {}).get(column)
        if found is None:
            raise NotFittedError(f"QuantileBins has to learn the edges of '{column}' first: call fit")
        return [float(edge) for edge in found]

    def labels_of(self, column: str) -> list[Any]:
        """What the bins of a column are called, that of missing values last where there is one."""
        edges = self.edges_of(column)
        own = self.params.handle_missing == "bin"
        if self.params.labels == "code":
            return [float(code) for code in range(len(edges) + 1 + own)]
        return [*(self.params.named(column) or range_labels(edges)), *([self.params.missing_label] if own else [])]

    # ---- eager ------------------------------------------------------------------------------------------------------

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        import numpy as np
        import pandas as pd

        from rtml_core.frames import canonical, dtype_word, string_dtype

        frame = canonical(frame)
        values.require(self.params.columns, frame.columns)
        made = {}
        for name in self.params.columns:
            series = frame[name]
            _require_number(name, dtype_word(series))
            missing = series.isna().to_numpy()
            if self.params.handle_missing == "error" and missing.any():
                refuse_rows(series, missing, "a number")
            edges, labels = self.edges_of(name), self.labels_of(name)
            code = np.searchsorted(np.array(edges), series.to_numpy(dtype=np.float64), side="left")
            code = np.where(missing, len(edges) + 1, code)
            kind = np.float64 if self.params.labels == "code" else object
            names = np.array([*labels, *([] if len(labels) > len(edges) + 1 else [np.nan])], dtype=kind)
            dtype = np.float64 if self.params.labels == "code" else string_dtype()
            made[name] = {self.params.new_name(name): pd.Series(names[code], index=frame.index, dtype=dtype)}
        whole = placed({str(name): frame[name] for name in frame.columns}, made, self._into())
        return pd.DataFrame(whole, index=frame.index)

    def _into(self) -> dict[str, str]:
        return {name: self.params.new_name(name) for name in self.params.columns}

    # ---- compiled ---------------------------------------------------------------------------------------------------

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_core.lowering.symbolic import missing_mask, value_of
        from rtml_plugins.encoders.lookups import look_up

        values.require(self.params.columns, columns)
        names = self.params.columns
        for name in names:
            _require_number(name, columns[name].dtype)
            b.threshold(value_of(b, columns[name]), self.edges_of(name))
            if self.params.handle_missing == "error" and columns[name].nullable:
                b.check(b.op("Not", missing_mask(b, columns[name])), f"'{name}' is missing, and a missing value has no bin")
        tables = {name: table for name in names if (table := self._table(columns[name], name)) is not None}
        codes = self._codes(b, {name: columns[name] for name in names if name not in tables})
        wanted = tables | ({} if self.params.labels == "code" else {name: self._named(name, codes[name]) for name in codes})
        named = look_up(b, list(wanted.values()))
        found = codes | {name: slots[0] for name, slots in zip(wanted, named, strict=True)}
        return placed(columns, {name: {self.params.new_name(name): found[name]} for name in names}, self._into())

    def _codes(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        """The number of each column's bin, all in one TreeEnsemble with a tree for each column, as float64.

        Numbers that are going to be named are different in all columns, so that one lookup can name them.
        """
        from rtml_core.lowering.forest import Forest, tree_ensemble
        from rtml_core.lowering.symbolic import Symbolic, matrix

        own = self.params.handle_missing == "bin"
        if not columns:
            return {}
        trees, known, first = [], [], 0
        for target, (name, column) in enumerate(columns.items()):
            edges = self.edges_of(name)
            count = len(edges) + 1
            missing = float(first + count) if own else math.nan
            trees.append(_tree(target, edges, first, missing if column.nullable else None))
            known.append(tuple(float(code) for code in range(first, first + count + (own and column.nullable))))
            first += 0 if self.params.labels == "code" else count + own
        together: ir.Value = matrix(b, list(columns.values()))
        codes = tree_ensemble(b, together, Forest(trees, "float64"), len(trees))
        return {
            name: Symbolic("float64", codes, i, self._stays_missing(column), True, known[i])
            for i, (name, column) in enumerate(columns.items())
        }

    def _stays_missing(self, column: Symbolic) -> bool:
        return column.nullable and bool(self.params.handle_missing == "missing")

    def _table(self, column: Symbolic, name: str) -> Wanted | None:
        """For a column out of a table: the table of bins; None for every other column."""
        from bisect import bisect_left

        from rtml_core.columns import MISSING_STRING
        from rtml_plugins.encoders.lookups import through

        edges, labels = self.edges_of(name), self.labels_of(name)
        coded = self.params.labels == "code"
        missing = labels[-1] if len(labels) > len(edges) + 1 else math.nan if coded else MISSING_STRING

        def binned(value: Any) -> Any:
            return missing if value != value else labels[bisect_left(edges, float(value))]

        known = None if coded else tuple(labels)
        return through(column, binned, "float64" if coded else "string", nullable=self._stays_missing(column), categories=known)

    def _named(self, name: str, code: Symbolic) -> Wanted:
        from rtml_core.columns import MISSING_STRING
        from rtml_plugins.encoders.lookups import Wanted

        labels = self.labels_of(name)
        table: dict[Any, tuple[str]] = {key: (label,) for key, label in zip(code.categories or (), labels, strict=False)}
        if code.nullable:
            table[math.nan] = (MISSING_STRING,)
        # no other number comes
        return Wanted(
            code,
            table,
            (labels[0],),
            "string",
            code.nullable,
            tuple(dict.fromkeys(row[0] for row in table.values() if row[0] != MISSING_STRING)),
        )

    def parity_cases(self) -> pd.DataFrame | None:
        """Every edge and its two neighbours, and the ends of float64."""
        import pandas as pd

        rows = {}
        for name in self.params.columns:
            near = [
                n for edge in self.edges_of(name) for n in (math.nextafter(edge, -math.inf), edge, math.nextafter(edge, math.inf))
            ]
            rows[name] = [*near[: 3 * _MOST_BINS], 0.0, -0.0, 1e308, -1e308]
        length = max(map(len, rows.values()))
        return pd.DataFrame({name: [found[i % len(found)] for i in range(length)] for name, found in rows.items()})


def _tree(target: int, edges: list[float], first: int, missing: float | None) -> Any:
    """A balanced tree over the edges: x <= edge goes left. missing: the leaf of NaN, None where there is none."""
    from rtml_core.lowering.forest import MODES, Branch, Tree

    nodes: list[Any] = []

    def build(low: int, high: int) -> int:
        at = len(nodes)
        if low == high:
            nodes.append([(target, float(first + low))])
            return at
        middle = (low + high) // 2
        nodes.append(None)
        yes, no = build(low, middle), build(middle + 1, high)
        nodes[at] = Branch(target, MODES["BRANCH_LEQ"], edges[middle], False, yes, no)
        return at

    if missing is not None:
        nodes += [None, [(target, missing)]]
        # no number is below -inf: only NaN takes this way
        nodes[0] = Branch(target, MODES["BRANCH_LT"], -math.inf, True, 1, build(0, len(edges)))
    else:
        build(0, len(edges))
    return Tree(nodes)


def range_labels(edges: list[float]) -> list[str]:
    """The bins between ascending edges as texts: "(-inf, 2.5]", "(2.5, 7]", "(7, inf)".

    Numbers are rounded to six digits, or to as many as it takes to tell them apart; whole ones are not.
    """
    if not edges:
        return ["(-inf, inf)"]
    digits = next(d for d in range(_DIGITS, 18) if len({_short(edge, d) for edge in edges}) == len(edges))
    texts = [_short(edge, digits) for edge in edges]
    inner = [f"({low}, {high}]" for low, high in pairwise(texts)]
    return [f"(-inf, {texts[0]}]", *inner, f"({texts[-1]}, inf)"]


def _short(number: float, digits: int) -> str:
    if number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    before = len(str(int(abs(number)))) if abs(number) < 1e15 else 0
    return repr(float(f"{number:.{min(max(digits, before), 17)}g}")).removesuffix(".0")


def _require_number(column: str, dtype: str) -> None:
    if dtype not in ("float64", "float32", "int64"):
        raise ColumnError(f"Column '{column}' is a {dtype}; QuantileBins takes numbers")
