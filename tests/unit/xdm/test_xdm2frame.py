"""XDM2Frame: the same columns in training and at the boundary, by schema or by named types."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core import Graph, Runtime
from rtml_core import operators as op
from rtml_core.boundary import Parts, Source
from rtml_core.errors import ColumnError, ExecutionError, InputError, ParamError
from rtml_core.frames import to_carrier
from rtml_core.package import BoundaryEntry, FieldEntry
from rtml_core.runtime.signature import Signature
from rtml_plugins.xdm.boundary import xdm2frame
from rtml_plugins.xdm.schema import builtin, load
from rtml_plugins.xdm.xdm2frame import XDM2Frame
from tests.unit.xdm import documents as anything
from tests.unit.xdm.test_plan import choices, documents

PATHS: dict[str, Any] = {
    "views": {"path": "productListItems", "take": "count"},
    "page": "web.webPageDetails.name",
    "price": {"path": "commerce.order.priceTotal", "default": 0.0},
    "sku": "productListItems[-1].SKU",
    "total": {"path": "productListItems[*].priceTotal", "take": "sum"},
    "when": {"path": "timestamp"},
    "buys": {"path": "commerce.purchases", "take": "any"},
    "quantity": {"path": "productListItems[*].quantity", "take": "max"},
    "ecid": "identityMap.ECID[0].id",
}
EVENTS: list[dict[str, Any]] = [
    {
        "timestamp": "2026-01-31T10:15:00+13:00",
        "web": {"webPageDetails": {"name": "home"}},
        "productListItems": [{"SKU": "007", "priceTotal": 2, "quantity": 1}, {"SKU": "1.10", "priceTotal": 2.5, "quantity": 3}],
        "commerce": {"purchases": {"value": 1}, "order": {"priceTotal": 4.5}},
        "identityMap": {"ECID": [{"id": "38652"}]},
    },
    {"_id": "2"},
]


def source_of(operator: XDM2Frame) -> tuple[Source, list[FieldEntry]]:
    entries = [FieldEntry.of(field, None) for field in operator.source_fields()]
    names = tuple(entry.name for entry in entries)
    plan = json.loads(json.dumps(operator.boundary()))
    return xdm2frame(BoundaryEntry("x", "XDM2Frame", "source", names, plan, "xdm", "rtml", "1"), entries, {}), entries


def test_types_come_from_the_schema() -> None:
    operator = XDM2Frame(paths=PATHS, schema="shop-event")
    assert {field.name: field.spec for field in operator.source_fields()} == {
        "views": "int",
        "page": "string?",
        "price": "float",
        "sku": "string?",
        "total": "float",
        "when": "timestamp?",
        "buys": "bool",
        "quantity": "int?",
        "ecid": "string?",
    }
    frame = operator.process(EVENTS).data
    assert frame["views"].tolist() == [2, 0]
    assert frame["sku"][0] == "1.10"
    assert frame["price"].tolist() == [4.5, 0.0]
    assert frame["total"].tolist() == [4.5, 0.0]
    assert frame["when"][0] == pd.Timestamp("2026-01-30T21:15:00")
    assert frame["buys"].tolist() == [True, False]
    assert frame["quantity"][0] == 3.0
    assert frame.isna().iloc[1].tolist() == [False, True, False, True, False, True, False, True, True]
    kinds = ["int64", "str", "float64", "str", "float64", "datetime64[us]", "bool", "float64", "str"]
    assert list(map(str, frame.dtypes)) == kinds


def test_what_was_looked_up_in_the_schema_stays_in_the_document_of_the_graph() -> None:
    operator = XDM2Frame(paths=PATHS, schema=builtin().get("shop-event"))
    made = operator.to_json()
    assert made["paths"]["page"] == {"path": "web.webPageDetails.name", "type": "string?"}
    json.dumps(made)
    assert XDM2Frame(made).source_fields() == operator.source_fields()
    assert XDM2Frame(paths=made["paths"], schema="a schema that is gone").source_fields() == operator.source_fields()


def test_a_schema_of_ones_own(tmp_path: Any) -> None:
    document = {
        "$id": "https://x.example/own",
        "type": "object",
        "properties": {"zip": {"type": "string"}, "tags": {"type": "array", "items": {"type": "integer"}}},
    }
    paths = {"zip": "zip", "tags": {"path": "tags", "take": "max"}, "sum": {"path": "tags", "take": "sum"}}
    (tmp_path / "own.schema.json").write_text(json.dumps(document))
    for schema in (document, load(tmp_path).get("own")):
        assert [field.spec for field in XDM2Frame(paths=paths, schema=schema).source_fields()] == ["string?", "int?", "int"]


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"paths": {"a": "b"}}, "'a' needs a type, as no schema says which it has"),
        ({"paths": {"a": "b[*].c"}}, r"'a' has \[\*\], which stands for many values"),
        ({"paths": {"a": "web"}, "schema": "shop-event"}, "'web', of 'a', is of type object in the schema"),
        ({"paths": {"a": "web.nothing"}, "schema": "shop-event"}, "has nothing at 'web.nothing', of 'a': it has webPageDetails"),
        ({"paths": {"a": {"path": "b", "take": "cuont"}}}, "Did you mean 'count'"),
        ({"paths": {"a": {"path": "b", "typ": "int"}}}, "Did you mean 'type'"),
        ({"paths": {"a": {"path": "b", "type": "int", "take": "any"}}}, "'a' takes the any, which is bool"),
        ({"paths": {"a": {"path": "b", "type": "imt"}}}, "Did you mean 'int'"),
        ({"paths": {"a": {"path": "[0]", "type": "int"}}}, "'a' must begin with a key"),
        ({"paths": {"a": {"path": "", "type": "int"}}}, "'a' must begin with a key"),
        ({"paths": {"a": {"path": "b..c", "type": "int"}}}, "'a': 'b..c' is no path"),
        ({"paths": {"a": {"type": "timestamp", "default": "soon"}}}, "default must be an ISO timestamp"),
        ({"paths": {}}, "must be an object of columns and paths"),
        ({"paths": ["a", "a"], "schema": "shop-event"}, "must be an object of columns and paths"),
        ({"paths": {"a": 3}}, "'a' must be a path or an object"),
        ({"paths": {"a": "b"}, "schema": "no-such"}, "There is no schema 'no-such'"),
        ({"paths": {"a": "b"}, "schema": 3}, "must be the name of a schema"),
        ({"paths": {"event": {"type": "int"}}}, "parameter 'column' must be another name"),
    ],
)
def test_parameters_that_say_nothing_are_refused(params: dict[str, Any], said: str) -> None:
    with pytest.raises(ParamError, match=said):
        XDM2Frame(**params)


def test_events_come_in_many_forms() -> None:
    operator = XDM2Frame(paths=PATHS, schema="shop-event")
    expected = operator.process(EVENTS).data
    texts = [json.dumps(event) for event in EVENTS]
    for given_events in (
        texts,
        [text.encode() for text in texts],
        pd.DataFrame({"event": EVENTS}),
        pd.DataFrame({"event": texts}),
        pd.DataFrame({"whatever": texts}),
        expected,
    ):
        pd.testing.assert_frame_equal(operator.process(given_events).data, expected)
    pd.testing.assert_frame_equal(operator.process(EVENTS[0]).data, expected.iloc[:1])
    labelled = operator.process(pd.DataFrame({"event": EVENTS, "label": [1.0, 0.0]}, index=[7, 9])).data
    assert labelled.index.tolist() == [7, 9]
    assert labelled["label"].tolist() == [1.0, 0.0]
    assert labelled["views"].tolist() == [2, 0]
    assert operator.process([]).data.dtypes.tolist() == expected.dtypes.tolist()


@pytest.mark.parametrize("given_events", [3, [3], [None], pd.DataFrame({"event": [np.nan]}), ["[]"], ["{"]])
def test_what_is_no_event_is_refused(given_events: Any) -> None:
    with pytest.raises(InputError):
        XDM2Frame(paths=["productListItems[0].SKU"], schema="shop-event").process(given_events)


def test_a_frame_of_something_else_is_refused() -> None:
    operator = XDM2Frame(paths={"a": {"type": "float"}}, column="evt")
    with pytest.raises(ColumnError, match="neither the columns a nor a column 'evt' of events"):
        operator.process(pd.DataFrame({"x": [1], "y": [2]}))
    with pytest.raises(ExecutionError, match="XDM2Frame has no events"):
        operator.process()


def test_what_is_wrong_in_many_events_is_told_by_event() -> None:
    operator = XDM2Frame(paths={"a": {"path": "x.a", "type": "float"}})
    with pytest.raises(InputError) as error:
        operator.process([{"x": {"a": 1}}, {"x": 2}, "{", {"x": {"a": "3"}}])
    assert [problem.at for problem in error.value.problems] == ["/1/x", "/2", "/3/x/a"]


# ---- training and serving -----------------------------------------------------------------------------------------


@settings(max_examples=250)
@given(documents | anything.documents, st.lists(choices(), min_size=1, max_size=4))
def test_training_and_serving_read_the_same(document: Any, chosen: list[Any]) -> None:
    paths = {f"f{at}": {"path": p, "type": t, "take": k, **more} for at, (p, t, k, more) in enumerate(chosen)}
    operator = XDM2Frame(paths={name: {key: v for key, v in spec.items() if v != ""} for name, spec in paths.items()})
    source, entries = source_of(operator)
    text = json.dumps(document).encode()
    refused: list[Any] = []
    values: Any = []
    try:
        values = source.values(Parts(event=text, at="/4"), 0)
    except InputError as error:
        refused = [(p.at, p.expected, p.got) for p in error.problems]
    if refused:
        with pytest.raises(InputError) as eager:
            operator.process([document])
        assert [(p.at.replace("/0", "/4/event", 1), p.expected, p.got) for p in eager.value.problems] == refused
        return
    frame = operator.process([document]).data
    feed = Signature.of_fields(operator.source_fields()).row(dict(zip([e.name for e in entries], values, strict=True)))
    for field in operator.source_fields():
        trained = to_carrier(frame[field.name], field.nullable)
        assert trained.dtype == feed[field.name].dtype
        np.testing.assert_array_equal(trained, feed[field.name][:, 0])


def test_requests_with_an_event_are_scored_as_rows_are() -> None:
    operator = XDM2Frame(paths=PATHS, schema="shop-event")
    graph = operator >> op.Pandas(import_="mul", cols="total", kwargs={"other": 2.0}, into="score")
    graph.outputs = {"score": "score", "sku": "sku", "when": "when"}
    package = graph.compile(sample=operator.process(EVENTS).data)
    runtime = Runtime.from_bytes(package.data)
    answers = runtime.score_request({"rows": [{"event": event} for event in EVENTS]})
    assert [answer["score"] for answer in answers] == [9.0, 0.0]
    lines = operator.process(EVENTS).data.to_json(orient="records", lines=True, date_format="iso").splitlines()
    rows = [json.loads(line) for line in lines]
    assert runtime.score(rows) == answers
    eager = graph.run(EVENTS)
    assert eager["score"].tolist() == [9.0, 0.0]
    with pytest.raises(InputError, match="/1/event/web: expected an object, got number 3"):
        runtime.score_request({"rows": [{"event": {}}, {"event": {"web": 3}}]})
    with pytest.raises(InputError, match="/event: expected the event: an object"):
        runtime.score_request({"identity": {"ECID": "1"}})


def test_it_stands_behind_other_sources() -> None:
    first = op.Receiver(schema={"tier": "string?", "base": "float"})
    second = XDM2Frame(paths={"price": {"path": "commerce.order.priceTotal", "type": "float?"}})
    third = XDM2Frame(paths={"views": {"path": "productListItems", "take": "count"}})
    graph = first >> second >> third >> op.Pandas(import_="add", cols="base", kwargs={"other": {"column": "views"}}, into="sum")
    sample = pd.DataFrame({"tier": ["gold", None], "base": [1.0, 2.0], "price": [1.5, np.nan], "views": [1, 2]})
    runtime = Runtime.from_bytes(graph.compile(sample=sample).data)
    answer = runtime.score_request({"tier": None, "base": 2, "event": EVENTS[0]})[0]
    assert (answer["sum"], answer["price"], answer["tier"]) == (4.0, 4.5, None)


def test_two_of_them_in_a_row() -> None:
    graph: Graph = XDM2Frame(paths={"a": {"type": "float?"}}) >> XDM2Frame(paths={"b": {"type": "float?"}})
    runtime = Runtime.from_bytes(graph.compile(sample=pd.DataFrame({"a": [1.0, np.nan], "b": [np.nan, 2.0]})).data)
    assert runtime.score_request({"event": {"a": 1, "b": 2}}) == [{"a": 1.0, "b": 2.0}]


def test_what_an_edge_loads_is_light() -> None:
    heavy = "pandas sklearn onnx pyarrow jsonschema_rs rtml_core.graph rtml_plugins.xdm.schema rtml_plugins.xdm.frames"
    code = f"import sys, rtml_plugins.xdm.boundary; print([name for name in {heavy.split()!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
