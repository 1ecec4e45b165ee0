"""What `rtml ingest` does on this machine, and how it tells what became of records; the command is in
rtml_plugins.services.ingest."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Final, Self

import click

from rtml_core.errors import RtmlError
from rtml_plugins.serving.tables import plural

if TYPE_CHECKING:
    from rtml_plugins.profile.collector import Collected

#: refused records that are printed; a file gets all
_SHOWN: Final = 20


def take(file: str, schema: str, dataset: str, home: str | None, progress: Progress, **options: Any) -> Collected:
    """Take the records of a file, or of standard input ("-"), into a home of this machine; see Collector.collect."""
    from rtml_plugins.profile.collector import Collector
    from rtml_plugins.profile.home import default_data, open_home

    folder = Path(home) if home else default_data()
    schemas = options.pop("schemas", ())
    with _rarely_collecting(), opened(file) as source, open_home(folder, schemas=schemas) as found, progress:
        return Collector(found).collect(source, schema, dataset, progress=progress, **options)


@contextmanager
def _rarely_collecting() -> Iterator[None]:
    """Millions of objects live shortly, and none of them is in a circle: looking for circles would take a third of the time."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def require_extra() -> None:
    """Raises RtmlError when what rtml[xdm] installs is not there."""
    missing = [name for name in ("jsonschema_rs", "pyarrow") if find_spec(name) is None]
    if missing:
        raise RtmlError(f"datasets need {' and '.join(missing)}, which is not installed: pip install 'rtml[xdm]'")


@contextmanager
def opened(file: str) -> Iterator[IO[bytes]]:
    """A file, or standard input for "-". Raises RtmlError."""
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as stream:
            yield stream
    except FileNotFoundError:
        raise RtmlError(f"{file} does not exist") from None
    except (IsADirectoryError, PermissionError) as error:
        raise RtmlError(f"{file} can't be read: {error.strerror}") from None


def show(done: Collected, file: str, kept: str | None, threshold: float, as_json: bool) -> None:
    """Print what became of an input."""
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode(done), indent=2).decode())
    else:
        for one in done.refused[:_SHOWN]:
            where = f"line {one.line}" if one.line else f"record {one.record}"
            for problem in one.problems:
                click.echo(printable(f"{file}, {where}: {problem.at or '/'}: {problem.message} [{problem.keyword}]"), err=True)
        if done.refused_count > _SHOWN:
            click.echo(f"... and {plural(done.refused_count - _SHOWN, 'refused record')} more", err=True)
        click.echo("\n".join(_summary(done, threshold)))
    if done.refused_count:
        if kept is not None:
            click.echo(f"refused records: {kept}, reasons: {kept}.reasons.jsonl; mend them there and ingest that file", err=True)
        else:
            click.echo("--refused FILE keeps refused records, to be mended and ingested again", err=True)


def _summary(done: Collected, threshold: float) -> Iterator[str]:
    if not done.taken:
        share = f"{100 * done.refused_count / done.read:.4g} %"
        was = "was" if done.refused_count == 1 else "were"
        refused = f"{done.refused_count:,} of {plural(done.read, 'record')} {was} refused ({share})"
        yield f"nothing was taken: {refused}, and --threshold allows {100 * threshold:.4g} %"
        return
    parts = [f"{done.accepted:,} new in dataset '{done.dataset}'"]
    parts += [f"{done.duplicates:,} there before"] if done.duplicates else []
    parts += [f"{done.withheld:,} not kept, as their persons refused it"] if done.withheld else []
    parts += [f"{done.refused_count:,} refused"] if done.refused_count else []
    yield f"{plural(done.read, 'record')}: {', '.join(parts)}"
    if done.nameless and done.profiles:
        yield f"{plural(done.nameless, 'record')} without an identity: in the dataset, in no profile"
    if not done.read:
        yield "there were no records in it"


def printable(text: str) -> str:
    """A line without control characters: what a stranger wrote must not steer a terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


class Progress:
    """Tells on a terminal how many records were read, ten times a second at most. A context: its end wipes the line."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet or not sys.stderr.isatty()
        self._begun = self._said = time.monotonic()
        self._shown = False

    def __call__(self, done: Collected) -> None:
        now = time.monotonic()
        if self._quiet or now - self._said < 0.1:
            return
        self._said, self._shown = now, True
        rate = done.read / (now - self._begun)
        refused = f", {done.refused_count:,} refused" if done.refused_count else ""
        click.echo(f"\r{done.read:,} records read, {rate:,.0f} a second{refused} ", nl=False, err=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._shown:
            click.echo("\r\033[K", nl=False, err=True)
