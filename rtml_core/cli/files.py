"""Files as the command line meets them: inputs that must be there, outputs that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import signal
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from rtml_core.errors import RtmlError, close_match

#: what the end of a file's name says about its format
FORMATS: Final = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}


def existing(path: str) -> Path:
    """The path of a file that is there and can be read; RtmlError with the closest name beside it otherwise."""
    file = Path(path)
    try:
        kind = file.stat().st_mode
    except OSError as error:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise RtmlError(f"{path} can't be read: {error.strerror}") from None
        raise RtmlError(f"{path} does not exist.{_neighbour(file)}") from None
    if stat.S_ISDIR(kind):
        raise RtmlError(f"{path} is a directory; name a file")
    if not os.access(file, os.R_OK):
        raise RtmlError(f"{path} can't be read: Permission denied")
    return file


def _neighbour(file: Path) -> str:
    try:
        names = [entry.name for entry in os.scandir(file.parent)]
    except OSError:
        return f" There is no directory {file.parent} either"
    return close_match(file.name, names)


def row_format(path: str) -> str:
    """jsonl, csv or parquet, by the end of the name; RtmlError otherwise."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        cure = " (one JSON object a line)" if suffix == ".json" else ""
        raise RtmlError(f"{path}: a file of rows must end in .jsonl{cure}, .csv or .parquet")
    return FORMATS[suffix]


def writable(path: str) -> Path:
    """The real path of a file that can be written, links followed; RtmlError with the reason otherwise."""
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise RtmlError(f"{path} can't be written: it is a directory; name a file in it")
    if target.exists() and not target.is_file():
        raise RtmlError(f"{path} can't be written: it is no regular file, and outputs are put in place by rename")
    if not target.parent.is_dir():
        what = "is not a directory" if target.parent.exists() else "does not exist; make it first"
        raise RtmlError(f"{path} can't be written: {Path(path).parent} {what}")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise RtmlError(f"{path} can't be written: no permission to write into {Path(path).parent}")
    return target


def check_outputs(outputs: Sequence[str | None], inputs: Sequence[str | None]) -> None:
    """Refuse outputs that can't be written, or that would replace an input or each other, before anything takes time.

    None and "-" (a standard stream) are no files.
    """
    taken = {Path(path).resolve(): path for path in inputs if path is not None and path != "-"}
    for path in outputs:
        if path is None or path == "-":
            continue
        target = writable(path)
        if target in taken:
            raise RtmlError(f"{path} would replace {taken[target]}; name another file")
        taken[target] = path


#: the disk, or what the user may use of it, is full
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Pending:
    """A file under a hidden name until `commit` puts it in place. Mode as the umask says; left nowhere by `discard`."""

    def __init__(self, path: str):
        self.target = writable(path)
        self.temporary = self.target.with_name(f".{self.target.name}.{secrets.token_hex(4)}.part")
        try:
            self.stream = os.fdopen(os.open(self.temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb")
        except OSError as error:
            raise RtmlError(f"{path} can't be written: {error.strerror}") from None

    def commit(self) -> None:
        """Everything to the disk, then the rename."""
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.close()
        os.replace(self.temporary, self.target)

    def discard(self) -> None:
        """Remove what was written so far; nothing when it is in place already."""
        self.stream.close()
        self.temporary.unlink(missing_ok=True)


@contextmanager
def pending(*paths: str | None) -> Iterator[list[Pending | None]]:
    """Outputs that are put in place together when the block ends, and removed when it fails or is interrupted."""
    files: list[Pending | None] = []
    with terminable():
        try:
            for path in paths:
                files.append(None if path is None else Pending(path))
            yield files
            for file in files:
                if file is not None:
                    file.commit()
        except OSError as error:
            if error.errno not in _FULL:
                raise
            names = " and ".join(path for path in paths if path is not None)
            raise RtmlError(f"{names} can't be written: {error.strerror}") from None
        finally:
            for file in files:
                if file is not None:
                    file.discard()


def write_text(path: str, text: str) -> None:
    """A text file, UTF-8, whole or not at all."""
    with pending(path) as (file,):
        assert file is not None
        file.stream.write(text.encode())


def _terminate(number: int, _: FrameType | None) -> None:
    raise SystemExit(128 + number)


@contextmanager
def terminable() -> Iterator[None]:
    """SIGTERM ends the block as an exception, so that unfinished files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: Callable[[int, FrameType | None], object] | int | None = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
