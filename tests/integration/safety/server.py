"""A small scoring server, as a service has one: threads, keep-alive, a runtime for each package. `server.py name=package ...`

POST /name with a row or rows as JSON answers what the runtime answers, 422 for input and operators that fail, with the sentence.
POST /load with {name: path} loads packages while others are in use.
Prints its port when it listens; SIGTERM ends it when the requests under way are answered.
"""

import json
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rtml_core import RtmlError, Runtime


class Handler(BaseHTTPRequestHandler):
    """One connection, on a thread of its own."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one piece, which is not kept waiting
    runtimes: dict[str, Runtime]

    def do_POST(self) -> None:
        rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            status, answer = 200, self.answer(self.path.strip("/"), rows)
        except RtmlError as error:
            status, answer = 422, f"{type(error).__name__}: {error}"
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, name: str, rows: Any) -> Any:
        if name != "load":
            return self.runtimes[name].score(rows)
        for new, path in rows.items():
            self.runtimes[new] = Runtime.from_file(path, trust=["rtml-breaking"])
        return list(rows)

    def log_message(self, *arguments: object) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    """Waits for its threads when it is closed."""

    daemon_threads = False


def main() -> None:
    pairs = [argument.split("=", 1) for argument in sys.argv[1:]]
    Handler.runtimes = {name: Runtime.from_file(path, trust=["rtml-breaking"]) for name, path in pairs}
    server = Server(("127.0.0.1", 0), Handler)
    signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=server.shutdown).start())
    print(server.server_port, flush=True)
    server.serve_forever()
    server.server_close()
    print("closed", flush=True)


if __name__ == "__main__":
    main()
