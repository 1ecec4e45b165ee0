"""Documents against schemas: what is accepted, and what is refused with which keyword at which place."""

from __future__ import annotations

from typing import Any

import pytest

from rtml_plugins.xdm.schema import builtin
from rtml_plugins.xdm.validate import MAX_DEPTH, MAX_EXPLAINED, Validator, Violation, nests_deeper
from tests.unit.xdm.schema_files import DESCRIPTOR, known, one

BASIC: dict[str, Any] = {"_id": "e-1", "timestamp": "2026-11-21T10:15:00Z"}


@pytest.fixture(scope="module")
def event() -> Validator:
    return Validator(builtin().get("shop-event"))


@pytest.fixture(scope="module")
def profile() -> Validator:
    return Validator(builtin().get("shop-profile"))


def found(validator: Validator, document: Any) -> list[tuple[str, str]]:
    return [(violation.at, violation.keyword) for violation in validator.check(document)]


#: what ingestion accepts and refuses, keyword by keyword: what is added to an event, and what is wrong with it
CASES: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("nothing but what is required", {}, []),
    ("an event of a purchase", {"eventType": "commerce.purchases", "commerce": {"purchases": {"value": 1}}}, []),
    ("a kind of event nobody listed: the list is soft", {"eventType": "acme.sneezes"}, []),
    ("a number where a text belongs", {"eventType": 3}, [("/eventType", "type")]),
    ("no time", {"timestamp": ...}, [("", "required")]),
    ("no id", {"_id": ...}, [("", "required")]),
    ("a time without offset", {"timestamp": "2026-11-21T10:15:00"}, [("/timestamp", "format")]),
    ("a time with an offset and a fraction", {"timestamp": "2026-11-21T23:15:00.123456+13:00"}, []),
    ("a day that no month has", {"timestamp": "2026-02-30T10:15:00Z"}, [("/timestamp", "format")]),
    ("seconds since 1970", {"timestamp": 1763720100}, [("/timestamp", "type")]),
    ("a key nobody knows", {"evntType": "x"}, [("/evntType", "additionalProperties")]),
    (
        "a key nobody knows, inside",
        {"productListItems": [{"SKU": "a"}, {"SKU": "b", "qty": 1}]},
        [("/productListItems/1/qty", "additionalProperties")],
    ),
    ("fields of a tenant", {"_acme": {"score": 0.5, "seen": ["a"], "a.b/c": {"d": True}}}, []),
    ("null", {"eventType": None}, [("/eventType", "type")]),
    ("null inside of a tenant's fields", {"_acme": {"a": [{"b": None}]}}, [("/_acme/a/0/b", "type")]),
    (
        "a state of logging in that the closed list has",
        {"identityMap": {"ECID": [{"id": "1", "authenticatedState": "loggedOut"}]}},
        [],
    ),
    (
        "one that it has not",
        {"identityMap": {"ECID": [{"id": "1", "authenticatedState": "maybe"}]}},
        [("/identityMap/ECID/0/authenticatedState", "enum")],
    ),
    ("namespaces that are URIs and addresses", {"identityMap": {"https://a.b/c": [{"id": "1"}], "a@b.c": [{"id": "x"}]}}, []),
    ("an identity without its id", {"identityMap": {"Email": [{"primary": True}]}}, [("/identityMap/Email/0", "required")]),
    ("one identity that is no list", {"identityMap": {"a/b~c": {"id": "1"}}}, [("/identityMap/a~1b~0c", "type")]),
    (
        "a currency in small letters",
        {"commerce": {"order": {"currencyCode": "usd"}}},
        [("/commerce/order/currencyCode", "pattern")],
    ),
    ("half a product", {"productListItems": [{"quantity": 1.5}]}, [("/productListItems/0/quantity", "type")]),
    ("whole products, as some writers put them", {"productListItems": [{"quantity": 2.0}]}, []),
    (
        "more products than an int holds",
        {"productListItems": [{"quantity": 2**31}]},
        [("/productListItems/0/quantity", "maximum")],
    ),
    ("fewer than none", {"productListItems": [{"quantity": -1}]}, [("/productListItems/0/quantity", "minimum")]),
    (
        "a place beyond the pole",
        {"placeContext": {"geo": {"_schema": {"latitude": 91}}}},
        [("/placeContext/geo/_schema/latitude", "maximum")],
    ),
    ("an address of a machine that is none", {"environment": {"ipV4": "300.1.2.3"}}, [("/environment/ipV4", "format")]),
    ("true where a number belongs", {"commerce": {"purchases": {"value": True}}}, [("/commerce/purchases/value", "type")]),
    ("a postal code that keeps its zero", {"placeContext": {"geo": {"postalCode": "02134"}}}, []),
    ("a postal code that lost it", {"placeContext": {"geo": {"postalCode": 2134}}}, [("/placeContext/geo/postalCode", "type")]),
]


