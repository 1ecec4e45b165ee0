"""Custom operators: what a declaration must say, whose they are, what a lowering makes of them."""

from __future__ import annotations

import dataclasses
import types
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rtml_core import CustomOp, Operator, hookimpl
from rtml_core.columns import Column, Schema
from rtml_core.errors import CompileError, NotLowerableError, ParityError, PluginError
from rtml_core.frames import string_dtype
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.custom import custom
from rtml_core.lowering.symbolic import Symbolic, lookup
from rtml_core.plugins import Candidate, Plugins
from rtml_core.registry import Origin, Registry
from rtml_core.testing import IsolatedPlugins, assert_parity, isolated_plugins
from tests.unit.core.operators_for_tests import Source


def reverse(texts: Any, mark: str) -> Any:
    """Texts from back to front, behind a mark."""
    return np.array([mark + text[::-1] for text in texts] + [""], dtype=object)[:-1]


def op(name: str = "reverse", version: int = 1, **changed: Any) -> CustomOp:
    given: dict[str, Any] = {
        "domain": "testing",
        "inputs": ("string",),
        "outputs": ("string",),
        "body": reverse,
        "doc": "Texts from back to front, behind a mark. More.",
        "arguments": {"mark": "string"},
    }
    return CustomOp(name=name, version=version, **{**given, **changed})


def code(texts: Any) -> Any:
    """The code point of a text's first character."""
    return np.fromiter((ord(text[:1] or "\0") for text in texts), dtype=np.int64, count=len(texts))


def is_word(texts: Any) -> Any:
    return np.fromiter((text.isalpha() for text in texts), dtype=np.bool_, count=len(texts))


def halved(numbers: Any, times: Any) -> Any:
    return numbers / 2, times + np.timedelta64(1, "D")


WIDE = op("code", inputs=("string",), outputs=("int64",), body=code, arguments={})
TRUE = op("is_word", outputs=("bool",), body=is_word, arguments={})
TWO = op("halved", inputs=("float64", "timestamp"), outputs=("float64", "timestamp"), body=halved, arguments={})


class Applied(Operator):
    """A custom operator on columns."""

    def __init__(self, custom_op: CustomOp, columns: list[str], **arguments: Any):
        super().__init__()
        self.op, self.columns_used, self.arguments = custom_op, columns, arguments

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        there = frame[self.columns_used].notna().all(axis=1)
        columns = [
            frame.loc[there, name].to_numpy(dtype=object if frame[name].dtype == "string" else None) for name in self.columns_used
        ]
        answer = self.op.function(*columns, **self.arguments)
        made = frame.copy()
        for position, values in enumerate(answer if isinstance(answer, tuple) else (answer,)):
            series = pd.Series(values, index=frame.index[there]).reindex(frame.index)
            if values.dtype == object:
                series = series.astype(string_dtype())
            made[f"made{position}"] = series.astype("boolean") if values.dtype == bool and not there.all() else series
        return made

    def lower(self, b: Any, columns: dict[str, Any]) -> dict[str, Any]:
        made = custom(b, self.op, *(columns[name] for name in self.columns_used), **self.arguments)
        return {**columns, **{f"made{position}": column for position, column in enumerate(made)}}


FRAME = pd.DataFrame(
    {
        "s": pd.Series(["abc", None, "", "ß🙂", "x\ufdd1"], dtype=string_dtype()),
        "f": [1.0, np.nan, -0.0, np.inf, 5.0],
        "t": np.array([0, None, -1, 5, 7], dtype="datetime64[us]"),
    }
)


@pytest.mark.parametrize("nullable", [None, True])
@pytest.mark.parametrize(
    ("node", "columns"), [(Applied(op(), ["s"], mark="<é>"), "s"), (Applied(WIDE, ["s"]), "s"), (Applied(TRUE, ["s"]), "s")]
)
def test_missing_in_missing_out_whatever_comes_out(node: Applied, columns: str, nullable: bool | None) -> None:
    assert assert_parity(node, FRAME, nullable=nullable) >= 1
    there = FRAME[FRAME["s"].notna()].reset_index(drop=True)
    assert assert_parity(node, there) == 1
    assert assert_parity(node, there.iloc[:0]) == 1


def test_several_inputs_and_outputs() -> None:
    assert assert_parity(Applied(TWO, ["f", "t"]), FRAME) == 1
    assert assert_parity(Applied(TWO, ["f", "t"]), FRAME.iloc[[0, 2]].reset_index(drop=True)) == 1


def test_of_a_column_out_of_a_table_nothing_is_left_but_the_table() -> None:
    b = Builder()
    column = lookup(b, Symbolic("string", b.input("s", "string", 1)), {"a": "ab", "b": "xyz"}, "", "string", nullable=False)
    (made,) = custom(b, op(), column, mark="-")
    assert b.custom_ops == {}
    assert made.lookup is not None
    assert made.lookup.table == {"a": "-ba", "b": "-zyx"}
    assert made.lookup.default == "-"


