"""EdgeUtils against a real hub and a real edge: publishing, updating, listing, deleting."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rtml_nodelibs.nodes.standard.preprocessing.pandasnode import Pandas
from rtml_sdk.edge.utils import EdgeUtils
from rtml_sdk.graph.utils import GraphBuilder

from rtml_core import Client, Operator
from rtml_core.client import ClientError, HubAway, Refused
from rtml_core.errors import CompileError, ConfigError, DslError, GraphError, RtmlError
from rtml_plugins.up.ports import free_ports

ROWS = {"a": {0: 1, 1: None}, "b": {0: 2, 1: 10}}
EXPECTED = [2.0 * 1 + 3.0 * 2 + 1, 2.0 * 4 + 3.0 * 10 + 1]
Dsl = Callable[..., str]


@pytest.fixture
def edge(hub: str, set_up: Callable[..., None]) -> Iterator[EdgeUtils]:
    """EdgeUtils on a hub that forgets what was published when the test is over."""
    made = EdgeUtils()
    before = {service["id"] for service in made.list_deployed_services()}
    yield made
    with Client(hub) as client:
        for service in client.services():
            if service.id not in before:
                client.delete(service.name)


@pytest.fixture
def versions(hub: str) -> Callable[[str], int]:
    """How many versions a service has."""

    def counted(service_id: str) -> int:
        with Client(hub) as client:
            return next(len(service.versions) for service in client.services() if service.id == service_id)

    return counted


def scores(edge: EdgeUtils, published: Any, rows: Any = None) -> list[float]:
    found = edge.score_edge(edge_location=published[0], service_id=published[1], scoring_data=rows or ROWS)
    return [row["variable"] for row in found.scored_output]


def test_what_is_published_answers_at_once_and_the_same_again_is_the_same_service(
    edge: EdgeUtils, dsl: Dsl, hub: str, versions: Callable[[str], int]
) -> None:
    (edge_location, service_id) = edge.publish_to_edge(dsl=dsl())
    assert str(uuid.UUID(service_id)) == service_id
    assert scores(edge, (edge_location, service_id)) == pytest.approx(EXPECTED, abs=1e-5)
    other = EdgeUtils()
    assert other.publish_to_edge(dsl=json.dumps(json.loads(dsl()))) == (edge_location, service_id)
    assert versions(service_id) == 1
    with Client(hub) as client:
        (told,) = (service.description for service in client.services() if service.id == service_id)
    assert told == "JsonToDataframe, Pandas, ONNXNode. Takes a, b."


def test_an_update_with_only_another_id_of_a_node_is_the_next_version(
    edge: EdgeUtils, dsl: Dsl, versions: Callable[[str], int]
) -> None:
    edge_location, service_id = edge.publish_to_edge(dsl=dsl())
    dsl_dict = json.loads(dsl())
    dsl_dict["edge"]["applicationDsl"]["nodes"][0]["id"] = str(uuid.uuid4())
    (location_ret, same_id, updated_dsl) = edge.update_deployment(dsl=json.dumps(dsl_dict), service_id=service_id)
    assert (location_ret, same_id) == (edge_location, service_id)
    assert json.loads(updated_dsl) == dsl_dict
    assert versions(service_id) == 2
    assert scores(edge, (edge_location, service_id)) == pytest.approx(EXPECTED, abs=1e-5)


def test_an_update_answers_at_once_and_earlier_content_answers_again(edge: EdgeUtils, dsl: Dsl) -> None:
    first = edge.publish_to_edge(dsl=dsl())
    edge.update_deployment(dsl=dsl(0.0), service_id=first[1])
    assert scores(edge, first)[1] == pytest.approx(31.0, abs=1e-5)
    second = edge.publish_to_edge(dsl=dsl())  # nobody has taken its content away from the first one by asking for it
    assert second[1] != first[1]
    assert [scores(edge, one)[1] for one in (first, second)] == pytest.approx([31.0, 39.0], abs=1e-5)
    edge.update_deployment(dsl=dsl(), service_id=first[1])
    assert scores(edge, first)[1] == pytest.approx(39.0, abs=1e-5)


def test_services_are_listed_as_documented_and_deleted_once(edge: EdgeUtils, dsl: Dsl) -> None:
    before = edge.list_deployed_services()
    published = edge.publish_to_edge(dsl=dsl())
    (service,) = (service for service in edge.list_deployed_services() if service not in before)
    assert list(service) == ["created", "deprecated", "id", "type", "updated"]
    assert (service["id"], service["type"], service["deprecated"]) == (published[1], "edge", False)
    for time in (service["created"], service["updated"]):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)
    assert edge.delete_from_edge(service_id=published[1])
    assert not edge.delete_from_edge(service_id=published[1])
    assert edge.list_deployed_services() == before
    with pytest.raises(ClientError, match="no service with the id"):
        scores(EdgeUtils(), published)
    with pytest.raises(ClientError, match=r"no service with the id .*: take one from list_deployed_services"):
        edge.update_deployment(dsl=dsl(), service_id=published[1])


def test_a_deprecated_service_is_listed_as_such_and_not_published_to(edge: EdgeUtils, dsl: Dsl, hub: str) -> None:
    published = edge.publish_to_edge(dsl=dsl())
    with Client(hub) as client:
        (name,) = (service.name for service in client.services() if service.id == published[1])
        client.deprecate(name, "use another one")
    (service,) = (service for service in edge.list_deployed_services() if service["id"] == published[1])
    assert service["deprecated"] is True
    assert edge.publish_to_edge(dsl=dsl())[1] != published[1]


def test_a_graph_without_a_source_takes_requests(edge: EdgeUtils, onnx_node: Operator) -> None:
    mapped = {"arg": {"Desktop": 1, "Mobile": 0}, "na_action": 0}
    node = Pandas(params={"import": "map", "kwargs": mapped, "cols": "a", "inplace": True})
    filled = Pandas(params={"import": "fillna", "kwargs": {"value": 7}, "cols": "a", "inplace": True})
    dsl = GraphBuilder.generate_dsl(nodes=[node, filled, onnx_node], edges=[(node, filled), (filled, onnx_node)])
    rows = {
        "a": {0: "Desktop", 1: "Mobile", 2: "Tablet", 3: None},
        "b": {0: 1, 1: 1, 2: 1, 3: 1},
        "page": dict.fromkeys(range(4)),
    }
    assert scores(edge, edge.publish_to_edge(dsl=dsl), rows) == pytest.approx([6.0, 4.0, 18.0, 18.0], abs=1e-5)


def test_columns_of_the_sample_that_nobody_needs_may_be_left_out(edge: EdgeUtils, dsl: Dsl) -> None:
    published = edge.publish_to_edge(dsl=dsl(sample={"ecid": {0: "3865"}, "b": {0: 2}, "a": {0: 1}}))
    assert scores(edge, published) == pytest.approx(EXPECTED, abs=1e-5)


# ---- what is not published ------------------------------------------------------------------------------------------------


@pytest.fixture
def refused(edge: EdgeUtils) -> Callable[[Any, type[Exception], str], None]:
    """Publishing fails, and leaves nothing."""

    def tried(dsl: Any, error: type[Exception], message: str) -> None:
        before = edge.list_deployed_services()
        with pytest.raises(error, match=message):
            edge.publish_to_edge(dsl=dsl)
        assert edge.list_deployed_services() == before

    return tried


def test_nothing_is_published_of_a_dsl_that_is_wrong(refused: Callable[..., None], dsl: Dsl) -> None:
    refused("{}", DslError, r"the DSL must be what GraphBuilder\.generate_dsl returns")
    parsed = json.loads(dsl())
    parsed["edge"]["applicationDsl"]["edges"].append([1, 0])
    refused(json.dumps(parsed), GraphError, "the graph has a cycle")
    parsed["edge"]["applicationDsl"] |= {"nodes": parsed["edge"]["applicationDsl"]["nodes"][:2], "edges": [[0, 1]]}
    refused(json.dumps(parsed), GraphError, "the graph has no model")


def test_nothing_is_published_of_a_graph_that_can_not_run_in_real_time(
    refused: Callable[..., None], dsl: Dsl, onnx_node: Operator
) -> None:
    shifted = Pandas(params={"import": "shift", "kwargs": {"periods": 1}, "cols": "b", "inplace": True})
    refused(dsl(4.0, shifted), CompileError, r"Node 3 \(Pandas 'shift'\) cannot run in real time: it needs other rows")
    bare = GraphBuilder.generate_dsl(nodes=[shifted, onnx_node], edges=[(shifted, onnx_node)])
    refused(bare, CompileError, r"\(A request is taken to hold b float\?, a float\?; generate_dsl\(..., schema=")


def test_an_update_that_breaks_callers_is_refused_unless_it_is_meant(edge: EdgeUtils, dsl: Dsl) -> None:
    published = edge.publish_to_edge(dsl=dsl())
    renamed = Pandas(params={"import": "rename", "kwargs": {"columns": {"c": "b"}}})
    other = dsl(4.0, renamed, sample={"a": {0: 1}, "c": {0: 2}})
    with pytest.raises(Refused, match=r"not compatible with version \d+ .* Publish it on purpose \(allow_incompatible"):
        edge.update_deployment(dsl=other, service_id=published[1])
    assert scores(edge, published) == pytest.approx(EXPECTED, abs=1e-5)
    edge.update_deployment(dsl=other, service_id=published[1], allow_incompatible=True)
    assert scores(edge, published, {"a": {0: 1}, "c": {0: 2}}) == pytest.approx(EXPECTED[:1], abs=1e-5)


def test_a_region_without_an_edge_is_named_before_anything_is_published(
    edge: EdgeUtils, dsl: Dsl, set_up: Callable[..., None]
) -> None:
    before = edge.list_deployed_services()
    set_up(regions='["emea"]')
    with pytest.raises(RtmlError, match=r"no edge in emea.*: start one with `rtml edge --hub .* --region emea"):
        EdgeUtils().publish_to_edge(dsl=dsl())
    assert edge.list_deployed_services() == before
    set_up(regions='["na"]')
    assert scores(edge, EdgeUtils().publish_to_edge(dsl=dsl())) == pytest.approx(EXPECTED, abs=1e-5)


def test_a_hub_that_is_away_is_named(dsl: Dsl, set_up: Callable[..., None]) -> None:
    (port,) = free_ports("127.0.0.1", 1)
    set_up(hub=f"http://127.0.0.1:{port}")
    away, text = EdgeUtils(), dsl()
    for call in (
        lambda: away.publish_to_edge(dsl=text),
        lambda: away.update_deployment(dsl=text, service_id="x"),
        away.list_deployed_services,
        lambda: away.delete_from_edge(service_id="x"),
    ):
        with pytest.raises(HubAway, match=str(port)):
            call()


def test_settings_that_contradict_each_other_are_refused(set_up: Callable[..., None]) -> None:
    set_up(hub="http://127.0.0.1:8000", home="/somewhere")
    with pytest.raises(ConfigError, match="'home' must be left out where 'hub' names one that runs"):
        EdgeUtils().list_deployed_services()
