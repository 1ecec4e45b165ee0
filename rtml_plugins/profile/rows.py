"""Who the rows of a frame are about, as parts of requests."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from rtml_core.boundary import Parts
from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, RtmlError, describe
from rtml_core.timestamps import to_micros

if TYPE_CHECKING:
    import pandas as pd

#: the column that holds identityMaps when no other columns are named, and the one of events, which have one
IDENTITY_MAP = "identityMap"
EVENT = "event"


class CellError(RtmlError):
    """A cell of a frame that should say who a row is about, and does not."""


def identities_of(frame: pd.DataFrame, columns: Mapping[str, str] | None) -> Iterator[Parts]:
    """The parts of a request of each row.

    columns: namespace -> the column of its ids (texts, whole numbers, or missing); None: the column identityMap, or of events
    with one, objects or their JSON. A row without any identity has none. Raises ColumnError for a column that is not there,
    CellError.
    """
    names = [str(name) for name in frame.columns]
    if columns is None and IDENTITY_MAP not in names and EVENT in names:
        for row, cell in enumerate(frame[EVENT].tolist()):
            yield Parts(None, _object(cell, row, EVENT), f"/{row}")
        return
    for column in [IDENTITY_MAP] if columns is None else columns.values():
        if column not in names:
            raise ColumnError(
                f"{missing_column(column, names)} The rows have to say whom they are about: in a column {IDENTITY_MAP}, or in"
                ' columns of ids, as in identity={"ECID": "visitor"}'
            )
    if columns is None:
        for row, cell in enumerate(frame[IDENTITY_MAP].tolist()):
            yield Parts(_object(cell, row, IDENTITY_MAP), None, f"/{row}")
        return
    given = [(namespace, frame[column].tolist()) for namespace, column in columns.items()]
    for row in range(len(frame)):
        found = {namespace: id for namespace, cells in given if (id := _id(cells[row], columns[namespace], row)) is not None}
        yield Parts(msgspec.json.encode(found) if found else None, None, f"/{row}")


def _object(cell: Any, row: int, column: str) -> bytes | None:
    if isinstance(cell, str):
        return cell.encode() if cell.strip() not in ("", "{}", "null") else None
    if isinstance(cell, Mapping):
        return msgspec.json.encode(cell) if cell else None
    if missing(cell):
        return None
    raise CellError(f"row {row}: column '{column}' must hold objects, or their JSON; got {describe(cell)}")


def _id(cell: Any, column: str, row: int) -> str | None:
    if isinstance(cell, str):
        return cell or None
    if missing(cell):
        return None
    if isinstance(cell, int) and not isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer() and abs(cell) <= 2**53:
        return str(int(cell))  # whole numbers beside missing ones
    raise CellError(f"row {row}: column '{column}' must hold ids, texts or whole numbers up to 2^53; got {describe(cell)}")


def as_text(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the objects of its column identityMap as JSON, which columns of graphs can hold."""
    if IDENTITY_MAP not in frame.columns:
        return frame
    cells = [msgspec.json.encode(cell).decode() if isinstance(cell, Mapping) else cell for cell in frame[IDENTITY_MAP].tolist()]
    return frame.assign(**{IDENTITY_MAP: cells})


def missing(cell: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, NaT, pandas.NA."""
    return cell is None or (isinstance(cell, float) and math.isnan(cell)) or type(cell).__name__ in ("NAType", "NaTType")


def micros_of(column: pd.Series, name: str) -> list[int]:
    """Times of a column (timestamps, datetimes, or ISO texts) as us since the epoch; raises CellError for another cell."""
    made = []
    for row, cell in enumerate(column.tolist()):
        try:
            made.append(to_micros(cell))
        except ValueError as error:
            raise CellError(f"row {row}: column '{name}' must hold the moment of the row: {error}") from None
    return made
