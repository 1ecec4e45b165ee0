"""connect(): the hub and edges that run in a folder, else some that end with the process that started them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rtml_core.client import NotAllowed
from rtml_plugins.serving.names import NameRefused
from rtml_plugins.up.embedded import EmbeddedError, connect, find, start
from rtml_plugins.up.home import HomeError
from tests.integration.machine import SECONDS, until, up


class Program:
    """A Python program of somebody who connects, in a process of its own. It begins with `home`, and reads lines."""

    def __init__(self, home: Path, text: str):
        begin = f"import json, os, signal, sys, threading, time\nimport rtml\nhome = {str(home)!r}\n"
        command = [sys.executable, "-c", begin + text]
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # a session of its own, as Jupyter starts a kernel
        self.process = subprocess.Popen(command, text=True, start_new_session=True, **streams)  # type: ignore[call-overload]

    def read(self) -> str:
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        return str(line.strip())

    def tell(self) -> None:
        """What `input()` waits for."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self) -> tuple[str, str]:
        """Wait for its end: what it wrote to stdout and stderr since."""
        out, said = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0, said
        return out, said


def alive(pid: int) -> bool:
    """Whether it runs; one that has ended and that nobody waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def processes(home: Path) -> list[int]:
    """Hub, edges and the `rtml up` that runs them."""
    return [*json.loads((home / "running.json").read_bytes()).values(), int((home / "up.lock").read_text())]


ONE_PROGRAM = """
hubs = []
threads = [threading.Thread(target=lambda: hubs.append(rtml.connect(home=home).hub)) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert hubs == hubs[:1] * 3, hubs

# Ctrl-C in a terminal and an interrupt of Jupyter reach the whole group of processes
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.killpg(0, signal.SIGINT)

child = os.fork()
if not child:  # a process of multiprocessing: it finds the machine, and ends without ending it
    os._exit(rtml.connect(home=home).hub != hubs[0])
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
with rtml.connect(home=home) as client:
    assert [edge.region for edge in client.edges()] == ["na"]

    # another region: the machine is its own, so it is started again at the same address
    again = rtml.connect(home=home, regions="na,emea")
    assert again.hub == client.hub
    assert {edge.region for edge in client.edges()} == {"na", "emea"}

    # one that was killed is started anew, and has the regions of before
    pid = int(open(home + "/up.lock").read())
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with rtml.connect(home=home) as anew:
        assert {edge.region for edge in anew.edges()} == {"na", "emea"}
print(open(home + "/running.json").read().replace("\\n", " "))
print(open(home + "/up.lock").read())
"""


def test_one_program_has_one_machine_which_ends_with_it_and_writes_nothing_to_its_output(tmp_path: Path) -> None:
    program = Program(tmp_path / "home", ONE_PROGRAM)
    out, said = program.end()
    running, pid = out.splitlines()[:2]
    assert not any(alive(one) for one in [*json.loads(running).values(), int(pid)])
    assert find(tmp_path / "home") is None
    assert said.count("rtml: started a hub at http://127.0.0.1:") == len(said.splitlines()) == 3
    assert "they end with this process" in said


ONE_OF_TWO = """
client = rtml.connect(home=home)
print(client.hub)
input()
if os.fork() == 0:  # it lives on, and holds nothing of the machine
    print(os.getpid())
    signal.pause()
signal.pause()
"""
OTHER_OF_TWO = """
print(rtml.connect(home=home).hub)
input()
print(len(rtml.connect(home=home, timeout=60).services()))
"""


def test_of_two_programs_at_once_one_starts_and_when_it_is_killed_so_is_its_machine(tmp_path: Path) -> None:
    home = tmp_path / "home"
    two = [Program(home, ONE_OF_TWO), Program(home, ONE_OF_TWO)]
    assert len({program.read() for program in two}) == 1
    machine = processes(home)
    started = [program for program in two if Path(f"/proc/{machine[-1]}/stat").read_text().split()[3] == str(program.process.pid)]
    assert len(started) == 1
    [owner] = started
    [other] = [program for program in two if program is not owner]
    other.process.kill()
    other.process.communicate()
    assert find(home) is not None  # only whose it is ends it
    owner.tell()
    forked = int(owner.read())
    owner.process.kill()
    after = Program(home, OTHER_OF_TWO)  # at once: the old machine is stopping
    try:
        assert after.read().startswith("http://127.0.0.1:")
        assert alive(forked)
        until(lambda: not any(alive(pid) for pid in machine))
    finally:
        os.kill(forked, signal.SIGKILL)
        owner.process.communicate()
    after.tell()
    out, said = after.end()
    assert out == "0\n"
    assert said.count("rtml: started a hub") == 1


def test_a_machine_that_runs_is_found_and_steered_with_its_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert find(tmp_path) is None
    with up(tmp_path, "--port", "0") as hub:
        assert find(tmp_path) == hub
        with connect(home=tmp_path, regions=["na"]) as client:
            assert client.hub == hub
            secret = client.create_key("me", ["admin"]).secret
        with pytest.raises(EmbeddedError, match=rf"none in emea: stop it and start `rtml up --home {tmp_path} --region na,emea`"):
            connect(home=tmp_path, regions="emea")
        with pytest.raises(HomeError, match="is used by another `rtml up`"):
            start(tmp_path)
        with connect(home=tmp_path) as stranger, pytest.raises(NotAllowed):
            stranger.services()
        monkeypatch.setenv("RTML_API_KEY", secret)
        with connect(home=tmp_path) as friend:
            assert not friend.services()
    assert find(tmp_path) is None


def test_a_hub_that_is_named_is_taken_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTML_HOME", str(tmp_path))
    assert connect("http://hub.example:8000").hub == "http://hub.example:8000"
    monkeypatch.setenv("RTML_HUB", "http://other.example")
    assert connect().hub == "http://other.example"
    assert connect("http://hub.example:8000").hub == "http://hub.example:8000"
    with pytest.raises(EmbeddedError, match="leave one out"):
        connect("http://hub.example:8000", home=tmp_path)
    assert not any(tmp_path.iterdir())


def test_a_start_that_fails_says_why_and_leaves_nothing_running(tmp_path: Path) -> None:
    (tmp_path / "hub").write_text("no folder")
    with pytest.raises(EmbeddedError, match=r"hub' is a file.*stands in .*up\.log"):
        connect(home=tmp_path)
    assert find(tmp_path) is None
    with pytest.raises(NameRefused, match="is no name of a region"):
        connect(home=tmp_path, regions="<script>")
    (tmp_path / "file").write_text("")
    with pytest.raises(HomeError, match="can't be used as a folder"):
        connect(home=tmp_path / "file" / "home")
