"""The hub answers what its OpenAPI document says, whatever it is asked: schemathesis asks a real one."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from rtml_plugins.hub.api.app import create_app
from tests.integration.hub.process import HubProcess, asked, hub, key, published
from tests.unit.hub.packages import package
from tests.unit.hub.served import opened

EXAMPLES = 8


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with hub(tmp_path_factory.mktemp("hub") / "home") as started:
        with asked(started) as client:
            for number in (1, 2):
                assert published(client, package(number)).status_code == 201
        yield started


@pytest.fixture(scope="module")
def admin(running: HubProcess) -> dict[str, str]:
    return key(running.home, "admin")


def _document() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        made, options = opened(Path(folder))
        try:
            document: dict[str, Any] = json.loads(json.dumps(create_app(made, options).openapi()))
            return document
        finally:
            made.close()


DOCUMENT = _document()
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
#: what is right as a value and refused for what it means (bytes that are no package, versions that are not there, ETags of
#: another state) or for how it is written (3.0 as a count)
BY_MEANING = {"publish", "setTraffic", "rollBack", "createKey", "reportEdge", "reportMeasures"} | {
    *("collect", "addSchemas", "readDataset", "getProfile", "getProfileEvents", "exportProfile", "eraseProfile"),
    *("setPolicy", "removePolicy", "setLinking", "addAggregate", "removeAggregate", "setEnrichment", "setProjection"),
    *("reportPredictions", "askProjections"),
}
CASES = [
    pytest.param(path, method.upper(), mode, id=f"{method.upper()} {path} {mode.value}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or operation["security"]  # health takes nothing that could be wrong
]


@pytest.mark.parametrize(("path", "method", "mode"), CASES)
def test_an_operation(running: HubProcess, admin: dict[str, str], path: str, method: str, mode: GenerationMode) -> None:
    operation = SCHEMA[path][method]
    named = DOCUMENT["paths"][path][method.lower()]["operationId"]
    excluded = [positive_data_acceptance] if named in BY_MEANING else []

    @settings(
        max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=list(HealthCheck), derandomize=True, database=None
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        if case.query and "wait" in case.query:
            case.query["wait"] = 0
        answer = case.call(base_url=running.url, headers=admin, allow_redirects=False)
        no_edge = answer.status_code == 503 and answer.json()["type"] == "/problems/no-edge"
        assert answer.status_code < 500 or no_edge, answer.content
        case.validate_response(answer, headers=admin, excluded_checks=[*excluded, not_a_server_error])

    ask()


def test_there_is_a_case_for_every_operation_and_the_hub_lives(running: HubProcess) -> None:
    assert len({parameter.id for parameter in CASES}) == 120
    with asked(running) as client:
        assert client.get("/v1/health/ready").status_code == 200
        assert client.get("/openapi.json").json() == DOCUMENT
