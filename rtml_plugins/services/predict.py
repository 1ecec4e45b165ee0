"""`rtml predict`: score rows with a service, over HTTP."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click
import msgspec

from rtml_core.errors import RtmlError, describe
from rtml_plugins.services.talking import hub_options, talking

if TYPE_CHECKING:
    from rtml_core.client import Prediction

_EXAMPLE = """\b
Example:
  rtml predict churn --row '{"age": 41, "brand": "VW"}'
  rtml predict churn --input rows.jsonl --region emea > scores.jsonl
"""
#: rows of one request
_AT_ONCE: Final = 1000
_LONGEST: Final = 16 << 20


@click.command("predict", epilog=_EXAMPLE)
@click.argument("service")
@click.option("--row", metavar="JSON", help="One row: a JSON object; - reads it from standard input.")
@click.option("-i", "--input", "source", metavar="FILE", help="Rows: JSON lines; - reads them from standard input.")
@click.option("--region", metavar="NAMES", help="Where to score first, e.g. emea,na; the others are fallen back to.")
@click.option("--edge", "edges", multiple=True, metavar="URL", help="Ask this edge, and no hub for others (repeatable).")
@click.option("--version", type=click.IntRange(1), help="Another version than traffic would choose.")
@click.option("--sticky", metavar="KEY", help="The visitor, which a split or canary keeps in one arm.")
@click.option("--explain", is_flag=True, help="Also the features computed on the way (debug scope).")
@click.option("--timeout", type=click.FloatRange(0.01, 600), default=10.0, show_default=True, help="Seconds for one request.")
@click.option("--json", "as_json", is_flag=True, help="Print version, region and request id with each prediction.")
@hub_options
def predict(service: str, row: str | None, source: str | None, as_json: bool, **options: Any) -> None:
    """Score rows with a service.

    Prints one JSON object for each row, in their order. The hub is asked which edges there are; an edge that is away is passed
    over, and another region answers.
    """
    if (row is None) == (source is None):
        raise RtmlError("give one row with --row '{...}', or a file of rows with --input rows.jsonl")
    regions = [name.strip() for name in (options["region"] or "").split(",") if name.strip()]
    more = {"edges": list(options["edges"]) or None, "region": regions, "timeout": options["timeout"]}
    asked = {"version": options["version"], "sticky": options["sticky"], "explain": options["explain"]}
    with talking(options["hub"], options["key_file"], options["ca"], **more) as client:
        if row is not None:
            _show([client.predict(service, _one(row), **asked)], as_json, options["explain"])
            return
        assert source is not None
        with _lines(source) as lines:
            start = 1
            while batch := list(islice(lines, _AT_ONCE)):
                _show(_scored(client, service, batch, source, start, asked), as_json, options["explain"])
                start += len(batch)


def _scored(client: Any, service: str, batch: list[Any], source: str, start: int, asked: dict[str, Any]) -> list[Prediction]:
    from rtml_core.client import InvalidInput

    try:
        found: list[Prediction] = client.predict(service, batch, **asked)
    except InvalidInput as error:
        if start > 1:
            error.add_note(f"rows are counted from row {start} of {source}")
            for entry in error.errors:
                entry["at"] = _moved(str(entry.get("at", "")), start - 1)
        raise
    return found


def _moved(at: str, by: int) -> str:
    """A pointer into a batch as one into the whole file."""
    head, _, rest = at[1:].partition("/")
    return f"/{int(head) + by}{f'/{rest}' if rest else ''}" if head.isdigit() else at


def _one(text: str) -> dict[str, Any]:
    content = sys.stdin.buffer.read(_LONGEST) if text == "-" else text.encode("utf-8", "surrogatepass")
    return _row(content, "--row")


def _row(content: bytes, where: str) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        shown = describe(content.decode("utf-8", "replace"))
        raise RtmlError(f"{where} is no JSON: {error}; expected an object like '{{\"age\": 41}}', got {shown}") from None
    if not isinstance(row, dict):
        raise RtmlError(f"{where}: expected a JSON object with the fields of one row, got {describe(row)}")
    return row


@contextmanager
def _lines(source: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Rows of a file of JSON lines; empty lines are passed over."""

    def rows(stream: IO[bytes]) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(stream, 1):
            if line.strip():
                yield _row(line, f"{source}, line {number}")

    if source == "-":
        yield rows(sys.stdin.buffer)
        return
    try:
        with Path(source).open("rb") as stream:
            yield rows(stream)
    except FileNotFoundError:
        raise RtmlError(f"{source} does not exist") from None
    except (IsADirectoryError, PermissionError) as error:
        raise RtmlError(f"{source} can't be read: {error.strerror}") from None


def _show(predictions: list[Prediction], as_json: bool, explain: bool) -> None:
    encode = msgspec.json.Encoder().encode
    for prediction in predictions:
        if as_json:
            shown = {name: value for name, value in msgspec.to_builtins(prediction).items() if name != "columns" or explain}
        else:
            shown = {"outputs": prediction.outputs, "columns": prediction.columns} if explain else prediction.outputs
        click.echo(encode(shown).decode())
