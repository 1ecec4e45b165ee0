"""`rtml datasets`: what there is, read as a table or a file, exported, deleted."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

from rtml_core.errors import RtmlError
from rtml_core.timestamps import format_timestamp
from rtml_plugins.serving.tables import plural, table

if TYPE_CHECKING:
    from rtml_plugins.xdm.datasets import Datasets, Listed

_EXAMPLE: Final = """\b
Example:
  rtml datasets list
  rtml datasets read web --limit 10 --select timestamp --select eventType
  rtml datasets read web --where 'commerce.order.priceTotal >= 100' --sort -timestamp --to orders.parquet
"""
#: rows of a table on a screen, and characters of its cells
_ROWS: Final = 20
_WIDEST: Final = 40

_home = click.option("--home", metavar="FOLDER", help="Folder of datasets and profiles; else that of the hub of `rtml up`.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group("datasets", epilog=_EXAMPLE)
def datasets() -> None:
    """List, read, export and delete datasets of XDM records."""


@contextmanager
def _reading(home: str | None) -> Iterator[Datasets]:
    from rtml_plugins.xdm.datasets import Datasets
    from rtml_plugins.xdm.datasets_folder import default_data

    with Datasets((Path(home) if home else default_data()) / "datasets", read_only=True) as found:
        yield found


@datasets.command("list")
@_home
@_json
def list_all(home: str | None, as_json: bool) -> None:
    """List datasets with their records, bytes and times."""
    with _reading(home) as found:
        listed = found.list()
    if as_json:
        _print_json([_plain(one) for one in listed])
        return
    rows = [
        [one.name, one.kind, f"{one.records:,}", _size(one.bytes), _moment(one.first), _moment(one.last), one.schema]
        for one in listed
    ]
    click.echo(table(["dataset", "kind", "records", "size", "first", "last", "schema"], rows))
    if not rows:
        click.echo("there are none yet: `rtml ingest` makes the first")


@datasets.command("show")
@click.argument("name")
@_home
@_json
def show(name: str, home: str | None, as_json: bool) -> None:
    """Show one dataset."""
    with _reading(home) as found:
        one = found.show(name)
    if as_json:
        _print_json(_plain(one))
        return
    said = {
        "schema": one.schema,
        "kind": one.kind,
        "profiles": "are built from it" if one.profile else "are not built from it",
        "records": f"{one.records:,}",
        "size": f"{_size(one.bytes)} in {plural(one.parts, 'file')}",
        "first": _moment(one.first),
        "last": _moment(one.last),
        "created": _moment(one.created),
    }
    click.echo(one.name)
    for what, value in said.items():
        click.echo(f"  {what:<9} {value}")


@datasets.command("read", epilog=_EXAMPLE)
@click.argument("name")
@click.option("--limit", type=click.IntRange(0), help=f"Records at most; on a screen {_ROWS} unless given.")
@click.option("--offset", type=click.IntRange(0), default=0, help="Records of the answer to pass over.")
@click.option("--select", multiple=True, metavar="PATH", help="A column, e.g. web.webPageDetails.name (repeatable); else all.")
@click.option("--where", multiple=True, metavar="COMPARISON", help="E.g. 'timestamp >= 2026-01-31' (repeatable: all must hold).")
@click.option("--sort", multiple=True, metavar="PATH", help="In this order, -PATH for descending (repeatable); else by time.")
@click.option("--to", "target", metavar="FILE", help="Write FILE.csv, .jsonl or .parquet instead; - is JSON lines on the output.")
@_home
def read(name: str, target: str | None, home: str | None, **asked: Any) -> None:
    """Read records as columns: a table on the screen, or a file.

    JSON lines hold the records themselves, byte for byte, or with --select the columns.
    """
    with _reading(home) as found:
        if target is None:
            _print_table(found, name, asked)
            return
        _write(found, name, target, asked)


@datasets.command("export")
@click.argument("name")
@click.argument("file")
@click.option("--where", multiple=True, metavar="COMPARISON", help="E.g. 'timestamp >= 2026-01-31' (repeatable: all must hold).")
@_home
def export(name: str, file: str, where: tuple[str, ...], home: str | None) -> None:
    """Write all records to FILE as JSON lines, byte for byte as they came; - is the output."""
    with _reading(home) as found:
        _write(found, name, file, {"where": where}, kind="jsonl")


@datasets.command("delete")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_home
@click.option("--hub", metavar="URL", help="Let a hub do it, which has the folder open; its API key is in RTML_API_KEY.")
def delete(name: str, yes: bool, home: str | None, hub: str | None) -> None:
    """Delete a dataset and its files. Profiles keep what they have learnt from it."""
    if home is not None and hub is not None:
        raise click.UsageError("--home is for this machine's own folder: leave it out with --hub")
    if not yes:
        click.confirm(f"delete dataset '{name}'?", abort=True)
    records = _deleted_by(hub, name) if hub is not None else _deleted(home, name)
    click.echo(f"deleted dataset '{name}' with {plural(records, 'record')}")


def _deleted_by(hub: str, name: str) -> int:
    from rtml_core.client import Client

    with Client(hub) as client:
        return int(client.delete_dataset(name).records)


def _deleted(home: str | None, name: str) -> int:
    from rtml_plugins.xdm.datasets import Datasets
    from rtml_plugins.xdm.datasets_folder import FolderLock, default_data

    folder = Path(home) if home else default_data()
    with _reading(home) as found:
        found.get(name)  # nothing is made where there is none
    lock = FolderLock(folder)
    try:
        with Datasets(folder / "datasets") as opened:
            return opened.delete(name).records
    finally:
        lock.close()


# ---- writing -----------------------------------------------------------------------------------------------------


def _print_table(found: Datasets, name: str, asked: dict[str, Any]) -> None:
    limit = _ROWS if asked["limit"] is None else asked["limit"]
    frame = found.read(name, **_asked({**asked, "limit": limit + 1}))
    shown = frame.head(limit).itertuples(index=False, name=None)
    rows = [["" if _missing(cell) else _short(cell) for cell in row] for row in shown]
    click.echo(table([str(column) for column in frame.columns], rows))
    if len(frame) > limit:
        click.echo(f"more than {plural(limit, 'record')}: --limit shows more, --to FILE writes all", err=True)


def _asked(asked: dict[str, Any]) -> dict[str, Any]:
    return {**asked, "select": list(asked.get("select") or ()) or None, "sort": list(asked.get("sort") or ())}


def _write(found: Datasets, name: str, target: str, asked: dict[str, Any], kind: str | None = None) -> None:
    """Write an answer; the file appears when it is whole."""
    kind = kind or ("jsonl" if target == "-" else target.rpartition(".")[2].lower())
    if kind not in ("csv", "jsonl", "parquet"):
        raise RtmlError(f"--to {target}: the end of the name says what is written; expected .csv, .jsonl or .parquet")
    if target == "-":
        count = _lines(found, name, asked, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    final = Path(target)
    unfinished = final.with_name(f".{final.name}.part")
    try:
        with unfinished.open("wb") as file:
            if kind == "jsonl":
                count = _lines(found, name, asked, file)
            else:
                frame = found.read(name, **_asked(asked))
                count = len(frame)
                _csv(frame, file) if kind == "csv" else _parquet(frame, file)
        unfinished.replace(final)
    except OSError as error:
        raise RtmlError(f"{target} can't be written: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)
    click.echo(f"{plural(count, 'record')} of dataset '{name}' in {target}", err=True)


def _lines(found: Datasets, name: str, asked: dict[str, Any], file: IO[bytes]) -> int:
    """JSON lines: the records as they came, or the chosen columns of each."""
    import msgspec

    from rtml_plugins.xdm.datasets import as_line
    from rtml_plugins.xdm.datasets_query import column_values, find

    chosen = column_values(asked.get("select") or ())
    rest = {key: asked[key] for key in ("limit", "offset", "where", "sort") if key in asked}
    count = 0
    for one in find(found, name, **rest):
        file.write(as_line(msgspec.json.encode(chosen(one.document)) if chosen else one.text))
        count += 1
    return count


def _csv(frame: Any, file: IO[bytes]) -> None:
    import io

    text = io.TextIOWrapper(file, "utf-8", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(frame.columns)
    for row in frame.itertuples(index=False, name=None):
        writer.writerow(["" if _missing(cell) else _text(cell) for cell in row])
    text.detach()


def _parquet(frame: Any, file: IO[bytes]) -> None:
    import pyarrow as pa

    try:
        frame.to_parquet(file, index=False)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise RtmlError(f"the columns have no form in Parquet ({error}): choose others with --select, or write .jsonl") from None


def _missing(cell: Any) -> bool:
    return cell is None or cell != cell or type(cell).__name__ in ("NAType", "NaTType")


def _text(cell: Any) -> str:
    import msgspec

    if isinstance(cell, str):
        return cell
    if isinstance(cell, list | dict | bool):
        return msgspec.json.encode(cell).decode()
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)


def _short(cell: Any) -> str:
    text = _text(cell)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


# ---- words -------------------------------------------------------------------------------------------------------


def _moment(micros: int | None) -> str:
    return "" if micros is None else format_timestamp(micros)[:19].replace("T", " ") + "Z"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} GB"


def _plain(one: Listed) -> dict[str, Any]:
    times = {key: None if value is None else format_timestamp(value) for key, value in one._asdict().items() if key in _TIMES}
    return {**one._asdict(), **times}


_TIMES: Final = ("first", "last", "created")


def _print_json(value: Any) -> None:
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
