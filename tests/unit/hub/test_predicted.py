"""Predictions that edges tell: each taken once, written in order, whatever fails on the way."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_core.errors import RtmlError
from rtml_plugins.hub.predicted import Kept, PredictionLog
from rtml_plugins.serving.predictions import Prediction, Predictions
from tests.integration.edge.running import wait


class Written:
    """Where a log writes; fails as often as it is told to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.profiles: list[float] = []
        self.datasets: list[str] = []
        self.failures = 0
        self.log = self.open()

    def open(self) -> PredictionLog:
        return PredictionLog(self.path, enrich=self.enrich, keep=self.keep, digests=self.digests, patience=3600.0)

    def enrich(self, rows: Sequence[Kept]) -> None:
        if self.failures:
            self.failures -= 1
            raise RtmlError("the store is away")
        self.profiles += [row.prediction.outputs["p"] for row in rows]

    def keep(self, rows: Sequence[Kept]) -> None:
        self.datasets += [row.id for row in rows]

    def digests(self, identity: Mapping[str, Any]) -> list[str]:
        return [f"d{item['id']}" for items in identity.values() for item in items]

    def take(self, first: int, *values: float, run: str = "r", at: int = 10, who: str = "1") -> int:
        records = [Prediction(str(value), at, "churn", 1, {"ECID": [{"id": who}]}, outputs={"p": value}) for value in values]
        return self.log.take("e", Predictions("na", run, first, records))


@pytest.fixture
def written(tmp_path: Path) -> Any:
    made = Written(tmp_path / "predictions.db")
    yield made
    made.log.close()


def test_each_number_of_a_run_is_taken_once(written: Written) -> None:
    assert written.take(1, 1.0, 2.0) == 2
    assert written.take(1, 1.0, 2.0) == 2
    assert written.take(2, 2.0, 3.0) == 3
    assert written.take(1, 4.0, run="another") == 1
    assert written.take(9, 5.0) == 9  # what is missing in between is lost at the edge
    assert written.take(4, 6.0) == 9
    written.log.settle()
    assert written.profiles == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert written.datasets == ["e/r/1", "e/r/2", "e/r/3", "e/another/1", "e/r/9"]


def test_profiles_get_them_at_once_and_datasets_together(written: Written) -> None:
    written.take(1, 1.0)
    wait(lambda: written.profiles == [1.0])
    written.take(2, 2.0)
    wait(lambda: written.profiles == [1.0, 2.0])
    assert written.datasets == []
    written.log.settle()
    assert len(written.datasets) == 2


def test_a_slow_dataset_holds_up_no_profile(tmp_path: Path) -> None:
    begun, go = threading.Event(), threading.Event()
    profiles: list[str] = []

    def keep(rows: Sequence[Kept]) -> None:
        begun.set()
        assert go.wait(50)

    log = PredictionLog(
        tmp_path / "p.db",
        enrich=lambda rows: profiles.extend(row.id for row in rows),
        keep=keep,
        digests=lambda identity: [],
        patience=0.01,
    )
    try:
        log.take("e", Predictions("na", "r", 1, [Prediction("1", 1, "churn", 1, {})]))
        assert begun.wait(50)
        log.take("e", Predictions("na", "r", 2, [Prediction("2", 1, "churn", 1, {})]))
        wait(lambda: profiles == ["e/r/1", "e/r/2"])
        assert not go.is_set()
    finally:
        go.set()
        log.close()


def test_what_can_not_be_written_is_written_later_in_order(written: Written) -> None:
    written.failures = 3
    for number in range(1, 6):
        written.take(number, float(number))
    wait(lambda: len(written.profiles) >= 5)
    assert written.profiles == [1.0, 2.0, 3.0, 4.0, 5.0]


def test_what_was_taken_is_written_by_the_next_process(written: Written, tmp_path: Path) -> None:
    written.failures = 10**9
    written.take(1, 1.0, 2.0)
    written.log.close()
    assert (written.profiles, written.datasets) == ([], [])
    written.failures = 0
    written.log = written.open()
    wait(lambda: written.profiles == [1.0, 2.0])
    assert written.take(1, 1.0, 2.0, 3.0) == 3
    written.log.settle()
    assert written.profiles == [1.0, 2.0, 3.0]
    assert written.datasets == ["e/r/1", "e/r/2", "e/r/3"]
    written.log.close()
    written.log = written.open()  # numbers go on, though all records are gone
    assert written.take(4, 4.0) == 4
    written.log.settle()
    assert written.profiles[-1] == 4.0


def test_of_an_erased_person_nothing_of_before_is_taken(written: Written) -> None:
    written.take(1, 1.0, at=10)
    written.log.forget(["d1"], 20)
    assert written.datasets == ["e/r/1"]  # is there to be erased
    assert written.take(2, 2.0, at=20) == 2
    assert written.take(3, 3.0, at=21) == 3
    assert written.take(4, 4.0, at=5, who="2") == 4
    written.log.close()
    written.log = written.open()
    assert written.take(5, 5.0, at=20) == 5
    written.log.settle()
    assert written.profiles == [1.0, 3.0, 4.0]


def test_an_erasure_that_broke_off_is_known_to_the_next_process(written: Written) -> None:
    done = written.log.begin_erasure(["ecid:1"], "ada")
    left = written.log.begin_erasure(["ecid:2", "crmid:3"], "grace")
    written.log.end_erasure(done)
    written.log.close()
    written.log = written.open()
    assert written.log.unfinished() == [(left, ["ecid:2", "crmid:3"], "grace")]


def test_what_is_kept_is_what_was_told(written: Written) -> None:
    given = Prediction("q/0", 7, "churn", 2, {"ECID": [{"id": "ü"}]}, {"age": None, "n": 2**60}, {"p": 0.1}, "e1")
    seen: list[Kept] = []
    written.log._enrich = seen.extend  # type: ignore[method-assign]
    written.log.take("na-1", Predictions("na", "r", 1, [given]))
    written.log.settle()
    assert msgspec.to_builtins(seen[0]) == msgspec.to_builtins(Kept(given, "na-1/r/1", "na-1", "na"))
