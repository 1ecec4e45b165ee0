"""What a person refused does not happen: events are not collected, nothing is personalised; the newest statement stands."""

from __future__ import annotations

from typing import Any

import pytest

from rtml_plugins.profile.linking import Linking
from rtml_plugins.profile.profiles import Profiles
from rtml_plugins.profile.records import Record
from tests.unit.profile.people import event, made, one, said


def _consent(at: int, *, collect: str | None = None, personalize: Any = None, dataset: str = "crm", **ids: Any) -> Record:
    consents: dict[str, Any] = {}
    if collect is not None:
        consents["collect"] = {"val": collect}
    if personalize is not None:
        consents["personalize"] = {"content": {"val": personalize}}
    return said(at, {"consents": consents}, dataset=dataset, **ids)


def _allowed(profiles: Profiles, namespace: str, id: str) -> bool:
    view = profiles.view([one(namespace, id)], {})
    assert view is not None
    return view.consent


@pytest.mark.parametrize(
    ("value", "allowed"),
    [("y", True), ("n", False), ("dn", False), ("dy", True), ("u", True), ("p", True), ("LI", True), (5, True)],
)
def test_what_refuses(value: Any, allowed: bool) -> None:
    profiles = made([_consent(1, personalize=value, ECID="1")])
    assert _allowed(profiles, "ECID", "1") is allowed
    written = profiles.enrich(one("ECID", "1"), "_acme.score", 0.5, source="churn", at_us=9)
    assert written == ("written" if allowed else "refused")
    assert ("_acme" in profiles.lookup(one("ECID", "1")).attributes) is allowed  # type: ignore[union-attr]


def test_silence_does_not_refuse() -> None:
    profiles = made(
        [event(1, ECID="1"), said(2, {"consents": {"marketing": {}}}, ECID="1"), said(3, {"consents": "n"}, ECID="1")]
    )
    assert _allowed(profiles, "ECID", "1")
    assert profiles.may_collect([one("ECID", "1")])
    assert profiles.may_collect([one("ECID", "unknown")])
    assert profiles.may_collect([])


def test_the_newest_statement_stands_whatever_the_policy() -> None:
    records = [
        _consent(10, personalize="n", dataset="web", ECID="1"),
        _consent(20, personalize="y", dataset="crm", CRMID="A"),
        _consent(30, personalize="n", dataset="unlisted", Email="m"),
    ]
    links = [event(1, ECID="1", CRMID="A"), event(2, CRMID="A", Email="m")]
    for order in (records, records[::-1], [records[1], records[2], records[0]]):
        profiles = made([*links, order[0], order[1], order[2]])
        profiles.policies.put({"id": "listed", "attributes": "dataSetPrecedence", "order": ["crm"], "default": True})
        assert not _allowed(profiles, "ECID", "1")
        assert profiles.lookup(one("CRMID", "A")).consent == {"personalize": "n"}  # type: ignore[union-attr]
        profiles.apply([_consent(40, personalize="y", ECID="1")])
        assert _allowed(profiles, "Email", "m")


def test_of_one_moment_the_refusal_stands() -> None:
    for values in ("ny", "yn"):
        profiles = made([_consent(5, personalize=value, dataset=value, ECID="1") for value in values])
        assert not _allowed(profiles, "ECID", "1")


def test_events_of_who_refused_collection_are_not_collected() -> None:
    profiles = made([event(1, ECID="1"), _consent(2, collect="n", CRMID="A", ECID="1")])
    counted = profiles.aggregates.add({"count": {}})[0]
    applied = profiles.apply(
        [event(3, ECID="1"), event(4, ECID="new", CRMID="A"), event(5, ECID="2"), said(6, {"x": 1}, CRMID="A")]
    )
    assert (applied.events, applied.withheld, applied.records) == (1, 2, 1)
    assert [found.at for found in profiles.events(one("CRMID", "A"))] == [1]
    assert profiles.lookup(one("ECID", "new")) is None
    assert not profiles.may_collect([one("CRMID", "A")])
    assert not profiles.may_collect([one("ECID", "new"), one("ECID", "1")])
    profiles.apply([_consent(7, collect="y", ECID="1"), event(8, ECID="1")])
    view = profiles.view([one("CRMID", "A")], {}, [counted.id])
    assert view is not None
    assert profiles.aggregate_values(view, 100) == {counted.id: 2}


def test_a_refusal_within_a_batch_holds_for_what_follows() -> None:
    profiles = made()
    applied = profiles.apply(
        [event(1, ECID="1"), _consent(2, collect="n", ECID="1"), event(3, ECID="1"), event(4, ECID="1", CRMID="A")]
    )
    assert (applied.events, applied.withheld) == (1, 2)


def test_who_refused_does_not_speak_for_the_next_at_a_shared_device() -> None:
    profiles = made()
    profiles.linking.set(Linking(priority=("CRMID", "ECID"), unique=("CRMID",)))
    profiles.apply([event(1, ECID="tablet", CRMID="ann"), _consent(2, collect="n", CRMID="ann"), said(3, {"x": 1}, CRMID="bob")])
    assert profiles.apply([event(4, ECID="tablet")]).withheld == 1
    assert profiles.apply([event(5, ECID="tablet", CRMID="bob")]).events == 1
    assert profiles.apply([event(6, ECID="tablet"), event(7, CRMID="ann")]).withheld == 1
    assert [found.at for found in profiles.events(one("CRMID", "bob"))] == [5, 6]
