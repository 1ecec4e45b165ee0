"""Graph -> package: lower the whole graph, prove it equal to what was authored, write one archive."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import msgspec
import onnx_ir as ir

from rtml_core import __version__, on_the_way, package, progress
from rtml_core.assemble import Assembled, assemble
from rtml_core.boundary import PARTS
from rtml_core.columns import Field, parse_signature
from rtml_core.custom_ops import CustomOp
from rtml_core.dsl import to_dsl
from rtml_core.errors import CompileError, RtmlError
from rtml_core.explain import ExplainRow, explain_rows, op_entries, render
from rtml_core.graph import Graph
from rtml_core.lowering.builder import IR_VERSION, Builder, dtype_of, width_of
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.lowering.trace import Lowered, lower_graph
from rtml_core.metrics import checked
from rtml_core.operator import Operator
from rtml_core.plugins import registry
from rtml_core.registry import IN_DEVELOPMENT

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.baseline import BaselineEntry
    from rtml_core.parity import Report
    from rtml_core.runtime import Runtime


#: kinds of rows that the parity gate runs besides the sample: random ones, edge ones
ROW_SETS: Final = 2


@dataclass(repr=False)
class Compiled:
    """What compile gives: the archive's bytes, and what was learned on the way."""

    data: bytes
    manifest: package.Manifest
    rows: list[ExplainRow]
    report: Report | None
    custom_ops: dict[str, CustomOp] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """SHA-256 of the archive: the package's identity."""
        return self.data[-64:].decode()

    @property
    def node_count(self) -> int:
        """Number of ONNX nodes of the model."""
        return sum(op.count for op in self.manifest.ops)

    @property
    def runtime(self) -> Runtime:
        """A runtime over this package, made on first use."""
        if not hasattr(self, "_runtime"):
            from rtml_core.runtime import Runtime

            self._runtime = Runtime.from_bytes(self.data, allow_unchecked=self.report is None, custom_ops=self.custom_ops)
        return self._runtime

    def score(self, rows: Any, **options: Any) -> Any:
        """Score a row (dict), rows (list of dicts) or columns; see Runtime.score."""
        return self.runtime.score(rows, **options)

    def explain(self) -> str:
        """The table of nodes: operator, plugin, how it lowers, ONNX nodes it became, portable or not."""
        return render(self.rows)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the .rtml file, whole or not at all."""
        package.write_atomically(path, self.data)

    def _repr_html_(self) -> str:
        from rtml_core.display import html

        return html(self)

    def __repr__(self) -> str:
        proof = str(self.report) if self.report else "parity: not checked"
        foreign = "" if self.manifest.portable else f"; {self.manifest.portability}"
        return f"<package {self.id[:12]}: {self.node_count} ONNX nodes, {len(self.data):,} bytes; {proof}{foreign}>"


def compile_graph(
    graph: Graph,
    sample: pd.DataFrame | None = None,
    *,
    parity: bool = True,
    seed: int = 0,
    portable: bool = False,
    metrics: Mapping[str, float] | None = None,
) -> Compiled:
    """Compile a graph.

    sample: real rows for the parity gate (and for the signature, when the graph has no source that declares one); the package
    keeps their baseline, with which live rows can be compared. metrics: how good the model was found to be, by name
    ({"auc": 0.81}), at most 50 finite numbers.
    parity=False builds without the gate; the manifest says so and a runtime refuses the package unless asked by flag.
    portable=True refuses a graph of which a node needs code of a plugin at run time.
    Raises CompileError, GraphError, ParityError; nothing is written.
    """
    found = checked(metrics)
    rows = sample is not None
    parts = 3 + rows + (len(graph.nodes) + ROW_SETS + rows if parity else 0)
    with progress.task("compiling", parts):
        return _compile(graph, sample, parity=parity, seed=seed, portable=portable, metrics=found)


def _compile(
    graph: Graph, sample: pd.DataFrame | None, *, parity: bool, seed: int, portable: bool, metrics: dict[str, float]
) -> Compiled:
    progress.step("lowering every node")
    try:
        fields, extra = signature(graph, sample)
        lowered = lower_graph(graph, fields)
        progress.step("optimising the model")
        outputs, entries = place_outputs(graph, lowered)
        draft = on_the_way.draft(graph, lowered)
        assembled = assemble(lowered.builder, outputs)
        told = on_the_way.build(graph, lowered, entries, draft, assembled)
        manifest = _manifest(graph, lowered, assembled, entries, extra)
        boundary = boundary_of(graph, fields, (entry.name for entry in entries))
        manifest = msgspec.structs.replace(manifest, boundary=boundary)
        if portable and not manifest.portable:
            raise CompileError(_not_portable(graph, assembled, manifest))
    except RtmlError:
        raise
    except Exception as error:  # serializers wrap what Python says of such a text
        _refuse_half_characters(error)
        raise
    runtime = _runtime(assembled, manifest) if parity or sample is not None else None
    report = None
    samples: Any = {"rows": [], "expected": []}
    if parity and runtime is not None:
        from rtml_core.parity import prove

        report = prove(graph, lowered, runtime, sample, told, seed=seed)
        samples = report.sample
        done = package.ParityEntry(True, report.rows, report.refused, report.tried)
        manifest = msgspec.structs.replace(manifest, parity=done)
    if sample is not None:
        progress.step("keeping what the sample looks like")
    baseline = _baseline(runtime, sample)
    progress.step("writing the package")
    manifest = msgspec.structs.replace(manifest, explain=told.entry, baseline=baseline, metrics=metrics)
    files = {
        package.MODEL: assembled.model,
        package.GRAPH: package.to_json(to_dsl(graph)),
        package.SAMPLE: package.to_json(samples),
        **({package.EXPLAIN: told.model} if told.model is not None else {}),
    }
    data = package.write_archive(manifest, files)
    return Compiled(data, manifest, explain_rows(graph, assembled), report, assembled.custom_ops)


def _runtime(assembled: Assembled, manifest: package.Manifest) -> Runtime:
    """A runtime of what is not in a package yet."""
    from rtml_core.runtime import Runtime

    archive = package.Archive("", manifest, assembled.model, b"{}", b"{}")
    return Runtime(archive, allow_unchecked=True, verify=False, custom_ops=assembled.custom_ops, where="the compiled graph")


def _baseline(runtime: Runtime | None, sample: pd.DataFrame | None) -> BaselineEntry | None:
    if runtime is None or sample is None:
        return None
    from rtml_core.baseline_of import baseline_of

    return baseline_of(runtime, sample)


def _refuse_half_characters(error: BaseException) -> None:
    """CompileError when a text that no UTF-8 holds is behind the error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UnicodeEncodeError):
            half = cause.object[cause.start : cause.end]
            raise CompileError(f"a text or name in the graph holds {half!r}, half of a character, which no model holds") from None
        cause = cause.__cause__ or cause.__context__


