"""platform_sdk: datasets of a hub read and written by documented code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from platform_sdk.client_context import ClientContext
from platform_sdk.dataset_reader import DatasetReader
from platform_sdk.dataset_writer import DatasetWriter
from platform_sdk.errors import PlatformSdkError
from platform_sdk.models import Dataset

from rtml_core.client import Client, ClientError
from rtml_core.errors import RtmlError
from rtml_plugins.up.embedded import Embedded

from .tutorials.notebook import shell

EVENTS: list[dict[str, Any]] = [
    {"_id": "a", "timestamp": "2026-03-01T10:00:00Z", "eventType": "view", "_acme": {"visitor": {"ecid": "1"}, "spent": 2.5}},
    {"_id": "b", "timestamp": "2026-03-02T10:00:00Z", "eventType": "buy", "_acme": {"visitor": {"ecid": "2"}, "spent": 40}},
    {"_id": "c", "timestamp": "2026-03-03T01:00:00+13:00", "eventType": "buy", "_acme": {"visitor": {"ecid": "1"}, "spent": 7}},
    {"_id": "d", "timestamp": "2026-03-04T10:00:00Z", "eventType": "view", "_acme": {"visitor": {"ecid": "3"}}},
    {"_id": "e", "timestamp": "2026-03-05T10:00:00Z", "eventType": "say \"hi\" or ''", "_acme": {"spent": 7}},
]
#: 2,600 events, of which 1,500 in the middle are of one moment
MANY = [
    {
        "_id": f"{number:04}",
        "timestamp": "2026-03-01T12:00:00Z"
        if 500 <= number < 2000
        else f"2026-03-0{1 + (number > 1000)}T10:{number % 60:02}:00Z",
        "eventType": "view" if number % 3 else "buy",
        "_acme": {"spent": (number * 37) % 100},
    }
    for number in range(2600)
]


@pytest.fixture(scope="module")
def context(machine: Embedded) -> Iterator[ClientContext]:
    client = Client(hub=machine.hub)
    client.ingest(EVENTS, schema="shop-event", dataset="reader-web")
    client.ingest(MANY, schema="shop-event", dataset="reader-many")
    yield ClientContext("a key", org_id="an org", user_token="a token", service_token="another", hub=machine.hub)
    client.delete_dataset("reader-web")
    client.delete_dataset("reader-many")


@pytest.fixture
def reader(context: ClientContext) -> DatasetReader:
    return DatasetReader(context, "reader-web")


def ids(reader: DatasetReader) -> str:
    return "".join(reader.read()["_id"])


def test_a_dataset_is_a_frame_with_dotted_columns(reader: DatasetReader) -> None:
    frame = reader.read()
    assert set(frame.columns) == {"_id", "timestamp", "eventType", "_acme.visitor.ecid", "_acme.spent"}
    assert frame["_acme.visitor.ecid"].tolist()[:3] == ["1", "2", "1"]
    assert frame["_acme.spent"].dropna().tolist() == [2.5, 40, 7, 7]


def test_limit_offset_select_and_sort_as_documented(reader: DatasetReader) -> None:
    assert ids(reader.limit(2)) == "ab"
    assert ids(reader.limit(2).offset(1)) == "bc"
    assert ids(reader.sort([("_acme.spent", "asc"), ("_id", "desc")])) == "aecbd"
    assert ids(reader.sort([("timestamp", "desc")]).offset(1).limit(3)) == "dcb"
    frame = reader.select(["_acme.spent", "timestamp"]).where(reader["_id"].eq("b")).read()
    assert frame.to_dict("list") == {"_acme.spent": [40], "timestamp": ["2026-03-02T10:00:00Z"]}
    assert reader.limit(0).read().empty


def test_a_reader_stays_as_it_is(reader: DatasetReader) -> None:
    reader.limit(1).where(reader["_id"].eq("b"))
    assert ids(reader) == "abcde"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (lambda r: r["timestamp"].gt("2026-03-02 10:00:00").And(r["timestamp"].lt("2026-03-05 00:00:00")), "cd"),
        (
            lambda r: r["timestamp"].ge(datetime(2026, 3, 2, 10)).And(r["timestamp"].le(datetime(2026, 3, 4, 10, tzinfo=UTC))),
            "bcd",
        ),
        (lambda r: r["timestamp"].ge(date(2026, 3, 4)), "de"),
        (lambda r: r["timestamp"].lt(pd.Timestamp("2026-03-02")), "a"),
        (lambda r: r["eventType"].eq("buy"), "bc"),
        (lambda r: r["eventType"].ne("buy"), "ade"),
        (lambda r: r["eventType"].eq("say \"hi\" or ''"), "e"),
        (lambda r: r["_acme.spent"].eq(np.float64(7)), "ce"),
        (lambda r: r["_acme.spent"].gt(np.int64(7)), "b"),
        (lambda r: r["_acme.visitor.ecid"].In(["1", "3"]), "acd"),
        (lambda r: r["_acme.visitor.ecid"].In(np.array(["2"], dtype=object)), "b"),
        (lambda r: r["_id"].eq("a").Or(r["_id"].eq("b")).Or(r["_id"].eq("e")), "abe"),
        (lambda r: r["eventType"].eq("buy").And(r["_acme.spent"].lt(10)).Or(r["_id"].eq("a")), "ac"),
        (lambda r: r["eventType"].eq("buy").And(r["_acme.spent"].lt(10).Or(r["_acme.spent"].gt(30))), "bc"),
        (lambda r: r["timestamp"].lt("2026-03-02").Or(r["timestamp"].ge("2026-03-05")), "ae"),
        (lambda r: r["_acme.spent"].eq("7"), ""),
    ],
)
def test_conditions(reader: DatasetReader, said: Any, expected: str) -> None:
    assert ids(reader.where(said(reader))) == expected if expected else reader.where(said(reader)).read().empty


def test_conditions_given_one_after_the_other_all_hold(reader: DatasetReader) -> None:
    assert ids(reader.where(reader["eventType"].eq("buy")).where(reader["_acme.spent"].gt(10))) == "b"
    assert ids(reader.where(reader["eventType"].eq("buy"), reader["_acme.spent"].lt(10))) == "c"


@pytest.mark.parametrize(
    ("change", "rows"),
    [
        (lambda r: r, slice(None)),
        (lambda r: r.limit(2100), slice(2100)),
        (lambda r: r.offset(700).limit(1400), slice(700, 2100)),
        (lambda r: r.offset(2500), slice(2500, None)),
    ],
)
def test_more_than_a_hub_gives_at_a_time_comes_whole_and_in_order(context: ClientContext, change: Any, rows: slice) -> None:
    in_order = sorted(MANY, key=lambda one: str(one["timestamp"]))  # sorted() keeps equal ones in order, as the hub does
    for select in (None, ["_id"]):
        reader = change(DatasetReader(context, "reader-many"))
        frame = (reader.select(select) if select else reader).read()
        assert frame["_id"].tolist() == [one["_id"] for one in in_order][rows]


def test_a_long_dataset_is_chosen_from_and_sorted(context: ClientContext) -> None:
    reader = DatasetReader(context, "reader-many")
    few = reader.where(reader["eventType"].eq("buy")).sort([("_acme.spent", "desc"), ("_id", "asc")]).select(["_id"])
    expected = [
        one["_id"]
        for one in sorted(
            (one for one in MANY if one["eventType"] == "buy"), key=lambda one: (-one["_acme"]["spent"], one["_id"])
        )
    ]
    assert few.read()["_id"].tolist() == expected
    assert few.limit(50).read()["_id"].tolist() == expected[:50]
    assert few.offset(860).read()["_id"].tolist() == expected[860:]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda r: r.limit("5"), "limit.. takes a whole number"),
        (lambda r: r.offset(-1), "0 or more"),
        (lambda r: r.select("timestamp"), "select.. takes a list"),
        (lambda r: r.sort("timestamp"), "sort.. takes a list"),
        (lambda r: r.sort([("timestamp", "up")]), "'asc' or 'desc'"),
        (lambda r: r.where("timestamp > 3"), "expected a condition such as"),
        (lambda r: r["_id"].In("ab"), "takes a list"),
        (lambda r: r["_id"].eq(r["timestamp"]), "compare in the frame"),
        (lambda r: r["_acme.spent"].gt(float("nan")), "which no record holds"),
        (lambda r: r["_id"].eq(object()), "a text, a number, a boolean or a time"),
        (lambda r: r["_id"].eq("a") and r["_id"].eq("b"), "join conditions with And.. and Or"),
        (lambda r: r[3], "a column is named by a text"),
        (lambda r: r["a..b"], "is no path"),
        (lambda r: r.where(r["_id"].In([f"{n:08}" for n in range(2000)])).read(), "fewer values"),
    ],
)
def test_what_is_wrong_is_said(reader: DatasetReader, wrong: Any, words: str) -> None:
    with pytest.raises(RtmlError, match=words):
        wrong(reader)


def test_a_dataset_that_is_not_there_is_said_with_those_that_are(context: ClientContext) -> None:
    for asked in (
        lambda: DatasetReader(context, "reader-wab").read(),
        lambda: Dataset(context).get_by_id("reader-wab"),
        lambda: DatasetWriter(context, "reader-wab"),
    ):
        with pytest.raises(PlatformSdkError, match=r"Did you mean 'reader-web'\?.*rtml ingest FILE"):
            asked()
    with pytest.raises(PlatformSdkError, match="client context comes first"):
        DatasetReader("an id", "reader-web").read()


def test_what_is_written_can_be_read(context: ClientContext, machine: Embedded) -> None:
    Client(hub=machine.hub).ingest(EVENTS[:1], schema="shop-event", dataset="reader-written")
    dataset = Dataset(context).get_by_id("reader-written")
    assert (dataset.id, dataset.name) == ("reader-written", "reader-written")
    frame = pd.DataFrame(
        {
            "_id": ["x", "y"],
            "timestamp": pd.to_datetime(["2026-04-01T00:00:00Z", "2026-04-02T00:00:00Z"]),
            "eventType": "buy",
            "_acme.spent": [1.5, np.nan],
        }
    )
    tracker = DatasetWriter(context, dataset).write(frame, file_format="json")
    assert (tracker.written, tracker.known) == (2, 0)
    assert DatasetWriter(context, "reader-written").write(frame, "parquet").known == 2
    read = DatasetReader(context, dataset_id="reader-written").read()
    assert read["_id"].tolist() == ["a", "x", "y"]
    assert read["_acme.spent"].isna().tolist() == [False, False, True]
    with pytest.raises(ClientError, match="records do not fit the schema"):
        DatasetWriter(context, dataset).write(frame.assign(_id=["n", "m"], eventType=[3, "buy"]))
    assert len(DatasetReader(context, "reader-written").read()) == 3
    with pytest.raises(PlatformSdkError, match="'json' or 'parquet'"):
        DatasetWriter(context, dataset).write(frame, file_format="csv")
    Client(hub=machine.hub).delete_dataset("reader-written")


def test_the_hub_is_the_one_of_edge_utils(machine: Embedded, monkeypatch: pytest.MonkeyPatch, set_up: Any) -> None:
    monkeypatch.setenv("RTML_HUB", "http://127.0.0.1:9")
    set_up(hub=machine.hub)
    context = ClientContext()
    assert repr(context) == "<ClientContext, not connected yet>"
    assert context.client.hub == machine.hub
    assert machine.hub in repr(context)


def test_a_notebook_has_the_documented_variable(context: ClientContext, hub: str, tmp_path: Path) -> None:
    with shell(tmp_path) as running:
        running.run_cell("from platform_sdk.dataset_reader import DatasetReader").raise_error()
        running.run_cell("frame = DatasetReader(PLATFORM_SDK_CLIENT_CONTEXT, 'reader-web').limit(2).read()").raise_error()
        assert running.user_ns["frame"]["_id"].tolist() == ["a", "b"]
    with shell(tmp_path) as running:
        running.run_cell("PLATFORM_SDK_CLIENT_CONTEXT = 'mine'\nimport platform_sdk").raise_error()
        assert running.user_ns["PLATFORM_SDK_CLIENT_CONTEXT"] == "mine"
