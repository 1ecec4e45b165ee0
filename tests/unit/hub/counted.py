"""What edges count, for tests of what the hub makes of it; and a package with a baseline, compiled for real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from rtml_core import operators as op
from rtml_core.baseline import BaselineEntry, Binning
from rtml_core.client.records import Published
from rtml_core.package import read_archive
from rtml_plugins.hub.hub import Hub
from rtml_plugins.serving.measures import SECONDS, Bins, Counted, Measures, VersionCounted, Window

ROWS = 1000


@cache
def sample(shift: float = 0.0) -> pd.DataFrame:
    """Rows that a model is made with. shift: of the ages, in years."""
    random = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "age": (random.normal(40.0, 10.0, ROWS) + shift).round(1),
            "visits": random.integers(0, 30, ROWS),
            "brand": random.choice(["Audi", "BMW", "VW"], ROWS),
        }
    )
    frame.loc[::10, "age"] = np.nan
    return frame


@cache
def package_of(shift: float = 0.0) -> bytes:
    """A package whose baseline is that of the sample."""
    source = op.Receiver(schema={"age": "float?", "visits": "int", "brand": "string"})
    graph = source >> op.Pandas(import_="fillna", cols="age", kwargs={"value": 40.0 + shift}, inplace=True)
    return graph.compile(sample=sample(shift)).data


@cache
def baseline(shift: float = 0.0) -> BaselineEntry:
    found = read_archive(package_of(shift)).manifest.baseline
    assert found is not None
    return found


def bins(frame: pd.DataFrame, shift: float = 0.0) -> dict[str, Bins]:
    """Values of live rows, counted as edges count them."""
    found = {}
    for column in baseline(shift).inputs:
        binning = Binning(column)
        counts, missing = [0] * binning.bins, 0
        for value in frame[column.name]:
            if value is None or value != value:
                missing += 1
            else:
                counts[binning.bin_of(value)] += 1
        found[column.name] = Bins(counts, missing)
    return found


def counted(requests: int = 10, seconds: float = 0.0004, inputs: Mapping[str, Bins] | None = None, **outcomes: int) -> Counted:
    """Requests that took so long, all of them "ok" unless outcomes say otherwise."""
    ended = outcomes or {"ok": requests}
    latency = [0] * (len(SECONDS) + 1)
    latency[next((at for at, bound in enumerate(SECONDS) if seconds <= bound), len(SECONDS))] = sum(ended.values())
    rows = 0 if not inputs else next(sum(one.counts) + one.missing for one in inputs.values())
    return Counted(ended, latency, seconds * sum(ended.values()), rows, dict(inputs or {}))


def window(number: int, until: float, *versions: VersionCounted, length: float = 5.0) -> Window:
    return Window(number, until - length, until, list(versions))


def of(published: Published, what: Counted) -> VersionCounted:
    return VersionCounted(published.service, published.version, published.package, what)


def told(hub: Hub, *versions: VersionCounted, number: int = 1, region: str = "na", run: str = "r", **more: Any) -> int:
    """Have an edge tell what it counted just now."""
    now = hub.database.clock()
    return hub.record_measures(f"{region}-1", Measures(run, region, [window(number, now, *versions, **more)]))


def windows(run: str, region: str, several: Sequence[Window]) -> Measures:
    return Measures(run, region, list(several))
