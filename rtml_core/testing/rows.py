"""assert_row_wise: one row's answer depends on that row alone, is the same every time, and its frame stays as it was."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from rtml_core.errors import ParityError, describe
from rtml_core.frames import schema_of
from rtml_core.lowering.scratch import lower_alone
from rtml_core.parity_compare import plain, row_of
from rtml_core.running import open_lowered
from rtml_core.testing.given import checked, processed

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.operator import Operator

#: what a form answers: values by column
Answer = dict[str, list[Any]]


def assert_row_wise(operator: Operator, frame: pd.DataFrame, *, alone: int = 50, seed: int = 0) -> int:
    """Fail unless every row's answer depends on that row alone, eagerly and compiled; returns how many rows were tried alone.

    frame: columns [N] as they reach the operator, rows that it takes. The operator gets it whole, twice; in another order;
    without rows; and up to `alone` of its rows one by one (`seed` chooses them). Numbers are compared bit by bit, or within the
    operator's `tolerance`. The frame must come out of it unchanged. An operator without a lowering is tried eagerly only.
    Raises ParityError naming the row and both answers, and what the lowering raises when it is refused.
    """
    frame = checked("assert_row_wise", operator, frame)
    forms: dict[str, Callable[[pd.DataFrame], Answer]] = {"authored": partial(_authored, operator)}
    if type(operator).lowers():
        forms["compiled"] = partial(_compiled, open_lowered(lower_alone(operator, schema_of(frame))))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(frame))
    chosen = np.sort(rng.permutation(len(frame))[:alone])
    for called, answer in forms.items():
        whole = answer(frame)
        for name, values in whole.items():
            if len(values) != len(frame):
                raise ParityError(
                    f"{operator!r}, column '{name}': {called} gives {len(values)} rows for {len(frame)}; an operator gives one"
                    f" row for each that comes in"
                )
        tries: list[tuple[str, Iterable[int]]] = [
            ("a second time", range(len(frame))),
            ("in another order", order.tolist()),
            ("without rows", ()),
            *(("alone", (int(row),)) for row in chosen),
        ]
        for how, rows in tries:
            positions = list(rows)
            other = answer(frame.iloc[positions].reset_index(drop=True))
            _assert_same(f"{operator!r}, {called}", operator.tolerance, frame, whole, (how, positions, other))
    return len(chosen)


def _authored(operator: Operator, rows: pd.DataFrame) -> Answer:
    """The eager answer; ParityError when the operator changed the frame that it got."""
    given = rows.copy(deep=True)
    answer = processed(operator, given)
    if list(given.columns) != list(rows.columns) or not given.equals(rows):
        changed = [name for name in rows.columns if name not in given.columns or not given[name].equals(rows[name])]
        what = f"column '{changed[0]}'" if changed else f"the columns, which are now {list(given.columns)},"
        raise ParityError(f"{operator!r} changes {what} of the frame that it is given; make a new frame, as frame.assign does")
    return {name: answer[name].tolist() for name in answer.columns}


def _compiled(run: Callable[[pd.DataFrame], tuple[dict[str, Any], Any]], rows: pd.DataFrame) -> Answer:
    """The compiled answer, also of rows that a check refuses."""
    return {name: [plain(value) for value in array] for name, array in run(rows)[0].items()}


def _assert_same(
    where: str,
    tolerance: tuple[float, float],
    frame: pd.DataFrame,
    whole: Answer,
    tried: tuple[str, list[int], Answer],
) -> None:
    how, positions, other = tried
    if list(other) != list(whole):
        raise ParityError(f"{where}: given {how}, the frame gives the columns {list(other)}, and {list(whole)} before")
    for name, values in other.items():
        if len(values) != len(positions):
            raise ParityError(f"{where}, column '{name}': {len(values)} rows for {len(positions)}, given {how}")
        for value, row in zip(values, positions, strict=True):
            if not _equal(value, whole[name][row], tolerance):
                raise ParityError(
                    f"{where}, column '{name}': row {row}, {describe(row_of(frame, row), 300)}, gives"
                    f" {describe(whole[name][row], 120)} among the others and {describe(value, 120)} {how}; one row's answer"
                    f" must depend on that row alone. What depends on others belongs into fit"
                )


def _equal(one: Any, other: Any, tolerance: tuple[float, float]) -> bool:
    if _missing(one) or _missing(other):
        return _missing(one) and _missing(other)
    if isinstance(one, float) and isinstance(other, float):
        return one == other or abs(one - other) <= tolerance[1] + tolerance[0] * abs(other)
    return bool(one == other)


def _missing(value: Any) -> bool:
    import pandas as pd

    return value is None or value is pd.NA or bool(value != value)  # NaN and NaT differ from themselves
