"""The key with which the edges of `rtml up` ask their hub, from the day on that the hub asks for keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from rtml_plugins.hub.database import Database, open_database
from rtml_plugins.hub.keys import Keys
from rtml_plugins.hub.settings import HubSettings
from rtml_plugins.serving.problems import Problem

NAME: Final = "edges of rtml up"
_ACTOR: Final = "rtml up"


class EdgeKey:
    """That key. hub: the hub's folder. path: where the secret is kept, readable by its owner only."""

    def __init__(self, hub: Path, path: Path):
        self._hub, self._path = hub, path
        self._database: Database | None = None

    def provide(self) -> bool:
        """Have a valid key of scope edge in the file, made now when there is none; False while the hub asks for no keys.

        A key of this name whose secret is lost is revoked. The hub must have run once in its folder.
        """
        if self._database is None:
            self._database = open_database(HubSettings(home=str(self._hub)).database_url)
        keys = Keys(self._database)
        if not keys.asked_for():
            return False
        if self._path.exists() and _opens(keys, self._path.read_text().strip()):
            return True
        for old in keys.list():
            if old.name == NAME and old.revoked is None:
                keys.revoke(old.id, actor=_ACTOR)
        _write(self._path, keys.create(NAME, ["edge"], actor=_ACTOR).secret)
        return True

    def close(self) -> None:
        """Close the database."""
        if self._database is not None:
            self._database.close()
            self._database = None


def _write(path: Path, secret: str) -> None:
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")
    unfinished.replace(path)


def _opens(keys: Keys, secret: str) -> bool:
    try:
        return "edge" in keys.authenticate(secret).scopes
    except Problem:
        return False
