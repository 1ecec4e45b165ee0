"""Schemas: what ships, what a schema knows of its fields, and how they are found."""

from __future__ import annotations

import pytest

from rtml_plugins.xdm.schema import IdentityField, Schema, SchemaError, Schemas, builtin
from tests.unit.xdm.schema_files import BASE, DESCRIPTOR, EVENT, NAME, PERSON, SCHEMA, TIME_SERIES, known, one


@pytest.fixture(scope="module")
def visit() -> Schema:
    return known().get("visit")


def test_what_ships_has_an_event_and_a_profile() -> None:
    schemas = builtin()
    whole = {schema.name: (schema.title, schema.kind) for schema in schemas if schema.role == "schema"}
    assert whole == {"shop-event": ("Shop event", "event"), "shop-profile": ("Shop profile", "record")}
    assert {schema.role for schema in schemas} == {"schema", "class", "field group", "data type", "behavior"}
    assert all(schema.id.startswith("https://rtml.example/xdm/") for schema in schemas)


def test_every_shipped_field_has_a_title_and_a_standard_name() -> None:
    for schema in builtin():
        untitled = [".".join(field.path) for field in schema.fields() if not field.type.title]
        assert untitled == []
    event = builtin().get("shop-event")
    assert event.spelling == "compatible"
    assert {"@id", "xdm:timestamp", "xdm:commerce"} <= set(event.document("standard")["properties"])
    assert (
        "schema:latitude" in event.document("standard")["properties"]["xdm:placeContext"]["properties"]["xdm:geo"]["properties"]
    )


@pytest.mark.parametrize(
    "name", [BASE + "schemas/visit", BASE + "schemas/visit#", "visit", "VISIT", "Visit of Acme", "visit of acme"]
)
def test_a_schema_is_found_by_id_short_name_and_title(name: str) -> None:
    assert known().get(name).id == BASE + "schemas/visit"


def test_an_unknown_schema_is_told_with_what_was_meant() -> None:
    with pytest.raises(SchemaError, match=r"There is no schema 'visti'\. Did you mean 'visit'\? Loaded: visit\."):
        known().get("visti")


def test_a_whole_schema_goes_before_a_part_of_the_same_name_and_two_of_a_kind_are_ambiguous() -> None:
    schemas = known({"$id": BASE + "parts/visit", "title": "A part"})
    assert schemas.get("visit").role == "schema"
    schemas.add({**SCHEMA, "$id": BASE + "more/visit"})
    with pytest.raises(SchemaError, match=r"'visit' is the name of several schemas: .*more/visit\. Say which by its"):
        schemas.get("visit")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (["xdm:timestamp"], "date-time"),
        (["timestamp"], "date-time"),
        (["_id"], "string"),
        (["xdm:person", "xdm:name", "xdm:firstName"], "string"),
        (["person", "name", "firstName"], "string"),
        (["person", "contacts"], "array"),
        (["person", "contacts", 3], "object"),
        (["person", "contacts", 3, "contacts", 0, "name", "lastName"], "string"),
        (["place", "_schema", "latitude"], "number"),
        (["identityMap"], "map"),
        (["identityMap", "a.b:c/d@e", 0, "id"], "string"),
        (["_experience", "analytics", "dimensions", "eVar1"], "string"),
        (["_acme", "tier"], "string"),
        ([], "object"),
    ],
)
def test_the_type_at_a_path(visit: Schema, path: list[str | int], kind: str) -> None:
    found = visit.type_at(path)
    assert found is not None
    assert found.type == kind


@pytest.mark.parametrize(
    "path", [["nope"], ["person", 0], ["person", "contacts", "0"], ["timestamp", "x"], ["identityMap", "E", "id"]]
)
def test_where_the_schema_says_nothing_there_is_no_type(visit: Schema, path: list[str | int]) -> None:
    assert visit.type_at(path) is None


