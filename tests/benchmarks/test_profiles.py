"""The benchmark of profiles measures what it says, goes on where it stopped, and makes the same records each time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rtml_plugins.profile.identity import key
from rtml_plugins.profile.profiles import Profiles
from rtml_plugins.profile.store import open_store
from tests.benchmarks import profiles
from tests.benchmarks.profile_data import EACH, identity, record


def test_records_are_the_same_each_time_and_documents_are_json() -> None:
    for number in (0, 1, 10, 11, 12, 54_321, 10_999_999):
        one = record(number)
        assert one == record(number)
        assert one.raw is not None
        assert json.loads(one.raw) == one.document
        assert one.document["_id"] == one.id
        assert (one.kind == "record") == (number % (EACH + 1) == 0)
    sizes = [len(record(number).raw or b"") for number in range(1, 2_000)]
    assert min(sizes) > 300
    assert max(sizes) < 700


def test_it_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "BATCH", 220)
    monkeypatch.setattr(profiles, "LOOKUPS", 40)
    monkeypatch.setattr(profiles, "TURN", 10)
    url = f"sqlite:///{tmp_path}/profiles.db"
    applied = Profiles.apply

    def die(self: Profiles, *given: Any) -> Any:
        if self.store.count()["persons"] >= 75:
            raise KeyboardInterrupt
        return applied(self, *given)

    monkeypatch.setattr(Profiles, "apply", die)
    with pytest.raises(KeyboardInterrupt):
        profiles.run(url, tmp_path, [50, 150])
    monkeypatch.setattr(Profiles, "apply", applied)
    rows = profiles.run(url, tmp_path, [50, 150])
    assert [row["people"] for row in rows] == [50, 150]
    assert rows[-1]["records"] == 150 * (EACH + 1)
    with open_store(url) as store:
        assert dict(store.count()) | {"identities": 0} == {"persons": 150, "events": 150 * EACH, "identities": 0}
        assert store.find(key("ECID", identity(149).id)) is not None
    assert all(len(profiles.cells(row)) == len(profiles.HEADER) for row in rows)
