"""`rtml ingest` and `rtml datasets`, on this machine and against a hub."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from rtml_core.testing import Cli
from tests.integration.hub.process import hub
from tests.unit.profile.shop import event, lines


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


def taken(cli: Cli, *arguments: Any, content: Any, code: int = 0) -> Any:
    """Ingest documents through standard input; what it says as JSON."""
    found = cli("ingest", "-", "--schema", "shop-event", "--dataset", "web", "--json", *arguments, stdin=lines(content))
    assert found.code == code, found.err
    return found.json


def test_too_many_refused_and_nothing_is_taken_and_the_figures_are_said(cli: Cli, tmp_path: Path) -> None:
    arguments = ("ingest", "-", "--schema", "shop-event", "--dataset", "web", "--home", tmp_path / "data")
    one = cli(*arguments, stdin=lines([event(1, eventType=7)]))
    assert (one.code, one.out) == (1, "nothing was taken: 1 of 1 record was refused (100 %), and --threshold allows 10 %\n")
    two = cli(*arguments, stdin=lines([event(1, eventType=7), event(2, eventType=7), event(3)]))
    assert two.out == "nothing was taken: 2 of 3 records were refused (66.67 %), and --threshold allows 10 %\n"
    assert "--refused FILE keeps refused records" in two.err


def test_a_file_is_taken_told_listed_read_exported_and_deleted(cli: Cli, tmp_path: Path) -> None:
    documents = [event(number) for number in range(1, 31)]
    file = tmp_path / "events.jsonl"
    file.write_bytes(lines([*documents, event(99, eventType=7)]))
    home = ("--home", tmp_path / "data")
    found = cli("ingest", file, "--schema", "shop-event", "--dataset", "web", *home, "--refused", tmp_path / "bad.jsonl")
    assert (found.code, found.out) == (1, "31 records: 30 new in dataset 'web', 1 refused\n")
    assert f"{file}, line 31: /eventType: expected" in found.err
    assert (tmp_path / "bad.jsonl").read_bytes() == lines([event(99, eventType=7)])

    (listed,) = cli("datasets", "list", *home, "--json").json
    assert (listed["name"], listed["kind"], listed["records"]) == ("web", "event", 30)
    assert (listed["first"], listed["last"]) == ("2026-03-01T00:00:01Z", "2026-03-01T00:00:30Z")
    assert "are built from it" in cli("datasets", "show", "web", *home).out

    asked = ("--select", "_id", "--select", "commerce.order.priceTotal", "--where", "commerce.order.priceTotal >= 28")
    table = cli("datasets", "read", "web", *asked, "--sort", "-timestamp", *home)
    assert table.out.split() == ["_id", "commerce.order.priceTotal", "e30", "30.0", "e29", "29.0", "e28", "28.0"]
    assert "more than 20 records" in cli("datasets", "read", "web", *home).err

    for name in ("out.csv", "out.parquet", "out.jsonl"):
        written = cli("datasets", "read", "web", *asked, "--to", tmp_path / name, *home)
        assert (written.code, written.out) == (0, "")
    expected = [("e28", 28.0), ("e29", 29.0), ("e30", 30.0)]
    assert list(pd.read_csv(tmp_path / "out.csv").itertuples(index=False, name=None)) == expected
    assert [tuple(row.values()) for row in pq.read_table(tmp_path / "out.parquet").to_pylist()] == expected
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows == [{"_id": id, "commerce.order.priceTotal": price} for id, price in expected]

    assert cli("datasets", "export", "web", "-", *home).out.encode() == lines(documents)
    assert "30 records" in cli("datasets", "delete", "web", "--yes", *home).out
    assert "there are none yet" in cli("datasets", "list", *home).out


def test_what_was_exported_can_be_taken_again(cli: Cli, tmp_path: Path) -> None:
    taken(cli, "--home", tmp_path / "one", content=[event(2), event(1)])
    cli("datasets", "export", "web", tmp_path / "web.jsonl", "--home", tmp_path / "one")
    done = cli(
        "ingest", tmp_path / "web.jsonl", "--schema", "shop-event", "--dataset", "web", "--home", tmp_path / "two", "--json"
    )
    assert done.json["accepted"] == 2


def test_parquet_and_arrays_are_found_out(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "web.parquet"
    frame = pd.DataFrame(
        {"_id": ["p1", "p2"], "timestamp": pd.to_datetime(["2026-03-01", "2026-03-02"]), "eventType": ["a", None]}
    )
    frame.to_parquet(file)
    arguments = ("--schema", "shop-event", "--dataset", "web", "--home", tmp_path / "data", "--json")
    assert cli("ingest", file, *arguments).json["accepted"] == 2
    array = json.dumps([event(1), event(2)], indent=1)
    assert cli("ingest", "-", *arguments, stdin=array).json["accepted"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ingest", "nothing.jsonl", "--schema", "shop-event", "--dataset", "web"], "nothing.jsonl does not exist"),
        (["ingest", "-", "--schema", "shop-evnt", "--dataset", "web"], "Did you mean 'shop-event'?"),
        (["ingest", "-", "--schema", "shop-event", "--dataset", "My Web"], "is no name of a dataset"),
        (
            ["ingest", "-", "--schema", "shop-event", "--dataset", "web", "--schemas", "nowhere"],
            "There is no schema file or folder",
        ),
        (["ingest", "-", "--schema", "shop-event", "--dataset", "web", "--hub", "http://127.0.0.1:9"], "No hub answers at"),
        (["datasets", "list", "--home", "nowhere"], "there are no datasets in nowhere"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RTML_HOME", str(tmp_path / "rtml"))
    found = cli(*words, stdin=lines([event(1)]))
    assert found.code == 2
    assert said in found.error


def test_wrong_questions_to_a_dataset_are_said(cli: Cli, tmp_path: Path) -> None:
    home = ("--home", tmp_path / "data")
    taken(cli, *home, content=[event(1)])
    for words, said in [
        (["read", "wbe"], "Did you mean 'web'?"),
        (["read", "web", "--where", "eventType"], "is no comparison"),
        (["read", "web", "--select", "a..b"], "is no path"),
        (["read", "web", "--sort", "]"], "is no path"),
        (["read", "web", "--to", tmp_path / "x.xlsx"], "expected .csv, .jsonl or .parquet"),
        (["export", "web", tmp_path / "no" / "x.jsonl"], "can't be written"),
    ]:
        found = cli("datasets", *words, *home)
        assert (found.code, said in found.error) == (2, True), found.err


def test_a_hub_gets_them_piece_by_piece_and_refused_ones_keep_their_numbers(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rtml_plugins.services.ingest._RECORDS", 4)
    documents: list[Any] = [event(number) for number in range(10)]
    documents[5] = event(5, eventType=7)
    documents[6] = b'{"a": NaN}'
    with hub(tmp_path / "hub") as running:
        arguments = ("--hub", running.url, "--threshold", "0.5", "--refused", tmp_path / "bad.jsonl")
        done = taken(cli, *arguments, content=documents, code=1)
        assert (done["read"], done["accepted"], done["refused_count"]) == (10, 8, 2)
        assert [(one["record"], one["problems"][0]["keyword"]) for one in done["refused"]] == [(6, "type"), (7, "json")]
        assert (tmp_path / "bad.jsonl").read_bytes() == lines([documents[5], documents[6]])
        again = taken(cli, "--hub", running.url, content=documents[:4])
        assert (again["accepted"], again["duplicates"]) == (0, 4)
        # the hub has the folder: this process may look, and is told not to write
        home = tmp_path / "hub" / "data"
        assert cli("datasets", "show", "web", "--home", home, "--json").json["records"] == 8
        assert "add --hub URL" in cli("ingest", "-", "--schema", "shop-event", "--dataset", "web", "--home", home).error
        assert "add --hub URL" in cli("datasets", "delete", "web", "--yes", "--home", home).error
        # a piece of which too many are refused ends it
        none = cli(
            "ingest", "-", "--schema", "shop-event", "--dataset", "web", "--hub", running.url, stdin=lines([event(20), {}])
        )
        assert none.code == 1
        assert "so none was taken. Record 2:" in none.error
        assert "8 records" in cli("datasets", "delete", "web", "--yes", "--hub", running.url).out
        assert "does not exist" in cli("datasets", "delete", "web", "--yes", "--hub", running.url).error


def test_no_progress_is_written_where_nobody_looks(cli: Cli, tmp_path: Path) -> None:
    found = cli("ingest", "-", "--schema", "shop-event", "--dataset", "web", "--home", tmp_path / "data", stdin=lines([event(1)]))
    assert (found.out, found.err) == ("1 record: 1 new in dataset 'web'\n", "")
