"""Settings of an edge, given to its processes as JSON in one environment variable."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

VARIABLE: Final = "RTML_EDGE_SETTINGS"


class EdgeSettings(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What `rtml edge` was started with. Sizes in bytes, times in seconds.

    open: no keys are asked for as long as the hub has none (on a loopback address only; see Snapshot.locked). url: where clients
    reach the edge, as the hub tells them. tls_cert, tls_key: files in PEM form. The edge's own key to the hub is not here, as no
    worker needs it.
    """

    home: str
    region: str
    host: str = "127.0.0.1"
    port: int = 8001
    open: bool = True
    trust: tuple[str, ...] = ()
    max_body: int = 8 << 20
    max_rows: int = 10_000
    max_concurrent: int = 1024  # requests in flight in one worker; more are answered 503
    max_queue: int = 4096  # rows waiting for a micro-batch in one worker
    request_timeout: float = 10.0  # to receive a body and to answer it
    cors: tuple[str, ...] = ()  # origins; "*" for any
    debug: bool = False  # on an open edge, whether ?explain=columns and the like are answered
    traces: str | None = None  # OTLP endpoint
    grpc_port: int | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    url: str = ""
    log_level: str = "info"
    access_log: float = 0.0  # share of the requests that get a line in the log
    profiles_memory: int = 64 << 20  # of the profiles that one worker holds
    profiles_keep: float = 86_400.0  # that a profile is used beyond its time while the hub is away
    outbox_disk: int = 256 << 20  # of predictions that wait to be told to the hub

    @property
    def folder(self) -> Path:
        """The edge's folder: state, packages, status of workers, metrics."""
        return Path(self.home)

    def to_environment(self) -> dict[str, str]:
        """The variable for a child process."""
        return {VARIABLE: msgspec.json.encode(self).decode()}

    @classmethod
    def from_environment(cls) -> EdgeSettings:
        """The settings that the parent process gave; KeyError when there are none."""
        return msgspec.json.decode(os.environ[VARIABLE].encode(), type=cls)
