"""Frames of hard rows for the Pandas operator."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pandas as pd
import pytest
from onnxruntime_extensions import get_library_path

from rtml_core import Operator
from rtml_core.assemble import assemble, kind_of
from rtml_core.columns import MISSING_STRING
from rtml_core.custom_ops.guarding import guarded
from rtml_core.custom_ops.hosting import declare
from rtml_core.frames import canonical, schema_of, string_dtype, to_carrier
from rtml_core.lowering.scratch import lower_alone
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.package import OutputEntry
from rtml_core.parity_compare import differing

BIG = 2**53
MAX, MIN = 2**63 - 1, -(2**63)


def hard_frame() -> pd.DataFrame:
    """Eighteen rows of one column a kind. Names: f floats (missing, infinite), g floats that are all there, h floats with missing
    and no infinity, w float32, i whole numbers up to the ends of int64, k small ones with 0 and -1, b booleans, n booleans
    with missing, s texts with missing, u texts without, t and v timestamps with missing, d timedeltas.
    """
    rows = 18
    nan = np.nan
    f = [1.5, nan, -2.5, 0.0, -0.0, np.inf, -np.inf, 2.5, 0.5, 1e308, -1e-308, 5e-324, BIG + 2.0, 3.0, -3.0, 7.25, nan, 0.1]
    g = [
        1.0,
        2.5,
        -3.5,
        0.0,
        -0.0,
        1e300,
        -1e300,
        18.0,
        17.999999999999996,
        65.0,
        65.00000000000001,
        -1e-9,
        4.0,
        0.3,
        1 / 3,
        -7.0,
        2.0,
        1e15,
    ]
    h = [nan, 0.5, 1.5, 2.5, -0.5, -1.5, 2.675, 1e22, -0.0, nan, 41.0, 12.5, 99.999, -99.995, 3.0, 1e-5, 2.0, -8.0]
    i = [0, 1, -1, 7, -7, 3, MAX, MIN, MIN + 1, BIG, BIG + 1, -BIG - 1, 10, 15, 25, -15, 255, 2**62]
    k = [0, 1, -1, 2, -2, 3, -1, -1, 0, 7, -7, 10, 4, 5, 1, 0, -3, 2]
    s = [
        "VW",
        None,
        "vw ",
        "",
        " ",
        "Ärger",
        "ß",
        "日本語",
        "e\u0301",
        "🙂x",
        "a,b",
        "None",
        "nan",
        None,
        "Audi",
        "0",
        "1.5",
        "x" * 50,
    ]
    u = ["red", "blue", "", "RED", " red", "é", "green", "red", "blue", "1", "none", "red", "blue", "Blue", "b", "r", "rr", "red"]
    b = [bool(value % 2) for value in range(rows)]
    n = pd.array([True, None, False] * 6, dtype="boolean")
    t = np.array([None, 0, -1, 86_400_000_000, 951_782_400_000_000, 1_704_067_199_999_999] * 3, dtype="datetime64[us]")
    v = np.array(
        [5, None, 2, -62_135_596_800_000_000, 253_402_300_799_999_999, 1_704_067_200_000_000] * 3, dtype="datetime64[us]"
    )
    return pd.DataFrame(
        {
            "f": f, "g": g, "h": h, "w": np.array(h, dtype=np.float32), "i": i, "k": k, "b": b, "n": n,
            "s": pd.Series(s, dtype=string_dtype()), "u": pd.Series(u, dtype=string_dtype()), "t": t, "v": v, "d": t - v,
        }
    )  # fmt: skip


@pytest.fixture(scope="session")
def hard() -> pd.DataFrame:
    return hard_frame()


@pytest.fixture
def plain() -> pd.DataFrame:
    """A small frame without surprises."""
    return pd.DataFrame(
        {
            "age": [18.0, np.nan, 65.0, 17.5],
            "km": [100, 0, -5, 250_000],
            "brand": pd.Series(["VW", None, "Audi", "vw"], dtype=string_dtype()),
            "leased": [True, False, True, True],
        }
    )


class Proof:
    """A node lowered once for the columns of a frame, run on parts of that frame and compared with pandas."""

    def __init__(self, node: Operator, frame: pd.DataFrame, nullable: bool | None = None) -> None:
        self.node = node
        self.frame = canonical(frame)
        lowered = lower_alone(node, schema_of(self.frame, nullable=nullable))
        self.schema, self.result = lowered.schema, lowered.result
        b = lowered.builder
        #: whether rows may be refused when they are scored
        self.checked = bool(b.checks)
        #: columns that the node made; the others are columns of the frame, as they came
        self.made = [
            n for n, s in self.result.items() if s.tensor.producer() is not None or s.dtype != self.schema[s.tensor.name].dtype
        ]
        outputs = {f"out:{name}": b.take(self.result[name].tensor, [self.result[name].index]) for name in self.made}
        outputs = {name: b.alias(value) for name, value in outputs.items()} or {"out:": b.alias(next(iter(b.inputs)))}
        assembled = assemble(b, outputs)
        #: kinds of the ONNX operators that it became
        self.kinds = {kind_of(domain, assembled.custom_ops) for domain, _ in assembled.ops} if self.made else set()
        declare(assembled.custom_ops.values())  # before the library is registered, which brings them in
        options = ort.SessionOptions()
        options.register_custom_ops_library(get_library_path())
        self.session = guarded(ort.InferenceSession)(assembled.model, options, providers=["CPUExecutionProvider"])

    def holds_on(self, *positions: int) -> None:
        """Fail unless both forms agree on the rows at `positions` (none: a frame without rows)."""
        self.holds(self.frame.iloc[list(positions)].reset_index(drop=True))

    def holds(self, rows: pd.DataFrame | None = None) -> None:
        """Fail unless both forms agree on the rows, by default on all."""
        rows = self.frame if rows is None else canonical(rows)
        feed = {name: to_carrier(rows[name], c.dtype == "bool" and c.nullable)[:, None] for name, c in self.schema.items()}
        wanted = {value.name for value in self.session.get_inputs()}
        names = [value.name for value in self.session.get_outputs()]
        compiled = dict(zip(names, guarded(self.session.run)(names, {n: a for n, a in feed.items() if n in wanted}), strict=True))
        authored = canonical(self.node.process(rows).data)
        assert list(authored.columns) == list(self.result)
        for name in self.made:
            symbolic = self.result[name]
            entry = OutputEntry(name, symbolic.dtype, name, 0, symbolic.nullable, *self.node.tolerance)
            values = compiled[f"out:{name}"][:, 0]
            wrong, _ = differing(authored[name], values, entry)
            shown = [(dict(rows.iloc[i]), authored[name].iloc[i], values[i]) for i in wrong[:1]]
            assert len(wrong) == 0, f"{self.node!r}, column '{name}': (row, authored, compiled) = {shown}"
            self._check_promises(symbolic, values)
        for name in set(self.result) - set(self.made):
            assert authored[name].equals(rows[self.result[name].tensor.name]), f"{self.node!r} changed column '{name}'"

    def _check_promises(self, symbolic: Symbolic, values: np.ndarray) -> None:
        """What the lowering says about a column must hold: not missing, not infinite."""
        if values.dtype.kind == "f":
            assert symbolic.nullable or not np.isnan(values).any(), f"{self.node!r}: missing values in a column that has none"
            assert not symbolic.finite or not np.isinf(values).any(), f"{self.node!r}: infinite values in a finite column"
        elif values.dtype.kind == "O":
            assert symbolic.nullable or MISSING_STRING not in values, f"{self.node!r}: missing texts in a column that has none"
        if symbolic.categories is not None:
            assert set(values.tolist()) - {MISSING_STRING} <= set(symbolic.categories)


@pytest.fixture(scope="session")
def prove() -> type[Proof]:
    return Proof
