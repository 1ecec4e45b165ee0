"""A PostgreSQL of the tests' own: a cluster in a temporary folder, reached over a unix socket, gone afterwards."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_HOW = "install it to run these tests (Debian: apt-get install postgresql)"


class Cluster:
    """A running server. `new()` makes an empty schema, quicker than a database, and gives a URL that sees it only."""

    def __init__(self, socket: Path, user: str):
        self.socket = socket
        self.user = user

    @property
    def url(self) -> str:
        return f"postgresql://{self.user}@/postgres?host={self.socket}"

    def new(self) -> str:
        name = f"t{uuid.uuid4().hex}"
        self.run(f"CREATE SCHEMA {name}")
        return f"{self.url}&options=-csearch_path%3D{name}"

    def run(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)


def require_binaries() -> Path:
    """Folder of initdb and postgres; without one a skip, and a failure in CI, where every test has to run."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    for folder in reversed(folders):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    if "CI" in os.environ:
        pytest.fail(f"there is no PostgreSQL here: {_HOW}")
    pytest.skip(f"there is no PostgreSQL here: {_HOW}")


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Start a cluster and stop it by its process. PostgreSQL refuses to run as root: then it runs as an unprivileged user."""
    binaries = require_binaries()
    folder = Path(tempfile.mkdtemp(prefix="rtml-pg-", dir="/tmp"))  # a socket's path has to be short
    options: dict[str, Any] = {"cwd": folder, "stdin": subprocess.DEVNULL}
    if os.geteuid() == 0:
        account = _unprivileged()
        os.chown(folder, account.pw_uid, account.pw_gid)
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    try:
        made = [binaries / "initdb", "-D", folder / "data", "-U", "hub", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(made, check=True, capture_output=True, env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, **options)
        settings = ["fsync=off", "listen_addresses=", "max_connections=60", "shared_buffers=16MB"]
        command = [binaries / "postgres", "-D", folder / "data", "-k", folder, *(part for s in settings for part in ("-c", s))]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **options)
            try:
                yield _ready(Cluster(folder, "hub"), server, folder / "log")
            finally:
                server.send_signal(signal.SIGQUIT)  # at once: nothing is kept
                server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("there is no user 'nobody' to run PostgreSQL as")


def _ready(started: Cluster, server: subprocess.Popen[bytes], log: Path) -> Cluster:
    import psycopg

    deadline = time.monotonic() + 60
    while True:
        try:
            started.run("SELECT 1")
            return started
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
            time.sleep(0.05)
