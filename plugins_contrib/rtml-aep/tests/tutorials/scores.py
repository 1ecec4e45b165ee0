"""Rows scored at an edge, together and one at a time, beside what scikit-learn says of them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

Variables = dict[str, Any]


def scored(ran: Variables, rows: pd.DataFrame) -> pd.DataFrame:
    """What the service of a notebook answers to rows that are sent together."""
    found = ran["edge_utils"].score_edge(
        edge_location=ran["edge_location"], service_id=ran["service_id"], scoring_data=json.loads(rows.to_json())
    )
    return pd.DataFrame(found.scored_output, index=rows.index)


def scored_alone(ran: Variables, rows: pd.DataFrame) -> pd.DataFrame:
    """What it answers to each row by itself."""
    return pd.concat([scored(ran, rows.iloc[[number]]) for number in range(len(rows))])


def largest(found: pd.DataFrame, expected: Any) -> float:
    """The largest deviation of probabilities that came, in the order of the classes, from those of scikit-learn."""
    columns = [name for name in found.columns if "probability" in name]
    assert found[columns].shape == np.asarray(expected).shape
    return float(np.abs(found[columns].to_numpy() - np.asarray(expected)).max())
