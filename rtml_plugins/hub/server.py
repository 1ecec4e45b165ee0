"""Running a hub: granian, one worker process that is started again when it dies, its blocking calls in threads.

One worker, because SQLite has one writer and a long poll is woken by the process that made the change; and it is enough: the hub
is asked when something changes, not when something is scored. Several hubs on one PostgreSQL share the work of a large site.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from rtml_core.errors import RtmlError
from rtml_plugins.hub.database import open_database
from rtml_plugins.hub.hub import Hub
from rtml_plugins.hub.keys import Keys
from rtml_plugins.hub.settings import HubSettings
from rtml_plugins.hub.store import PackageStore
from rtml_plugins.profile.store import open_store
from rtml_plugins.serving import logs

#: seconds that requests in flight have to be finished when the hub stops
GRACE: Final = 10
#: seconds that a start waits for the hub before it to go
PATIENCE: Final = 5.0
#: milliseconds for the headers of a request, from its first byte
_HEADERS_MS: Final = 10_000
#: connections that wait to be accepted, and requests in work; most of these are long polls of edges
_BACKLOG, _AT_ONCE = 2048, 4096
#: seconds between looks for packages that nobody needs any more
_COLLECT_EVERY: Final = 6 * 3600.0
_LOG: Final = logs.logger("rtml.hub")


class StartRefused(RtmlError):
    """A hub that can't be started like this."""


def run(settings: HubSettings) -> None:
    """Run a hub until SIGINT or SIGTERM. Raises StartRefused, and what opening the database and the store raises."""
    check_tls(settings)
    with held(settings.folder), held_port(settings.host, settings.port) as port:
        settings = msgspec.structs.replace(settings, port=port)
        check_opens(settings)
        logs.configure(settings.log_level)
        allow_connections()
        server = _Server(
            "rtml_plugins.hub.server",
            address=settings.host,
            port=settings.port,
            interface=Interfaces.ASGI,
            workers=1,
            http=HTTPModes.http1,
            websockets=False,
            backlog=_BACKLOG,
            backpressure=_AT_ONCE,
            http1_settings=HTTP1Settings(header_read_timeout=_HEADERS_MS, max_buffer_size=64 << 10),
            log_level=LogLevels.debug if settings.log_level == "debug" else LogLevels.warning,
            log_dictconfig=logs.granian_config(),
            ssl_cert=None if settings.tls_cert is None else Path(settings.tls_cert),
            ssl_key=None if settings.tls_key is None else Path(settings.tls_key),
            ssl_protocol_min=SSLProtocols.tls12,
            respawn_failed_workers=True,
            workers_kill_timeout=GRACE,
        )
        server.serve(target_loader=partial(application, settings, os.getpid()), wrap_loader=False)


class _Server(MPServer):
    """granian, which tells its worker first that it is about to stop, so that long polls end."""

    def _stop_workers(self) -> None:
        for worker in self.wrks:
            if worker.inner.is_alive() and worker.inner.pid is not None:
                os.kill(worker.inner.pid, signal.SIGUSR1)
        super()._stop_workers()  # type: ignore[no-untyped-call]


def application(settings: HubSettings, parent: int) -> Any:
    """The ASGI application, made in the worker. parent: the process that started it, without which it ends."""
    from rtml_plugins.hub.api.app import create_app

    logs.configure(settings.log_level)
    hub = open_hub(settings)
    app = create_app(hub, settings)
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def lifespan(own: Any) -> AsyncIterator[Any]:
        loop = asyncio.get_running_loop()
        drain = app.state.context.changes.drain
        loop.add_signal_handler(signal.SIGUSR1, drain)
        tasks = [asyncio.create_task(task) for task in (_end_with(parent, drain), _collect(hub), _say_ready(settings))]
        try:
            async with inner(own) as state:
                yield state
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            hub.close()

    app.router.lifespan_context = lifespan
    return app


def open_hub(settings: HubSettings) -> Hub:
    """The hub of these settings. Raises Unavailable, HubError."""
    database = open_database(settings.database_url)
    try:
        return Hub(database, PackageStore(settings.store_url), trust=settings.trust)
    except BaseException:
        database.close()
        raise


