"""What a folder of data has taken in, once more in its order: for replays. Read beside a process that has the folder open.

Two clocks: "ingested" is when records were taken in, which is what profiles went by; "timestamp" is what events say of
themselves, for data that was taken in long after it happened. Record data says no time of its own: a path to one may be named.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from rtml_core.errors import RtmlError, close_match, describe, listing
from rtml_core.timestamps import parse_timestamp
from rtml_plugins.profile.conditions import Path as DocumentPath
from rtml_plugins.profile.conditions import values_at
from rtml_plugins.profile.records import Record
from rtml_plugins.serving.predictions import Prediction

if TYPE_CHECKING:
    from rtml_plugins.profile.profiles import Profiles
    from rtml_plugins.xdm.datasets_catalog import Info
    from rtml_plugins.xdm.datasets_parts import Row

Clock = Literal["ingested", "timestamp"]
#: before the name of a service, in the dataset of what was predicted
PREDICTIONS: Final = "rtml-predictions-"


class HistoryError(RtmlError):
    """What was taken in can't be read; says why and what to do."""


class History:
    """The datasets of a folder, for reading; use it as a context.

    datasets: those that profiles are built from, or the named ones. profiles: opened when they are asked for, for their settings.
    """

    def __init__(self, folder: Path | str, *, profiles_url: str | None = None, datasets: Iterable[str] = ()):
        from rtml_plugins.xdm.datasets import Datasets

        self.folder = Path(folder)
        if not (self.folder / "datasets").is_dir():
            raise HistoryError(f"{self.folder} holds no datasets: name the folder that rtml ingest or the hub wrote to (--home)")
        self._profiles_url = profiles_url
        self._profiles: Profiles | None = None
        self._all = Datasets(self.folder / "datasets", read_only=True)
        try:
            self._chosen = self._choose(list(datasets))
        except BaseException:
            self._all.close()
            raise

    def _choose(self, named: list[str]) -> list[Info]:
        known = {info.name: info for info in self._all.catalog.datasets()}
        for name in named:
            if name not in known:
                raise HistoryError(f"there is no dataset '{name}'. There are: {listing(known)}.{close_match(name, known)}")
        return [known[name] for name in named] if named else [info for info in known.values() if info.profile]

    @property
    def profiles(self) -> Profiles:
        """The profiles that were built; for settings, and for who is who now."""
        if self._profiles is None:
            from rtml_plugins.profile.profiles import Profiles
            from rtml_plugins.profile.store import open_store

            file = self.folder / "profiles.db"
            if self._profiles_url is None and not file.is_file():
                raise HistoryError(f"{self.folder} holds no profiles: name their store with --profiles")
            self._profiles = Profiles(open_store(self._profiles_url or f"sqlite:///{file.absolute()}"))
        return self._profiles

    # ---- records ------------------------------------------------------------------------------------------------

    def records(self, clock: Clock = "ingested", *, record_time: str | None = None) -> Iterator[Record]:
        """All records in the order of their ingested_us, which by the clock "timestamp" is the time of the event itself.

        record_time: with that clock, the path of a timestamp in record data; without it, and where there is none, record data is
        known from when it was taken in. Raises HistoryError.
        """
        from rtml_plugins.profile.taking import Taker
        from rtml_plugins.xdm.schema import builtin, load

        kept = self.folder / "schemas"
        schemas = builtin() | load(kept) if any(kept.glob("*.json")) else builtin()
        path = DocumentPath(record_time, HistoryError) if record_time is not None else None
        streams: list[Iterator[Record]] = []
        for info in self._chosen:
            taker = Taker(schemas.get(info.schema))
            if clock == "timestamp" and taker.kind == "event":
                streams.append(_by_event(taker.record(info.name, row) for row in self._all.rows(info.name)))
            elif clock == "timestamp" and path is not None:
                streams.append(_by_path((taker.record(info.name, row) for row in self._all.rows(info.name)), path))
            else:
                rows = _by_ingestion(lambda name=info.name: self._all.rows(name))  # type: ignore[misc]
                streams.append(_made(rows, taker.record, info.name))
        return heapq.merge(*streams, key=_taken)

    def predictions(self, service: str) -> Iterator[Prediction]:
        """What was predicted of persons by a service, in order of time. Raises HistoryError when nothing was kept."""
        name = f"{PREDICTIONS}{service}"
        if self._all.find(name) is None:
            kept = [
                info.name.removeprefix(PREDICTIONS) for info in self._all.catalog.datasets() if info.name.startswith(PREDICTIONS)
            ]
            raise HistoryError(
                f"no predictions of service '{service}' are kept here. There are those of: {listing(kept)}."
                f"{close_match(service, kept)}"
            )
        for document in self._all.documents(name):
            made = prediction_of(document.document, document.timestamp)
            if made is not None:
                yield made

    def close(self) -> None:
        self._all.close()
        if self._profiles is not None:
            self._profiles.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _taken(record: Record) -> int:
    return record.ingested_us


def _by_event(records: Iterable[Record]) -> Iterator[Record]:
    for record in records:
        yield record._replace(ingested_us=record.timestamp_us)


def _by_path(records: Iterable[Record], path: DocumentPath) -> Iterator[Record]:
    moved = []
    for record in records:
        found = [
            at for text in values_at(record.document, path) if isinstance(text, str) and (at := parse_timestamp(text)) is not None
        ]
        moved.append(record._replace(ingested_us=found[0]) if found else record)
    return iter(sorted(moved, key=_taken))


def _by_ingestion(rows: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """Rows that come in order of time, in the order in which they were taken.

    Held are those that were taken later than the time that has been read, which for a live stream is next to nothing. Events may
    be ahead of the clock that took them; by how much at most is found out first.
    """
    ahead = max((row.timestamp - row.ingested for row in rows()), default=0)
    ahead = max(ahead, 0)
    held: list[tuple[int, int, Row]] = []
    for number, row in enumerate(rows()):
        heapq.heappush(held, (row.ingested, number, row))
        while held and held[0][0] < row.timestamp - ahead:
            yield heapq.heappop(held)[2]
    while held:
        yield heapq.heappop(held)[2]


def _made(rows: Iterator[Row], record: Callable[[str, Row], Record], name: str) -> Iterator[Record]:
    for row in rows:
        yield record(name, row)


def prediction_of(document: dict[str, Any], at_us: int) -> Prediction | None:
    """A prediction from the record of a dataset that the hub keeps of it; None for another record."""
    inner = document.get("_rtml")
    about = inner.get("prediction") if isinstance(inner, dict) else None
    if not isinstance(about, dict) or not isinstance(about.get("request"), str):
        return None
    try:
        return Prediction(
            id=about["request"],
            at=at_us,
            service=about["service"],
            version=about["version"],
            identity=document.get("identityMap", {}),
            values=about.get("values", {}),
            outputs=about.get("outputs", {}),
            event=about.get("event", ""),
        )
    except KeyError as error:
        raise HistoryError(f"the prediction {describe(document.get('_id'))} has no {error}") from None
