"""When what the edges of a region see has changed, as this hub noticed: how far behind an edge is, and for how long."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from rtml_plugins.hub import overview
from rtml_plugins.hub.database import Database
from rtml_plugins.hub.tables import regions

#: changes of a region that are remembered
_KEPT: Final = 500
#: changes that regions share are noted under this name, which is none of a region
_ALL: Final = ""
_making: Final = threading.Lock()


@dataclass(frozen=True, slots=True)
class Lag:
    """How far an edge is behind. changes: that it does not serve yet, 0 when it is up to date, at least so many unless `exact`.
    since: when the first of them was made, in seconds since 1970; None when that was before this hub began to look. ahead: it
    serves something newer than the hub has, which was restored, then, or is another one."""

    changes: int
    since: float | None = None
    exact: bool = True
    ahead: bool = False


class Revisions:
    """Remembers when the revisions of regions came. Changes that another hub on the same database makes are noticed when
    somebody asks."""

    def __init__(self, database: Database):
        self._database = database
        self._lock = threading.Lock()
        self._came: dict[str, deque[tuple[int, float | None]]] = {}
        self.now(first=True)
        database.changed.append(self.look)

    @classmethod
    def of(cls, database: Database) -> Revisions:
        """Those of a database: from the first time that they are asked for, as long as it is open."""
        with _making:
            listening = (getattr(callback, "__self__", None) for callback in database.changed)
            return next((one for one in listening if isinstance(one, cls)), None) or cls(database)

    def look(self) -> None:
        """Note what has changed."""
        self.now()

    def now(self, first: bool = False) -> Mapping[str, int]:
        """Note what has changed. The revisions of all regions that services have named; of all others, under ""."""
        with self._lock:  # around the reading, too: what was read first is noted first
            with self._database.read() as connection:
                names = [_ALL, *connection.execute(select(regions.c.name)).scalars()]
                found = overview.revisions(connection, names)
            at = None if first else self._database.clock()
            for name, revision in found.items():
                came = self._came.setdefault(name, deque([] if first else [(0, None)], maxlen=_KEPT))
                if not came or came[-1][0] != revision:
                    came.append((revision, at))
        return found

    def lag(self, region: str, revision: int, now: Mapping[str, int]) -> Lag:
        """How far an edge is behind that serves a revision. now: what now() said."""
        goal = now.get(region, now[_ALL])
        if revision == goal:
            return Lag(0)
        if revision > goal:
            return Lag(0, ahead=True)
        with self._lock:
            came = list(self._came.get(region, self._came[_ALL]))
        missing = [(number, at) for number, at in came if revision < number <= goal]
        exact = any(number <= revision for number, _ in came)
        return Lag(max(1, len(missing)), missing[0][1] if missing and exact else None, exact)