async def _say_ready(settings: HubSettings) -> None:
    """Say so once connections are taken: the server begins to listen after the application has started, and tells nobody."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "localhost"}.get(settings.host, settings.host)
    while True:
        try:
            _, writer = await asyncio.open_connection(own, settings.port)
        except OSError:
            await asyncio.sleep(0.01)
            continue
        writer.close()
        break
    try:
        print(f"rtml hub: ready at {settings.url} (home {settings.home})", flush=True)
    except OSError:  # who started it does not listen any more
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - for as long as the process lives


async def _end_with(parent: int, drain: Callable[[], None]) -> None:
    """End when the process that started this one is gone: no worker without a master goes on holding the address."""
    while os.getppid() == parent:
        await asyncio.sleep(0.25)
    _LOG.warning("the master process is gone: stopping")
    drain()
    os.kill(os.getpid(), signal.SIGTERM)


async def _collect(hub: Hub) -> None:
    """Remove packages that nobody needs, now and then."""
    while True:
        try:
            gone = await asyncio.to_thread(hub.collect, actor="hub")
            if gone:
                _LOG.info("packages collected", count=len(gone))
        except RtmlError as error:
            _LOG.warning("packages can't be collected", reason=str(error))
        await asyncio.sleep(_COLLECT_EVERY)


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """The hub's folder, made when it is not there, for this process and its worker alone. Raises StartRefused."""
    import fcntl

    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (folder / "hub.lock").open("a+")
    except OSError as error:
        raise StartRefused(f"{folder} can't be the home of a hub: {error.strerror}. Name another with --home") from None
    with lock:
        until = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > until:
                    lock.seek(0)
                    holder = lock.read().strip() or "unknown"
                    raise StartRefused(
                        f"{folder} is the home of another hub, process {holder}: stop that one first, or name another with --home"
                    ) from None
            time.sleep(0.05)
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextmanager
def held_port(host: str, port: int) -> Iterator[int]:
    """The port; a free one for 0, kept from others until the block ends. granian itself would share one with another process.

    Raises StartRefused when the address is taken or none of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        held = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _no_address(host, port, error) from None
    with held:
        try:
            # granian, too, binds with SO_REUSEPORT: a port that this process found can be held while it listens there
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR if port else socket.SO_REUSEPORT, 1)
            held.bind(address)
        except OSError as error:
            raise _no_address(host, port, error) from None
        found = int(held.getsockname()[1])
        if port:
            held.close()
        yield found


def _no_address(host: str, port: int, error: OSError) -> StartRefused:
    return StartRefused(f"the hub can't listen at {host}:{port}: {error.strerror}. Choose another with --host and --port")


def check_opens(settings: HubSettings) -> None:
    """Open the hub once, before a worker does, so that what is wrong is said once and here. Raises what opening it raises.

    StartRefused for a hub that others reach and that has no valid admin key: it would be open, or closed to everybody.
    """
    if settings.profiles is not None:
        open_store(settings.profiles).close()
    hub = open_hub(settings)
    try:
        if settings.database is None:
            settings.elsewhere.unlink(missing_ok=True)
        else:
            settings.elsewhere.write_text(f"{hub.database.shown}\n")
        if not settings.loopback and not Keys(hub.database).has_admin():
            where = f"--home {settings.home}" if settings.database is None else f"--database {hub.database.shown}"
            raise StartRefused(
                f"a hub at {settings.host} is reached by others, so it needs keys. Make the first with"
                f" `rtml keys create {where} --scope admin --name me`, then start it again"
            )
    finally:
        hub.close()


def allow_connections() -> None:
    """Each edge that waits is an open file: allow as many as the system lets this process have, up to what is taken at once."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * _AT_ONCE if hard == resource.RLIM_INFINITY else min(2 * _AT_ONCE, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def check_tls(settings: HubSettings) -> None:
    """StartRefused for a certificate or a key that can't be used."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        raise StartRefused("a certificate and its key go together: give both --tls-cert and --tls-key")
    if settings.tls_cert is None or settings.tls_key is None:
        return
    import ssl

    try:
        text = Path(settings.tls_key).read_text("ascii", "replace")
        if "BEGIN PRIVATE KEY" not in text:
            raise StartRefused(
                f'{settings.tls_key} is no private key in PKCS#8 ("BEGIN PRIVATE KEY"). openssl pkcs8 -topk8 -nocrypt -in'
                f" {settings.tls_key} -out key.pem makes one of it"
            )
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(settings.tls_cert, settings.tls_key)
    except ssl.SSLError as error:
        raise StartRefused(f"{settings.tls_cert} and {settings.tls_key} are no certificate and its key: {error.reason}") from None
    except OSError as error:
        raise StartRefused(f"{error.filename}: {error.strerror}") from None
