"""A compiled package: what it takes and answers, what is in it, and what the parity gate said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from rtml_core.compiler import Compiled
from rtml_core.display import reports, schemas
from rtml_core.display.tables import folded, joined, table, text
from rtml_core.display.wording import count, listed, number, size
from rtml_core.package import Manifest, OutputEntry

_HEAD: Final = Markup("<h4>Package <code>{}</code></h4><p>{}</p>")
_BADGE: Final = Markup('<span class="badge {}">{}</span>')
_FACT: Final = Markup('<p><span class="soft">{}:</span> {}</p>')
_TITLE: Final = Markup("<h5>{}</h5>")


def body(package: Compiled) -> Markup:
    """A package as its users see it; how its nodes were lowered is folded."""
    manifest = package.manifest
    badges = [("", size(len(package.data))), ("", count(package.node_count, "ONNX node"))]
    badges.append(("good", "portable") if manifest.portable else ("warn", "not portable"))
    return joined(
        (
            _HEAD.format(package.id[:12], joined(_BADGE.format(css, text(told)) for css, told in badges)),
            _parity(package),
            _metrics(manifest),
            _TITLE.format("A request"),
            schemas.fields([entry.field for entry in manifest.fields]),
            _fact("Other fields", "are ignored" if manifest.extra == "ignore" else "are refused"),
            _TITLE.format("An answer"),
            _outputs(manifest.outputs),
            _checks(manifest),
            _operators(manifest),
            _nodes(package),
        )
    )


def _fact(name: str, told: object) -> Markup:
    return _FACT.format(text(name), text(told))


def _parity(package: Compiled) -> Markup:
    report = package.report
    if report is not None:
        worst = folded("The answers that deviate most", reports.worst(report)) if report.worst else Markup("")
        return reports.head(report) + worst
    checked = package.manifest.parity
    if checked.checked:
        return _fact("Parity", f"{checked.rows:,} rows were compared when it was made, 0 differences")
    return Markup('<ul class="notes"><li>{}</li></ul>').format(
        text("Parity was not checked: a runtime refuses this package unless it is told to take it")
    )


def _metrics(manifest: Manifest) -> Markup:
    if not manifest.metrics:
        return Markup("")
    return _fact("Metrics", listed((f"{name} {number(value)}" for name, value in manifest.metrics.items()), 50))


def _outputs(outputs: Sequence[OutputEntry]) -> Markup:
    rows = [(output.name, output.dtype, "yes" if output.nullable else "no", _tolerance(output)) for output in outputs]
    return table("Outputs", ("output", "dtype", "may be missing", "compiled and authored are"), rows)


def _tolerance(output: OutputEntry) -> str:
    if not output.rtol and not output.atol:
        return "equal bit by bit"
    parts = [f"{output.rtol:g} relative" if output.rtol else "", f"{output.atol:g} absolute" if output.atol else ""]
    return "equal within " + " or ".join(part for part in parts if part)


def _checks(manifest: Manifest) -> Markup:
    if not manifest.checks:
        return Markup("")
    rows = [(check.node, check.message) for check in manifest.checks]
    what = f"{count(len(rows), 'check')} of rows, which refuse what the graph can't answer"
    return folded(what, table("Row checks", ("node", "refuses"), rows))


def _operators(manifest: Manifest) -> Markup:
    """The ONNX operators by kind, and who is needed for them."""
    kinds: dict[str, int] = {}
    for op in manifest.ops:
        kinds[op.kind] = kinds.get(op.kind, 0) + op.count
    rows = [(op.label, op.kind, f"{op.count:,}", op.source or "-") for op in manifest.ops]
    what = "ONNX operators: " + (listed(f"{count:,} {kind}" for kind, count in sorted(kinds.items())) or "none")
    made = folded(what, table("ONNX operators", ("operator", "kind", "count", "brought by"), rows, numbers={2}))
    if manifest.foreign:
        made = _fact("At run time", manifest.portability) + made
    if manifest.plugins:
        plugins = (f"{plugin.name} ({plugin.distribution} {plugin.version})" for plugin in manifest.plugins)
        made = _fact("Authored with the plugins", listed(plugins, 30)) + made
    return made


def _nodes(package: Compiled) -> Markup:
    rows = [
        (row.node, row.operator, row.plugin, row.kind, f"{row.onnx_nodes:,}", "yes" if row.portable else "no")
        for row in package.rows
    ]
    head = ("node", "operator", "plugin", "lowers to", "ONNX nodes", "portable")
    return folded(f"What became of {count(len(rows), 'node')}", table("Nodes", head, rows, numbers={4}))
