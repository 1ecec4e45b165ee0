"""What is particular to the store in SQLite: its file, its options, and what is said when something is wrong with them."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rtml_plugins.profile.sqlite_file import Options, parse
from rtml_plugins.profile.sqlite_store import SqliteStore
from rtml_plugins.profile.store import Change, StoredEvent, StoreError, open_store

SOMEBODY = Change(put={"p": b"x" * 3000}, own={"ecid:1": "p"}, events=[StoredEvent("ecid:1", 5, "e", b"{}")])


def filled(path: Path, persons: int = 200) -> Path:
    with SqliteStore(path) as store:
        store.commit([Change(put={f"p{i}": b"%d" % i * 400}, own={f"ecid:{i}": f"p{i}"}) for i in range(persons)])
    return path


def test_a_url_names_a_file_and_options() -> None:
    assert parse("sqlite:///a/b.db") == (Path("a/b.db"), Options())
    assert parse("sqlite:////a/b.db?synchronous=full&wait=0.5&cache=8&checkpoint=4&compress=no") == (
        Path("/a/b.db"),
        Options(synchronous="full", wait=0.5, cache=8, checkpoint=4, compress="no"),
    )


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite://", "named by sqlite:///profiles.db"),
        ("sqlite:///", "named by sqlite:///profiles.db"),
        ("sqlite:profiles.db", "named by sqlite:///profiles.db"),
        ("sqlite:///:memory:", "In memory: memory:"),
        ("sqlite:///a.db?sync=full", "there is no option 'sync'; there are synchronous, wait, cache, checkpoint, compress"),
        ("sqlite:///a.db?synchronous=off", "expected synchronous to be normal or full, got 'off'"),
        ("sqlite:///a.db?compress=1", "expected compress to be yes or no, got '1'"),
        ("sqlite:///a.db?wait=long", "wait"),
        ("sqlite:///a.db?wait=-1", "expected wait >= 0"),
        ("sqlite:///a.db?cache=0", "cache >= 1"),
    ],
)
def test_a_url_that_names_none_is_refused(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said.replace("?", r"\?")):
        open_store(url)


def test_the_file_is_for_its_owner_alone_and_lies_where_it_was_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store("sqlite:///profiles.db") as store:
        monkeypatch.chdir("/")
        assert store.commit([SOMEBODY]) == [True]
        assert store.find("ecid:1") is not None
        for path in tmp_path.iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["profiles.db"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"there is no folder .*nowhere; make it first"):
        SqliteStore(tmp_path / "nowhere" / "profiles.db")
    with pytest.raises(StoreError, match="it is a folder"):
        SqliteStore(tmp_path)
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"can't be (made|opened)"):
        SqliteStore(tmp_path / "file" / "profiles.db")


@pytest.mark.skipif(sys.platform != "linux", reason="folders nobody can write into, root neither, are /proc's")
def test_a_folder_that_can_not_be_written_is_named() -> None:
    with pytest.raises(
        StoreError, match=r"/proc/self/profiles\.db can't be opened: .*check that its folder is there and can be written"
    ):
        SqliteStore("/proc/self/profiles.db")


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "profiles.db"
    path.write_bytes(b"not a database, but long enough to look at\n" * 100)
    with pytest.raises(StoreError, match="the file is no database: name another"):
        SqliteStore(path)
    assert path.read_bytes().startswith(b"not a database")


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    con = sqlite3.connect(path)
    con.execute("CREATE TABLE theirs (a)")
    con.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="is the database of another program"):
        SqliteStore(path)
    assert path.read_bytes() == before


def test_tables_of_another_version_are_refused(tmp_path: Path) -> None:
    path = filled(tmp_path / "profiles.db")
    con = sqlite3.connect(path)
    con.execute("PRAGMA user_version=2")
    con.close()
    with pytest.raises(StoreError, match="tables of version 2; this rtml reads version 1"):
        SqliteStore(path)


def test_a_damaged_file_says_so_and_is_not_made_worse(tmp_path: Path) -> None:
    path = filled(tmp_path / "profiles.db")
    whole = path.read_bytes()
    damaged = bytearray(whole)
    for page in range(14, len(whole) // 4096):  # behind the roots of the tables
        damaged[page * 4096 : page * 4096 + 64] = os.urandom(64)
    path.write_bytes(bytes(damaged))
    with SqliteStore(path) as store:
        for ask in (
            lambda: [store.find(f"ecid:{i}") for i in range(200)],
            lambda: list(store.walk()),
            lambda: store.commit([Change(put={f"p{i}": b"x"}) for i in range(200)]),
        ):
            with pytest.raises(StoreError, match="the file is damaged: put a copy from before in its place"):
                ask()
    path.write_bytes(whole)
    with SqliteStore(path) as store:
        assert store.count()["persons"] == 200


def test_a_file_that_was_cut_off_says_so(tmp_path: Path) -> None:
    path = filled(tmp_path / "profiles.db")
    os.truncate(path, path.stat().st_size // 3)
    with pytest.raises(StoreError, match="damaged"), SqliteStore(path) as store:
        list(store.walk())


def test_a_full_disk_keeps_nothing_of_a_change_and_the_rest_stays(tmp_path: Path) -> None:
    path = filled(tmp_path / "profiles.db")
    with SqliteStore(path) as store:
        assert store._writer is not None
        pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
        store._writer.execute(f"PRAGMA max_page_count={pages + 50}")
        with pytest.raises(
            StoreError, match=r"database or disk is full .*make room on its disk; nothing of what was being written"
        ):
            store.commit([SOMEBODY, Change(put={"large": os.urandom(1_000_000)}, marks={"m": 1})])
        assert store.read(["p", "large"]) == [None, None]
        assert store.mark("m") == 0
        assert store.commit([SOMEBODY]) == [True]
        assert store.find("ecid:1") == ("p", 1, b"x" * 3000)


def test_a_disk_that_takes_no_more_is_named(tmp_path: Path) -> None:
    path = filled(tmp_path / "profiles.db")
    code = (
        "import os, resource, sys\n"
        "from rtml_plugins.profile.sqlite_store import SqliteStore\n"
        "from rtml_plugins.profile.store import Change, StoreError\n"
        "store = SqliteStore(sys.argv[1])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "done = 0\n"
        "try:\n"
        "    for number in range(1, 100):\n"
        "        store.commit([Change(put={'p': os.urandom(100_000)}, marks={'m': number})])\n"
        "        done = number\n"
        "except StoreError as error:\n"
        "    print(done, store.mark('m'), error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    last, mark, said = done.stdout.split(" ", 2)
    assert 0 < int(last) == int(mark) < 99
    assert "disk" in said
    with SqliteStore(path) as store:
        assert (store.mark("m"), store.count()["persons"]) == (int(last), 201)


def test_another_writer_is_waited_for_and_then_named(tmp_path: Path) -> None:
    path = filled(tmp_path / "profiles.db")
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        with open_store(f"sqlite:///{path}?wait=0.05") as hasty, open_store(f"sqlite:///{path}?wait=60") as patient:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match=r"database is locked .*another process is writing to it"):
                hasty.commit([SOMEBODY])
            assert hasty.find("ecid:3") is not None  # who reads does not wait
            release = threading.Timer(0.2, lambda: other.execute("COMMIT"))
            release.start()
            assert patient.commit([SOMEBODY]) == [True]
            release.join()
    finally:
        other.close()


def test_a_store_is_not_taken_into_a_forked_process(tmp_path: Path) -> None:
    code = (
        "import os, sys\n"
        "from rtml_plugins.profile.sqlite_store import SqliteStore\n"
        "from rtml_plugins.profile.store import StoreError\n"
        "store = SqliteStore(sys.argv[1])\n"
        "if os.fork() == 0:\n"
        "    try:\n"
        "        store.find('ecid:1')\n"
        "    except StoreError as error:\n"
        "        print(error, flush=True)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "print(store.find('ecid:1').id)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(filled(tmp_path / "p.db"))], capture_output=True, text=True, check=True
    )
    assert "open it in each process" in done.stdout.splitlines()[0]
    assert done.stdout.splitlines()[1] == "p1"


def test_what_can_not_be_kept_is_refused_whole(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "profiles.db") as store:
        wrong = [
            Change(put={"\ud800": b"x"}),
            Change(put={"q": b"x"}, own={"k:\udfff": "q"}),
            Change(put={"q": b"x"}, events=[StoredEvent("k:1", 2**63, "e", b"{}")]),
            Change(put={"q": b"x"}, marks={"m": 2**64}),
        ]
        for change in wrong:
            with pytest.raises(StoreError, match="texts must be whole characters, and numbers fit into 64 bits"):
                store.commit([SOMEBODY, change])
        assert store.persons() == []
        with pytest.raises(StoreError, match="whole characters"):
            store.find("\ud800")
        assert store.commit([SOMEBODY]) == [True]


def test_the_log_does_not_grow_without_end(tmp_path: Path) -> None:
    path = tmp_path / "profiles.db"
    with open_store(f"sqlite:///{path}?checkpoint=1") as store:
        for number in range(60):
            store.commit([Change(put={f"p{number % 5}": os.urandom(200_000)})])
        assert path.with_name("profiles.db-wal").stat().st_size < 3_000_000
    assert not path.with_name("profiles.db-wal").exists()


def test_every_synchronous_and_no_compression_work(tmp_path: Path) -> None:
    document = b'{"eventType":"web.webpagedetails.pageViews","n":%d}'
    events = [StoredEvent(f"ecid:{i % 9}", i, f"e{i}", document % i) for i in range(900)]
    sizes = {}
    for options in ("synchronous=full", "compress=no"):
        path = tmp_path / f"{options}.db"
        with open_store(f"sqlite:///{path}?{options}") as store:
            for first in range(0, 900, 90):
                store.commit([Change(events=events[first : first + 90])])
            assert store.events([f"ecid:{i}" for i in range(9)], 0, 1000, limit=1000) == events
        con = sqlite3.connect(path)
        sizes[options] = con.execute("SELECT sum(length(data)), max(dictionary) FROM events").fetchone()
        con.close()
    assert sizes["compress=no"] == (sum(len(event.data) for event in events), 0)
    assert sizes["synchronous=full"][0] < sizes["compress=no"][0] / 2
