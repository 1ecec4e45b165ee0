"""Which methods compile, and by what."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from rtml_core.lowering.symbolic import Symbolic
from rtml_plugins.pandas_ops import functions
from rtml_plugins.pandas_ops.arguments import ARITHMETIC, COMPARISONS
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.lowered import (
    arithmetic,
    binning,
    cases,
    conversions,
    dummies,
    evaluate,
    mapping,
    missing,
    reshape,
    rows,
    texts,
    times,
)
from rtml_plugins.pandas_ops.lowered.python_only import PYTHON_METHODS, extracted, or_python
from rtml_plugins.pandas_ops.lowered.texts import TEXT_METHODS
from rtml_plugins.pandas_ops.lowered.times import TIME_METHODS


@dataclass(frozen=True)
class ColumnMethod:
    """A method applied to columns. `foldable`: on a column out of a lookup pandas may compute the new lookup."""

    lower: Callable[[Call], list[Symbolic]]
    foldable: bool = True


COLUMN_METHODS: Final[Mapping[str, ColumnMethod]] = {
    **dict.fromkeys([*ARITHMETIC], ColumnMethod(arithmetic.arithmetic)),
    **dict.fromkeys(COMPARISONS, ColumnMethod(arithmetic.comparison)),
    "between": ColumnMethod(arithmetic.between),
    "abs": ColumnMethod(arithmetic.absolute),
    "round": ColumnMethod(arithmetic.rounded),
    "clip": ColumnMethod(arithmetic.clipped),
    "fillna": ColumnMethod(missing.fillna),
    **dict.fromkeys(("isna", "isnull"), ColumnMethod(missing.isna)),
    **dict.fromkeys(("notna", "notnull"), ColumnMethod(missing.notna)),
    "combine_first": ColumnMethod(missing.combine_first, foldable=False),
    **dict.fromkeys(("where", "mask"), ColumnMethod(missing.where_or_mask, foldable=False)),
    **dict.fromkeys(functions.METHODS, ColumnMethod(functions.mapped)),
    "replace": ColumnMethod(mapping.replaced),
    "isin": ColumnMethod(mapping.isin),
    "case_when": ColumnMethod(cases.case_when, foldable=False),
    **dict.fromkeys(("copy", "infer_objects"), ColumnMethod(reshape.same)),
    "astype": ColumnMethod(conversions.astype),
    "to_datetime": ColumnMethod(or_python("to_datetime", conversions.to_datetime)),
    "to_numeric": ColumnMethod(conversions.to_numeric),
    "to_timedelta": ColumnMethod(conversions.to_timedelta),
    "cut": ColumnMethod(binning.cut),
    **{name: ColumnMethod(or_python(name, method)) for name, method in TEXT_METHODS.items()},
    **{name: ColumnMethod(method) for name, method in PYTHON_METHODS.items()},
    **{name: ColumnMethod(method) for name, method in TIME_METHODS.items()},
}

FRAME_METHODS: Final[Mapping[str, Callable[[Call], dict[str, Symbolic]]]] = {
    **dict.fromkeys(("drop", "filter", "get", "reindex", "sort_index"), reshape.picked),
    **dict.fromkeys(("rename", "add_prefix", "add_suffix", "set_axis"), reshape.renamed),
    **dict.fromkeys(("copy", "infer_objects"), reshape.unchanged),
    **dict.fromkeys(rows.ROW_METHODS, rows.along_row),
    "select_dtypes": reshape.of_dtypes,
    "insert": evaluate.inserted,
    "reset_index": reshape.reset_index,
    "eval": evaluate.evaluated,
    "apply": functions.along_rows,
    "assign": evaluate.assigned,
    "get_dummies": dummies.dummies,
}


#: methods that give several columns for one
SEVERAL_COLUMNS: Final[Mapping[str, Callable[[Call, Symbolic], list[Symbolic]]]] = {
    "str.split": texts.split,
    "str.rsplit": texts.rsplit,
    **dict.fromkeys(("str.partition", "str.rpartition"), texts.partition),
    "str.extract": extracted(texts.extract),
    "dt.isocalendar": times.calendar,
    "dt.components": times.components,
}


def compiled_methods() -> list[str]:
    """Names of all methods that compile, for listings."""
    return sorted({*COLUMN_METHODS, *SEVERAL_COLUMNS, *FRAME_METHODS})