def test_what_an_operator_does_not_take_is_refused() -> None:
    b = Builder()
    text, number = (Symbolic(dtype, b.input(dtype, dtype, 1)) for dtype in ("string", "float64"))
    with pytest.raises(NotLowerableError, match=r"testing:reverse 1 takes \(string\); got \(float64\)"):
        custom(b, op(), number, mark="")
    with pytest.raises(NotLowerableError, match=r"takes no argument 'marc'\. It takes: mark\. Did you mean 'mark'\?"):
        custom(b, op(), text, marc="")
    with pytest.raises(NotLowerableError, match=r"argument 'mark' must be of type string; got 3"):
        custom(b, op(), text, mark=3)
    with pytest.raises(NotLowerableError, match="takes booleans, and a missing value is neither"):
        custom(b, op("b", inputs=("bool",), arguments={}), Symbolic("bool", b.input("n", "float64", 1), 0, True))
    custom(b, op(), text, mark="")
    with pytest.raises(NotLowerableError, match="two different custom operators are called testing:reverse 1"):
        custom(b, op(body=code), text, mark="")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"domain": "Geo"}, "the domain must be lower-case words with dots"),
        ({"domain": "ai.onnx.ml"}, "none of ONNX's own; got 'ai.onnx.ml'"),
        ({"name": "to-upper"}, "the name must be lower case, like"),
        ({"version": 0}, "a whole number from 1 on; got 0"),
        ({"version": True}, "a whole number from 1 on; got True"),
        ({"kind": "wasm"}, "the kind must be one of function, native, python; got 'wasm'"),
        ({"kind": "native"}, 'of kind native needs library="package:stem"'),
        ({"kind": "native", "library": "geo/_native"}, "in its folder without the suffix; got 'geo/_native'"),
        ({"kind": "native", "library": "geo.inner:_native"}, "a top-level package and the name of the shared library"),
        ({"kind": "native", "library": "geo:../_native"}, "got 'geo:../_native'"),
        ({"library": "geo:_native"}, "only an operator of kind native has a library, this one is of kind python"),
        ({"kind": "function", "unicode": True}, "Unicode tables (unicode=True), this one is of kind function"),
        ({"cases": [("a",)]}, "cases must be a function or"),
        ({"sees_missing": "no"}, "sees_missing must be True or False; got 'no'"),
        ({"doc": " "}, "has no documentation"),
        ({"body": "module.function"}, 'must be a function or "module:function"; got'),
        ({"body": 3}, 'must be a function or "module:function"; got 3'),
        ({"inputs": ()}, "inputs must be a tuple of at least one dtype"),
        ({"outputs": ["string"]}, "outputs must be a tuple of at least one dtype"),
        ({"outputs": ("strings",)}, "got 'strings'. Did you mean 'string'?"),
        ({"arguments": {"a-b": "int"}}, "must have the name of a Python argument; got 'a-b'"),
        ({"arguments": {"a": "integer"}}, "the type of argument 'a' must be one of string, int"),
        ({"arguments": ["a"]}, "arguments must be a dict"),
    ],
)
def test_an_incomplete_declaration_says_what_is_missing(changed: dict[str, Any], words: str) -> None:
    op().check()
    with pytest.raises(PluginError) as caught:
        dataclasses.replace(op(), **changed).check()
    assert words in str(caught.value)
    assert str(caught.value).startswith("custom operator '")


def test_arguments_come_back_as_they_were() -> None:
    values = {"a": 0.1 + 0.2, "b": 'é"\\\n\ud800\0', "c": None, "d": [1, [True]], "e": {"k": 2**70}, "f": -7, "g": False}
    words = {"a": "float", "b": "string", "c": "int?", "d": "list", "e": "object", "f": "int", "g": "bool"}
    made = op(arguments=words)
    from rtml_core.custom_ops.hosting import read_arguments

    encoded = made.encode(values)
    assert encoded.isascii()
    assert read_arguments(made, encoded) == values
    for wrong in (
        {**values, "f": True},
        {**values, "a": "0.3"},
        {**values, "b": None},
        {k: v for k, v in values.items() if k != "d"},
    ):
        with pytest.raises(PluginError, match="custom operator testing:reverse 1: argument"):
            made.encode(wrong)
    with pytest.raises(PluginError, match="must be JSON values"):
        made.encode({**values, "a": float("nan")})


# ---- whose they are -----------------------------------------------------------------------------------------------------


def plugin(*ops: Any) -> types.SimpleNamespace:
    return types.SimpleNamespace(rtml_custom_ops=hookimpl(lambda: list(ops)))


def loaded(**brought: Any) -> Plugins:
    return Plugins([Candidate(name, f"rtml-{name}", "1.0", lambda p=p: p) for name, p in brought.items()], Registry({}))


