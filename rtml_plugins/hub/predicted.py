"""Predictions about persons, as edges tell them: each taken once, kept in a file until its profile has it and a dataset does.

The numbers of an edge's run and the records themselves are one transaction of a SQLite file beside the profiles: what was
answered for survives a kill -9, and what is sent again is not taken again. Two threads then do the rest, each in the order in
which they came: one writes to profiles, at once; the other to datasets, many together, as a file for every twenty milliseconds
would be thousands an hour, and apart from the first, as it takes a while. Both can be done twice without harm, which is what
happens after a crash: a profile gets the value that it has, and a dataset knows its records by their ids.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from rtml_core.errors import RtmlError
from rtml_plugins.hub.errors import Unavailable
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.predictions import Prediction, Predictions

_LOG: Final = logger("rtml.hub")
#: seconds that it is known of a run which of its numbers were taken, and of a person that it was erased
_RUNS: Final = 30 * 86_400.0
#: records that become a part of a dataset together, and seconds that they wait for others at most
PART: Final = 20_000
PATIENCE: Final = 30.0
#: seconds between looks whether records are due for their datasets
_LOOK: Final = 1.0
#: records that are written to profiles together
_AT_ONCE: Final = 500
#: seconds between tries when profiles or datasets can't be written
_RETRY: Final = (0.1, 0.5, 2.0, 10.0)
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS taken (edge TEXT, run TEXT, number INTEGER, seen REAL, PRIMARY KEY (edge, run)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (number INTEGER PRIMARY KEY AUTOINCREMENT, record BLOB);
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, number INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS erasing (number INTEGER PRIMARY KEY AUTOINCREMENT, keys BLOB, actor TEXT);
CREATE TABLE IF NOT EXISTS erased (digest TEXT PRIMARY KEY, at INTEGER, seen REAL) WITHOUT ROWID;
"""


class Kept(msgspec.Struct, omit_defaults=True):
    """A prediction with the edge and the region that it came from. id: of its own, by the edge's run and its number there, as
    callers choose the ids of their requests, and may choose one twice."""

    prediction: Prediction
    id: str
    edge: str
    region: str


