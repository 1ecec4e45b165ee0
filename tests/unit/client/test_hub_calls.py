"""What is asked of a hub, how often, and how a change is followed to its edges."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.client.errors import BadAnswer, ClientError, HubAway, NotTakenUp, Refused
from rtml_core.client.exchange import Failure, Reply
from rtml_core.client.hub import HubCalls, hub_path, package_bytes
from rtml_core.client.operations import with_canary, with_champion, with_shadow, with_split
from rtml_core.client.records import Arm, Rollout, Service, Traffic
from rtml_core.client.retry import backoff, retry_after
from tests.unit.client.world import World, always, edge, in_turn, problem, reply

HUB = "http://hub:1"
REFUSED = Failure("unreached", "connection refused")
OUTCOMES = {
    "refused": REFUSED,
    "broken": Failure("broken", "the connection broke off"),
    "late": Failure("late", "no answer in time"),
    "502": reply(502, {}),
    "503": problem(503, "x", "Not now."),
    "503 later": problem(503, "x", "Not now.", headers={"retry-after": "1"}),
    "429": problem(429, "x", "Too often.", headers={"retry-after": "1"}),
    "409": problem(409, "x", "It does not go."),
    "done": reply(200, {"done": True}),
}
#: outcomes after which the hub may have done what it was asked
MAYBE = {"broken", "late", "502", "503", "409", "done"}


def calls(world: World, retries: int = 3) -> HubCalls:
    return HubCalls(HUB, retries, 10.0, world.clock)


@given(turns=st.lists(st.sampled_from(sorted(OUTCOMES)), min_size=1, max_size=6), retries=st.integers(0, 5))
def test_what_may_have_been_done_is_never_asked_again(turns: list[str], retries: int) -> None:
    world = World()
    world.servers = {"hub:1": in_turn(*(OUTCOMES[turn] for turn in turns))}
    outcome: Any = None
    try:
        outcome = world.run(calls(world, retries).change("POST", "/v1/anything", object))
    except ClientError as error:
        outcome = error
    sent = [turns[min(at, len(turns) - 1)] for at in range(len(world.sent))]
    assert not MAYBE & set(sent[:-1])
    assert len(sent) <= retries + 1
    assert all(request.fresh for request in world.sent)
    if sent[-1] == "done":
        assert outcome == {"done": True}
    elif sent[-1] in ("broken", "late"):
        assert isinstance(outcome, HubAway)
        assert outcome.arrived
    elif sent[-1] == "refused":
        assert isinstance(outcome, HubAway)
        assert not outcome.arrived
    else:
        assert isinstance(outcome, (Refused, BadAnswer))


@given(turns=st.lists(st.sampled_from(sorted(OUTCOMES)), min_size=1, max_size=6))
def test_reading_is_repeated_until_it_works_or_is_refused(turns: list[str]) -> None:
    world = World()
    world.servers = {"hub:1": in_turn(*(OUTCOMES[turn] for turn in turns))}
    begun = world.now
    try:
        assert world.run(calls(world).get("/v1/anything", object)) == {"done": True}
    except ClientError:
        last = turns[min(len(world.sent), len(turns)) - 1]
        assert last == "409" or len(world.sent) == 4
    assert world.now - begun <= 10.0 + 1e-6
    assert not any(request.fresh for request in world.sent)


@given(
    parts=st.lists(st.text(max_size=8), max_size=3),
    query=st.dictionaries(
        st.sampled_from("abc"), st.none() | st.booleans() | st.text(max_size=5) | st.lists(st.text(max_size=3))
    ),
)
def test_paths_carry_every_value_whole(parts: list[str], query: dict[str, Any]) -> None:
    split = urlsplit("http://hub" + hub_path(*parts, query=query))
    assert split.path.count("/") == 1 + max(len(parts), 1)
    found = parse_qs(split.query, keep_blank_values=True, strict_parsing=bool(split.query))
    texts = {True: "true", False: "false"}
    wanted = {
        name: value if isinstance(value, list) else [texts[value] if isinstance(value, bool) else value]
        for name, value in query.items()
        if value is not None and value != []
    }
    assert found == wanted
    assert not split.fragment


# following a change


def rollout(revision: int, *edges: dict[str, Any], complete: bool = False) -> Reply:
    return reply(200, {"service": "churn", "revision": revision, "complete": complete, "edges": list(edges)})


def at_revision(number: int, state: str = "ready", **more: Any) -> dict[str, Any]:
    return {
        **edge("http://na:1", "na", "churn"),
        "revision": number,
        "services": [{"name": "churn", "versions": [1], "state": state, **more}],
    }


def test_a_change_is_followed_until_all_edges_have_it() -> None:
    world = World()
    world.servers = {
        "hub:1": in_turn(rollout(7, at_revision(6)), rollout(7, at_revision(6)), rollout(7, at_revision(7), complete=True))
    }
    seen: list[Rollout] = []
    found = world.run(calls(world).rollout("churn", None, 30.0, seen.append))
    assert found.complete
    assert [one.complete for one in seen] == [False, True]  # nothing is told twice
    queries = [parse_qs(urlsplit(request.url).query) for request in world.sent]
    assert "revision" not in queries[0]  # the newest; which that is says the first answer
    assert {query["revision"][0] for query in queries[1:]} == {"7"}


def test_an_edge_that_can_not_load_a_version_ends_the_wait() -> None:
    world = World()
    world.servers = {"hub:1": always(rollout(7, at_revision(7, "failed", problem="it needs rtml-geo"), complete=True))}
    with pytest.raises(NotTakenUp, match="it needs rtml-geo") as caught:
        world.run(calls(world).rollout("churn", 7, 30.0))
    assert caught.value.rollout.revision == 7
    assert len(world.sent) == 1


def test_a_failure_of_before_is_no_failure_of_this_change() -> None:
    world = World()
    before = rollout(7, at_revision(6, "failed", problem="it needed rtml-geo"))
    world.servers = {"hub:1": in_turn(before, before, rollout(7, at_revision(7), complete=True))}
    assert world.run(calls(world).rollout("churn", 7, 30.0)).complete
    assert len(world.pauses) == 1


def test_an_edge_that_does_not_follow_is_named_when_time_is_up() -> None:
    world = World()
    world.servers = {
        "hub:1": lambda request: (float(parse_qs(urlsplit(request.url).query)["wait"][0]), rollout(7, at_revision(6)))
    }
    begun = world.now
    with pytest.raises(NotTakenUp, match="1 in na did not take it up within 12 s"):
        world.run(calls(world).rollout("churn", 7, 12.0))
    assert 12.0 <= world.now - begun < 12.5


# traffic, changed


SHARES = st.dictionaries(st.integers(1, 6), st.floats(0.01, 0.3), max_size=3)


@given(shares=SHARES, champion=st.integers(1, 6), version=st.integers(1, 6), shadow=st.none() | st.integers(1, 6))
def test_a_promoted_version_is_nothing_else(shares: dict[int, float], champion: int, version: int, shadow: int | None) -> None:
    arms = [Arm(number, share) for number, share in shares.items() if number != champion]
    before = Traffic(champion, arms[0] if arms else None, tuple(arms[1:]), shadow, "ECID")
    after = with_champion("churn", version)(before)
    others = [arm.version for arm in (*after.split, *([after.canary] if after.canary else []))]
    assert after.champion == version
    assert version not in [*others, after.shadow]
    assert set(others) == {arm.version for arm in arms} - {version}
    assert after.sticky == "ECID"


def test_changes_of_traffic_leave_the_rest() -> None:
    before = Traffic(3, shadow=5, sticky="ECID")
    assert with_canary(4, 0.1, None)(before) == dataclasses.replace(before, canary=Arm(4, 0.1))
    assert with_canary(4, 0.0, None)(with_canary(4, 0.1, None)(before)) == before
    assert with_split({4: 0.5}, "age")(before) == dataclasses.replace(before, split=(Arm(4, 0.5),), sticky="age")
    assert with_split({3: 0.5, 4: 0.5}, None)(before).split == (Arm(4, 0.5),)
    assert with_split({}, None)(with_split({4: 0.5}, None)(before)) == before
    assert with_shadow(None)(before).shadow is None
    with pytest.raises(ClientError, match=r"add up to 0.9, and the champion \(version 3\) is one of them"):
        with_split({3: 0.4, 4: 0.5}, None)(before)
    with pytest.raises(ClientError, match="'churn' has no canary to promote"):
        with_champion("churn", None)(before)
    assert with_champion("churn", None)(with_canary(4, 0.1, None)(before)).champion == 4


# small things


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after({}) is None
    assert retry_after({"retry-after": " 3 "}) == 3.0
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25.0 < (retry_after({"retry-after": soon}) or 0.0) <= 30.0
    assert retry_after({"retry-after": "Sun, 06 Nov 1994 08:49:37 GMT"}) == 0.0


@given(st.text(max_size=30))
def test_whatever_retry_after_says_it_is_no_failure(text: str) -> None:
    found = retry_after({"retry-after": text})
    assert found is None or 0.0 <= found <= 86_400.0


@given(st.integers(1, 200), st.floats(0, 1))
def test_pauses_grow_to_two_seconds(attempt: int, drawn: float) -> None:
    pause = backoff(attempt, lambda: drawn)
    assert 0.025 <= pause <= 2.0
    assert pause <= backoff(attempt + 1, lambda: drawn)


def test_what_a_package_may_be(tmp_path: Any) -> None:
    (tmp_path / "a.rtml").write_bytes(b"abc")
    assert (
        package_bytes(str(tmp_path / "a.rtml"))
        == package_bytes(tmp_path / "a.rtml")
        == package_bytes(bytearray(b"abc"))
        == b"abc"
    )
    for wrong in (None, 3, {"data": b"x"}):
        with pytest.raises(ClientError, match=r"expected a \.rtml file, its bytes or what compile\(\) gives"):
            package_bytes(wrong)


def test_an_answer_without_what_is_needed_is_no_answer() -> None:
    world = World()
    world.servers = {"hub:1": always(reply(200, {"name": "churn"}))}
    with pytest.raises(BadAnswer, match="is it another server, or of another release"):
        world.run(calls(world).get("/v1/services/churn", Service))
