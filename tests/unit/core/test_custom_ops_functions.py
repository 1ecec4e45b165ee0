"""Custom operators of kind "function": traced once, portable, equal to their formula."""

from __future__ import annotations

import dataclasses
import types
from typing import Any

import msgspec
import numpy as np
import onnx
import pandas as pd
import pytest

from rtml_core import CustomOp, Operator, Runtime, package
from rtml_core.assemble import assemble
from rtml_core.columns import Column, Schema
from rtml_core.custom_ops import apply
from rtml_core.errors import NotLowerableError, PackageError, PluginError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.custom import custom, custom_each
from rtml_core.lowering.local import _STRICT
from rtml_core.lowering.namespace.eager import eager_values
from rtml_core.lowering.symbolic import Symbolic, lookup
from rtml_core.registry import CustomOps, Origin
from rtml_core.testing import assert_custom_op, assert_parity, run_model
from tests.unit.core.operators_for_tests import Source


def distance(xp: Any, a: Any, b: Any, scale: float) -> Any:
    """Something with constants, with a condition, with a kernel that ONNX has and one that it has not."""
    big = xp.maximum(xp.abs(a - b), 1.0)
    return xp.where(big > 2.5, xp.arctan(big) * scale, xp.sin(a))


def above(xp: Any, x: Any, limit: float) -> Any:
    return x > limit


def floored(xp: Any, x: Any) -> Any:
    return xp.where(x > 0, 1, 0)


def parts(xp: Any, x: Any) -> Any:
    return xp.floor(x), x - xp.floor(x)


def op(name: str, body: Any, inputs: int = 1, outputs: tuple[str, ...] = ("float64",), **changed: Any) -> CustomOp:
    made = CustomOp("testing", name, 1, ("float64",) * inputs, outputs, body, "For a test.", kind="function", **changed)
    made.check()
    return made


DISTANCE = op("distance", distance, 2, arguments={"scale": "float"})
ABOVE = op("above", above, outputs=("bool",), arguments={"limit": "float"})
FLOORED = op("floored", floored, outputs=("int64",))
PARTS = op("parts", parts, outputs=("float64", "float64"))
SEEN = op("seen", lambda xp, x: xp.where(xp.isnan(x), -1.0, x), sees_missing=True)
HIDDEN = op("hidden", lambda xp, x: xp.where(xp.isnan(x), -1.0, x))
LOGARITHM = op("logarithm", lambda xp, x: xp.log(x))


class Applied(Operator):
    """A custom operator on columns."""

    tolerance = (1e-14, 0.0)

    def __init__(self, custom_op: CustomOp, *columns: str, **arguments: Any):
        super().__init__()
        self.op, self.used, self.arguments = custom_op, columns, arguments

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        answer = apply(self.op, *(frame[name] for name in self.used), **self.arguments)
        made = frame.copy()
        for position, values in enumerate(answer):
            series = pd.Series(values, index=frame.index)
            made[f"made{position}"] = series.astype("boolean") if values.dtype == object else series
        return made

    def lower(self, b: Any, columns: dict[str, Any]) -> dict[str, Any]:
        made = custom(b, self.op, *(columns[name] for name in self.used), **self.arguments)
        return {**columns, **{f"made{position}": column for position, column in enumerate(made)}}


FRAME = pd.DataFrame(
    {
        "x": [1.0, np.nan, -0.0, np.inf, 5.0, -7.25, 1e300],
        "y": [0.0, 1.0, np.nan, np.inf, 2.5, -np.inf, 3.0],
    }
)


@pytest.mark.parametrize("nullable", [None, True])
@pytest.mark.parametrize(
    "node",
    [
        Applied(DISTANCE, "x", "y", scale=2.5),
        Applied(ABOVE, "x", limit=-1),
        Applied(FLOORED, "y"),
        Applied(PARTS, "y"),
        Applied(SEEN, "x"),
        Applied(HIDDEN, "x"),
        Applied(LOGARITHM, "x"),
    ],
    ids=lambda node: node.op.name,
)
def test_the_function_is_equal_to_its_formula(node: Applied, nullable: bool | None) -> None:
    assert_parity(node, FRAME, nullable=nullable)
    there = FRAME.dropna().reset_index(drop=True)
    assert_parity(node, there, nullable=nullable)
    assert_parity(node, there.iloc[:0], nullable=nullable)


