"""The operator Function: columns in, columns out; eager, compiled, and in the DSL."""

from __future__ import annotations

import functools
import json
import math
from typing import Any

import pandas as pd
import pytest

from rtml_core import Graph, RtmlError
from rtml_core import operators as op
from rtml_core.dsl import dumps
from rtml_core.errors import ColumnError, ExecutionError, InputError, ParamError
from rtml_core.frames import canonical
from rtml_core.testing import assert_parity, assert_refuses
from rtml_plugins.functions.operator import Function

FRAME = pd.DataFrame(
    {
        "age": [5.0, None, 17.999999999999996, 18.0, 64.0, math.inf],
        "brand": ["VW", "Audi", None, "straße", "", "ΑΣ"],
        "visits": [0, 1, -1, 2**53 + 1, 2**62, -(2**63)],
        "member": [True, False, True, True, False, False],
    }
)
FACTORS = {"VW": 1.1, "Audi": 1.4}


def tier(age: Any, brand: Any, base: float = 2.0) -> Any:
    if age is None:
        return None
    price = FACTORS.get(brand, 1.0) * base
    if age < 18 and price:
        return "young"
    elif price > 2.5 or brand == "":
        return brand.lower() + "!"
    return "other"


def parts(age: Any, visits: Any) -> Any:
    if age is None or visits < 0:
        return {"old": None, "often": visits}
    return {"often": visits // 2, "old": age > 60}


@pytest.mark.parametrize(
    ("node", "names"),
    [
        (Function(function=tier), ["tier"]),
        (Function(function=functools.partial(tier, base=3.0), into="t"), ["t"]),
        (Function(function=lambda a, b: (a or 0) + b, cols=["age", "visits"], into="age"), ["age"]),
        (Function(function=lambda member, age: member and age is not None, into="x"), ["x"]),
        (Function(function=lambda age: (age, age is None), into=["same", "gone"]), ["same", "gone"]),
        (Function(function=parts), ["old", "often"]),
        (Function(function=lambda member: 3, into="three"), ["three"]),
        (Function(function=lambda brand: None, into="nothing"), ["nothing"]),
        (Function(function=len, cols=["brand"], into="n"), ["n"]),
        (Function(function=lambda visits: 100 / visits if visits != 0 else None, into="rate"), ["rate"]),
    ],
)
def test_eager_and_compiled_agree(node: Function, names: list[str]) -> None:
    assert_parity(node, FRAME)
    assert_parity(node, FRAME.dropna().reset_index(drop=True), nullable=True)
    made = node.process(FRAME.iloc[:1]).data
    assert list(made.columns) == list(dict.fromkeys([*FRAME.columns, *names]))


def test_eager_gives_what_python_gives() -> None:
    made = Function(function=tier).process(FRAME.iloc[:5]).data
    pairs = zip(FRAME["age"].iloc[:5], FRAME["brand"].iloc[:5], strict=True)
    expected = [tier(None if age != age else age, brand if isinstance(brand, str) else None) for age, brand in pairs]
    assert [None if pd.isna(value) else value for value in made["tier"]] == expected
    assert list(FRAME.columns) == ["age", "brand", "visits", "member"]


@pytest.mark.parametrize(
    ("function", "dtype"),
    [
        (lambda age: None if age is None else "x", "str"),
        (lambda age: None if age is None else age > 1, "boolean"),
        (lambda age: None if age is None else 1, "float64"),
    ],
)
def test_a_column_that_is_missing_in_every_row_has_its_dtype(function: Any, dtype: str) -> None:
    made = Function(function=function, into="x").process(pd.DataFrame({"age": [float("nan")] * 2})).data
    assert made["x"].isna().all()
    assert made["x"].dtype == dtype


def test_a_frame_without_rows_goes_through() -> None:
    assert_parity(Function(function=tier), FRAME.iloc[:0].astype({"age": "float64", "brand": "str"}))


def test_the_row_in_which_it_raises_is_named_and_refused() -> None:
    node = Function(function=lambda age: 1 / age, into="x")
    with pytest.raises(ExecutionError, match=r"'<lambda>' raises ZeroDivisionError in row 1, \{'age': 0.0\}"):
        node.process(pd.DataFrame({"age": [1.0, 0.0]}))
    compiled = (op.Receiver(schema={"age": "float"}) >> node).compile()
    assert compiled.score({"age": 4.0})["x"] == 0.25
    with pytest.raises(InputError, match=r"a row for which 'lambda' raises ZeroDivisionError in '1 / age' \(line 1\)"):
        compiled.score({"age": 0.0})


def test_the_graph_keeps_the_function_as_json() -> None:
    graph = op.Receiver(schema={"age": "float?", "brand": "string?"}) >> Function(function=tier)
    text = dumps(graph)
    again = Graph.from_dsl(text)
    assert dumps(again) == text
    assert "def tier" not in text
    row = {"age": 70.0, "brand": "Audi"}
    assert again.compile().score(row) == graph.compile().score(row) == {**row, "tier": "audi!"}


def test_hostile_json_is_refused_before_it_runs() -> None:
    document = json.loads(dumps(op.Receiver(schema={"age": "float?", "brand": "string?"}) >> Function(function=tier)))
    document["nodes"][1]["params"]["function"]["body"][0] = ["return", 1, ["call", "__import__", [["const", "os"]]]]
    with pytest.raises(RtmlError, match="node 'function': Function: there is no function '__import__'"):
        Graph.from_dsl(document)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"function": lambda x: x}, "'into' must name the new column: a lambda has no name"),
        ({"function": lambda: 1, "into": "x"}, "must take an argument at least"),
        ({"function": tier, "cols": ["age"]}, "'cols' must name a column for each of age, brand"),
        ({"function": lambda x: x, "into": ["a", "a"]}, "'into' must hold different names"),
        ({"function": parts, "into": "x"}, "'into' must be left out"),
        ({"function": 3, "into": "x"}, "must be a def, a lambda"),
        ({"function": lambda x: print(x), "into": "x"}, "'print' can't be compiled"),
    ],
)
def test_wrong_parameters_get_one_sentence(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamError) as caught:
        Function(**given)
    assert words in str(caught.value)
    assert str(caught.value).startswith("Function: ")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda brand: brand if brand else 1, ["gives a number in one branch and a text in another"]),
        (lambda member: member or 2, ["True or False in one branch"]),
        (lambda age: str(age), ["line 1", "'str(age)'", "ONNX writes floats differently"]),
        (lambda brand: brand < "b", ["ONNX has no order of texts"]),
        (lambda brand: brand in "abc", ["'in' can look for a constant text only"]),
        (lambda visits, age: visits**visits, ["'visits ** visits'", "float(x) ** n"]),
        (lambda brand: brand.split("-"), ["one by one"]),
        (lambda age: (age, 1), ["gives a tuple, which is no cell of a column"]),
        (lambda age: {"a": 1}[age] if age is None else {1: age}[age + "x"], ["raises in every row"]),
        (lambda brand: brand + 1 if brand is not None else brand * 1.5, ["raises in every row"]),
        (lambda visits: round(visits, visits), ["write the number"]),
    ],
)
def test_what_the_columns_forbid_is_refused_at_its_line(function: Any, words: list[str]) -> None:
    assert_refuses(Function(function=function, into="x"), FRAME, *words)


