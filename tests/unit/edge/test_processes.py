"""Processes that are kept running, ports that are held, and how many processes there are."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rtml_plugins.edge import children
from rtml_plugins.edge.children import Child, described
from rtml_plugins.edge.cli import checked_url, cores, edge, plan_of
from rtml_plugins.edge.ports import AddressRefused, check_free, held_port, numeric


async def until(fine: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not fine():
            await asyncio.sleep(0.01)


@pytest.fixture
def module(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Writes the module "program" that a child runs; returns the environment in which it is found."""

    def write(source: str) -> dict[str, str]:
        (tmp_path / "program.py").write_text(source)
        return {**os.environ, "PYTHONPATH": str(tmp_path)}

    return write


def test_a_child_that_is_killed_is_started_again_at_once_and_its_end_is_told(module: Callable[[str], dict[str, str]]) -> None:
    ended: list[int] = []

    async def scenario() -> None:
        child = Child("one", "program", module("import time\ntime.sleep(600)"), ended.append)
        keeping = asyncio.create_task(child.keep_running())
        await until(lambda: child.pid)
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: child.pid not in (None, first))
        assert (ended, child.starts) == ([first], 2)
        await child.stop(10)
        await keeping
        assert child.pid is None
        assert len(ended) == 2

    asyncio.run(scenario())


def test_a_child_that_ends_at_once_is_started_again_after_longer_and_longer_pauses(
    module: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def remember(seconds: float) -> None:
        slept.append(seconds)
        await sleep(0)

    async def scenario() -> None:
        child = Child("one", "program", module("raise SystemExit(3)"), lambda _: None)
        with monkeypatch.context() as patched:
            patched.setattr(children.asyncio, "sleep", remember)
            keeping = asyncio.create_task(child.keep_running())
            while len(slept) < 10:
                await sleep(0.01)
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping
        await child.stop(10)

    asyncio.run(scenario())
    assert slept[:4] == [0.0, 0.1, 0.2, 0.4]
    assert max(slept) == 5.0


def test_a_child_that_does_not_end_is_killed(module: Callable[[str], dict[str, str]], tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    source = f"import pathlib, signal, time\nsignal.signal(15, lambda *_: None)\npathlib.Path({str(ready)!r}).touch()\n"

    async def scenario() -> None:
        child = Child("one", "program", module(source + "while True: time.sleep(1)"), lambda _: None)
        keeping = asyncio.create_task(child.keep_running())
        await until(ready.exists)
        await child.stop(0.1)
        await keeping
        assert child.pid is None

    asyncio.run(scenario())


def test_how_a_process_ended_is_told_in_words() -> None:
    assert [described(status) for status in (-9, 1, -999)] == ["by SIGKILL", "with exit status 1", "with exit status -999"]


def test_a_port_is_held_from_others_and_shared_with_those_who_ask_for_it() -> None:
    with held_port("127.0.0.1", 0) as port:
        with pytest.raises(AddressRefused, match=f"port {port} of 127.0.0.1 can't be used: another process listens there"):
            check_free("127.0.0.1", port)
        with pytest.raises(AddressRefused), held_port("127.0.0.1", port):
            pass
        with socket.socket() as worker:
            worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            worker.bind(("127.0.0.1", port))
            worker.listen()
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                pass
    time.sleep(0)
    check_free("127.0.0.1", port)


def test_hosts_become_addresses() -> None:
    assert numeric("127.0.0.1") == "127.0.0.1"
    assert numeric("[::1]") == "::1"
    assert numeric("localhost") in ("127.0.0.1", "::1")
    for nonsense in ("no.such.host.invalid", "a" * 300, "x\0y"):
        with pytest.raises(AddressRefused, match="no address of this machine has that name"):
            numeric(nonsense)


def test_a_container_with_a_limit_gets_no_more_workers_than_it_may_use(tmp_path: Path) -> None:
    limit = tmp_path / "cpu.max"
    everything = cores(limit)
    for text, expected in (("max 100000", everything), ("50000 100000", 1), ("100000 100000", 1), ("9900000 100000", everything)):
        limit.write_text(text + "\n")
        assert cores(limit) == expected
    limit.write_text("nonsense")
    assert cores(limit) == everything


def test_addresses_of_hubs() -> None:
    assert checked_url(" https://hub.example.com/rtml/ ", "--hub") == "https://hub.example.com/rtml"
    assert checked_url("http://[::1]:8000", "--hub") == "http://[::1]:8000"


def test_every_limit_of_a_worker_is_an_option(tmp_path: Path) -> None:
    limits = {"max-body": 1000, "max-rows": 20, "max-concurrent": 30, "max-queue": 40, "timeout": 5}
    given = [text for name, value in limits.items() for text in (f"--{name}", str(value))]
    context = edge.make_context("edge", ["--region", "emea", "--home", str(tmp_path), *given])
    settings = plan_of(**context.params).settings
    assert (settings.max_body, settings.max_rows, settings.max_concurrent, settings.max_queue) == (1000, 20, 30, 40)
    assert settings.request_timeout == 5
