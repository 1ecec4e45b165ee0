"""Identities are read from every form, compared without case of the namespace, and refused when they name nobody."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_plugins.profile.identity import (
    LONGEST_ID,
    LONGEST_NAMESPACE,
    Descriptor,
    Identity,
    IdentityError,
    key,
    make,
    namespace_key,
    parse,
    parse_text,
    problem,
    read,
    split_key,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_a_namespace_is_compared_without_case_and_an_id_with_it() -> None:
    assert key("ECID", "a:B") == key("ecid", "a:B") == "ecid:a:B"
    assert key("ECID", "ab") != key("ECID", "aB")


def test_a_uri_is_a_namespace() -> None:
    uri = "https://ns.adobe.com/Email%20"
    assert key(uri, "x") == "https%3A//ns.adobe.com/email%2520:x"
    assert split_key(key(uri, "x:y")) == (uri.lower(), "x:y")
    assert namespace_key("a:b") == "a%3Ab"


@given(st.text(), st.text(), st.text(), st.text())
def test_two_identities_have_one_key_only_when_they_are_one(space: str, id: str, other: str, its: str) -> None:
    assert (key(space, id) == key(other, its)) == ((space.lower(), id) == (other.lower(), its))
    assert split_key(key(space, id)) == (space.lower(), id)


def test_identity_map_is_read_in_its_order() -> None:
    document = {
        "identityMap": {
            "ECID": [{"id": "1", "primary": True}, {"id": "2", "authenticatedState": "authenticated"}],
            "https://ns.example/crm": [{"id": "A", "authenticatedState": "sideways"}],
        }
    }
    assert read(document).identities == [
        Identity("ECID", "1", True, "ambiguous"),
        Identity("ECID", "2", False, "authenticated"),
        Identity("https://ns.example/crm", "A", False, "ambiguous"),
    ]


def test_an_identity_that_is_said_twice_is_one_in_its_strongest_state() -> None:
    document = {"identityMap": {"ECID": [{"id": "1"}], "ecid": [{"id": "1", "primary": True, "authenticatedState": "loggedOut"}]}}
    assert read(document).identities == [Identity("ECID", "1", True, "loggedOut")]


def test_the_older_form_is_read() -> None:
    document = {
        "endUserIDs": {
            "_experience": {
                "mcid": {"id": "38652", "namespace": {"code": "ECID"}, "primary": True},
                "aaid": {"id": "2E07-4BE7", "primary": False},
                "acid": {"id": None},
            }
        },
        "identityMap": None,
    }
    assert read(document).identities == [Identity("ECID", "38652", True), Identity("AAID", "2E07-4BE7")]


def test_fields_that_a_schema_declares_are_read() -> None:
    mail, phones = Descriptor(("_acme", "mail"), "Email", True), Descriptor(("_acme", "phones"), "Phone")
    document = {"_acme": {"mail": "a@b.example", "phones": ["1-2", "null", 5]}}
    found = read(document, [mail, phones, Descriptor(("no", "where"), "X")])
    assert found.identities == [Identity("Email", "a@b.example", True), Identity("Phone", "1-2")]
    assert [at for at, _ in found.refused] == ["/_acme/phones", "/_acme/phones"]


@pytest.mark.parametrize(
    "id",
    [
        *[
            "",
            " ",
            "\t",
            "null",
            "NULL",
            "Undefined",
            " none ",
            "NaN",
            "0",
            "0000",
            "-1",
            "(not set)",
            "[object Object]",
            "anonymous",
        ],
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-ffff-FFFF-ffff-FFFFFFFFFFFF",
        "00000000000000000000000000000000000000",
        *["na", "N/A", "Guest", "test", "{}", "[]", "''", '""', "#", "\u3164", "\u2800\u2800"],
        *["f" * 32, "x" * 16, "11111111-1111-1111-1111-111111111111"],
    ],
)
def test_a_placeholder_is_nobody(id: str) -> None:
    found = read({"identityMap": {"ECID": [{"id": id}], "CRMID": [{"id": "A"}]}})
    assert [identity.id for identity in found.identities] == ["A"]
    assert found.refused[0][0] == "/identityMap/ECID/0/id"
    assert "would make one person of many" in found.refused[0][1]


@pytest.mark.parametrize(
    "id",
    [
        "00000000-0000-0000-0000-000000000001",
        "0x",
        "nullable",
        "-10",
        "ünï",
        "名前",
        "a b",
        "f" * 15,
        "f" * 15 + "0",
        "#1",
        "test1",
    ],
)
def test_an_id_that_looks_like_a_placeholder_is_one_all_the_same(id: str) -> None:
    assert problem("ECID", id) is None


@pytest.mark.parametrize(
    ("namespace", "id", "says"),
    [
        ("ECID", "a\x00b", "printable"),
        ("ECID", "a\nb", "printable"),
        ("ECID", "a\u202eb", "printable"),
        ("ECID", "\ud800", "printable"),
        ("ECID", "a" * (LONGEST_ID + 1), f"at most {LONGEST_ID}"),
        ("ECID", 38652, "Write numbers in quotes"),
        ("ECID", None, "is a string"),
        ("ECID", True, "is a string"),
        ("", "1", "code such as ECID"),
        (" ", "1", "code such as ECID"),
        ("EC\x07ID", "1", "printable"),
        ("N" * (LONGEST_NAMESPACE + 1), "1", f"at most {LONGEST_NAMESPACE}"),
        (7, "1", "code such as ECID"),
    ],
)
def test_what_is_no_identity_is_told(namespace: Any, id: Any, says: str) -> None:
    with pytest.raises(IdentityError, match=says):
        make(namespace, id)


@given(st.dictionaries(st.sampled_from(["identityMap", "endUserIDs", "_acme"]), JSON), JSON)
def test_no_document_breaks_the_reading(document: dict[str, Any], inner: Any) -> None:
    documents = [document, {"identityMap": {"ECID": inner}}, {"endUserIDs": {"_experience": {"mcid": inner}}}]
    for tried in documents:
        for identity in read(tried, [Descriptor(("_acme", "x"), "X")]).identities:
            assert problem(identity.namespace, identity.id) is None


def test_identities_of_a_request() -> None:
    assert parse({"ECID": "38652"}) == [Identity("ECID", "38652")]
    assert parse({"ECID": ["1", {"id": "2"}], "CRMID": [{"id": "A", "primary": True}]}) == [
        Identity("CRMID", "A", True),
        Identity("ECID", "1"),
        Identity("ECID", "2"),
    ]


@pytest.mark.parametrize("given", [None, {}, [], "ECID:1", {"ECID": "null"}, {"ECID": 1}, {"ECID": []}, {"ECID": {"no": "id"}}])
def test_a_request_about_nobody_is_refused(given: Any) -> None:
    with pytest.raises(IdentityError):
        parse(given)


def test_a_request_about_many_is_refused() -> None:
    with pytest.raises(IdentityError, match="at most 20 identities"):
        parse({"ECID": [f"id{number}" for number in range(21)]})


def test_identities_as_people_type_them() -> None:
    assert parse_text("ECID:38652") == Identity("ECID", "38652")
    assert parse_text("email:a:b") == Identity("email", "a:b")
    assert parse_text("https://ns.example/crm:7") == Identity("https://ns.example/crm", "7")
    assert parse_text("https%3A//ns.example/crm:7:8") == Identity("https://ns.example/crm", "7:8")
    for text in ("38652", "ECID:", ":1", "ECID:null"):
        with pytest.raises(IdentityError):
            parse_text(text)