def _not_portable(graph: Graph, assembled: Assembled, manifest: package.Manifest) -> str:
    """The first node that needs code of a plugin, and what it needs."""
    name = next(node for node, kinds in assembled.kinds.items() if kinds & {"python", "native"})
    label = graph.label(name.partition("/")[0])
    return (
        f"{label[0].upper()}{label[1:]}: the package would be {manifest.portability}. Author it with what ONNX has, or compile"
        f" without portable=True (--portable)"
    )


def signature(graph: Graph, sample: pd.DataFrame | None) -> tuple[tuple[Field, ...], str]:
    """Fields of a request, and what happens to others ("refuse" or "ignore").

    From the sources of the graph; where the graph starts with something else, from the sample's columns, each of which may
    then be null.
    """
    found: dict[str, Field] = {}
    extra = "refuse"
    implicit = False
    for name in graph.validate():
        if graph.before(name):
            _add_late(graph, name, found)
            continue
        operator = graph.nodes[name]
        declared = operator.source_fields() if operator.role == "source" else None
        if declared is None:
            implicit = True
            continue
        extra = getattr(operator.params, "extra", extra)
        for entry in declared:
            if found.setdefault(entry.name, entry) != entry:
                raise CompileError(
                    f"two sources declare the field '{entry.name}' differently: {found[entry.name].spec} and {entry.spec}"
                )
    if implicit:
        if sample is None:
            raise CompileError(
                "the graph has no source that declares its fields: start it with Receiver(schema={...}), or pass a sample of rows"
            )
        for entry in fields_of(sample):
            found.setdefault(entry.name, entry)
    return tuple(found.values()), extra


def _add_late(graph: Graph, name: str, found: dict[str, Field]) -> None:
    """The fields of a source behind other nodes, which nothing else may fill."""
    for entry in graph.late_fields(name):
        if entry.name in found:
            raise CompileError(f"{graph.label(name)} adds the field '{entry.name}', which another source has: rename one")
        found[entry.name] = entry


def boundary_of(graph: Graph, fields: Sequence[Field], outputs: Iterable[str]) -> tuple[package.BoundaryEntry, ...]:
    """What the sources and sinks of a graph do at the runtime's boundary. CompileError for fields that two of them fill."""
    entries: list[package.BoundaryEntry] = []
    filled: dict[str, str] = {}
    for name in graph.validate():
        operator = graph.nodes[name]
        plan = operator.boundary() if operator.role in ("source", "sink") else None
        if plan is None:
            continue
        names = tuple(outputs) if operator.role == "sink" else tuple(entry.name for entry in operator.source_fields() or ())
        origin = registry().origin_of(operator)
        if origin is None or origin.distribution == IN_DEVELOPMENT:
            raise CompileError(f"{graph.label(name)} reads requests or shapes answers: it has to come from an installed plugin")
        for column in names if operator.role == "source" else ():
            if filled.setdefault(column, name) != name:
                raise CompileError(f"two sources fill the field '{column}', '{filled[column]}' and '{name}': rename one of them")
        entries.append(
            package.BoundaryEntry(
                name, operator.name, operator.role, names, dict(plan), origin.plugin, origin.distribution, origin.version
            )
        )
    taken = [entry.name for entry in fields if entry.name in PARTS] if filled else []
    if taken:
        raise CompileError(f"a field can't be called '{taken[0]}' in a graph whose sources read the {taken[0]} of a request")
    return tuple(entries)


