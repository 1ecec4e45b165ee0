"""What `rtml up` remembers, which ports it takes, and how its children live."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rtml_plugins.serving.names import NameRefused
from rtml_plugins.up import children
from rtml_plugins.up.children import Child, stop
from rtml_plugins.up.home import HomeError, Remembered, default_home, locked, recall, remember
from rtml_plugins.up.machine import plan
from rtml_plugins.up.ports import PortTaken, free_after, free_ports

HOST = "127.0.0.1"


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind((HOST, 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_the_folder_is_in_rtml_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RTML_HOME", str(tmp_path))
    assert default_home() == tmp_path / "up"
    monkeypatch.delenv("RTML_HOME")
    assert default_home() == Path.home() / ".rtml" / "up"


def test_the_next_start_takes_the_regions_and_ports_of_the_last(tmp_path: Path) -> None:
    first = plan(tmp_path, None, 0, ["na,emea"])
    assert list(first.edges) == ["na", "emea"]
    remember(tmp_path, first)
    assert plan(tmp_path, None, None, []) == first


def test_a_region_more_keeps_the_ports_of_the_others(tmp_path: Path) -> None:
    ports = sorted(free_ports(HOST, 2))
    remember(tmp_path, Remembered(ports[0], {"na": ports[1]}))
    more = plan(tmp_path, None, None, ["na", "apac"])
    assert (more.hub, more.edges["na"]) == (ports[0], ports[1])
    assert more.edges["apac"] > ports[1]


def test_ports_that_are_taken_are_passed_over(taken: int) -> None:
    assert next(free_after(HOST, taken - 1)) > taken


def test_a_first_start_has_one_region(tmp_path: Path) -> None:
    assert list(plan(tmp_path, None, 0, []).edges) == ["na"]


def test_a_region_named_twice_is_one(tmp_path: Path) -> None:
    assert list(plan(tmp_path, None, 0, ["na, emea,", "na"]).edges) == ["na", "emea"]


def test_what_is_no_region_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NameRefused, match="'North America' is no name of a region"):
        plan(tmp_path, None, 0, ["North America"])


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path, taken: int) -> None:
    with pytest.raises(PortTaken, match=rf"port {taken} of 127.0.0.1 can't be used .*--port 0 for free ones"):
        plan(tmp_path, None, taken, [])


def test_a_damaged_memory_is_named(tmp_path: Path) -> None:
    (tmp_path / "up.json").write_text('{"hub": "x"}')
    with pytest.raises(HomeError, match=r"up\.json is damaged .*remove it"):
        plan(tmp_path, None, None, [])
    assert recall(tmp_path / "elsewhere") is None


def test_one_process_at_a_time(tmp_path: Path) -> None:
    code = f"from pathlib import Path; from rtml_plugins.up.home import locked\nwith locked(Path({str(tmp_path)!r})): pass"
    with locked(tmp_path):
        held = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert f"is used by another `rtml up`, process {os.getpid()}" in held.stderr
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(HomeError, match=r"can't be used as a folder: Not a directory. Name another with --home"),
        locked(tmp_path / "file" / "up"),
    ):
        pass


# ---- children ---------------------------------------------------------------------------------------------------------------


def child(code: str, said: list[str]) -> Child:
    one = Child("edge na", [], said.append)
    one.command = [sys.executable, "-c", code]
    return one


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)


def test_a_child_that_is_killed_is_started_again() -> None:
    said: list[str] = []
    one = child("import time; time.sleep(60)", said)
    one.start()
    try:
        first = one.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(lambda: one.ended() is not None)

        def again() -> bool:
            one.watch()
            return one.pid not in (None, first)

        until(again)
        assert said == ["edge na was ended by SIGKILL; starting it again"]
    finally:
        stop([one])
    assert one.pid is None


def test_a_child_that_does_not_listen_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(children, "STOP_SECONDS", 0.5)
    said: list[str] = []
    deaf = tmp_path / "deaf"
    one = child(f"import signal, time; signal.signal(15, signal.SIG_IGN); open({str(deaf)!r}, 'w').close(); time.sleep(60)", said)
    one.start()
    until(deaf.exists)
    stop([one])
    assert said == ["edge na does not end: it is killed"]
    assert one.pid is None


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends children with their parent on Linux only")
def test_no_child_is_left_when_the_parent_is_killed(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from rtml_plugins.up.children import Child\n"
            "one = Child('edge na', [], print); one.command = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
            "one.start()\n"
            f"Path({str(told)!r}).write_text(str(one.pid)); time.sleep(60)",
        ]
    )
    try:
        until(lambda: told.exists() and told.read_text() != "")
    finally:
        parent.kill()
        parent.wait()
    pid = int(told.read_text())
    until(lambda: not running(pid))


def running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
