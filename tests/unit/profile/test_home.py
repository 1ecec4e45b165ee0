import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from rtml_plugins.profile.collector import Collector
from rtml_plugins.profile.home import default_data, open_home
from rtml_plugins.up.home import default_home
from rtml_plugins.xdm.datasets_folder import DatasetError
from rtml_plugins.xdm.errors import SchemaError
from tests.unit.profile.shop import event, lines

TICKET = {
    "$schema": "http://json-schema.org/draft-06/schema#",
    "$id": "https://example.com/schemas/ticket",
    "title": "Ticket",
    "type": "object",
    "meta:extends": ["https://ns.adobe.com/xdm/data/record"],
    "properties": {"person": {"type": "object", "properties": {"mail": {"type": "string"}}}, "seat": {"type": "string"}},
}
DESCRIPTOR = {
    "@id": "https://example.com/descriptors/1",
    "@type": "xdm:descriptorIdentity",
    "xdm:sourceSchema": "https://example.com/schemas/ticket",
    "xdm:sourceProperty": "/person/mail",
    "xdm:namespace": "Email",
    "xdm:isPrimary": True,
}


def test_the_default_folder_is_that_of_the_hub_of_rtml_up() -> None:
    assert default_data() == default_home() / "hub" / "data"


def test_one_process_has_a_folder_and_another_is_told_which_and_what_to_do(tmp_path: Path) -> None:
    with open_home(tmp_path, "memory:"):
        with pytest.raises(DatasetError, match=f"process {os.getpid()}.*add --hub URL"):
            open_home(tmp_path, "memory:")
        script = f"from rtml_plugins.profile.home import open_home; open_home({str(tmp_path)!r}, 'memory:')"
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert other.returncode == 1
    assert f"in use by process {os.getpid()}" in other.stderr
    open_home(tmp_path, "memory:").close()


def test_a_folder_that_can_not_be_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="can't be used as a folder of data"):
        open_home(tmp_path / "file")


def test_nothing_stays_open_when_opening_fails(tmp_path: Path) -> None:
    with pytest.raises(SchemaError):
        open_home(tmp_path, "memory:", schemas=[tmp_path / "nothing"])
    open_home(tmp_path, "memory:").close()


def test_schemas_that_are_given_stay(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "ticket.schema.json").write_text(json.dumps(TICKET))
    (given / "ticket.descriptors.json").write_text(json.dumps(DESCRIPTOR))
    with open_home(tmp_path / "data", schemas=[given]) as home:
        Collector(home).collect(lines([{"person": {"mail": "a@example.com"}, "seat": "1A"}]), "ticket", "tickets")
    with open_home(tmp_path / "data") as home:
        assert home.schemas.get("Ticket").identities[0].namespace == "Email"
        (one,) = home.datasets.rows("tickets")
        assert one.identities == ("email:a@example.com",)
        assert home.profiles.store.count()["persons"] == 1


def test_a_newer_schema_takes_the_place_of_the_older_one(tmp_path: Path) -> None:
    with open_home(tmp_path, "memory:") as home:
        home.add_schemas([TICKET])
        assert [one.at for one in home.taker("ticket").problems({"seat": 7}, 0)] == ["/seat"]
        home.add_schemas([{**TICKET, "properties": {"seat": {"type": "integer"}}}])
        assert home.taker("ticket").problems({"seat": 7}, 0) == []
    with open_home(tmp_path, "memory:") as home:
        assert home.taker("ticket").problems({"seat": 7}, 0) == []
        assert len(list((tmp_path / "schemas").iterdir())) == 1


def test_what_ships_is_not_replaced_and_nothing_of_what_is_wrong_is_kept(tmp_path: Path) -> None:
    with open_home(tmp_path, "memory:") as home:
        shipped = msgspec.json.decode(msgspec.json.encode(home.schemas.raw(home.schemas.get("shop-event").id)))
        with pytest.raises(SchemaError):
            home.add_schemas([TICKET, {**shipped, "title": "mine"}])
        with pytest.raises(SchemaError):
            home.add_schemas([TICKET, {"title": "no id"}])
        assert TICKET["$id"] not in home.schemas
        assert not (tmp_path / "schemas").exists() or not any((tmp_path / "schemas").iterdir())


def test_profiles_are_built_anew_from_datasets_when_their_store_is_gone(tmp_path: Path) -> None:
    with open_home(tmp_path) as home:
        for first in (0, 10):
            Collector(home).collect(
                lines(event(number, ecid=f"c{number % 3}") for number in range(first, first + 10)), "shop-event", "web"
            )
        before = home.profiles.store.count()
    for path in tmp_path.glob("profiles.db*"):
        path.unlink()
    with open_home(tmp_path) as home:
        assert home.profiles.store.count() == before
        assert before["events"] == 20


def test_a_deleted_dataset_of_the_same_name_begins_anew(tmp_path: Path) -> None:
    with open_home(tmp_path, "memory:") as home:
        collector = Collector(home)
        collector.collect(lines([event(1)]), "shop-event", "web")
        home.delete_dataset("web")
        done = collector.collect(lines([event(1), event(2)]), "shop-event", "web")
        assert (done.accepted, done.batch) == (2, 1)
        assert home.profiles.store.count()["events"] == 2
