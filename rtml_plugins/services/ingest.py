"""`rtml ingest`: XDM records checked, kept in a dataset, and turned into profiles, on this machine or by a hub."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rtml_core.errors import RtmlError
from rtml_plugins.profile.ingest_cli import Progress, opened, require_extra, show, take
from rtml_plugins.services.talking import RowsRefused, talking

if TYPE_CHECKING:
    from rtml_core.client import Client
    from rtml_plugins.profile.collector import Collected, Refused, RefusedFiles
    from rtml_plugins.xdm.reading import Read

_EXAMPLE: Final = """\b
Example:
  rtml ingest events.jsonl --schema shop-event --dataset web --refused refused.jsonl
  rtml ingest customers.parquet --schema shop-profile --dataset crm --hub http://127.0.0.1:8000
  gunzip -c events.json.gz | rtml ingest - --schema shop-event --dataset web
"""
#: records and bytes that a hub gets at once; it tells as many refused ones by name
_RECORDS: Final = 10_000
_BYTES: Final = 32 << 20
_TOLD: Final = 1000


@click.command("ingest", epilog=_EXAMPLE)
@click.argument("file", metavar="FILE|-")
@click.option("--schema", required=True, metavar="NAME", help="Schema of the records: its $id, short name or title.")
@click.option("--dataset", required=True, metavar="NAME", help="Where they are kept; made when it is not there.")
@click.option("--schemas", multiple=True, metavar="FOLDER", help="Take in schemas for good: folder, file or bundle.")
@click.option("--home", metavar="FOLDER", help="Folder of datasets and profiles; else that of the hub of `rtml up`.")
@click.option("--hub", metavar="URL", help="Send them to a hub instead, which has the folder open.")
@click.option("--key-file", metavar="FILE", help="File with the hub's API key; else RTML_API_KEY, which ps does not show.")
@click.option("--ca", metavar="FILE", help="Certificates of authorities (PEM) instead of the usual ones.")
@click.option("--format", type=click.Choice(["jsonl", "json", "parquet"]), help="Else found out from the first bytes.")
@click.option("--refused", metavar="FILE", help="Keep refused records there, and the reasons in FILE.reasons.jsonl.")
@click.option("--threshold", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Share that may be refused.")
@click.option("--profile/--no-profile", default=None, help="Whether profiles are built from the dataset; a new one: yes.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of it as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def ingest(file: str, as_json: bool, quiet: bool, refused: str | None, threshold: float, **options: Any) -> None:
    """Take XDM records into a dataset, and into profiles.

    FILE: JSON lines, a JSON array of any length, or Parquet; - reads standard input. Each record is checked against the schema;
    one that is refused is told with line, place and reason, and the others are taken, unless more than --threshold are refused:
    then nothing is. A record that comes again (by its _id) is taken once, so a file can be given again.

    A hub gets 10,000 records at a time, and what is said of the threshold holds for each such piece.

    Exit code 1: some records were refused.
    """
    require_extra()
    progress = Progress(quiet)
    if options["hub"] is None:
        done = take(
            file,
            progress=progress,
            refused_to=refused,
            threshold=threshold,
            **{name: options[name] for name in ("schema", "dataset", "home", "schemas", "format", "profile")},
        )
    else:
        if options["home"] is not None or options["profile"] is not None:
            raise click.UsageError("--home and --profile are for this machine's own folder: leave them out with --hub")
        done = _send(file, refused, threshold, progress, options)
    show(done, file, refused, threshold, as_json)
    if done.refused_count:
        sys.exit(1)


def _send(file: str, refused: str | None, threshold: float, progress: Progress, options: dict[str, Any]) -> Collected:
    """Send the records to a hub, piece by piece; what became of them all."""
    from rtml_plugins.profile.collector import Collected, refused_files
    from rtml_plugins.xdm.reading import read_records
    from rtml_plugins.xdm.sources import read

    done = Collected(options["dataset"], options["schema"])
    size = _RECORDS if threshold * _RECORDS <= _TOLD else int(_TOLD / threshold)
    with (
        talking(options["hub"], options["key_file"], options["ca"]) as client,
        opened(file) as source,
        refused_files(refused) as keep,
        progress,
    ):
        for path in options["schemas"]:
            client.add_schemas([found.document for found in read(Path(path))])
        records = read_records(source, options["format"])
        while piece := _piece(records, size):
            _send_piece(client, piece, threshold, done, keep)
            progress(done)
    return done


def _piece(records: Any, most: int) -> list[Read]:
    piece: list[Read] = []
    size = 0
    for read in islice(records, most):
        piece.append(read)
        size += len(read.raw)
        if size >= _BYTES:
            break
    return piece


def _send_piece(client: Client, piece: Sequence[Read], threshold: float, done: Collected, keep: RefusedFiles) -> None:
    from rtml_core.client import Refused as RefusedByHub
    from rtml_plugins.profile.collector import Refused
    from rtml_plugins.xdm.datasets import as_line
    from rtml_plugins.xdm.reading_json import Problem

    first = piece[0].number
    odd = [Refused(read.number, read.line, "", (read.problem,)) for read in piece if read.problem is not None]
    good = [read for read in piece if read.problem is None]
    allowed = threshold * len(piece) - len(odd)
    if allowed < -1e-6:
        sentence = odd[0].problems[0].message
        raise RtmlError(f"{len(odd):,} of {len(piece):,} records can't be read, e.g. {sentence}; {_before(first)}")
    told: list[Refused] = []
    if good:
        lines = b"".join(as_line(read.raw) for read in good)
        share = min((allowed + 1e-6) / len(good), 1.0)
        try:
            found = client.ingest(lines, schema=done.schema, dataset=done.dataset, threshold=share)
        except RefusedByHub as error:
            if error.kind != "records-refused":
                raise
            more = f" Records are counted from {first}: {_before(first)}" if first > 1 else ""
            raise RowsRefused(f"{error.detail}.{more}") from None
        for one in found.refused:
            read = good[one.record - 1]
            told.append(Refused(read.number, read.line, one.id, tuple(Problem(**problem) for problem in one.problems)))
        done.accepted += found.accepted
        done.duplicates += found.duplicates
        done.withheld += found.withheld
        done.nameless += found.nameless
        done.batch = max(done.batch, found.batch)
    by_number = {read.number: read for read in piece}
    for refused in sorted([*odd, *told], key=lambda one: one.record):
        if len(done.refused) < _TOLD:
            done.refused.append(refused)
        keep(by_number[refused.record], refused)
    done.refused_count += len(odd) + len(told)
    done.read += len(piece)


def _before(first: int) -> str:
    if first == 1:
        return "nothing was taken"
    return f"of the {first - 1:,} before, those that fit were taken; from there on, nothing was"
