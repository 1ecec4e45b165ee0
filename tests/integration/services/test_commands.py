"""The commands and the client against a real hub and real edges."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rtml_core import operators as op
from rtml_core.client import AsyncClient, Client, InvalidInput, NotFound, Refused
from rtml_core.errors import InputError
from tests.integration.edge.running import Edge, edge, wait
from tests.integration.hub.process import HubProcess, hub, wait_for
from tests.integration.services.examples import follow

DOCS = Path(__file__).parents[3] / "docs"

ROW = '{"age": null, "visits": 3}'


def compiled(fill: float, schema: dict[str, str] | None = None) -> Any:
    """A package that fills a missing age with a number: who answers shows in the answer."""
    source = op.Receiver(schema=schema or {"age": "float?", "visits": "int"})
    return (source >> op.Pandas(import_="fillna", cols="age", kwargs={"value": fill}, inplace=True)).compile(parity=True)


@dataclass
class Places:
    """A hub with an edge in na and one in emea; the packages one.rtml, two.rtml and other.rtml (another signature)."""

    hub: HubProcess
    na: Edge
    emea: Edge
    folder: Path


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    folder = tmp_path_factory.mktemp("places")
    compiled(1.0).save(folder / "one.rtml")
    compiled(2.0).save(folder / "two.rtml")
    compiled(3.0, {"age": "float?", "visits": "int", "brand": "string"}).save(folder / "other.rtml")
    with ExitStack() as stack:
        running = stack.enter_context(hub(folder / "hub"))
        found = [
            stack.enter_context(edge(folder / region, running.url, "--workers", "1", "--name", f"{region}-1", region=region))
            for region in ("na", "emea")
        ]
        with Client(hub=running.url) as client:
            wait_for(lambda: len(client.edges()) == len(found), "the hub to know both edges")
        yield Places(running, found[0], found[1], folder)


@pytest.fixture(autouse=True)
def _environment(rtml_environment: Any, places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_HUB", places.hub.url)


def test_the_whole_road_by_commands(places: Places, rtml_cli: Any) -> None:
    assert "has no service; publish one" in rtml_cli("services", "list").out
    one = rtml_cli("publish", places.folder / "one.rtml", "--name", "road", "--region", "na,emea", "--owner", "me", "-m", "first")
    assert one.code == 0, one.err
    assert one.out.startswith("Published road version 1 (")
    assert f"na    ready    http://127.0.0.1:{places.na.port}" in one.out
    curl = next(line for line in one.out.splitlines() if "curl" in line)
    assert "/v1/services/road/predict -H 'Content-Type: application/json' -d '{" in curl
    assert '"age":1.0' in rtml_cli("predict", "road", "--row", ROW).out

    again = rtml_cli("publish", places.folder / "one.rtml", "--name", "road", "--json").json
    assert (again["version"], again["created"]) == (1, False)
    assert rtml_cli("publish", places.folder / "two.rtml", "--name", "road").code == 0
    assert '"age":2.0' in rtml_cli("predict", "road", "--row", ROW, "--region", "na").out
    assert '"age":1.0' in rtml_cli("predict", "road", "--row", ROW, "--version", "1").out
    shown = rtml_cli("predict", "road", "--row", "-", "--region", "emea,na", "--json", stdin=ROW).json
    assert (shown["service"], shown["version"], shown["region"]) == ("road", 2, "emea")

    assert rtml_cli("services", "rollback", "road").out == "road: answers 1\n"
    assert '"age":1.0' in rtml_cli("predict", "road", "--row", ROW, "--region", "na").out
    assert '"age":1.0' in rtml_cli("predict", "road", "--row", ROW, "--region", "emea").out
    nothing = rtml_cli("services", "rollback", "road")
    assert nothing.code == 2
    assert "no champion before" in nothing.error

    whole = rtml_cli("services", "show", "road").out
    assert "na-1" in whole
    assert "first" in whole
    listed = rtml_cli("services", "list", "-q", "roa", "--region", "emea", "--json").json
    assert [service["name"] for service in listed] == ["road"]
    assert [entry["action"] for entry in rtml_cli("services", "audit", "road", "--json").json][-1] == "service.publish"
    assert rtml_cli("services", "audit", "road").code == 0
    assert len(rtml_cli("services", "versions", "road", "--json").json) == 2

    assert rtml_cli("services", "delete", "road", "--yes").out == "Deleted road\n"
    gone = rtml_cli("services", "show", "road")
    assert (gone.code, "does not exist" in gone.error) == (2, True)
    assert rtml_cli("services", "collect").out == "Freed: 0 packages, 0 bytes\n"  # it was needed a moment ago
    would = rtml_cli("services", "collect", "--dry-run", "--older-than", "0", "--json").json
    again = rtml_cli("services", "collect", "--dry-run", "--older-than", "0", "--json").json
    assert again == would  # other tests may have deleted some, too
    assert would["dry_run"]
    freed = rtml_cli("services", "collect", "--older-than", "0").out.splitlines()
    assert freed[:-1] == would["packages"]
    assert freed[-1] == f"Freed: {len(would['packages'])} packages, {would['size']:,} bytes".replace(" 1 packages", " 1 package")


def test_steering_by_commands(places: Places, rtml_cli: Any) -> None:
    for name in ("one", "two"):
        assert rtml_cli("publish", places.folder / f"{name}.rtml", "--name", "steered", "--region", "na").code == 0
    assert rtml_cli("services", "canary", "steered", "1", "25%", "--sticky", "visits").out == (
        "steered: answers 2, canary 1 25 %, by visits\n"
    )
    answers = {
        visitor: rtml_cli("predict", "steered", "--row", f'{{"age": null, "visits": {visitor}}}', "--json").json["version"]
        for visitor in range(12)
    }
    assert set(answers.values()) == {1, 2}
    assert rtml_cli("services", "promote", "steered").out == "steered: answers 1\n"
    assert "has no canary to promote" in rtml_cli("services", "promote", "steered").error
    assert rtml_cli("services", "canary", "steered", "2", "0.5").out == "steered: answers 1, canary 2 50 %, by visits\n"
    assert rtml_cli("services", "canary", "steered", "2", "0%").out == "steered: answers 1\n"
    assert rtml_cli("services", "promote", "steered", "2").out == "steered: answers 2\n"
    assert rtml_cli("services", "canary", "steered", "--off").out == "steered: answers 2\n"
    assert rtml_cli("services", "split", "steered", "1=50%", "2=50%").out == "steered: answers 2 50 %, 1 50 %, by visits\n"
    assert "add up to 0.9" in rtml_cli("services", "split", "steered", "1=40%", "2=50%").error
    assert rtml_cli("services", "split", "steered", "--off").code == 0
    assert rtml_cli("services", "shadow", "steered", "1").out == "steered: answers 2, shadow 1\n"
    assert "shadow   1: nothing compared yet" in rtml_cli("services", "show", "steered").out
    for row in (ROW, '{"age": 5.0, "visits": 3}'):
        assert rtml_cli("predict", "steered", "--row", row).code == 0
    compared = "shadow   1: 2 rows compared, 50 % agree, largest difference 1 in age\n"
    wait(lambda: compared in rtml_cli("services", "show", "steered").out)  # with the edge's next report
    assert rtml_cli("services", "promote", "steered", "1").out == "steered: answers 1\n"
    assert "version 9 does not exist" in rtml_cli("services", "promote", "steered", "9").error
    assert rtml_cli("services", "update", "steered", "--owner", "growth", "--region", "emea,na").out == (
        "steered: no description, owner growth, in emea, na\n"
    )
    assert "deprecated since" in rtml_cli("services", "deprecate", "steered", "--reason", "use road").out
    assert "deprecated" in rtml_cli("services", "list").out
    assert rtml_cli("services", "restore", "steered").out == "steered: no longer deprecated\n"


def test_refusals_change_nothing(places: Places, rtml_cli: Any) -> None:
    assert rtml_cli("publish", places.folder / "one.rtml", "--name", "kept", "--region", "na").code == 0
    refused = rtml_cli("publish", places.folder / "other.rtml", "--name", "kept")
    assert refused.code == 2
    assert "brand" in refused.err
    assert len(rtml_cli("services", "versions", "kept", "--json").json) == 1
    forced = rtml_cli("publish", places.folder / "other.rtml", "--name", "kept", "--allow-incompatible", "--keep")
    assert forced.code == 0, forced.err
    assert '"age":1.0' in rtml_cli("predict", "kept", "--row", ROW).out


def test_a_file_of_rows(places: Places, rtml_cli: Any, tmp_path: Path) -> None:
    assert rtml_cli("publish", places.folder / "one.rtml", "--name", "filed", "--region", "emea").code == 0
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"age": {number}.5, "visits": 1}}\n' for number in range(2500)))
    scored = rtml_cli("predict", "filed", "--input", rows).out.splitlines()
    assert [line for line in scored if f'"age":{len(scored) - 1}.5' in line] == scored[-1:]
    assert len(scored) == 2500
    rows.write_text('{"age": 1, "visits": 1}\n{"age": "old", "visits": 1.5}\n')
    wrong = rtml_cli("predict", "filed", "--input", rows)
    assert wrong.code == 1
    assert "/1/age: expected a finite number or null, got string 'old'" in wrong.err


def test_edges_are_listed_shown_and_forgotten(places: Places, rtml_cli: Any) -> None:
    assert {line["id"]: line["region"] for line in rtml_cli("edges", "list", "--json").json} == {"na-1": "na", "emea-1": "emea"}
    assert rtml_cli("edges", "list", "--region", "emea").out.count("emea-1") == 1
    assert "na-1 in na, ready" in rtml_cli("edges", "show", "na-1").out
    assert "Did you mean 'na-1'?" in rtml_cli("edges", "show", "na-2").error
    assert rtml_cli("edges", "forget", "na-2").code == 2
    with edge(places.folder / "third", places.hub.url, "--workers", "1", "--name", "third", region="apac"):
        wait(lambda: "third" in rtml_cli("edges", "list").out)
    assert rtml_cli("edges", "forget", "third").out == "Forgot third\n"
    assert "third" not in rtml_cli("edges", "list").out


def test_the_client_falls_back_to_the_next_region_and_comes_back(places: Places) -> None:
    package = compiled(7.0)
    with ExitStack() as stack:
        client = stack.enter_context(Client(region=["apac", "na"]))
        with edge(places.folder / "apac", places.hub.url, "--workers", "1", region="apac") as near:
            assert client.publish(package, "near", regions=["na", "apac"]).created
            assert client.predict("near", {"age": None, "visits": 1}).region == "apac"
            near.process.send_signal(signal.SIGKILL)
            near.process.wait(30)
            wait(lambda: client.predict("near", {"age": None, "visits": 1}).region == "na")
            port = near.port
        assert client.predict("near", {"age": None, "visits": 1})["age"] == 7.0
        with edge(places.folder / "apac", places.hub.url, "--workers", "1", "--port", str(port), region="apac"):
            wait(lambda: client.predict("near", {"age": None, "visits": 1}).region == "apac")


def test_nothing_but_scoring_needs_no_hub(places: Places, tmp_path: Path) -> None:
    with Client() as writer, Client() as reader:
        writer.publish(compiled(8.0), "alone", regions="na")
        assert reader.predict("alone", {"age": None, "visits": 1})["age"] == 8.0
        places.hub.process.send_signal(signal.SIGSTOP)  # type: ignore[union-attr]
        try:
            assert reader.predict("alone", {"age": None, "visits": 1})["age"] == 8.0
        finally:
            places.hub.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]


def test_the_client_says_what_the_servers_refuse(places: Places) -> None:
    with Client() as client:
        client.publish(compiled(9.0), "said", regions=["na", "emea"], description="what it is for")
        with pytest.raises(InputError, match=r"^/age: expected a finite number or null, got string 'old'") as caught:
            client.predict("said", {"age": "old", "visits": 1})
        assert isinstance(caught.value, InvalidInput)
        with pytest.raises(NotFound, match="'sayd'"):
            client.predict("sayd", {"age": 1, "visits": 1})
        with pytest.raises(NotFound, match="Did you mean 'said'"):
            client.service("sayd")
        with pytest.raises(Refused, match=r"brand"):
            client.publish(places.folder / "other.rtml", "said")
        with pytest.raises(Refused):
            client.publish(b"no package", "said")
        assert client.service("said").description == "what it is for"
        assert client.download("said") == compiled(9.0).data
        assert {region.name for region in client.regions()} >= {"na", "emea"}


def test_the_async_client_does_the_same(places: Places) -> None:
    async def road() -> list[float]:
        async with AsyncClient(region="emea") as client:
            await client.publish(compiled(10.0), "later", regions=["na", "emea"])
            await client.publish(compiled(11.0), "later")
            found = await asyncio.gather(*(client.predict("later", {"age": None, "visits": 1}) for _ in range(20)))
            await client.rollback("later")
            found.append(await client.predict("later", {"age": None, "visits": 1}))
            found += await client.predict("later", columns={"age": [None, 5.0], "visits": [1, 2]})
            return [one["age"] for one in found]

    assert asyncio.run(road()) == [11.0] * 20 + [10.0, 10.0, 5.0]


def test_the_pages_do_what_they_say(places: Places, rtml_cli: Any) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    assert follow(DOCS / "how-to" / "publish-and-score.md", rtml_cli, namespace) >= 6
    assert follow(DOCS / "reference" / "client.md", rtml_cli, namespace) >= 4
    namespace["client"].close()


def test_keys_by_the_client(tmp_path: Path, places: Places) -> None:
    with hub(tmp_path / "closed") as closed, Client(closed.url) as first:
        made = first.create_key("me", ["admin"])
        assert made.key.scopes == ("admin",)
        with Client(closed.url, key=made.secret) as me:
            reader = me.create_key("reader", ["predict"], services=["churn"], rate=5.0)
            listed = me.keys()
            assert {key.name for key in listed} == {"me", "reader"}
            with Client(closed.url, key=reader.secret) as limited:
                assert limited.services() == []
                with pytest.raises(Refused) as caught:
                    limited.delete("churn")
                assert caught.value.status == 403
                me.revoke_key(reader.key.id)
                with pytest.raises(Refused) as caught:
                    limited.services()
                assert caught.value.status == 401
            assert me.rotate_key(made.key.id, overlap=60.0).key.name == "me"
