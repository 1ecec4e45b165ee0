"""Sessions and links in the database, of whatever kind, and with several hubs on it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from rtml_plugins.hub.keys import Keys
from rtml_plugins.hub.tables import sessions
from rtml_plugins.hub.visits import LIFE, LINK_LIFE, MOST, Visits
from tests.unit.hub.conftest import Place


@pytest.fixture
def key(place: Place) -> str:
    return Keys(place.open().database).create("vera", ["predict"], services=["churn"]).key.id


def count(place: Place) -> int:
    with place.opened[0].database.read() as connection:
        return int(connection.execute(select(func.count()).select_from(sessions)).scalar_one())


def test_a_session_is_known_to_every_hub_and_ends_at_all(place: Place, key: str) -> None:
    here, there = Visits(place.opened[0].database), Visits(place.open().database)
    made = here.sign_in(key)
    caller = there.find(made.secret)
    assert caller is not None
    assert (caller.name, caller.key, caller.scopes, caller.services) == ("vera", key, {"predict"}, {"churn"})
    again = there.sign_in(key, made.secret)
    assert here.find(made.secret) is None
    there.sign_out(again.secret)
    there.sign_out(again.secret)
    assert here.find(again.secret) is None
    assert count(place) == 0


def test_what_is_no_secret_finds_nothing(place: Place, key: str) -> None:
    visits = Visits(place.opened[0].database)
    made = visits.sign_in(key)
    for secret in ("", "x", made.secret.swapcase(), made.secret + "=", "\0" * 43, "\ud800" * 43, "ü" * 43):
        assert visits.find(secret) is None
        assert visits.redeem(secret) is None
        assert visits.asked(secret) is None
        visits.sign_out(secret)
    assert visits.find(made.secret) is not None


def test_a_link_is_good_once_and_soon(place: Place, key: str) -> None:
    visits, others = Visits(place.opened[0].database), Visits(place.open().database)
    for _ in range(5):
        made = visits.link(key)
        assert [caller.name for which in (visits, others) if (caller := which.asked(made.secret)) is not None] == ["vera"] * 2
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda which, made=made: which.redeem(made.secret), [visits, others] * 4))
        assert [caller.name for caller in found if caller is not None] == ["vera"]
        assert visits.asked(made.secret) is None
    late = visits.link(key)
    place.clock.now += LINK_LIFE
    assert visits.redeem(late.secret) is None
    visits.link(key)
    assert count(place) == 1  # the one that nobody used is gone


def test_old_sessions_go_and_one_key_has_not_too_many(place: Place, key: str) -> None:
    visits = Visits(place.opened[0].database)
    other = visits.sign_in(Keys(place.opened[0].database).create("paul", ["publish"]).key.id)
    opened = []
    for _ in range(MOST + 3):
        place.clock.now += 1
        opened.append(visits.sign_in(key))
    assert [visits.find(made.secret) is None for made in opened[:4]] == [True, True, True, False]
    assert visits.find(opened[-1].secret) is not None
    assert visits.find(other.secret) is not None
    place.clock.now += LIFE
    assert visits.find(opened[-1].secret) is None
    visits.sign_in(key)
    assert count(place) == 1
