"""$ref, allOf and definitions come to one tree; what does not is said in words, and nothing runs without end."""

from __future__ import annotations

from typing import Any

import pytest

from rtml_plugins.xdm.schema import SchemaError, Schemas
from rtml_plugins.xdm.validate import Validator
from tests.unit.xdm.schema_files import BASE, known, one


def several(*documents: dict[str, Any]) -> Schemas:
    schemas = Schemas()
    for number, document in enumerate(documents):
        schemas.add({"$id": f"{BASE}{number}", **document})
    return schemas


def ref(to: int | str, **more: Any) -> dict[str, Any]:
    return {"$ref": f"{BASE}{to}" if isinstance(to, int) else to, **more}


def test_parts_of_one_field_are_merged() -> None:
    schemas = several(
        {"allOf": [ref(1), ref(2)], "properties": {"a": {"title": "Mine"}}},
        {"properties": {"a": {"type": "object", "title": "Theirs", "properties": {"x": {"type": "number", "minimum": 1}}}}},
        {
            "properties": {
                "a": {
                    "required": ["x"],
                    "properties": {"x": {"type": "integer", "minimum": 3, "maximum": 9, "pattern": "a"}, "y": {"enum": [1, 2]}},
                }
            }
        },
    )
    schema = schemas.get("0")
    a = schema.document()["properties"]["a"]
    assert (a["title"], a["type"], a["required"]) == ("Mine", "object", ["x"])
    assert a["properties"]["x"] == {"type": "integer", "minimum": 3, "maximum": 9, "pattern": "a"}
    assert a["properties"]["y"] == {"enum": [1, 2]}


def test_restrictions_that_can_not_be_merged_both_hold() -> None:
    schema = one(
        allOf=[{"properties": {"a": {"type": "string", "pattern": "^x"}}}, {"properties": {"a": {"pattern": "y$"}}}]
    ).get("one")
    assert [Validator(schema).is_valid({"a": text}) for text in ("xy", "x", "y")] == [True, False, False]


def test_lists_of_enum_have_to_agree_and_soft_ones_join() -> None:
    both = one(
        allOf=[
            {"properties": {"a": {"enum": ["x", "y"], "meta:enum": {"x": "X"}}}},
            {"properties": {"a": {"enum": ["y", "z"], "meta:enum": {"x": "no", "y": "Y"}}}},
        ]
    ).get("one")
    found = both.type_at(["a"])
    assert found is not None
    assert (found.enum, dict(found.suggested)) == (("y",), {"x": "X", "y": "Y"})
    with pytest.raises(SchemaError, match="no value is in both lists of enum"):
        one(allOf=[{"properties": {"a": {"enum": ["x"]}}}, {"properties": {"a": {"enum": ["y"]}}}]).get("one").document()


def test_a_closed_part_closes_the_union_and_not_only_itself() -> None:
    schemas = several(
        {"allOf": [ref(1), ref(2)]},
        {"properties": {"a": {"type": "string"}}, "additionalProperties": False},
        {"properties": {"b": {"type": "string"}}},
    )
    validator = Validator(schemas.get("0"))
    assert validator.check({"a": "x", "b": "y"}) == []
    assert [(found.at, found.keyword) for found in validator.check({"c": 1})] == [("/c", "additionalProperties")]


