"""granian's RSGI, msgspec and ONNX Runtime by hand."""

from rows import answer

HEADERS = [("content-type", "application/json")]


async def app(scope, protocol):
    protocol.response_bytes(200, HEADERS, answer(await protocol()))
