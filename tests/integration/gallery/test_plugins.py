"""A broken plugin that is really installed where a hub and its edge run: the page says why, and what to do."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.integration.machine import SECONDS, until
from tests.plugins.places import FIXTURES, Place
from tests.unit.hub.gallery.site import tree, words


@contextmanager
def up(place: Place, home: Path) -> Iterator[str]:
    """`rtml up` of a place for as long as the block lasts; gives the address of the hub."""
    command = [str(place.python), "-m", "rtml_core.cli", "up", "--home", str(home), "--port", "0", "--trust", "rtml-slow"]
    with (home.parent / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            assert process.stdout is not None
            assert process.stdout.readline().split() == ["what", "region", "address"], (home.parent / "log").read_text()
            yield process.stdout.readline().split()[-1]
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=SECONDS)
    assert process.returncode == 0


def test_the_page_tells_of_a_plugin_that_is_broken_at_the_hub_and_at_its_edge(tmp_path: Path) -> None:
    place = Place(tmp_path / "place")
    place.install(FIXTURES / "rtml-broken", FIXTURES / "rtml-slow")
    with up(place, tmp_path / "home") as hub, httpx.Client(base_url=hub, timeout=SECONDS) as client:
        (edge,) = client.get("/v1/edges").json()["edges"]

        def told() -> bool:
            return f"At this hub, {edge['id']}: ModuleNotFoundError" in words(tree(client.get("/gallery/operators").text))

        until(told)
        text = words(tree(client.get("/gallery/plugins/broken").text))
        assert "No module named 'loyalty_store_that_is_not_there'" in text
        assert "Install what it misses there, or take it away with pip uninstall rtml-broken" in text
        assert "this hub broken 0.3.1 no: it is not trusted there" in text
        assert "this hub ok 1.0 yes, it is trusted" in words(tree(client.get("/gallery/plugins/slow").text))
        operators = words(tree(client.get("/gallery/operators").text))
        assert "Shout" in operators
        assert "hub and 1 edge" in operators