def initials(xp: Any, first: Any, second: Any, mark: str) -> Any:
    """Texts, with operators of onnxruntime's extensions inside of the function."""
    return xp.strings.upper(first) + mark + xp.fill_missing(second, "?")


def week(xp: Any, time: Any) -> Any:
    return xp.dates.year(time), xp.where(xp.dates.month(time) > 6, "late", "early")


TEXT = CustomOp(
    "testing", "initials", 1, ("string", "string"), ("string",), initials, "Texts.", {"mark": "string"}, kind="function"
)
LENIENT = dataclasses.replace(TEXT, name="lenient", sees_missing=True)
TIME = CustomOp("testing", "week", 1, ("timestamp",), ("float64", "string"), week, "Times.", kind="function")
GONE = CustomOp(
    "testing", "gone", 1, ("string",), ("bool",), lambda xp, s: xp.is_missing(s), "Whether.", kind="function", sees_missing=True
)


def test_functions_of_texts_and_times_are_equal_to_their_formulas() -> None:
    for made in (TEXT, LENIENT):
        assert assert_custom_op(made, [{"mark": "-"}, {"mark": "ß"}], rows=40) == 80
    assert assert_custom_op(GONE, rows=40) == 40
    assert assert_custom_op(TIME, rows=40) > 20


def test_nothing_is_taken_for_granted_of_the_columns_of_a_function() -> None:
    """They may be infinite, and where it sees missing values missing; the smallest whole number is a number."""
    ends = op("ends", lambda xp, x: (xp.isinf(x), xp.isfinite(x * 2.0)), outputs=("bool", "bool"))
    assert assert_custom_op(ends, rows=60) == 60
    whole = CustomOp(
        "testing", "whole", 1, ("int64", "float64"), ("bool", "bool"), lambda xp, n, x: (xp.is_missing(n), xp.is_missing(x)),
        "Which.", kind="function", sees_missing=True, cases=lambda: [([-(2**63), 2**63 - 1], [None, 1.0])],
    )  # fmt: skip
    assert assert_custom_op(whole, rows=60) == 62


def test_operators_of_the_extensions_may_be_inside_of_a_function() -> None:
    b = Builder()
    names = [Symbolic("string", b.input(name, "string", 1), 0, True) for name in "st"]
    (made,) = custom(b, TEXT, *names, mark="é")
    made_of = assemble(b, {"out": made.tensor})
    model = onnx.load_from_string(made_of.model)
    assert {entry.domain for entry in model.functions[0].opset_import} == {"", "ai.onnx.contrib"}
    assert made_of.opsets["ai.onnx.contrib"] == 1
    assert "ai.onnx.contrib" in {domain for domain, _ in made_of.ops}
    feed = {name: np.array([["ab"], ["\ufdd0"]], dtype=object) for name in "st"}
    assert run_model(made_of.model, feed)["out"].tolist() == [["ABéab"], ["\ufdd0"]]


def test_a_package_holds_one_function_for_each_set_of_arguments() -> None:
    b = Builder()
    columns = [Symbolic("float64", b.input(name, "float64", 1)) for name in "xyz"]
    made = [
        *custom_each(b, ABOVE, columns, limit=1.0),
        *custom(b, ABOVE, columns[0], limit=2.0),
        *custom(b, ABOVE, columns[1], limit=1.0),
    ]
    assert sorted(b.functions) == sorted({ABOVE.domain_with({"limit": 1.0}), ABOVE.domain_with({"limit": 2.0})})
    assert [node.op_type for node in b.nodes] == ["above"] * 4
    assert made[1].tensor is made[4].tensor
    assert {1.0, 2.0} <= b.small_constants()


def compiled(*nodes: Any, **options: Any) -> Any:
    graph: Any = Source(schema={"x": "float?", "y": "float"})
    for node in nodes:
        graph = graph >> node
    return graph.compile(**options)


class Renamed(Applied):
    """The same, into a column of another name."""

    def __init__(self, into: str, *given: Any, **arguments: Any):
        super().__init__(*given, **arguments)
        self.into = into

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        return super().transform(frame).rename(columns={"made0": self.into})

    def lower(self, b: Any, columns: dict[str, Any]) -> dict[str, Any]:
        made = super().lower(b, columns)
        return {self.into if name == "made0" else name: column for name, column in made.items()}


