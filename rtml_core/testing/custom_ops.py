"""assert_custom_op: a custom operator answers in onnxruntime what its reference answers on numpy.

Exported as rtml_core.testing.assert_custom_op. It needs no operator around the custom one, no plugin and no package.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.custom_ops import CustomOp, apply
from rtml_core.errors import ParityError, PluginError, RtmlError, describe, listing
from rtml_core.frames import canonical, schema_of, string_dtype
from rtml_core.lowering.custom import custom
from rtml_core.lowering.scratch import lower_alone
from rtml_core.operator import FORMULA_TOLERANCE, Operator
from rtml_core.parity_compare import row_of
from rtml_core.running import open_lowered
from rtml_core.testing.frames import frame as made_up_frame
from rtml_core.testing.parity import assert_parity
from rtml_core.testing.rows import assert_row_wise

if TYPE_CHECKING:
    import pandas as pd

#: the words of frames for dtypes of columns
_WORDS = {
    "float64": "float?",
    "float32": "float32?",
    "int64": "int",
    "bool": "bool",
    "string": "string?",
    "timestamp": "timestamp?",
    "timedelta": "timedelta?",
}
#: how many rows are tried alone with the first set of arguments, and with each other one
ALONE, ALONE_MORE = 50, 10
#: how many of the rows that the reference refuses are tried compiled, one by one
TRIED = 20


def assert_custom_op(
    op: CustomOp,
    arguments: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    *,
    rows: int = 200,
    seed: int = 0,
    tolerance: tuple[float, float] | None = None,
) -> int:
    """Fail unless a custom operator of any kind runs in onnxruntime as its reference does; returns the number of rows compared.

    Tried are the operator's cases, and `rows` made-up rows with the edge values of its input dtypes, missing ones among them
    (`seed` chooses them): all together, only those where nothing is missing, none, and single ones, whose answers must not depend
    on the others. A row that the reference refuses must fail compiled, too. arguments: of the operator for the made-up rows, one
    set or several; by default those of its cases. tolerance: (relative, absolute) of float outputs; by default (0, 0) for kind
    python, that of formulas for the others, as functions like sin differ by an ulp between numpy, onnxruntime and C.
    Raises ParityError naming the first row that differs and both answers; CustomOpError when a row fails in onnxruntime only;
    PluginError for a declaration that is not complete, a library that is not built here, or arguments that nobody gives;
    NotLowerableError for a formula that can't be traced.
    """
    if not isinstance(op, CustomOp):
        raise RtmlError(f"assert_custom_op takes a CustomOp; got {describe(op)}")
    op.check()
    rtol_atol = tolerance or ((0.0, 0.0) if op.kind == "python" else FORMULA_TOLERANCE)
    compared = 0
    for number, (given, columns) in enumerate(_sets(op, arguments)):
        call = _Call(op, given, rtol_atol)
        frames = [_frame(op, case) for case in columns]
        frames.append(made_up_frame({name: _WORDS[d] for name, d in call.named}, rows=rows, seed=seed, infinite=True))
        compared += _prove(call, _together(frames), ALONE if number == 0 else ALONE_MORE)
    return compared


def _sets(op: CustomOp, arguments: Any) -> list[tuple[dict[str, Any], list[tuple[list[Any], ...]]]]:
    """Each set of arguments with the cases that have it."""
    found: dict[str, tuple[dict[str, Any], list[tuple[list[Any], ...]]]] = {}
    for columns, given in op.parity_cases():
        found.setdefault(op.encode(given), (given, []))[1].append(columns)
    for more in [arguments] if isinstance(arguments, Mapping) else list(arguments or ()):
        found.setdefault(op.encode(more), (dict(more), []))
    if not found and op.arguments:
        raise PluginError(
            f"custom operator {op} has the arguments {listing(op.arguments)} and no cases that give them; declare cases, or call"
            f" assert_custom_op(op, {{...}})"
        )
    return list(found.values()) or [({}, [])]


def _frame(op: CustomOp, case: tuple[list[Any], ...]) -> pd.DataFrame:
    """A case as a canonical frame; PluginError for values that are not of the input's dtype."""
    import pandas as pd

    made: dict[str, Any] = {}
    for position, (dtype, values) in enumerate(zip(op.inputs, case, strict=True)):
        try:
            made[f"input_{position}"] = _column(dtype, values)
        except (TypeError, ValueError, OverflowError) as error:
            raise PluginError(
                f"the cases of the custom operator {op}: input {position} is a {dtype} column; got {describe(values)} ({error})"
            ) from None
    return canonical(pd.DataFrame(made))


