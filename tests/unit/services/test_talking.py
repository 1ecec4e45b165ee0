"""What the commands say before they reach a server, and when they do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from rtml_core.client.records import Arm, Edge, EdgeService, Rollout, Service, Traffic
from rtml_plugins.services.talking import moment, read_key, share
from rtml_plugins.services.words import by_region, edge_state, shadow_words
from rtml_plugins.serving.words import traffic_words
from tests.unit.client.misbehaving import Asked, http, serving, unused_address
from tests.unit.client.test_wire import certificate, over_tls  # noqa: F401

SECRET = "rtml_0123456789ab_notforyoureyes"


def refusing(status: int, **problem: Any) -> Any:
    def answer(asked: Asked) -> Iterator[bytes]:
        yield http(status, json.dumps(problem).encode())

    return answer


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_HUB", "http://127.0.0.1:9")  # the port of nobody, should a test name no other
    monkeypatch.delenv("RTML_API_KEY", raising=False)


WORDS = [
    ("services", "list"),
    ("services", "show", "churn"),
    ("services", "versions", "churn"),
    ("services", "rollback", "churn"),
    ("services", "promote", "churn", "2"),
    ("services", "canary", "churn", "2", "10%"),
    ("services", "split", "churn", "2=50%"),
    ("services", "shadow", "churn", "2"),
    ("services", "update", "churn", "--owner", "me"),
    ("services", "deprecate", "churn", "--reason", "old"),
    ("services", "restore", "churn"),
    ("services", "delete", "churn", "--yes"),
    ("services", "audit"),
    ("services", "collect"),
    ("edges", "list"),
    ("edges", "show", "na-1"),
    ("edges", "forget", "na-1"),
    ("predict", "churn", "--row", "{}"),
]


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_a_hub_that_is_not_there_is_one_sentence_with_the_cure(words: tuple[str, ...], rtml_cli: Any) -> None:
    hub = unused_address()
    found = rtml_cli(*words, "--hub", hub)
    assert found.code == 2
    assert found.error == (f"No hub answers at {hub} (connection refused): start one with `rtml up`, or name another with --hub")


def test_a_hub_whose_certificate_nobody_vouches_for(rtml_cli: Any, certificate: tuple[Path, Path]) -> None:  # noqa: F811
    with serving(lambda asked: iter([http(200, b'{"services": []}')]), over_tls(certificate)) as server:
        hub = f"https://localhost:{server.port}"
        assert rtml_cli("services", "list", "--hub", hub, "--ca", str(certificate[0])).code == 0
        found = rtml_cli("services", "list", "--hub", hub)
    assert found.code == 2
    assert found.error.startswith(f"The hub at {hub} is not asked (its certificate is not trusted: ")
    assert found.error.endswith("): name who vouches for it with --ca")


def test_a_hub_that_speaks_no_http(rtml_cli: Any) -> None:
    with serving(lambda asked: iter([b"\x15\x03\x03\x00\x02\x022\r\n"])) as server:
        found = rtml_cli("services", "list", "--hub", server.url)
    assert "the connection broke off: what came is no HTTP, is it https?" in found.error


@pytest.mark.parametrize("words", [*WORDS, ("publish",)], ids=" ".join)
def test_every_command_has_an_example(words: tuple[str, ...], rtml_cli: Any) -> None:
    name = [word for word in words[:2] if word.isalpha() and word != "churn"]
    shown = rtml_cli(*name, "--help")
    assert shown.code == 0
    assert f"rtml {' '.join(name)}" in shown.out.partition("Example:")[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("predict", "churn"), "give one row with --row"),
        (("predict", "churn", "--row", "{}", "--input", "x.jsonl"), "give one row with --row"),
        (("predict", "churn", "--row", "[1]"), "expected a JSON object"),
        (("predict", "churn", "--row", "{age: 1}"), "--row is no JSON"),
        (("predict", "churn", "--input", "missing.jsonl"), "missing.jsonl does not exist"),
        (("services", "canary", "churn"), "give a version and a share"),
        (("services", "collect", "--older-than", "soon"), "no span of time"),
        (("services", "canary", "churn", "2"), "give a version and a share"),
        (("services", "canary", "churn", "2", "150%"), "is no share"),
        (("services", "canary", "churn", "2", "nan"), "is no share"),
        (("services", "split", "churn"), "give versions with shares"),
        (("services", "split", "churn", "2"), "expected VERSION=SHARE"),
        (("services", "split", "churn", "2=10%", "2=20%"), "version 2 has two shares"),
        (("services", "shadow", "churn"), "give a version"),
        (("services", "update", "churn"), "nothing to change"),
        (("publish", "missing.rtml", "--name", "churn"), "missing.rtml does not exist"),
        (("publish", "text.rtml", "--name", "churn"), "text.rtml is not an rtml package"),
        (("publish", "text.rtml", "--name", "Churn!"), "'Churn!' is no name of a service"),
        (("publish", "text.rtml", "--name", "churn", "--region", "NA"), "'NA' is no name of a region"),
        (("publish", "text.rtml", "--name", "churn", "--share", "1"), "expected more than 0 and less than 1"),
        (("publish", "text.rtml", "--name", "churn", "--share", "0.5", "--keep"), "contradict each other"),
        (("edges", "list", "--hub", "nonsense"), "is no address of a hub"),
        (("edges", "list", "--key-file", "missing.key"), "missing.key can't be read"),
        (("edges", "list", "--key-file", "text.rtml"), "text.rtml holds no API key"),
        (("edges", "list", "--hub", "https://127.0.0.1:9", "--ca", "text.rtml"), "expected certificates"),
    ],
)
def test_wrong_usage_is_one_sentence(words: tuple[str, ...], said: str, rtml_cli: Any) -> None:
    (rtml_cli.folder / "text.rtml").write_text("two words")
    found = rtml_cli(*words)
    assert found.code == 2
    assert said in found.error


def test_what_a_server_refuses_is_told_field_by_field(rtml_cli: Any) -> None:
    errors = [{"at": f"/0/f{at}", "expected": "a number", "got": "null"} for at in range(60)]
    problem = {"type": "/problems/invalid-input", "detail": "It does not fit.", "errors": errors}
    with serving(refusing(422, **problem)) as server:
        found = rtml_cli("predict", "churn", "--edge", server.url, "--row", "{}")
    assert found.code == 1
    assert found.err.splitlines()[0] == "/f0: expected a number, got null"
    assert found.err.splitlines()[50] == "and 10 more"
    assert found.error == f"{server.url} refuses it: 60 values do not fit, each named above"
    with serving(refusing(422, **{**problem, "errors": errors[:1]})) as server:
        found = rtml_cli("predict", "churn", "--edge", server.url, "--row", "{}")
    assert found.error == f"{server.url} refuses it: /f0: expected a number, got null"


def test_rows_of_a_later_request_are_counted_from_the_beginning_of_the_file(rtml_cli: Any) -> None:
    rows = iter([1000, 1])

    def answer(asked: Asked) -> Iterator[bytes]:
        count = next(rows)
        if count == 1000:
            content = {"service": "churn", "version": 1, "predictions": [{"p": 1}] * count, "request_id": "r"}
            yield http(200, json.dumps(content).encode())
        else:
            errors = [{"at": "/0/age", "expected": "a number", "got": "null"}]
            yield http(422, json.dumps({"type": "/problems/invalid-input", "detail": "No.", "errors": errors}).encode())

    (rtml_cli.folder / "rows.jsonl").write_text('{"age": 1}\n\n' * 1001)
    with serving(answer) as server:
        found = rtml_cli("predict", "churn", "--edge", server.url, "--input", "rows.jsonl")
    assert found.out == '{"p":1}\n' * 1000
    assert "/1000/age: expected a number" in found.error


def test_a_missing_key_is_told_how_to_give_one(rtml_cli: Any, tmp_path: Path) -> None:
    with serving(refusing(401, type="/problems/unauthorized", detail="This hub asks for a key.")) as server:
        without = rtml_cli("services", "list", "--hub", server.url)
        (tmp_path / "key").write_text(f"{SECRET}\n")
        wrong = rtml_cli("services", "list", "--hub", server.url, "--key-file", tmp_path / "key")
    assert without.error == "This hub asks for a key. Give a key with --key-file or RTML_API_KEY"
    assert wrong.error == "This hub asks for a key."
    assert [asked.headers.get("authorization") for asked in server.asked] == [None, f"Bearer {SECRET}"]


def test_deleting_asks_first(rtml_cli: Any) -> None:
    at = "2026-11-21T10:15:00.000Z"
    service = {"id": "s1", "name": "churn", "description": "", "owner": "", "regions": ["na"], "versions": []}
    service.update(created=at, updated=at, traffic={"champion": 2})
    with serving(refusing(200, **service)) as server:
        no = rtml_cli("services", "delete", "churn", "--hub", server.url, stdin="n\n")
        assert (no.code, no.out.strip()) == (0, "Nothing was deleted")
        assert "Delete churn with 0 versions, served in na?" in no.err
        yes = rtml_cli("services", "delete", "churn", "--hub", server.url, stdin="y\n")
    assert yes.out.strip() == "Deleted churn"
    assert [asked.method for asked in server.asked] == ["GET", "GET", "DELETE"]


@pytest.mark.parametrize(("text", "fraction"), [("0.1", 0.1), ("10%", 0.1), (" 0.5 % ", 0.005), ("0", 0.0), ("100%", 1.0)])
def test_shares(text: str, fraction: float) -> None:
    assert share(text) == pytest.approx(fraction)


@pytest.mark.parametrize("text", ["", "%", "ten", "-1%", "101%", "1.01", "nan", "inf%", "1e999"])
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(click.BadParameter, match="expected a fraction"):
        share(text)


def test_a_key_file_holds_one_key_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text(f"\n {SECRET} \n")
    assert read_key(str(path)) == SECRET
    assert read_key(None) is None


def test_words_for_traffic() -> None:
    assert traffic_words(Traffic(3)) == "3"
    assert traffic_words(Traffic(3, sticky="ECID")) == "3"  # kept for the next canary; nobody is told apart now
    assert traffic_words(Traffic(3, canary=Arm(4, 0.055))) == "3, canary 4 5.5 %"
    assert traffic_words(Traffic(3, split=(Arm(4, 0.25), Arm(5, 0.25)), shadow=6, sticky="ECID")) == (
        "3 50 %, 4 25 %, 5 25 %, shadow 6, by ECID"
    )
    assert moment("2026-11-21T10:15:00.123Z") == "2026-11-21 10:15:00Z"
    assert moment(None) == ""


def test_how_an_edge_stands_to_a_change() -> None:
    def edge(revision: int, state: Any = "ready", service: Any = "ready") -> Edge:
        services = (EdgeService("churn", (1,), service),) if service else ()
        return Edge("e", "na", "http://x", state, revision, 1, "0.1.0", "", "", services)

    rollout = Rollout("churn", 7, False, (edge(7),), ("apac",))
    assert [edge_state(one, rollout) for one in (edge(7), edge(6), edge(7, "away"), edge(7, service="failed"))] == [
        "ready",
        "loading",
        "away",
        "failed",
    ]
    assert edge_state(edge(7, service=None), rollout) == "loading"
    assert {region: len(edges) for region, edges in by_region(rollout).items()} == {"apac": 0, "na": 1}


def test_a_shadow_is_summed_up_over_edges() -> None:
    def said(*stats: Any, traffic: Traffic = Traffic(3, canary=Arm(4, 0.1), shadow=5), away: Any = None) -> str:  # noqa: B008
        one = Service("s1", "churn", "", "", ("na",), traffic, (), "", "")
        given = [({"shadow": {"churn": stat}}, "ready") for stat in stats] + (
            [({"shadow": {"churn": away}}, "away")] if away else []
        )
        edges = [Edge(f"e{at}", "na", "", state, 1, 1, "", "", "", (), stat) for at, (stat, state) in enumerate(given)]
        return shadow_words(one, edges)

    part = {"shadow": 5, "version": 3, "rows": 1000, "equal": 1000, "failures": 0, "dropped": 0, "largest": None}
    other = {**part, "version": 4, "rows": 204, "equal": 200, "largest": {"output": "propensity", "difference": 0.0213}}
    assert said([part, other]) == said([part], [other])
    assert said([part], [other]) == "5: 1,204 rows compared, 99.6 % agree, largest difference 0.0213 in propensity"
    assert said([part]) == "5: 1,000 rows compared, 100 % agree"
    assert said([{**part, "equal": 999, "rows": 1_000_000}]) == "5: 1,000,000 rows compared, 0 % agree"
    assert said([{**part, "equal": 999_999, "rows": 1_000_000}]) == "5: 1,000,000 rows compared, 99.9 % agree"
    assert said([{**part, "rows": 1, "equal": 1, "failures": 1, "dropped": 20}]) == (
        "5: 1 row compared, 100 % agree, 1 request failed, 20 requests left out"
    )
    before = [{**part, "shadow": 4}, {**part, "version": 2}]  # another shadow; a version that does not answer any more
    far = {**part, "rows": 10**400, "equal": 10**400, "largest": {"output": "p", "difference": 10**400}}
    for nothing in (before, [], None, {"x": 1}, [3, {"shadow": 5, "version": 3, "rows": "many", "largest": [1]}], [far]):
        assert said(nothing, away=[part]) == "5: nothing compared yet"
    assert said([part], traffic=Traffic(3)) == ""
