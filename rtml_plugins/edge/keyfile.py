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
    """The key; empty when there is none. A file is read again when the hub refuses the key: a new one needs no restart.

    later: the file may come later, written by who started this edge. Without it a file that is not there is an error: its name
    may be misspelled.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, later: bool = False):
        self._path = None if path is None else Path(path)
        self._later = later
        self._secret = self._read()

    @property
    def awaited(self) -> bool:
        """Whether there is none yet, and one is to come."""
        return self._later and not self._secret

    def headers(self) -> dict[str, str]:
        """The header that carries it, {} without a key."""
        return {"Authorization": f"Bearer {self._secret}"} if self._secret else {}

    def refresh(self) -> None:
        """Read the file again; one that can't be read, or is gone, leaves what was read before."""
        try:
            self._secret = self._read() or self._secret
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
                if self._later and isinstance(error, FileNotFoundError):
                    return ""
                raise KeyRefused(f"{where}: the key can't be read: {error.strerror or error}") from None
            except UnicodeDecodeError:
                raise KeyRefused(f"{where} holds no API key: expected one line of letters and digits, e.g. rtml_...") from None
        secret = text.strip()
        if len(secret) > _MOST or not all("!" <= c <= "~" for c in secret) or (self._path is not None and not secret):
            raise KeyRefused(f"{where} holds no API key: expected one line of letters and digits, e.g. rtml_...")
        return secret
