"""JSON straight into tensors and back: the same answers and the same words as Runtime.score on what the JSON says."""

from __future__ import annotations

import json
import random
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core import Operator, Params, Runtime
from rtml_core.errors import InputError, JsonError
from tests.unit.core.operators_for_tests import Positive, Scale, Source

SCHEMA: dict[str, Any] = {
    "f": "float?",
    "g": "float",
    "i": "int",
    "j": "int?",
    "b": "bool",
    "c": "bool?",
    "s": "string",
    "t": "string?",
    "w": "timestamp",
    "v": "timestamp?",
    "k": {"type": "string", "categories": ["one", 'two"']},
    "r": {"type": "float", "min": 0, "max": 10},
    "o": {"type": "string?", "default": "left out"},
    "n": {"type": "int", "default": 3},
    "p": {"type": "timestamp?", "default": "2026-01-31T10:15:00Z"},
}
ROW: dict[str, Any] = {
    "f": 1.5, "g": -2, "i": 2**60, "j": 7, "b": True, "c": None, "s": "é", "t": None, "w": "2026-11-21T10:15:00Z", "v": None,
    "k": "one", "r": 10,
}  # fmt: skip


class Keep(Operator):
    """Passes one column on."""

    class Params(Params):
        col: str

    def transform(self, frame: Any) -> Any:
        return frame[[self.params.col]]

    def lower(self, b: Any, columns: Any) -> Any:
        return {self.params.col: columns[self.params.col]}


def loaded(schema: dict[str, Any], row: dict[str, Any], **options: Any) -> Runtime:
    graph: Any = Source(schema=schema, **options) >> Scale(col="g", by=2.0, into="double")
    sample = pd.DataFrame({name: [value, value] for name, value in row.items()})
    return Runtime.from_bytes(graph.compile(sample).data)


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return loaded(SCHEMA, {**ROW, "o": "x", "n": 1, "p": None})


@pytest.fixture(scope="module")
def checked() -> Runtime:
    graph: Any = Source(schema={"f": "float"}) >> Positive(col="f")
    return Runtime.from_bytes(graph.compile(pd.DataFrame({"f": [1.0, 2.0]})).data)


def outcome(action: Any) -> Any:
    """What an action gives, or the problems that it finds."""
    try:
        return action()
    except InputError as error:
        return sorted(map(str, error.problems))


def by_json(runtime: Runtime, body: bytes) -> Any:
    return outcome(lambda: json.loads(runtime.json.score(runtime.json.decode(body))))


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 10**400, -0.0, 3.0, 1e300]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=6),
    st.sampled_from(
        ["", "\0", "\ufdd0", 'a"b', "back\\slash", "one", 'two"', "\ud800", "😀", "\u2028", "2026-11-21", "2026-02-30"]
    ),
    st.sampled_from(["2026-11-21T10:15:00Z", "2026-11-21 10:15:00.123456789+02:00", "2026-11-21t10:15:00z", "10:15"]),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.sampled_from(["0", "1", "x"]), st.integers(0, 3), max_size=2),
)
ROWS = st.dictionaries(st.sampled_from([*SCHEMA, "x", "f/g", "rows"]), VALUES, max_size=4).map(lambda some: {**ROW, **some})
WRITERS: list[Any] = [
    lambda value: json.dumps(value).encode(),
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace"),
    lambda value: json.dumps(value, indent=2).encode(),
]


@settings(max_examples=60)
@given(ROWS, st.sampled_from(WRITERS), st.data())
def test_a_bare_row_is_scored_and_refused_as_by_score(
    runtime: Runtime, row: dict[str, Any], write: Any, data: st.DataObject
) -> None:
    for name in data.draw(st.lists(st.sampled_from(sorted(row)), max_size=2, unique=True)):
        del row[name]
    if isinstance(next(iter(row.values()), None), (list, dict)) or isinstance(row.get("rows"), list):
        return  # that says columns, or rows
    assert by_json(runtime, write(row)) == outcome(lambda: [runtime.score(row)])


@settings(max_examples=60)
@given(st.lists(ROWS, max_size=4), st.sampled_from(WRITERS))
def test_rows_are_scored_and_refused_as_by_score(runtime: Runtime, rows: list[dict[str, Any]], write: Any) -> None:
    assert by_json(runtime, write({"rows": rows})) == (outcome(lambda: runtime.score(rows)) if rows else [])