class PredictionLog:
    """Takes predictions. enrich: writes some to profiles, in their order; keep: adds some to datasets. Both may raise RtmlError:
    then they are called again later. digests: keyed digests of the identities of an identityMap, by which the erased are known.
    """

    def __init__(
        self,
        path: Path,
        *,
        enrich: Callable[[Sequence[Kept]], None],
        keep: Callable[[Sequence[Kept]], None],
        digests: Callable[[Mapping[str, Any]], Iterable[str]],
        clock: Callable[[], float] = time.time,
        patience: float = PATIENCE,
    ):
        self._path = path
        self._enrich, self._keep, self._digests = enrich, keep, digests
        self._clock, self._patience = clock, patience
        self._lock = threading.Lock()
        self._enriching, self._keeping = threading.Lock(), threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._first: float | None = None  # when the oldest record that waits for its dataset was seen
        try:
            self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "trusted_schema=OFF", "secure_delete=ON"):
                self._database.execute(f"PRAGMA {pragma}").close()
            self._database.executescript(_TABLES).close()
            path.chmod(0o600)
            self._erased: dict[str, int] = dict(self._database.execute("SELECT digest, at FROM erased"))
            self._enriched = self._mark("enriched")
        except sqlite3.Error as error:
            raise Unavailable(f"the predictions in {path} can't be opened: {error}") from None
        self._wake.set()  # for what the run before left
        runs = {"rtml-predictions": self._run, "rtml-predictions-datasets": self._run_datasets}
        self._threads = [threading.Thread(target=run, name=name, daemon=True) for name, run in runs.items()]
        for thread in self._threads:
            thread.start()

    # ---- taking -----------------------------------------------------------------------------------------------------------

    def take(self, edge: str, given: Predictions) -> int:
        """Keep the records of a run that were not taken yet; the highest number that is. Raises Unavailable."""
        now = self._clock()
        with self._lock:
            try:
                return self._take(edge, given, now)
            except sqlite3.Error as error:
                raise Unavailable(f"the predictions in {self._path} can't be written: {error}") from None

    def _take(self, edge: str, given: Predictions, now: float) -> int:
        last = given.first + len(given.records) - 1
        found = self._database.execute("SELECT number FROM taken WHERE edge = ? AND run = ?", (edge, given.run)).fetchone()
        before = 0 if found is None else int(found[0])
        through = max(before, last)
        rows = [
            (msgspec.json.encode(Kept(one, f"{edge}/{given.run}/{number}", edge, given.region)),)
            for number, one in enumerate(given.records, given.first)
            if number > before and not self._is_erased(one)
        ]
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._database.execute("INSERT OR REPLACE INTO taken VALUES (?, ?, ?, ?)", (edge, given.run, through, now))
            self._database.executemany("INSERT INTO records (record) VALUES (?)", rows)
            if found is None:
                self._database.execute("DELETE FROM taken WHERE seen < ?", (now - _RUNS,))
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        if rows:
            self._wake.set()
        return through

    def _is_erased(self, prediction: Prediction) -> bool:
        """Whether it was made before its person was erased, and only comes now."""
        return bool(self._erased) and any(
            prediction.at <= self._erased.get(digest, -1) for digest in self._digests(prediction.identity)
        )

    def begin_erasure(self, keys: Sequence[str], actor: str) -> int:
        """A person is about to be erased, by keys of identities: noted until `end_erasure`, so that a crash on the way ends it as
        soon as the hub is back. Its number."""
        with self._lock:
            values = (msgspec.json.encode(list(keys)), actor)
            return int(self._database.execute("INSERT INTO erasing (keys, actor) VALUES (?, ?)", values).lastrowid or 0)

    def end_erasure(self, number: int) -> None:
        """It is done."""
        self._execute("DELETE FROM erasing WHERE number = ?", (number,))

    def purge(self) -> bool:
        """Leave no bytes of what was deleted in the log of the file; False when that can't be now."""
        with self._lock:
            return not self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    def unfinished(self) -> list[tuple[int, list[str], str]]:
        """Erasures that were begun: number, keys, actor."""
        with self._lock:
            found = self._database.execute("SELECT number, keys, actor FROM erasing ORDER BY number").fetchall()
        return [(number, msgspec.json.decode(keys, type=list[str]), actor) for number, keys, actor in found]

    def forget(self, digests: Iterable[str], at: int) -> None:
        """A person was erased at a time in us: predictions of before that are not taken any more; those that wait are done with
        first, so that what is erased after this call is all of them. Raises Unavailable."""
        now = self._clock()
        with self._lock:
            try:
                self._database.execute("BEGIN IMMEDIATE")
                rows = [(digest, at, now) for digest in digests]
                self._database.executemany("INSERT OR REPLACE INTO erased VALUES (?, ?, ?)", rows)
                self._database.execute("DELETE FROM erased WHERE seen < ?", (now - _RUNS,))
                self._database.execute("COMMIT")
            except sqlite3.Error as error:
                raise Unavailable(f"the predictions in {self._path} can't be written: {error}") from None
            self._erased |= {digest: at for digest, at, _ in rows}
        self.settle()

    # ---- doing ------------------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Write everything that waits, now. Raises what enrich and keep raise."""
        self._do_profiles()
        self._do_datasets()

    def _do_profiles(self) -> None:
        with self._enriching:
            self._write_profiles()

    def _do_datasets(self) -> None:
        with self._keeping:
            self._write_datasets()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._wake.wait(_RETRY[min(failures, len(_RETRY)) - 1] if failures else self._patience)
            if self._stopping.is_set():
                return
            self._wake.clear()
            failures = self._try(self._do_profiles, "profiles", failures)

    def _run_datasets(self) -> None:
        failures = 0
        while not self._stopping.wait(_RETRY[min(failures, len(_RETRY)) - 1] if failures else _LOOK):
            failures = self._try(lambda: self._do_datasets() if self._due() else None, "datasets", failures)

    def _try(self, do: Callable[[], None], what: str, failures: int) -> int:
        """How often it has failed in a row."""
        try:
            do()
        except RtmlError as error:
            if failures == 0:
                _LOG.warning(f"predictions can't be written to {what}; it is tried again", reason=str(error))
        except Exception:  # the records stay; whoever runs the hub sees why in its log
            if failures == 0:
                _LOG.exception(f"predictions can't be written to {what}; it is tried again")
        else:
            return 0
        time.sleep(_RETRY[0])
        return failures + 1

    def _write_profiles(self) -> None:
        while rows := self._after(self._enriched, _AT_ONCE):
            self._enrich([kept for _, kept in rows])
            self._enriched = rows[-1][0]
            self._first = self._first or self._clock()
            self._execute("INSERT OR REPLACE INTO marks VALUES ('enriched', ?)", (self._enriched,))

    def _due(self) -> bool:
        if self._first is None and self._after(0, 1):
            self._first = self._clock()
        return self._first is not None and (self._clock() - self._first >= self._patience or self._count() >= PART)

    def _write_datasets(self) -> None:
        while rows := self._after(0, PART, through=self._enriched):
            self._keep([kept for _, kept in rows])
            self._execute("DELETE FROM records WHERE number <= ?", (rows[-1][0],))
        self._first = None

    def _after(self, number: int, limit: int, through: int = 2**62) -> list[tuple[int, Kept]]:
        with self._lock:
            found = self._database.execute(
                "SELECT number, record FROM records WHERE number > ? AND number <= ? ORDER BY number LIMIT ?",
                (number, through, limit),
            ).fetchall()
        return [(one, msgspec.json.decode(record, type=Kept)) for one, record in found]

    def _count(self) -> int:
        with self._lock:
            return int(self._database.execute("SELECT count(*) FROM records").fetchone()[0])

    def _mark(self, name: str) -> int:
        found = self._database.execute("SELECT number FROM marks WHERE name = ?", (name,)).fetchone()
        return 0 if found is None else int(found[0])

    def _execute(self, statement: str, values: Sequence[Any]) -> None:
        with self._lock:
            self._database.execute(statement, values).close()

    def close(self) -> None:
        """Write what can be written, and end. What can't be waits for the next start."""
        self._stopping.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()
        try:
            self.settle()
        except RtmlError as error:
            _LOG.warning("predictions wait in their file for the next start", reason=str(error))
        finally:
            self._database.close()
