"""`rtml custom-ops`: custom ONNX operators, and `--trust`, which lets packages run them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from rtml_core.cli.command import Command, Group
from rtml_core.cli.listing import discovered, json_option, print_json
from rtml_core.cli.tables import table
from rtml_core.errors import UnknownNameError, close_match

if TYPE_CHECKING:
    from rtml_core.custom_ops import CustomOp
    from rtml_core.registry import Origin

trust_option = click.option(
    "--trust",
    multiple=True,
    metavar="NAME",
    help="Let the package run Python operators of this distribution (repeatable; all: of any; also RTML_TRUST).",
)


@click.group("custom-ops", cls=Group)
def custom_ops() -> None:
    """Custom ONNX operators are what a package needs of a plugin at run time; it is not portable then."""


@custom_ops.command("list", cls=Command, example="rtml custom-ops list\nrtml custom-ops list --json")
@json_option
def custom_ops_list(as_json: bool) -> None:
    """List all custom operators with what they take and give."""
    entries = discovered().custom_ops.entries()
    if as_json:
        print_json([facts(op, origin) for op, origin in entries])
        return
    rows = [
        (f"{op.domain}:{op.name}", str(op.version), op.kind, op.signature, origin.plugin, _summary(op)) for op, origin in entries
    ]
    click.echo(table(("operator", "version", "kind", "takes and gives", "plugin", "what it does"), rows))


@custom_ops.command("show", cls=Command, example="rtml custom-ops show rtml.pandas:title")
@click.argument("name")
@json_option
def custom_ops_show(name: str, as_json: bool) -> None:
    """Show one custom operator, in all its versions: what it does, takes and gives, who brings it, where it runs."""
    entries = discovered().custom_ops.entries()
    found = [(op, origin) for op, origin in entries if name in (f"{op.domain}:{op.name}", op.name, str(op))]
    if not found:
        known = sorted({f"{op.domain}:{op.name}" for op, _ in entries})
        raise UnknownNameError(
            f"Custom operator '{name}' does not exist.{close_match(name, known)} `rtml custom-ops list` shows all"
        )
    if as_json:
        print_json([facts(op, origin) for op, origin in found])
        return
    click.echo("\n\n".join(_described(op, origin) for op, origin in found))


def facts(op: CustomOp, origin: Origin) -> dict[str, Any]:
    """One custom operator as JSON values."""
    return {
        "domain": op.domain,
        "name": op.name,
        "version": op.version,
        "kind": op.kind,
        "inputs": list(op.inputs),
        "outputs": list(op.outputs),
        "arguments": dict(op.arguments),
        "sees_missing": op.sees_missing,
        "gives_missing": op.gives_missing,
        "unicode": op.unicode,
        "body": op.body_name,
        "onnx_domain": op.onnx_domain,
        "plugin": origin.plugin,
        "distribution": origin.distribution,
        "distribution_version": origin.version,
        "doc": inspect.cleandoc(op.doc),
    }


def _summary(op: CustomOp) -> str:
    return inspect.cleandoc(op.doc).split("\n\n")[0].replace("\n", " ").partition(". ")[0].rstrip(".")


def _described(op: CustomOp, origin: Origin) -> str:
    missing = "its body sees them" if op.sees_missing else "missing in, missing out"
    if op.gives_missing:
        missing += "; it may answer with one by itself"
    lines = [
        ("kind", f"{op.kind}: a package with it is not portable, it runs where {origin.distribution} is installed and trusted"),
        ("takes", op.signature),
        ("missing", missing),
        ("body", op.body_name),
        ("in ONNX", f"{op.onnx_domain}:{op.name}"),
    ]
    if op.unicode:
        lines.append(("unicode", "a package runs only under the version of Unicode that it was compiled with"))
    body = "\n".join(f"{key:<11}{value}" for key, value in lines)
    return f"{op}, from {origin}\n\n{inspect.cleandoc(op.doc)}\n\n{body}"
