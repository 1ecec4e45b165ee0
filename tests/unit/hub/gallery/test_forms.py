"""The form of a signature: what it begins with is a row that the package takes, and what is wrong is shown where it was typed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtml_core import Runtime
from rtml_core import operators as op
from rtml_core.baseline import BaselineEntry, ColumnBaseline
from rtml_core.errors import InputError
from rtml_core.package import FieldEntry, Manifest, ParityEntry
from rtml_core.runtime.signature import Signature
from rtml_plugins.hub.gallery import forms, inputs

#: a field of every type, with and without everything that a field can have
EVERY = {
    "float": "float",
    "float?": "float?",
    "ranged": {"type": "float", "min": 0.25, "max": 0.75},
    "int": "int",
    "int?": "int?",
    "from": {"type": "int", "min": 5},
    "to": {"type": "int?", "max": -3},
    "bool": "bool",
    "bool?": "bool?",
    "text": "string",
    "text?": "string?",
    "one of": {"type": "string", "categories": ["a", " ", "é\r\n", '<script>alert("x")</script>']},
    "one of?": {"type": "string?", "categories": ["a", "missing", "left out", "c0"]},
    "time": "timestamp",
    "time?": "timestamp?",
    "spare": {"type": "float", "default": 1.5},
    "spare text?": {"type": "string?", "default": None},
    "a/b~c '<": "float",
}


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    graph = op.Receiver(schema=EVERY) >> op.Pandas(import_="fillna", cols="float?", kwargs={"value": 0.0}, inplace=True)
    return Runtime.from_bytes(graph.compile().data)


def accepted(runtime: Runtime, body: bytes) -> list[dict[str, Any]]:
    """The problems with a row, as an edge finds them."""
    try:
        runtime.json.decode(body)
    except InputError as error:
        return [{"at": one.at, "expected": one.expected, "got": one.got} for one in error.problems]
    return []


def manifest_of(fields: list[FieldEntry], baseline: BaselineEntry | None = None) -> Manifest:
    parity = ParityEntry(True)
    return Manifest(1, "0", tuple(fields), "refuse", (), (), (), {}, 10, (), (), True, parity, {}, baseline=baseline)


# ---- what a form begins with ------------------------------------------------------------------------------------------------

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 0.5, 1e300, -1e300, 2.0**63])
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufdd0"), max_size=8)


@st.composite
def columns(draw: st.DrawFn, name: str, kind: str) -> ColumnBaseline:
    """A baseline of a column, of whatever values."""
    if kind == "category":
        values = draw(st.lists(TEXTS, unique=True, max_size=4))
        counts = draw(st.lists(st.integers(0, 9), min_size=len(values) + 1, max_size=len(values) + 1))
        return ColumnBaseline(name, kind, draw(st.integers(0, 3)), tuple(counts), values=tuple(values))
    seven = sorted(draw(st.lists(NUMBERS, min_size=7, max_size=7)))
    counts = draw(st.sampled_from([(), (0, 0), (3, 4)]))
    return ColumnBaseline(
        name,
        kind,
        draw(st.integers(0, 3)),
        tuple(counts),
        edges=(seven[3],),
        whole=draw(st.booleans()),
        quantiles=tuple(seven) if draw(st.booleans()) else (),
    )


@st.composite
def fields(draw: st.DrawFn, name: str) -> FieldEntry:
    """A declared field."""
    kind = draw(st.sampled_from(["float", "int", "bool", "string", "timestamp"]))
    nullable = draw(st.booleans())
    more: dict[str, Any] = {}
    if kind in ("float", "int"):
        bounds = NUMBERS if kind == "float" else st.integers(-(2**53), 2**53)
        low, high = sorted([draw(bounds), draw(bounds)])
        more["minimum"], more["maximum"] = draw(st.sampled_from([(low, high), (low, None), (None, high), (None, None)]))
    if kind == "string" and draw(st.booleans()):
        more["categories"] = tuple(draw(st.lists(TEXTS, unique=True, min_size=1, max_size=4)))
    if nullable and draw(st.booleans()):
        more |= {"optional": True, "default": None}
    return FieldEntry(name, kind, nullable, tensor="x", **more)


@st.composite
def packages(draw: st.DrawFn) -> Manifest:
    entries = [draw(fields(f"f{at}")) for at in range(draw(st.integers(1, 5)))]
    kinds = {"float": "number", "int": "number", "timestamp": "time"}
    known = [draw(columns(entry.name, kinds.get(entry.type, "category"))) for entry in entries if draw(st.booleans())]
    return manifest_of(entries, BaselineEntry(7, tuple(known)) if draw(st.booleans()) else None)


def sent(form: inputs.Form) -> dict[str, str]:
    """What a browser sends of a form that nobody touched: of line ends it makes CR LF."""
    made = {}
    for one in (*form.fields, *form.unused):
        chosen = [option.value for option in one.options if option.chosen]
        made[one.id] = (chosen[0] if one.kind == "list" else one.value).replace("\r\n", "\n").replace("\n", "\r\n")
        made.update((one.how_id, option.value) for option in one.how if option.chosen)
    return made


@given(packages())
@settings(max_examples=150, deadline=None)
def test_what_a_form_begins_with_is_a_row_that_the_signature_takes(manifest: Manifest) -> None:
    form = inputs.form("p", manifest, forms.first(manifest))
    body = forms.row(manifest, forms.read(manifest, sent(form)))
    Signature.of_fields([entry.field for entry in manifest.fields]).row(msgspec.json.decode(body))


def test_a_form_begins_in_the_middle_of_the_training() -> None:
    quantiles = (18.0, 20.0, 31.0, 40.26, 52.0, 80.0, 93.0)
    known = (
        ColumnBaseline("age", "number", 10, (50, 40), edges=(40.0,), quantiles=quantiles),
        ColumnBaseline("orders", "number", 0, (90, 10), edges=(2.0,), whole=True, quantiles=(1.0, 1.0, 1.0, 1.0, 2.0, 4.0, 9.0)),
        ColumnBaseline("city", "category", 0, (30, 60, 10), values=("Bonn", "Köln")),
        ColumnBaseline("at", "time", 0, (50, 50), edges=(0.0,), quantiles=(0.0, 0.0, 0.0, 86_400.0, 1e9, 1e9, 1e9)),
    )
    entries = [
        FieldEntry("age", "float"),
        FieldEntry("orders", "int"),
        FieldEntry("city", "string"),
        FieldEntry("at", "timestamp"),
    ]
    manifest = manifest_of(entries, BaselineEntry(100, known))
    filled = forms.first(manifest)
    assert [typed.text for typed in filled.values()] == ["40.26", "1", "Köln", "1970-01-02T00:00:00Z"]
    hints = [one.hint for one in inputs.form("p", manifest, filled).unused]
    assert hints == [
        "Seen in training: 18 to 93, mostly 31 to 52. 10 % were missing.",
        "Seen in training: 1 to 9, mostly 1 to 2.",
        "Seen in training: Köln 60 %, Bonn 30 %.",
        "Seen in training: 1970-01-01 to 2001-09-09.",
    ]


@pytest.mark.parametrize(("missing", "how"), [(4, forms.VALUE), (6, forms.MISSING)])
def test_what_was_mostly_missing_is_missing_at_first(missing: int, how: str) -> None:
    column = ColumnBaseline("age", "number", missing, (2, 3), (30.0,), quantiles=(20.0, 20.0, 25.0, 41.0, 50.0, 60.0, 60.0))
    manifest = manifest_of([FieldEntry("age", "float", nullable=True)], BaselineEntry(5 + missing, (column,)))
    assert forms.first(manifest)["age"] == forms.Typed(how, "41")


def test_a_package_without_a_baseline_begins_with_a_row_of_its_sample() -> None:
    manifest = manifest_of([FieldEntry("age", "float"), FieldEntry("city", "string")])
    filled = forms.first(manifest, {"age": 4.5, "city": "Bonn"})
    assert forms.row(manifest, filled) == b'{"age":4.5,"city":"Bonn"}'


def test_declared_defaults_are_left_out_and_shown(runtime: Runtime) -> None:
    filled = forms.first(runtime.manifest)
    assert filled["spare"] == forms.Typed(forms.LEFT_OUT, "1.5")
    assert b"spare" not in forms.row(runtime.manifest, filled)
    shown = {one.name: one for one in inputs.form("p", runtime.manifest, filled).fields}
    assert shown["spare"].hint == "Left out it counts as 1.5."
    assert [option.value for option in shown["spare"].how] == [forms.VALUE, forms.LEFT_OUT]


def test_the_first_row_of_every_type_is_accepted_by_a_real_package(runtime: Runtime) -> None:
    manifest = runtime.manifest
    form = inputs.form("p", manifest, forms.first(manifest))
    assert accepted(runtime, forms.row(manifest, forms.read(manifest, sent(form)))) == []


# ---- what is typed ----------------------------------------------------------------------------------------------------------


def typed_in(runtime: Runtime, name: str, text: str, how: str = forms.VALUE) -> tuple[bytes, list[dict[str, Any]]]:
    """The JSON that stands for what is typed in one field of an otherwise good form, and what is wrong with it."""
    manifest = runtime.manifest
    at = [entry.name for entry in manifest.fields].index(name)
    form = sent(inputs.form("p", manifest, forms.first(manifest)))
    form |= {forms.value_name(at): text, forms.how_name(at): how}
    body = forms.row(manifest, forms.read(manifest, form))
    return bytes(msgspec.json.decode(body, type=dict[str, msgspec.Raw]).get(name, b"")), accepted(runtime, body)


@pytest.mark.parametrize(
    ("name", "text", "json"),
    [
        ("int", "9007199254740993", b"9007199254740993"),  # no float64 holds it
        ("int", "+007", b"7"),
        ("int", " 12 ", b"12"),
        ("int", "-9223372036854775807", b"-9223372036854775807"),
        ("float", ".5", b"0.5"),
        ("float", "5.", b"5"),
        ("float", "-1.50e+03", b"-1.50e3"),
        ("float", "-0", b"-0"),
        ("text", "12", b'"12"'),
        ("text", "", b'""'),
        ("text", "a\r\nb", b'"a\\nb"'),
        ("text", "null", b'"null"'),
        ("text?", "missing", b'"missing"'),
        ("bool", "true", b"true"),
        ("bool?", "missing", b"null"),
        ("one of", "c2", '"é\\r\\n"'.encode()),
        ("one of", "c3", b'"<script>alert(\\"x\\")</script>"'),
        ("one of?", "missing", b"null"),
        ("one of?", "c1", b'"missing"'),
        ("one of?", "c3", b'"c0"'),
        ("time", "2026-01-02T03:04:05.000006+01:00", b'"2026-01-02T03:04:05.000006+01:00"'),
        ("a/b~c '<", "2", b"2"),
    ],
)
def test_what_is_typed_is_sent_exactly(runtime: Runtime, name: str, text: str, json: bytes) -> None:
    assert typed_in(runtime, name, text) == (json, [])


@pytest.mark.parametrize(("name", "how", "json"), [("int?", forms.MISSING, b"null"), ("spare", forms.LEFT_OUT, b"")])
def test_a_value_can_be_missing_or_left_out_whatever_is_typed(runtime: Runtime, name: str, how: str, json: bytes) -> None:
    assert typed_in(runtime, name, "anything", how) == (json, [])


WRONG = {
    "float": ["abc", "", "1,5", "1e999", "nan", "inf", "0x10", "1_000", "true", "1" * 1000, "--1", "1e", "٣"],
    "ranged": ["0", "0.76", "-1e400"],
    "int": ["3.5", "", "abc", "9223372036854775808", "1e30", "1" * 500],
    "int?": ["9007199254740994", "x"],
    "from": ["4"],
    "to": ["-2", "0.5"],
    "bool": ["", "yes", "1", "missing"],
    "bool?": ["maybe"],
    "text": ["\0", "a\0b", "\ufdd0"],
    "one of": ["", "b", "c4", "c99999", "missing"],
    "one of?": ["z"],
    "time": ["yesterday", "", "2026-13-01", "2026-01-01T25:00", "12"],
    "a/b~c '<": ["abc"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in WRONG.items() for text in texts])
def test_what_is_wrong_is_shown_at_its_field(runtime: Runtime, name: str, text: str) -> None:
    _, errors = typed_in(runtime, name, text)
    wrong, general = inputs.located(runtime.manifest, errors)
    assert list(wrong) == [name]
    assert general == []


@given(st.sampled_from([name for name in EVERY if name not in ("text", "text?", "spare text?")]), st.text(max_size=12))
@settings(max_examples=300, deadline=None)
def test_whatever_is_typed_is_accepted_or_wrong_at_its_field(runtime: Runtime, name: str, text: str) -> None:
    _, errors = typed_in(runtime, name, text.encode("utf-8", "replace").decode())
    wrong, general = inputs.located(runtime.manifest, errors)
    assert not general
    assert set(wrong) <= {name}


@given(st.integers(-(2**63) + 1, 2**63 - 1))
@settings(max_examples=100, deadline=None)
def test_whole_numbers_stay_exact(runtime: Runtime, number: int) -> None:
    assert typed_in(runtime, "int", str(number)) == (str(number).encode(), [])


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(max_examples=100, deadline=None)
def test_numbers_come_back_from_their_texts(number: float) -> None:
    text = forms.number_of(forms.text_of(number))
    assert text is not None
    assert (float(text), math.copysign(1, float(text))) == (number, math.copysign(1, number))


# ---- rows and forms ---------------------------------------------------------------------------------------------------------


def test_a_row_fills_the_form_and_comes_back_as_it_was() -> None:
    entries = [
        FieldEntry("n", "int", True),
        FieldEntry("t", "string"),
        FieldEntry("b", "bool"),
        FieldEntry("o", "float", optional=True),
    ]
    manifest = manifest_of(entries)
    for row in ({"n": None, "t": "a\nb", "b": True}, {"n": 2**53, "t": "", "b": False, "o": 0.1}):
        form = inputs.form("p", manifest, forms.of_row(manifest, row))
        assert msgspec.json.decode(forms.row(manifest, forms.read(manifest, sent(form)))) == row


def test_texts_of_several_lines_get_room() -> None:
    manifest = manifest_of([FieldEntry("t", "string"), FieldEntry("u", "string")])
    form = inputs.form("p", manifest, forms.of_row(manifest, {"t": "a\nb", "u": "a"}))
    assert [one.kind for one in form.unused] == ["long", "text"]


def test_fields_that_no_output_depends_on_come_last_and_the_first_wrong_one_is_the_first_of_the_page() -> None:
    entries = [FieldEntry("idle", "float"), FieldEntry("a", "float", tensor="x"), FieldEntry("b", "float", tensor="x")]
    manifest = manifest_of(entries)
    errors = [{"at": f"/{name}", "expected": "a number", "got": "none"} for name in ("idle", "b")]
    form = inputs.form("p", manifest, forms.first(manifest), errors)
    assert [one.name for one in form.fields] == ["a", "b"]
    assert [one.name for one in form.unused] == ["idle"]
    assert [(one.name, one.first_wrong) for one in form.wrong] == [("b", True), ("idle", False)]


def test_errors_that_no_field_is_to_blame_for_are_told_apart() -> None:
    manifest = manifest_of([FieldEntry("a", "float")])
    errors = [
        {"at": "/", "expected": "values that the model takes", "got": "age below 0"},
        {"at": "/zip", "expected": "x", "got": "y"},
    ]
    wrong, general = inputs.located(manifest, errors)
    assert wrong == {}
    assert general == ["expected values that the model takes; got age below 0", "/zip: expected x; got y"]


@pytest.mark.parametrize(
    ("quantiles", "whole", "step"),
    [
        ((0.0, 0.0, 10.0, 15.0, 20.0, 30.0, 40.0), False, "1"),
        ((0.0, 0.0, 0.1, 0.15, 0.2, 0.3, 0.4), False, "0.01"),
        ((0.0, 0.0, 1e3, 1.5e3, 9e3, 3e4, 4e4), False, "100"),
        ((0.0,) * 7, False, "1"),
        ((0.0, 0.0, 0.1, 0.15, 0.2, 0.3, 0.4), True, "1"),
    ],
)
def test_arrows_step_by_what_tells_something(quantiles: tuple[float, ...], whole: bool, step: str) -> None:
    column = ColumnBaseline("a", "number", 0, (1, 1), edges=(0.0,), whole=whole, quantiles=quantiles)
    manifest = manifest_of([FieldEntry("a", "float")], BaselineEntry(2, (column,)))
    (one,) = inputs.form("p", manifest, forms.first(manifest)).unused
    assert one.step == step


def test_a_form_that_lacks_a_field_leaves_it_out(runtime: Runtime) -> None:
    filled: Mapping[str, forms.Typed] = forms.read(runtime.manifest, {})
    assert forms.row(runtime.manifest, filled) == b"{}"


@pytest.mark.parametrize("text", ["1e309", "-1e400", "9" * 400, "0." + "9" * 10 + "e500"])
def test_a_number_that_no_float_holds_is_sent_as_it_was_typed(text: str) -> None:
    assert forms.number_of(text) is None
    assert forms.number_of("1.7976931348623157e308") == "1.7976931348623157e308"
    assert forms.number_of("1e-400") == "1e-400"
