"""The database of a hub: made, migrated, shared by threads and processes, refused when it can't be understood."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from rtml_plugins.hub import database as databases
from rtml_plugins.hub import schema, tables
from rtml_plugins.hub.database import open_database
from rtml_plugins.hub.errors import HubError, Unavailable
from tests.unit.hub.conftest import Place
from tests.unit.hub.packages import package
from tests.unit.hub.postgresql import Cluster


def test_a_database_is_made_once_and_found_again(place: Place) -> None:
    first = place.open()
    with first.database.write("ada") as change:
        change.audit("x", "y", z=1)
    again = place.open()
    assert again.id == first.id
    assert [entry.action for entry in again.audit()] == ["x"]


def test_migrations_make_the_tables_that_the_code_uses(place: Place) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with place.open().database.engine.begin() as connection:
        assert compare_metadata(MigrationContext.configure(connection), tables.metadata) == []
        found = {one["name"] for one in inspect(connection).get_indexes("services")}
    assert {"ix_services_name", "uq_services_living"} <= found


def test_the_newest_migration_is_the_one_that_is_checked_for() -> None:
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory(str(schema.MIGRATIONS))
    assert scripts.get_heads() == [schema.HEAD]
    assert schema.known()[-1] == schema.HEAD
    assert [script.revision for script in scripts.walk_revisions()] == schema.known()[::-1]


def test_a_database_of_a_newer_rtml_is_refused_and_left_alone(place: Place) -> None:
    hub = place.open()
    with hub.database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"made by a newer rtml \(its tables are of migration 9999.*pip install -U rtml"):
            place.open()


def test_tables_of_something_else_are_not_touched(place: Place) -> None:
    place.url = place.database()
    url = place.url.replace("postgresql://", "postgresql+psycopg://") if "://" in place.url else f"sqlite:///{place.url}"
    with create_engine(url, poolclass=NullPool).connect() as connection:
        connection.execute(text("CREATE TABLE theirs (x INTEGER)"))
        connection.commit()
    with pytest.raises(Unavailable, match=r"not a hub's \(theirs\): give the hub a database of its own"):
        place.open()


def test_a_file_is_for_nobody_else(tmp_path: Path) -> None:
    database = open_database(tmp_path / "new" / "hub.db")
    with database.write("ada") as change:
        change.audit("x", "y")
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "new").iterdir()}
    database.close()
    assert modes == {"hub.db": 0o600, "hub.db-shm": 0o600, "hub.db-wal": 0o600}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://u:secret@h/x", r"got mysql://\.\.\."),
        ("sqlite://", "in memory"),
        (":memory:", "in memory"),
        ("nonsense://x", "SQLite or in postgresql"),
    ],
)
def test_another_kind_of_database_is_refused(url: str, says: str) -> None:
    with pytest.raises(HubError, match=says) as refused:
        open_database(url)
    assert "secret" not in str(refused.value)


def test_a_database_that_is_away_is_said_without_its_password() -> None:
    with pytest.raises(Unavailable, match="can't be used") as refused:
        open_database("postgresql://hub:secret@/x?host=/nowhere/at/all")
    assert "secret" not in str(refused.value)
    assert "postgresql" in str(refused.value)


def test_a_hub_finds_its_server_again(place: Place, request: pytest.FixtureRequest) -> None:
    """Connections that a server ended, as when it starts anew, are replaced."""
    hub = place.open()
    hub.publish("churn", package(1), actor="ada")
    if not hub.database.sqlite:
        others = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
        server: Cluster = request.getfixturevalue("postgresql")
        server.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    assert hub.get("churn").traffic.champion == 1
    assert hub.rollback("churn", to=1, actor="ada").traffic.champion == 1


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "hub.db").write_bytes(b"something else entirely" * 100)
    with pytest.raises(Unavailable, match="no SQLite database"):
        open_database(tmp_path / "hub.db")
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="Choose a place that this user may write"):
        open_database(tmp_path / "file" / "hub.db")


def test_a_change_that_fails_leaves_nothing(place: Place) -> None:
    hub = place.open()
    called: list[int] = []
    hub.changed.append(lambda: called.append(1))
    before = hub.revision("na")

    def fail() -> None:
        with hub.database.write("ada") as change:
            change.audit("x", "y")
            change.bump(["na"])
            raise RuntimeError("as if the machine had failed here")

    with pytest.raises(RuntimeError, match="as if"):
        fail()
    assert (hub.audit(), hub.revision("na"), called) == ([], before, [])


def test_listeners_hear_of_what_edges_see_and_harm_nothing(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    hub = place.open()
    heard: list[int] = []
    hub.changed.extend([lambda: 1 / 0, lambda: heard.append(hub.revision("na"))])  # type: ignore[arg-type,func-returns-value]
    with hub.database.write("ada") as change:
        change.audit("x", "y")
    assert heard == []
    with hub.database.write("ada") as change:
        assert change.bump(["na", "emea"]) == change.bump(["apac"]) == change.bump_all()
    assert heard == [2]
    assert "a listener to changes of the hub failed" in caplog.text


def test_the_audit_log_is_append_only(place: Place) -> None:
    hub = place.open()
    with hub.database.write("ada") as change:
        change.audit("x", "y")
    for statement in ("UPDATE audit SET actor = 'eve'", "DELETE FROM audit"):
        with pytest.raises(DBAPIError, match="append only"), hub.database.write("eve") as change:
            change.execute(text(statement))
    assert [entry.actor for entry in hub.audit()] == ["ada"]


def test_revisions_are_told_in_the_order_in_which_they_are_committed(place: Place) -> None:
    """Two hubs on one database, each with threads: no reader sees a revision and later a change that belongs before it."""
    hubs = [place.open(), place.open()]
    seen: list[list[int]] = [[], []]
    stop = threading.Event()

    def write(hub: int, number: int) -> None:
        for turn in range(8):
            with hubs[hub].database.write(f"{hub}-{number}") as change:
                change.audit("x", "y", revision=change.bump(["na"]), turn=turn)

    def read(hub: int) -> None:
        while not stop.is_set():
            with hubs[hub].database.read() as connection:
                newest = connection.execute(select(tables.hub.c.revision)).scalar_one()
                written = connection.execute(select(tables.audit.c.number)).scalars().all()
            assert newest == len(written) + 1
            seen[hub].append(newest)

    readers = [threading.Thread(target=read, args=(hub,)) for hub in (0, 1)]
    writers = [threading.Thread(target=write, args=(hub, number)) for hub in (0, 1) for number in range(3)]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in readers:
        thread.join()
    assert hubs[0].revision("na") == 49
    assert sorted(entry.details["revision"] for entry in hubs[1].audit(limit=100)) == list(range(2, 50))
    assert all(numbers == sorted(numbers) for numbers in seen)


def test_a_writer_that_never_ends_is_not_waited_for_without_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "PATIENCE", 0.2)
    first, second = place.open(), place.open()
    with first.database.write("ada") as change:
        change.bump(["na"])
        with pytest.raises(Unavailable, match=r"another process has held it for more than 0\.2 s"):
            second.publish("churn", package(1), actor="bob")
        assert second.list() == ([], 0)  # who reads waits for nobody
    assert second.publish("churn", package(1), actor="bob").version == 1


def test_hubs_that_start_at_once_make_one_database(place: Place) -> None:
    place.url = place.database()
    program = "import sys; from rtml_plugins.hub.database import open_database; print(open_database(sys.argv[1]).id)"
    command = [sys.executable, "-c", program, place.url]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    answers = []
    for process in started:
        with process:
            out, said = process.communicate(timeout=120)
            assert process.returncode == 0, said.decode()
            answers.append(out.decode().strip())
    assert set(answers) == {place.open().id}
