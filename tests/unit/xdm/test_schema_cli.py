"""`rtml xdm`: what it prints, and with which code it ends."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from rtml_core.cli.app import run
from tests.unit.xdm.schema_files import DESCRIPTOR, folder

GOOD = {"_id": "1", "timestamp": "2026-11-21T10:15:00Z", "eventType": "page"}


def said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = run(["xdm", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_schemas_are_listed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, _ = said(capsys, "schemas")
    assert code == 0
    assert [line.split()[:3] for line in out.splitlines()[1:3]] == [
        ["shop-event", "event", "schema"],
        ["shop-profile", "record", "schema"],
    ]
    assert "parts of schemas not shown: rtml xdm schemas --all" in out
    folder(tmp_path, **{"bad.schema.json": {"$id": "urn:bad", "allOf": [{"$ref": "urn:none"}]}})
    code, out, _ = said(capsys, "schemas", "--all", "--schemas", tmp_path)
    assert code == 0
    assert "visit" in out
    assert "urn:bad does not resolve: urn:bad#/allOf/0: no schema with $id 'urn:none' is loaded." in out


def test_schemas_are_listed_as_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, out, _ = said(capsys, "schemas", "--json", "--schemas", folder(tmp_path))
    visit = json.loads(out)[-1]
    assert (visit["name"], visit["kind"], visit["role"], visit["problem"]) == ("visit", "event", "schema", None)


def test_a_schema_is_shown_as_a_tree(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder(tmp_path, **{"a.descriptors.json": [DESCRIPTOR]})
    code, out, _ = said(capsys, "show", "visit", "--schemas", tmp_path, "--spelling", "compatible")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert code == 0
    assert lines[0] == "Visit of Acme (event, schema) https://acme.example/xdm/schemas/visit"
    assert {"_id* string Id", "timestamp* date-time", "identityMap map", "{} array", "tier string one of gold, silver"} <= set(
        lines
    )
    assert lines[-1] == "identity: _acme.card in Card, primary"
    _, out, _ = said(capsys, "show", "visit", "--schemas", tmp_path, "--json")
    assert json.loads(out)["properties"]["xdm:timestamp"]["format"] == "date-time"


def test_an_unknown_schema_is_a_wrong_input(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = said(capsys, "show", "shop-evnt")
    assert code == 2
    assert "There is no schema 'shop-evnt'. Did you mean 'shop-event'?" in err


def test_records_are_checked_and_refused_with_number_place_and_keyword(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    lines = [json.dumps(GOOD), "{not json", json.dumps({**GOOD, "productListItems": [{"quantity": None}], "oo\x1bps": 1})]
    file.write_text("\n".join(lines))
    code, out, _ = said(capsys, "check", file, "--schema", "shop-event")
    assert code == 1
    first, second, third, last = out.splitlines()
    assert first.startswith("record 2  /  json: ")
    assert (
        second
        == "record 3  /productListItems/0/quantity  type: expected a whole number, got null; XDM has no null: leave the key out"
    )
    assert third == "record 3  /oo ps  additionalProperties: extraneous key [oo ps] is not permitted"
    assert last == "3 records checked against shop-event, 2 refused"


def test_accepted_records_end_with_zero(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "events.json").write_text(json.dumps([GOOD, GOOD]))
    code, out, _ = said(capsys, "check", tmp_path / "events.json", "--schema", "Shop event")
    assert (code, out) == (0, "2 records checked against shop-event, 0 refused\n")


def test_standard_input_as_json_lines_of_violations(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    text = json.dumps({**GOOD, "eventType": ""})
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    code, out, err = said(capsys, "check", "-", "--schema", "shop-event", "--refuse-empty", "--json")
    assert code == 1
    assert json.loads(out) == {
        "record": 1,
        "violations": [{"at": "/eventType", "keyword": "minLength", "message": "the value is empty; leave the key out"}],
    }
    assert err == "1 record checked against shop-event, 1 refused\n"


@pytest.mark.parametrize("words", [[], ["schemas"], ["show"], ["check"]])
def test_every_command_has_a_help_with_an_example(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    code, out, _ = said(capsys, *words, "--help")
    assert code == 0
    assert f"Example:\n    rtml xdm {' '.join(words)}" in out
