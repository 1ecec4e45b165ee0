"""Bringing a database up to date. alembic, which takes a while to import, is asked only when there is something to do.

To change the tables: change them in tables.py, write what makes them so to migrations/versions/NNNN_WHAT.py with the next number
as its revision, and name that number in HEAD. The tests compare the two, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from rtml_plugins.hub.errors import Unavailable

if TYPE_CHECKING:
    from alembic.config import Config

#: the newest migration; the test of migrations holds it to the files
HEAD: Final = "0006"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
#: advisory lock of PostgreSQL under which hubs that start at once migrate one after the other
_LOCK: Final = 0x72746D6C


def upgrade(connection: Connection, shown: str) -> None:
    """Bring the tables up to date inside the connection's transaction; Unavailable when they are newer than this rtml.

    shown: the database, for people.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    current = revision(connection)
    if current == HEAD:
        return
    if current is not None and current not in known():
        raise Unavailable(
            f"the hub's database {shown} was made by a newer rtml (its tables are of migration {current}, this rtml knows up to"
            f" {HEAD}): pip install -U rtml"
        )
    from alembic import command

    command.upgrade(configuration(connection), "head")


def revision(connection: Connection) -> str | None:
    """The migration that the tables are of; None for an empty database. Unavailable for tables of something else."""
    names = set(inspect(connection).get_table_names())
    if "alembic_version" in names:
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
        return None if found is None else str(found)
    if names:
        raise Unavailable(
            f"the database holds tables that are not a hub's ({', '.join(sorted(names)[:3])}): give the hub a database of its own"
        )
    return None


def known() -> list[str]:
    """The migrations of this rtml, in order."""
    return sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def configuration(connection: Connection) -> Config:
    """What alembic asks for: the folder of the migrations and the connection they run on."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
