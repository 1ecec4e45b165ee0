"""One frame with the awkward values of every dtype."""

from __future__ import annotations

import numpy as np
import pandas as pd

_W = ["2020-02-29", None, "1969-12-31T23:59:59.999999", "0001-01-01", "2024-02-29", "2000-01-01", "1970-01-01", "9999-12-31"]
_V = ["2020-03-01", "2020-01-01", None, "0001-01-02", "2024-02-28", "2000-01-01", "1969-01-01", "9999-12-31"]

FRAME = pd.DataFrame(
    {
        "a": [1.0, np.nan, -3.5, 2.0**53, np.inf, -np.inf, 0.0, 5e-324],
        "b": [2.0, 4.0, np.nan, 0.0, 1.0, -np.inf, 0.0, 3.0],
        "n": [1, 2**53 + 1, -(2**63), 2**63 - 1, 0, -1, 18, 17],
        "m": [5, 2**53, -(2**63), 2**63 - 1, 7, -1, 18, 19],
        "s": ["DE", None, "", "ß", "İ", "at", "nan", "DE"],
        "t": ["x", "y", None, "", "🙂", "e\u0301", "None", "x"],
        "f": [True, None, False, True, True, False, None, True],
        "g": [True, False, False, True, True, False, True, True],
        "w": pd.to_datetime(_W, format="ISO8601").astype("datetime64[us]"),
        "v": pd.to_datetime(_V, format="ISO8601").astype("datetime64[us]"),
        "h": np.array([0.1, np.nan, 1, 2, 3, 4, 5, 6], dtype="float32"),
    }
)
