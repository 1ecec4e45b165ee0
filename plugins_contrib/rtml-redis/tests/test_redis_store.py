"""What is particular to Redis: servers that are killed, scripts that are forgotten, and what is said when something is wrong."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rtml_redis.store import RedisStore

from rtml_plugins.profile.conformance.lasting import check_numbered
from rtml_plugins.profile.store import Change, StoredEvent, StoreError, open_store


@pytest.fixture
def empty(server: Any) -> str:
    """The URL of an empty store."""
    with server.client() as client:
        client.flushall()
    return str(server.url)


@pytest.fixture
def own(start: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    """Starts servers that end with the test."""
    servers = []

    def started(*options: str) -> Any:
        servers.append(start(*options))
        return servers[-1]

    yield started
    for server in servers:
        server.kill()


def test_a_server_that_is_killed_while_it_writes_loses_nothing_acknowledged(server: Any, empty: str) -> None:
    written = 0
    for round_ in range(4):
        command = [sys.executable, "-m", "rtml_plugins.profile.conformance.worker", "write", empty]
        worker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            assert worker.stdout is not None
            for _ in range(20 * (round_ + 1)):
                assert worker.stdout.readline()
            server.restart()
            said, errors = worker.communicate(timeout=60)
            assert "StoreError" in errors
            assert worker.returncode == 1
        finally:
            worker.kill()
            worker.communicate()
        with open_store(empty) as store:
            kept = check_numbered(store)
        assert kept >= int(said.split()[-1]) if said else kept > written
        written = kept
    assert written > 4 * 20


def test_scripts_that_the_server_forgot_are_sent_again(server: Any, empty: str) -> None:
    with open_store(empty) as store, server.client() as client:
        for number in range(3):
            client.script_flush()
            assert store.commit([Change(put={"p": b"%d" % number}, own={"ecid:1": "p"}), Change(marks={"m": number + 1})]) == [
                True,
                True,
            ]
            client.script_flush()
            assert store.find("ecid:1") == ("p", number + 1, b"%d" % number)
            client.script_flush()
            assert store.commit([Change(expect={"p": number + 1}, marks={"n": number + 1})]) == [True]


def test_keys_are_behind_the_prefix(server: Any, empty: str) -> None:
    change = Change(put={"p": b"x"}, own={"ecid:1": "p"}, events=[StoredEvent("ecid:1", 5, "e", b"{}")], marks={"m": 1})
    with open_store(f"{empty}?prefix=one:") as one, open_store(f"{empty}?prefix=two:") as two, server.client() as client:
        assert one.commit([change]) == [True]
        assert one.set_value("v", b"x", 0)
        names = sorted(client.keys())
        kept = ["d:ecid:1", "e:ecid:1", "ek", "i:ecid:1", "ids", "marks", "named", "p:p", "totals"]
        assert names == [f"one:{name}".encode() for name in kept]
        assert (two.find("ecid:1"), two.mark("m"), two.value("v")) == (None, 0, (b"", 0))


def test_another_database_and_host_and_port(own: Callable[..., Any]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own("--port", str(port), "--bind", "127.0.0.1")
    with open_store(f"redis://127.0.0.1:{port}/3") as three, open_store(f"redis://127.0.0.1:{port}") as none:
        assert three.commit([Change(put={"p": b"x"})]) == [True]
        assert (three.read(["p"]), none.read(["p"])) == ([("p", 1, b"x")], [None])


def test_a_password_is_asked_for_and_never_shown(own: Callable[..., Any]) -> None:
    guarded = own("--requirepass", "s3cret!")
    with open_store(f"redis+unix://:s3cret!@{guarded.socket}") as store:
        assert store.commit([Change(put={"p": b"x"})]) == [True]
        guarded.kill()
        with pytest.raises(StoreError) as lost:
            store.find("ecid:1")
        guarded.start()
    for url in (f"redis+unix://:wr0ng!@{guarded.socket}", f"redis+unix://{guarded.socket}"):
        with pytest.raises(StoreError, match="user and password") as refused:
            open_store(url)
        assert "wr0ng" not in str(refused.value)
    for url in ("redis://:s3cret!@127.0.0.1:99999", "redis://:s3cret!@127.0.0.1:x", "redis://u:s3cret!@127.0.0.1:1?timeout=soon"):
        with pytest.raises(StoreError) as wrong:
            open_store(url)
        assert "s3cret" not in str(wrong.value)
    assert "s3cret" not in str(lost.value)
    assert "***@" in str(lost.value)


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="check that the server is there"):
        open_store(f"redis+unix://{tmp_path}/none.sock")
    with pytest.raises(StoreError, match="expected the path of a socket"):
        open_store("redis+unix://")
    for option in ("timeout=0", "timeout=nan", "nonsense=1"):
        with pytest.raises(StoreError, match="can't be used"):
            open_store(f"redis://127.0.0.1:1?{option}")


def test_a_server_that_does_not_answer_is_given_up(own: Callable[..., Any]) -> None:
    slow = own()
    with open_store(f"{slow.url}?timeout=0.2") as store:
        slow.process.send_signal(signal.SIGSTOP)
        try:
            for ask in (lambda: store.find("ecid:1"), lambda: store.commit([Change(put={"p": b"x"})]), store.count):
                with pytest.raises(StoreError, match=r"no answer within 0\.2 s"):
                    ask()
        finally:
            slow.process.send_signal(signal.SIGCONT)


def test_servers_that_can_not_keep_profiles_are_refused(own: Callable[..., Any], server: Any) -> None:
    with pytest.raises(StoreError, match="maxmemory-policy allkeys-lru"):
        open_store(own("--maxmemory-policy", "allkeys-lru").url)
    with pytest.raises(StoreError, match="Redis Cluster"):
        open_store(own("--port", "0", "--cluster-enabled", "yes", "--cluster-port", "1").url)


def test_a_replica_is_refused(own: Callable[..., Any]) -> None:
    with pytest.raises(StoreError, match="is a replica"):
        open_store(own("--replicaof", "127.0.0.1", "1").url)


def test_a_full_server_keeps_nothing_of_a_change(own: Callable[..., Any]) -> None:
    small = own("--maxmemory", "4mb")
    with open_store(small.url) as store:
        changes = [
            Change(put={f"p{number}": b"x" * 200_000}, own={f"ecid:{number}": f"p{number}"}, marks={"m": number + 1})
            for number in range(100)
        ]
        with pytest.raises(StoreError, match="give the server more memory"):
            store.commit(changes)
        kept = store.mark("m")
        assert 0 < kept < 100
        assert store.count() == {"persons": kept, "identities": kept, "events": 0}
        assert store.owners([f"ecid:{kept}"]) == [None]


def test_times_and_texts_that_can_not_be_kept_are_refused(empty: str) -> None:
    with open_store(empty) as store:
        assert isinstance(store, RedisStore)
        with pytest.raises(StoreError, match="64 bits"):
            store.commit([Change(put={"p": b"x"}, events=[StoredEvent("ecid:1", 2**63, "e", b"")])])
        with pytest.raises(StoreError, match="whole characters"):
            store.commit([Change(put={"\ud800": b"x"})])
        assert store.persons() == []