@pytest.mark.parametrize(
    "reference",
    [
        "#/definitions/x~1y~0z",
        "#/definitions/x%2Fy~0z",
        BASE + "one#/definitions/x~1y~0z",
        "one#/definitions/x~1y~0z",
        "#/anyOf/0",
    ],
)
def test_places_that_a_ref_may_name(reference: str) -> None:
    if reference == "#/definitions/x%2Fy~0z":
        reference = "#/definitions/x~1y%7E0z"  # percent escapes of the URI come off first
    schema = one(
        definitions={"x/y~z": {"type": "boolean"}}, anyOf=[{"type": "boolean"}], properties={"a": {"$ref": reference}}
    ).get("one")
    found = schema.type_at(["a"])
    assert found is not None
    assert found.type == "boolean"


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"properties": {"a": ref("urn:none")}}, r"one#/properties/a: no schema with \$id 'urn:none' is loaded"),
        ({"properties": {"a": ref(BASE + "on")}}, "Did you mean 'https://acme.example/xdm/one'"),
        ({"properties": {"a": ref("http://127.0.0.1:1/x")}}, "nothing is fetched from the network"),
        ({"properties": {"a": ref("file:///etc/passwd")}}, "nothing is fetched"),
        ({"properties": {"a": ref("#/definitions/bee")}, "definitions": {"be": {}}}, "there is no 'bee'. Did you mean 'be'"),
        ({"properties": {"a": ref("#anchor")}}, "'#anchor' is no place in a document"),
        ({"properties": {"a": {"$ref": 5}}}, r"expected a text as \$ref, got 5"),
        ({"properties": {"a": ref("#/title")}, "title": "x"}, "one#/title: expected a schema, a JSON object, got 'x'"),
        ({"$ref": "#"}, "holds itself at the same place"),
        ({"allOf": [ref("#/definitions/a")], "definitions": {"a": {"allOf": [ref("#")]}}}, "so it never ends: .*one# -> .*a"),
        ({"allOf": {}}, "expected a list as allOf"),
        ({"allOf": [5]}, "allOf/0: expected a schema"),
        ({"properties": [1]}, "expected a JSON object as properties, got"),
        ({"properties": {"a": 5}}, "properties/a: expected a schema"),
        ({"required": "a"}, "expected a list of names as required"),
        ({"type": "strng"}, "'strng' is no type of JSON Schema: .* Did you mean 'string'"),
        ({"type": []}, "the list of types is empty"),
        ({"enum": "x"}, "'enum' holds 'x'; it is a list"),
        ({"enum": []}, "the list of enum is empty"),
        ({"meta:enum": ["x"]}, "it is a JSON object"),
        ({"pattern": 5}, "expected a text as pattern"),
        ({"minimum": "1"}, "expected a number as minimum"),
        ({"maxLength": -1}, "expected a count as maxLength"),
        ({"dependencies": {"a": {"required": ["b"]}}}, "dependencies hold schemas"),
        ({"anyOf": []}, "expected a list of schemas as anyOf"),
        ({"properties": {"a": {"type": "string", "meta:xdmType": "int"}}}, "meta:xdmType says int, and type says string"),
        ({"items": [{}], "allOf": [{"items": {}}]}, "an array is described twice"),
        (
            {"allOf": [{"properties": {"a": {"type": "string"}}}, {"properties": {"a": {"type": "integer"}}}]},
            "one#/allOf/1/properties/a and .*one#/allOf/0/properties/a describe one field, as integer and as string",
        ),
    ],
)
def test_what_is_wrong_with_a_schema_is_said_with_its_place(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        one(**schema).get("one").document()


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"properties": {"a": {"pattern": "("}}}, r"the pattern '\(' at /properties/a/pattern can't be used"),
        ({"properties": {"a": {"pattern": "(?=a)b"}}}, "without look-around and back-references"),
        ({"properties": {"a": {"pattern": "((a{100}){100}){100}"}}}, "small enough to run in linear time"),
        ({"patternProperties": {"(?!a)": {}}}, r"the pattern '\(\?!a\)'"),
        ({"multipleOf": 0}, "one is no JSON Schema of draft-06, at /multipleOf: 0 is less"),
    ],
)
def test_what_the_validator_can_not_run_is_said(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        Validator(one(**schema).get("one"))


def test_a_pattern_that_explodes_elsewhere_runs_in_linear_time() -> None:
    validator = Validator(one(properties={"a": {"type": "string", "pattern": "^(a+)+$"}}).get("one"))
    assert [found.keyword for found in validator.check({"a": "a" * 100_000 + "b"})] == ["pattern"]


def test_a_schema_may_hold_itself() -> None:
    node = one(type="object", properties={"next": {"$ref": "#"}, "value": {"type": "integer"}}, additionalProperties=False).get(
        "one"
    )
    found = Validator(node).check({"next": {"next": {"value": "x"}}})
    assert [(violation.at, violation.keyword) for violation in found] == [("/next/next/value", "type")]
    assert [field.path for field in node.fields()] == [("next", "value"), ("value",)]


def test_alternatives_that_hold_the_whole_again_are_fine_one_for_each_key() -> None:
    rule = one(
        oneOf=[
            {"required": ["all"], "properties": {"all": {"type": "array", "items": {"$ref": "#"}}}},
            {"required": ["any"], "properties": {"any": {"type": "array", "items": {"$ref": "#"}}}},
            {"required": ["is"], "properties": {"is": {"type": "string"}}},
        ]
    ).get("one")
    validator = Validator(rule)
    assert validator.check({"all": [{"any": [{"is": "x"}]}, {"is": "y"}]}) == []
    assert [found.keyword for found in validator.check({"all": [{"any": [{"was": "x"}]}]})] == ["oneOf"]
    deep = rule.type_at(["all", 0, "any", 1, "is"])
    assert deep is not None
    assert deep.type == "string"


def chain(length: int, link: Any, end: dict[str, Any]) -> Schemas:
    return several(*(link(number + 1) for number in range(length)), end)


TWICE: dict[str, Any] = {"a": "x", "b": "y"}


@pytest.mark.parametrize(
    ("schemas", "said"),
    [
        (lambda: chain(1000, lambda n: {"allOf": [ref(n)]}, {}), r"more than 100 \$ref and allOf hang below each other"),
        (
            lambda: chain(25, lambda n: {"anyOf": [ref(n, title="a"), ref(n, title="b")]}, {}),
            "multiply: one value would be looked",
        ),
        (lambda: chain(25, lambda n: {"patternProperties": {"a": ref(n), ".": ref(n)}}, {}), "would be looked"),
        (lambda: several({"anyOf": [ref(0), {"type": "string"}]}), "is an alternative of itself"),
        (
            lambda: several({"anyOf": [{"properties": {"a": ref(0)}}, {"properties": {"a": ref(0)}}]}),
            r"holds itself again by several alternatives at once \(at a\)",
        ),
        (
            lambda: several(
                *(
                    {"properties": {key: {"allOf": [ref(n + 1), ref((n * step + 3) % 40)]} for key, step in (("a", 7), ("b", 5))}}
                    for n in range(40)
                ),
                {},
            ),
            "comes to more than 100,000 parts",
        ),
    ],
    ids=["chain", "anyOf", "patterns", "itself", "again", "merged"],
)
def test_schemas_that_would_run_without_end_are_refused(schemas: Any, said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        Validator(schemas().get(BASE + "0"))


def test_two_ways_at_every_level_do_not_double_the_document() -> None:
    deep = chain(
        30, lambda n: {"properties": {key: ref(n, title=title) for key, title in TWICE.items()}}, {"type": "string"}
    ).get(BASE + "0")
    assert len(deep.document()["definitions"]) < 60
    assert [found.at for found in Validator(deep).check({"a": {"b": {"a": 5}}})] == ["/a/b/a"]
    with pytest.raises(SchemaError, match="more than 50,000 fields"):
        deep.fields()


def test_ten_thousand_fields_and_a_long_chain_are_only_large() -> None:
    wide = one(properties={f"p{number}": {"type": "string"} for number in range(10_000)}, additionalProperties=False).get("one")
    assert len(wide.fields()) == 10_000
    assert [found.at for found in Validator(wide).check({"p9999": "x", "p10000": "x"})] == ["/p10000"]
    long = chain(2000, lambda n: {"properties": {"a": ref(n)}}, {}).get(BASE + "0")
    assert Validator(long).check({"a": {"a": {}}}) == []


def test_a_schema_of_all_spellings_of_xdm_is_the_same_in_each() -> None:
    visit = known().get("visit")
    compatible = visit.document("compatible")
    assert set(compatible["required"]) == {"_id", "timestamp"}
    assert {"_id", "timestamp", "person", "place", "identityMap", "_experience", "_acme"} <= set(compatible["properties"])
    assert set(compatible["properties"]["place"]["properties"]) == {"_schema", "city"}
    assert len(visit.fields("compatible")) == len(visit.fields("standard"))
