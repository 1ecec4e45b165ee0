"""%rtml on a hub and an edge that run: services with their figures, one with its state, edges, changes, the gallery."""

import contextlib
import subprocess
from collections.abc import Iterator

import pytest

from rtml_core import Client
from rtml_core import operators as op
from tests.integration.machine import until, up
from tests.unit.plugins.notebook.conftest import Notebook


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hub with an edge in na, on which the service fill was asked a hundred times."""
    graph = op.Receiver(schema={"x": "float?"}) >> op.Pandas(import_="fillna", cols="x", kwargs={"value": 0.0}, inplace=True)
    package = graph.compile()
    with up(tmp_path_factory.mktemp("up"), "--port", "0", "--region", "na") as address, Client(address) as client:
        client.publish(package, "fill", regions="na,emea", description="fills what is missing", owner="me")
        for _ in range(100):
            client.predict("fill", {"x": 1.0})
        until(lambda: client.measures("fill", span="15m").now.requests == 100)
        yield address


@pytest.fixture
def connected(notebook: Notebook, hub: str) -> Notebook:
    """A notebook with a client of that hub."""
    notebook.value(f"client = rtml.Client({hub!r})")
    return notebook


def test_services_are_a_table_with_figures(connected: Notebook, hub: str) -> None:
    found = connected.value("x = %rtml services\nx")
    (row,) = found
    assert (row["service"], row["version"], row["answers"], row["regions"]) == ("fill", 1, "1", ["emea", "na"])
    assert row["state"] == "ready, no edge in emea"
    assert row["requests/s"] > 0
    assert 0 < row["p50 ms"] <= row["p99 ms"]
    assert row["errors"] == "0 %"
    assert found["service"] == ["fill"]
    assert "p99 ms" in found.frame
    assert "<td" in found._repr_html_()
    assert hub in repr(found)
    assert len(connected.value("%rtml services missing")) == 1
    assert repr(connected.value("%rtml services other")) == f"{hub} has no service with 'other': publish one with" + (
        " client.publish(package, 'name')"
    )


def test_one_service_shows_all_of_its_state_and_how_to_call_it(connected: Notebook, hub: str) -> None:
    found = connected.value("%rtml show fill")
    assert found.facts["about"] == "fills what is missing"
    assert found.facts["gallery"] == f"{hub}/gallery/services/fill"
    assert found.tables["versions"]["answers"] == ["champion"]
    assert found.tables["edges"]["state"] == ["ready", "no edge yet"]
    answer = subprocess.run(["bash", "-c", found.code], capture_output=True, text=True, check=True).stdout
    assert '"predictions"' in answer
    assert f'href="{hub}/gallery/services/fill"' in found._repr_html_()


def test_a_service_of_the_client_draws_itself(connected: Notebook) -> None:
    connected("client.service('fill')").raise_error()
    assert "service fill" in connected.out
    assert "no edge yet" in connected.out
    data, _ = connected.shell.display_formatter.format(connected.value("client.service('fill')"))
    assert "<b>service fill</b>" in data["text/html"]


def test_a_service_whose_hub_is_gone_is_shown_as_it_was(connected: Notebook) -> None:
    connected.value("service = client.service('fill'); client = rtml.Client('http://127.0.0.1:9', retries=0, timeout=2)")
    connected("service").raise_error()
    assert "fill" in connected.out
    assert "as it was: no hub answers at http://127.0.0.1:9" in " ".join(connected.out.split())


def test_edges_changes_and_the_gallery(connected: Notebook, hub: str) -> None:
    (edge,) = connected.value("%rtml edges")
    assert (edge["region"], edge["state"], edge["services"]) == ("na", "ready", 1)
    assert connected.value("%rtml audit fill")["what"] == ["service.publish"]
    assert connected.value("%rtml open").address == f"{hub}/gallery"


def test_names_are_completed_and_close_ones_offered(connected: Notebook) -> None:
    assert connected.complete("%rtml show f") == ["%rtml show fill"]
    connected("%rtml show fil")
    assert "Did you mean 'fill'?" in connected.out


def test_commands_go_to_the_hub_of_the_notebook(connected: Notebook) -> None:
    connected.value("%rtml services versions fill")
    assert "champion" in connected.out
    connected("%rtml services show nothing")
    assert "nothing" in connected.out
    assert len(connected.out.strip().splitlines()) == 1


def test_nobody_answers(notebook: Notebook) -> None:
    notebook.value("client = rtml.Client('http://127.0.0.1:9', retries=0, timeout=2)")
    notebook("%rtml services")
    assert "no hub answers at http://127.0.0.1:9: start it again" in notebook.out
    assert notebook.complete("%rtml show f") == []


def test_publishing_tells_how_many_edges_are_ready(hub: str) -> None:
    from rtml_core import progress

    told: list[progress.Progress] = []
    graph = op.Receiver(schema={"x": "float"}) >> op.Pandas(import_="abs", cols="x", inplace=True)
    package = graph.compile()
    progress.listen(told.append)
    try:
        with Client(hub) as client, contextlib.closing(client):
            client.publish(package, "absolute")
    finally:
        progress.forget(told.append)
    assert {one.work for one in told} == {"publishing absolute"}
    assert told[-1].state == "done"
    assert [(one.stage, one.done, one.total) for one in told if one.total][-1] == ("edges that serve it", 1, 1)
