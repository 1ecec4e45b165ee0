"""What an edge tells its hub of the plugins that are installed where it runs, broken ones too."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from rtml_core import inventory
from rtml_plugins.edge import installed
from rtml_plugins.edge.files import Home
from rtml_plugins.edge.keyfile import VARIABLE
from tests.unit.edge.stub_hub import StubHub, stub_hub
from tests.unit.edge.test_agent import following, until

PLUGIN = """
import os
print("a plugin that talks", flush=True)
os.system("echo and below Python, too")
{body}
"""


def put(folder: Path, name: str, body: str) -> None:
    """A distribution rtml-NAME 0.3 with the plugin NAME, whose module has this body."""
    info = folder / f"rtml_{name}-0.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rtml-{name}\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text(f"[rtml.plugins]\n{name} = plugin_{name}\n")
    (folder / f"plugin_{name}.py").write_text(PLUGIN.format(body=body))


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that child processes have on their path, and this one, which looks at the metadata only."""
    folder = tmp_path / "installed"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(folder), os.environ.get("PYTHONPATH")))))
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


def by_name(found: tuple[dict[str, Any], ...]) -> dict[str, dict[str, Any]]:
    return {plugin["name"]: plugin for plugin in found}


def test_all_plugins_are_told_with_what_they_bring_and_broken_ones_with_their_reason(places: Path) -> None:
    put(places, "cracked", "import a_module_that_is_not_there")
    found = by_name(asyncio.run(installed.plugins(["rtml-cracked", "rtml-absent"])))
    cracked, pandas = found["cracked"], found["pandas"]
    assert (cracked["state"], cracked["distribution"], cracked["version"]) == ("broken", "rtml-cracked", "0.3")
    assert "a_module_that_is_not_there" in cracked["reason"]
    assert cracked["trusted"] is True
    assert list(pandas["operators"]) == ["Pandas"]
    assert (pandas["distribution"], pandas["api"], pandas["trusted"]) == ("rtml", 1, True)
    assert "state" not in pandas  # it is ok
    assert found["rtml-absent"]["state"] == "missing"
    assert "pip install rtml-absent" in found["rtml-absent"]["reason"]


@pytest.mark.parametrize(
    ("body", "says"),
    [("os._exit(3)", "exit status 3"), ("os.abort()", "by signal 6"), ("import time; time.sleep(60)", "keeps the")],
)
def test_a_plugin_that_takes_the_process_with_it_leaves_what_metadata_say(places: Path, body: str, says: str) -> None:
    put(places, "deadly", body)
    found = by_name(asyncio.run(installed.plugins(["rtml-deadly"], seconds=3)))
    assert {"deadly", "pandas", "edge"} <= found.keys()
    assert {plugin["state"] for plugin in found.values()} == {"unknown"}
    assert says in found["deadly"]["reason"]
    assert found["deadly"]["trusted"] is True


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has asked for its exit status yet has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the states of processes are read in /proc, of Linux")
@pytest.mark.parametrize("then", ["wait", "exit"])
def test_what_a_plugin_started_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str) -> None:
    told = tmp_path / "pid"
    words = ["sh", "-c", f"sleep 120 & echo $! > '{told}'; {then}"]
    monkeypatch.setattr(inventory, "command", lambda *_: words)
    found = by_name(asyncio.run(installed.plugins([], seconds=1)))
    assert "keeps the others waiting" in found["pandas"]["reason"]
    pid = int(told.read_text())

    async def ends() -> None:
        await until(lambda: gone(pid))

    asyncio.run(ends())


def test_what_left_the_group_of_its_process_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = tmp_path / "pid"
    program = (
        "import subprocess, sys; from pathlib import Path\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(120)'], start_new_session=True)\n"
        f"Path({str(told)!r}).write_text(str(child.pid))\n"
        "child.wait()"
    )
    monkeypatch.setattr(inventory, "command", lambda *_: [sys.executable, "-c", program])
    found = by_name(asyncio.run(installed.plugins([], seconds=2)))
    pid = int(told.read_text())
    os.kill(pid, signal.SIGKILL)  # it runs still
    assert "keeps the others waiting" in found["pandas"]["reason"]


def test_a_plugin_does_not_get_the_key_of_the_edge_and_strict_is_no_reason_not_to_tell(
    places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "secret")
    monkeypatch.setenv("RTML_STRICT_PLUGINS", "1")
    put(places, "nosy", f"raise ValueError(str(os.environ.get({VARIABLE!r})))")
    found = by_name(asyncio.run(installed.plugins([])))
    assert found["nosy"]["state"] == "broken"
    assert "ValueError: None" in found["nosy"]["reason"]


def test_the_hub_is_told_as_soon_as_it_is_known(tmp_path: Path, places: Path) -> None:
    put(places, "cracked", "1 / 0")
    home = Home(tmp_path / "edge")
    home.make()
    with stub_hub() as hub:

        def told() -> bool:
            return bool(hub.reports) and bool(hub.reports[-1].plugins)

        async def scenario() -> None:
            async with following(home, hub.url):
                await until(told)

        asyncio.run(scenario())
        assert_told(hub)


def assert_told(hub: StubHub) -> None:
    """The last report, that with which the edge says goodbye, has the plugins, too."""
    found = by_name(hub.reports[-1].plugins)
    assert "ZeroDivisionError" in found["cracked"]["reason"]
    assert found["hub"]["commands"]
