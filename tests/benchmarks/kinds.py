"""What a call costs by kind of operator: one formula as standard operators, as an ONNX function, in C and in Python.

Each formula becomes a package of its own for each kind, in surroundings that are the same: one packed input, one answer. Beside
them a model that only passes its input on, and the Python operator as onnxruntime-extensions runs it without our host, which
would take the process down with the first exception.
"""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd

from rtml_core import CustomOp, Operator, hookimpl
from rtml_core import operators as op
from rtml_core.compiler import Compiled
from rtml_core.custom_ops import apply, hosting
from rtml_core.lowering.custom import custom
from rtml_core.package import read_archive
from rtml_core.testing import isolated_plugins
from tests.benchmarks.measure import side_by_side
from tests.benchmarks.report import Report, microseconds

KINDS: Final = ("core", "function", "native", "python")
#: the Python operator without our host
RAW: Final = "python, unguarded"
#: a model that passes its input on
FLOOR: Final = "none"
BATCH: Final = 10_000
_SOURCE: Final = Path(__file__).with_name("kinds.c")
_HEADER: Final = Path(__file__).parents[2] / "plugins_contrib" / "rtml-geo" / "rtml_geo"
#: the package that the library is built into
_PACKAGE: Final = "rtml_bench_kinds"
_RADIAN: Final = math.pi / 180.0

#: sine and arc sine differ in the last bits from library to library, and near the antipodes that is a millimetre
TOLERANCE: Final = (1e-9, 1e-5)

Array = np.ndarray[Any, Any]


def scaled(xp: Any, a: Any, b: Any, c: Any) -> Any:
    """a * b + c."""
    return a * b + c


def distance(xp: Any, lat: Any, lon: Any, to_lat: Any, to_lon: Any) -> Any:
    """Kilometres between two points on a sphere, by the haversine."""
    north, east = xp.sin((to_lat - lat) * (_RADIAN / 2.0)), xp.sin((to_lon - lon) * (_RADIAN / 2.0))
    part = north * north + xp.cos(lat * _RADIAN) * xp.cos(to_lat * _RADIAN) * (east * east)
    return 12742.0176 * xp.asin(xp.sqrt(xp.minimum(part, 1.0)))


def scaled_python(a: Array, b: Array, c: Array) -> Array:
    """scaled, as a body on numpy."""
    return a * b + c


def distance_python(lat: Array, lon: Array, to_lat: Array, to_lon: Array) -> Array:
    """distance, as a body on numpy."""
    north, east = np.sin((to_lat - lat) * (_RADIAN / 2.0)), np.sin((to_lon - lon) * (_RADIAN / 2.0))
    part = north * north + np.cos(lat * _RADIAN) * np.cos(to_lat * _RADIAN) * (east * east)
    return np.asarray(12742.0176 * np.arcsin(np.sqrt(np.minimum(part, 1.0))))


@dataclass(frozen=True)
class Formula:
    """A formula over the array namespace, and as a body on numpy; its columns and what a request may hold there."""

    shown: str
    traced: Callable[..., Any]
    body: Callable[..., Array]
    columns: dict[str, Any]

    @property
    def name(self) -> str:
        """Of the custom operators."""
        return self.traced.__name__


_LAT: Final = {"type": "float", "min": -90.0, "max": 90.0}
_LON: Final = {"type": "float", "min": -180.0, "max": 180.0}
FORMULAS: Final = (
    Formula("a * b + c", scaled, scaled_python, dict.fromkeys("abc", "float")),
    Formula("haversine", distance, distance_python, {"lat": _LAT, "lon": _LON, "to_lat": _LAT, "to_lon": _LON}),
)


def declared(formula: Formula, kind: str) -> CustomOp:
    """The formula as a custom operator."""
    given: dict[str, Any] = {"body": formula.traced if kind == "function" else formula.body, "kind": kind}
    if kind == "native":
        given["library"] = f"{_PACKAGE}:_kinds"
    inputs = ("float64",) * len(formula.columns)
    return CustomOp(f"bench.{kind}", formula.name, 1, inputs, ("float64",), doc=formula.shown, gives_missing=True, **given)


class Composed(Operator):
    """The formula as standard operators: columns in, the column `answer` out."""

    tolerance = TOLERANCE

    def __init__(self, formula: Formula):
        super().__init__()
        self.formula = formula

    def columns(self) -> list[str]:
        return list(self.formula.columns)

    def compute(self, xp: Any, *columns: Any) -> dict[str, Any]:
        return {"answer": self.formula.traced(xp, *columns)}


class Called(Operator):
    """The formula as a custom operator: columns in, the column `answer` out."""

    tolerance = TOLERANCE

    def __init__(self, formula: Formula, custom_op: CustomOp):
        super().__init__()
        self.formula, self.op = formula, custom_op

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        (answer,) = apply(self.op, *(frame[name] for name in self.formula.columns))
        return frame.assign(answer=answer)

    def lower(self, b: Any, columns: dict[str, Any]) -> dict[str, Any]:
        (answer,) = custom(b, self.op, *(columns[name] for name in self.formula.columns))
        return {**columns, "answer": answer}


def rows(formula: Formula, count: int, seed: int) -> pd.DataFrame:
    """Places, or any numbers."""
    values = np.random.default_rng(seed).uniform(-85, 85, (count, len(formula.columns)))
    return pd.DataFrame(values, columns=list(formula.columns))


