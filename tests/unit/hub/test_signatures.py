"""Compatible means that no row is refused that was taken before: held to the real signatures, with random fields and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from rtml_core.columns import carrier_of
from rtml_core.errors import InputError
from rtml_core.package import CheckEntry, FieldEntry, Manifest, OutputEntry, ParityEntry, TensorEntry
from rtml_core.runtime.signature import Signature
from rtml_plugins.hub.signatures import Difference, compare

OUTPUT = OutputEntry("p", "float64", "t")


def manifest(
    fields: Sequence[FieldEntry],
    *,
    extra: str = "refuse",
    outputs: Sequence[OutputEntry] = (OUTPUT,),
    checks: Sequence[CheckEntry] = (),
) -> Manifest:
    inputs = tuple(TensorEntry(f.name, carrier_of(f.field.column.dtype, f.nullable), 1) for f in fields)
    placed = tuple(msgspec.structs.replace(f, tensor=f.name) for f in fields)
    return Manifest(
        format=1,
        rtml="0",
        fields=placed,
        extra=extra,
        inputs=inputs,
        outputs=tuple(outputs),
        checks=tuple(checks),
        opsets={},
        ir_version=10,
        ops=(),
        plugins=(),
        portable=True,
        parity=ParityEntry(True),
        digests={},
    )


def differences(old: FieldEntry, new: FieldEntry) -> list[Difference]:
    return compare(manifest([old]), manifest([new]))


AGE = FieldEntry("age", "float")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (
            FieldEntry("age", "float", nullable=True),
            AGE,
            "field 'age': was float or null, is float: requests with null would be refused",
        ),
        (AGE, FieldEntry("age", "string"), "field 'age': was float, is string: requests with numbers would be refused"),
        (AGE, FieldEntry("age", "int"), "field 'age': was float, is int: requests with numbers would be refused"),
        (
            FieldEntry("age", "int", minimum=0, maximum=150),
            FieldEntry("age", "int", minimum=18, maximum=150),
            "field 'age': was int from 0 to 150, is int from 18 to 150: requests with numbers below 18 would be refused",
        ),
        (
            FieldEntry("x", "float", maximum=1234567.25),
            FieldEntry("x", "float", maximum=1234567.125),
            "field 'x': was float up to 1234567.25, is float up to 1234567.125: requests with numbers above 1234567.125 would be"
            " refused",
        ),
        (
            FieldEntry("c", "string", categories=("a", "b")),
            FieldEntry("c", "string", categories=("a", "c")),
            "field 'c': was one of 'a', 'b', is one of 'a', 'c': requests with 'b' would be refused",
        ),
        (
            FieldEntry("c", "string"),
            FieldEntry("c", "string", categories=("a",)),
            "field 'c': was string, is one of 'a': requests with text other than 'a' would be refused",
        ),
        (
            FieldEntry("n", "int"),
            FieldEntry("n", "int", nullable=True),
            "field 'n': was int, is int or null: requests with numbers below -9007199254740992 and numbers above 9007199254740992"
            " would be refused",
        ),
        (
            FieldEntry("age", "float", optional=True, default=1.0),
            AGE,
            "field 'age': had a default, has none: requests without it would be refused",
        ),
    ],
)
def test_what_would_be_refused_is_said(old: FieldEntry, new: FieldEntry, text: str) -> None:
    assert differences(old, new) == [Difference(text, True)]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (AGE, FieldEntry("age", "float", nullable=True), "field 'age': was float, is float or null"),
        (FieldEntry("n", "int"), FieldEntry("n", "float"), "field 'n': was int, is float"),
        (FieldEntry("n", "int", minimum=1), FieldEntry("n", "int", minimum=0), "field 'n': was int from 1, is int from 0"),
        (AGE, FieldEntry("age", "float", optional=True, default=2.0), "field 'age': may be left out, 2.0 then"),
        (
            FieldEntry("age", "float", optional=True, default=1.0),
            FieldEntry("age", "float", optional=True, default=2.0),
            "field 'age': its default was 1.0, is 2.0",
        ),
    ],
)
def test_what_widens_is_said_and_breaks_nobody(old: FieldEntry, new: FieldEntry, text: str) -> None:
    assert differences(old, new) == [Difference(text, False)]


def test_fields_that_come_and_go() -> None:
    more = FieldEntry("city", "string", optional=True, default="x")
    assert compare(manifest([AGE]), manifest([AGE, more])) == [
        Difference("field 'city': is new (string), 'x' where it is not sent", False)
    ]
    required = compare(manifest([AGE]), manifest([AGE, FieldEntry("city", "string")]))
    assert [one.breaking for one in required] == [True]
    gone = compare(manifest([AGE, more]), manifest([AGE]))
    assert gone == [Difference("field 'city': is gone: requests with it would be refused", True)]
    assert [one.breaking for one in compare(manifest([AGE, more]), manifest([AGE], extra="ignore"))] == [False, False]
    assert [one.breaking for one in compare(manifest([AGE], extra="ignore"), manifest([AGE]))] == [True]
    taken = compare(manifest([AGE], extra="ignore"), manifest([AGE, more], extra="ignore"))
    assert taken == [
        Difference("field 'city': was ignored, is string: requests that send something else there would be refused", True)
    ]


@pytest.mark.parametrize(
    ("new", "breaking"),
    [
        ([], True),
        ([OutputEntry("p", "float32", "t")], True),
        ([OutputEntry("p", "float64", "t", nullable=True)], True),
        ([OUTPUT, OutputEntry("q", "string", "t")], False),
        ([OutputEntry("p", "float64", "elsewhere", 7, rtol=1e-3)], None),
    ],
)
def test_outputs_stay(new: list[OutputEntry], breaking: bool | None) -> None:
    found = compare(manifest([AGE]), manifest([AGE], outputs=new))
    assert [one.breaking for one in found] == ([] if breaking is None else [breaking])


def test_a_new_row_check_is_told_and_not_refused() -> None:
    found = compare(manifest([AGE]), manifest([AGE], checks=[CheckEntry("3 (OneHotEncoder)", "an unknown brand")]))
    assert found == [Difference("rows are refused now that fail a check of node 3 (OneHotEncoder): an unknown brand", False)]


# ---- the property -----------------------------------------------------------------------------------------------------------

WORDS = ("a", "b", "c")
BOUNDS = st.none() | st.integers(-3, 3)
BIG = [2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, 1e308, -1e308]
SMALL = [0, 1, -1, 2, -2, 3, -3, 4, -4, 0.5, 1.5, 2.5, 3.0, -0.5, -1.5, -2.5]
VALUES = [None, True, False, "a", "b", "c", "d", "", "2026-01-01T00:00:00Z", *SMALL, *BIG]


@st.composite
def fields(draw: st.DrawFn, name: str) -> FieldEntry:
    kind = draw(st.sampled_from(["float", "int", "bool", "string", "timestamp"]))
    nullable = draw(st.booleans())
    categories = low = high = None
    if kind == "string" and draw(st.booleans()):
        categories = tuple(sorted(draw(st.sets(st.sampled_from(WORDS), min_size=1))))
    if kind in ("float", "int"):
        low, high = draw(BOUNDS), draw(BOUNDS)
        assume(low is None or high is None or low <= high)
    entry = FieldEntry(name, kind, nullable, categories, None, 0, low, high)
    if draw(st.booleans()):
        default = draw(st.sampled_from([value for value in VALUES if taken(entry, value)]))
        entry = msgspec.structs.replace(entry, optional=True, default=default)
    return entry


def taken(field: FieldEntry, value: Any) -> bool:
    return accepted(manifest([field]), {field.name: value})


def accepted(one: Manifest, row: dict[str, Any]) -> bool:
    """Whether a runtime would take a row: by the code that it uses itself."""
    try:
        Signature(one.fields, one.inputs, ignore_extra=one.extra == "ignore").row(row)
    except InputError:
        return False
    return True


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    names = draw(st.lists(st.sampled_from(["x", "y"]), unique=True, min_size=1))
    return manifest([draw(fields(name)) for name in names], extra=draw(st.sampled_from(["refuse", "ignore"])))


rows = st.dictionaries(st.sampled_from(["x", "y", "z"]), st.sampled_from(VALUES))


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(manifests(), manifests(), st.lists(rows, min_size=20, max_size=20))
def test_no_row_is_refused_that_was_taken(before: Manifest, after: Manifest, given: list[dict[str, Any]]) -> None:
    if any(one.breaking for one in compare(before, after)):
        return
    for row in given:
        assert accepted(after, row) or not accepted(before, row), row


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.data())
def test_a_difference_that_breaks_has_a_row_that_shows_it(data: st.DataObject) -> None:
    """For one field, each value of a list that has all that matters: none is called breaking without a reason."""
    old, new = data.draw(fields("x")), data.draw(fields("x"))
    before, after = manifest([old]), manifest([new])
    candidates = [{"x": value} for value in VALUES] + [{}]
    lost = [row for row in candidates if accepted(before, row) and not accepted(after, row)]
    if old.type == "timestamp" and new.type == "string":
        return  # a program may send a datetime for a timestamp, which is no text
    if (old.type, new.type) == ("float", "int") and old.minimum is not None and old.minimum == old.maximum:
        return  # of all fields of numbers, one that takes a single whole number
    assert bool(lost) == any(one.breaking for one in compare(before, after)), (old, new)


@given(manifests())
def test_a_signature_is_compatible_with_itself(one: Manifest) -> None:
    assert compare(one, one) == []
