"""Which edge is asked, when another one is, and when an error is the answer."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.client.errors import BadAnswer, ClientError, EdgeAway, HubAway, InvalidInput, NotAllowed, NotFound, Refused
from rtml_core.client.exchange import Failure, Outcome, Reply
from rtml_core.client.scoring import Scoring, scoring_body, scoring_path
from rtml_core.errors import InputError
from tests.unit.client.world import SCORED, World, always, edge, in_turn, problem, reply

HUB = "http://hub:1"
OK = reply(200, SCORED)
REFUSED = Failure("unreached", "connection refused")
BROKEN = Failure("broken", "the connection broke off")
LATE = Failure("late", "no answer in time")


def scoring(world: World, edges: list[tuple[str, str]] | None, *regions: str, retries: int = 2) -> Scoring:
    return Scoring(HUB, edges, regions, retries, world.clock)


def predict(world: World, on: Scoring, timeout: float = 10.0, service: str = "churn") -> list:
    return world.run(on.predict(f"/v1/services/{service}/predict", service, b"{}", (), timeout))


TWO = [("http://na:1", "na"), ("http://emea:1", "emea")]


def test_the_first_region_answers_and_the_prediction_says_who_did() -> None:
    world = World()
    world.servers = {"na:1": always(OK), "emea:1": always(OK)}
    on = scoring(world, TWO, "emea")
    for _ in range(20):
        (found,) = predict(world, on)
    assert set(world.asked()) == {"emea:1"}
    assert (found["propensity"], dict(found), found.version, found.request_id) == (0.25, {"propensity": 0.25}, 3, "r1")
    assert (found.region, found.edge) == ("emea", "http://emea:1")


@pytest.mark.parametrize("trouble", [REFUSED, BROKEN, LATE, reply(502, {}), reply(503, {}), reply(504, {})])
def test_the_next_region_answers_when_the_first_does_not(trouble: Outcome) -> None:
    world = World()
    world.servers = {"na:1": always(trouble), "emea:1": always(OK)}
    (found,) = predict(world, scoring(world, TWO, "na"))
    assert found.region == "emea"
    assert world.pauses == []


def test_an_edge_that_refused_a_connection_is_passed_over_and_tried_again_later() -> None:
    world = World()
    world.servers = {"na:1": always(REFUSED), "emea:1": always(OK)}
    on = scoring(world, TWO, "na")
    for _ in range(10):
        predict(world, on)
    assert world.asked().count("na:1") == 1
    world.now += 60.0
    world.servers["na:1"] = always(OK)
    assert [predict(world, on)[0].region for _ in range(3)] == ["na"] * 3


def test_each_failure_in_a_row_is_rested_from_for_longer_and_only_one_request_tries_it_then() -> None:
    world = World()
    world.servers = {"na:1": always(REFUSED), "emea:1": always(OK)}
    on = scoring(world, TWO, "na")
    gaps = []
    last = None
    for _ in range(2000):
        predict(world, on)
        if "na:1" in world.asked():
            gaps += [world.now - last] if last is not None else []
            last = world.now
        world.sent.clear()
        world.now += 0.1
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(30.0, abs=0.2)


def test_a_kept_connection_that_broke_gets_a_second_one_at_the_same_edge() -> None:
    world = World()
    world.servers = {"na:1": in_turn(BROKEN, OK), "emea:1": always(OK)}
    (found,) = predict(world, scoring(world, TWO, "na"))
    assert (found.region, world.asked()) == ("na", ["na:1", "na:1"])


def test_a_busy_edge_is_asked_again_when_it_said_and_not_before() -> None:
    world = World()
    world.servers = {"na:1": in_turn(problem(503, "overloaded", "Too much.", headers={"retry-after": "2"}), OK)}
    predict(world, scoring(world, TWO[:1]))
    assert world.pauses == [2.0]


def test_the_limit_of_a_key_is_waited_for_not_got_around() -> None:
    world = World()
    limited = problem(429, "too-many-requests", "The key may ask 5 times a second.", headers={"retry-after": "1"})
    world.servers = {"na:1": in_turn(limited, OK), "emea:1": always(OK)}
    assert predict(world, scoring(world, TWO, "na"))[0].region == "na"
    assert world.pauses == [1.0]
    world.servers = {"na:1": always(limited), "emea:1": always(OK)}
    with pytest.raises(Refused, match="5 times a second") as caught:
        predict(world, scoring(world, TWO, "na"), timeout=0.5)
    assert (caught.value.status, caught.value.retry_after) == (429, 1.0)


def test_all_that_was_tried_is_named() -> None:
    world = World()
    world.servers = {"na:1": always(REFUSED), "emea:1": always(problem(503, "loading", "It loads."))}
    with pytest.raises(EdgeAway) as caught:
        predict(world, scoring(world, TWO, "na"))
    assert "http://na:1 (connection refused)" in str(caught.value)
    assert "http://emea:1 (It loads.)" in str(caught.value)
    assert {tried.address for tried in caught.value.tried} == {"http://na:1", "http://emea:1"}


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (problem(401, "no-key", "Send a key."), NotAllowed),
        (problem(403, "scope", "Not with this key."), NotAllowed),
        (problem(413, "too-large", "Too large."), Refused),
        (problem(500, "internal", "It failed."), Refused),
        (reply(200, ["no", "prediction"]), BadAnswer),
        (Reply(302, {"location": "http://elsewhere"}, b"<html>moved</html>"), BadAnswer),
        (Reply(500, {}, b"\xff<html>\x00"), BadAnswer),
    ],
)
def test_what_no_other_edge_would_cure_is_raised_at_once(answer: Reply, error: type[ClientError]) -> None:
    world = World()
    world.servers = {"na:1": always(answer), "emea:1": always(OK)}
    with pytest.raises(error):
        predict(world, scoring(world, TWO, "na"))
    assert world.asked() == ["na:1"]


def test_wrong_input_is_the_error_that_scoring_in_process_raises() -> None:
    world = World()
    errors = [{"at": "/rows/0/age", "expected": "a number", "got": "string 'old'"}]
    world.servers = {"na:1": always(problem(422, "invalid-input", "It does not fit.", errors=errors, request_id="r9"))}
    with pytest.raises(InputError) as caught:
        predict(world, scoring(world, TWO[:1]))
    assert isinstance(caught.value, InvalidInput)
    assert [str(entry) for entry in caught.value.problems] == ["/rows/0/age: expected a number, got string 'old'"]
    assert caught.value.request_id == "r9"


def test_a_service_that_one_region_does_not_have_is_found_in_another() -> None:
    world = World()
    missing = problem(404, "unknown-service", "There is no 'churn' here.")
    world.servers = {"na:1": always(missing), "emea:1": always(OK)}
    assert predict(world, scoring(world, TWO, "na"))[0].region == "emea"
    world.servers["emea:1"] = always(missing)
    with pytest.raises(NotFound, match="no 'churn' here"):
        predict(world, scoring(world, TWO, "na"))
    assert world.pauses == []


# edges that a hub names


def hub_of(*edges: dict) -> Reply:
    return reply(200, {"edges": list(edges), "weather": "fine"})


def test_the_hub_is_asked_for_edges_once_a_minute() -> None:
    world = World()
    world.servers = {"hub:1": always(hub_of(edge("http://na:1", "na", "churn"))), "na:1": always(OK)}
    on = scoring(world, None)
    for _ in range(100):
        predict(world, on)
    assert world.asked().count("hub:1") == 1
    world.now += 61.0
    predict(world, on)
    assert world.asked().count("hub:1") == 2


def test_edges_that_serve_and_are_ready_come_first() -> None:
    world = World()
    edges = [
        edge("http://na:1", "na", "other"),
        edge("http://na:2", "na", "churn", state="away"),
        edge("http://emea:1", "emea", "churn"),
    ]
    world.servers = {"hub:1": always(hub_of(*edges)), "emea:1": always(OK)}
    on = scoring(world, None, "na")
    assert {predict(world, on)[0].edge for _ in range(10)} == {"http://emea:1"}


def test_without_a_region_all_are_alike_and_with_one_the_others_are() -> None:
    world = World()
    urls = [f"http://edge:{number}" for number in range(1, 4)]
    edges = [edge(url, region, "churn") for url, region in zip(urls, ("apac", "emea", "na"), strict=True)]
    world.servers = {"hub:1": always(hub_of(*edges)), **{url.removeprefix("http://"): always(OK) for url in urls}}
    on = scoring(world, None)
    assert {predict(world, on)[0].region for _ in range(100)} == {"apac", "emea", "na"}
    own = scoring(world, None, "na")
    assert {predict(world, own)[0].region for _ in range(100)} == {"na"}
    world.servers["edge:3"] = always(REFUSED)
    assert {predict(world, own)[0].region for _ in range(100)} == {"apac", "emea"}


def test_a_hub_that_is_away_changes_nothing_when_edges_are_known() -> None:
    world = World()
    world.servers = {"hub:1": in_turn(hub_of(edge("http://na:1", "na", "churn")), REFUSED), "na:1": always(OK)}
    on = scoring(world, None)
    for _ in range(10):
        predict(world, on)
        world.now += 61.0
    for _ in range(50):
        predict(world, on)
    assert 5 < world.asked().count("hub:1") < 20


@pytest.mark.parametrize("nonsense", [Reply(200, {}, b"{}"), Reply(200, {}, b"<html>"), reply(500, {}), hub_of()])
def test_a_hub_that_answers_nonsense_changes_nothing_when_edges_are_known(nonsense: Reply) -> None:
    world = World()
    world.servers = {"hub:1": in_turn(hub_of(edge("http://na:1", "na", "churn")), nonsense), "na:1": always(OK)}
    on = scoring(world, None)
    for _ in range(5):
        assert predict(world, on)[0].version == 3
        world.now += 61.0


def test_without_hub_and_edges_the_cure_is_named() -> None:
    world = World()
    world.servers = {"hub:1": always(REFUSED)}
    with pytest.raises(HubAway, match=r"no hub answers at http://hub:1 \(connection refused\): start one with `rtml up`"):
        predict(world, scoring(world, None))
    world.servers = {"hub:1": always(hub_of())}
    with pytest.raises(EdgeAway, match="knows no edge; start one with `rtml edge"):
        predict(world, scoring(world, None))


def test_a_new_edge_is_found_after_one_failed() -> None:
    world = World()
    world.servers = {
        "hub:1": in_turn(hub_of(edge("http://na:1", "na", "churn")), hub_of(edge("http://na:2", "na", "churn"))),
        "na:1": in_turn(OK, REFUSED),
        "na:2": always(OK),
    }
    on = scoring(world, None)
    assert predict(world, on)[0].edge == "http://na:1"
    world.now += 2.0
    assert [predict(world, on, timeout=30.0)[0].edge for _ in range(2)] == ["http://na:2"] * 2


def scored_or_away(world: World, on: Scoring, timeout: float) -> tuple[list | None, EdgeAway | None]:
    try:
        return predict(world, on, timeout), None
    except EdgeAway as error:
        return None, error


OUTCOMES = st.sampled_from([OK, REFUSED, BROKEN, LATE, reply(503, {}), problem(503, "x", "Busy.", headers={"retry-after": "1"})])


@given(
    behaviours=st.lists(st.tuples(st.lists(OUTCOMES, min_size=1, max_size=4), st.floats(0, 20)), min_size=1, max_size=4),
    healthy=st.booleans(),
    timeout=st.floats(0.5, 20),
    calls=st.integers(1, 4),
)
def test_a_healthy_edge_always_answers_and_time_is_kept(
    behaviours: list[tuple[list[Outcome], float]], healthy: bool, timeout: float, calls: int
) -> None:
    """Whatever the others do: with an edge that answers in a hundredth of the time every call is scored; without one, what is
    raised names the edges; never later than the deadline."""
    world = World()
    named = []
    for number, (outcomes, seconds) in enumerate(behaviours):
        turn = in_turn(*outcomes)

        def behave(send, turn=turn, seconds=seconds):
            outcome = turn(send)[1]
            return (0.0, outcome) if outcome is REFUSED else (seconds, outcome if seconds < send.timeout else LATE)

        named.append((f"http://edge:{number + 1}", f"region{number}"))
        world.servers[f"edge:{number + 1}"] = behave
    if healthy:
        named.append(("http://healthy:1", "last"))
        world.servers["healthy:1"] = always(OK, timeout / 200)
    on = scoring(world, named)
    for _ in range(calls):
        begun = world.now
        found, away = scored_or_away(world, on, timeout)
        assert found is not None or not healthy, away
        assert away is None or {tried.address for tried in away.tried} <= {url for url, _ in named}
        assert world.now - begun <= timeout + 1e-6


def test_paths_and_bodies() -> None:
    assert scoring_path("churn", None, False) == "/v1/services/churn/predict"
    assert scoring_path("ch/../urn", 3, True) == "/v1/services/ch%2F..%2Furn/versions/3/predict?explain=columns"
    assert scoring_body({"age": float("nan"), "at": None}, None) == b'{"rows":[{"age":null,"at":null}]}'
    assert scoring_body([{"age": 1}], None) == b'{"rows":[{"age":1}]}'
    assert scoring_body(None, {"age": (1, 2)}) == b'{"columns":{"age":[1,2]}}'
    for rows, columns in [(None, None), ({}, {}), ("text", None), ([1], None), ({"a": object()}, None), ({"a": "\ud800"}, None)]:
        with pytest.raises(ClientError):
            scoring_body(rows, columns)


def test_numbers_of_numpy_and_columns_of_pandas_can_be_sent() -> None:
    numpy = pytest.importorskip("numpy")
    pandas = pytest.importorskip("pandas")
    assert (
        scoring_body({"a": numpy.float64(1.5), "b": numpy.int8(3), "c": numpy.bool_(True)}, None)
        == b'{"rows":[{"a":1.5,"b":3,"c":true}]}'
    )
    frame = pandas.DataFrame({"age": [1, 2], "brand": ["VW", None]})
    assert scoring_body(None, frame) == b'{"columns":{"age":[1,2],"brand":["VW",null]}}'
    at = pandas.Timestamp("2026-11-21T10:15:00Z")
    assert scoring_body({"at": at, "no": pandas.NaT, "na": pandas.NA}, None) == (
        b'{"rows":[{"at":"2026-11-21T10:15:00+00:00","no":null,"na":null}]}'
    )
    times = numpy.array(["2026-11-21T10:15:00", "NaT"], dtype="datetime64[ns]")
    said = b'{"columns":{"at":["2026-11-21T10:15:00.000000000",null]}}'
    assert scoring_body(None, {"at": times}) == said
    assert scoring_body(None, {"at": pandas.Series(times)}) == b'{"columns":{"at":["2026-11-21T10:15:00",null]}}'


def test_hosts_of_the_world_are_those_of_the_requests() -> None:
    world = World()
    world.servers = {"na:1": always(OK)}
    predict(world, scoring(world, TWO[:1]))
    assert [urlsplit(send.url).path for send in world.sent] == ["/v1/services/churn/predict"]
