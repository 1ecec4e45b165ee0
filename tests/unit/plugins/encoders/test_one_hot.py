"""OneHotEncoder: equal in both forms on hard rows, few nodes, and refusals that cure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core.assemble import assemble
from rtml_core.errors import ColumnError, InputError, NotFittedError, ParamError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import MISSING_STRING, Symbolic
from rtml_core.testing import assert_parity, run_model
from rtml_plugins.encoders.group_rare import GroupRare
from rtml_plugins.encoders.one_hot import OneHotEncoder

HARD = ["VW", "vw", "VW ", "", " ", "Škoda", "日本", "🙂", "a_b", "None", "nan", None, "NaN", "\u0131", "x" * 300]


def frame(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_learns_sorted_categories_and_replaces_the_column() -> None:
    data = frame(brand=["VW", "Audi", None, "VW"], age=[1.0, 2.0, 3.0, np.nan])
    encoder = OneHotEncoder(cols="brand").fit(data)
    assert encoder.state == {"categories": {"brand": ["Audi", "VW"]}}
    result = encoder.process(data).data
    assert list(result.columns) == ["age", "brand_Audi", "brand_VW"]
    assert result[["brand_Audi", "brand_VW"]].to_numpy().tolist() == [[0, 1], [1, 0], [0, 0], [0, 1]]
    assert result.dtypes.astype(str).tolist() == ["float64"] * 3


def test_a_single_row_gets_all_columns() -> None:
    encoder = OneHotEncoder(cols="brand", categories=["VW", "Audi"])
    assert encoder.fitted
    assert encoder.process(frame(brand=["BMW"])).data.to_numpy().tolist() == [[0, 0]]


@settings(max_examples=30)
@given(st.lists(st.sampled_from(HARD), min_size=1, max_size=12), st.sets(st.sampled_from(list(filter(None, HARD))), min_size=1))
def test_strings_agree_in_both_forms(rows: list[str | None], categories: set[str]) -> None:
    data = frame(s=pd.Series(rows, dtype="str"))
    assert_parity(OneHotEncoder(cols="s", categories=sorted(categories)), data, nullable=True)


@pytest.mark.parametrize(
    ("values", "categories"),
    [
        ([0.0, -0.0, 1.0, np.nan, 1.0 + 1e-16, np.nextafter(1, 2), 1e300, 5e-324], [0, 1.0, 1e300, 5e-324]),
        ([0, 1, -1, 2**62, 2**53 + 1, -(2**63) + 1], [2**53 + 1, 1, -(2**63) + 1]),
        ([True, False, None], [False, True]),
        ([True, False, True], [True]),
        (np.array([0.5, np.nan, 2.0], dtype=np.float32), [0.5, 2]),
    ],
)
def test_numbers_and_booleans_agree_in_both_forms(values: Any, categories: list[Any]) -> None:
    assert_parity(OneHotEncoder(cols="v", categories=categories), frame(v=values))


def test_one_column_is_one_lookup_one_comparison_one_cast() -> None:
    encoder = OneHotEncoder(cols="s", categories=["a", "b", "c"])
    assert lowered_nodes([encoder], ["s"]) == ["LabelEncoder", "Equal", "Cast"]


def test_a_chain_of_lookups_folds_into_the_encoding() -> None:
    steps = [GroupRare(cols="s", keep=["a", "b"]), OneHotEncoder(cols="s", categories=["a", "Others"])]
    assert lowered_nodes(steps, ["s"]) == ["LabelEncoder", "Equal", "Cast"]


def test_several_columns_of_one_tensor_share_four_nodes() -> None:
    keep = {name: [f"{name}{i}" for i in range(5)] for name in "stuv"}
    steps = [
        GroupRare(cols=list("stuv"), keep=keep),
        OneHotEncoder(cols=list("stuv"), categories={name: [*keep[name], "Others"] for name in keep}),
    ]
    assert lowered_nodes(steps, list("stuv")) == ["LabelEncoder", "Add", "Gather", "Reshape"]


def lowered_nodes(steps: list[Any], names: list[str]) -> list[str]:
    """Types of the ONNX nodes of a chain over one packed string input, all results side by side."""
    from rtml_core.lowering.symbolic import matrix

    b = Builder()
    packed = b.input("string", "string", len(names))
    columns = {name: Symbolic("string", packed, i, nullable=True) for i, name in enumerate(names)}
    for step in steps:
        columns = step.lower(b, columns)
    built = assemble(b, {"y": matrix(b, list(columns.values()))})
    assert run_model(built.model, {"string": np.full((3, len(names)), MISSING_STRING, dtype=object)})["y"].sum() == 0
    import onnx

    return [node.op_type for node in onnx.load_from_string(built.model).graph.node]


@settings(max_examples=25)
@given(st.data())
def test_several_columns_agree_in_both_forms(data: st.DataObject) -> None:
    """Shared and overlapping vocabularies, strings and numbers, with and without a dropped first category."""
    texts, numbers = ["a", "b", "c", "A", ""], [0.0, 1.0, 2.5, -7.0]
    count = data.draw(st.integers(1, 4))
    columns: dict[str, Any] = {"other": np.arange(6.0)}
    categories: dict[str, Any] = {}
    for i in range(count):
        pool: list[Any] = data.draw(st.sampled_from([texts, numbers]))
        missing = None if pool is texts else np.nan
        rows = data.draw(st.lists(st.sampled_from([*pool, missing]), min_size=6, max_size=6))
        columns[f"c{i}"] = pd.Series(rows, dtype="str" if pool is texts else "float64")
        categories[f"c{i}"] = data.draw(st.lists(st.sampled_from(pool), unique=True, min_size=1))
    drop = data.draw(st.sampled_from([None, "first", "if_binary"]))
    assert_parity(OneHotEncoder(cols=list(categories), categories=categories, drop=drop), frame(**columns), nullable=True)


def test_very_large_vocabularies_do_not_share_a_table() -> None:
    """Four columns of 2,000 categories each would need a table of 64 million ones."""
    categories = {name: [f"{name}{i}" for i in range(2000)] for name in "abcd"}
    data = frame(**{name: [f"{name}0", f"{name}1999", "?"] for name in "abcd"})
    encoder = OneHotEncoder(cols=list("abcd"), categories=categories)
    assert lowered_nodes([encoder], list("abcd")).count("LabelEncoder") == 4
    assert encoder.process(data).data.to_numpy().sum() == 8


def test_unknown_values_are_refused_in_both_forms() -> None:
    encoder = OneHotEncoder(cols=["s"], categories=["a", "b"], handle_unknown="error")
    data = frame(s=["a", "b", "c", None])
    assert_parity(encoder, data)
    with pytest.raises(InputError) as caught:
        encoder.process(data)
    expected = "expected one of the 2 categories of 's': a, b, got"
    assert str(caught.value) == f"/2/s: {expected} 'c'; /3/s: {expected} a missing value"
    assert encoder.process(data.head(2)).data.to_numpy().tolist() == [[1, 0], [0, 1]]


def test_the_compiled_refusal_names_column_and_categories() -> None:
    from rtml_core import Graph
    from rtml_plugins.flow.receiver import Receiver

    encoder = OneHotEncoder(cols="s", categories=["a", "b"], handle_unknown="error")
    graph = Graph.start(Receiver(schema={"s": "string?"})) >> encoder
    package = graph.compile()
    assert package.score({"s": "b"}) == {"s_a": 0.0, "s_b": 1.0}
    with pytest.raises(InputError, match="a value of 's' that is none of its 2 categories: a, b"):
        package.score({"s": "c"})


def test_drop_and_prefix() -> None:
    data = frame(s=["a", "b"], t=["x", "y"])
    encoder = OneHotEncoder(cols=["s", "t"], drop="first", prefix={"s": "is"}).fit(data)
    assert list(encoder.process(data).data.columns) == ["is_b", "t_y"]
    assert list(OneHotEncoder(cols="s", categories=["a"], drop="first").process(data).data.columns) == ["t"]
    three = OneHotEncoder(cols="s", categories=["a", "b", "c"], drop="if_binary")
    assert list(three.process(data).data.columns) == ["t", "s_a", "s_b", "s_c"]
    assert_parity(encoder, data)


def test_the_state_is_json_and_survives_the_dsl() -> None:
    import json

    data = frame(s=["b", "a"], n=[1.5, 2.0], i=[3, 1], f=[True, False])
    encoder = OneHotEncoder(cols=list(data.columns)).fit(data)
    again = OneHotEncoder(**encoder.to_json())
    again.state = json.loads(json.dumps(encoder.state))
    pd.testing.assert_frame_equal(again.process(data).data, encoder.process(data).data)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "OneHotEncoder: parameter 'cols' is missing"),
        ({"cols": 3}, "parameter 'cols' must be a column name or a list of them; got 3"),
        ({"cols": []}, "got an empty list"),
        ({"cols": ["a", "a"]}, "got 'a' twice"),
        ({"cols": ["a", "b"], "categories": ["x"]}, "must be an object of column names and lists for several columns"),
        ({"cols": "a", "categories": {"b": ["x"]}}, "must be about the columns in 'cols'; got 'b'"),
        ({"cols": "a", "categories": []}, "must list at least one value for 'a'"),
        ({"cols": "a", "categories": ["x", "x"]}, "every value of 'a' once; got 'x' twice"),
        ({"cols": "a", "categories": [None]}, "got None. Missing values are filled before"),
        ({"cols": "a", "handle_unknown": "skip"}, "parameter 'handle_unknown' must be one of 'ignore', 'error'; got 'skip'"),
        ({"cols": "a", "dropp": "first"}, "Did you mean 'drop'?"),
        ({"cols": "a", "prefix": {"b": "x"}}, "parameter 'prefix' must be about the columns in 'cols'; got 'b'"),
    ],
)
def test_wrong_parameters_say_what_is_expected(params: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        OneHotEncoder(params)
    assert words in str(caught.value)


def test_values_of_numpy_are_taken_and_written_as_json() -> None:
    import json

    data = frame(n=[3, 1, 3])
    encoder = OneHotEncoder(cols="n", categories=list(data["n"].unique()))
    assert json.dumps(encoder.to_json()) == '{"cols": "n", "categories": [3, 1]}'


def test_a_column_of_ids_is_not_learned_by_mistake() -> None:
    with pytest.raises(ColumnError, match=r"'id' has 1,001 different values.+ GroupRare\(cols=\"id\", top=20\)"):
        OneHotEncoder(cols="id").fit(frame(id=np.arange(1001)))


def test_columns_that_do_not_fit_are_named() -> None:
    with pytest.raises(ColumnError, match=r"Column 'brnad' does not exist.+ Did you mean 'brand'"):
        OneHotEncoder(cols="brnad").fit(frame(brand=["x"]))
    with pytest.raises(ColumnError, match="'s' is string: a category of it must be a string; got 3"):
        OneHotEncoder(cols="s", categories=[3]).process(frame(s=["x"]))
    with pytest.raises(ColumnError, match="'n' is int64: a category of it must be a whole number"):
        OneHotEncoder(cols="n", categories=[1.5]).process(frame(n=[1]))
    with pytest.raises(ColumnError, match="has no categories; take a part of it first"):
        OneHotEncoder(cols="t").fit(frame(t=pd.to_datetime(["2020-01-01"])))
    with pytest.raises(ColumnError, match="has no value to learn categories from"):
        OneHotEncoder(cols="s").fit(frame(s=[None, None]))
    with pytest.raises(ColumnError, match="'s_a' would be there twice; give 's' another prefix"):
        OneHotEncoder(cols="s", categories=["a"]).process(frame(s=["a"], s_a=[1.0]))
    with pytest.raises(NotFittedError, match="has to learn the categories of 's' first"):
        OneHotEncoder(cols="s").process(frame(s=["a"]))