def test_operators_are_listed_with_who_brought_them_versions_side_by_side() -> None:
    found = loaded(one=plugin(op(), op(version=2)), two=plugin(WIDE))
    assert [(str(o), origin.plugin) for o, origin in found.custom_ops.entries()] == [
        ("testing:code 1", "two"), ("testing:reverse 1", "one"), ("testing:reverse 2", "one"),
    ]  # fmt: skip
    assert found.infos["one"].custom_ops == ["testing:reverse 1", "testing:reverse 2"]
    assert found.custom_ops.origin_of(WIDE) == Origin("two", "rtml-two", "1.0")
    assert found.custom_ops.origin_of(op(body=code)) is None


def test_two_plugins_with_one_operator_are_both_named() -> None:
    found = loaded(one=plugin(op()), two=plugin(WIDE, op(body=lambda texts, mark: texts)))
    assert found.infos["two"].state == "broken"
    both = "testing:reverse 1 is brought by plugin 'one' (rtml-one 1.0) and by plugin 'two' (rtml-two 1.0)"
    assert both in found.infos["two"].error
    assert found.infos["two"].custom_ops == []
    assert [str(o) for o, _ in found.custom_ops.entries()] == ["testing:reverse 1"]


@pytest.mark.parametrize(
    ("brought", "words"),
    [
        (plugin(op(), op()), "testing:reverse 1 is twice in rtml_custom_ops"),
        (plugin(op(domain="rtml.pandas")), "the domain 'rtml.pandas' is rtml's own; take one of yours"),
        (plugin("reverse"), "must return a list of CustomOp; it holds 'reverse'"),
        (plugin(op(doc="")), "has no documentation"),
        (types.SimpleNamespace(rtml_custom_ops=hookimpl(lambda: op())), "must return a list of CustomOp; got CustomOp("),
        (types.SimpleNamespace(rtml_custom_ops=hookimpl(lambda: [op()]), rtml_operators=hookimpl(lambda: [3])), "subclass"),
    ],
)
def test_a_broken_plugin_brings_none(brought: Any, words: str) -> None:
    found = loaded(one=brought)
    assert words in found.infos["one"].error
    assert found.custom_ops.entries() == []


def test_an_operator_that_no_plugin_brings_is_not_packaged() -> None:
    graph: Any = Source(schema={"s": "string"}) >> Applied(op(), ["s"], mark="")
    with pytest.raises(CompileError, match=r"testing:reverse 1 \(.*:reverse\) is brought by no installed plugin"):
        graph.compile()


def brings(*ops: CustomOp) -> types.SimpleNamespace:
    return types.SimpleNamespace(rtml_custom_ops=hookimpl(lambda: ops))


def test_a_compiled_graph_says_whom_it_needs(rtml_plugins: IsolatedPlugins) -> None:
    rtml_plugins.register(brings(op("letters", unicode=True)), "one", distribution="rtml-one", version="1.4")
    graph: Any = Source(schema={"s": "string?"}) >> Applied(op("letters", unicode=True), ["s"], mark="<")
    made = graph.compile()
    import unicodedata

    (entry,) = made.manifest.foreign
    assert (entry.domain, entry.op, entry.kind, entry.count) == ("testing.letters.v1", "letters", "python", 1)
    assert (entry.distribution, entry.version, entry.plugin) == ("rtml-one", "1.4", "one")
    assert (entry.custom, entry.op_version, entry.unicode) == ("testing", 1, unicodedata.unidata_version)
    assert made.manifest.opsets["testing.letters.v1"] == 1
    assert not made.manifest.portable
    assert made.manifest.portability == "not portable: needs the python operator testing:letters 1 from rtml-one 1.4"
    assert made.manifest.portability in repr(made)
    assert [(row.kind, row.portable) for row in made.rows if row.operator == "Applied"] == [("python", False)]
    assert made.score([{"s": "ab"}, {"s": None}]) == [{"s": "ab", "made0": "<ba"}, {"s": None, "made0": None}]


def test_a_body_that_fails_on_an_edge_row_stops_the_build() -> None:
    first = op("first", body=lambda texts: np.array([text[0] for text in texts] + [""], dtype=object)[:-1], arguments={})
    graph: Any = Source(schema={"s": "string"}) >> Applied(first, ["s"])
    with (
        isolated_plugins(brings(first)),
        pytest.raises(
            ParityError, match=r"the compiled graph fails \(.*rows\): .*testing:first 1 .*IndexError: string index out of"
        ),
    ):
        graph.compile()


def test_a_schema_knows_what_may_be_missing() -> None:
    schema = Applied(WIDE, ["s"]).schema(Schema([Column("s", "string", nullable=True)]))
    assert (schema["made0"].dtype, schema["made0"].nullable) == ("float64", True)
    schema = Applied(WIDE, ["s"]).schema(Schema([Column("s", "string")]))
    assert (schema["made0"].dtype, schema["made0"].nullable) == ("int64", False)
    schema = Applied(op(gives_missing=True), ["s"], mark="").schema(Schema([Column("s", "string")]))
    assert schema["made0"].nullable
