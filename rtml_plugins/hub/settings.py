"""Settings of a hub: what `rtml hub` was started with."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Final

import msgspec

#: largest package that a hub takes unless told otherwise, in bytes
MAX_PACKAGE: Final = 256 << 20
#: largest body of everything that is no package, in bytes
MAX_BODY: Final = 1 << 20
#: records that are taken at once, in bytes
MAX_COLLECT: Final = 256 << 20
#: longest long poll, in seconds
MAX_WAIT: Final = 60.0


class HubSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What `rtml hub` was started with. Sizes in bytes, times in seconds.

    database, store, profiles: URLs; None for SQLite and files in `home`. keep_events: days that profiles keep events, None for
    ever. trust: distributions whose Python operators may run when
    a package is checked. cors: origins whose pages may call the hub from a browser, "*" for any. idle_timeout: how long a body
    may pause; body_timeout, upload_timeout: how long it may take as a whole, a package's.
    """

    home: str
    host: str = "127.0.0.1"
    port: int = 8000
    database: str | None = None
    store: str | None = None
    profiles: str | None = None
    keep_events: float | None = None
    trust: tuple[str, ...] = ()
    cors: tuple[str, ...] = ()
    tls_cert: str | None = None
    tls_key: str | None = None
    max_package: int = MAX_PACKAGE
    idle_timeout: float = 20.0
    body_timeout: float = 60.0
    upload_timeout: float = 900.0
    log_level: str = "info"

    @property
    def folder(self) -> Path:
        """The hub's folder."""
        return Path(self.home)

    @property
    def database_url(self) -> str:
        """Where everything but packages is kept."""
        return self.database or f"sqlite:///{self.folder.resolve() / 'hub.db'}"

    @property
    def elsewhere(self) -> Path:
        """A file that says where the database is when it is not in the folder, so that no command makes another one there."""
        return self.folder / "database.txt"

    @property
    def store_url(self) -> str:
        """Where packages are kept."""
        return self.store or str(self.folder.resolve() / "packages")

    @property
    def data(self) -> Path:
        """Where schemas, datasets and profiles are kept."""
        return self.folder.resolve() / "data"

    @property
    def loopback(self) -> bool:
        """Whether only this machine reaches the hub."""
        return is_loopback(self.host)

    @property
    def url(self) -> str:
        """Where the hub answers, for people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_cert else 'http'}://{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether a name or an address, without a port, means this machine only."""
    name = host.strip("[]").rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
