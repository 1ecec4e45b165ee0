"""Every example of the catalogue gives the same on arrays and traced, on hard values; no function is without one."""

from __future__ import annotations

import itertools

import pytest

from rtml_core.errors import ExecutionError
from rtml_core.frames import canonical, dtype_word, schema_of
from rtml_core.lowering.namespace.catalogue import FUNCTIONS
from rtml_core.lowering.namespace.eager_functions import FUNCTIONS as EAGER
from rtml_core.lowering.namespace.lowered_functions import FUNCTIONS as LOWERED
from rtml_core.testing import assert_parity
from tests.unit.core.lowering.namespace.examples import Example, rows_for

#: examples that refuse booleans which may be missing
PRESENT_ONLY = ("p + q", "p * q", "xp.maximum(p, q)", "xp.astype(p, 'int64')", "xp.abs(p)", "xp.ceil(p)")
#: the example that refuses rows
CHECKED = "xp.astype(xp.fill_missing(x, 0.0), 'int64')"


def _examples(name: str, *, missing: bool) -> Example:
    codes = [code for code in FUNCTIONS[name].examples if code != CHECKED and not (missing and code in PRESENT_ONLY)]
    return Example(*codes, near=not FUNCTIONS[name].exact)


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("missing", [True, False])
def test_examples_are_the_same_traced(name: str, missing: bool) -> None:
    operator = _examples(name, missing=missing)
    given = rows_for(operator, missing=missing)
    assert assert_parity(operator, given) >= 0
    schema, made = operator.schema(schema_of(given)), canonical(operator.process(given).data)
    for code in operator.codes:
        if made[code].notna().any() and schema[code].dtype != "bool":  # a column without a value has no dtype of its own
            assert dtype_word(made[code]) == schema[code].dtype, code


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if "x" in _examples(name, missing=True).used and name != "custom"])
def test_examples_are_the_same_in_float32(name: str) -> None:
    operator = _examples(name, missing=True)
    given = rows_for(operator, narrow=True)
    assert assert_parity(operator, given) >= 0
    schema, made = operator.schema(schema_of(given)), canonical(operator.process(given).data)
    floats = [code for code in operator.codes if schema[code].dtype in ("float32", "float64")]
    assert [dtype_word(made[code]) for code in floats] == [schema[code].dtype for code in floats]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_row_and_a_single_one_are_the_same_traced(name: str) -> None:
    operator = _examples(name, missing=True)
    given = rows_for(operator)
    for some in (given.iloc[:0], given.iloc[4:5]):
        assert assert_parity(operator, some.reset_index(drop=True), nullable=True) >= 0


def test_numbers_that_do_not_fit_into_int64_are_refused_row_by_row() -> None:
    operator = Example(CHECKED)
    given = rows_for(operator)
    with pytest.raises(ExecutionError, match="does not fit into int64"):
        operator.process(given)
    assert_parity(operator, given)
    fitting = given[(given["x"].abs() < 9.2e18) | given["x"].isna()].reset_index(drop=True)
    assert_parity(operator, fitting)
    assert operator.process(fitting).data[CHECKED].dtype == "int64"


def test_every_function_is_there_on_both_sides_and_has_an_example() -> None:
    assert set(FUNCTIONS) == set(EAGER) == set(LOWERED)
    for name, function in FUNCTIONS.items():
        assert function.examples
        assert function.doc.endswith((".", "`")), name


@pytest.mark.parametrize("operator", ["+", "*", "/", "//", "%", "**", "<", "=="])
@pytest.mark.parametrize("narrow", [True, False])
def test_numbers_of_all_dtypes_meet_the_same_traced(operator: str, narrow: bool) -> None:
    """Every pair of float64 or float32, int64 and bool, and constants; an int64 has no power of an int64."""
    pairs = itertools.product(("x", "n", "p", "2", "2.5", "True"), repeat=2)
    codes = [f"{one} {operator} {two}" for one, two in pairs if {one, two} & {"x", "n", "p"}]
    if operator == "**":
        codes = [code for code in codes if "x" in code or "2.5" in code]
    tried = Example(*codes, near=operator == "**")
    given = rows_for(tried, missing=False, narrow=narrow)
    assert assert_parity(tried, given) > 0
    schema, made = tried.schema(schema_of(given)), canonical(tried.process(given).data)
    assert {code: dtype_word(made[code]) for code in codes} == {code: schema[code].dtype for code in codes}
