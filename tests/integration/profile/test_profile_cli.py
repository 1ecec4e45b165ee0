"""`rtml profile` on data that `rtml ingest` took in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rtml_core.testing import Cli
from rtml_core.testing.command_line import CliResult
from tests.integration.hub.process import hub

EVENTS = [
    {"_id": "e1", "timestamp": "2026-11-01T10:00:00Z", "eventType": "web.webpagedetails.pageViews", "ECID": "38652"},
    {"_id": "e2", "timestamp": "2026-11-01T10:05:00Z", "eventType": "commerce.purchases", "ECID": "38652", "CRMID": "31260XYZ"},
    {"_id": "e3", "timestamp": "2026-11-02T09:00:00Z", "eventType": "web.webpagedetails.pageViews", "ECID": "44675"},
    {"_id": "e4", "timestamp": "2026-11-02T09:01:00Z", "eventType": "commerce.checkouts", "ECID": "44675", "CRMID": "31260XYZ"},
    {"_id": "e5", "timestamp": "2026-11-02T09:02:00Z", "eventType": "commerce.checkouts", "ECID": "99", "CRMID": "60013ABC"},
]
CUSTOMERS = [
    {"CRMID": "31260XYZ", "Email": "two@example.com", "person": {"name": {"firstName": "Ada", "lastName": "Two"}}},
    {"CRMID": "60013ABC", "Email": "one@example.com", "person": {"name": {"firstName": "Bo\u001b[31m"}}},
]


def _lines(records: list[dict[str, Any]]) -> str:
    lines = []
    for record in records:
        document = {name: value for name, value in record.items() if name not in ("ECID", "CRMID", "Email")}
        spaces = [space for space in ("ECID", "CRMID", "Email") if space in record]
        document["identityMap"] = {space: [{"id": record[space], "primary": space == spaces[0]}] for space in spaces}
        lines.append(json.dumps(document))
    return "\n".join(lines) + "\n"


@pytest.fixture
def cli(rtml_cli: Cli, tmp_path: Path) -> Cli:
    (tmp_path / "events.jsonl").write_text(_lines(EVENTS))
    (tmp_path / "customers.jsonl").write_text(_lines(CUSTOMERS))
    for file, schema, dataset in (("customers", "shop-profile", "crm"), ("events", "shop-event", "web")):
        assert rtml_cli("ingest", f"{file}.jsonl", "--schema", schema, "--dataset", dataset, "--home", "data").code == 0
    return rtml_cli


def _said(result: CliResult) -> str:
    return result.out + result.err


def _run(cli: Cli, *arguments: str) -> str:
    result = cli("profile", *arguments, "--home", "data")
    assert result.code == 0, result.err
    return result.out


def test_a_person_is_looked_up_by_any_identity(cli: Cli) -> None:
    out = _run(cli, "lookup", "ecid:44675")
    assert "crm, web" in out
    assert "person.name.firstName  Ada" in out
    assert {line.split()[-1] for line in out.splitlines() if line.startswith("identity")} == {
        "CRMID:31260XYZ",
        "Email:two@example.com",
        "ECID:38652",
        "ECID:44675",
    }
    out = _run(cli, "lookup", "CRMID:31260XYZ", "--field", "person.name.lastName", "--json")
    found = json.loads(out)
    assert (found["attributes"], found["identities"]) == ({"person": {"name": {"lastName": "Two"}}}, [])


def test_nobody_is_told_how_to_go_on(cli: Cli) -> None:
    result = cli("profile", "lookup", "CRMID:31260xyz", "--home", "data")
    assert result.code != 0
    assert "nobody is known as CRMID:31260xyz" in _said(result)
    result = cli("profile", "lookup", "ECID:null", "--home", "data")
    assert result.code == 2
    assert "would make one person of many" in _said(result)
    result = cli("profile", "lookup", "ECID:1", "--home", "elsewhere")
    assert "there are no profiles in elsewhere" in _said(result)
    assert not (cli.folder / "elsewhere").exists()
    result = cli("profile", "lookup", "ECID:38652", "--policy", "defalt", "--home", "data")
    assert "Did you mean 'default'" in _said(result)


def test_what_a_stranger_wrote_does_not_steer_the_terminal(cli: Cli) -> None:
    assert "\x1b" not in _run(cli, "lookup", "CRMID:60013ABC")


def test_events_in_order_of_time(cli: Cli) -> None:
    out = _run(cli, "events", "CRMID:31260XYZ")
    assert [line.split()[-1] for line in out.splitlines()[1:]] == ["e1", "e2", "e3", "e4"]
    found = json.loads(
        _run(cli, "events", "ECID:38652", "--start", "2026-11-01T10:05:00Z", "--end", "2026-11-02T09:01:00Z", "--json")
    )
    assert [document["_id"] for document in found] == ["e2", "e3"]
    found = json.loads(_run(cli, "events", "ECID:38652", "--latest", "--limit", "1", "--json"))
    assert [document["_id"] for document in found] == ["e4"]
    assert "is no time" in _said(cli("profile", "events", "ECID:38652", "--start", "soon", "--home", "data"))


def test_identities_and_links(cli: Cli) -> None:
    out = _run(cli, "identities", "Email:two@example.com")
    assert "ECID:44675" in out
    found = json.loads(_run(cli, "identities", "Email:two@example.com", "--json"))
    assert {(link["one"], link["other"]) for link in found["links"]} == {
        ("CRMID:31260XYZ", "ECID:38652"),
        ("CRMID:31260XYZ", "ECID:44675"),
        ("CRMID:31260XYZ", "Email:two@example.com"),
    }


def test_export_and_erase(cli: Cli) -> None:
    out = _run(cli, "export", "CRMID:31260XYZ", "--to", "ada.json")
    assert "4 identities, 4 events" in out
    document = json.loads((cli.folder / "ada.json").read_text())
    assert document["attributes"]["merged"]["person"]["name"]["firstName"] == "Ada"
    assert json.loads(_run(cli, "export", "CRMID:31260XYZ")) == document
    refused = cli("profile", "erase", "ECID:38652", "--home", "data")
    assert "add --yes" in _said(refused)
    assert "erased: 4 identities, 4 events of profiles, 5 records of datasets" in _run(
        cli, "erase", "ECID:38652", "--yes", "--actor", "officer"
    )
    assert cli("profile", "lookup", "CRMID:31260XYZ", "--home", "data").code != 0
    assert "e1" not in _said(cli("datasets", "read", "web", "--home", "data"))
    assert "Bo" in _run(cli, "lookup", "ECID:99")
    trail = json.loads(_run(cli, "erasures", "--of", "crmid:31260XYZ", "--json"))
    assert [(line["actor"], line["persons"], line["events"]) for line in trail] == [("officer", 1, 4)]
    assert json.loads(_run(cli, "erasures", "--of", "CRMID:60013ABC", "--json")) == []
    assert "31260XYZ" not in _run(cli, "erasures", "--json")
    assert "nobody is known" in _run(cli, "erase", "ECID:38652", "--yes")


def test_old_events_are_dropped_and_nothing_else(cli: Cli) -> None:
    assert _run(cli, "expire", "--before", "2026-11-02") == "dropped 2 events of before 2026-11-02T00:00:00Z\n"
    left = json.loads(_run(cli, "export", "CRMID:31260XYZ"))
    assert [event["document"]["_id"] for event in left["events"]] == ["e3", "e4"]
    assert left["attributes"]["merged"]["person"]["name"]["firstName"] == "Ada"
    assert "e1" in _said(cli("datasets", "read", "web", "--home", "data"))
    assert json.loads(_run(cli, "expire", "--before", "2026-11-02T09:01:00Z", "--json"))["events"] == 1
    assert "expected a date or a moment" in cli("profile", "expire", "--before", "soon", "--home", "data").err


def test_policies(cli: Cli) -> None:
    assert "the default" in _run(cli, "policies", "set", "web-only", "--dataset", "web", "--default")
    assert [policy["id"] for policy in json.loads(_run(cli, "policies", "list", "--json"))] == ["default", "web-only"]
    assert "of the first that says something: web" in _run(cli, "policies", "list")
    assert json.loads(_run(cli, "lookup", "ECID:38652", "--json"))["attributes"] == {}
    assert json.loads(_run(cli, "lookup", "ECID:38652", "--policy", "default", "--json"))["attributes"] != {}
    assert "is the default" in _said(cli("profile", "policies", "remove", "web-only", "--home", "data"))
    _run(cli, "policies", "set", "default", "--default")
    assert "is removed" in _run(cli, "policies", "remove", "web-only")


def test_linking(cli: Cli) -> None:
    assert "there are no rules" in _run(cli, "linking", "show")
    assert "2 persons were parted" not in _run(cli, "linking", "set", "--priority", "CRMID", "--unique", "CRMID")
    assert "1 person was parted" in _run(cli, "linking", "set", "--priority", "CRMID", "--unique", "CRMID", "--unique", "ECID")
    assert "unique    CRMID, ECID" in _run(cli, "linking", "show")
    assert "ECID:38652" not in _run(cli, "lookup", "CRMID:31260XYZ", "--field", "identities")
    assert cli("profile", "linking", "set", "--home", "data").code == 2
    _run(cli, "linking", "set", "--none")
    assert json.loads(_run(cli, "linking", "show", "--json")) == {"priority": [], "unique": []}


def test_consent(cli: Cli) -> None:
    assert "nothing said: allowed" in _run(cli, "consent", "ECID:38652")
    assert json.loads(_run(cli, "consent", "ECID:38652", "--collect", "n", "--json")) == {"collect": "n"}
    assert json.loads(_run(cli, "consent", "CRMID:31260XYZ", "--personalize", "n", "--json")) == {
        "collect": "n",
        "personalize": "n",
    }
    late = _lines([{"_id": "e9", "timestamp": "2026-11-03T09:00:00Z", "eventType": "x", "ECID": "44675"}])
    (cli.folder / "late.jsonl").write_text(late)
    result = cli("ingest", "late.jsonl", "--schema", "shop-event", "--dataset", "web", "--home", "data")
    assert "1 not kept, as their persons refused it" in _said(result)
    assert cli("profile", "consent", "ECID:nobody", "--home", "data").code != 0


def test_the_same_through_a_hub_that_has_the_folder(rtml_cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(_lines(EVENTS))
    (tmp_path / "customers.jsonl").write_text(_lines(CUSTOMERS))
    with hub(tmp_path / "hub") as running:

        def run(*arguments: str) -> str:
            result = rtml_cli(*arguments, "--hub", running.url)
            assert result.code == 0, result.err
            return result.out

        for file, schema, dataset in (("customers", "shop-profile", "crm"), ("events", "shop-event", "web")):
            run("ingest", f"{file}.jsonl", "--schema", schema, "--dataset", dataset)
        assert "person.name.firstName  Ada" in run("profile", "lookup", "ECID:44675")
        assert [found["_id"] for found in json.loads(run("profile", "events", "CRMID:31260XYZ", "--json"))] == [
            "e1",
            "e2",
            "e3",
            "e4",
        ]
        assert "the default" in run("profile", "policies", "set", "web-only", "--dataset", "web", "--default")
        assert "web-only" in run("profile", "policies", "list")
        assert json.loads(run("profile", "lookup", "ECID:44675", "--json"))["attributes"] == {}
        run("profile", "policies", "set", "default", "--default")
        run("profile", "policies", "remove", "web-only")
        assert "1 person was parted" in run("profile", "linking", "set", "--priority", "CRMID", "--unique", "ECID")
        assert "unique    ECID" in run("profile", "linking", "show")
        assert "3 identities" in run("profile", "export", "CRMID:31260XYZ", "--to", "ada.json")
        # looking at the folder itself is possible meanwhile, changing it is not
        data = str(tmp_path / "hub" / "data")
        assert "Ada" in rtml_cli("profile", "lookup", "CRMID:31260XYZ", "--home", data).out
        assert "add --hub" in rtml_cli("profile", "erase", "CRMID:31260XYZ", "--yes", "--home", data).error
        assert "erased: 3 identities" in run("profile", "erase", "Email:two@example.com", "--yes")
        assert "nobody is known" in rtml_cli("profile", "lookup", "CRMID:31260XYZ", "--hub", running.url).error
        assert rtml_cli("profile", "lookup", "ECID:1", "--hub", running.url, "--home", data).code == 2


def test_help_shows_examples(rtml_cli: Cli) -> None:
    for command in ("lookup", "events", "identities", "export", "erase", "erasures", "expire", "consent"):
        assert "Example:" in rtml_cli("profile", command, "--help").out
    for group in ("policies", "linking"):
        assert "Example:" in rtml_cli("profile", group, "--help").out