def test_answers_that_make_no_column_are_refused() -> None:
    with pytest.raises(ExecutionError, match="name its columns in a list"):
        Function(function=lambda age: (age, 1), into="x").process(FRAME)
    with pytest.raises(ExecutionError, match="wanted are 2 values in every row"):
        Function(function=lambda age: (age, 1, 2), into=["x", "y"]).process(FRAME)
    assert_refuses(
        Function(function=lambda age: (age, 1, 2), into=["x", "y"]), FRAME, "gives 3 values in a branch; 2 columns are named"
    )
    with pytest.raises(ColumnError, match="Column 'ages' does not exist"):
        Function(function=lambda ages: 1, into="x").process(FRAME)


def test_time_spans_are_no_cells() -> None:
    frame = canonical(pd.DataFrame({"span": pd.to_timedelta([1, 2], unit="s")}))
    assert_refuses(Function(function=lambda span: 1, into="x"), frame, "takes no time spans")
    with pytest.raises(ColumnError, match="time spans"):
        Function(function=lambda span: 1, into="x").process(frame)


def test_small_functions_stay_small() -> None:
    def group(age: Any) -> Any:
        if age is None:
            return "unknown"
        if age < 18:
            return "young"
        return "old" if age >= 65 else "middle"

    assert assert_parity(Function(function=group), pd.DataFrame({"age": [1.0, None, 18.0, 65.0, 64.9]})) <= 6
    assert assert_parity(Function(function=lambda age: age * 2 + 1 if age is not None else None, into="x"), FRAME[["age"]]) <= 2
    prices = pd.DataFrame({"brand": ["VW", "Audi", None, "x"]})
    assert assert_parity(Function(function=lambda brand: FACTORS.get(brand, 1.0) * 2, into="x"), prices) <= 4


def test_a_check_counts_only_where_it_is_reached() -> None:
    node = Function(function=lambda visits, age: visits != 0 and 10 // visits > 1, into="x")
    frame = pd.DataFrame({"visits": [0, 1, 5, 7], "age": [1.0] * 4})
    assert assert_parity(node, frame) > 0
    assert node.process(frame).data["x"].tolist() == [False, True, True, False]
