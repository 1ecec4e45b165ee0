"""granian's RSGI answering a constant after it has read the body."""

from echo import CONSTANT

HEADERS = [("content-type", "application/json")]


async def app(scope, protocol):
    await protocol()
    protocol.response_bytes(200, HEADERS, CONSTANT)