def test_a_type_says_what_the_files_say_of_it(visit: Schema) -> None:
    tier, event_type = visit.type_at(["_acme", "tier"]), visit.type_at(["eventType"])
    assert tier is not None
    assert event_type is not None
    assert (tier.enum, dict(tier.suggested)) == (("gold", "silver"), {})
    assert (event_type.enum, dict(event_type.suggested)) == (None, {"page": "A page", "order": "An order"})
    name = visit.type_at(["person", "name"])
    assert name is not None
    assert name.title == "Full name"  # of the field, not of the data type it refers to
    identities = visit.type_at(["identityMap"])
    assert identities is not None
    assert identities.values is not None
    assert identities.values.items is not None
    assert (identities.values.type, identities.values.items.required) == ("array", ("id",))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ({"type": "integer"}, "long"),
        ({"type": "integer", "minimum": -128, "maximum": 127}, "byte"),
        ({"type": "integer", "minimum": 0, "maximum": 128}, "short"),
        ({"type": "integer", "minimum": 0, "maximum": 2**31 - 1}, "int"),
        ({"type": "integer", "minimum": 0, "maximum": 2**31}, "long"),
        ({"type": "integer", "minimum": 0}, "long"),
        ({"type": "integer", "meta:xdmType": "short"}, "short"),
        ({"type": "number"}, "number"),
        ({"type": "number", "meta:xdmType": "double"}, "number"),
        ({"type": "string", "format": "date"}, "date"),
        ({"type": "string", "format": "uri"}, "string"),
        ({"type": ["string", "null"]}, "string"),
        ({"type": ["string", "number"]}, "any"),
        ({"enum": ["a", "b"]}, "string"),
        ({"properties": {}}, "any"),
        ({"properties": {"a": {}}}, "object"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "map"),
        ({"type": "object", "meta:xdmType": "map"}, "map"),
        ({"items": {}}, "array"),
        ({}, "any"),
    ],
)
def test_xdm_types_come_from_type_format_range_and_xdm_type(said: dict[str, object], kind: str) -> None:
    found = one(properties={"a": said}).get("one").type_at(["a"])
    assert found is not None
    assert found.type == kind


def test_fields_are_listed_with_types_and_a_schema_that_holds_itself_once(visit: Schema) -> None:
    fields = {field.path: (field.type.type, field.required) for field in visit.fields("compatible")}
    assert fields[("timestamp",)] == ("date-time", True)
    assert fields[("person", "name", "firstName")] == ("string", False)
    assert fields[("identityMap", "{}", "[]", "id")] == ("string", False)
    assert fields[("_acme", "tier")] == ("string", False)
    assert ("person", "contacts", "[]", "name", "firstName") in fields
    assert not any(path[:4] == ("person", "contacts", "[]", "contacts") and len(path) > 5 for path in fields)


def test_kind_role_tenant_and_spelling() -> None:
    schemas = known()
    visit, name = schemas.get("visit"), schemas.get("name")
    assert (visit.kind, visit.role, visit.tenant, visit.spelling) == ("event", "schema", "_acme", "standard")
    assert (name.kind, name.role, name.tenant, name.spelling) == ("record", "data type", None, "standard")
    assert [schemas.get(BASE + id).role for id in ("context/event", "fieldgroups/person", "data/time-series")] == [
        "class",
        "field group",
        "behavior",
    ]


def test_identity_descriptors_beside_a_schema_are_its_identities() -> None:
    schemas = known()
    schemas.add(DESCRIPTOR)
    assert schemas.get("visit").identities == (IdentityField(("_acme", "card"), "Card", True),)
    assert schemas.get("name").identities == ()
    schemas.add({**DESCRIPTOR, "xdm:sourceProperty": "/_acme/crad"})
    with pytest.raises(SchemaError, match="names '_acme/crad', and the schema has no such field"):
        _ = schemas.get("visit").identities


def test_the_digest_follows_every_file_a_schema_takes_in() -> None:
    digest = known().get("visit").digest
    assert digest == known().get("visit").digest
    schemas = Schemas()
    for document in (TIME_SERIES, EVENT, PERSON, {**NAME, "required": ["xdm:firstName"]}, SCHEMA, *[]):
        schemas.add(document)
    schemas.add({"$id": BASE + "acme/loyalty"})
    assert schemas.get("visit").digest != digest


def test_the_document_stands_alone_and_says_the_same() -> None:
    visit = known().get("visit")
    alone = Schemas()
    alone.add(visit.document())
    again = alone.get(visit.id)
    assert [(field.path, field.type.type) for field in again.fields()] == [
        (field.path, field.type.type) for field in visit.fields()
    ]
    assert again.document()["properties"].keys() == visit.document()["properties"].keys()


def test_joined_sets_know_both_and_refuse_two_files_of_one_id() -> None:
    joined = builtin() | known()
    assert joined.get("visit").kind == joined.get("shop-event").kind == "event"
    assert len(joined) == len(builtin()) + len(known())
    other = one(title="Another")
    with pytest.raises(SchemaError, match=r"both have the \$id 'https://acme\.example/xdm/one', and differ"):
        one(title="One") | other


def test_what_is_added_later_is_seen() -> None:
    schemas = Schemas()
    schemas.add(SCHEMA)
    with pytest.raises(SchemaError, match=r"no schema with \$id 'https://acme\.example/xdm/context/event' is loaded"):
        schemas.get("visit").type_at(["timestamp"])
    for document in known():
        schemas.add(dict(known().raw(document.id)))
    found = schemas.get("visit").type_at(["timestamp"])
    assert found is not None
    assert found.type == "date-time"


def test_a_set_of_ones_own_does_not_change_what_ships() -> None:
    mine = builtin()
    mine.add({"$id": BASE + "mine"})
    assert BASE + "mine" in mine
    assert BASE + "mine" not in builtin()
