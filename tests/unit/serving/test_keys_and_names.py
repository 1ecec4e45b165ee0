"""Secrets of API keys, names of services, problem documents."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtml_core.errors import InputError, InputProblem
from rtml_plugins.serving import keys
from rtml_plugins.serving.names import REGIONS, NameRefused, check_name
from rtml_plugins.serving.problems import Problem, invalid_input


def test_a_secret_is_long_names_its_key_and_is_kept_as_a_digest_only() -> None:
    identity, secret = keys.new_secret()
    assert secret.startswith(f"rtml_{identity}_")
    assert len(secret.rpartition("_")[2]) == 52  # 256 bits in base 32
    kept = keys.digest(secret)
    assert keys.matches(secret, kept)
    assert not keys.matches(secret[:-1], kept)
    assert secret not in kept
    assert keys.new_secret() != (identity, secret)


@given(st.text())
def test_any_text_may_be_sent_as_a_secret(text: str) -> None:
    assert not keys.matches(text, "0" * 64)


@pytest.mark.parametrize(
    ("header", "secret"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer ", None),
        ("Bearer", None),
        ("", None),
        (None, None),
    ],
)
def test_the_secret_stands_in_the_authorization_header(header: str | None, secret: str | None) -> None:
    assert keys.bearer(header) == secret


@pytest.mark.parametrize("name", ["churn", "churn-2", "a", "0", "a_b", "a" * 63, *REGIONS])
def test_names_that_need_no_escaping_anywhere(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "Churn", "-a", "a-", "a b", "a/b", "..", "<script>", "a" * 64, "ä", "a\n", "a%20"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(NameRefused, match=r"is no name of a region: expected 1 to 63 lower-case letters"):
        check_name(name, "region")


def test_a_problem_document_has_the_fields_of_the_standard() -> None:
    problem = Problem(404, "unknown-service", "No service 'chrun' here. Did you mean 'churn'?")
    assert msgspec.json.decode(problem.body("01J")) == {
        "type": "/problems/unknown-service",
        "title": "Not Found",
        "status": 404,
        "detail": "No service 'chrun' here. Did you mean 'churn'?",
        "request_id": "01J",
    }


def test_wrong_rows_are_named_field_by_field() -> None:
    problem = invalid_input(InputError([InputProblem("/age", "a finite number", 'string "x"')]))
    assert problem.status == 422
    assert problem.document()["errors"] == [{"at": "/age", "expected": "a finite number", "got": 'string "x"'}]
