"""Documents as frames and back: nothing is lost, guessed or changed."""

from __future__ import annotations

import copy
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.errors import InputError, JsonError, RtmlError
from rtml_plugins.xdm.frames import to_documents, to_frame
from rtml_plugins.xdm.paths import PathError, split
from tests.unit.xdm.documents import documents, same, values


@given(st.lists(documents, max_size=4), st.sampled_from(["cell", "index"]))
def test_documents_come_back_as_they_were(given_documents: list[dict[str, Any]], arrays: Any) -> None:
    before = copy.deepcopy(given_documents)
    back = to_documents(to_frame(given_documents, arrays=arrays))
    assert same(back, before)
    assert same(given_documents, before)


@given(st.lists(st.fixed_dictionaries({}, optional={"items": values, "a": values}), max_size=4))
def test_documents_come_back_from_a_row_for_each_element(given_documents: list[dict[str, Any]]) -> None:
    frame = to_frame(given_documents, arrays={"items": "explode"}, maps={"a": "cell"})
    assert same(to_documents(frame), given_documents)
    lengths = [len(d["items"]) if isinstance(d.get("items"), list) else 0 for d in given_documents]
    assert len(frame) == sum(max(length, 1) for length in lengths)


@given(st.lists(documents, min_size=1, max_size=3))
def test_texts_of_documents_are_read_as_documents(given_documents: list[dict[str, Any]]) -> None:
    texts = [json.dumps(document) for document in given_documents]
    assert same(to_documents(to_frame(texts)), [json.loads(text) for text in texts])


def test_columns_and_dtypes() -> None:
    frame = to_frame(
        [
            {
                "zip": "02134",
                "web": {"name": "home", "views": 1.0},
                "n": 1,
                "ok": True,
                "tags": ["a"],
                "big": 2**64,
                "when": "2026-01-01",
            },
            {
                "zip": "1.10",
                "web": {"name": "cart", "views": 2.0},
                "n": 2,
                "ok": None,
                "tags": [],
                "mixed": 1,
                "some": 3,
                "was": False,
            },
            {"zip": "true", "web": {"views": 3.0}, "n": 3, "mixed": 2.5},
        ]
    )
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == {
        "zip": "str",
        "web.name": "str",
        "web.views": "float64",
        "n": "int64",
        "ok": "object",
        "tags": "object",
        "big": "object",
        "when": "str",
        "mixed": "object",
        "some": "Int64",
        "was": "boolean",
    }
    assert frame["zip"].tolist() == ["02134", "1.10", "true"]
    assert frame["big"][0] == 18446744073709551616
    assert frame["ok"].tolist()[:2] == [True, None]
    assert frame["some"].isna().tolist() == [True, False, True]


def test_names_of_columns_are_paths() -> None:
    document = {"identityMap": {"Email": [{"id": "jo@x.com"}]}, "prefs": {"https://ns.adobe.com/a": 1}, "d": {"7": {"": 2}}}
    frame = to_frame([document], arrays="index")
    assert list(frame.columns) == ["identityMap.Email[0].id", "prefs.https://ns~.adobe~.com/a", "d.7.~_"]
    assert [split(name) for name in frame.columns][2] == ["d", "7", ""]


def test_maps_are_cells_where_they_are_named() -> None:
    document = {"segmentMembership": {"ups": {"a": {"status": "realized"}}}, "web": {"a": {"b": 1}}}
    frame = to_frame([document], maps={"segmentMembership": "cell", "web.a": "cell"})
    assert list(frame.columns) == ["segmentMembership", "web.a"]
    assert to_documents(frame) == [document]


def test_an_index_of_elements_by_path() -> None:
    document = {"a": [1, 2], "b": [{"c": [3]}]}
    assert list(to_frame([document], arrays={"b": "index", "b[0].c": "index"}).columns) == ["a", "b[0].c[0]"]


def test_no_documents() -> None:
    assert to_frame([]).shape == (0, 0)
    assert to_documents(to_frame([{}, {}])) == [{}, {}]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "/0: expected a document: an object"),
        ({"a": {"b": float("nan")}}, "/0/a/b: expected a JSON value"),
        ({"a": [1.0, {"b": float("inf")}]}, "/0/a/1/b: expected a JSON value"),
        ({"a": [float("nan"), None]}, "/0/a/0: expected a JSON value"),
        ({"a": (1, 2)}, "/0/a: expected a JSON value"),
        ({"a": {1: 2}}, "/0/a: expected a JSON value"),
        ({"a": [{1: 2}]}, "/0/a/0: expected a JSON value"),
        ({"a": b"x"}, "/0/a: expected a JSON value"),
        ({"a": np.float64(1)}, "/0/a: expected a JSON value"),
    ],
)
def test_what_is_no_document(document: Any, said: str) -> None:
    with pytest.raises(InputError) as error:
        to_frame([document])
    assert str(error.value).startswith(said)


