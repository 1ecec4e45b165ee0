"""Chosen paths of documents as columns, and what a schema adds."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rtml_core.errors import InputError, ParamError
from rtml_plugins.xdm.frames import to_documents, to_frame
from rtml_plugins.xdm.schema import builtin
from tests.unit.xdm import documents as anything
from tests.unit.xdm.documents import same

EVENTS: list[dict[str, Any]] = [
    {"zip": "02134", "items": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}], "big": 2**70, "null": None, "m": {"x": {"y": 1}}},
    {"zip": "1.10", "items": [], "m": {}},
]


def test_chosen_columns_keep_the_values_as_they_are() -> None:
    frame = to_frame(
        EVENTS, paths={"zip": "zip", "first": "items[0].sku", "all": "items", "big": "big", "null": "null", "m": "m"}
    )
    assert list(frame.columns) == ["zip", "first", "all", "big", "null", "m"]
    assert frame["zip"].tolist() == ["02134", "1.10"]
    assert frame["first"].isna().tolist() == [False, True]
    assert frame["all"][1] == []
    assert frame["big"][0] == 2**70
    assert frame["null"][0] is None
    assert frame["m"][0] == {"x": {"y": 1}}
    assert to_documents(to_frame(EVENTS, paths=["zip", "items", "big", "null", "m"])) == EVENTS


def test_chosen_columns_of_something_taken_or_of_a_type() -> None:
    frame = to_frame(
        [json.dumps(event) for event in EVENTS],
        paths={
            "n": {"path": "items", "take": "count"},
            "sum": {"path": "items[*].n", "take": "sum"},
            "last": {"path": "items[*].sku", "take": "last"},
            "max": {"path": "items[*].n", "take": "max", "type": "int?"},
            "any": {"path": "big", "take": "any"},
            "n0": {"path": "items[0].n", "type": "float?", "default": -1.0},
        },
    )
    assert frame["n"].tolist() == [2, 0]
    assert frame["sum"].tolist() == [3.0, 0.0]
    assert frame["last"].fillna("-").tolist() == ["b", "-"]
    assert frame["max"].fillna(-1).tolist() == [2, -1]
    assert frame["any"].tolist() == [True, False]
    assert frame["n0"].tolist() == [1.0, -1.0]


def test_what_a_path_does_not_fit_is_said_with_the_document() -> None:
    for paths in (["items.sku"], {"x": {"path": "items.sku", "take": "last"}}, {"x": {"path": "items.sku", "type": "string?"}}):
        with pytest.raises(InputError, match="/1/items: expected an object, got list"):
            to_frame([{}, *EVENTS], paths=paths)
    with pytest.raises(InputError, match="/0/zip: expected a list"):
        to_frame(EVENTS, paths=["zip[0]"])
    with pytest.raises(InputError, match="/0: expected a document"):
        to_frame([3], paths=["zip"])
    with pytest.raises(ParamError, match="needs a type"):
        to_frame(EVENTS, paths={"x": {"path": "items[*].n", "take": "max"}})


def test_maps_of_a_schema_are_cells_and_whole_numbers_come_back_from_floats() -> None:
    schema = builtin().get("shop-event")
    event = {
        "identityMap": {"Email": [{"id": "jo@x.com"}], "ECID": [{"id": "1"}]},
        "web": {"webPageDetails": {"name": "home", "pageViews": {"value": 1.0}}},
        "productListItems": [{"SKU": "a", "quantity": 2}],
    }
    other = {"productListItems": [{"SKU": "b"}]}
    frame = to_frame([event, other], schema=schema, arrays="index")
    assert list(frame.columns) == [
        "identityMap",
        "web.webPageDetails.name",
        "web.webPageDetails.pageViews.value",
        "productListItems[0].SKU",
        "productListItems[0].quantity",
    ]
    assert same(to_documents(frame, schema), [event, other])
    as_models_have_it = frame.astype({"productListItems[0].quantity": "float64"})
    assert same(to_documents(as_models_have_it, schema), [event, other])
    assert "identityMap.Email" in to_frame([event], schema=schema, maps="columns").columns


@example([{"\ud800": 1}, {"a": {"_\ud800": [None]}}], "cell")
@example([{"\ud800": {"a": 1}}], "index")
@given(st.lists(anything.documents, max_size=3), st.sampled_from(["cell", "index"]))
def test_with_a_schema_documents_come_back_too(documents: list[dict[str, Any]], arrays: Any) -> None:
    schema = builtin().get("shop-event")
    odd = [{**document, "productListItems": [{"quantity": 1.0}, {"quantity": 2}], "timestamp": 3.0} for document in documents]
    assert same(to_documents(to_frame(odd, schema=schema, arrays=arrays), schema), odd)
