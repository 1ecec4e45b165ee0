"""to_numeric on texts: one grammar of numbers, each text by itself, in float64.

pandas chooses the dtype of a column by all of its texts: whole numbers only give int64, one fraction makes all of them floats.
A row-wise to_numeric can't: texts become float64. They are read as pandas reads them, blanks around them and infinity
included, up to 20 digits before the point, 30 behind it and an exponent up to 249 (float64 ends at 308).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from rtml_core.errors import ExecutionError, describe

if TYPE_CHECKING:
    import pandas as pd

_BLANK: Final = r"[\t\n\x0b\x0c\r ]*"
#: a text that is a number; the same in Python's and in RE2's syntax
NUMBER: Final = (
    rf"{_BLANK}[+\-]?(?:(?:[0-9]{{1,20}}(?:\.[0-9]{{0,30}})?|\.[0-9]{{1,30}})(?:[eE][+\-]?0*(?:[0-9]{{1,2}}|1[0-9]{{2}}|2[0-4][0-9]))?"
    rf"|[iI][nN][fF](?:[iI][nN][iI][tT][yY])?){_BLANK}"
)
_READS: Final = re.compile(NUMBER)


def reads_texts(series: pd.Series) -> bool:
    """Whether to_numeric has texts to read."""
    return series.dtype.kind not in "iufbMm" and str(series.dtype) != "boolean"


def numbers(series: pd.Series, errors: str) -> pd.Series:
    """The texts as float64, the empty one and a missing one missing.

    errors: "raise", or "coerce" for a missing value where a text is no number. Raises ExecutionError naming row and text.
    """
    import pandas as pd

    values = [read(text) if isinstance(text, str) else float("nan") for text in series.astype(object)]
    if errors != "coerce" and None in values:
        position = values.index(None)
        raise ExecutionError(
            f"column '{series.name}', row {position}: {describe(series.iloc[position])} is not a number. Set errors to"
            ' "coerce" to make it missing'
        )
    return pd.Series(values, index=series.index, name=series.name, dtype="float64")


def read(text: str) -> float | None:
    """The number that a text says, NaN for the empty text, None for one that is no number."""
    if not text:
        return float("nan")
    return float(text) if _READS.fullmatch(text) else None
