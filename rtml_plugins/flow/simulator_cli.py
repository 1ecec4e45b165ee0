"""`rtml simulate`: a file of plausible rows for a package, a graph, a signature, a profile or like real rows."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from rtml_core.errors import RtmlError, describe

if TYPE_CHECKING:
    from rtml_core.runtime import Runtime
    from rtml_plugins.flow.simulator import Simulator

#: rows made and written at once
_BATCH: Final = 1024
#: of so many rows at least one has to be accepted by the package
_PATIENCE: Final = 20_480

_EXAMPLE: Final = """\b
Example:
  rtml simulate churn.rtml -n 1000 -o rows.jsonl
  rtml simulate visits.csv --profile visits-profile.json -n 0 -o -
  rtml simulate visits-profile.json -n 100000 --seed 7 -o rows.csv
"""


@click.command("simulate", epilog=_EXAMPLE)
@click.argument("source", metavar="SOURCE")
@click.option(
    "-n", "--rows", "count", type=click.IntRange(0, 1_000_000_000), default=1000, show_default=True, help="How many rows."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Equal seeds make equal rows.")
@click.option("-o", "--output", default="-", show_default=True, metavar="FILE", help="Rows: .jsonl or .csv; - prints JSON lines.")
@click.option("--profile", metavar="FILE.json", help="Write the profile that the rows are drawn from.")
@click.option("--min-count", type=click.IntRange(1), default=10, show_default=True, help="Rows that share a value that is kept.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no closing line.")
def simulate(source: str, count: int, seed: int, output: str, profile: str | None, min_count: int, quiet: bool) -> None:
    """Make plausible rows for tests, load and demos.

    SOURCE is a package (.rtml: rows that it accepts), real rows (.csv, .jsonl, .parquet: rows like these), or a .json file with
    a signature, a profile or a graph. A profile keeps values and ends of numbers only when --min-count rows share them.
    Files appear when all is done, or not at all.
    """
    from rtml_plugins.flow.simulator_sources import simulator_of

    kind = _format(output)
    _check_targets(source, output, profile)
    simulator = simulator_of(source, min_count)
    accept = _Accepting(source) if Path(source).suffix.lower() == ".rtml" else None
    rows = simulator.rows(2**62 if accept else count, seed)
    names = [entry.name for entry in simulator.source_fields()]
    with _encodable(source), _whole(output) as stream, _whole(profile) as beside:
        if beside is not None:
            beside.write((json.dumps(_written(simulator), indent=1, ensure_ascii=False) + "\n").encode())
        write = _csv_writer(stream, names) if kind == "csv" else _json_writer(stream)
        with _progress(count, quiet) as advance:
            left = count
            while left:
                batch = list(islice(rows, min(left, _BATCH) if accept is None else _BATCH))
                kept = (batch if accept is None else accept(batch))[:left]
                write(kept)
                left -= len(kept)
                advance(len(kept))
    if not quiet:
        _close(count, output, profile, accept)


def _written(simulator: Simulator) -> dict[str, Any]:
    return simulator.profile


class _Accepting:
    """The rows that a package does not refuse: its row checks may refuse what its signature takes."""

    def __init__(self, path: str):
        from rtml_core.runtime import Runtime

        runtime = Runtime.from_file(path, allow_unchecked=True, verify=False)
        self._runtime: Runtime | None = runtime if runtime.manifest.checks else None
        self._seen = 0
        self._kept = 0
        self.refused = 0

    def __call__(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Raises RtmlError when next to no row is accepted, with the check that most of them fail."""
        if self._runtime is None:
            return rows
        feed = self._runtime.signature.rows(rows)
        passed: Any = self._runtime.run_unchecked(feed)[1]
        kept = [row for row, fine in zip(rows, passed.all(axis=1).tolist(), strict=True) if fine]
        self._seen += len(rows)
        self._kept += len(kept)
        self.refused = self._seen - self._kept
        if not self._kept and self._seen >= _PATIENCE:
            worst = int((~passed).sum(axis=0).argmax())
            message = self._runtime.manifest.checks[worst].message
            raise RtmlError(
                f"the package refuses all of {self._seen:,} rows, most of them for {message}; simulate from real rows"
            )
        return kept


def _format(output: str) -> str:
    suffix = "" if output == "-" else Path(output).suffix.lower()
    formats = {"": "jsonl", ".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
    if suffix not in formats or (suffix == "" and output != "-"):
        raise RtmlError(f"{output}: simulated rows are written to a file that ends in .jsonl or .csv, or to - as JSON lines")
    return formats[suffix]


def _check_targets(source: str, output: str, profile: str | None) -> None:
    taken = {Path(source).resolve(): source}
    for path in (output, profile):
        if path is None or (path == "-" and path is output):
            continue
        target = Path(path).resolve()
        if target in taken:
            raise RtmlError(f"{path} would replace {taken[target]}; name another file")
        if target.is_dir() or not target.parent.is_dir():
            what = (
                "it is a directory; name a file in it" if target.is_dir() else f"{target.parent} is no directory; make it first"
            )
            raise RtmlError(f"{path} can't be written: {what}")
        taken[target] = path


@contextmanager
def _whole(path: str | None) -> Iterator[Any]:
    """A file that is put in place when the block ends, and removed when it fails or is stopped (SIGTERM, too); "-" is standard
    output, None no file."""
    if path is None:
        yield None
        return
    if path == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = Path(os.path.realpath(path))
    hidden = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    with _stopped_by_sigterm(hidden):
        try:
            with hidden.open("xb") as stream:
                yield stream
            os.replace(hidden, target)
        except OSError as error:
            raise RtmlError(f"{path} can't be written: {error.strerror or error}") from None
        finally:
            hidden.unlink(missing_ok=True)


@contextmanager
def _encodable(source: str) -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError as error:
        half = describe(error.object[error.start : error.end])
        raise RtmlError(f"{source}: a text or name in it holds {half}, half of a character, which no UTF-8 file holds") from None


@contextmanager
def _stopped_by_sigterm(hidden: Path) -> Iterator[None]:
    """SIGTERM removes the file and ends the block as an exception. The handler removes it itself, as it may run in the first
    step of a clean-up."""

    def stop(number: int, frame: object) -> None:
        hidden.unlink(missing_ok=True)
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _json_writer(stream: IO[bytes]) -> Any:
    import msgspec

    encode = msgspec.json.Encoder().encode_lines
    return lambda rows: stream.write(encode(rows))


def _csv_writer(stream: IO[bytes], names: list[str]) -> Any:
    def emit(lines: Any) -> None:
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerows(lines)
        stream.write(buffer.getvalue().encode())

    emit([names])
    words = {True: "true", False: "false"}
    return lambda rows: emit([[words[v] if isinstance(v, bool) else v for v in row.values()] for row in rows])


@contextmanager
def _progress(count: int, quiet: bool) -> Iterator[Any]:
    if quiet or count < 50 * _BATCH or not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=count, label="Simulating", file=sys.stderr, show_pos=True) as bar:
        yield bar.update


def _close(count: int, output: str, profile: str | None, accept: _Accepting | None) -> None:
    """What was done, on stderr: stdout may carry the rows."""
    text = f"Made {count:,} row{'' if count == 1 else 's'}" + ("" if output == "-" else f" into {output}")
    if accept is not None and accept.refused:
        text += f"; {accept.refused:,} more were refused by the package and left out"
    click.echo(text + (f"; the profile is in {profile}" if profile else ""), err=True)
