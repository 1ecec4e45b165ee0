"""The HTTP server of one worker process: the one place that knows which server that is.

`python -m rtml_plugins.edge.server`, started by the supervisor, is one worker: an event loop, the table of services, and granian
inside of it, which listens once what is on disk has loaded. Every worker listens for itself on the same port (SO_REUSEPORT), so a
worker that dies takes down nothing but what it was answering.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final, Protocol

from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving import logs

if TYPE_CHECKING:
    from granian.server.embed import Server

#: the module that a worker is
MODULE: Final = "rtml_plugins.edge.server"
#: environment: process id of the supervisor, without which a worker ends
PARENT: Final = "RTML_EDGE_PARENT"
#: connections that wait to be accepted by one worker
_BACKLOG: Final = 2048
_PR_SET_PDEATHSIG: Final = 1


class Application(Protocol):
    """What a worker serves: an RSGI application that is started before the port is opened and stopped after it is closed."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def __rsgi__(self, scope: Any, protocol: Any) -> None: ...


def main() -> None:
    """Run a worker until SIGTERM or SIGINT, or until its supervisor is gone; what is in flight is finished."""
    import uvloop

    settings = EdgeSettings.from_environment()
    logs.configure(settings.log_level)
    end_with_parent()
    uvloop.run(serve(settings))


async def serve(settings: EdgeSettings) -> None:
    """Load, listen, answer, and end when asked to."""
    from rtml_plugins.edge.worker import create

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    application: Application = create(settings)
    await application.start()
    try:
        if not stopping.is_set():
            server = _granian(application, settings)
            serving = asyncio.create_task(server.serve())
            asked = asyncio.create_task(stopping.wait())
            await asyncio.wait([serving, asked], return_when=asyncio.FIRST_COMPLETED)
            server.stop()
            asked.cancel()
            await serving
    finally:
        await application.stop()


def _granian(application: Application, settings: EdgeSettings) -> Server:
    from pathlib import Path

    from granian.constants import Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels
    from granian.server.embed import Server

    return Server(
        application,
        settings.host,
        settings.port,
        interface=Interfaces.RSGI,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=settings.max_concurrent,
        http1_settings=HTTP1Settings(header_read_timeout=round(1000 * settings.request_timeout)),
        log_level=LogLevels.error if settings.log_level != "debug" else LogLevels.debug,
        log_dictconfig=logs.granian_config(),
        ssl_cert=None if settings.tls_cert is None else Path(settings.tls_cert),
        ssl_key=None if settings.tls_key is None else Path(settings.tls_key),
    )


def end_with_parent() -> None:
    """Linux: have the kernel send SIGTERM when the supervisor dies, also by kill -9, so that no worker is left over."""
    parent = os.environ.get(PARENT)
    if parent is None or sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != int(parent):  # it died before
        sys.exit(0)


if __name__ == "__main__":
    main()
