"""API keys of a hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from rtml_plugins.hub import tables, times
from rtml_plugins.hub.database import Database, open_database
from rtml_plugins.hub.errors import Conflict, NotFound
from rtml_plugins.hub.expiry import ExpiryRefused, expiry
from rtml_plugins.hub.keys import KeyRefused, Keys
from rtml_plugins.serving.keys import SCOPES
from rtml_plugins.serving.names import NameRefused
from rtml_plugins.serving.problems import Problem

NOW = 1_800_000_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path, clock: Clock) -> Iterator[Database]:
    opened = open_database(str(tmp_path / "hub.db"), clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(database)


def refusal(keys: Keys, secret: str | None) -> str:
    with pytest.raises(Problem) as caught:
        keys.authenticate(secret)
    assert caught.value.status == 401
    assert ("WWW-Authenticate", 'Bearer realm="rtml"') in caught.value.headers
    return caught.value.detail


def test_a_key_says_who_calls_and_what_for(keys: Keys) -> None:
    made = keys.create("shop", ["predict"], services=["churn", "next-best"], rate=50)
    caller = keys.authenticate(made.secret)
    assert (caller.name, caller.key, caller.rate) == ("shop", made.key.id, 50)
    caller.needs("predict")
    caller.check_service("churn")
    with pytest.raises(Problem, match="the key 'shop' lacks the scope publish; it has predict") as caught:
        caller.needs("publish")
    assert caught.value.status == 403
    with pytest.raises(Problem, match="the key 'shop' is not for 'other' but for churn, next-best") as caught:
        caller.check_service("other")
    assert caught.value.status == 403


def test_admin_includes_every_scope(keys: Keys) -> None:
    caller = keys.authenticate(keys.create("me", ["admin"]).secret)
    for scope in SCOPES:
        caller.needs(scope)


def test_the_secret_is_kept_nowhere(keys: Keys, database: Database) -> None:
    made = keys.create("shop", ["predict"])
    with database.read() as connection:
        for table in tables.metadata.sorted_tables:
            for row in connection.execute(select(table)).fetchall():
                assert made.secret not in str(row)
                assert made.secret[-20:] not in str(row)
    assert made.key.last_four == made.secret[-4:]
    assert made.secret not in repr(keys.list())


def test_missing_unknown_expired_and_revoked_secrets_are_refused_alike(keys: Keys, clock: Clock) -> None:
    good = keys.create("good", ["admin"])
    short = keys.create("short", ["predict"], expires="1h")
    gone = keys.create("gone", ["predict"])
    keys.revoke(gone.key.id)
    other_random = good.secret[:-1] + ("a" if good.secret[-1] != "a" else "b")
    clock.now += 3601
    refused = [None, "", "nonsense", "rtml_" + "0" * 12 + "_" + "a" * 52, other_random, short.secret, gone.secret, "\udc00"]
    assert len({refusal(keys, secret) for secret in refused}) == 1
    assert keys.authenticate(good.secret).name == "good"


def test_from_the_first_key_on_keys_are_asked_for_also_when_it_has_ended(keys: Keys, clock: Clock, database: Database) -> None:
    assert not keys.asked_for()
    keys.create("me", ["admin"], expires="1h")
    clock.now += 7200
    assert keys.asked_for()
    assert Keys(database).asked_for()
    assert not keys.has_admin()


def test_rotation_leaves_the_old_secret_for_a_while(keys: Keys, clock: Clock) -> None:
    old = keys.create("shop", ["predict", "debug"], services=["churn"], expires="30d", rate=5)
    clock.now += 86_400
    new = keys.rotate(old.key.id, overlap=60)
    assert new.key.id != old.key.id
    assert (new.key.name, new.key.scopes, new.key.services, new.key.rate) == ("shop", ("predict", "debug"), ("churn",), 5)
    assert new.key.expires == times.text(clock.now + 30 * 86_400)
    assert keys.authenticate(old.secret).key == old.key.id
    assert keys.authenticate(new.secret).key == new.key.id
    clock.now += 61
    refusal(keys, old.secret)
    assert keys.authenticate(new.secret).name == "shop"


def test_rotation_without_overlap_ends_the_old_secret_at_once(keys: Keys) -> None:
    old = keys.create("shop", ["predict"])
    new = keys.rotate(old.key.id, overlap=0)
    refusal(keys, old.secret)
    assert keys.authenticate(new.secret).key == new.key.id


def test_rotation_never_lengthens_a_life(keys: Keys, clock: Clock) -> None:
    old = keys.create("shop", ["predict"], expires="1h")
    keys.rotate(old.key.id, overlap=7200)
    clock.now += 3601
    refusal(keys, old.secret)


@pytest.mark.parametrize("how", ["revoked", "expired", "rotated"])
def test_what_is_not_valid_any_more_is_not_rotated(keys: Keys, clock: Clock, how: str) -> None:
    key = keys.create("shop", ["predict"], expires="1h").key.id
    if how == "revoked":
        keys.revoke(key)
    elif how == "rotated":
        keys.rotate(key)
    else:
        clock.now += 3601
    with pytest.raises(Conflict, match=f"the key 'shop' \\({key}\\) was {how}"):
        keys.rotate(key)


def test_the_last_admin_key_is_revoked_only_by_force(keys: Keys) -> None:
    first, second = keys.create("me", ["admin"]), keys.create("you", ["admin", "publish"])
    keys.create("shop", ["predict"])
    keys.revoke(first.key.id)
    with pytest.raises(Conflict, match="'you' is the last valid key with the scope admin"):
        keys.revoke(second.key.id)
    assert keys.has_admin()
    assert keys.revoke(second.key.id, force=True).revoked is not None
    assert not keys.has_admin()


def test_revoking_twice_changes_nothing(keys: Keys, clock: Clock, database: Database) -> None:
    key = keys.create("shop", ["predict"]).key.id
    first = keys.revoke(key)
    clock.now += 10
    assert keys.revoke(key) == first
    with database.read() as connection:
        actions = connection.execute(select(tables.audit.c.action).order_by(tables.audit.c.number)).scalars().all()
    assert actions == ["key.create", "key.revoke"]


def test_a_key_that_does_not_exist(keys: Keys) -> None:
    for act in (keys.revoke, keys.rotate):
        with pytest.raises(NotFound, match="there is no key with the id 'abc'"):
            act("abc")


def test_changes_are_audited_and_reach_all_edges(keys: Keys, database: Database) -> None:
    woken: list[int] = []

    def everywhere() -> int:
        with database.read() as connection:
            return int(connection.execute(select(tables.hub.c.everywhere)).scalar_one())

    database.changed.append(lambda: woken.append(everywhere()))
    key = keys.create("shop", ["predict"], actor="me").key.id
    new = keys.rotate(key, actor="me").key.id
    keys.revoke(new, actor="you")
    assert len(woken) == 3
    assert woken == sorted(set(woken))
    with database.read() as connection:
        rows = connection.execute(select(tables.audit).order_by(tables.audit.c.number)).fetchall()
    assert [(row.actor, row.action, row.subject) for row in rows] == [
        ("me", "key.create", "shop"),
        ("me", "key.rotate", "shop"),
        ("you", "key.revoke", "shop"),
    ]


def test_a_refused_key_leaves_everything_as_it_was(keys: Keys, database: Database) -> None:
    keys.create("shop", ["predict"])
    with pytest.raises(Conflict, match="there is a valid key 'shop' already"):
        keys.create("shop", ["predict"])
    with pytest.raises(ExpiryRefused):
        keys.create("other", ["predict"], expires="yesterday")
    with database.read() as connection:
        assert connection.execute(text("select count(*) from audit")).scalar_one() == 1
    assert [key.name for key in keys.list()] == ["shop"]


def test_a_key_of_the_hubs_own_opens_nothing_here_and_is_not_listed(keys: Keys) -> None:
    keys.create("me", ["admin"])
    own = keys.create("gallery 1", ["predict", "debug"], services=["churn"], edges_only=True)
    unknown = refusal(keys, "rtml_" + "0" * 12 + "_" + "a" * 52)
    assert refusal(keys, own.secret) == unknown
    assert [key.name for key in keys.list()] == ["me"]
    with pytest.raises(NotFound, match="rtml keys list shows all 1"):
        keys.revoke("abc")
    with pytest.raises(Conflict, match="is the hub's own, and nobody else's: revoke it"):
        keys.rotate(own.key.id)
    assert keys.revoke(own.key.id).revoked is not None


def test_a_first_key_that_would_lock_everybody_out(keys: Keys) -> None:
    with pytest.raises(Conflict, match="the first needs the scope admin"):
        keys.create("shop", ["predict"], first_is_admin=True)
    keys.create("me", ["admin"], first_is_admin=True)
    keys.create("shop", ["predict"], first_is_admin=True)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"name": ""}, "'' is no name of a key"),
        ({"name": "local"}, "'local' is no name of a key"),
        ({"name": "a\nb"}, "is no name of a key"),
        ({"name": " a"}, "is no name of a key"),
        ({"scopes": []}, "some of predict, publish, admin, debug, edge, collect, profile, profile-write; got none"),
        ({"scopes": ["predict", "root"]}, "got 'root'"),
        ({"services": []}, "a key for no service"),
        ({"scopes": ["admin"], "services": ["churn"]}, "the scope admin is about the whole hub"),
        ({"scopes": ["edge"], "services": ["churn"]}, "the scope edge is about the whole hub"),
        ({"rate": 0.0}, "the rate of a key is 0"),
        ({"rate": float("nan")}, "the rate of a key is nan"),
    ],
)
def test_keys_that_make_no_sense(keys: Keys, wanted: dict[str, object], sentence: str) -> None:
    with pytest.raises(KeyRefused, match=sentence):
        keys.create(**{"name": "shop", "scopes": ["predict"], **wanted})  # type: ignore[arg-type]
    assert keys.list() == ()


def test_a_service_of_a_key_is_a_name(keys: Keys) -> None:
    with pytest.raises(NameRefused):
        keys.create("shop", ["predict"], services=["Not A Name"])


@pytest.mark.parametrize(
    ("wanted", "moment"),
    [
        ("90d", NOW + 90 * 86_400),
        ("12h", NOW + 12 * 3600),
        ("2w", NOW + 14 * 86_400),
        ("2031-01-31", 1_927_584_000.0),
        ("2031-01-31T18:00:00Z", 1_927_648_800.0),
        ("2031-01-31T20:00:00+02:00", 1_927_648_800.0),
    ],
)
def test_expiries(wanted: str, moment: float) -> None:
    assert expiry(wanted, NOW) == times.text(moment)


@pytest.mark.parametrize(
    "wanted", ["", "0d", "-1d", "1999-01-01", "soon", "90", "9999999999d", "999999999w", "10000-01-01", "2031-02-30"]
)
def test_expiries_that_are_none(wanted: str) -> None:
    with pytest.raises(ExpiryRefused, match="is no time at which a key ends"):
        expiry(wanted, NOW)


@given(st.text(max_size=30))
def test_any_text_is_an_expiry_or_refused(wanted: str) -> None:
    try:
        moment = expiry(wanted, NOW)
    except ExpiryRefused:
        return
    assert moment is not None
    assert times.seconds(moment) > NOW
