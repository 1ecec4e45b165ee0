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
from typing import IO, Final

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
    """A file under a hidden name until `commit` puts it in place. Mode as the umask says; left nowhere by `discard`.

    The hidden name is known before `open` makes the file, so that whoever is interrupted in between can remove it.
    """

    stream: IO[bytes]

    def __init__(self, path: str):
        self.path = path
        self.target = writable(path)
        self.temporary = self.target.with_name(f".{self.target.name}.{secrets.token_hex(4)}.part")

    def open(self) -> None:
        """Make the file, empty."""
        try:
            self.stream = os.fdopen(os.open(self.temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb")
        except OSError as error:
            raise RtmlError(f"{self.path} can't be written: {error.strerror}") from None

    def flush(self) -> None:
        """Everything to the disk."""
        self.stream.flush()
        os.fsync(self.stream.fileno())
        self.stream.close()

    def commit(self) -> None:
        """Give the flushed file its name."""
        os.replace(self.temporary, self.target)

    def remove(self) -> None:
        """Remove what was written so far; nothing when it is in place already."""
        self.temporary.unlink(missing_ok=True)

    def discard(self) -> None:
        """Close and remove."""
        if hasattr(self, "stream"):
            self.stream.close()
        self.remove()


@contextmanager
def pending(*paths: str | None, signals: Interruptible | None = None) -> Iterator[list[Pending | None]]:
    """Outputs that are put in place together when the block ends, and removed when it fails or is interrupted.

    signals: for blocks that take long, which then call its `insist` now and then.
    """
    slots = [None if path is None else Pending(path) for path in paths]
    files = [file for file in slots if file is not None]
    signals = signals or Interruptible()
    signals.files = files
    with signals:
        try:
            for file in files:
                file.open()
            yield slots
            signals.insist()
            for file in files:
                file.flush()
            with signals.deferred():
                for file in files:
                    file.commit()
        except OSError as error:
            if error.errno not in _FULL:
                raise
            names = " and ".join(file.path for file in files)
            raise RtmlError(f"{names} can't be written: {error.strerror}") from None
        finally:
            for file in files:
                file.discard()


def write_text(path: str, text: str) -> None:
    """A text file, UTF-8, whole or not at all."""
    with pending(path) as (file,):
        assert file is not None
        file.stream.write(text.encode())


class Interruptible:
    """SIGINT and SIGTERM end the block as exceptions, after the unfinished files are removed.

    A handler may run between any two steps of Python, also between the making of a file and the statement that would
    remember it, or in the first step of the clean-up: so the handler itself removes the files, and raises then. Libraries in C
    that call Python now and then may lose what it raises (msgspec does while it hashes a type): `insist` raises it again.
    """

    def __init__(self) -> None:
        #: what is removed
        self.files: Sequence[Pending] = ()
        self._waits = False
        self._late: int | None = None
        self._told: int | None = None
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Interruptible:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                if signal.getsignal(number) is not signal.SIG_IGN:  # nohup and background jobs ignore on purpose
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _handle(self, number: int, _: FrameType | None) -> None:
        if self._waits:
            self._late = number
            return
        self._told = number
        for file in self.files:
            file.remove()
        self.insist()

    def insist(self) -> None:
        """Raise what ends the block, when a signal asked for it."""
        if self._told is not None:
            raise KeyboardInterrupt if self._told == signal.SIGINT else SystemExit(128 + self._told)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """What must not stop half-way: a signal is answered when the block has ended."""
        self._waits = True
        try:
            yield
        finally:
            self._waits = False
            if self._late is not None:
                self._handle(self._late, None)
