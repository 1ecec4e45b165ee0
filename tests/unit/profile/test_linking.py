"""Who is one person: links, limits, and rules for devices that people share."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.profile.linking import MOST_IN_GRAPH, MOST_LINKS, Linking, LinkingError, Rules, components, read_linking
from rtml_plugins.profile.person import ends, link
from tests.unit.profile.people import event, graph, keys_of, made, one, said

CRM_RULES = Linking(priority=("CRMID", "Email", "ECID"), unique=("CRMID",))
WORKED = [
    said(1, {"person": {"name": {"firstName": "Two"}}}, CRMID="31260XYZ", phone="555-0100", email="two@example.com"),
    said(2, {"person": {"name": {"firstName": "One"}}}, CRMID="60013ABC", phone="555-0199", email="one@example.com"),
    event(11, ECID="38652"),
    event(12, ECID="38652", CRMID="31260XYZ"),
    event(13, ECID="44675"),
    event(14, ECID="44675", CRMID="31260XYZ"),
]


def test_the_worked_example_of_the_field() -> None:
    profiles = made(WORKED[:3])
    assert keys_of(profiles, "ECID", "38652") == {"ECID:38652"}
    before = keys_of(profiles, "CRMID", "60013ABC")
    profiles.apply(WORKED[3:5])
    assert "ECID:44675" not in keys_of(profiles, "CRMID", "31260XYZ")
    profiles.apply(WORKED[5:])
    mine = {"CRMID:31260XYZ", "phone:555-0100", "email:two@example.com", "ECID:38652", "ECID:44675"}
    for namespace, id in [("ecid", "44675"), ("ECID", "38652"), ("crmid", "31260XYZ"), ("Email", "two@example.com")]:
        assert keys_of(profiles, namespace, id) == mine
        assert [found.at for found in profiles.events(one(namespace, id))] == [11, 12, 13, 14]
    assert keys_of(profiles, "CRMID", "60013ABC") == before == {"CRMID:60013ABC", "phone:555-0199", "email:one@example.com"}
    assert profiles.events(one("CRMID", "60013ABC")) == []


def test_a_shared_device_makes_one_person_of_two_without_rules() -> None:
    profiles = made([event(1, ECID="tablet", CRMID="ann"), event(2, ECID="tablet", CRMID="bob")])
    assert keys_of(profiles, "CRMID", "ann") == {"ECID:tablet", "CRMID:ann", "CRMID:bob"}


def test_with_rules_a_shared_device_is_of_who_logged_in_last() -> None:
    profiles = made()
    profiles.linking.set(CRM_RULES)
    profiles.apply([event(1, ECID="tablet", CRMID="ann"), event(2, ECID="tablet"), event(3, ECID="tablet", CRMID="bob")])
    assert keys_of(profiles, "CRMID", "ann") == {"CRMID:ann"}
    assert keys_of(profiles, "CRMID", "bob") == {"CRMID:bob", "ECID:tablet"}
    # what was done while logged in stays with whom it was; what nobody logged in for goes with the device
    assert [found.at for found in profiles.events(one("CRMID", "ann"))] == [1]
    assert [found.at for found in profiles.events(one("CRMID", "bob"))] == [2, 3]
    profiles.apply([event(4, ECID="tablet", CRMID="ann")])
    assert keys_of(profiles, "CRMID", "ann") == {"CRMID:ann", "ECID:tablet"}
    assert [found.at for found in profiles.events(one("CRMID", "ann"))] == [1, 2, 4]
    # an event that comes late does not take the device back
    profiles.apply([event(3, id="late", ECID="tablet", CRMID="bob")])
    assert keys_of(profiles, "ECID", "tablet") == {"CRMID:ann", "ECID:tablet"}
    assert [found.at for found in profiles.events(one("CRMID", "bob"))] == [3, 3]


def test_attributes_of_a_device_go_with_it() -> None:
    profiles = made()
    profiles.linking.set(CRM_RULES)
    profiles.apply([said(1, {"name": "Ann"}, CRMID="ann"), said(2, {"device": {"kind": "tablet"}}, ECID="tablet")])
    profiles.apply([event(3, ECID="tablet", CRMID="ann")])
    assert profiles.lookup(one("ECID", "tablet")).attributes == {"name": "Ann", "device": {"kind": "tablet"}}  # type: ignore[union-attr]
    profiles.apply([event(4, ECID="tablet", CRMID="bob")])
    assert profiles.lookup(one("CRMID", "ann")).attributes == {"name": "Ann"}  # type: ignore[union-attr]
    assert profiles.lookup(one("CRMID", "bob")).attributes == {"device": {"kind": "tablet"}}  # type: ignore[union-attr]


def test_the_weaker_link_of_a_chain_goes() -> None:
    profiles = made()
    profiles.linking.set(CRM_RULES)
    profiles.apply([event(1, CRMID="ann", Email="home@example.com"), event(9, Email="home@example.com", ECID="tablet")])
    assert "ECID:tablet" in keys_of(profiles, "CRMID", "ann")
    profiles.apply([event(5, CRMID="bob", ECID="tablet")])  # older than the link of mail and tablet, and stronger
    assert graph(profiles) == {frozenset({"crmid:ann", "email:home@example.com"}), frozenset({"crmid:bob", "ecid:tablet"})}


def test_new_rules_part_who_was_joined() -> None:
    shared = [event(1, ECID="tablet", CRMID="ann"), event(2, ECID="tablet", CRMID="bob")]
    profiles = made([*shared, event(3, ECID="pc", CRMID="cleo")])
    assert profiles.linking.set({"unique": ["crmid"]}) == 1
    others = {frozenset({"crmid:ann"}), frozenset({"crmid:cleo", "ecid:pc"})}
    assert graph(profiles) == {frozenset({"crmid:bob", "ecid:tablet"}), *others}
    assert profiles.linking.get() == Linking(unique=("crmid",))
    assert profiles.linking.set({}) == 0


@pytest.mark.parametrize(
    "given",
    [
        {"unique": "CRMID"},
        {"unique": [""]},
        {"unique": ["a\nb"]},
        {"unique": ["x"] * 2},
        {"priority": ["a", "A"]},
        {"priority": [f"n{number}" for number in range(51)]},
        {"first": []},
        [],
    ],
)
def test_rules_that_are_none(given: Any) -> None:
    with pytest.raises(LinkingError):
        read_linking(given)


# ---- limits ---------------------------------------------------------------------------------------------------------


def test_an_identity_has_so_many_links_and_the_oldest_goes() -> None:
    profiles = made(event(at, primary="ECID", CRMID="ann", ECID=f"device{at}") for at in range(1, MOST_LINKS + 2))
    mine = keys_of(profiles, "CRMID", "ann")
    assert len(mine) == MOST_LINKS + 1
    assert "ECID:device1" not in mine
    assert [found.id for found in profiles.events(one("ECID", "device1"))] == ["e1"]


def test_a_graph_has_so_many_identities_and_the_oldest_link_goes() -> None:
    chain = [event(number, ECID=[f"c{number}", f"c{number + 1}"]) for number in range(1, MOST_IN_GRAPH + 20)]
    random.Random(3).shuffle(chain)
    profiles = made(chain)
    assert max(map(len, graph(profiles))) <= MOST_IN_GRAPH
    assert set().union(*graph(profiles)) == {f"ecid:c{number}" for number in range(1, MOST_IN_GRAPH + 21)}


def test_a_record_has_so_many_identities() -> None:
    profiles = made()
    many = [f"i{number}" for number in range(21)]
    applied = profiles.apply([event(1, ECID=many), event(2, ECID=many[1:])])
    assert (applied.refused_count, applied.events) == (1, 1)
    assert "at most 20 identities; this one has 21" in applied.refused[0].message


# ---- whatever the order ---------------------------------------------------------------------------------------------

KEYS = [f"{space}:{number}" for space in ("crmid", "email", "ecid") for number in range(3)]
PAIRS = st.tuples(st.sampled_from(KEYS), st.sampled_from(KEYS), st.integers(0, 30)).filter(lambda pair: pair[0] != pair[1])
LINKS = st.lists(PAIRS, max_size=14)
RULES = st.sampled_from(
    [Linking(), CRM_RULES, Linking(unique=("Email",)), Linking(priority=("ECID", "CRMID"), unique=("CRMID",))]
)


def _one_by_one(links: Iterable[tuple[str, str, int]], rules: Rules) -> tuple[set[frozenset[str]], dict[str, int]]:
    """Links that come one after the other, each seeing only what earlier ones left."""
    kept: dict[str, int] = {}
    for near, far, at in links:
        name = link(near, far)
        kept[name] = max(kept.get(name, at), at)
        kept = components(KEYS, kept, rules)[1]
    return {frozenset(group) for group in components(KEYS, kept, rules)[0]}, kept


@given(LINKS, RULES, st.randoms(use_true_random=False))
def test_with_one_unique_namespace_the_order_says_nothing(links: Any, linking: Linking, chance: random.Random) -> None:
    rules = Rules(linking)
    shuffled = list(links)
    chance.shuffle(shuffled)
    assert _one_by_one(shuffled, rules) == _one_by_one(links, rules)


@given(LINKS, RULES)
def test_no_person_has_two_ids_of_a_unique_namespace(links: Any, linking: Linking) -> None:
    groups, kept = _one_by_one(links, Rules(linking))
    for group in groups:
        for name in linking.unique:
            assert len([key for key in group if key.startswith(f"{name.lower()}:")]) <= 1
    for name in kept:
        assert any(group >= set(ends(name)) for group in groups)
