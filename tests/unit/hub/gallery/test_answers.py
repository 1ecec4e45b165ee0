"""Where an answer lies among those of the training: counted as the baseline counts."""

from __future__ import annotations

import numpy as np

from rtml_core.baseline import BaselineEntry
from rtml_core.baseline_of import of_numbers, of_texts, of_times
from rtml_core.package import Manifest, OutputEntry, ParityEntry
from rtml_plugins.hub.gallery.answers import predicted

DAY = 86_400_000_000


def manifest() -> Manifest:
    outputs = (OutputEntry("span", "timedelta", "a"), OutputEntry("at", "timestamp", "b"), OutputEntry("who", "string", "c"))
    days = np.arange(100, dtype=np.int64) * DAY
    columns = (of_numbers("span", days, whole=True), of_times("at", days), of_texts("who", ["x"] * 60 + ["y"] * 39 + ["rare"]))
    baseline = BaselineEntry(100, (), columns)
    parity = ParityEntry(True)
    return Manifest(1, "0", (), "refuse", (), outputs, (), {}, 10, (), (), True, parity, {}, baseline=baseline)


def places(**prediction: object) -> list[str]:
    return [one.place for one in predicted(manifest(), prediction)]


def test_spans_and_times_lie_where_the_baseline_counts_them() -> None:
    assert places(span=50 * DAY, at="1970-02-20T00:00:00Z") == ["Higher than for about 51 % of the training rows."] * 2
    outside = ["Higher than for any training row.", "Lower than for any training row."]
    assert places(span=200 * DAY, at="1969-12-31T00:00:00Z") == outside


def test_texts_are_as_frequent_as_they_were() -> None:
    assert places(who="x") == ["60 % of the training rows got the same."]
    assert places(who="rare") == places(who="new") == ["A rare answer in training."]
