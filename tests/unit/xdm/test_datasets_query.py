"""Reading datasets by comparisons, in an order, some columns."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from rtml_core.timestamps import parse_timestamp
from rtml_plugins.xdm.datasets import Datasets
from rtml_plugins.xdm.datasets_batch import Incoming
from rtml_plugins.xdm.datasets_folder import DatasetError
from rtml_plugins.xdm.datasets_query import Where, column_values, find
from rtml_plugins.xdm.paths import PathError

RECORDS: list[dict[str, Any]] = [
    {
        "_id": "a",
        "timestamp": "2026-03-01T00:00:00Z",
        "kind": "view",
        "price": 2,
        "zip": "02134",
        "at": "2026-03-01T12:00:00+13:00",
    },
    {"_id": "b", "timestamp": "2026-03-02T00:00:00Z", "kind": "buy", "price": 10.5, "items": [{"SKU": "1"}, {"SKU": "2"}]},
    {"_id": "c", "timestamp": "2026-03-02T13:00:00+13:00", "kind": "buy", "price": "10", "flag": True},
    {"_id": "d", "timestamp": "2026-03-03T00:00:00Z", "price": None, "a.b": {"c:d": 1}, "at": "2026-02-28T23:00:00Z"},
    {"_id": "e", "timestamp": "2026-03-04T00:00:00Z", "kind": "view", "price": True, "big": 2**60 + 1},
]


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datasets]:
    folder: Path = tmp_path_factory.mktemp("datasets")
    with Datasets(folder) as opened:
        opened.create("web", "urn:event")
        for some in (RECORDS[:2], RECORDS[2:]):
            opened.append(
                "web", [Incoming(msgspec.json.encode(one), one["_id"], parse_timestamp(one["timestamp"])) for one in some]
            )
        yield opened


def found(datasets: Datasets, **asked: Any) -> str:
    return "".join(one.id or "" for one in find(datasets, "web", **asked))


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ([], "abcde"),
        ("kind = view", "ae"),
        ('kind == "view"', "ae"),
        ("kind != view", "bcd"),
        ("price > 1", "ab"),
        ("price <= 2.0", "a"),
        ("price = true", "e"),
        ('price = "10"', "c"),
        ("price = null", "d"),
        ('zip = "02134"', "a"),
        ("zip = 02134", "a"),  # no JSON number, so it is the text
        ("zip = 2134", ""),
        ("big = 1152921504606846977", "e"),
        ("big > 1152921504606846976", "e"),
        ("kind exists", "abce"),
        ("kind exists false", "d"),
        ('kind in ["buy", "x"]', "bc"),
        ("price in [2, 10.5]", "ab"),
        ('items[0].SKU = "1"', "b"),
        ('items[-1].SKU = "2"', "b"),
        ("items[5].SKU exists", ""),
        ("a~.b.c:d = 1", "d"),
        (["kind = buy", "price > 1"], "b"),
        (("kind = buy", ("price", ">", 1)), "b"),
        # moments, whatever their offsets
        ("timestamp >= 2026-03-02", "bcde"),
        ("timestamp < 2026-03-02T00:00:00Z", "a"),
        ("timestamp = 2026-03-02T00:00:00.000Z", "bc"),
        ("timestamp != 2026-03-02", "ade"),
        (["timestamp > 2026-03-01", "timestamp <= 2026-03-03"], "bcd"),
        ("at = 2026-02-28T23:00:00Z", "ad"),
        ("at > 2026-03-01", ""),
        # groups
        ({"or": ["kind = buy", ("price", "=", True)]}, "bce"),
        ('{"or": ["kind = buy", ["price", "=", true]]}', "bce"),
        ({"and": ["kind = buy", "price > 1"]}, "b"),
        (["kind exists", {"or": ["price = 2", {"and": ["kind = buy", "flag = true"]}]}], "ac"),
        ({"or": ["timestamp < 2026-03-02", "timestamp >= 2026-03-04"]}, "ae"),
        ({"or": ["timestamp = 2026-03-03", "kind = view"]}, "ade"),
        ({"and": [{"or": ["timestamp > 2026-03-01", "timestamp > 2026-03-02"]}, "timestamp < 2026-03-04"]}, "bcd"),
    ],
)
def test_comparisons(datasets: Datasets, where: Where, expected: str) -> None:
    assert found(datasets, where=where) == expected


@pytest.mark.parametrize(
    "where",
    [
        "kind",
        "kind ~ x",
        "kind in view",
        "kind exists maybe",
        [("kind", "=")],
        [("kind", "like", "x")],
        "= 3",
        {},
        {"not": ["kind = view"]},
        {"or": []},
        {"or": "kind = view"},
        '{"or": ["kind"]}',
        {"and": ["kind = view"], "or": ["kind = buy"]},
        '{"and":[' * 30 + '"kind = view"' + "]}" * 30,
    ],
)
def test_what_is_no_comparison_is_said(datasets: Datasets, where: Any) -> None:
    with pytest.raises(DatasetError):
        found(datasets, where=where)


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("timestamp", "abcde"),
        ("-timestamp", "edbca"),  # b and c are one moment
        ("price", "eabcd"),  # numbers, then texts, then nothing
        ("-price", "baecd"),
        (["kind", "-timestamp"], "bcead"),
        ("at", "adbce"),
        ("items", "bacde"),
    ],
)
def test_orders(datasets: Datasets, sort: Any, expected: str) -> None:
    assert found(datasets, sort=sort) == expected
    for limit in range(6):
        for offset in range(3):
            assert found(datasets, sort=sort, limit=limit, offset=offset) == expected[offset : offset + limit]


def test_limit_and_offset_are_of_what_was_chosen(datasets: Datasets) -> None:
    assert found(datasets, where="kind exists", limit=2, offset=1) == "bc"
    assert found(datasets, limit=0) == ""
    with pytest.raises(DatasetError, match="0 or more"):
        found(datasets, limit=-1)


def test_a_frame_has_the_columns_that_were_asked_for_with_their_own_types(datasets: Datasets) -> None:
    frame = datasets.read("web", select=["_id", "zip", "big"], where="zip exists", sort="-_id")
    assert list(frame.columns) == ["_id", "zip", "big"]
    assert frame["zip"].tolist() == ["02134"]
    whole = datasets.read("web", limit=2)
    assert whole["_id"].tolist() == ["a", "b"]
    assert {"kind", "price", "timestamp"} <= set(whole.columns)


def test_values_at_paths() -> None:
    chosen = column_values(["items[0].SKU", "zip", "a~.b"])
    assert chosen is not None
    assert [chosen(one) for one in RECORDS] == [{"zip": "02134"}, {"items[0].SKU": "1"}, {}, {"a~.b": {"c:d": 1}}, {}]
    assert column_values([]) is None
    with pytest.raises(PathError):
        column_values(["a..b"])


def test_a_range_of_time_reads_only_parts_of_that_time(datasets: Datasets, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    import rtml_plugins.xdm.datasets as module

    real = module.rows_of
    monkeypatch.setattr(module, "rows_of", lambda path, *given: (opened.append(path), real(path, *given))[1])
    assert found(datasets, where=["timestamp >= 2026-03-03"]) == "de"
    assert len(opened) == 1
    assert found(datasets, where={"or": ["timestamp >= 2026-03-04", {"and": ["timestamp > 2026-03-03"]}]}) == "e"
    assert len(opened) == 2
