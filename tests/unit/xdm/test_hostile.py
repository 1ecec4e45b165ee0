"""Odd and hostile texts: refused in words, or round-tripped. The benchmark tries 100,000 of them, this a part."""

from __future__ import annotations

from tests.benchmarks.xdm import try_hostile
from tests.benchmarks.xdm_data import hostile


def test_odd_documents_are_refused_or_come_back_as_they_were() -> None:
    counts = try_hostile(hostile(2_000, seed=23))
    assert set(counts) == {"round-tripped", "refused, and no JSON object", "refused, beyond a limit"}, counts
    assert counts["round-tripped"] > 1_000
    assert counts["refused, and no JSON object"] > 400
