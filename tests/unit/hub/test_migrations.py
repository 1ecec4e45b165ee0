"""A database of an older rtml is brought up to date with everything that is in it."""

from __future__ import annotations

from sqlalchemy import create_engine, inspect, text
from sqlalchemy.pool import NullPool

from rtml_plugins.hub import schema
from tests.unit.hub.conftest import Place
from tests.unit.hub.counted import counted, of, told
from tests.unit.hub.packages import manifest, package


def test_a_database_of_the_first_release_takes_measures(place: Place) -> None:
    """One that the first migration made, with a service as that release wrote it."""
    import msgspec
    from alembic import command

    from rtml_plugins.hub.store import identity

    data = package()
    digest = identity(data)
    assert digest is not None
    place.url = place.database()
    url = place.url.replace("postgresql://", "postgresql+psycopg://") if "://" in place.url else f"sqlite:///{place.url}"
    engine = create_engine(url, poolclass=NullPool)
    at = "2026-11-21T10:15:00.000Z"
    with engine.begin() as connection:
        command.upgrade(schema.configuration(connection), "0001")
        connection.execute(text("INSERT INTO hub VALUES ('h', :at, 7, 1)"), {"at": at})
        given = {"id": digest, "size": len(data), "manifest": msgspec.json.encode(manifest(data)).decode(), "at": at}
        connection.execute(text("INSERT INTO packages VALUES (:id, :size, :manifest, TRUE, :at, :at, NULL)"), given)
        traffic = '{"champion": 1}'
        connection.execute(
            text("INSERT INTO services VALUES ('s', 'churn', '', 'ada', :traffic, :at, :at, NULL, '', NULL)"),
            {"traffic": traffic, "at": at},
        )
        version = {"id": digest, "at": at}
        connection.execute(text("INSERT INTO versions VALUES ('s', 1, :id, :at, 'ada', '', TRUE, '[]')"), version)
        connection.execute(text("INSERT INTO service_regions VALUES ('s', 'na')"))
        connection.execute(text("INSERT INTO champions VALUES ('s', 1, 1, :at)"), {"at": at})
        assert "measures" not in inspect(connection).get_table_names()
    hub = place.open()
    assert hub.get("churn").versions[0].package == digest
    with hub.database.engine.connect() as connection:
        assert schema.revision(connection) == schema.HEAD
    published = hub.publish("churn", data, actor="ada")
    assert (published.created, published.version) == (False, 1)
    told(hub, of(published, counted(12)))
    assert hub.activity()["churn"].requests == 12


def test_keys_of_before_stay_keys_of_people(place: Place) -> None:
    """The migration that marks keys of the hub's own."""
    from alembic import command

    from rtml_plugins.hub.keys import Keys
    from rtml_plugins.serving.keys import digest, new_secret

    place.url = place.database()
    url = place.url.replace("postgresql://", "postgresql+psycopg://") if "://" in place.url else f"sqlite:///{place.url}"
    identity, secret = new_secret()
    given = {"id": identity, "hash": digest(secret), "at": "2026-11-21T10:15:00.000Z"}
    with create_engine(url, poolclass=NullPool).begin() as connection:
        command.upgrade(schema.configuration(connection), "0003")
        connection.execute(text("INSERT INTO hub VALUES ('h', :at, 7, 1)"), given)
        columns = "id, name, hash, scopes, created, created_by, last_four"
        values = """:id, 'me', :hash, '["admin"]', :at, 'local', 'abcd'"""
        connection.execute(text(f"INSERT INTO api_keys ({columns}) VALUES ({values})"), given)
    keys = Keys(place.open().database)
    assert keys.authenticate(secret).name == "me"
    assert [key.id for key in keys.list()] == [identity]
