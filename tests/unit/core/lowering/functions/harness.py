"""A function three ways on the same rows: Python itself, its tree, and the compiled graph; all must agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rtml_core.assemble import CHECKS, assemble
from rtml_core.columns import MISSING_STRING, carrier_of
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.functions import PythonFunction
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.testing import run_model

#: name -> dtype, with "?" where a row may be missing
Columns = Mapping[str, str]


def outcome(function: Callable[..., Any], row: Sequence[Any]) -> tuple[bool, Any]:
    """(True, value) or (False, what was raised)."""
    try:
        return True, function(*row)
    except Exception as error:  # whatever the function raises is its outcome
        return False, error


def is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def equal(one: Any, two: Any) -> bool:
    """The same value of the same type."""
    return type(one) is type(two) and bool(one == two or (is_missing(one) and is_missing(two)))


def carried(values: Sequence[Any], spec: str) -> np.ndarray[Any, Any]:
    dtype, nullable = spec.removesuffix("?"), spec.endswith("?")
    if dtype == "string":
        return np.array([[MISSING_STRING if is_missing(value) else value] for value in values], dtype=object)
    if dtype == "float64" or (dtype == "bool" and nullable):
        return np.array([[math.nan if is_missing(value) else float(value)] for value in values], dtype=np.float64)
    return np.array([[value] for value in values], dtype=dtype)


class Compiled:
    """A tree lowered on columns of its own, ready to run."""

    def __init__(self, tree: PythonFunction, columns: Columns, missing: str = "none"):
        b = Builder()
        symbols = []
        for name, spec in columns.items():
            dtype, nullable = spec.removesuffix("?"), spec.endswith("?")
            value = b.input(name, carrier_of(dtype, nullable), 1)
            symbols.append(Symbolic(dtype, value, 0, nullable, finite=dtype != "float64"))
        (self.result,) = tree.lower(b, symbols, missing)  # type: ignore[arg-type]
        self.assembled = assemble(b, {"out": b.alias(b.take(self.result.tensor, [self.result.index]))})
        self.columns = columns

    @property
    def nodes(self) -> int:
        return self.assembled.node_count - 1  # the alias

    def run(self, rows: Sequence[Sequence[Any]]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Values [N] in carrier form, and which rows pass all checks."""
        feed = {name: carried([row[i] for row in rows], spec) for i, (name, spec) in enumerate(self.columns.items())}
        found = run_model(self.assembled.model, feed)
        passed = found[CHECKS].all(axis=1) if CHECKS in found else np.ones(len(rows), dtype=bool)
        return found["out"][:, 0], passed

    def agrees(self, value: Any, got: Any) -> bool:
        """Whether a compiled cell is the value that Python gave."""
        if is_missing(value):
            return self.result.nullable and (got == MISSING_STRING if self.result.dtype == "string" else got != got)
        kinds = {"string": str, "bool": bool, "int64": int, "float64": (int, float)}[self.result.dtype]
        if not isinstance(value, kinds) or (isinstance(value, bool) and self.result.dtype != "bool"):
            return False
        return bool(got == value) if self.result.dtype == "string" else float(got) == float(value) and got == value


def limit(error: Exception) -> bool:
    """Whether the tree raised because a compiled graph has no such number, where Python has one."""
    return "beyond" in str(error) or "complex" in str(error)


def assert_three_ways(function: Any, columns: Columns, rows: Sequence[Sequence[Any]], missing: str = "none") -> Compiled:
    """Fail unless Python, tree and graph give the same for every row; the graph refuses the rows in which the tree raises."""
    tree = PythonFunction(PythonFunction.read(function).to_json())
    compiled = Compiled(tree, columns, missing)
    values, passed = compiled.run(rows)
    for row, got, accepted in zip(rows, values, passed, strict=True):
        fine, expected = outcome(function, row)
        tree_fine, by_tree = outcome(tree, row)
        if fine and not tree_fine:
            assert limit(by_tree), f"{row}: Python gives {expected!r}, the tree raises {by_tree!r}"
        elif fine:
            assert equal(expected, by_tree), f"{row}: Python gives {expected!r}, the tree {by_tree!r}"
        else:
            assert not tree_fine, f"{row}: Python raises {expected!r}, the tree gives {by_tree!r}"
        assert bool(accepted) is tree_fine, f"{row}: the tree {'gives' if tree_fine else 'raises'} {by_tree!r}, the graph {got!r}"
        if tree_fine:
            assert compiled.agrees(by_tree, got), f"{row}: Python gives {by_tree!r}, the graph {got!r} ({compiled.result.dtype})"
    return compiled


FLOATS = [
    0.0, -0.0, 1.0, -1.0, 0.5, 2.5, 3.5, -2.5, 5e-324, 1e300, -1e300, math.inf, -math.inf, 2.0**53, 2.0**53 + 2, 2.0**63,
    -(2.0**63), 9.223372036854775e18, 17.999999999999996, 18.0, 18.000000000000004, 100.25, 2.675, 1.005, -7.0, 7.0, 1e22, 0.1,
    0.30000000000000004, 123456.789,
]  # fmt: skip
WHOLE = [
    0, 1, -1, 2, 3, -3, 7, 17, 18, 19, 65, 100, -100, 2**31, -(2**31), 2**53, 2**53 + 1, -(2**53) - 1, 2**62, 2**63 - 1, -(2**63),
    -(2**63) + 1, 3037000500, -3037000500, 3037000499,
]  # fmt: skip
TEXTS = [
    "", "a", "A", "VW", "vw", "Audi", "audi ", " x ", "straße", "ΑΣ", "İ", "ﬁ", "🎉", "a-b-c", "a-b", "-", "12", "١٢", "007",
    "\t\n", "é", "e\u0301", "K", "x" * 50, "none", "True", "ab",
]  # fmt: skip
