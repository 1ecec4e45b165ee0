"""The rounding of scikit-learn's trees, folded into float64 thresholds."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from rtml_plugins.sklearn_ops.convert.thresholds import around, fold_float32

BIG = float(np.finfo(np.float32).max)
FLOATS = st.floats(allow_nan=False, width=64)


def rounded_below(x: float, threshold: float) -> bool:
    """What a tree does."""
    with np.errstate(over="ignore"):
        return bool(np.float64(np.float32(x)) <= threshold)


@given(st.floats(min_value=-BIG, max_value=BIG), FLOATS)
@example(0.1, 0.1)
@example(BIG, BIG)
@example(BIG, float(np.finfo(np.float64).max))
@example(-BIG, -BIG)
@example(float(np.float32(0.1)), 0.1)
@example(1e-46, 0.0)
@example(float("inf"), 1.0)
def test_comparing_in_float64_says_what_rounding_first_says(threshold: float, x: float) -> None:
    folded = float(fold_float32(np.array([threshold]))[0])
    assert (x <= folded) == rounded_below(x, threshold)


@given(st.floats(min_value=-BIG, max_value=BIG))
@example(BIG)
@example(0.0)
@example(1.5)
def test_the_folded_threshold_is_the_last_value_that_goes_left(threshold: float) -> None:
    folded = float(fold_float32(np.array([threshold]))[0])
    assert rounded_below(folded, threshold)
    assert not rounded_below(float(np.nextafter(folded, np.inf)), threshold)


def test_infinite_thresholds_stay() -> None:
    assert fold_float32(np.array([np.inf, -np.inf])).tolist() == [np.inf, -np.inf]


def test_around_gives_both_neighbours_once() -> None:
    up, down = float(np.nextafter(1.0, 2)), float(np.nextafter(1.0, 0))
    assert around(np.array([1.0, up, np.inf, np.nan])).tolist() == [down, 1.0, up, float(np.nextafter(up, 2))]
