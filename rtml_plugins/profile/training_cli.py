"""`rtml profile training-frame`: what serving would have read, or did read, as a file to train from."""

from __future__ import annotations

import gc
import os
import secrets
import sys
import time as clocks
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from rtml_core.errors import RtmlError, describe
from rtml_core.timestamps import EXPECTED, parse_timestamp
from rtml_plugins.serving.tables import plural

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.graph import Graph
    from rtml_plugins.profile.history import Clock, History
    from rtml_plugins.profile.labels import Label
    from rtml_plugins.profile.training import Training

_EXAMPLE: Final = """\b
Example:
  rtml profile training-frame --graph churn.json --spine visits.csv --identity ECID=visitor --output frame.parquet
  rtml profile training-frame --graph churn.json --each eventType=web.webpagedetails.pageViews \\
      --label eventType=commerce.purchases --within 7d --clock timestamp --output frame.parquet
  rtml profile training-frame --from-predictions churn --label eventType=commerce.purchases --within 7d --output frame.parquet
"""
#: events that were taken in so long after they happened were not there when they could have been used
_LATE_US: Final = 86_400_000_000
_SUFFIXES: Final = (".parquet", ".csv", ".jsonl")


@click.command("training-frame", epilog=_EXAMPLE)
@click.option("--output", required=True, metavar="FILE", help="Where the frame goes: a file ending in .parquet, .csv or .jsonl.")
@click.option("--home", metavar="FOLDER", help="Folder of datasets and profiles; else that of the hub of `rtml up`.")
@click.option("--profiles", "profiles_url", metavar="URL", help="The store of profiles, where it is not in that folder.")
@click.option(
    "--dataset", "datasets", multiple=True, metavar="NAME", help="Replay this one; else all that profiles are built from."
)
@click.option("--graph", metavar="FILE", help="The graph with the ProfileReader: its JSON, or a package.")
@click.option("--spine", metavar="FILE", help="The rows: .csv, .jsonl or .parquet, with a moment and whom each is about.")
@click.option("--each", metavar="PATH=VALUE", help="The rows: each event with this value there, at its moment.")
@click.option("--from-predictions", "service", metavar="SERVICE", help="The rows: the predictions of a service, as they were.")
@click.option("--time", default="time", show_default=True, metavar="COLUMN", help="The column of moments in the spine.")
@click.option("--identity", multiple=True, metavar="NS=COLUMN", help="A column of ids in the spine; else its column identityMap.")
@click.option("--label", "labels", multiple=True, metavar="PATH=VALUE|JSON", help="Events to come, or an aggregate over them.")
@click.option("--label-name", "names", multiple=True, metavar="NAME", help="Its column; label, label2, ... without it.")
@click.option("--within", metavar="DURATION", help='How long after the moment events count, e.g. "7d".')
@click.option("--labels", "labels_file", metavar="FILE", help="Labels of predictions, by their ids.")
@click.option("--on", default="prediction_id", show_default=True, metavar="COLUMN", help="The column of those ids.")
@click.option("--until", metavar="TIME", help="Up to when events are complete; else the time of the last one.")
@click.option(
    "--clock",
    type=click.Choice(["ingested", "timestamp"]),
    default="ingested",
    show_default=True,
    help="When a record was known: when it was taken in, or, for data taken in later, when its event happened.",
)
@click.option("--record-time", metavar="PATH", help="With --clock timestamp: where record data has a time of its own.")
@click.option("--lag-ms", type=click.FloatRange(0, 86_400_000), default=0.0, help="Milliseconds by which serving learns later.")
@click.option("--include-now", is_flag=True, help="Rows see what was taken in at their very moment, too.")
@click.option("--json", "as_json", is_flag=True, help="Print what became of it as JSON.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def training_frame(output: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Make a training frame that is right for each row's moment.

    All records are replayed in the order in which they were taken in, and each row of --spine (or of --each) is read at its
    moment as serving would have read it then: attributes, aggregates, who is who. What came later reaches no row. With
    --from-predictions nothing is replayed: the rows are what the service's models saw when they were asked.

    Rows that serving refuses are left out, and so are those for whose label it is too early.
    """
    from rtml_plugins.profile.history import History
    from rtml_plugins.profile.ingest_cli import require_extra

    require_extra()
    gc.set_threshold(100_000, 50, 100)  # millions of short-lived objects, none of them in a circle
    _check(output, options)
    labels = _labels(options)
    with History(_home(options["home"]), profiles_url=options["profiles_url"], datasets=options["datasets"]) as history:
        make = _predicted if options["service"] else _replayed
        training = make(history, labels, options, _Progress(quiet))
    write(training.frame, output)
    _tell(training, output, options, as_json)


def _home(given: str | None) -> Path:
    from rtml_plugins.xdm.datasets_folder import default_data

    return Path(given) if given else default_data()


def _check(output: str, options: dict[str, Any]) -> None:
    rows = [name for name, key in (("--spine", "spine"), ("--each", "each"), ("--from-predictions", "service")) if options[key]]
    if len(rows) != 1:
        raise RtmlError(
            f"exactly one of --spine, --each and --from-predictions says which rows there are; got {' and '.join(rows) or 'none'}"
        )
    if not options["service"] and not options["graph"]:
        raise RtmlError("--graph names the graph (JSON or package) whose ProfileReader says what is read")
    if options["labels"] and not options["within"]:
        raise RtmlError("--label needs --within: how long after the moment events count, e.g. --within 7d")
    if options["labels_file"] and not options["service"]:
        raise RtmlError(
            "--labels joins predictions by their ids: it goes with --from-predictions; a spine has its labels as columns"
        )
    if options["labels_file"] and options["labels"]:
        raise RtmlError("--labels and --label can't both say what the label is")
    if options["record_time"] and options["clock"] != "timestamp":
        raise RtmlError("--record-time goes with --clock timestamp")
    if Path(output).suffix.lower() not in _SUFFIXES:
        raise RtmlError(f"{output}: a frame is written to a file that ends in .parquet, .csv or .jsonl")
    if not Path(output).absolute().parent.is_dir():
        raise RtmlError(f"{output} can't be written: {Path(output).absolute().parent} is no directory; make it first")


def _labels(options: dict[str, Any]) -> list[Label]:
    import msgspec

    from rtml_plugins.profile.labels import Label

    made = []
    for number, given in enumerate(options["labels"]):
        name = options["names"][number] if number < len(options["names"]) else f"label{number + 1 if number else ''}"
        definition: Any = given
        if given.lstrip().startswith("{"):
            try:
                definition = msgspec.json.decode(given)
            except msgspec.DecodeError as error:
                raise RtmlError(f"--label {given}: neither PATH=VALUE nor the JSON of an aggregate: {error}") from None
        made.append(Label.parse(definition, options["within"], name=name))
    return made


def _until(options: dict[str, Any]) -> int | None:
    if options["until"] is None:
        return None
    found = parse_timestamp(options["until"])
    if found is None:
        raise RtmlError(f"--until must be {EXPECTED}; got {options['until']}")
    return found


def _replayed(history: History, labels: list[Label], options: dict[str, Any], progress: _Progress) -> Training:
    from rtml_plugins.flow.simulator_sources import read_rows
    from rtml_plugins.profile.training import training_frame as make

    graph = read_graph(options["graph"])
    clock: Clock = options["clock"]
    time, identity = options["time"], dict(map(_named, options["identity"])) or None
    late = False
    if options["each"]:
        (spine, late), time, identity = _each(history, options["each"], clock), "time", None
    else:
        spine = read_rows(options["spine"])
    try:
        training = make(
            history.records(clock, record_time=options["record_time"]),
            spine,
            graph,
            time=time,
            identity=identity,
            labels=labels,
            include_now=options["include_now"],
            lag_us=round(options["lag_ms"] * 1000),
            like=history.profiles,
            until_us=_until(options),
            progress=progress,
        )
    finally:
        progress.close()
    if clock == "ingested" and (late or training.counts["missing"] == len(spine) > 0):
        click.echo(
            "the events were taken in long after they happened: what was known at their moments is known by --clock timestamp"
            if late
            else "no row found anybody: all records were taken in after the moments of the rows, or the ids are others. For data"
            " that was taken in long after it happened there is --clock timestamp",
            err=True,
        )
    return training


def _predicted(history: History, labels: list[Label], options: dict[str, Any], progress: _Progress) -> Training:
    from rtml_plugins.flow.simulator_sources import read_rows
    from rtml_plugins.profile.predicted import training_frame_from_predictions

    given: Any = read_rows(options["labels_file"]) if options["labels_file"] else labels
    return training_frame_from_predictions(
        history.predictions(options["service"]),
        labels=given,
        on=options["on"],
        events=history.records() if labels else (),
        owners=history.profiles.store.owners if labels else None,
        rules=history.profiles.settings.rules if labels else None,
        until_us=_until(options),
    )


def _each(history: History, each: str, clock: Clock) -> tuple[pd.DataFrame, bool]:
    """A row for each event with a value at a path, at the moment when it was known; and whether that was late for most."""
    import msgspec
    import pandas as pd

    from rtml_plugins.profile.identity import read
    from rtml_plugins.profile.labels import condition

    wanted = condition(each, "--each")
    rows = []
    late = 0
    seen = set()
    for record in history.records(clock):
        if record.kind == "event" and wanted.hold(record.document):
            name = (*read(record.document, record.descriptors).by_key, record.timestamp_us, record.id)
            if name in seen:  # another dataset has it too
                continue
            seen.add(name)
            rows.append((record.ingested_us, record.id, (record.raw or msgspec.json.encode(record.document)).decode()))
            late += record.ingested_us - record.timestamp_us > _LATE_US
    if not rows:
        raise RtmlError(f"--each {each}: no event of the datasets has that value there")
    frame = pd.DataFrame(
        {
            "time": pd.to_datetime([at for at, _, _ in rows], unit="us").astype("datetime64[us]"),
            "event_id": [id for _, id, _ in rows],
            "event": [text for _, _, text in rows],
        }
    )
    return frame, 2 * late > len(rows)


def _named(text: str) -> tuple[str, str]:
    namespace, equal, column = text.partition("=")
    if not (namespace and equal and column):
        raise RtmlError(f"--identity must be NAMESPACE=COLUMN, e.g. ECID=visitor; got {describe(text)}")
    return namespace, column


def read_graph(path: str) -> Graph:
    """The graph in a file: its JSON document, or a package, which carries its graph. Raises RtmlError."""
    import msgspec

    from rtml_core import Graph, package

    try:
        if Path(path).suffix.lower() == ".rtml":
            return Graph.from_dsl(msgspec.json.decode(package.read_file(path).graph))
        return Graph.from_dsl(msgspec.json.decode(Path(path).read_bytes()))
    except OSError as error:
        raise RtmlError(f"{path} can't be read: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise RtmlError(f"{path} is no JSON of a graph: {error}") from None


def write(frame: pd.DataFrame, output: str) -> None:
    """A frame as a file that appears when it is whole; raises RtmlError."""
    target = Path(os.path.realpath(output))
    hidden = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        suffix = target.suffix.lower()
        if suffix == ".parquet":
            frame.to_parquet(hidden, index=False)
        elif suffix == ".csv":
            frame.to_csv(hidden, index=False, date_format="%Y-%m-%dT%H:%M:%S.%fZ")
        else:
            frame.to_json(hidden, orient="records", lines=True, date_format="iso", date_unit="us", double_precision=15)
        os.replace(hidden, target)
    except OSError as error:
        raise RtmlError(f"{output} can't be written: {error.strerror or error}") from None
    finally:
        hidden.unlink(missing_ok=True)


def _tell(training: Training, output: str, options: dict[str, Any], as_json: bool) -> None:
    frame, seconds = training.frame, max(training.seconds, 1e-9)
    if as_json:
        import msgspec

        told = {
            "output": output,
            "rows": len(frame),
            "columns": [str(name) for name in frame.columns],
            "refused": training.refused,
            "open": training.open,
            "counts": dict(training.counts),
            "records": training.records,
            "seconds": round(seconds, 3),
        }
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
        return
    click.echo(f"{plural(len(frame), 'row')} with {plural(len(frame.columns), 'column')}: {output}")
    if training.refused:
        click.echo(f"{plural(training.refused, 'row')} left out that serving refuses: no consent, or nobody is named")
    if training.open:
        why = "have no label in the file" if options["labels_file"] else f"are not {options['within']} old when the events end"
        click.echo(f"{plural(training.open, 'row')} left out that {why}")
    told_of = {"missing": "nobody was known", "unfit": "a value did not fit its field"}
    for why, words in told_of.items():
        if training.counts.get(why):
            click.echo(f"{training.counts[why]:,} times {words}: the default was taken")
    if training.records:
        click.echo(f"{plural(training.records, 'record')} in {seconds:.1f} s, {training.records / seconds:,.0f} a second")


class _Progress:
    """Tells on a terminal how far a replay is, ten times a second at most."""

    def __init__(self, quiet: bool):
        self._quiet = quiet or not sys.stderr.isatty()
        self._begun = self._said = clocks.monotonic()
        self._shown = False

    def __call__(self, records: int, rows: int) -> None:
        now = clocks.monotonic()
        if self._quiet or now - self._said < 0.1:
            return
        self._said, self._shown = now, True
        rate = records / (now - self._begun)
        click.echo(f"\r{records:,} records replayed, {rate:,.0f} a second, {rows:,} rows read ", nl=False, err=True)

    def close(self) -> None:
        if self._shown:
            click.echo("\r\033[K", nl=False, err=True)
