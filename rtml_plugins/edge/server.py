"""One worker process of an edge.

`python -m rtml_plugins.edge.server`, started by the supervisor, is one worker: an event loop, the table of services, and rtml's
server of HTTP/1.1, which listens once what is on disk has loaded. Every worker listens for itself on the same port
(SO_REUSEPORT), so a worker that dies takes down nothing but what it was answering.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
from typing import Final

from rtml_plugins.edge.settings import EdgeSettings
from rtml_plugins.serving import logs

#: the module that a worker is
MODULE: Final = "rtml_plugins.edge.server"
#: environment: process id of the supervisor, without which a worker ends
PARENT: Final = "RTML_EDGE_PARENT"
_PR_SET_PDEATHSIG: Final = 1


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
    worker = create(settings)
    try:
        await worker.start()
        await stopping.wait()
    finally:
        await worker.stop()


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
