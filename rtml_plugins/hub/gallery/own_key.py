"""The key with which the pages ask edges that ask for one: the hub's own, short-lived, its secret in memory only.

It stands for whoever tries a service in the browser, after their own scopes and services were checked; edges get to know it with
the next state of their region, as any other key.
"""

from __future__ import annotations

import secrets
import threading
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete

from rtml_core.client.records import NewKey
from rtml_plugins.hub import times
from rtml_plugins.hub.tables import api_keys

if TYPE_CHECKING:
    from rtml_plugins.hub.database import Database
    from rtml_plugins.hub.keys import Keys

#: who makes these keys, as the audit log has it; how their names begin
ACTOR: Final = "gallery"
_PREFIX: Final = "gallery "
#: seconds that a key lives, and before its end from which on another one is made
_LIFE: Final = "1h"
_EARLY: Final = 300.0
_SCOPES: Final = ("predict", "debug")


class OwnKey:
    """The key of this process. Made when a service is tried first, and again before it ends; for many threads."""

    def __init__(self, keys: Keys, database: Database):
        self._keys = keys
        self._database = database
        self._lock = threading.Lock()
        self._made: NewKey | None = None

    def secret(self) -> str | None:
        """The secret; None on a hub that asks for no keys."""
        if not self._keys.asked_for():
            return None
        with self._lock:
            if self._made is None or self._ends(self._made) - self._database.clock() < _EARLY:
                self._clear()
                name = f"{_PREFIX}{secrets.token_hex(4)}"  # another hub on the same database has a key of its own
                self._made = self._keys.create(name, _SCOPES, expires=_LIFE, actor=ACTOR)
            return self._made.secret

    def again(self, secret: str) -> str | None:
        """The secret to ask with once an edge did not take this one: another when somebody has revoked it, else the same, which
        the edge does not know yet."""
        with self._lock:
            if self._made is not None and self._made.secret == secret and self._revoked(self._made):
                self._made = None
        return self.secret()

    def _revoked(self, made: NewKey) -> bool:
        return all(key.id != made.key.id or key.revoked is not None for key in self._keys.list())

    @staticmethod
    def _ends(made: NewKey) -> float:
        return times.seconds(made.key.expires or "")

    def _clear(self) -> None:
        """Take earlier ones that have ended off the list of keys: they would pile up, one an hour. The audit log keeps them."""
        now = times.text(self._database.clock())
        mine = (api_keys.c.created_by == ACTOR, api_keys.c.name.startswith(_PREFIX, autoescape=True))
        with self._database.write(ACTOR) as change:
            change.execute(delete(api_keys).where(*mine, api_keys.c.expires <= now))
            change.execute(delete(api_keys).where(*mine, api_keys.c.revoked.is_not(None)))
