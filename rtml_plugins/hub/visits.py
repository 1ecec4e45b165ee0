"""Sessions of the gallery and the links that open one: kept in the database, so that every hub on it knows them.

What a browser holds is a random secret; only its digest is kept. A session is never worth more than its key: it has the rights
that the key has, and ends with it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, delete, insert, select

from rtml_plugins.hub import times
from rtml_plugins.hub.database import Database
from rtml_plugins.hub.keys import Caller, caller_of, is_valid
from rtml_plugins.hub.tables import api_keys, sessions
from rtml_plugins.serving.keys import digest

#: seconds after which one signs in again, however busy one was: a working day
LIFE: Final = 12 * 3600.0
#: seconds in which a link is to be used
LINK_LIFE: Final = 90.0
#: sessions of one key at once, and links; the oldest go first
MOST: Final = 200
#: characters of a secret, which carries 256 random bits
_LENGTH: Final = 43


@dataclass(frozen=True, slots=True)
class Opened:
    """A session or a link just made. secret: known to nobody else, and kept nowhere."""

    secret: str
    expires: str


class Visits:
    """Who is signed in to the gallery of the hubs on a database."""

    def __init__(self, database: Database):
        self._database = database

    def sign_in(self, key: str, before: str = "") -> Opened:
        """A new session with the rights of a key, by its id; the session before, if any, ends.

        It changes nothing of the hub, and whoever has a key could do it without end: so it is no entry of the audit log.
        """
        with self._database.note() as connection:
            connection.execute(delete(sessions).where(sessions.c.id == digest(before)))
            return _insert(connection, key, self._database.clock(), LIFE, link=False)

    def find(self, secret: str) -> Caller | None:
        """Who has a session; None when there is none, when it is too old, or when its key is not valid any more."""
        return self._valid(secret, link=False) if len(secret) == _LENGTH else None

    def sign_out(self, secret: str) -> None:
        """End a session; one that there is not is none."""
        with self._database.note() as connection:
            connection.execute(delete(sessions).where(sessions.c.id == digest(secret)))

    def link(self, key: str) -> Opened:
        """What opens a session with the rights of a key, by its id: once, and soon."""
        with self._database.note() as connection:
            return _insert(connection, key, self._database.clock(), LINK_LIFE, link=True)

    def asked(self, secret: str) -> Caller | None:
        """Who asked for a link that would open a session now; it is not used by this."""
        return self._valid(secret, link=True) if len(secret) == _LENGTH else None

    def redeem(self, secret: str) -> Caller | None:
        """Who asked for a link; None when it was used, or is too old, or its key is not valid any more. It is used by this."""
        if len(secret) != _LENGTH:
            return None
        caller = self._valid(secret, link=True)
        with self._database.note() as connection:  # of two that come at once, one finds it there
            gone = connection.execute(delete(sessions).where(sessions.c.id == digest(secret), sessions.c.link))
        return caller if gone.rowcount == 1 else None

    def _valid(self, secret: str, *, link: bool) -> Caller | None:
        statement = select(api_keys, sessions.c.expires.label("until")).join(sessions, sessions.c.key == api_keys.c.id)
        with self._database.read() as connection:
            row = connection.execute(statement.where(sessions.c.id == digest(secret), sessions.c.link == link)).first()
        now = self._database.clock()
        if row is None or times.seconds(row.until) <= now or not is_valid(row, now):
            return None
        return caller_of(row)


def _insert(connection: Connection, key: str, now: float, life: float, *, link: bool) -> Opened:
    """A row more; those that ran out go."""
    connection.execute(delete(sessions).where(sessions.c.expires <= times.text(now)))
    made = Opened(secrets.token_urlsafe(32), times.text(now + life))
    row = {"id": digest(made.secret), "key": key, "created": times.text(now), "expires": made.expires, "link": link}
    connection.execute(insert(sessions).values(row))
    own = (sessions.c.key == key, sessions.c.link == link)
    newest = select(sessions.c.id).where(*own).order_by(sessions.c.created.desc(), sessions.c.id).limit(MOST)
    connection.execute(delete(sessions).where(*own, sessions.c.id.not_in(newest)))
    return made
