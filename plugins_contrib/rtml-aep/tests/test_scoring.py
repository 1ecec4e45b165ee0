"""Scoring a service of the edge, by EdgeUtils and by any HTTP client."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from rtml_sdk.edge.utils import EdgeUtils

from rtml_core.client import ClientError, EdgeAway, HubAway, InvalidInput, NotFound
from rtml_plugins.up.ports import free_ports

ROWS = {"a": {0: 1, 1: None}, "b": {0: 2, 1: 10}}
EXPECTED = [2.0 * 1 + 3.0 * 2 + 1, 2.0 * 4 + 3.0 * 10 + 1]
Served = tuple[str, str]


@pytest.fixture(scope="module")
def served(module_dsl: str) -> Served:
    """What publish_to_edge gave."""
    return EdgeUtils().publish_to_edge(dsl=module_dsl)


def scores(served: Served, rows: Any = None, edge: EdgeUtils | None = None) -> list[float]:
    found = (edge or EdgeUtils()).score_edge(edge_location=served[0], service_id=served[1], scoring_data=rows or ROWS)
    return [row["variable"] for row in found.scored_output]


def test_a_score_is_the_url_the_payload_and_the_output(served: Served) -> None:
    scored = EdgeUtils().score_edge(edge_location=served[0], service_id=served[1], scoring_data=ROWS)
    edge_url, payload, scored_output = scored
    assert edge_url == served[0]
    assert payload == {"a": {"0": 1, "1": None}, "b": {"0": 2, "1": 10}}
    assert [row["variable"] for row in scored_output] == pytest.approx(EXPECTED, abs=1e-5)
    assert str(scored).startswith(f"Scored(edge_url='{served[0]}', payload=")


@pytest.mark.parametrize(
    "body",
    [ROWS, {"columns": ROWS}, {"columns": {"a": [1, None], "b": [2, 10]}}, {"rows": [{"a": 1, "b": 2}, {"a": None, "b": 10}]}],
)
def test_any_http_client_posts_rows_to_the_location(served: Served, body: Any) -> None:
    answer = httpx.post(served[0], json=body)
    assert answer.status_code == 200, answer.text
    assert [row["variable"] for row in answer.json()["predictions"]] == pytest.approx(EXPECTED, abs=1e-5)


def test_the_address_of_the_edge_alone_will_do(served: Served) -> None:
    bare = served[0].partition("/v1/")[0]
    assert EdgeUtils().score_edge(edge_location=bare, service_id=served[1], scoring_data=ROWS).edge_url == served[0]


def test_columns_that_nobody_asked_for_are_passed_over(served: Served) -> None:
    assert scores(served, {**ROWS, "more": {0: True, 1: "x"}}) == pytest.approx(EXPECTED, abs=1e-5)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"a": {0: 1}, "bb": {0: 2}}, "/b: expected a finite number or null, got nothing: the field is missing"),
        ({"a": {0: 1, 1: 1}, "b": {0: 1, 1: "two"}}, "/1/b: expected a finite number or null, got string 'two'"),
        ({"a": {0: 1}, "b": {0: [2]}}, "/0/b: expected a finite number or null"),
    ],
)
def test_rows_that_do_not_fit_are_refused_with_the_field(served: Served, rows: Any, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        scores(served, rows)


def test_what_is_no_scoring_data_is_refused(served: Served) -> None:
    with pytest.raises(ClientError, match="scoring_data must be columns of rows"):
        scores(served, [1, 2])


def test_location_and_id_have_to_belong_together(served: Served) -> None:
    other = re.sub(r"aep-\w+", "aep-other", served[0])
    with pytest.raises(ClientError, match=r"leads to another service .* \(aep-\w+\): take both from one publish_to_edge"):
        scores((other, served[1]))


def test_a_service_that_is_not_there_is_named(served: Served) -> None:
    with pytest.raises(ClientError, match=r"no service with the id '40eb76c0-none' .*: take one from list_deployed_services"):
        scores((served[0], "40eb76c0-none"))


def test_an_edge_that_is_away_is_named(served: Served) -> None:
    (port,) = free_ports("127.0.0.1", 1)
    with pytest.raises(EdgeAway, match=str(port)):
        scores((re.sub(r":\d+/", f":{port}/", served[0]), served[1]))


def test_an_edge_scores_while_the_hub_is_away(served: Served, set_up: Callable[..., None]) -> None:
    (port,) = free_ports("127.0.0.1", 1)
    set_up(hub=f"http://127.0.0.1:{port}")
    assert scores(served) == pytest.approx(EXPECTED, abs=1e-5)
    with pytest.raises(HubAway, match=str(port)):  # who says the service by its id alone needs the hub
        scores((served[0].partition("/v1/")[0], served[1]))
    with pytest.raises(NotFound, match="aep-none"):
        scores((re.sub(r"aep-\w+", "aep-none", served[0]), served[1]))
