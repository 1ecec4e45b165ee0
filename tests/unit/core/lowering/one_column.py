"""Run one lowering block alone on a column, with plain onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from rtml_core.assemble import CHECKS, assemble
from rtml_core.columns import MISSING_STRING, carrier_of
from rtml_core.frames import from_carrier, string_dtype
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.probe import open_session
from rtml_core.lowering.symbolic import Symbolic, value_of

Block = Callable[[Builder, Symbolic], Symbolic]


class Compiled:
    """A block over one column of `dtype`, compiled; call it with the carried values of that column."""

    def __init__(self, block: Block, dtype: str = "string", *, nullable: bool = False):
        self.builder = Builder()
        carrier = carrier_of(dtype, nullable)
        source = Symbolic(dtype, self.builder.input("x", carrier, 1), nullable=nullable)
        self.result = block(self.builder, source)
        own = self.builder.alias(value_of(self.builder, self.result))
        self.assembled = assemble(self.builder, {"y": own})
        self.session = open_session(self.assembled.model)
        self.numpy_dtype = object if carrier == "string" else carrier
        self.checks = np.ones((0, 0), bool)

    def __call__(self, values: Sequence[Any]) -> np.ndarray[Any, Any]:
        column = np.empty((len(values), 1), dtype=self.numpy_dtype)
        column[:, 0] = values
        names = [output.name for output in self.session.get_outputs()]
        feed = {"x": column} if self.session.get_inputs() else {}
        found = dict(zip(names, self.session.run(names, feed), strict=True))
        self.checks = found.get(CHECKS, self.checks)
        assert found["y"].shape == (len(values), 1)
        return found["y"][:, 0]

    @property
    def ops(self) -> list[str]:
        """ONNX operators of the block, without the Identity that names its output."""
        counts = dict(self.assembled.ops)
        counts[("", "Identity")] -= 1
        return sorted(name for (_, name), count in counts.items() for _ in range(count))


def series(values: Sequence[str | None]) -> pd.Series:
    """A canonical string series."""
    return pd.Series([np.nan if value is None else value for value in values], dtype=string_dtype())


def carried(values: Sequence[str | None]) -> list[str]:
    """Strings as they travel: missing in band."""
    return [MISSING_STRING if value is None else value for value in values]


def as_series(compiled: Compiled, values: np.ndarray[Any, Any]) -> pd.Series:
    """What a compiled block gave, as a canonical series."""
    return pd.Series(from_carrier(values, compiled.result.dtype))
