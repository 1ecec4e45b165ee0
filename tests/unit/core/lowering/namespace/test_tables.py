"""Tables between numbers of two widths, and long ones."""

from __future__ import annotations

import numpy as np
import pytest

from rtml_core.errors import NotLowerableError
from rtml_core.lowering.namespace.eager import eager_values
from rtml_core.testing import assert_parity
from tests.unit.core.lowering.namespace.examples import Example, rows_for


@pytest.mark.parametrize(
    "code",
    [
        "xp.lookup(x, {0.3: 0.1, 0.0: 2.0}, x)",
        "xp.lookup(x, {0.3: 0.1, 1.0: None}, x)",
        "xp.lookup(x, {1e300: 2.0, 0.5: 1e300}, x)",
        "xp.lookup(y, {0.5: 0.1}, x)",
        "xp.lookup(n, {1: 0.1}, x)",
        "xp.lookup(xp.astype(n, 'float64'), {1.0: 0.1}, x)",
    ],
)
def test_a_table_of_float32_falls_back_on_a_column(code: str) -> None:
    operator = Example(code)
    assert assert_parity(operator, rows_for(operator, narrow=True)) > 0


def test_a_long_table_is_checked_as_a_short_one_is() -> None:
    x = np.array([1.0, 1023.0, 5000.0])

    def long(xp: object, x: object, **others: object) -> object:
        return xp.lookup(x, {**{float(i): str(i) for i in range(1024)}, **others.get("more", {})}, "")  # type: ignore[attr-defined]

    assert eager_values(long, [x]).tolist() == ["1", "1023", ""]
    for more, words in (
        ({float("nan"): "a"}, "NaN is no key"),
        ({"a": "b"}, "can't be a value of a float64"),
        ({2.5: 1}, "do not go"),
    ):
        with pytest.raises(NotLowerableError, match=words):
            eager_values(long, [x], {"more": more})


def test_a_missing_value_among_whole_numbers_makes_them_floats() -> None:
    x = np.array([1, 2, 3])
    made = eager_values(lambda xp, x: xp.lookup(x, {1: 10, 2: None, 3: 30}, 0), [x])
    assert made.dtype == np.float64
    np.testing.assert_array_equal(made, [10.0, np.nan, 30.0])
    assert eager_values(lambda xp, x: xp.lookup(x, {1: 10, 2: 20}, 0), [x]).dtype == np.int64
