"""The key with which an edge asks its hub: from a file or the environment, never from the command line, never in a worker."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from rtml_core.errors import RtmlError

VARIABLE: Final = "RTML_API_KEY"
_MOST: Final = 1024


class KeyRefused(RtmlError):
    """A key that can't be sent."""


class HubKey:
    """The key; empty when there is none. A file is read again when the hub refuses the key: a new one needs no restart."""

    def __init__(self, path: str | os.PathLike[str] | None = None):
        self._path = None if path is None else Path(path)
        self._secret = self._read()

    def headers(self) -> dict[str, str]:
        """The header that carries it, {} without a key."""
        return {"Authorization": f"Bearer {self._secret}"} if self._secret else {}

    def refresh(self) -> None:
        """Read the file again; one that can't be read leaves what was read before."""
        try:
            self._secret = self._read()
        except KeyRefused:
            return

    def _read(self) -> str:
        if self._path is None:
            where, text = VARIABLE, os.environ.get(VARIABLE, "")
        else:
            where = str(self._path)
            try:
                with self._path.open(encoding="ascii") as stream:
                    text = stream.read(_MOST + 1)
            except OSError as error:
                raise KeyRefused(f"{where}: the key can't be read: {error.strerror or error}") from None
            except UnicodeDecodeError:
                raise KeyRefused(f"{where} holds no API key: expected one line of letters and digits, e.g. rtml_...") from None
        secret = text.strip()
        if len(secret) > _MOST or not all("!" <= c <= "~" for c in secret) or (self._path is not None and not secret):
            raise KeyRefused(f"{where} holds no API key: expected one line of letters and digits, e.g. rtml_...")
        return secret
