"""to_datetime on texts: rtml's one grammar of timestamps, each text by itself.

pandas guesses the format of a column from its first row, so that one row can change how another is read. A row-wise
to_datetime can't: without a format, or with format "ISO8601", texts are read as ISO 8601 in UTC. Any other format goes to
pandas, and runs when authoring only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rtml_core.errors import ExecutionError, describe
from rtml_core.timestamps import EXPECTED, NAT, parse_timestamps

if TYPE_CHECKING:
    import pandas as pd


def reads_iso(series: pd.Series, arguments: Mapping[str, Any]) -> bool:
    """Whether these arguments of to_datetime mean the grammar: texts, and no format of the user's own."""
    own = {name: value for name, value in arguments.items() if name not in ("errors", "utc", "cache")}
    return series.dtype.kind not in "iufbMm" and own in ({}, {"format": "ISO8601"}, {"format": None})


def iso_timestamps(series: pd.Series, errors: str) -> pd.Series:
    """The column as datetime64[us] in UTC. errors: "raise", or "coerce" for a missing value where a text is no timestamp."""
    import pandas as pd

    texts = [value if isinstance(value, str) else None for value in series.astype(object)]
    micros = parse_timestamps(texts)
    if errors != "coerce":
        for position, text in enumerate(texts):
            if text is not None and micros[position] == NAT:
                raise ExecutionError(
                    f"column '{series.name}', row {position}: {describe(text)} is not {EXPECTED}. Set errors to"
                    f' "coerce" to make it missing'
                )
    return pd.Series(micros.view("datetime64[us]"), index=series.index, name=series.name)