def _column(dtype: str, values: list[Any]) -> Any:
    import pandas as pd

    if dtype == "string":
        wrong = [value for value in values if not isinstance(value, str) and value is not None]
        if wrong:
            raise TypeError(f"{wrong[0]!r} is no text")
        return pd.Series(values, dtype=string_dtype())
    if dtype in ("timestamp", "timedelta"):
        return np.array(values, dtype=f"{'datetime64' if dtype == 'timestamp' else 'timedelta64'}[us]")
    if dtype == "bool" and not all(isinstance(value, (bool, np.bool_)) for value in values):
        raise TypeError("a boolean is True or False")
    if dtype in ("float64", "float32"):
        values = [np.nan if value is None else value for value in values]
    elif dtype == "int64" and not all(isinstance(value, (int, np.integer)) for value in values):
        raise TypeError("a whole number must be there")
    return np.array(values, dtype=dtype)


def _together(frames: list[pd.DataFrame]) -> pd.DataFrame:
    import pandas as pd

    return canonical(pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True))


def _prove(call: _Call, frame: pd.DataFrame, alone: int) -> int:
    """The proof for one set of arguments, with so many rows alone; how many rows were compared."""
    answered, refused = _split(call, frame)
    complete = frame.iloc[answered]
    complete = complete[complete.notna().all(axis=1)].reset_index(drop=True)
    kept = frame.iloc[answered].reset_index(drop=True)
    for part in (kept, complete):
        assert_parity(call, part)
    assert_row_wise(call, kept, alone=alone)
    _require_refusals(call, frame, refused[:TRIED])
    return len(kept) + len(refused[:TRIED])


def _split(call: _Call, frame: pd.DataFrame) -> tuple[list[int], list[int]]:
    """Rows that the reference answers, and those that it refuses."""
    try:
        call.transform(frame)
    except Exception:  # whatever the reference raises; which rows it is about shows one by one
        answered, refused = [], []
        for row in range(len(frame)):
            try:
                call.transform(frame.iloc[[row]].reset_index(drop=True))
            except Exception:  # a refused row
                refused.append(row)
            else:
                answered.append(row)
        if not answered:
            raise
        return answered, refused
    return list(range(len(frame))), []


def _require_refusals(call: _Call, frame: pd.DataFrame, refused: list[int]) -> None:
    if not refused:
        return
    run = open_lowered(lower_alone(call, schema_of(frame)))
    for row in refused:
        try:
            run(frame.iloc[[row]].reset_index(drop=True))
        except Exception:  # however onnxruntime says it
            continue
        raise ParityError(
            f"{call!r}: its reference refuses row {row}, {describe(row_of(frame, row), 300)}, and in onnxruntime it answers;"
            f" {'an ONNX function can refuse no row' if call.op.kind == 'function' else 'let it fail, too'}, or let the reference"
            f" answer"
        )


class _Call(Operator):
    """A custom operator on columns input_0, input_1, ...; its answers are output_0, output_1, ..."""

    def __init__(self, op: CustomOp, arguments: Mapping[str, Any], tolerance: tuple[float, float]):
        super().__init__()
        self.op, self.arguments = op, dict(arguments)
        self.__dict__["tolerance"] = tolerance
        self.named = [(f"input_{position}", dtype) for position, dtype in enumerate(op.inputs)]

    def __repr__(self) -> str:
        given = f" with {describe(self.arguments)}" if self.arguments else ""
        return f"the custom operator {self.op} (kind {self.op.kind}){given}"

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        import pandas as pd

        answer = apply(self.op, *(_array(frame[name], dtype) for name, dtype in self.named), **self.arguments)
        made = {}
        for position, (dtype, values) in enumerate(zip(self.op.outputs, answer, strict=True)):
            series = pd.Series(values, index=frame.index)
            if dtype == "string":
                series = series.astype(string_dtype())
            elif dtype == "bool" and values.dtype == object:
                series = series.astype("boolean")
            made[f"output_{position}"] = series
        return frame.assign(**made)

    def lower(self, b: Any, columns: dict[str, Any]) -> dict[str, Any]:
        made = custom(b, self.op, *(columns[name] for name, _ in self.named), **self.arguments)
        return {**columns, **{f"output_{position}": column for position, column in enumerate(made)}}


def _array(series: pd.Series, dtype: str) -> Any:
    return series.to_numpy(dtype=object) if dtype == "string" else series.to_numpy()
