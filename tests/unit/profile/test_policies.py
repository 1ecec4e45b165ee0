"""Settings are kept in the store, changed by compare and set, and seen by everybody who works on it."""

from __future__ import annotations

import pytest

from rtml_plugins.profile import policies as settings
from rtml_plugins.profile.aggregates import Aggregate, AggregateError
from rtml_plugins.profile.memory_store import MemoryStore
from rtml_plugins.profile.merging import DEFAULT, MergeError, Policy
from rtml_plugins.profile.policies import SettingsError
from rtml_plugins.profile.profiles import Profiles
from tests.unit.profile.people import event, one


def test_there_is_a_default_policy_and_at_most_five() -> None:
    profiles = Profiles(MemoryStore())
    assert profiles.policies.list() == [DEFAULT]
    for number in range(4):
        profiles.policies.put(Policy(id=f"p{number}"))
    with pytest.raises(MergeError, match="5 merge policies"):
        profiles.policies.put({"id": "one too many"})
    assert [policy.id for policy in profiles.policies.list()] == ["default", "p0", "p1", "p2", "p3"]
    profiles.policies.remove("p3")
    assert len(profiles.policies.list()) == 4


def test_one_policy_is_the_default() -> None:
    profiles = Profiles(MemoryStore())
    profiles.policies.put({"id": "web", "default": True})
    assert {policy.id: policy.default for policy in profiles.policies.list()} == {"default": False, "web": True}
    assert profiles.policies.get().id == "web"
    with pytest.raises(MergeError, match="another one the default"):
        profiles.policies.put({"id": "web"})
    with pytest.raises(SettingsError, match="is the default"):
        profiles.policies.remove("web")
    with pytest.raises(SettingsError, match="Did you mean 'web'"):
        profiles.policies.remove("wep")
    profiles.policies.remove("default")
    assert [policy.id for policy in profiles.policies.list()] == ["web"]


def test_others_see_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    first, second = Profiles(store), Profiles(store)
    first.apply([event(1, ECID="1")])
    first.policies.put({"id": "alone", "graph": "none"})
    assert second.lookup(one("ECID", "1"), policy="alone").policy == "alone"  # type: ignore[union-attr]
    monkeypatch.setattr(settings, "REFRESH", 0.0)
    first.policies.put({"id": "alone", "graph": "none", "default": True})
    assert second.lookup(one("ECID", "1")).policy == "alone"  # type: ignore[union-attr]
    counted = first.aggregates.add({"count": {}})[0]
    second.apply([event(2, ECID="1")])
    view = second.view([one("ECID", "1")], {}, [counted.id])
    assert view is not None
    assert second.aggregate_values(view, 100) == {counted.id: 2}


def test_two_who_change_at_once_both_have_their_way() -> None:
    store = MemoryStore()
    first, second = Profiles(store), Profiles(store)
    first.policies.put({"id": "a"})
    second.policies.put({"id": "b"})
    first.aggregates.add({"count": {}})
    second.aggregates.add({"count": {"eventType": "buy"}})
    assert [policy.id for policy in first.policies.list()] == ["default", "a", "b"]
    assert len(list(first.aggregates)) == 2


def test_an_aggregate_is_kept_once_however_it_is_spelled() -> None:
    profiles = Profiles(MemoryStore())
    one_way, another = profiles.aggregates.add({"count": {}, "window": "24h"}, Aggregate.parse({"count": {}, "window": "1d"}))
    assert one_way.id == another.id
    assert one_way.id in profiles.aggregates
    assert [found.id for found in profiles.aggregates] == [one_way.id]
    with pytest.raises(AggregateError):
        profiles.aggregates.add({"sums": "x"})
    with pytest.raises(SettingsError, match="no aggregate 'x'"):
        profiles.aggregates.remove("x")
