"""What a compiled formula says of its columns, whether they may be missing or infinite, holds on hard rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from rtml_core import operators as op
from rtml_core.errors import ParityError
from rtml_core.frames import canonical, schema_of
from rtml_core.lowering.namespace.catalogue import FUNCTIONS
from rtml_core.lowering.scratch import lower_alone
from rtml_core.testing import assert_parity
from tests.unit.core.lowering.namespace.examples import Example, rows_for


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name != "custom"])
@pytest.mark.parametrize("finite", [True, False])
def test_a_column_that_is_never_missing_or_infinite_never_is(name: str, finite: bool) -> None:
    operator = Example(*FUNCTIONS[name].examples)
    given = rows_for(operator, missing=False)
    if finite:
        floats = [column for column in given.columns if given[column].dtype == np.float64]
        given = given[np.isfinite(given[floats]).all(axis=1) if floats else slice(None)]
    if any("astype(xp.fill" in code for code in operator.codes):
        given = given[given["x"].abs() < 9e18]
    given = given.reset_index(drop=True)
    node = lower_alone(operator, schema_of(given, nullable=False))
    made = canonical(operator.process(given).data)
    for code in operator.codes:
        known = node.result[code]
        if not known.nullable:
            assert not made[code].isna().any(), code
        if known.dtype in ("float64", "float32") and known.finite:
            assert not np.isinf(made[code].dropna()).any(), code


def test_what_can_be_known_is_known() -> None:
    codes = {
        "x + y": (False, False), "x - 1.0": (False, False), "x * 0.5": (False, True), "x / 2.0": (False, True),
        "x / y": (True, False),
        "xp.sin(x)": (False, True), "xp.sqrt(x)": (True, True), "xp.clip(x, 0.0, 1.0)": (False, True), "xp.log(x)": (True, False),
        "xp.exp(x)": (False, False), "xp.fill_missing(xp.log(x), 0.0)": (False, False), "xp.where(x > 0, x, 0.0)": (False, True),
        "xp.where(x > 0, x, None)": (True, True), "xp.floor(x)": (False, True), "xp.nan_to_num(x / y)": (False, True),
        "xp.strings.length(s)": (False, True), "xp.lookup(s, {'a': 1.0}, 0.0)": (False, True),
        "xp.lookup(s, {'a': 1.0})": (True, True),
    }  # fmt: skip
    operator = Example(*codes)
    given = rows_for(operator, missing=False)
    given = given[np.isfinite(given[["x", "y"]]).all(axis=1)].reset_index(drop=True)
    node = lower_alone(operator, schema_of(given, nullable=False))
    assert {code: (node.result[code].nullable, node.result[code].finite) for code in codes} == codes


def test_a_constant_may_be_infinite_in_float32() -> None:
    codes = ("xp.maximum(x, 1e39)", "xp.where(x > 0, x, 1e39)", "xp.clip(x, 0.0, 1e39)", "xp.fill_missing(x, 1e39)")
    operator = Example(*codes)
    given = rows_for(operator, narrow=True)
    node = lower_alone(operator, schema_of(given[np.isfinite(given["x"])]))
    assert [node.result[code].finite for code in codes] == [False] * 3 + [True]  # nothing to fill where nothing is missing
    assert assert_parity(operator, given) > 0


def test_the_parity_gate_tries_constants_of_a_formula() -> None:
    operator = Example(
        "x < 12.25", "xp.isin(s, ['Zebra', 'Yak'])", "xp.lookup(u, {'Gnu': 1}, 0)", "s == 'Emu'", "xp.strings.contains(s, 'ox')"
    )
    given = rows_for(operator)
    node = lower_alone(operator, schema_of(given))
    assert {"Zebra", "Yak", "Gnu", "Emu", "ox"} <= node.builder.texts
    assert {12.25} in node.builder.thresholds.values()


def test_a_formula_that_is_wrong_at_one_text_does_not_pass_the_gate() -> None:
    class Lying(Example):
        """Compiled it looks up another table than on arrays."""

        def compute(self, xp: Any, *columns: Any) -> Mapping[str, Any]:
            eager = type(columns[0]).__name__ == "EagerValue"
            return {"made": xp.lookup(columns[0], {"Zebra": 1.0 if eager else 2.0}, 0.0)}

    graph = op.Receiver(schema={"s": "string"}) >> Lying("s")
    with pytest.raises(ParityError, match="Zebra"):
        graph.compile()
