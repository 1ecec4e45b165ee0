"""JsonToDataframe: both documented forms of the payload, types read off it, and the request in its place."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import Graph
from rtml_core.columns import Field
from rtml_core.errors import InputError, ParamError
from rtml_plugins.encoders.fill_missing import FillMissing
from rtml_plugins.flow.json_to_dataframe import JsonToDataframe

FRAME = pd.DataFrame({"age": [41, 7], "brand": ["VW", None], "leasing": [True, False], "price": [1.5, np.nan]})


@pytest.mark.parametrize("orient", ["columns", "index-less", "records", "one row", "lists"])
def test_every_form_of_the_payload_gives_the_same_frame(orient: str) -> None:
    payload: Any = {
        "columns": FRAME.to_json(),
        "index-less": json.loads(FRAME.to_json()),
        "records": FRAME.to_json(orient="records"),
        "one row": FRAME.head(1).to_json(orient="records")[1:-1],
        "lists": json.loads(FRAME.to_json(orient="records")),
    }[orient]
    frame = JsonToDataframe(params={"json_payload": payload}).process(None, 1).data
    assert frame["age"].tolist()[:1] == [41.0]
    assert frame.columns.tolist() == FRAME.columns.tolist()
    assert [str(d) for d in frame.dtypes] == ["float64", "str", "bool", "float64"]
    if orient != "one row":
        assert frame["brand"].isna().tolist() == [False, True]


def test_the_documented_call_works() -> None:
    """json.dumps({"col": {0: v}}): whole-number keys become texts."""
    payload = json.dumps({"sepal_length": {0: 5.8}, "sepal_width": {0: 2.7}})
    frame = JsonToDataframe(params={"json_payload": payload}).process(None).data
    assert frame.to_numpy().tolist() == [[5.8, 2.7]]


def test_fields_read_off_the_payload_may_be_null_and_numbers_are_floats() -> None:
    source = JsonToDataframe(json_payload=FRAME.to_json())
    assert source.source_fields() == (
        Field("age", "float", True),
        Field("brand", "string", True),
        Field("leasing", "bool", True),
        Field("price", "float", True),
    )
    assert JsonToDataframe(json_payload='[{"x": null}]').source_fields() == (Field("x", "float", True),)


def test_a_schema_says_it_more_narrowly() -> None:
    source = JsonToDataframe(json_payload='[{"n": 3, "t": "2020-01-01"}]', schema={"n": "int", "t": "timestamp"})
    frame = source.process().data
    assert [str(d) for d in frame.dtypes] == ["int64", "datetime64[us]"]
    with pytest.raises(InputError, match=r"/0/n: expected a whole number, got number 3\.5"):
        JsonToDataframe(json_payload='[{"n": 3.5}]', schema={"n": "int"}).process()


def test_rows_and_columns_with_gaps_are_filled_with_null() -> None:
    by_row = JsonToDataframe(json_payload=[{"a": 1}, {"b": "x"}]).process().data
    by_column = JsonToDataframe(json_payload={"a": {"0": 1}, "b": {"1": "x"}}).process().data
    pd.testing.assert_frame_equal(by_row, by_column)
    assert by_row.isna().to_numpy().tolist() == [[False, True], [True, False]]


def test_the_request_replaces_the_payload() -> None:
    fill = FillMissing(cols="age", strategy="constant", value=7)
    graph = Graph.start(JsonToDataframe(json_payload='{"age": {"0": 41}}')) >> fill
    assert graph.run()["age"].tolist() == [41.0]
    assert graph.run(pd.DataFrame({"age": [np.nan]}))["age"].tolist() == [7.0]
    package = graph.compile()
    assert package.score([{"age": None}, {"age": 3}]) == [{"age": 7.0}, {"age": 3.0}]
    with pytest.raises(InputError, match="did you mean 'age'"):
        package.score({"agee": 1})


def test_extra_fields_can_be_ignored() -> None:
    package = Graph.start(JsonToDataframe(json_payload='[{"a": 1}]', extra="ignore")).compile()
    assert package.score({"a": 2, "z": 1}) == {"a": 2.0}


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "parameter 'json_payload' is missing"),
        ({"json_payload": "{'a': 1}"}, "it is not JSON: Expecting property name enclosed in double quotes: line 1 column 2"),
        ({"json_payload": "3"}, 'must be JSON of columns, e.g. \'{"age": {"0": 41}}\' (frame.to_json()), or of rows'),
        ({"json_payload": "[]"}, "got nothing: []"),
        ({"json_payload": "[1, 2]"}, "got [1, 2]"),
        ({"json_payload": {"a": [1], "b": [1, 2]}}, "must have columns of one length; got {'a': 1, 'b': 2}"),
        ({"json_payload": [{"a": 1}, {"a": "x"}]}, "'a' has values of several kinds: [1, 'x']"),
        ({"json_payload": [{"a": {"b": 1}}, {"a": 2}]}, "'a' has nested values: {'b': 1}"),
        ({"json_payload": [{"a": True}, {"a": 2}]}, "'a' has values of several kinds: [True, 2]"),
        ({"json_payload": '[{"a": 1}]', "schema": {"a": "number"}}, "parameter 'schema': field 'a' must have one of the types"),
        ({"json_payload": 3}, "must be JSON of columns"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        JsonToDataframe(params)
    assert words in str(caught.value)
    assert str(caught.value).startswith("JsonToDataframe: ")
