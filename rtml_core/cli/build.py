"""`rtml fit` and `rtml compile`: from a graph file to a package."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from rtml_core.cli.command import Command
from rtml_core.cli.files import check_outputs, existing, pending, write_text
from rtml_core.cli.listing import print_json
from rtml_core.cli.tables import plural
from rtml_core.errors import DslError, RtmlError

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.compiler import Compiled
    from rtml_core.graph import Graph


@click.command("fit", cls=Command, example="rtml fit churn.json --train train.csv -o churn-fitted.json")
@click.argument("graph", metavar="GRAPH.json")
@click.option("--train", required=True, metavar="FILE", help="Training rows with the label: .jsonl, .csv or .parquet.")
@click.option("-o", "--output", required=True, metavar="FITTED.json", help="The graph with what it learned.")
def fit(graph: str, train: str, output: str) -> None:
    """Let a graph learn from training rows and write it with its state.

    Columns that the graph's source declares are typed and checked as requests are. Other columns of a CSV file, a label for
    example, are numbers or booleans where every cell says so, else strings ("02134" stays a string).
    """
    check_outputs([output], [train])  # the graph itself may be replaced by its fitted form
    authored = read_graph(graph)
    frame = _rows(authored, train)
    authored.fit(frame)
    from rtml_core.dsl import dumps

    write_text(output, dumps(authored))
    learned = [name for name, operator in authored.nodes.items() if operator.learns]
    what = ", ".join(learned) or "no node, as none of them learns"
    click.echo(f"Fitted on {plural(len(frame), 'row')}: {what}. Wrote {output}")


_COMPILE = """
rtml compile churn-fitted.json -o churn.rtml --sample test.csv
rtml compile churn-fitted.json -o churn.rtml --sample test.csv --explain --metric auc=0.81
"""


@click.command("compile", cls=Command, example=_COMPILE)
@click.argument("graph", metavar="GRAPH.json")
@click.option("-o", "--output", required=True, metavar="FILE.rtml", help="The package.")
@click.option("--sample", metavar="FILE", help="Real rows for the parity gate and the baseline: .jsonl, .csv or .parquet.")
@click.option(
    "--metric", "metrics", multiple=True, metavar="NAME=VALUE", help="How good the model is: kept in the package. Repeatable."
)
@click.option("--explain", is_flag=True, help="Show what each node became.")
@click.option("--no-parity", is_flag=True, help="Build without proof; a runtime refuses such a package unless told otherwise.")
@click.option("--portable", is_flag=True, help="Refuse a graph that needs Python or native operators of a plugin.")
@click.option("--json", "as_json", is_flag=True, help="Print what was built as JSON.")
def compile_command(
    graph: str,
    output: str,
    sample: str | None,
    metrics: tuple[str, ...],
    explain: bool,
    no_parity: bool,
    portable: bool,
    as_json: bool,
) -> None:
    """Compile a graph into one package and prove it equal to what was authored.

    Authored and compiled run on the sample, on random rows drawn from it and on edge rows; one difference and nothing is
    written (exit code 1).
    """
    check_outputs([output], [graph, sample])
    figures = _metrics(metrics)
    authored = read_graph(graph)
    frame = None if sample is None else _rows(authored, sample)
    compiled = authored.compile(frame, parity=not no_parity, portable=portable, metrics=figures)
    with pending(output) as (file,):
        assert file is not None
        file.stream.write(compiled.data)
    if as_json:
        print_json(_facts(output, compiled))
        return
    if explain:
        click.echo(compiled.explain() + "\n")
    proof = str(compiled.report) if compiled.report else "parity: NOT CHECKED (score and check it with --allow-unchecked)"
    m = compiled.manifest
    words = "portable" if m.portable else "not portable"
    click.echo(f"Wrote {output}: {plural(compiled.node_count, 'ONNX node')}, {len(compiled.data):,} bytes, {words}")
    if not m.portable:
        click.echo(f"{m.portability[0].upper()}{m.portability[1:]}")
    click.echo(f"{proof}\nid {compiled.id}")


def _metrics(given: tuple[str, ...]) -> dict[str, float]:
    """The figures by name; UsageError for one that is not NAME=NUMBER or comes twice."""
    figures: dict[str, float] = {}
    for text in given:
        name, equals, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not equals or not name or not math.isfinite(number):
            raise click.UsageError(f"--metric must be NAME=NUMBER, e.g. --metric auc=0.81; got {text!r}")
        if name in figures:
            raise click.UsageError(f"--metric {name} is given twice; keep one of them")
        figures[name] = number
    return figures


def _facts(output: str, compiled: Compiled) -> dict[str, Any]:
    report = compiled.report
    parity: dict[str, Any] = {"checked": report is not None}
    if report is not None:
        parity |= {name: getattr(report, name) for name in ("rows", "refused", "tried", "cases", "largest")}
    return {
        "file": output,
        "id": compiled.id,
        "bytes": len(compiled.data),
        "onnx_nodes": compiled.node_count,
        "portable": compiled.manifest.portable,
        "needs": [{"operator": op.label, "kind": op.kind, "from": op.source} for op in compiled.manifest.foreign],
        "parity": parity,
        "nodes": [asdict(row) for row in compiled.rows],
    }


def read_graph(path: str) -> Graph:
    """The valid graph of a file; an error names the file."""
    file = existing(path)
    from rtml_core.graph import Graph

    try:
        graph = Graph.from_dsl(file.read_bytes().decode())
        graph.validate()
        return graph
    except UnicodeDecodeError:
        raise DslError(f"{path} is no graph file: it is not JSON text in UTF-8") from None
    except RtmlError as error:
        error.args = (f"{path}: {error}", *error.args[1:])
        raise


def _rows(graph: Graph, path: str) -> pd.DataFrame:
    from rtml_core.cli.frames import declared_fields, read_frame

    return read_frame(path, declared_fields(graph))