def test_a_function_is_portable_and_needs_no_plugin() -> None:
    made = compiled(Applied(DISTANCE, "x", "y", scale=2.0), portable=True)
    manifest = made.manifest
    assert manifest.portable
    assert manifest.foreign == []
    (entry,) = [op for op in manifest.ops if op.kind == "function"]
    assert (entry.op, entry.count, entry.custom, entry.op_version) == ("distance", 1, "testing", 1)
    assert (entry.distribution, entry.plugin, entry.digests) == (None, None, {})
    assert entry.label == "testing:distance 1"
    assert manifest.opsets[entry.domain] == 1
    model = onnx.load_from_string(package.read_archive(made.data).model)
    onnx.checker.check_model(model)
    (function,) = model.functions
    assert (function.domain, function.name) == (entry.domain, "distance")
    assert [row.kind for row in made.rows if row.operator == "Applied"] == ["function"]
    assert all(row.portable for row in made.rows)
    # ONNX nodes inside of functions are listed, so that a loader knows them all
    assert {node.op_type for node in function.node} <= {op.op for op in manifest.ops if op.domain == ""}
    runtime = Runtime.from_bytes(made.data)
    assert runtime.score({"x": None, "y": 1.0})["made0"] is None
    assert runtime.score({"x": 9.0, "y": 1.0})["made0"] == pytest.approx(2 * np.arctan(8.0), rel=1e-14)


def test_plain_onnxruntime_runs_it() -> None:
    import onnxruntime as ort

    made = compiled(Applied(PARTS, "y"))
    session = ort.InferenceSession(package.read_archive(made.data).model)
    feed = {item.name: np.array([[2.5, 1.0]])[:, : item.shape[1]] for item in session.get_inputs()}
    answer = dict(zip([item.name for item in session.get_outputs()], session.run(None, feed), strict=True))
    assert float(answer["made1"][0, 0]) in (0.5, 0.0)


def test_the_bytes_are_the_same_every_time() -> None:
    nodes = lambda: (Renamed("a", ABOVE, "x", limit=1.0), Renamed("b", ABOVE, "y", limit=2.0), Applied(PARTS, "y"))  # noqa: E731
    assert compiled(*nodes()).data == compiled(*nodes()).data


def test_who_brings_a_function_is_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    from rtml_core import explain

    found = CustomOps()
    found.add_all([PARTS], Origin("one", "rtml-one", "1.4"))
    monkeypatch.setattr(explain, "plugins", lambda: types.SimpleNamespace(custom_ops=found))
    made = compiled(Applied(PARTS, "y"))
    (entry,) = [op for op in made.manifest.ops if op.kind == "function"]
    assert (entry.distribution, entry.version, entry.plugin) == ("rtml-one", "1.4", "one")
    Runtime.from_bytes(made.data)  # and nobody has to be trusted


def test_of_a_column_out_of_a_table_nothing_is_left_but_the_table() -> None:
    b = Builder()
    column = lookup(b, Symbolic("string", b.input("s", "string", 1)), {"a": 1.5, "b": 2.5}, 9.0, "float64", nullable=False)
    (made,) = custom(b, HIDDEN, column)
    assert b.functions == {}
    assert made.lookup is not None
    assert made.lookup.table == {"a": 1.5, "b": 2.5}


def test_a_function_may_call_another_and_the_package_holds_both() -> None:
    def outer(xp: Any, x: Any) -> Any:
        return xp.custom(HIDDEN, x) * 2.0

    made = compiled(Applied(op("outer", outer), "y"))
    model = onnx.load_from_string(package.read_archive(made.data).model)
    assert [function.name for function in model.functions] == ["hidden", "outer"]
    assert made.score({"x": 1.0, "y": 3.0})["made0"] == 6.0


