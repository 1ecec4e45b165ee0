"""What a call costs in each of the four forms: python -m rtml_geo.cost

Each form of each operator is compiled into a package and scores one row again and again, all of them in turn, so that what else
the machine does meets all. Shown is the fastest of the rounds, in microseconds: first the whole call of Runtime.score, then
what is left without that of a package that does nothing.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Mapping
from typing import Any, Final

from rtml_geo.operators import FORMS

ROW: Final = {"lat": 48.137, "lon": 11.575, "to_lat": 53.551, "to_lon": 9.993}


def operators() -> dict[str, tuple[str, dict[str, Any]]]:
    """What is measured: title -> operator and parameters."""
    from rtml_geo.cases import POLYGONS

    star = [
        [48.0 + (2.0 + point % 2) * math.sin(math.tau * point / 100), 11.0 + (2.0 + point % 2) * math.cos(math.tau * point / 100)]
        for point in range(100)
    ]
    return {
        "Haversine": ("Haversine", {"origin": ("lat", "lon"), "target": ("to_lat", "to_lon")}),
        "Geohash, 7 characters": ("Geohash", {"point": ("lat", "lon"), "precision": 7}),
        "InPolygon, 4 corners": ("InPolygon", {"point": ("lat", "lon"), "polygon": POLYGONS["square"]}),
        "InPolygon, 100 corners": ("InPolygon", {"point": ("lat", "lon"), "polygon": star}),
    }


def measure(rounds: int, calls: int) -> tuple[float, dict[tuple[str, str], float]]:
    """Seconds of one call: of a package that does nothing, and by title and form."""
    from rtml_core import Graph, Runtime
    from rtml_core import operators as op

    receiver = {"schema": dict.fromkeys(ROW, "float?")}
    graphs = {("", ""): Graph.start(op.Receiver(**receiver))}
    for title, (name, params) in operators().items():
        for form in FORMS:
            graphs[title, form] = op.Receiver(**receiver) >> getattr(op, name)(**params, using=form)
    runtimes = {key: Runtime.from_bytes(graph.compile().data, trust=["rtml-geo"]) for key, graph in graphs.items()}
    found = dict.fromkeys(runtimes, math.inf)
    for _ in range(rounds):
        for key, runtime in runtimes.items():
            score, row = runtime.score, dict(ROW)
            began = time.perf_counter()
            for _ in range(calls):
                score(row)
            found[key] = min(found[key], (time.perf_counter() - began) / calls)
    return found.pop(("", "")), found


def table(nothing: float, found: Mapping[tuple[str, str], float]) -> str:
    """The measurements as a Markdown table."""
    lines = ["| one row, µs | " + " | ".join(FORMS) + " |", "|---|" + "---|" * len(FORMS)]
    for title in operators():
        cells = [f"{found[title, form] * 1e6:.1f} ({(found[title, form] - nothing) * 1e6:.1f})" for form in FORMS]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table."""
    parser = argparse.ArgumentParser(prog="python -m rtml_geo.cost", description="What a call costs in each of the four forms.")
    parser.add_argument("--rounds", type=int, default=500, help="how often each form is measured; the fastest counts")
    parser.add_argument("--calls", type=int, default=20, help="calls in a round; few, so that some rounds are not interrupted")
    given = parser.parse_args()
    nothing, found = measure(given.rounds, given.calls)
    print(table(nothing, found))
    print(f"\nA package that does nothing takes {nothing * 1e6:.1f} µs; in parentheses what an operator adds to it.")


if __name__ == "__main__":
    main()
