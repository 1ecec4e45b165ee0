"""The two spellings of a document, there and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.xdm.errors import SpellingError
from rtml_plugins.xdm.schema import Schema, builtin
from rtml_plugins.xdm.spelling import Spelling, compatible
from tests.unit.xdm.schema_files import known, one

VISIT = known().get("visit")
SHOP = builtin().get("shop-event")

STANDARD: dict[str, Any] = {
    "@id": "1",
    "xdm:timestamp": "2026-11-21T10:15:00Z",
    "xdm:person": {"xdm:name": {"xdm:firstName": "Ada"}, "xdm:contacts": [{"xdm:name": {"xdm:lastName": "B"}}, {}]},
    "xdm:place": {"schema:latitude": 47.4, "xdm:city": "Zug"},
    "xdm:identityMap": {"xdm:odd": [{"xdm:id": "xdm:person"}], "@id": [{"xdm:id": "a@b.c"}], "https://ns.adobe.com/x/y": []},
    "https://ns.adobe.com/experience/analytics/dimensions": {"xdm:eVar1": "v"},
    "_acme": {"tier": "gold"},
    "unknown": {"xdm:kept": 1},
}
COMPATIBLE: dict[str, Any] = {
    "_id": "1",
    "timestamp": "2026-11-21T10:15:00Z",
    "person": {"name": {"firstName": "Ada"}, "contacts": [{"name": {"lastName": "B"}}, {}]},
    "place": {"_schema": {"latitude": 47.4}, "city": "Zug"},
    "identityMap": {"xdm:odd": [{"id": "xdm:person"}], "@id": [{"id": "a@b.c"}], "https://ns.adobe.com/x/y": []},
    "_experience": {"analytics": {"dimensions": {"eVar1": "v"}}},
    "_acme": {"tier": "gold"},
    "unknown": {"xdm:kept": 1},
}


@pytest.mark.parametrize(
    ("standard", "keys"),
    [
        ("xdm:person", ("person",)),
        ("@id", ("_id",)),
        ("@type", ("_type",)),
        ("schema:latitude", ("_schema", "latitude")),
        ("repo:createDate", ("_repo", "createDate")),
        ("https://ns.adobe.com/experience/analytics/customDimensions", ("_experience", "analytics", "customDimensions")),
        ("https://elsewhere.example/a", ("https://elsewhere.example/a",)),
        ("https://ns.adobe.com/", ("https://ns.adobe.com/",)),
        ("_acme", ("_acme",)),
        ("plain", ("plain",)),
        ("", ("",)),
        ("@", ("@",)),
        (":x", (":x",)),
        ("xdm:", ("xdm:",)),
    ],
)
def test_names_in_both_spellings(standard: str, keys: tuple[str, ...]) -> None:
    assert compatible(standard) == keys


def test_a_document_there_and_back() -> None:
    assert VISIT.translator.translate(STANDARD, "compatible") == COMPATIBLE
    assert VISIT.translator.translate(COMPATIBLE, "standard") == STANDARD


def test_the_input_stays_as_it_is() -> None:
    document = {"xdm:place": {"schema:latitude": 1, "_schema": {"other": {"x": 1}}}}
    there = VISIT.translator.translate(document, "compatible")
    assert document == {"xdm:place": {"schema:latitude": 1, "_schema": {"other": {"x": 1}}}}
    assert there == {"place": {"_schema": {"latitude": 1, "other": {"x": 1}}}}
    assert VISIT.translator.translate(there, "standard") == document


def test_a_schema_in_the_compatible_spelling_knows_the_standard_names() -> None:
    event = {
        "_id": "1",
        "timestamp": "t",
        "placeContext": {"geo": {"_schema": {"latitude": 1.5}}},
        "endUserIDs": {"_experience": {}},
    }
    there = SHOP.translator.translate(event, "standard")
    assert there["xdm:placeContext"] == {"xdm:geo": {"schema:latitude": 1.5}}
    assert set(there) == {"@id", "xdm:timestamp", "xdm:placeContext", "xdm:endUserIDs"}
    assert SHOP.translator.translate(there, "compatible") == event


@pytest.mark.parametrize("to", ["standard", "compatible"])
def test_what_is_spelled_so_already_comes_back_as_it_is(to: Spelling) -> None:
    document = STANDARD if to == "standard" else COMPATIBLE
    assert VISIT.translator.translate(document, to) == document
    assert VISIT.translator.translate({"nothing": "known"}, to) == {"nothing": "known"}


@pytest.mark.parametrize(
    ("document", "to", "at"),
    [
        ({"@id": "1", "timestamp": "t"}, "compatible", "/timestamp"),
        ({"xdm:place": {"schema:latitude": 1, "_schema": {"latitude": 2}}}, "compatible", "/xdm:place/_schema"),
        ({"xdm:place": {"schema:latitude": 1, "_schema": {}}}, "compatible", "/xdm:place/_schema"),
        ({"xdm:place": {"schema:latitude": 1, "_schema": 5}}, "compatible", "/xdm:place/_schema"),
        ({"xdm:person": {"xdm:contacts": [{"name": {}}]}}, "compatible", "/xdm:person/xdm:contacts/0/name"),
        ({"place": {"schema:latitude": 1}}, "standard", "/place/schema:latitude"),
        ({"identityMap": {"a/b": [{"xdm:id": "1"}]}}, "standard", "/identityMap/a~1b/0/xdm:id"),
    ],
)
def test_a_mix_of_both_is_refused_with_its_place(document: dict[str, Any], to: Spelling, at: str) -> None:
    with pytest.raises(SpellingError, match="Spell the whole document one way") as caught:
        VISIT.translator.translate(document, to)
    assert str(caught.value).startswith(f"{at}: ")


@pytest.mark.parametrize("held", [[], {}, 5, {"other": 1}, {"analytics": {}}, {"analytics": {"other": {}}}])
def test_a_group_that_holds_no_field_is_data(held: Any) -> None:
    there = VISIT.translator.translate({"_id": "1", "_experience": held}, "standard")
    assert there == {"@id": "1", "_experience": held}
    assert VISIT.translator.translate(there, "compatible") == {"_id": "1", "_experience": held}


def test_two_fields_never_get_one_name() -> None:
    schema = one(properties={"xdm:name": {"type": "string"}, "name": {"type": "integer"}, "xdm:other": {"type": "string"}}).get(
        "one"
    )
    document = {"xdm:name": "x", "name": 5, "xdm:other": "y"}
    there = schema.translator.translate(document, "compatible")
    assert there == {"xdm:name": "x", "name": 5, "other": "y"}
    assert schema.translator.translate(there, "standard") == document
    assert set(schema.document("compatible")["properties"]) == {"xdm:name", "name", "other"}


def test_a_document_without_end_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100_000):
        deep = {"xdm:contacts": [deep]}
    with pytest.raises(SpellingError, match="nests too deep"):
        VISIT.translator.translate({"xdm:person": deep}, "compatible")


def _names(schema: Schema) -> list[str]:
    found: dict[str, None] = {}
    for spelling in ("standard", "compatible"):
        for field in schema.fields(spelling):
            found.update(dict.fromkeys(field.path))
    return [*found, "x", "xdm:x", "schema:x", "_schema", "_experience", "analytics", "https://ns.adobe.com/experience/z"]


VALUES = st.recursive(
    st.integers(0, 3) | st.text(max_size=2),
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from(_names(VISIT)), below, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(_names(VISIT)), VALUES, max_size=5), st.sampled_from(["standard", "compatible"]))
def test_any_document_comes_back_equal_or_is_refused(document: dict[str, Any], to: Spelling) -> None:
    back: Spelling = "standard" if to == "compatible" else "compatible"
    try:
        there = VISIT.translator.translate(document, to)
    except SpellingError:
        return
    if there == document:  # it was spelled so already
        return
    assert VISIT.translator.translate(there, back) == document