@settings(max_examples=60)
@given(st.lists(ROWS, min_size=1, max_size=12), st.sampled_from(WRITERS), st.randoms(use_true_random=False))
def test_columns_are_scored_and_refused_as_by_score(
    runtime: Runtime, rows: list[dict[str, Any]], write: Any, chance: random.Random
) -> None:
    names = [name for name in {name: None for row in rows for name in row} if name != "rows"]
    columns = {name: [row.get(name, ROW.get(name)) for row in rows] for name in names}
    expected = outcome(lambda: runtime.score(columns))
    if isinstance(expected, dict):
        expected = [dict(zip(expected, values, strict=True)) for values in zip(*expected.values(), strict=True)]
    order = list(range(len(rows)))
    chance.shuffle(order)
    documented = {name: {str(at): values[at] for at in order} for name, values in columns.items()}
    for document in ({"columns": columns}, columns, documented, {"columns": documented}):
        assert by_json(runtime, write(document)) == expected


def test_what_is_left_out_and_optional_gets_its_default(runtime: Runtime) -> None:
    (answer,) = by_json(runtime, json.dumps(ROW).encode())
    assert (answer["o"], answer["n"], answer["p"]) == ("left out", 3, "2026-01-31T10:15:00Z")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "an empty body"),
        (b" \n", "an empty body"),
        (b'{"f": 1', "line 1, column 8"),
        (b'{"f": NaN}', "NaN, which is no JSON: a missing number is null"),
        (b'{"f": -Infinity}', "-Infinity, which is no JSON"),
        (b'{"f": 01}', "line 1, column 8"),
        (b'{"f": "\xff"}', "the byte 0xff at byte 7"),
        (b'{"f": "\x00"}', "invalid control character"),
        (b'\xef\xbb\xbf{"f": 1}', "line 1, column 1"),
        (b'{"f": 1} x', "extra data"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"f": ' + b'{"x": ' * 100_000, "nested too deeply"),
        (b'{"f": 1}'.decode().encode("utf-16"), "the byte 0xff at byte 0"),
    ],
)
def test_what_is_no_json_is_said_so(checked: Runtime, body: bytes, words: str) -> None:
    with pytest.raises(JsonError, match="expected JSON") as caught:
        checked.json.decode(body)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"f": 1, "f": 2}', "/f: expected each name once in an object, got 'f' twice"),
        (b'{"rows": [{"f": 1, "f": 2}]}', "/f: expected each name once"),
        (b'{"rows": [], "rows": []}', "/rows: expected each name once"),
        (b'{"f": 1, "\\u0066": 2}', "/f: expected each name once"),
        (b'{"f": 1e999}', "/f: expected a finite number, got number inf"),
        (b'{"f": 1' + b"0" * 5000 + b"}", "/f: expected a finite number, got number inf"),
        (b'{"f": "\\ud800"}', "/f: expected a finite number"),
        (b'{"\\ud800": 1, "f": 2}', "no such field"),
        (b"[]", "/: expected a row"),
        (b"3", "/: expected a row"),
        (b'{"rows": 3}', "/rows: expected no such field"),
        (b'{"rows": [3]}', "/0: expected a row"),
        (b'{"rows": [], "more": 1}', '/more: expected nothing beside "rows", got 1'),
        (b'{"columns": {"f": [1]}, "more": 1}', '/more: expected nothing beside "columns"'),
        (b'{"columns": {"f": 1}}', "/f: expected a column"),
        (b'{"f": {"a": 1}}', "/f: expected whole numbers as keys"),
        (b'{"f": {"0": 1, "00": 1}}', "/f: expected whole numbers as keys, each once"),
        (b'{"f": {"-0": 1}}', "/f: expected whole numbers as keys, each once: {\"0\": value, ...}, got the key '-0'"),
        (b'{"f": {"-\\u0030": 1}}', "/f: expected whole numbers as keys"),
        (b'{"columns": {"f": {"\\u002D0": 1, "1": 2}}}', "/f: expected whole numbers as keys"),
        (b"{}", "/f: expected a finite number, got nothing: the field is missing"),
    ],
)
def test_what_does_not_fit_is_named(checked: Runtime, body: bytes, words: str) -> None:
    with pytest.raises(InputError) as caught:
        checked.json.decode(body)
    assert words in str(caught.value)
    assert not isinstance(caught.value, JsonError)


@settings(max_examples=60)
@given(st.binary(max_size=60) | st.text(alphabet='{}[]":,\\ufd0e1-+.ntrals ', max_size=40).map(str.encode))
def test_no_bytes_do_more_than_raise_an_input_error(checked: Runtime, body: bytes) -> None:
    rows = outcome(lambda: checked.json.decode(body))
    assert isinstance(rows, tuple) or all(isinstance(row, (str, list, tuple)) for row in rows)