def fields_of(sample: pd.DataFrame) -> list[Field]:
    """A field for each column of a frame; numbers and strings may be null, as nothing says that they can't."""
    from rtml_core.frames import canonical, schema_of

    words = {"float64": "float", "float32": "float", "int64": "int", "bool": "bool", "string": "string", "timestamp": "timestamp"}
    fields: list[Field] = []
    for name, column in schema_of(canonical(sample)).items():
        if column.dtype not in words:
            raise CompileError(f"column '{name}' of the sample is a {column.dtype}, which a request can't carry")
        fields += parse_signature({name: f"{words[column.dtype]}?"})
    return fields


def place_outputs(graph: Graph, lowered: Lowered) -> tuple[dict[str, ir.Value], list[package.OutputEntry]]:
    """Model outputs and, for each output column, where to read it.

    A packed tensor of which every column is an output stays one; other columns become outputs of their own.
    """
    b = lowered.builder
    columns = lowered.outputs
    asked: dict[int, set[int]] = {}
    for column in columns.values():
        asked.setdefault(id(column.tensor), set()).add(column.index)
    outputs: dict[str, ir.Value] = {}
    names: dict[int, str] = {}  # by the value itself: one that two columns share is one output
    entries = []
    tolerances = _tolerances(graph, columns)
    for name, column in columns.items():
        whole = len(asked[id(column.tensor)]) == width_of(column.tensor) > 1
        value = column.tensor if whole else b.take(column.tensor, [column.index])
        key = id(value)
        if key not in names:
            names[key] = _output_name(name if not whole else f"{name}_and_others", outputs, b)
            outputs[names[key]] = value
        rtol, atol = tolerances[name]
        entries.append(
            package.OutputEntry(name, column.dtype, names[key], column.index if whole else 0, column.nullable, rtol, atol)
        )
    return outputs, entries


def _output_name(wanted: str, taken: Mapping[str, Any], b: Builder) -> str:
    used = {value.name for value in b.inputs} | set(taken)
    name, number = wanted, 2
    while name in used:
        name, number = f"{wanted}_{number}", number + 1
    return name


def _tolerances(graph: Graph, columns: Mapping[str, Symbolic]) -> dict[str, tuple[float, float]]:
    """The widest tolerance that any node of the graph declares; outputs of exact graphs are compared bit by bit."""
    declared = [graph.nodes[name].tolerance for name in graph.nodes]
    widest = (max(t[0] for t in declared), max(t[1] for t in declared))
    return {name: widest if column.dtype in ("float64", "float32") else (0.0, 0.0) for name, column in columns.items()}


def _manifest(
    graph: Graph, lowered: Lowered, assembled: Assembled, outputs: list[package.OutputEntry], extra: str
) -> package.Manifest:
    b = lowered.builder
    ops = op_entries(assembled)
    fields = []
    for entry in lowered.fields:
        slot = lowered.slots[entry.name]
        fields.append(package.FieldEntry.of(entry, slot.tensor if slot else None, slot.index if slot else 0))
    return package.Manifest(
        format=package.FORMAT,
        rtml=__version__,
        fields=tuple(fields),
        extra=extra,
        inputs=tuple(package.TensorEntry(v.name or "", dtype_of(v), width_of(v)) for v in b.inputs),
        outputs=tuple(outputs),
        checks=tuple(package.CheckEntry(check.node, check.message) for check in b.checks),
        opsets=assembled.opsets,
        ir_version=IR_VERSION,
        ops=tuple(ops),
        plugins=tuple(_plugins(graph)),
        portable=all(op.kind in ("core", "extension", "function") for op in ops),
        parity=package.ParityEntry(False),
        digests={},
    )


def _plugins(graph: Graph) -> list[package.PluginEntry]:
    origins = {registry().origin_of(operator) for operator in _operators(graph)} - {None}
    entries = [package.PluginEntry(o.plugin, o.distribution, o.version) for o in origins if o is not None]
    return sorted(entries, key=lambda entry: entry.name)


def _operators(graph: Graph) -> Iterator[Operator]:
    """All operators of a graph, those of graphs inside nodes too."""
    for operator in graph.nodes.values():
        yield operator
        inner = operator.subgraph()
        if inner is not None:
            yield from _operators(inner)
