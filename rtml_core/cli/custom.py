"""`rtml custom-ops`: custom ONNX operators, and `--trust`, which lets packages run them."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import click

from rtml_core.cli.command import Command, Group
from rtml_core.cli.listing import discovered, json_option, print_json
from rtml_core.cli.tables import table
from rtml_core.custom_ops.declaration import path_of
from rtml_core.errors import UnknownNameError, close_match

if TYPE_CHECKING:
    from rtml_core.custom_ops import CustomOp
    from rtml_core.registry import Origin

trust_option = click.option(
    "--trust",
    multiple=True,
    metavar="NAME",
    help="Let the package run Python and native operators of this distribution (repeatable; all: of any; also RTML_TRUST).",
)


@click.group("custom-ops", cls=Group, example="rtml custom-ops list\nrtml custom-ops show rtml.pandas:title")
def custom_ops() -> None:
    """Custom ONNX operators of plugins: functions, which a package holds; native and Python ones, which it needs a plugin for."""


@custom_ops.command("list", cls=Command, example="rtml custom-ops list\nrtml custom-ops list --json")
@json_option
def custom_ops_list(as_json: bool) -> None:
    """List all custom operators with what they take and give."""
    entries = discovered().custom_ops.entries()
    if as_json:
        print_json([facts(op, origin) for op, origin in entries])
        return
    rows = [
        (f"{op.domain}:{op.name}", str(op.version), _kind(op), op.signature, origin.plugin, _summary(op))
        for op, origin in entries
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
        "portable": op.portable,
        "inputs": list(op.inputs),
        "outputs": list(op.outputs),
        "arguments": dict(op.arguments),
        "sees_missing": op.sees_missing,
        "gives_missing": op.gives_missing,
        "unicode": op.unicode,
        "body": op.body_name,
        **(_library(op) if op.kind == "native" else {}),
        "onnx_domain": op.onnx_domain,
        "plugin": origin.plugin,
        "distribution": origin.distribution,
        "distribution_version": origin.version,
        "doc": inspect.cleandoc(op.doc),
    }


def _library(op: CustomOp) -> dict[str, str | None]:
    """The library of a native operator on this machine: nulls where it is not built."""
    from rtml_core.custom_ops import native

    path = native.library_path(op)
    return {
        "library": op.library,
        "library_path": path,
        "library_sha256": None if path is None else native.digest_of(path),
        "platform": native.platform(),
    }


def _kind(op: CustomOp) -> str:
    if op.kind != "native":
        return op.kind
    from rtml_core.custom_ops.native import library_path

    return op.kind if library_path(op) is not None else "native, not built here"


def _summary(op: CustomOp) -> str:
    return inspect.cleandoc(op.doc).split("\n\n")[0].replace("\n", " ").partition(". ")[0].rstrip(".")


def _described(op: CustomOp, origin: Origin) -> str:
    missing = "its body sees them" if op.sees_missing else "missing in, missing out"
    if op.gives_missing:
        missing += "; it may answer with one by itself"
    where = f"a package with it is not portable, it runs where {origin.distribution} is installed and trusted"
    if op.portable:
        where = "a package holds it and runs in any onnxruntime"
    elif op.kind == "native":
        where += ", with a library of the same bytes"
    lines = [
        ("kind", f"{op.kind}: {where}"),
        ("takes", op.signature),
        ("missing", missing),
        ("formula" if op.kind == "function" else "reference" if op.kind == "native" else "body", op.body_name),
        ("in ONNX", f"{op.onnx_domain}{'.<digest of its arguments>' if op.portable and op.arguments else ''}:{op.name}"),
    ]
    if op.kind == "native":
        lines += _library_lines(op)
    if op.cases is not None:
        lines.append(("cases", path_of(op.cases)))
    if op.unicode:
        lines.append(("unicode", "a package runs only under the version of Unicode that it was compiled with"))
    body = "\n".join(f"{key:<11}{value}" for key, value in lines)
    return f"{op}, from {origin}\n\n{inspect.cleandoc(op.doc)}\n\n{body}"


def _library_lines(op: CustomOp) -> list[tuple[str, str]]:
    found = _library(op)
    if found["library_path"] is None:
        return [("library", f"{op.library}, not built here ({found['platform']}): what calls it does not compile")]
    return [
        ("library", f"{found['library_path']}"),
        ("platform", f"{found['platform']}"),
        ("SHA-256", f"{found['library_sha256']}"),
    ]
