"""asyncio.Protocol on uvloop with httptools and no limits: `python protocol.py PORT echo|ort`, the least that Python can do."""

import asyncio
import sys

import httptools
import uvloop

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


def maker(answer):
    """The protocol around a function from body to body."""

    class Http(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport
            self.parser = httptools.HttpRequestParser(self)
            self.parts = []

        def data_received(self, data):
            self.parser.feed_data(data)

        def on_body(self, part):
            self.parts.append(part)

        def on_message_complete(self):
            content = answer(b"".join(self.parts))
            self.parts = []
            self.transport.write(HEAD % (len(content), content))

    return Http


async def main(port, what):
    if what == "echo":
        from echo import CONSTANT

        protocol = maker(lambda body: CONSTANT)
    else:
        from rows import answer

        protocol = maker(answer)
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    await server.serve_forever()


uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
