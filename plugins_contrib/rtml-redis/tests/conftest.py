"""A real redis-server of our own, on a socket in a folder of the test."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


class Server:
    """One server. It listens on a socket only, and keeps its files in its folder."""

    def __init__(self, program: str, folder: Path, *options: str):
        self.program, self.folder, self.options = program, folder, options
        self.socket = folder / "redis.sock"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of a store in it."""
        return f"redis+unix://{self.socket}"

    def client(self) -> redis.Redis:
        """A plain client, to be closed."""
        return redis.Redis(unix_socket_path=str(self.socket), retry=Retry(NoBackoff(), 0))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        listen = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", ""]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen([self.program, *listen, *self.options], stdout=log, stderr=log)
        until = time.monotonic() + 60
        with self.client() as client:
            while True:
                try:
                    client.ping()
                    return
                except redis.AuthenticationError:
                    return
                except redis.RedisError:
                    if time.monotonic() > until or self.process.poll() is not None:
                        raise AssertionError((self.folder / "log").read_text()) from None
                    time.sleep(0.01)

    def kill(self) -> None:
        """End it at once, as kill -9 does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def restart(self) -> None:
        """Kill it and start it anew."""
        self.kill()
        self.start()


@pytest.fixture(scope="session")
def program() -> str:
    """Where redis-server is. Without it a test is skipped, but where CI is set it fails."""
    found = shutil.which("redis-server")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("redis-server is not there; apt-get install redis-server")
    return found


@pytest.fixture(scope="session")
def start(program: str) -> Iterator[Callable[..., Server]]:
    """Starts servers with options; they are ended with the session."""
    servers: list[Server] = []
    with tempfile.TemporaryDirectory(prefix="rtml-redis-") as folder:  # the path of a socket has 107 characters at most

        def started(*options: str) -> Server:
            place = Path(folder) / str(len(servers))
            place.mkdir()
            server = Server(program, place, *options)
            servers.append(server)
            server.start()
            return server

        try:
            yield started
        finally:
            for server in servers:
                server.kill()


@pytest.fixture(scope="session")
def server(start: Callable[..., Server]) -> Server:
    """A server that forgets nothing that it acknowledged."""
    return start("--appendonly", "yes", "--appendfsync", "always")