@pytest.mark.parametrize("inner", [lambda value: {"a": value}, lambda value: [value]])
@pytest.mark.parametrize("arrays", ["cell", "index"])
def test_documents_that_nest_too_deeply_are_refused(inner: Any, arrays: Any) -> None:
    def deep(levels: int) -> dict[str, Any]:
        value: Any = 1
        for _ in range(levels - 1):
            value = inner(value)
        return {"a": value}

    assert same(to_documents(to_frame([deep(199)], arrays=arrays)), [deep(199)])
    for levels in (202, 5000):
        with pytest.raises(InputError, match="nested at most 200 levels deep"):
            to_frame([deep(levels)], arrays=arrays)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 2}', "each name once in an object"),
        (b'{"a": "\xff"}', "the byte 0xff"),
        ('{"a": NaN}', "NaN, which is no JSON"),
        ('{"a": "\\u0022", "b": "\\u0022", "c": 1, "c": 2}', "each name once in an object"),
        ("", "an empty body"),
        ("[" * 500_000, "nested too deeply"),
    ],
)
def test_texts_that_are_no_document(text: Any, said: str) -> None:
    with pytest.raises((InputError, JsonError), match=said) as error:
        to_frame([{}, text])
    assert error.value.problems[0].at.startswith("/1")


def test_a_map_of_many_keys_is_no_object(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rtml_plugins.xdm.flattening.MOST_CELLS", 100)
    made = [{"m": {str(row): 1}} for row in range(20)]
    with pytest.raises(InputError, match=r"at most 5 different paths in 20 documents \(name the maps"):
        to_frame(made)
    assert to_documents(to_frame(made, maps={"m": "cell"})) == made


@pytest.mark.parametrize(
    "options",
    [
        {"arrays": "rows"},
        {"arrays": {"a": "count"}},
        {"maps": {"a": "index"}},
        {"arrays": {"a": "explode", "b": "explode"}},
        {"maps": 3},
    ],
)
def test_options_that_say_nothing(options: Any) -> None:
    with pytest.raises(RtmlError, match=r"^(arrays|maps)"):
        to_frame([{}], **options)


def test_frames_of_other_makers_become_documents() -> None:
    frame = pd.DataFrame(
        {
            "when": pd.to_datetime(["2026-01-31T10:15:00.5", None]),
            "there": pd.to_datetime(["2026-01-31T10:15:00+13:00", "2026-01-31T10:15:00+13:00"]),
            "n": np.array([1, 2], np.int32),
            "cells": [np.array([1, 2]), {"a": np.float64(1.5)}],
            "i[0]": [1.0, np.nan],
        }
    )
    assert to_documents(frame) == [
        {"when": "2026-01-31T10:15:00.500000Z", "there": "2026-01-30T21:15:00Z", "n": 1, "cells": [1, 2], "i": [1.0]},
        {"there": "2026-01-30T21:15:00Z", "n": 2, "cells": {"a": 1.5}},
    ]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"a": [1], "a.b": [2]}, "'a.b' alone"),
        ({"a[0]": [1], "a.b": [2]}, "'a.b' alone"),
        ({"a[1]": [1]}, r"something in 'a\[0\]'"),
        ({"a[-1]": [1]}, "an index from the end"),
        ({"a": [float("inf")]}, "a JSON value"),
        ({"a": [object()]}, "a JSON value"),
        ({"a[*].x": [1]}, "an index of document and element"),
        ({"a[*].x": [1], "a[0].x": [1]}, r"'a\[\*\]' alone"),
    ],
)
def test_frames_that_are_no_documents(columns: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        to_documents(pd.DataFrame(columns))


@pytest.mark.parametrize("names", [["a..b"], [""], ["[0]"], ["a", "a"], ["a[*]", "b[*]"], ["a", "~u0061"]])
def test_names_that_are_no_paths_of_fields(names: list[str]) -> None:
    with pytest.raises(PathError):
        to_documents(pd.DataFrame([[1] * len(names)], columns=names))


def test_a_row_shares_nothing_with_the_frame() -> None:
    frame = to_frame([{"a": [{"b": 1}]}])
    to_documents(frame)[0]["a"][0]["b"] = 2
    assert frame["a"][0] == [{"b": 1}]
