"""Scoring data as documented, by column, and what an edge answers to it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from rtml_core.client import ClientError
from rtml_core.errors import describe

_FORM = 'columns of rows, {"sepal_length": {0: 5.8}, ...}'


class Scored(NamedTuple):
    """What score_edge gives.

    edge_url: where the payload went. payload: what was sent, and what any HTTP client may POST there as JSON: columns, with the
    numbers of the rows as keys. scored_output: the outputs of each row, in their order.
    """

    edge_url: str
    payload: dict[str, dict[str, Any]]
    scored_output: list[dict[str, Any]]


def payload_of(scoring_data: Any) -> dict[str, dict[str, Any]]:
    """Scoring data as JSON values by column and number of the row.

    Rows are those of all columns, in the order in which they first appear; what a column lacks, and NaN, is null: as pandas makes
    a frame of it. A frame, columns of lists and one row of plain values are taken, too. Raises ClientError for anything else.
    """
    data: Any = scoring_data
    if isinstance(data, (str, bytes)):
        try:
            data = json.loads(data)
        except ValueError as error:
            raise ClientError(f"scoring_data must be {_FORM}; the text given is not JSON: {error}") from None
    if hasattr(data, "to_dict") and hasattr(data, "columns"):
        data = {name: data[name].tolist() for name in data.columns}
    if not isinstance(data, Mapping) or not data:
        raise ClientError(f"scoring_data must be {_FORM}; got {describe(scoring_data)}")
    columns = _columns(data)
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ClientError(f"the columns of scoring_data must have the same number of rows; got {lengths}")
    return {
        str(name): {str(row): _plain(value, name, row) for row, value in enumerate(values)} for name, values in columns.items()
    }


def _columns(data: Mapping[Any, Any]) -> dict[Any, list[Any]]:
    """The columns as lists. Raises ClientError where one is given in another way than the others."""
    given = {name: value.tolist() if getattr(value, "shape", ()) else value for name, value in data.items()}
    if all(isinstance(column, Mapping) for column in given.values()):
        by_text = {name: _by_text(name, column) for name, column in given.items()}
        labels = dict.fromkeys(label for column in by_text.values() for label in column)
        return {name: [column.get(label) for label in labels] for name, column in by_text.items()}
    if all(isinstance(column, (list, tuple)) for column in given.values()):
        return {name: list(column) for name, column in given.items()}
    nested = [name for name, value in given.items() if isinstance(value, (Mapping, list, tuple))]
    if not nested:
        return {name: [value] for name, value in given.items()}
    kind = type(given[nested[0]])
    other = next(name for name, value in given.items() if not isinstance(value, kind))
    raise ClientError(
        f"scoring_data must be {_FORM}: column '{nested[0]}' is {describe(given[nested[0]])}, and column '{other}' is"
        f" {describe(given[other])}"
    )


def _by_text(name: Any, column: Mapping[Any, Any]) -> dict[str, Any]:
    """A column by the texts of its keys, as JSON has them: 0 and "0" are one row. Raises ClientError when it has both."""
    found = {str(label): value for label, value in column.items()}
    if len(found) < len(column):
        raise ClientError(f"column '{name}' of scoring_data has a row twice, by a number and by its text; got {describe(column)}")
    return found


def _plain(value: Any, column: str, row: int) -> Any:
    """A value as JSON has it: what is missing is null, a time its ISO text. Raises ClientError for an infinite number."""
    if hasattr(value, "item") and not getattr(value, "shape", ()):
        value = value.item()
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if isinstance(value, float):
        if math.isinf(value):
            raise ClientError(f"scoring_data, column '{column}', row {row}: the number is infinite, which a request can't hold")
        return None if math.isnan(value) else value
    return value.isoformat() if hasattr(value, "isoformat") else value


def split_location(edge_location: Any) -> tuple[str, str | None]:
    """The address of the edge and, where the location names one, the service, out of what publish_to_edge gave."""
    text = edge_location.strip().rstrip("/") if isinstance(edge_location, str) else ""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ClientError(f"edge_location must be what publish_to_edge gave, an address; got {describe(edge_location)}")
    edge, found, rest = text.partition("/v1/services/")
    return edge, rest.partition("/")[0] if found else None


def location(edge: str, service: str) -> str:
    """Where rows of a service are POSTed on an edge."""
    return f"{edge}/v1/services/{quote(service, safe='')}/predict"
