"""`rtml score`: a file of rows through a package, in batches, whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from rtml_core.cli.badrows import BadRow, by_row
from rtml_core.cli.command import Command, Found, Interrupted
from rtml_core.cli.custom import trust_option
from rtml_core.cli.files import Interruptible, check_outputs, existing, pending
from rtml_core.cli.readers import Batch, Reader, open_rows
from rtml_core.cli.tables import plural
from rtml_core.cli.writers import open_writer
from rtml_core.errors import InputError, RtmlError, listing

if TYPE_CHECKING:
    from rtml_core.runtime import Runtime

#: bad rows that are described one by one when the run fails
_DESCRIBED: Final = 5

_EXAMPLE = """
rtml score churn.rtml --input rows.csv --output scores.csv
rtml score churn.rtml --input rows.jsonl --output scores.parquet --errors bad.jsonl --keep customer_id
cat rows.jsonl | rtml score churn.rtml --input - --output -
"""


@dataclass
class Tally:
    """How many rows were scored and how many refused."""

    scored: int = 0
    refused: int = 0


@click.command("score", cls=Command, example=_EXAMPLE)
@click.argument("package", metavar="FILE.rtml")
@click.option("-i", "--input", "source", required=True, metavar="FILE", help="Rows: .jsonl, .csv or .parquet; - is JSON lines.")
@click.option("-o", "--output", required=True, metavar="FILE", help="Scores: .jsonl, .csv or .parquet; - prints JSON lines.")
@click.option("--errors", metavar="FILE", help="Put rows that can't be scored here (JSON lines: line, problems, row) and go on.")
@click.option("--keep", multiple=True, metavar="COLUMN", help="Copy this column of the input into the output (repeatable).")
@click.option("--ignore-extra", is_flag=True, help="Drop columns that the package does not take, instead of refusing them.")
@click.option("--allow-unchecked", is_flag=True, help="Load a package that was built without the parity gate.")
@trust_option
@click.option("--batch-size", type=click.IntRange(1, 1_000_000), default=4096, show_default=True, help="Rows scored at once.")
@click.option("-q", "--quiet", is_flag=True, help="No progress bar and no closing line.")
def score(package: str, source: str, output: str, errors: str | None, keep: tuple[str, ...], quiet: bool, **options: Any) -> None:
    """Score a file of rows with a package.

    The output has one row for each input row, in the same order. Cells of a CSV file are typed by the package: strings are
    never guessed to be numbers, an empty cell is null. A row that does not fit is reported with its line and fails the run,
    unless --errors puts such rows aside. Files appear when all is done, or not at all.
    """
    if errors == "-":
        raise RtmlError("--errors - would mix bad rows with scores; name a file")
    check_outputs([output, errors], [package, source])
    runtime = load(
        package, allow_unchecked=options["allow_unchecked"], ignore_extra=options["ignore_extra"], trust=options["trust"]
    )
    _check_kept(runtime, keep)
    fields = {entry.name: entry.type for entry in runtime.signature.fields}
    optional = [entry.name for entry in runtime.signature.fields if entry.optional]
    try:
        with open_rows(source, fields, extra=runtime.signature.ignore_extra, keep=keep, optional=optional) as reader:
            tally, infinite = _run(runtime, reader, output, errors, keep, options["batch_size"], quiet)
    except KeyboardInterrupt:
        left = "what was printed so far is incomplete" if output == "-" else f"{output} was not written"
        raise Interrupted(f"interrupted; {left}") from None
    if not quiet:
        _close(tally, infinite, output, errors)


def load(path: str, *, allow_unchecked: bool, ignore_extra: bool, trust: Sequence[str] = ()) -> Runtime:
    """A runtime over a package file; RtmlError with the reason otherwise."""
    file = existing(path)
    from rtml_core.runtime import Runtime

    return Runtime.from_file(file, allow_unchecked=allow_unchecked, ignore_extra=ignore_extra or None, trust=trust)


def _check_kept(runtime: Runtime, keep: Sequence[str]) -> None:
    outputs = [entry.name for entry in runtime.manifest.outputs]
    for name in keep:
        if name in outputs:
            raise RtmlError(f"--keep {name}: the package has an output of that name; outputs are {listing(outputs)}")
        if keep.count(name) > 1:
            raise RtmlError(f"--keep {name} is given twice")


def _run(
    runtime: Runtime, reader: Reader, output: str, errors: str | None, keep: tuple[str, ...], size: int, quiet: bool
) -> tuple[Tally, int]:
    tally = Tally()
    drop = set(keep) - {entry.name for entry in runtime.signature.fields}
    encode = msgspec.json.Encoder(enc_hook=str).encode_lines
    signals = Interruptible()
    with pending(None if output == "-" else output, errors, signals=signals) as (target, aside):
        stream = sys.stdout.buffer if target is None else target.stream
        writer = open_writer(output, stream, keep, runtime.manifest.outputs)
        with _progress(reader, quiet) as advance:
            for batch in reader.batches(size):
                results, good, bad = score_batch(runtime, batch, drop)
                tally.refused += len(bad)
                if bad and aside is None:
                    raise _refusal(reader, bad, output, max([*batch.places[-1:], bad[-1].place]))
                if aside is not None:
                    aside.stream.write(encode([_entry(reader, row) for row in bad]))
                if keep:
                    kept = ({name: batch.rows[index].get(name) for name in keep} for index in good)
                    results = [{**one, **other} for one, other in zip(kept, results, strict=True)]
                writer.write(results)
                if target is None:
                    stream.flush()  # whoever reads along sees a batch as soon as it is scored
                tally.scored += len(results)
                advance()
                signals.insist()
        writer.finish()
    return tally, writer.infinite


def score_batch(runtime: Runtime, batch: Batch, drop: Set[str]) -> tuple[list[dict[str, Any]], list[int], list[BadRow]]:
    """Results of the rows that can be scored, their indices in the batch, and the rows that can't, in the order of the file.

    drop: columns of the rows that are not for the package.
    """
    rows = [{n: v for n, v in row.items() if n not in drop} for row in batch.rows] if drop else batch.rows
    good = list(range(len(batch.rows)))
    bad = list(batch.bad)
    results: list[dict[str, Any]] = []
    while good:
        try:
            results = runtime.score([rows[index] for index in good])
            break
        except InputError as error:
            found = by_row(error)
            bad += [BadRow(batch.places[good[at]], problems, batch.rows[good[at]]) for at, problems in found.items()]
            good = [index for at, index in enumerate(good) if at not in found]
    return results, good, sorted(bad, key=lambda row: row.place)


def _entry(reader: Reader, bad: BadRow) -> dict[str, Any]:
    problems = [{"at": p.at, "expected": p.expected, "got": p.got} for p in bad.problems]
    return {reader.unit: bad.place, "problems": problems, "row": bad.row}


def _refusal(reader: Reader, bad: Sequence[BadRow], output: str, last: int) -> Found:
    """Say which rows do not fit, the first ones one by one; returns the error that ends the run."""
    for row in bad[:_DESCRIBED]:
        click.echo(row.described(reader.name, reader.unit), err=True)
    if len(bad) > _DESCRIBED:
        click.echo(f"... and {plural(len(bad) - _DESCRIBED, 'more row')}", err=True)
    left = "the output is incomplete" if output == "-" else f"{output} was not written"
    unknown = any(problem.got == "an unknown field" for row in bad for problem in row.problems)
    drop = ", drop unknown fields with --ignore-extra" if unknown else ""
    cure = f"Correct the rows{drop} or put such rows aside with --errors FILE"
    rows = f"{plural(len(bad), 'row')} {'does' if len(bad) == 1 else 'do'}"
    return Found(f"{rows} not fit the package (reading stopped at {reader.unit} {last:,}); {left}. {cure}")


@contextmanager
def _progress(reader: Reader, quiet: bool) -> Iterator[Any]:
    """A function to call after each batch; it moves a bar on stderr when that is a terminal and the size is known."""
    if quiet or not reader.size or not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=reader.size, label="Scoring", file=sys.stderr, show_pos=False) as bar:
        yield lambda: bar.update(reader.position - bar.pos)


def _close(tally: Tally, infinite: int, output: str, errors: str | None) -> None:
    """What was done, on stderr: stdout may carry the rows."""
    text = f"Scored {plural(tally.scored, 'row')}" + ("" if output == "-" else f" into {output}")
    if tally.refused:
        text += f"; {plural(tally.refused, 'row')} could not be scored, see {errors}"
    click.echo(text, err=True)
    if infinite:
        many = plural(infinite, "value is", "values are")
        click.echo(f"{many} infinite, which JSON can't say: null in the output; CSV and parquet keep infinity", err=True)