PYTHON = CustomOp("testing", "py", 1, ("float64",), ("float64",), abs, "Python.")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            op("r", lambda xp, x: xp.astype(x, "int64"), outputs=("int64",)),
            r"testing:r 1: its formula refuses rows \(.*\), and an",
        ),
        (
            op("r", lambda xp, x: xp.custom(PYTHON, x)),
            "its formula calls the python operator testing:py 1, which an ONNX function must not",
        ),
        (op("r", lambda xp, x: (x, x)), "its formula gave 2 columns, it has 1 outputs"),
        (op("r", lambda xp, x: x > 1), "output 0 of its formula is a bool column, declared is float64"),
        (op("r", lambda xp, x: xp.sinn(x)), r"testing:r 1 .*xp\.sinn.*Did you mean"),
        (op("r", lambda xp, x: {"a": x}), "its formula gave an object; return the column, or a tuple of columns in order"),
        (op("r", lambda xp, x: 1 // 0), "can't be traced: .*ZeroDivisionError"),
        (op("r", lambda xp, x: x if x > 1 else 0.0), "can't branch on a value"),
        (op("r", "no_such_module:at_all"), "'no_such_module:at_all', can't be imported: ModuleNotFoundError"),
    ],
)
def test_what_can_not_be_a_function_is_refused(made: CustomOp, words: str) -> None:
    b = Builder()
    with pytest.raises((NotLowerableError, PluginError), match=words):
        custom(b, made, Symbolic("float64", b.input("x", "float64", 1)))
    assert b.functions == {}


def test_two_functions_of_one_name_are_refused_and_so_are_wide_values() -> None:
    b = Builder()
    x = Symbolic("float64", b.input("x", "float64", 1))
    custom(b, ABOVE, x, limit=1.0)
    with pytest.raises(NotLowerableError, match="two different custom operators are called testing:above 1"):
        custom(b, dataclasses.replace(ABOVE, body=distance), x, limit=2.0)
    with pytest.raises(NotLowerableError, match=r"is a function and takes \[N, 1\]; got values 2 wide"):
        b.custom(LOGARITHM, b.input("wide", "float64", 2))


def test_arguments_and_constants_are_tried_by_the_parity_gate() -> None:
    b = Builder()
    x, s = Symbolic("float64", b.input("x", "float64", 1)), Symbolic("string", b.input("s", "string", 1))
    custom(b, ABOVE, x, limit=17.25)
    shown = CustomOp("testing", "shown", 1, ("string",), ("bool",), lambda xp, s: xp.isin(s, ["DE", "AT"]), "T.", kind="function")
    custom(b, shown, s)
    given = {"polygon": "list", "name": "string", "table": "object"}
    zone = CustomOp("testing", "zone", 1, ("float64",), ("float64",), "no:body", "T.", given)
    custom(b, zone, x, polygon=[[1.5, -2], [3, 4]], name="north", table={"key": {"deep": 99.5}})
    assert {17.25, 1.5, -2.0, 3.0, 4.0, 99.5} <= b.small_constants()
    assert {"DE", "AT", "north", "key", "deep"} <= b.texts


def test_two_sets_of_arguments_never_share_a_function(monkeypatch: pytest.MonkeyPatch) -> None:
    b = Builder()
    x = Symbolic("float64", b.input("x", "float64", 1))
    monkeypatch.setattr(CustomOp, "domain_with", lambda self, arguments: "testing.above.f1.00000000")
    custom(b, ABOVE, x, limit=1.0)
    custom(b, ABOVE, x, limit=1.0)
    with pytest.raises(NotLowerableError, match=r"has one ONNX domain, testing\.above\.f1\.0+, for two sets of arguments"):
        custom(b, ABOVE, x, limit=2.0)


def test_a_schema_knows_what_may_be_missing() -> None:
    there, maybe = (Schema([Column("x", "float64", nullable=nullable)]) for nullable in (False, True))
    for node, schema, expected in [
        (Applied(FLOORED, "x"), there, ("int64", False)),
        (Applied(FLOORED, "x"), maybe, ("float64", True)),
        (Applied(ABOVE, "x", limit=1.0), maybe, ("bool", True)),
        (Applied(LOGARITHM, "x"), there, ("float64", True)),
    ]:
        column = node.schema(schema)["made0"]
        assert (column.dtype, column.nullable) == expected


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"kind": "python"}, "as kind 'python', which it is not"),
        (
            {"kind": "native", "distribution": "rtml-no", "plugin": "no", "version": "1"},
            "as kind 'native', which it is not",
        ),
        ({"kind": "core"}, "as kind 'core', which it is not"),
        ({"op": "other"}, "as kind 'function', which it is not"),
        (None, "uses operators that its manifest does not list: ai.onnx:Constant"),
    ],
)
def test_a_manifest_that_says_another_thing_is_refused(changed: dict[str, Any] | None, words: str) -> None:
    archive = package.read_archive(compiled(Applied(ABOVE, "y", limit=1.0)).data)
    ops = []
    for entry in archive.manifest.ops:
        if changed is None:
            ops += [] if entry.op == "Constant" else [entry]
        else:
            ops.append(msgspec.structs.replace(entry, **changed) if entry.kind == "function" else entry)
    manifest = msgspec.structs.replace(archive.manifest, ops=tuple(ops))
    with pytest.raises(PackageError) as caught:
        Runtime(msgspec.structs.replace(archive, manifest=manifest))
    assert words in str(caught.value)


