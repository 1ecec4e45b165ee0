"""Training and sample rows: a file as a frame, its columns typed as the graph's sources declare them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from rtml_core.cli.badrows import BadRow, by_row
from rtml_core.cli.cells import CELLS, guess
from rtml_core.cli.files import row_format
from rtml_core.cli.readers import Reader, open_rows
from rtml_core.columns import missing_column
from rtml_core.errors import InputError, RtmlError, listing

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.columns import Field
    from rtml_core.graph import Graph

#: rows that are read at once
_BATCH: Final = 8192


def declared_fields(graph: Graph) -> tuple[Field, ...]:
    """What the sources of a graph declare, by name; empty when they declare nothing."""
    found: dict[str, Field] = {}
    for name in graph.order():
        operator = graph.nodes[name]
        if operator.role == "source" and not graph.before(name):
            for entry in operator.source_fields() or ():
                found.setdefault(entry.name, entry)
    return tuple(found.values())


def read_frame(path: str, fields: Sequence[Field]) -> pd.DataFrame:
    """All rows of a jsonl, csv or parquet file.

    Declared fields are typed and checked as a request is; an error names the line. Other columns (a label, say): in CSV
    bool, int or float where every cell says so without doubt, else string; elsewhere as the file has them.
    """
    import pandas as pd

    if path == "-":
        raise RtmlError("training and sample rows are read from a file: name one that ends in .jsonl, .csv or .parquet")
    is_csv = row_format(path) == "csv"
    with open_rows(path, None) as reader:
        columns, places = _columns(reader)
    for entry in fields:
        if entry.name not in columns and not entry.optional:
            needs = listing(entry.name for entry in fields)
            raise RtmlError(f"{path} does not fit the graph: {missing_column(entry.name, columns)} The graph needs: {needs}")
    if not places:
        raise RtmlError(f"{path} holds no rows")
    typed = _typed(reader, [entry for entry in fields if entry.name in columns], columns, places, is_csv)
    guessed = {name: _guessed(values) if is_csv else values for name, values in columns.items() if name not in typed}
    return pd.DataFrame({name: typed[name] if name in typed else guessed[name] for name in columns})


def _guessed(cells: list[str | None]) -> list[Any]:
    cell = guess(c for c in cells if c is not None)
    return [None if c is None else cell(c) for c in cells]


def _columns(reader: Reader) -> tuple[dict[str, list[Any]], list[int]]:
    """The file by columns, in the order of their first appearance, None where a row has no such key; and the places."""
    columns: dict[str, list[Any]] = {name: [] for name in reader.header}
    places: list[int] = []
    for batch in reader.batches(_BATCH):
        if batch.bad:
            raise RtmlError(batch.bad[0].described(reader.name, reader.unit))
        for row, place in zip(batch.rows, batch.places, strict=True):
            for name in row:
                if name not in columns:
                    columns[name] = [None] * len(places)
            for name, values in columns.items():
                values.append(row.get(name))
            places.append(place)
    return columns, places


def _typed(
    reader: Reader, fields: Sequence[Field], columns: dict[str, list[Any]], places: list[int], is_csv: bool
) -> dict[str, Any]:
    """The declared columns in their canonical dtypes, by the very code that reads a request."""
    from rtml_core.frames import from_carrier
    from rtml_core.runtime.signature import Signature

    chosen = {entry.name: columns[entry.name] for entry in fields}
    if is_csv:
        chosen = {entry.name: [None if v is None else CELLS[entry.type](v) for v in chosen[entry.name]] for entry in fields}
    try:
        feed = Signature.of_fields(fields, ignore_extra=True).columns(chosen)
    except InputError as error:
        row, problems = min(by_row(error).items())
        raise RtmlError(BadRow(places[row], problems, None).described(reader.name, reader.unit)) from None
    return {entry.name: from_carrier(feed[entry.name][:, 0], entry.column.dtype) for entry in fields}
