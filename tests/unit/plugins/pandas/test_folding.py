"""Chains on one column fold into one lookup, and several columns go through as one tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import operators as op
from rtml_core.assemble import assemble
from rtml_core.frames import canonical, schema_of
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.scratch import lower_alone
from rtml_core.lowering.symbolic import Symbolic
from rtml_plugins.pandas_ops import Pandas


def start(frame: pd.DataFrame) -> tuple[Builder, dict[str, Symbolic]]:
    """A builder, and the columns of a frame as its inputs."""
    lowered = lower_alone(Pandas(import_="copy"), schema_of(canonical(frame)))
    return lowered.builder, lowered.result


FILL = Pandas(import_="fillna", cols="s", kwargs={"value": "none"}, inplace=True)
UPPER = Pandas(import_="str.upper", cols="s", inplace=True)
BRANDS = Pandas(import_="replace", cols="s", kwargs={"to_replace": {"VW": "Volkswagen", "vw ": "Volkswagen"}}, inplace=True)
CODES = Pandas(import_="map", cols="s", kwargs={"arg": {"Volkswagen": 1, "Audi": 2, "none": 3}}, inplace=True)
OTHERS = Pandas(import_="fillna", cols="s", kwargs={"value": 0}, inplace=True)
WHOLE = Pandas(import_="astype", cols="s", kwargs={"dtype": "int64"}, inplace=True)
LISTED = Pandas(import_="isin", cols="s", kwargs={"values": ["Audi", "Volkswagen"]}, inplace=True)
AGES = Pandas(
    import_="cut", cols="g", kwargs={"bins": [-1e9, 0, 18, 65, 1e9], "labels": ["no", "young", "adult", "old"]}, into="age"
)
DUMMIES = Pandas(import_="get_dummies", cols="age", categories={"age": ["no", "young", "adult", "old"]})
TITLES = Pandas(import_="str.title", cols="age", inplace=True)
GROUPS = Pandas(import_="map", cols="age", kwargs={"arg": {"young": 1.5, "old": 2.5}}, inplace=True)

#: nodes in a row, the column that comes out, how many ONNX nodes that takes at most
CHAINS: list[tuple[list[Pandas], list[str], int]] = [
    ([FILL, CODES], ["s"], 1),
    ([FILL, BRANDS, CODES], ["s"], 1),
    ([BRANDS, FILL, CODES, OTHERS, WHOLE], ["s"], 1),
    ([FILL, BRANDS, LISTED], ["s"], 2),
    ([CODES, OTHERS, Pandas(import_="add", cols="s", kwargs={"other": 10}, into="x")], ["x"], 1),
    ([CODES, Pandas(import_="gt", cols="s", kwargs={"other": 1}, into="x")], ["x"], 2),
    ([AGES], ["age"], 4),
    ([AGES, DUMMIES], ["age_no", "age_young", "age_adult", "age_old"], 5),
    ([AGES, GROUPS], ["age"], 4),
    ([AGES, Pandas(import_="str.upper", cols="age", inplace=True)], ["age"], 4),
    ([FILL, UPPER, Pandas(import_="map", cols="s", kwargs={"arg": {"VW": 1, "NONE": 0}}, inplace=True)], ["s"], 2),
]


FIELDS = {"s": "string?", "u": "string", "g": "float", "f": "float?", "k": "int", "b": "bool"}


@pytest.mark.parametrize(("chain", "wanted", "most"), CHAINS, ids=range(len(CHAINS)))
def test_a_chain_takes_few_nodes_and_agrees_with_pandas(chain: list[Pandas], wanted: list[str], most: int) -> None:
    graph = op.Receiver(schema=FIELDS) >> Pandas(chain[0].to_json())
    for node in chain[1:]:
        graph = graph >> Pandas(node.to_json())
    graph.outputs = {name: name for name in wanted}
    package = graph.compile()  # the parity gate compares every output
    assert package.node_count <= most, package.explain()


def test_a_python_operator_is_not_needed_where_all_values_are_known() -> None:
    """Of a column out of a table pandas makes another table, once, when the graph is compiled."""
    graph = op.Receiver(schema=FIELDS) >> Pandas(BRANDS.to_json()) >> Pandas(FILL.to_json())
    titled = graph >> Pandas(import_="map", cols="s", kwargs={"arg": {"Volkswagen": "vw", "Audi": "a"}}, inplace=True)
    titled = titled >> Pandas(import_="str.title", cols="s", inplace=True)
    titled.outputs = {"s": "s"}
    assert titled.compile().manifest.portable


def test_labels_of_cut_need_no_python_operator(hard: pd.DataFrame) -> None:
    b, columns = start(hard)
    columns = TITLES.lower(b, AGES.lower(b, columns))
    assert b.custom_ops == {}
    assert columns["age"].lookup is not None
    assert {"No", "Young", "Adult", "Old"} <= {*columns["age"].lookup.table.values(), columns["age"].lookup.default}


def test_columns_of_one_kind_go_through_as_one_tensor(hard: pd.DataFrame) -> None:
    frame = pd.DataFrame(np.arange(40.0).reshape(4, 10), columns=list("abcdefghij"))
    b, columns = start(frame)
    names: list[Any] = list("abcdefghij")
    for parameters in (
        {"import_": "mul", "kwargs": {"other": 0.5}},
        {"import_": "clip", "kwargs": {"lower": 1}},
        {"import_": "abs"},
    ):
        columns = Pandas(cols=names, inplace=True, **parameters).lower(b, columns)
    tensor = columns["a"].tensor
    assert all(columns[name].tensor is tensor for name in names)
    assert assemble(b, {"x": tensor}).node_count == 1 + 3  # Concat of the ten inputs, then one node a step


def test_untouched_columns_stay_the_same_objects(hard: pd.DataFrame) -> None:
    b, columns = start(hard)
    for node in (
        Pandas(import_="fillna", cols="g", kwargs={"value": 0}, inplace=True),  # nothing is missing there
        Pandas(import_="round", cols="i", inplace=True),
        Pandas(import_="astype", cols="g", kwargs={"dtype": "float64"}, inplace=True),
        Pandas(import_="abs", cols="f", into="x"),
        Pandas(import_="drop", cols=["n"]),
    ):
        after = node.lower(b, columns)
        assert all(after[name] is columns[name] for name in columns if name in after)
