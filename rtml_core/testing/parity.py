"""assert_parity and assert_refuses: what an operator says eagerly, it says compiled, or it is refused with a cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import ParityError, RtmlError, describe, listing
from rtml_core.frames import schema_of
from rtml_core.lowering.scratch import LoweredNode, lower_alone
from rtml_core.package import OutputEntry
from rtml_core.parity_compare import Array, differing, plain, row_of
from rtml_core.running import onnx_nodes, run_lowered
from rtml_core.testing.given import checked, processed

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.operator import Operator

#: how many differing rows a failure shows
SHOWN = 3


def assert_parity(operator: Operator, frame: pd.DataFrame, *, nullable: bool | None = None) -> int:
    """Fail unless eager and compiled agree on every row and column of the frame; returns the number of ONNX nodes.

    frame: columns [N] as they reach the operator; N may be 0. nullable: declare every input column nullable (True) or not
    (False); by default what the frame shows. Numbers are compared bit by bit, or within the operator's `tolerance`. Rows that
    the compiled form refuses by a check must be refused by the eager form, one by one.
    Raises ParityError naming the first row that differs, its inputs and both answers; and what the lowering raises.
    """
    frame = checked("assert_parity", operator, frame)
    schema = schema_of(frame, nullable=nullable)
    node = lower_alone(operator, schema)
    found, checks = run_lowered(node, frame)
    kept = np.arange(len(frame))
    if checks is not None:
        kept = np.flatnonzero(checks.all(axis=1))
        for refused in np.flatnonzero(~checks.all(axis=1)):
            _assert_raises(operator, frame, int(refused))
    authored = _authored(operator, frame, kept)
    if list(authored.columns) != list(node.result):
        raise ParityError(
            f"{operator!r}: authored gives the columns {list(authored.columns)}, compiled gives {list(node.result)}"
        )
    if len(authored) != len(kept):
        raise ParityError(
            f"{operator!r}: authored gives {len(authored)} rows for {len(kept)}; an operator gives one row for each that comes in"
        )
    for name in node.result:
        _assert_equal(operator, node, name, authored[name], found[name][kept], (frame, kept))
    return onnx_nodes(lower_alone(operator, schema))


def _authored(operator: Operator, frame: pd.DataFrame, kept: Array) -> pd.DataFrame:
    """What the eager form gives for the rows that the compiled form took; ParityError when it refuses one of them."""
    rows = frame.iloc[kept].reset_index(drop=True)
    try:
        return processed(operator, rows)
    except Exception as error:
        for position in kept:
            try:
                operator.process(frame.iloc[[position]].reset_index(drop=True))
            except Exception as alone:
                raise ParityError(
                    f"{operator!r}: compiled takes row {position}, {describe(row_of(frame, int(position)), 300)}, and authored"
                    f" refuses it ({type(alone).__name__}: {alone}). Refuse it in lower with b.check(ok, message), or answer it"
                    f" in both forms"
                ) from alone
        raise error  # it fails on all of them together only


def _assert_equal(
    operator: Operator,
    node: LoweredNode,
    name: str,
    authored: pd.Series,
    compiled: Array,
    rows: tuple[pd.DataFrame, Array],
) -> None:
    frame, kept = rows
    symbolic = node.result[name]
    entry = OutputEntry(name, symbolic.dtype, name, 0, symbolic.nullable, *operator.tolerance)
    wrong, _ = differing(authored, compiled, entry)
    if not len(wrong):
        return
    first, *more = [
        f"row {kept[row]}, {describe(row_of(frame, int(kept[row])), 300)}, authored {_shown(authored.iloc[row])}, compiled"
        f" {_shown(compiled[row])}"
        for row in wrong[:SHOWN]
    ]
    within = f" (compared within rtol {entry.rtol:g} and atol {entry.atol:g})" if entry.rtol or entry.atol else ""
    raise ParityError(
        f"{operator!r}, column '{name}': {len(wrong)} of {len(kept)} rows differ; first: {first}"
        f"{''.join(f'; then {line}' for line in more)}{within}"
    )


def _shown(value: Any) -> str:
    return describe(plain(value), 120)


def _assert_raises(operator: Operator, frame: pd.DataFrame, position: int) -> None:
    try:
        operator.process(frame.iloc[[position]].reset_index(drop=True))
    except Exception:  # whatever the eager side raises counts as a refusal
        return
    raise ParityError(
        f"{operator!r}: compiled refuses row {position}, {describe(row_of(frame, position), 300)}, and authored accepts it"
    )


def assert_refuses(operator: Operator, frame: pd.DataFrame, *words: str, nullable: bool | None = None) -> str:
    """Fail unless the lowering is refused with a sentence that holds all the words; returns the sentence.

    frame: columns as they would reach the operator; its rows are not run. Raises AssertionError when the operator lowers, or the
    sentence lacks a word.
    """
    schema = schema_of(checked("assert_refuses", operator, frame), nullable=nullable)
    try:
        lower_alone(operator, schema)
    except RtmlError as error:
        absent = [word for word in words if word not in str(error)]
        if absent:
            raise AssertionError(f"the refusal of {operator!r} does not say {listing(map(repr, absent))}: {error}") from error
        return str(error)
    raise AssertionError(f"{operator!r} was lowered, it should have been refused")
