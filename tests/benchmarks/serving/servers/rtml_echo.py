"""rtml's own HTTP server answering a constant: `python rtml_echo.py PORT`. What of a request is not scoring."""

import asyncio
import sys
import tempfile

import uvloop
from echo import CONSTANT

from rtml_plugins.edge.exchange import Response
from rtml_plugins.edge.http1 import Server
from rtml_plugins.edge.settings import EdgeSettings

HEADERS = (("Content-Type", "application/json"),)


async def main(port, home):
    server = Server(lambda request: Response(200, HEADERS, CONSTANT), EdgeSettings(home=home, region="emea", port=port))
    await server.start()
    await asyncio.Event().wait()


with tempfile.TemporaryDirectory() as folder:
    uvloop.run(main(int(sys.argv[1]), folder))