@pytest.mark.parametrize("rows", [1, 3, 8, 33])
def test_operators_that_are_taken_for_strict_are(rows: int) -> None:
    """NaN in, NaN out, wherever in a batch: rows with missing inputs need no mask around such a function."""
    b = Builder()
    x, y = b.input("x", "float64", 1), b.input("y", "float64", 1)
    two = ("Add", "Sub", "Mul", "Div", "Mod")
    made = {
        name: b.op(name, *((x, y) if name in two else (x,)), **({"fmod": 1} if name == "Mod" else {})) for name in sorted(_STRICT)
    }
    turned = {f"{name} turned": b.op(name, y, x, **({"fmod": 1} if name == "Mod" else {})) for name in two}
    model = assemble(b, {**made, **turned}).model
    for position in range(rows):
        feed = {"x": np.full((rows, 1), 1.5), "y": np.full((rows, 1), 0.5)}
        feed["x"][position] = np.nan
        for name, values in run_model(model, feed).items():
            assert np.isnan(values[:, 0]).tolist() == [row == position for row in range(rows)], name


def test_a_mask_is_there_where_it_is_needed_only() -> None:
    nodes = {}
    for name, formula in {
        "strict": lambda xp, x, y: xp.sin(x) * 2.0 + y,
        "both branches": lambda xp, x, y: xp.where(x > y, x - y, y - x),
        "outside of something": lambda xp, x, y: xp.where(x > y, x - y, xp.nan),
        "one branch": lambda xp, x, y: xp.where(x > y, x, y),
        "neither": lambda xp, x, y: xp.where(x > y, 1.0, 0.0),
        "of one": lambda xp, x, y: xp.where(y > 0, x, -x),
    }.items():
        made = op(name.replace(" ", "_"), formula, 2)
        b = Builder()
        custom(b, made, *(Symbolic("float64", b.input(column, "float64", 1), 0, True) for column in "xy"))
        nodes[name] = len(b.nodes)
        assert assert_custom_op(made, rows=60) == 60
    assert nodes == {"strict": 1, "both branches": 1, "outside of something": 1, "one branch": 5, "neither": 5, "of one": 3}


@pytest.mark.parametrize("kind", ["function", "python"])
def test_an_argument_may_have_any_name(kind: str) -> None:
    """Those of the parameters of all functions that it goes through, too."""
    names = ["b", "op", "self", "columns", "arguments", "arrays", "values", "domain", "kind", "name", "body", "tensors"]

    def of_function(xp: Any, x: Any, **given: float) -> Any:
        return x * sum(given.values())

    def of_arrays(x: Any, **given: float) -> Any:
        return x * sum(given.values())

    body = of_function if kind == "function" else of_arrays
    words = dict.fromkeys(names, "float")
    op = CustomOp("testing", f"named_{kind}", 1, ("float64",), ("float64",), body, "Scaled.", words, kind=kind)
    two = CustomOp(
        "testing", f"named_two_{kind}", 1, ("float64",) * 2, ("float64",), lambda *x, **given: x[-1], "One.", words, kind=kind
    )
    given = dict(zip(names, range(len(names)), strict=True))
    assert assert_custom_op(op, arguments=given) > 0
    assert assert_custom_op(two, arguments=given) > 0
    assert eager_values(lambda xp, x: xp.custom(op, x, **given), [np.array([1.0, 2.0])]).tolist() == [66.0, 132.0]
