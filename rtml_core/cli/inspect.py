"""`rtml inspect` and `rtml check`: what a package says about itself, and whether that holds here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec

from rtml_core.cli.command import Command, Found
from rtml_core.cli.custom import trust_option
from rtml_core.cli.files import existing
from rtml_core.cli.listing import json_option, print_json
from rtml_core.cli.tables import plural, table
from rtml_core.errors import PackageError

if TYPE_CHECKING:
    from rtml_core.baseline import ColumnBaseline
    from rtml_core.package import Archive, FieldEntry, Manifest, OpEntry


@click.command("inspect", cls=Command, example="rtml inspect churn.rtml\nrtml inspect churn.rtml --json")
@click.argument("package", metavar="FILE.rtml")
@json_option
def inspect(package: str, as_json: bool) -> None:
    """Show what a package takes, gives and needs, without loading its model."""
    file = existing(package)
    from rtml_core.package import read_file

    archive = read_file(file)
    size = file.stat().st_size
    if as_json:
        nodes = sum(op.count for op in archive.manifest.ops)
        facts: dict[str, Any] = {"file": package, "id": archive.id, "bytes": size, "onnx_nodes": nodes}
        print_json(facts | msgspec.to_builtins(archive.manifest))
    else:
        click.echo(render(package, archive, size))


def render(name: str, archive: Archive, size: int) -> str:
    """A package for people: the facts, then its fields, outputs and ONNX operators as tables."""
    m = archive.manifest
    opsets = ", ".join(f"{domain or 'ai.onnx'} {version}" for domain, version in m.opsets.items())
    facts = [
        ("package", name),
        ("id", archive.id),
        ("size", f"{size:,} bytes"),
        ("built by", f"rtml {m.rtml}, package format {m.format}"),
        ("model", f"{plural(sum(op.count for op in m.ops), 'ONNX node')}, IR {m.ir_version}, opsets {opsets}"),
        ("portable", "yes" if m.portable else "no" + m.portability.removeprefix("not portable")),
        ("parity", parity(m)),
        ("plugins", ", ".join(_plugin(p.name, p.distribution, p.version) for p in m.plugins) or "-"),
        ("extra", "unknown fields are refused" if m.extra == "refuse" else "unknown fields are ignored"),
        ("checks", plural(len(m.checks), "row check") if m.checks else "-"),
        ("metrics", ", ".join(f"{name} {value:g}" for name, value in sorted(m.metrics.items())) or "-"),
        ("baseline", plural(m.baseline.rows, "row") + " of the sample" if m.baseline else "-"),
    ]
    fields = [(f.field.name, f.field.spec, _details(f)) for f in m.fields]
    outputs = [(o.name, o.dtype + ("?" if o.nullable else ""), _tolerance(o.rtol, o.atol)) for o in m.outputs]
    ops = [(op.label, op.kind, str(op.count), _brought(op)) for op in m.ops]
    seen = m.baseline
    baseline = [table(("in the sample", "missing", "values"), [_seen(c) for c in (*seen.inputs, *seen.outputs)])] if seen else []
    return "\n\n".join(
        (
            "\n".join(f"{key:<10}{value}" for key, value in facts),
            table(("field", "type", ""), fields),
            table(("output", "type", "tolerance"), outputs),
            table(("ONNX operator", "kind", "nodes", "from"), ops),
            *baseline,
        )
    )


def parity(manifest: Manifest) -> str:
    """What the parity gate did, in words."""
    entry = manifest.parity
    if not entry.checked:
        return "NOT CHECKED: built with --no-parity, nothing proves it equal to what was authored"
    refused = f"; {plural(entry.refused, 'row')} refused, {entry.tried} of them tried: by both" if entry.refused else ""
    return f"{plural(entry.rows, 'row')} compared, 0 differences{refused}"


def _seen(column: ColumnBaseline) -> tuple[str, str, str]:
    """A column of the baseline: its name, the share that is missing, and what the values are, in short."""
    there = sum(column.counts)
    if column.kind == "category":
        named = sorted(zip(column.counts, column.values, strict=False), key=lambda pair: -pair[0])[:4]
        rest = there - sum(count for count, _ in named)
        words = [f"{value} {count / there:.0%}" for count, value in named if count] + (
            [f"others {rest / there:.0%}"] if rest else []
        )
        values = ", ".join(words)
    elif column.quantiles:
        low, _, first, _, third, _, high = (_shown(column, value) for value in column.quantiles)
        values = f"{low} to {high}, half of them {first} to {third}"
    else:
        values = "none that is finite" if there else ""
    return column.name, f"{column.missing / max(1, column.rows):.0%}", values


def _shown(column: ColumnBaseline, value: float) -> str:
    if column.kind != "time":
        return f"{value:.6g}"
    from rtml_core.timestamps import format_timestamp

    return format_timestamp(round(value * 1_000_000))


def _brought(op: OpEntry) -> str:
    """Who brought an ONNX operator, and for which platforms its library was built."""
    if op.digests:
        return f"{op.source}, for {', '.join(sorted(op.digests))}"
    return op.source or ("this package" if op.kind == "function" else "ONNX")


def _plugin(name: str, distribution: str, version: str) -> str:
    return name if distribution == "rtml" else f"{name} ({distribution} {version})"


def _details(entry: FieldEntry) -> str:
    """What else is declared of a field, in words."""
    from rtml_core.runtime.signature import spread

    bounded = entry.minimum is not None or entry.maximum is not None
    words = (
        _categories(entry.categories),
        spread(entry) if bounded else "",
        f"optional: {msgspec.json.encode(entry.default).decode()}" if entry.optional else "",
        "" if entry.tensor else "not used",
        entry.doc,
    )
    return "; ".join(word for word in words if word)


def _categories(categories: tuple[str, ...] | None) -> str:
    if categories is None:
        return ""
    return f"one of {', '.join(categories[:6])}" + (f" and {len(categories) - 6} more" if len(categories) > 6 else "")


def _tolerance(rtol: float, atol: float) -> str:
    return f"relative {rtol:g}, absolute {atol:g}" if rtol or atol else "none: equal bit by bit"


@click.command("check", cls=Command, example="rtml check churn.rtml")
@click.argument("package", metavar="FILE.rtml")
@click.option("--allow-unchecked", is_flag=True, help="Accept a package that was built without the parity gate.")
@trust_option
@json_option
def check(package: str, allow_unchecked: bool, trust: tuple[str, ...], as_json: bool) -> None:
    """Check a package as a server does before it loads it.

    The digest of the file, the guards on its model, the plugins that it needs, and its parity sample scored again on this
    machine. Exit code 1 when one of them fails.
    """
    file = existing(package)
    from rtml_core.package import read_file
    from rtml_core.runtime import Runtime

    try:
        archive = read_file(file)
        runtime = Runtime(archive, allow_unchecked=allow_unchecked, verify=False, trust=trust, where=package)
        rows = runtime.verify(archive.sample, package)
    except PackageError as error:
        if as_json:
            print_json({"file": package, "ok": False, "problem": str(error)})
        raise Found(str(error)) from error
    if as_json:
        checked = archive.manifest.parity.checked
        print_json({"file": package, "ok": True, "id": archive.id, "sample_rows": rows, "parity_checked": checked})
        return
    click.echo(f"digest    {archive.id}")
    click.echo("guards    opsets, operators and size are what the manifest says and this runtime loads")
    click.echo(f"sample    {plural(rows, 'row')} of the parity sample gave what they gave when the package was built")
    click.echo(f"parity    {parity(archive.manifest)}")
    click.echo(f"{package} is fine")
