"""An edge answers what its OpenAPI document says, whatever it is asked: schemathesis asks a real worker."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance, unsupported_method

from rtml_core.client.records import Traffic
from tests.integration.edge_security.workers import EVERY_TYPE, Worker, canary, every_type, lenient, service, worker

EXAMPLES = 5
BOUNDED = settings(
    max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=True, database=None
)


@pytest.fixture(scope="module")
def edge() -> Iterator[Worker]:
    """A worker with services of several kinds: one with a canary, one deprecated."""
    with worker(
        lambda home: [
            service("visits", every_type(), home=home, description="Visits by hour."),
            service("mixed", lenient(), every_type(), home=home, traffic=canary(1, 2, 0.5)),
            service(
                "old", lenient(), home=home, traffic=Traffic(1), deprecated="2026-11-01T00:00:00.000Z", deprecation="Use visits."
            ),
        ],
        debug=True,
    ) as running:
        yield running


@pytest.fixture(scope="module")
def document(edge: Worker) -> dict[str, Any]:
    status, found = edge.json("GET", "/openapi.json")
    assert status == 200
    return dict(found)


def ask_all(edge: Worker, operation: Any, mode: GenerationMode) -> None:
    """Ask some requests of an operation, right or wrong by its schema, and check the answers against it."""
    # Columns of different length and a 30th of February fit the schema, and no service. HEAD is not in the document.
    excluded = [unsupported_method, *([positive_data_acceptance] if operation.body else [])]

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answer = case.call(base_url=edge.url, allow_redirects=False)
        assert answer.status_code < 500, answer.content
        case.validate_response(answer, excluded_checks=excluded)

    ask()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_every_operation_is_as_the_document_says(edge: Worker, document: dict[str, Any], mode: GenerationMode) -> None:
    operations = [result.ok() for result in schemathesis.openapi.from_dict(document).get_all_operations()]
    if mode is GenerationMode.NEGATIVE:  # of the others there is nothing that could be wrong
        operations = [operation for operation in operations if operation.body or list(operation.iter_parameters())]
    assert len(operations) >= 10
    failures = []
    for operation in operations:
        try:
            ask_all(edge, operation, mode)
        except (AssertionError, BaseExceptionGroup) as error:
            failures.append(f"{operation.label}: {error}")
    assert not failures, "\n\n".join(failures)
    assert edge.alive
    assert '"error"' not in edge.log()


def test_the_document_is_openapi_3_1_and_its_schemas_are_schemas(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate(schema)
    schemathesis.openapi.from_dict(document).validate()
    names = [operation["operationId"] for methods in document["paths"].values() for operation in methods.values()]
    assert len(names) == len(set(names))


def test_fields_are_described_as_the_signature_has_them(document: dict[str, Any]) -> None:
    row = document["components"]["schemas"]["visits.1.row"]
    assert row["required"] == [name for name in EVERY_TYPE if name != "plan"]
    assert row["additionalProperties"] is False
    assert row["properties"]["age"] == {
        "type": ["number", "null"], "format": "double", "minimum": 0, "maximum": 150, "description": "in years",
    }  # fmt: skip
    assert row["properties"]["plan"] == {"type": "string", "enum": ["free", "gold"], "default": "free"}
    assert row["properties"]["visits"] == {"type": "integer", "format": "int64", "minimum": -(2**63) + 1, "maximum": 2**63 - 1}
    assert row["properties"]["score"]["maximum"] == 2**53
    assert document["components"]["schemas"]["mixed.1.row"]["additionalProperties"] is True
    old = document["paths"]["/v1/services/old/predict"]["post"]
    assert (old["deprecated"], old["description"]) == (True, "Deprecated since 2026-11-01T00:00:00.000Z. Use visits.")
    mixed = document["paths"]["/v1/services/mixed/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert [answer["$ref"].rpartition("/")[2] for answer in mixed["anyOf"]] == ["mixed.1.answer", "mixed.2.answer"]


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufdd0"))
STAMPS = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
ROWS = st.fixed_dictionaries(
    {
        "age": st.none() | st.floats(0, 150) | st.integers(0, 150),
        "visits": st.integers(-(2**63) + 1, 2**63 - 1),
        "score": st.none() | st.integers(-(2**53), 2**53),
        "member": st.booleans(),
        "country": st.none() | TEXTS,
        "seen_at": STAMPS,
    },
    optional={"plan": st.sampled_from(["free", "gold"])},
)
ODD = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS
    | st.just([])
    | st.just({})
)
NEARLY = st.builds(lambda row, name, value: {**row, name: value}, ROWS, st.sampled_from([*EVERY_TYPE, "more"]), ODD)


def validator(document: dict[str, Any], name: str) -> Any:
    return jsonschema_rs.validator_for({"$ref": f"#/components/schemas/{name}", "components": document["components"]})


def test_a_row_is_scored_when_it_fits_the_schema_and_refused_when_it_does_not(edge: Worker, document: dict[str, Any]) -> None:
    fits, answers = validator(document, "visits.1.row"), validator(document, "visits.1.answer")
    problems = validator(document, "problem")
    seen = set()

    @settings(max_examples=150, suppress_health_check=list(HealthCheck), database=None)
    @given(row=ROWS | NEARLY)
    def score(row: dict[str, Any]) -> None:
        status, _, body = edge.request("POST", "/v1/services/visits/predict", row)
        answer = json.loads(body)
        good = fits.is_valid(row)
        stamp = row["seen_at"]
        if good and not (isinstance(stamp, str) and stamp[:4] != "0000"):
            return
        seen.add(status)
        assert status == (200 if good else 422), (row, answer)
        assert (answers if good else problems).is_valid(answer), answer

    score()
    assert seen == {200, 422}


def test_the_document_has_a_tag_that_changes_with_what_is_served(edge: Worker) -> None:
    _, headers, _ = edge.request("GET", "/openapi.json")
    for sent in (headers["etag"], f"W/{headers['etag']}", f'"other", {headers["etag"]}'):
        status, again, body = edge.request("GET", "/openapi.json", headers={"If-None-Match": sent})
        assert (status, again["etag"], body) == (304, headers["etag"], b"")
        assert "content-length" not in again
    assert edge.request("GET", "/openapi.json", headers={"If-None-Match": '"other"'})[0] == 200
    with worker(lambda home: [service("visits", every_type(), home=home)]) as other:
        assert other.request("GET", "/openapi.json")[1]["etag"] != headers["etag"]
