"""The folder of datasets and profiles: where it is when none is named, and that one process writes in it at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, Final

from rtml_core.errors import describe
from rtml_plugins.xdm.errors import XdmError

_LOCK: Final = "data.lock"


class DatasetError(XdmError):
    """A dataset, or the folder of datasets, can't be used as asked; says why and what to do."""


def default_data() -> Path:
    """The folder when none is named: that of the hub of `rtml up`, up/hub/data in $RTML_HOME or ~/.rtml."""
    home = os.environ.get("RTML_HOME")
    return (Path(home) if home else Path.home() / ".rtml") / "up" / "hub" / "data"


class FolderLock:
    """The right to write in a folder, held until close() or the end of the process.

    Raises DatasetError when another process has it, with that process, or when the folder can't be made.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file: IO[str] = (folder / _LOCK).open("a+")
        except OSError as error:
            shown = describe(str(folder))
            raise DatasetError(f"{shown} can't be used as a folder of data: {error.strerror}. Name another with --home") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip()
            self._file.close()
            who = f"process {holder}" if holder else "another process"
            raise DatasetError(
                f"{folder} is in use by {who}: one process writes at a time. If it is a hub, let the hub do it: add --hub"
                " URL, e.g. --hub http://127.0.0.1:8000; else stop that process, or name another folder with --home"
            ) from None
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"{os.getpid()}\n")
        self._file.flush()

    def close(self) -> None:
        """Give it back; a second time is nothing."""
        self._file.close()
