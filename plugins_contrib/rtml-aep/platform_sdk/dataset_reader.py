"""DatasetReader: records of a dataset as a frame with dotted columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from platform_sdk.client_context import client_of
from platform_sdk.conditions import ColumnOf, Condition, condition
from platform_sdk.errors import PlatformSdkError
from platform_sdk.models import find
from rtml_core.errors import describe
from rtml_core.timestamps import parse_timestamp

if TYPE_CHECKING:
    import pandas as pd

#: records that a hub gives at a time, and as many as it sorts
_PAGE: Final = 1000
_SORTED: Final = 10_000
_Record = dict[str, Any]


class DatasetReader:
    """Reads a dataset, which is named by its name: DatasetReader(client_context, "web").limit(100).read().

    Each of limit, offset, where, select and sort gives a new reader and leaves this one as it is. A column is a path with dots,
    as the frame names it. reader["timestamp"] has eq, ne, gt, ge, lt, le and In, which make the conditions of where().
    """

    def __init__(self, client_context: Any, dataset_id: str) -> None:
        self._context = client_context
        self._name = dataset_id
        self._limit: int | None = None
        self._offset = 0
        self._where: tuple[Condition, ...] = ()
        self._select: tuple[str, ...] | None = None
        self._sort: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<DatasetReader of '{self._name}'>"

    def __getitem__(self, column: str) -> ColumnOf:
        return ColumnOf(_path(column))

    def limit(self, count: int) -> DatasetReader:
        """At most so many records."""
        return self._with(_limit=_count("limit", count))

    def offset(self, count: int) -> DatasetReader:
        """Leave out the first records, of those that are chosen and sorted."""
        return self._with(_offset=_count("offset", count))

    def where(self, *conditions: Condition) -> DatasetReader:
        """Only records for which the conditions hold, and those that were given before."""
        return self._with(_where=(*self._where, *map(condition, conditions)))

    def select(self, columns: Sequence[str]) -> DatasetReader:
        """Only these columns, in this order."""
        names = _listed("select", columns, "['timestamp', 'commerce.order.priceTotal']")
        return self._with(_select=tuple(_path(name) for name in names))

    def sort(self, by: Sequence[tuple[str, str]]) -> DatasetReader:
        """In this order: [('timestamp', 'asc'), ('commerce.order.priceTotal', 'desc')]. Without it, in order of time."""
        return self._with(_sort=tuple(_order(one) for one in _listed("sort", by, "[('timestamp', 'asc')]")))

    def read(self) -> pd.DataFrame:
        """The records as a frame: a row each, a column for each path, e.g. `_acme.identification.ecid`."""
        from rtml_plugins.xdm.frames import to_frame

        return to_frame(list(self._records()), paths=None if self._select is None else list(self._select))

    # ---- what goes on inside ---------------------------------------------------------------------------------------------

    def _with(self, **changed: Any) -> DatasetReader:
        made = DatasetReader(self._context, self._name)
        made.__dict__.update(self.__dict__ | changed)
        return made

    def _records(self) -> Iterator[_Record]:
        where = [one.text for one in self._where]
        event = find(self._context, self._name).kind == "event"
        if self._limit == 0:
            return iter(())
        if not self._sort:
            return self._in_order(where, event)
        return self._sorted(where, event)

    def _sorted(self, where: list[str], event: bool) -> Iterator[_Record]:
        """Sorted by the hub where few are wanted; else all are read, and sorted here by the same rule."""
        stop = None if self._limit is None else self._offset + self._limit
        if stop is not None and stop <= _SORTED:
            return self._pages(where, self._offset, self._limit, sort=list(self._sort), select=self._chosen())
        from rtml_plugins.xdm.datasets_query import reading_order

        every = self._with(_limit=None, _offset=0, _select=None, _sort=())._in_order(where, event)
        return iter(sorted(every, key=reading_order(self._sort))[self._offset : stop])

    def _in_order(self, where: list[str], event: bool) -> Iterator[_Record]:
        if not event:
            return self._pages(where, self._offset, self._limit, select=self._chosen())
        return self._events(where)

    def _pages(self, where: list[str], offset: int, limit: int | None, **options: Any) -> Iterator[_Record]:
        client = client_of(self._context)
        left = limit
        while left is None or left > 0:
            found = client.read_dataset(
                self._name, limit=_PAGE if left is None else min(_PAGE, left), offset=offset, where=where, **options
            )
            yield from found.records
            if found.next is None:
                return
            offset = found.next
            left = None if left is None else left - len(found.records)

    def _events(self, where: list[str]) -> Iterator[_Record]:
        """Events, each page from the time of the last one on: so a hub need not go through what was read already."""
        client = client_of(self._context)
        select = self._chosen()
        if select is not None and "timestamp" not in select:
            select.append("timestamp")
        left, offset = self._limit, self._offset
        since: list[str] = []
        while left is None or left > 0:
            count = _PAGE if left is None else min(_PAGE, left)
            found = client.read_dataset(self._name, limit=count, offset=offset, where=[*where, *since], select=select)
            yield from found.records
            if found.next is None:
                return
            left = None if left is None else left - len(found.records)
            last = found.records[-1].get("timestamp")
            of_last = sum(1 for one in found.records if _moment(one.get("timestamp")) == _moment(last))
            if last is None or of_last == len(found.records):  # all of one moment, of which there may be more before this page
                offset = found.next
            else:
                offset = of_last
                since = [Condition(["timestamp", ">=", last]).text]

    def _chosen(self) -> list[str] | None:
        return None if self._select is None else list(self._select)


def _moment(text: str | None) -> int | None:
    return None if text is None else parse_timestamp(text)


def _count(what: str, given: Any) -> int:
    if isinstance(given, bool) or not hasattr(given, "__index__") or int(given) < 0:
        raise PlatformSdkError(f"{what}() takes a whole number, 0 or more; got {describe(given)}")
    return int(given)


def _path(column: Any) -> str:
    """A column's name, which has to be a path."""
    from rtml_plugins.xdm.paths import split

    if not isinstance(column, str) or not column:
        raise PlatformSdkError(f"a column is named by a text, e.g. 'commerce.order.priceTotal'; got {describe(column)}")
    split(column)
    return column


def _listed(what: str, given: Any, example: str) -> Sequence[Any]:
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise PlatformSdkError(f"{what}() takes a list, e.g. {example}; got {describe(given)}")
    return given


def _order(one: Any) -> str:
    column, way = one if isinstance(one, tuple | list) and len(one) == 2 else (one, "")
    if not isinstance(way, str) or way.lower() not in ("asc", "desc"):
        raise PlatformSdkError(f"sort() takes pairs of a column and 'asc' or 'desc'; got {describe(one)}")
    return f"-{_path(column)}" if way.lower() == "desc" else _path(column)