def test_a_field_may_be_called_rows_or_columns() -> None:
    one = loaded({"g": "float", "rows": "float", "columns": "float"}, {"g": 1.0, "rows": 2.0, "columns": 3.0})
    row = {"rows": 2, "columns": 3, "g": 1}
    for document in (row, {"rows": [row]}, {"columns": {k: [v] for k, v in row.items()}}, {k: {"0": v} for k, v in row.items()}):
        assert by_json(one, json.dumps(document).encode()) == [{"g": 1.0, "rows": 2.0, "columns": 3.0, "double": 2.0}]


def test_other_fields_are_ignored_where_the_package_says_so_and_their_names_may_not_stand_twice() -> None:
    one = loaded({"g": "float"}, {"g": 1.0}, extra="ignore")
    assert by_json(one, b'{"g": 2, "x": {"g": "y", "z": [1]}}') == [{"g": 2.0, "double": 4.0}]
    assert by_json(one, b'{"columns": {"g": [2, 3], "x": [1, null]}}') == [{"g": 2.0, "double": 4.0}, {"g": 3.0, "double": 6.0}]
    with pytest.raises(InputError, match="'x' twice"):
        one.json.decode(b'{"g": 2, "x": 1, "x": 2}')


def test_many_requests_are_scored_in_one_run_and_fail_alone(checked: Runtime) -> None:
    rows = checked.json
    bodies = [
        b'{"f": 2}',
        b'{"f": -1}',
        b'{"rows": [{"f": 1}, {"f": -1}, {"f": 3}]}',
        b'{"rows": []}',
        b'{"f": {"7": 5, "3": 4}}',
    ]
    answers = rows.score_many([rows.decode(body) for body in bodies])
    assert [type(answer) is bytes for answer in answers] == [True, False, False, True, True]
    assert [json.loads(answers[at]) for at in (0, 3, 4)] == [[{"f": 2.0}], [], [{"f": 4.0}, {"f": 5.0}]]  # type: ignore[arg-type]
    assert [p.at for at in (1, 2) for p in answers[at].problems] == ["/", "/1"]  # type: ignore[union-attr]
    for body, row in ((b'{"f": -1}', {"f": -1.0}), (b'{"rows": [{"f": -1}]}', [{"f": -1.0}])):
        assert by_json(checked, body) == outcome(lambda row=row: checked.score(row))


def test_a_run_of_many_gives_what_runs_of_one_give(runtime: Runtime) -> None:
    bodies = [
        json.dumps({**ROW, "g": at, "t": None if at % 2 else str(at), "c": None if at % 3 else True}).encode() for at in range(40)
    ]
    rows = [runtime.json.decode(body) for body in bodies]
    assert runtime.json.score_many(rows) == [runtime.json.score(one) for one in rows]


def test_a_row_to_measure_with_comes_from_the_sample_or_is_made_up(runtime: Runtime) -> None:
    assert runtime.sample_rows
    runtime.json.try_run([runtime.json.sample()] * 2)
    bare = Runtime.from_bytes(
        (Source(schema={"g": "float", "s": "string?", "w": "timestamp"}) >> Scale(col="g", by=2.0, into="double"))
        .compile(parity=False)
        .data,  # type: ignore[attr-defined]
        allow_unchecked=True,
    )
    assert bare.sample_rows == []
    bare.json.try_run([bare.json.sample()])


def test_a_flood_of_wrong_names_and_rows_is_cut_short(runtime: Runtime) -> None:
    names = {f"g{number}": 1 for number in range(20_000)}
    with pytest.raises(InputError) as caught:
        runtime.json.decode(json.dumps({"rows": [names] * 3}).encode())
    assert 1000 <= len(caught.value.problems) < 1100
    assert "Did you mean" not in str(caught.value.problems[-1])
    with pytest.raises(InputError) as caught:
        runtime.json.decode(json.dumps({"rows": [{"g": "x"}] * 20_000}).encode())
    assert 1000 <= len(caught.value.problems) < 1100


@pytest.mark.parametrize(("name", "value"), [("w", "yesterday"), ("s", "a\0"), ("x", 2**70), ("w", None)])
def test_a_field_that_the_model_does_not_need_is_as_strict(name: str, value: Any) -> None:
    graph: Any = Source(schema={"g": "float", "w": "timestamp", "s": "string", "x": "int"}) >> Keep(col="g")
    row = {"g": 1.0, "w": "2026-11-21", "s": "a", "x": 1}
    one = Runtime.from_bytes(graph.compile(pd.DataFrame({key: [item] * 2 for key, item in row.items()})).data)
    assert [f.tensor for f in one.manifest.fields][1:] == [None] * 3
    wrong = {**row, name: value}
    for document, rows in ((wrong, wrong), ({"rows": [row, wrong]}, [row, wrong])):
        refused = outcome(lambda rows=rows: one.score(rows))
        assert len(refused) == 1
        assert f"/{name}: expected" in refused[0]
        assert by_json(one, json.dumps(document).encode()) == refused
