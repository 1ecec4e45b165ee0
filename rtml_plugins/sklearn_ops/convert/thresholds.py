"""scikit-learn's trees round x to float32 before they compare; here that rounding moves into float64 thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def fold_float32(thresholds: Array) -> Array:
    """float64 t -> the largest float64 s with (float32(x) <= t) == (x <= s) for every float64 x but NaN.

    float32(x) <= t holds when x rounds to at most f, the largest float32 up to t. The last x that does is the middle between
    f and the next float32, g, or just below it where the tie goes to g.
    """
    t = np.asarray(thresholds, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        f = t.astype(np.float32)
        f = np.where(f.astype(np.float64) > t, np.nextafter(f, np.float32(-np.inf)), f)
        g = np.nextafter(f, np.float32(np.inf))
        # beyond the largest float32 the spacing stays what it was: what reaches half a step rounds to infinity
        low = f.astype(np.float64)
        high = np.where(np.isinf(g) & np.isfinite(f), low + (low - np.nextafter(f, np.float32(0)).astype(np.float64)), g)
        middle = low + (high - low) / 2
        folded = np.where(middle.astype(np.float32).astype(np.float64) <= t, middle, np.nextafter(middle, -np.inf))
    return np.where(np.isinf(t), t, folded)


def around(points: Array) -> Array:
    """Each point with its neighbours one float64 step below and above, sorted, without repetitions."""
    p = np.asarray(points, np.float64)
    p = p[np.isfinite(p)]
    return np.unique(np.concatenate([p, np.nextafter(p, -np.inf), np.nextafter(p, np.inf)]))