@contextmanager
def packages() -> Iterator[dict[tuple[str, str], Compiled]]:
    """A package for each formula and kind, and one that passes on its input (FLOOR); no native ones without a C compiler."""
    with TemporaryDirectory() as folder:
        kinds = [kind for kind in KINDS if kind != "native" or build(Path(folder))]
        ops = {(f.name, kind): declared(f, kind) for f in FORMULAS for kind in kinds if kind != "core"}
        plugin = SimpleNamespace(rtml_custom_ops=hookimpl(lambda: list(ops.values())))
        sys.path.insert(0, folder)
        try:
            with isolated_plugins(plugin):
                yield {(f.name, kind): compiled(f, kind, ops) for f in FORMULAS for kind in (FLOOR, *kinds)}
        finally:
            sys.path.remove(folder)


def compiled(formula: Formula, kind: str, ops: dict[tuple[str, str], CustomOp]) -> Compiled:
    """The package of a formula, proved."""
    source = op.Receiver(schema=formula.columns)
    if kind == FLOOR:
        graph = source >> op.Pandas(import_="filter", kwargs={"items": list(formula.columns)})
    else:
        graph = source >> (Composed(formula) if kind == "core" else Called(formula, ops[formula.name, kind]))
        graph.outputs = {"answer": "answer"}
    made: Compiled = graph.compile(sample=rows(formula, 200, seed=1))
    return made


def build(folder: Path) -> bool:
    """Compile the library into a package in the folder; False without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return False
    package = folder / _PACKAGE
    package.mkdir()
    (package / "__init__.py").touch()
    flags = ("-std=c99", "-O2", "-ffp-contract=off", "-fPIC", "-shared", f"-I{_HEADER}")
    subprocess.run([compiler, *flags, str(_SOURCE), "-o", str(package / "_kinds.so"), "-lm"], check=True)
    return True


def unguarded(formula: Formula, package: Compiled) -> ort.InferenceSession:
    """The Python package with its body declared as it is, as onnxruntime-extensions would have it."""
    domain = f"bench.raw.{formula.name}"
    types = hosting.bindings().PyCustomOpDef
    hosting.bindings().Opdef.create(
        formula.body,
        op_type=f"{domain}::{formula.name}",
        inputs=[types.dt_double] * len(formula.columns),
        outputs=[types.dt_double],
        attrs={},
    )
    model = onnx.load_from_string(read_archive(package.data).model)
    (node,) = [node for node in model.graph.node if node.op_type == formula.name]
    node.domain = domain
    del node.attribute[:]
    model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.register_custom_ops_library(hosting.library())
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


@dataclass
class Contender:
    """A package, or a bare session, ready to be timed on arrays."""

    formula: Formula
    kind: str
    session: ort.InferenceSession
    package: Compiled

    def on_arrays(self, count: int) -> Callable[[], list[Array]]:
        """A run on tensors that are ready, as the runtime does it: guarded where it guards."""
        frame = rows(self.formula, count, seed=2)
        runtime = self.package.runtime
        feed = runtime.signature.columns({name: frame[name].to_numpy() for name in frame})
        names = [output.name for output in self.session.get_outputs()]
        run = self.session.run if self.kind == RAW else runtime._run_batch
        return lambda: run(names, feed)  # type: ignore[no-any-return]

    def on_dict(self) -> Callable[[], Any]:
        """The runtime on one row."""
        row = rows(self.formula, 1, seed=2).iloc[0].to_dict()
        runtime = self.package.runtime
        return lambda: runtime.score_row(row)

    def __str__(self) -> str:
        return f"{self.formula.name} {self.kind}"


@contextmanager
def contenders() -> Iterator[list[Contender]]:
    """All that is timed."""
    with packages() as made:
        found = []
        for formula in FORMULAS:
            for (name, kind), package in made.items():
                if name == formula.name:
                    found.append(Contender(formula, kind, package.runtime.session, package))
            package = made[formula.name, "python"]
            found.append(Contender(formula, RAW, unguarded(formula, package), package))
        yield found


def kinds(report: Report, rounds: int) -> None:
    """The table."""
    single: dict[str, Callable[[], Any]] = {}
    many: dict[str, Callable[[], Any]] = {}
    with contenders() as found:
        for one in found:
            single[f"{one} run"], many[str(one)] = one.on_arrays(1), one.on_arrays(BATCH)
            if one.kind != RAW:
                single[f"{one} dict"] = one.on_dict()
        taken = side_by_side(single, rounds=2 * rounds, turn=0.01)
        batches = side_by_side(many, rounds=min(rounds, 5), turn=0.01)
    table = []
    for one in found:
        run, answer = taken[f"{one} run"], taken.get(f"{one} dict")
        over = run.fastest - taken[f"{one.formula.name} {FLOOR} run"].fastest
        table.append(
            (
                one.formula.shown,
                one.kind,
                str(one.package.node_count),
                microseconds(run.median),
                microseconds(run.fastest),
                "-" if one.kind == FLOOR else f"{over * 1e6:.1f}",
                microseconds(answer.median) if answer else "-",
                f"{batches[str(one)].median / BATCH * 1e9:,.0f}",
            )
        )
    header = ("formula", "kind", "ONNX nodes", "us a row", "fastest turn", "over none", "from a dict, us", "in a batch, ns")
    note = (
        f'None: the model passes its input on; "over none" compares the fastest turns. In a batch: of {BATCH:,} rows, a row.'
        f" Unguarded: as onnxruntime-extensions calls a Python body, without the host that keeps its failures from the process."
    )
    if not any(one.kind == "native" for one in found):
        note += " Native was not measured: there is no C compiler here."
    report.table("Kinds of operators", header, table, note)
