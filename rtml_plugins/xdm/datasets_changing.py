"""Changing what a dataset holds: many small parts become one, records of a person go, a dataset goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rtml_plugins.xdm.datasets_batch import index_entry
from rtml_plugins.xdm.datasets_catalog import Info, Part, hidden, new_name
from rtml_plugins.xdm.datasets_ids import IdRun
from rtml_plugins.xdm.datasets_parts import PartWriter, Row, holders, in_order, rows_of

if TYPE_CHECKING:
    from rtml_plugins.xdm.datasets import Datasets

#: neighbours of about one size that become one, and the rows that no part grows beyond
_TOGETHER: Final = 8
_LARGEST: Final = 500_000
_SMALLEST: Final = 1000


def compact(datasets: Datasets, info: Info, through: int | None) -> int:
    """Until nothing is left to be merged of the batches through one; how many parts were replaced."""
    replaced = 0
    last = datasets.catalog.end_of(info.uid, through)
    while (group := _group([part for part in datasets.catalog.parts(info.uid) if part.high <= last])) is not None:
        _merge(datasets, info, group)
        replaced += len(group)
    return replaced


def _tier(rows: int) -> int:
    tier = 0
    while rows > _SMALLEST:
        rows //= _TOGETHER
        tier += 1
    return tier


def _group(parts: Sequence[Part]) -> list[Part] | None:
    """Neighbours that should become one, of the smallest size that has enough of them."""
    for tier in range(_tier(_LARGEST) + 1):
        group: list[Part] = []
        rows = 0
        for part in parts:
            if _tier(part.rows) > tier or rows + part.rows > _LARGEST:
                if len(group) >= _TOGETHER:
                    return group
                group, rows = [], 0
            if _tier(part.rows) <= tier:
                group.append(part)
                rows += part.rows
        if len(group) >= _TOGETHER:
            return group
    return None


def _merge(datasets: Datasets, info: Info, parts: Sequence[Part]) -> None:
    place = datasets.folder / info.name
    _replace(datasets, info, parts, in_order(parts, lambda part: rows_of(place / part.file)), [])


def _replace(
    datasets: Datasets, info: Info, parts: Sequence[Part], rows: Iterator[Row], gone: Sequence[tuple[bytes, bytes]]
) -> None:
    """Write one part for several, in one change with the ids that go."""
    catalog = datasets.catalog
    place = catalog.place(info)
    low, high = min(part.low for part in parts), max(part.high for part in parts)
    writer = PartWriter(place / new_name("part", low, "parquet"), low)
    try:
        for row in rows:
            writer.add(row)
        made = writer.done(high)
    except BaseException:
        writer.abort()
        raise
    runs: list[tuple[int, str, str, IdRun]] = []
    if gone:
        without = IdRun.of([key for key, _ in dict(gone).items()])
        for run in catalog.runs(info.uid):
            left = IdRun.open(place / run.file).without(without)
            if left is not None:
                runs.append((run.number, run.file, new_name("_ids", high, "bin"), left))
                left.write(hidden(place / runs[-1][2]))
    catalog.sync(info)
    with catalog.change() as db:
        db.executemany("DELETE FROM part WHERE file = ?", [(part.file,) for part in parts])
        if made.rows:
            db.execute(
                "INSERT INTO part (uid, file, low, high, rows, bytes, first, last) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (info.uid, *made),
            )
        for number, _, file, left in runs:
            db.execute("UPDATE run SET file = ?, ids = ? WHERE number = ?", (file, len(left), number))
    catalog.reveal(info, [*([made.file] if made.rows else []), *(file for _, _, file, _ in runs)])
    if not made.rows:
        writer.abort()
    datasets.let_go(info, [*(part.file for part in parts), *(old for _, old, _, _ in runs)])


def erase(datasets: Datasets, info: Info, keys: Sequence[str]) -> int:
    """Part by part, each in one change with its ids: what is erased stays so when the rest fails, and can be asked for again."""
    place = datasets.folder / info.name
    erased = 0
    for part in datasets.catalog.parts(info.uid):
        found = holders(place / part.file, keys)
        if not len(found):
            continue
        going = set(found.tolist())
        entries: list[tuple[bytes, bytes]] = []

        def kept(part: Part = part, going: set[int] = going, entries: list[tuple[bytes, bytes]] = entries) -> Iterator[Row]:
            for at, row in enumerate(rows_of(place / part.file)):
                if at in going:
                    entries.append(index_entry(row.id, row.identities, row.text))
                else:
                    yield row

        _replace(datasets, info, [part], kept(), entries)
        erased += len(going)
    return erased


def delete(datasets: Datasets, info: Info) -> None:
    """Everything of it."""
    catalog = datasets.catalog
    files = [*(part.file for part in catalog.parts(info.uid)), *(run.file for run in catalog.runs(info.uid))]
    with catalog.change() as db:
        for table in ("part", "run", "batch", "dataset"):
            db.execute(f"DELETE FROM {table} WHERE uid = ?", (info.uid,))
    datasets.let_go(info, files)
