"""How the cost of a row grows with the number of authored nodes.

Ten nodes make a block: five on a column of numbers, four on a column of texts, and one that adds both to a running score,
so that nothing is dead. A graph of 300 nodes has 30 blocks and 60 input columns.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from rtml_core import Graph
from rtml_core import operators as op

BLOCK: Final = 10
SIZES: Final = (10, 30, 100, 300)
_COLOURS: Final = {"RED": 1.5, "GREEN": -0.25, "BLUE": 3.0, "GREY": 0.75}


def graph(nodes: int) -> Graph:
    """A graph of `nodes` Pandas nodes (a multiple of ten) after its Receiver, with the output column `score`."""
    blocks = nodes // BLOCK
    schema = {"score": "float"}
    for number in range(blocks):
        schema |= {f"number_{number}": "float?", f"text_{number}": "string?"}
    authored: Any = op.Receiver(schema=schema)
    for number in range(blocks):
        for step in _block(number):
            authored = authored >> step
    authored.outputs = {"score": "score"}
    return authored  # type: ignore[no-any-return]


def _block(number: int) -> list[Any]:
    x, text = f"number_{number}", f"text_{number}"

    def pandas(method: str, column: str, **kwargs: Any) -> Any:
        return op.Pandas(import_=method, cols=column, kwargs=kwargs, inplace=True)

    return [
        pandas("fillna", x, value=float(number)),
        pandas("clip", x, lower=-100.0, upper=100.0 + number),
        pandas("mul", x, other=0.5 + number / 100),
        pandas("where", x, cond=f"{x} > {number / 4}", other=float(-number)),
        pandas("abs", x),
        pandas("fillna", text, value="grey"),
        pandas("str.upper", text),
        pandas("map", text, func=_COLOURS),
        pandas("fillna", text, value=0.0),
        op.Pandas(import_="eval", kwargs={"expr": f"score = score + {x} * {text}"}),
    ]


def rows(nodes: int, count: int, seed: int) -> pd.DataFrame:
    """Rows for graph(nodes): a quarter of the numbers and a tenth of the texts is missing."""
    random = np.random.default_rng(seed)
    texts = np.array(["red", "Green", "BLUE", "violet"], dtype=object)
    frame: dict[str, Any] = {"score": random.normal(size=count)}
    for number in range(nodes // BLOCK):
        frame[f"number_{number}"] = np.where(random.random(count) < 0.25, np.nan, random.normal(0, 80, count))
        values = texts[random.integers(0, len(texts), count)]
        values[random.random(count) < 0.1] = None
        frame[f"text_{number}"] = values
    return pd.DataFrame(frame)
