"""Scoring data, by column, as what is sent."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rtml_aep.scoring import location, payload_of, split_location

from rtml_core.client import ClientError


@pytest.mark.parametrize(
    "data",
    [
        {"age": {0: 41, 1: 7}, "brand": {0: "VW", 1: None}},
        {"age": {"0": 41, "1": 7}, "brand": {"0": "VW", "1": None}},
        {"age": {0: 41, 1: 7}, "brand": {"0": "VW"}},
        {"age": {17: 41, 4: 7}, "brand": {17: "VW"}},
        {"age": {"first": 41, "second": 7}, "brand": {"first": "VW", "second": math.nan}},
        {"age": [41, 7], "brand": ["VW", None]},
        json.dumps({"age": {0: 41, 1: 7}, "brand": {0: "VW", 1: None}}),
        pd.DataFrame({"age": [41, 7], "brand": ["VW", None]}, index=[5, 3]),
        {"age": np.array([41.0, 7.0]), "brand": pd.Series(["VW", None])},
        {"age": {np.int64(0): np.int64(41), np.int64(1): np.float64(7)}, "brand": {0: "VW", 1: pd.NA}},
    ],
)
def test_rows_are_numbered_in_their_order_and_what_is_missing_is_null(data: Any) -> None:
    assert payload_of(data) == {"age": {"0": 41, "1": 7}, "brand": {"0": "VW", "1": None}}


def test_one_row_may_be_given_as_it_is() -> None:
    assert payload_of({"age": 41, "brand": "VW"}) == {"age": {"0": 41}, "brand": {"0": "VW"}}


def test_times_are_sent_as_texts() -> None:
    frame = pd.DataFrame({"seen": pd.to_datetime(["2026-01-02T10:15:00", None])})
    assert payload_of(frame.to_dict()) == {"seen": {"0": "2026-01-02T10:15:00", "1": None}}
    assert payload_of({"seen": {0: np.datetime64("2026-01-02T10:15:00")}}) == {"seen": {"0": "2026-01-02T10:15:00"}}


rows = st.dictionaries(st.integers(0, 99), st.one_of(st.none(), st.integers(-9, 9), st.text(max_size=3)), min_size=1, max_size=4)


@given(st.dictionaries(st.text(min_size=1, max_size=3), rows, min_size=1, max_size=3))
def test_rows_are_those_that_pandas_makes_of_it_and_the_payload_is_json(data: dict[str, dict[int, Any]]) -> None:
    payload = payload_of(data)
    assert json.loads(json.dumps(payload)) == payload
    frame = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in data.items()})
    for name, column in payload.items():
        expected = [None if pd.isna(value) else value for value in frame[name]]
        assert sorted(map(str, column.values())) == sorted(map(str, expected))
        assert list(column) == [str(number) for number in range(len(frame))]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, r'scoring_data must be columns of rows, {"sepal_length": {0: 5.8}, ...}; got {}'),
        ([{"age": 1}], "scoring_data must be columns of rows"),
        (41, "scoring_data must be columns of rows"),
        ("{", "the text given is not JSON"),
        ({"age": {0: 1}, "brand": "VW"}, "column 'age' is {0: 1}, and column 'brand' is 'VW'"),
        ({"age": {0: 1}, "brand": ["VW"]}, "column 'age' is {0: 1}, and column 'brand' is ['VW']"),
        ({"age": [1, 2], "brand": ["VW"]}, "must have the same number of rows; got {'age': 2, 'brand': 1}"),
        ({"age": {0: 1, "0": 2}}, "column 'age' of scoring_data has a row twice, by a number and by its text"),
        ({"age": {0: 1, 1: math.inf}}, "column 'age', row 1: the number is infinite"),
    ],
)
def test_what_is_no_scoring_data_is_refused(data: Any, message: str) -> None:
    with pytest.raises(ClientError) as refused:
        payload_of(data)
    assert message in str(refused.value)


def test_a_location_is_taken_apart_again() -> None:
    assert location("http://127.0.0.1:8001", "aep-1") == "http://127.0.0.1:8001/v1/services/aep-1/predict"
    assert split_location("http://127.0.0.1:8001/v1/services/aep-1/predict") == ("http://127.0.0.1:8001", "aep-1")
    assert split_location("http://127.0.0.1:8001/") == ("http://127.0.0.1:8001", None)


@pytest.mark.parametrize("text", ["", "127.0.0.1:8001", "ftp://here", None, 5])
def test_what_is_no_location_is_refused(text: Any) -> None:
    with pytest.raises(ClientError, match="edge_location must be what publish_to_edge gave, an address; got"):
        split_location(text)
