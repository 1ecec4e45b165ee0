"""to_numeric on texts: one grammar of numbers, each text by itself, in float64.

pandas chooses the dtype of a column by all of its texts: whole numbers only give int64, one fraction makes all of them floats.
A row-wise to_numeric can't: texts become float64, see lowering.number_texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rtml_core.errors import ExecutionError, describe
from rtml_core.lowering.number_texts import read

if TYPE_CHECKING:
    import pandas as pd


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
