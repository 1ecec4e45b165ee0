"""The keys with which the pages ask edges that ask for one: the hub's own, short-lived, their secrets in memory only.

One stands for whoever tries a service in the browser, after their own scopes and services were checked. Edges get to know it
with the next state of their region, as any other key. Whoever is asked gets to see it, so it is worth no more than what it is
for: it is for one service, and the hub itself does not take it.
"""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, or_, select

from rtml_core.client.records import NewKey
from rtml_plugins.hub import times
from rtml_plugins.hub.keys import is_valid
from rtml_plugins.hub.tables import api_keys

if TYPE_CHECKING:
    from rtml_plugins.hub.database import Database
    from rtml_plugins.hub.keys import Keys

#: who makes these keys, as the audit log has it
ACTOR: Final = "gallery"
#: seconds that a key lives, and before its end from which on another one is made
_LIFE: Final = "1h"
_EARLY: Final = 300.0
_SCOPES: Final = ("predict", "debug")


class OwnKeys:
    """The keys of this process. Made when a service is tried first, and again before they end; for many threads."""

    def __init__(self, keys: Keys, database: Database):
        self._keys = keys
        self._database = database
        self._lock = threading.Lock()
        self._made: dict[str, NewKey] = {}

    def secret(self, service: str) -> str | None:
        """The secret for a service; None on a hub that asks for no keys."""
        if not self._keys.asked_for():
            return None
        with self._lock:
            made = self._made.get(service)
            if made is None or self._left(made) < _EARLY:
                self._clear()
                name = f"gallery {secrets.token_hex(4)}"  # another hub on the same database has keys of its own
                made = self._keys.create(name, _SCOPES, services=[service], expires=_LIFE, actor=ACTOR, edges_only=True)
                self._made[service] = made
            return made.secret

    def again(self, service: str, secret: str) -> str | None:
        """The secret to ask with once an edge did not take this one: another when it has been ended, else the same, which the
        edge does not know yet."""
        with self._lock:
            made = self._made.get(service)
            if made is not None and made.secret == secret and not self._valid(made):
                del self._made[service]
        return self.secret(service)

    def _valid(self, made: NewKey) -> bool:
        with self._database.read() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.id == made.key.id)).first()
        return row is not None and row.replaced_by is None and is_valid(row, self._database.clock())

    def _left(self, made: NewKey) -> float:
        return times.seconds(made.key.expires or "") - self._database.clock()

    def _clear(self) -> None:
        """Forget those that have ended; they would pile up in the database, too. The audit log keeps them."""
        self._made = {service: made for service, made in self._made.items() if self._left(made) > 0.0}
        ended = or_(api_keys.c.expires <= times.text(self._database.clock()), api_keys.c.revoked.is_not(None))
        with self._database.write(ACTOR) as change:
            change.execute(delete(api_keys).where(api_keys.c.edges_only, ended))