@pytest.mark.parametrize(("added", "wrong"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_ingestion_accepts_and_refuses(event: Validator, added: dict[str, Any], wrong: list[tuple[str, str]]) -> None:
    document = {key: value for key, value in {**BASIC, **added}.items() if value is not ...}
    assert found(event, document) == wrong
    assert event.is_valid(document) is not bool(wrong)


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ({}, []),
        ({"personalEmail": {"address": "ada@example.com"}}, []),
        ({"personalEmail": {"address": "nowhere"}}, [("/personalEmail/address", "format")]),
        ({"person": {"birthDate": "1815-12-10"}}, []),
        ({"person": {"birthDate": "10.12.1815"}}, [("/person/birthDate", "format")]),
        ({"consents": {"personalize": {"content": {"val": "y"}}}}, []),
        ({"consents": {"personalize": {"content": {"val": "yes"}}}}, [("/consents/personalize/content/val", "enum")]),
        ({"segmentMembership": {"ups": {"s.1/2": {"status": "realized", "payload": {"payloadPropensityValue": 0.2431}}}}}, []),
        ({"segmentMembership": {"ups": {"s": {"status": "left"}}}}, [("/segmentMembership/ups/s/status", "enum")]),
        (
            {"segmentMembership": {"ups": {"s": {"payload": {"payloadPropensityValue": 1.2}}}}},
            [("/segmentMembership/ups/s/payload/payloadPropensityValue", "maximum")],
        ),
    ],
)
def test_record_data_of_a_profile(profile: Validator, document: dict[str, Any], wrong: list[tuple[str, str]]) -> None:
    assert found(profile, document) == wrong


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ({"eventType": None}, "expected a text, got null; XDM has no null: leave the key out"),
        ({"eventType": 3}, "expected a text, got the number 3"),
        ({"evntType": 3}, "extraneous key [evntType] is not permitted. Did you mean 'eventType'?"),
        ({"productListItems": [{"quantty": 3}]}, "extraneous key [quantty] is not permitted. Did you mean 'quantity'?"),
        ({"_acme": {"a": None}}, "null is no value in XDM: leave the key out"),
        ({"timestamp": "now"}, "'now' is not a date-time, such as 2026-11-21T10:15:00Z"),
        ({"identityMap": {"E": [{"id": "1", "authenticatedState": "ambigous"}]}}, "loggedOut. Did you mean 'ambiguous'?"),
        ({"productListItems": [{"quantity": -1}]}, "expected at least 0, got -1"),
        ({"commerce": {"order": {"currencyCode": "usd"}}}, "'usd' does not match the pattern ^[A-Z]{3}$"),
        ({"productListItems": {}}, "expected a list, got a JSON object"),
    ],
)
def test_a_violation_says_what_was_expected_what_came_and_the_cure(event: Validator, added: dict[str, Any], said: str) -> None:
    (violation,) = event.check({**BASIC, **added})
    assert said in violation.message


def test_all_violations_are_told_up_to_a_limit(event: Validator) -> None:
    document = {**BASIC, "productListItems": [{"quantity": "many"} for _ in range(50)], "oops": 1}
    assert len(event.check(document)) == 20
    assert len(event.check(document, limit=100)) == 51
    several = found(event, {"oops": 1, "timestamp": "now"})
    assert sorted(several) == [("", "required"), ("/oops", "additionalProperties"), ("/timestamp", "format")]


@pytest.mark.parametrize("value", [2**53 - 1, -(2**53) + 1, 5.0])
def test_a_long_has_54_bits(value: float) -> None:
    validator = Validator(one(properties={"n": {"type": "integer"}, "big": {"type": "number"}}).get("one"))
    assert validator.check({"n": value, "big": 9.4e21}) == []
    assert validator.check({"big": 2**64 + 1}) == []


@pytest.mark.parametrize(
    ("value", "keyword"), [(2**53, "maximum"), (-(2**53), "minimum"), (10**30, "maximum"), (9.4e21, "maximum")]
)
def test_beyond_that_a_long_is_refused_and_never_rounded(value: float, keyword: str) -> None:
    validator = Validator(one(properties={"n": {"type": "integer", "minimum": -(2**63), "maximum": 2**63}}).get("one"))
    assert found(validator, {"n": value}) == [("/n", keyword)]


def test_empty_values_are_accepted_unless_asked() -> None:
    schema = builtin().get("shop-event")
    document = {**BASIC, "eventType": "", "productListItems": [], "commerce": {}, "_acme": {"a": ""}}
    assert Validator(schema).check(document) == []
    refused = Validator(schema, empty=False).check(document)
    assert {(violation.at, violation.keyword) for violation in refused} == {
        ("/eventType", "minLength"),
        ("/productListItems", "minItems"),
        ("/commerce", "minProperties"),
        ("/_acme/a", "minLength"),
    }
    assert {violation.message for violation in refused} == {"the value is empty; leave the key out"}


def test_an_open_schema_takes_any_key_but_no_null() -> None:
    validator = Validator(one(properties={"a": {"type": "string"}}).get("one"))
    assert validator.check({"b": {"c": [1, "x", True, {}]}}) == []
    assert found(validator, {"b": {"c": [None]}}) == [("/b/c/0", "type")]


