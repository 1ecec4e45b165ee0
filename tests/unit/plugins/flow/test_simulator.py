"""Simulator: the same rows everywhere, within what is declared or learned, as a source, and from the command line."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core import Graph
from rtml_core import operators as op
from rtml_core.errors import ColumnError, InputError, NotFittedError, ParamError
from rtml_core.runtime.signature import Signature
from rtml_plugins.flow.simulator import Simulator
from tests.unit.plugins.flow.visits import SCHEMA, visits

# ---- declared fields ----------------------------------------------------------------------------------------------------


def test_rows_keep_within_what_the_schema_says() -> None:
    simulator = Simulator(schema=SCHEMA, rows=3000)
    frame = simulator.process(None).data
    assert list(frame) == list(SCHEMA)
    assert len(frame) == 3000
    there = frame["age"].dropna()
    assert (there.between(18, 90) & (there % 1 == 0)).all()
    assert 0.15 < frame["age"].isna().mean() < 0.25
    assert 0.7 < (frame["country"] == "DE").mean() < 0.8
    assert set(frame["segment"].dropna()) == {"a", "b", "c"}
    assert frame["seen_at"].between(pd.Timestamp("2026-03-01"), pd.Timestamp("2026-03-31T23:00:00")).all()
    assert set(frame["pages"]) == {1, 2, 3, 4, 5}
    kinds = [str(dtype) for dtype in frame.dtypes]
    assert kinds == ["float64", "str", "str", "datetime64[us]", "str", "bool", "int64", "float64"]


@settings(max_examples=25)
@given(st.integers(0, 2**63 - 1), st.integers(0, 40))
def test_every_row_fits_the_signature(seed: int, count: int) -> None:
    simulator = Simulator(schema=SCHEMA, seed=seed)
    rows = list(simulator.rows(count))
    assert len(rows) == count
    json.dumps(rows, allow_nan=False)
    Signature.of_fields(simulator.source_fields()).rows(rows)  # raises for a row that does not fit


def test_rows_are_the_same_on_every_machine() -> None:
    """Frozen: only what is exact or rounded alike everywhere goes into a row, so a changed digest is a changed meaning."""
    fixed = {name: spec for name, spec in SCHEMA.items() if name != "note"}
    first = list(Simulator(schema=fixed, seed=7).rows(2))
    assert first == DECLARED
    profile = Simulator(correlations=True).fit(visits()).profile
    profile = json.loads(json.dumps(profile))
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in Simulator(profile=LEARNED, seed=3).rows(2500))
    assert hashlib.sha256(lines.encode()).hexdigest() == DIGEST
    assert list(Simulator(profile=profile).rows(50)) == list(Simulator(profile=profile).rows(50))


def test_the_first_rows_of_many_are_those_of_few_and_seeds_differ() -> None:
    simulator = Simulator(schema=SCHEMA)
    many = list(simulator.rows(2500))
    assert many[:1500] == list(simulator.rows(1500))
    assert many[:10] != list(simulator.rows(10, seed=1))
    assert list(simulator.rows(10, seed=1)) != list(simulator.rows(10, seed=1 + 2**32))
    assert len({json.dumps(row) for row in many}) == 2500


def test_rows_keep_within_the_bounds_of_their_fields() -> None:
    schema = {
        "low": {"type": "float", "min": 400.5},
        "high": {"type": "int?", "max": -7},
        "both": {"type": "int", "min": 3, "max": 4},
    }
    made = Simulator(schema=schema).frame(300)
    assert made["low"].between(400.5, 500.5).all()
    assert made["high"].dropna().between(-107, -7).all()
    assert set(made["both"]) == {3, 4}
    real = pd.DataFrame({"spent": np.random.default_rng(0).gamma(2, 1.5, 300)})
    learned = Simulator(schema={"spent": {"type": "float", "min": 0, "max": 50}}).fit(real)
    assert learned.profile["fields"]["spent"]["range"] == [0, 50]
    Signature.of_fields(learned.source_fields()).rows(list(learned.rows(200)))  # raises for a row that does not fit


def test_a_schema_travels_as_json() -> None:
    schema = {**SCHEMA, "pages": {"type": "int", "choices": [[1, 3], [2, 1]]}, "vip": {"type": "bool", "choices": [True]}}
    graph = op.Simulator(schema=schema, rows=20) >> op.Pandas(import_="isna")
    again = Graph.from_dsl(json.loads(json.dumps(graph.to_dsl())))
    assert again.run(None).equals(graph.run(None))
    made = Simulator(schema=schema).frame(400)
    assert set(made["pages"]) == {1, 2}
    assert (made["pages"] == 1).sum() > 250
    assert made["vip"].all()


def test_columns_are_drawn_alike_in_any_order() -> None:
    fields = dict(reversed(LEARNED["fields"].items()))
    assert list(Simulator(profile={**LEARNED, "fields": fields}).rows(20)) == list(Simulator(profile=LEARNED).rows(20))


def test_zero_rows_are_a_frame_of_the_right_dtypes() -> None:
    frame = Simulator(schema=SCHEMA, rows=0).process(None).data
    assert len(frame) == 0
    assert [str(dtype) for dtype in frame.dtypes] == [str(dtype) for dtype in Simulator(schema=SCHEMA).frame(5).dtypes]


# ---- learned profiles ---------------------------------------------------------------------------------------------------


def test_what_was_learned_comes_back() -> None:
    real = visits()
    made = Simulator().fit(real).frame(4000)
    assert list(made) == list(real)
    assert made.dtypes.astype(str).tolist() == real.dtypes.astype(str).tolist()
    for name in ("age", "spent", "pages"):
        for share in (0.1, 0.5, 0.9):
            assert made[name].quantile(share) == pytest.approx(real[name].quantile(share), rel=0.1, abs=1)
    assert made["age"].isna().mean() == pytest.approx(real["age"].isna().mean(), abs=0.02)
    assert (made["country"] == "DE").mean() == pytest.approx(0.7, abs=0.04)
    assert made["vip"].mean() == pytest.approx(0.25, abs=0.03)
    assert set(made["seen_at"].dt.hour) == {9, 10, 14}
    assert set(made["seen_at"].dt.day_of_week) == {0, 1, 2, 3, 4}
    assert (made["seen_at"].dt.minute == 0).all()
    assert (np.round(made["spent"], 2) == made["spent"]).all()


def test_ranks_hang_together_as_they_did() -> None:
    real = visits()
    expected = real[["age", "spent"]].corr("spearman").iloc[0, 1]
    together = Simulator().fit(real).frame(4000)[["age", "spent"]].corr("spearman").iloc[0, 1]
    alone = Simulator(correlations=False).fit(real).frame(4000)[["age", "spent"]].corr("spearman").iloc[0, 1]
    assert together == pytest.approx(expected, abs=0.08)
    assert abs(alone) < 0.06


def test_a_matrix_that_is_none_is_weakened_until_it_is_one() -> None:
    fields = {name: {"type": "float", "kind": "numbers", "quantiles": [0, 1], "decimals": 3} for name in "abc"}
    impossible = {"names": list("abc"), "matrix": [[1, 0.99, -0.99], [0.99, 1, 0.99], [-0.99, 0.99, 1]]}
    made = Simulator(profile={"fields": fields, "correlations": impossible}).frame(2000)
    assert made["a"].corr(made["b"]) > 0.2
    assert made["a"].corr(made["c"]) < -0.2


def test_no_value_is_kept_that_few_rows_have() -> None:
    real = visits()
    real.loc[0, ["spent", "age", "country"]] = [99999.0, 119.0, "Liechtenstein"]
    real.loc[1, "seen_at"] = pd.Timestamp("1969-07-20T20:17:00")
    text = json.dumps(Simulator(min_count=10).fit(real).profile)
    for secret in ("99999", "119", "Liechtenstein", "1969", "village"):
        assert secret not in text
    assert "Liechtenstein" in json.dumps(Simulator(min_count=1).fit(real).profile)


def test_rare_texts_are_made_up_with_plausible_lengths() -> None:
    codes = pd.DataFrame({"code": [f"{i:05d}" for i in range(300)], "word": ["x" * (3 + i % 4) for i in range(300)]})
    profile = Simulator(min_count=200).fit(codes).profile
    assert profile["fields"]["code"] == {"type": "string", "kind": "texts", "lengths": [5] * 9, "letters": "digits"}
    made = Simulator(profile=profile).frame(50)
    assert made["code"].str.fullmatch("[0-9]{5}").all()
    assert set(made["word"].str.len()) == {3, 4, 5, 6}


def test_texts_that_are_times_stay_texts() -> None:
    real = visits().assign(seen_at=lambda f: f["seen_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
    simulator = Simulator().fit(real)
    assert simulator.profile["fields"]["seen_at"]["type"] == "string"
    made = simulator.frame(500)["seen_at"]
    assert set(pd.to_datetime(made).dt.hour) <= {9, 10, 14}


def test_declared_fields_can_be_learned_too() -> None:
    schema = {"age": "float?", "country": {"type": "string?", "categories": ["DE", "FR", "US", "AT"]}, "pages": "int?"}
    simulator = Simulator(schema=schema).fit(visits())
    assert [entry.spec for entry in simulator.source_fields()] == ["float?", "string?", "int?"]
    assert list(simulator.profile["fields"]) == ["age", "country", "pages"]
    assert set(simulator.frame(500)["country"]) == {"DE", "FR", "US"}


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ([1.0, np.inf] * 20, "Column 'x' holds infinite values, which a request can't carry"),
        ([np.nan] * 40, "Column 'x' has no value to learn from"),
        ([1.5, 2.5, 3.5], "Column 'x' has 3 values, and a profile is learned from at least 20"),
        (pd.to_timedelta(range(40), unit="s"), "Column 'x' is a timedelta, which a request can't carry"),
        ([], "can't be learned from a frame without rows"),
    ],
)
def test_columns_that_can_not_be_learned_are_named(column: Any, words: str) -> None:
    with pytest.raises(ColumnError) as caught:
        Simulator().fit(pd.DataFrame({"x": column}))
    assert words in str(caught.value)


# ---- parameters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"schema": {"a": "flaot"}}, "Did you mean 'float'"),
        ({"schema": {"a": {"type": "float", "rnage": [1, 2]}}}, "field 'a' must be a type or"),
        ({"schema": {"a": {"type": "string", "range": [1, 2]}}}, "field 'a' is a string and has no 'range'; got [1, 2]"),
        ({"schema": {"a": {"type": "float", "range": [2, 1]}}}, "'range' must be two values, the lower first; got [2, 1]"),
        ({"schema": {"a": {"type": "float", "range": [0, "x"]}}}, "'range' must be two numbers up to 2^53"),
        ({"schema": {"a": {"type": "timestamp", "range": ["2026-01-01", "soon"]}}}, "'range' must be two timestamps"),
        ({"schema": {"a": {"type": "float", "missing": 0.5}}}, "'missing' needs a type that may be null, 'float?'; got 'float'"),
        ({"schema": {"a": {"type": "float?", "missing": 2}}}, "'missing' must be a share from 0 to 1; got 2"),
        ({"schema": {"a": {"type": "string", "choices": []}}}, "'choices' must be a list of values"),
        ({"schema": {"a": {"type": "string", "choices": {"x": -1}}}}, "'choices' must be a list of values"),
        ({"schema": {"a": {"type": "int", "choices": [1, "x"]}}}, "'choices' must be values of the type int; got 'x'"),
        (
            {"schema": {"a": {"type": "int", "choices": {1: 2}}}},
            "are pairs in a int field, [[value, weight], ...]; got an object",
        ),
        ({"schema": {"a": {"type": "int", "choices": [[1, 0]]}}}, "'choices' must be a list of values, or of values and weights"),
        ({"schema": {"a": {"type": "string", "categories": ["x"], "choices": ["y"]}}}, "must be among its categories x; got 'y'"),
        ({"schema": {"a": {"type": "float", "range": [0, 1], "choices": [1]}}}, "must have 'range' or 'choices', not both"),
        (
            {"schema": {"a": {"type": "int", "min": 3, "range": [1, 9]}}},
            "'range' must lie within min and max of the field; got [1, 9]",
        ),
        (
            {"schema": {"a": {"type": "int", "max": 3, "choices": [1, 9]}}},
            "'choices' must lie within min and max of the field; got 9",
        ),
        ({"schema": {"a": {"type": "float", "decimals": 40}}}, "'decimals' must be a whole number from 0 to 15; got 40"),
        ({"schema": {"a": "float"}, "profile": {}}, "parameter 'profile' must be left out where 'schema' declares"),
        ({"schema": {"a": "float"}, "rows": -1}, "parameter 'rows' must be a whole number from 0; got -1"),
        ({"schema": {"a": "float"}, "seed": -1}, "parameter 'seed' must be a whole number from 0 to 2^63; got -1"),
        ({"schema": {"a": "float"}, "training_only": ["b"]}, "parameter 'training_only' must be about fields: a; got 'b'"),
        ({"profile": {"fields": {}}}, "parameter 'profile' must be a profile"),
        ({"profile": {"fields": {"a": {"type": "float", "kind": "numbers"}}}}, "can't be drawn from (KeyError: 'quantiles')"),
        (
            {"profile": {"fields": {"a": {"type": "string", "kind": "texts", "lengths": [10**12], "letters": "lower"}}}},
            "can't be drawn from (ValueError: lengths must lie between 0 and 1000)",
        ),
        ({"profile": {"fields": {"a": {"type": "float", "kind": "pictures"}}}}, "can't be drawn from (KeyError: 'pictures')"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        Simulator(params)
    assert words in str(caught.value)


# ---- as a source --------------------------------------------------------------------------------------------------------


def graph(source: Simulator) -> Any:
    return (
        source
        >> op.FillMissing(cols="age", strategy="median")
        >> op.OneHotEncoder(cols="country")
        >> op.ScikitLearn(
            model="sklearn.linear_model.LogisticRegression",
            features=["age", "spent", "country_DE"],
            label="vip",
            outputs={"p": "probability[1]"},
        )
        >> op.Pandas(import_="filter", kwargs={"items": ["p"]})
    )


def test_a_graph_is_authored_on_it_and_compiled_with_the_fields_of_a_request() -> None:
    names = ["age", "spent", "country", "vip"]
    whole = graph(Simulator(training_only=["vip"], rows=50))
    with pytest.raises(NotFittedError, match="has to learn first"):
        whole.run(None)
    whole.fit(visits()[names])
    again = Graph.from_dsl(whole.to_dsl())
    assert len(again.run(None)) == 50
    compiled = again.compile(visits(300, seed=1)[names[:3]])
    assert [entry.field.spec for entry in compiled.manifest.fields] == ["float?", "float", "string"]
    row = {"age": None, "spent": 3.5, "country": "FR"}
    assert 0 < compiled.score(row)["p"] < 1
    with pytest.raises(InputError, match="an unknown field"):
        compiled.score({**row, "vip": True})


def test_a_graph_learns_from_made_up_rows() -> None:
    schema = {"age": "float?", "spent": "float", "country": {"type": "string", "choices": ["DE", "FR"]}, "vip": "bool"}
    whole = graph(Simulator(schema=schema, training_only=["vip"]))
    whole.fit(None)
    assert set(whole.run(None)) == {"p"}


def test_rows_that_come_are_taken_as_a_receiver_takes_them() -> None:
    simulator = Simulator(schema={"age": "float?", "n": "int"})
    assert simulator.process([{"age": None, "n": 3}]).data.to_dict("list")["n"] == [3]
    with pytest.raises(InputError, match="expected a whole number, got string"):
        simulator.process([{"age": None, "n": "3"}])
    with pytest.raises(NotFittedError, match="give it a schema or a profile, or call fit"):
        Simulator().process(None)


LEARNED: dict[str, Any] = {
    "fields": {
        "spent": {"type": "float?", "missing": 0.1, "kind": "numbers", "quantiles": [0.5, 3.25, 7.125, 20, 180.5]},
        "city": {
            "type": "string",
            "kind": "choices",
            "values": [["Köln", 0.5], ["Kiel", 0.2]],
            "rare": {"share": 0.3, "lengths": [3, 4, 9], "letters": "lower"},
        },
        "pages": {"type": "int", "kind": "numbers", "quantiles": [0, 1, 2, 5, 40], "decimals": 0},
        "seen_at": {
            "type": "timestamp",
            "kind": "times",
            "first": "1969-12-30T07:00:00Z",
            "last": "1970-03-01T00:00:00Z",
            "hours": [0.0] * 8 + [0.1] * 10 + [0.0] * 6,
            "weekdays": [0.2, 0.2, 0.2, 0.2, 0.1, 0.1, 0.0],
            "unit": "second",
        },
    },
    "correlations": {
        "names": ["spent", "city", "pages", "seen_at"],
        "matrix": [[1, 0.3, 0.7, 0], [0.3, 1, 0.1, 0], [0.7, 0.1, 1, -0.2], [0, 0, -0.2, 1]],
    },
}
DECLARED: list[dict[str, Any]] = [
    {"age": None, "country": "DE", "segment": "a", "seen_at": "2026-03-15T07:23:02Z", "vip": True, "pages": 4, "visits": 82},
    {"age": None, "country": "FR", "segment": "b", "seen_at": "2026-03-03T06:41:06Z", "vip": True, "pages": 5, "visits": 11},
]
DIGEST = "ff66a8e944f6e3427eed0e1482e1ebcf0c02bc3b425a5fbdd4d3811fb4d6a953"