def test_documents_are_checked_in_either_spelling() -> None:
    validator = Validator(known().get("visit"))
    assert validator.check({"@id": "1", "xdm:timestamp": "2026-11-21T10:15:00Z", "xdm:place": {"schema:latitude": 47.4}}) == []
    assert validator.check({**BASIC, "place": {"_schema": {"latitude": 47.4}}}) == []
    assert found(validator, {**BASIC, "place": {"_schema": {"latitude": 100}}}) == [("/place/_schema/latitude", "maximum")]
    assert found(validator, {"@id": "1"}) == [("", "required")]
    standard = Validator(known().get("visit"), spelling="standard")
    assert {at for at, _ in found(standard, BASIC)} == {""}


def test_a_document_is_told_by_any_prefix_that_its_schema_has() -> None:
    rating = one(properties={"iptc:value": {"type": "integer"}}, required=["iptc:value"]).get("one")
    validator = Validator(rating)
    assert validator.check({"iptc:value": 5}) == []
    assert validator.check({"_iptc": {"value": 5}}) == []
    assert found(validator, {"_iptc": {"value": "5"}}) == [("/_iptc/value", "type")]
    assert found(validator, {"_iptc": {}}) == [("/_iptc", "required")]


def test_the_primary_identity_is_required() -> None:
    schemas = known()
    schemas.add(DESCRIPTOR)
    validator = Validator(schemas.get("visit"))
    assert found(validator, BASIC) == [("", "required")]
    assert found(validator, {**BASIC, "_acme": {"tier": "gold"}}) == [("/_acme", "required")]
    assert found(validator, {**BASIC, "_acme": {"card": "7"}}) == []


@pytest.mark.parametrize("value", [None, [], "x", 5, True, b"{}"])
def test_only_objects_are_documents(event: Validator, value: Any) -> None:
    assert found(event, value) == [("", "type")]


@pytest.mark.parametrize(
    ("value", "keyword", "said"),
    [
        ((1, 2), "type", "expected a JSON value, got a Python tuple"),
        (float("nan"), "type", "nan is no number that JSON has"),
        (float("-inf"), "type", "-inf is no number"),
        (b"x", "type", "expected a JSON value, got a Python bytes"),
        ({1: 2}, "propertyNames", "the key 1 is no text"),
    ],
)
def test_what_json_does_not_have_is_refused(event: Validator, value: Any, keyword: str, said: str) -> None:
    (violation,) = event.check({**BASIC, "_acme": {"a": value}, "commerce": {"purchases": {"value": value}}}, limit=1)
    assert violation.keyword == keyword
    assert said in violation.message


@pytest.mark.parametrize("extra", ["_acme", "eventType", "productListItems"])
def test_documents_without_end_are_refused_and_not_followed(event: Validator, extra: str) -> None:
    deep: Any = "x"
    for _ in range(50_000):
        deep = [deep] if extra != "_acme" else {"a": deep}
    violations = event.check({**BASIC, extra: deep})
    assert violations == [Violation("", "depth", f"the document nests deeper than {MAX_DEPTH} levels")]
    itself = Validator(one(type="object", properties={"a": {"$ref": "#"}}).get("one"))
    if extra == "_acme":
        assert [violation.keyword for violation in itself.check(deep)] == ["depth"]


def test_of_a_large_document_one_violation_is_told(event: Validator) -> None:
    document = {**BASIC, "productListItems": [{"quantity": "many"}] * MAX_EXPLAINED}
    assert found(event, document) == [("/productListItems/0/quantity", "type")]
    assert found(event, {**BASIC, **{f"k{number}": 1 for number in range(MAX_EXPLAINED)}})[0] == ("/k0", "additionalProperties")
    assert found(event, {**BASIC, "productListItems": [{"quantity": 1}] * MAX_EXPLAINED}) == []


def test_messages_stay_short(event: Validator) -> None:
    document = {
        **BASIC,
        "k" * 1_000_000: 1,
        "eventType": ["x" * 1_000_000],
        "identityMap": {"E": [{"id": "1", "primary": "y" * 1_000_000}]},
    }
    violations = event.check(document)
    assert [violation.keyword for violation in violations] == ["type", "type", "additionalProperties"]
    assert max(len(violation.message) for violation in violations) < 200


def test_depth_counts_objects_and_lists() -> None:
    assert not nests_deeper({"a": [1]}, 2)
    assert nests_deeper({"a": [[1]]}, 2)
    assert not nests_deeper(5, 1)


def test_a_value_that_fits_no_alternative_is_told_with_what_comes_nearest() -> None:
    schema = one(properties={"a": {"oneOf": [{"type": "string"}, {"type": "object", "required": ["@id"]}]}}).get("one")
    validator = Validator(schema)
    assert validator.check({"a": "x"}) == []
    (violation,) = validator.check({"a": 5})
    assert (violation.at, violation.keyword) == ("/a", "oneOf")
    assert "fits no form the schema allows: /a: expected" in violation.message
