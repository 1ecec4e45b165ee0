"""python -m tests.benchmarks.client: what the Python client costs, next to httpx and a raw socket, against a server that echoes.

Server and client share the machine; each way is measured in turns, and the fastest tenth of its calls is what it costs.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import socket
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event

import httpx

from rtml_core.client import Client
from rtml_core.client.exchange import Reply

BODY = b'{"service":"churn","version":7,"predictions":[{"propensity":0.2431}],"request_id":"18ea40015f2229dcb7f68afe"}'
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
ROW = {"age": 41.0, "brand": "VW", "km": 4298.8}
PATH = "/v1/services/churn/predict"
TURNS, CALLS = 20, 100


def serve(port: int, ready: Event) -> None:
    """Answer each request, which comes in one piece or in two, with a constant."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        ready.set()
        import threading

        def connection(peer: socket.socket) -> None:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            stored = b""
            while got := peer.recv(65536):
                stored += got
                head, found, rest = stored.partition(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0) if found else 0
                if found and len(rest) >= length:
                    stored = rest[length:]
                    peer.sendall(ANSWER)

        while True:
            threading.Thread(target=connection, args=(listener.accept()[0],), daemon=True).start()


def fastest(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Microseconds of each: the mean of the fastest tenth of its calls."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(TURNS):
        for name, call in calls.items():
            call()
            for _ in range(CALLS):
                begun = time.perf_counter()
                call()
                times[name].append(time.perf_counter() - begun)
    tenth = TURNS * CALLS // 10
    return {name: 1e6 * sum(sorted(found)[:tenth]) / tenth for name, found in times.items()}


def main() -> None:
    """Measure and print."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ready = multiprocessing.Event()
    server = multiprocessing.Process(target=serve, args=(port, ready), daemon=True)
    server.start()
    ready.wait()
    url = f"http://127.0.0.1:{port}"
    raw = socket.create_connection(("127.0.0.1", port))
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    body = json.dumps({"rows": [ROW]}).encode()
    request = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    plain = http.client.HTTPConnection("127.0.0.1", port)
    client, alone, whole = Client(edges=[url]), Client(edges=[url]), httpx.Client()
    reply = Reply(200, {}, BODY)
    alone._connections._send = lambda send: reply  # type: ignore[method-assign]

    def by_raw() -> object:
        raw.sendall(request)
        return raw.recv(65536)

    def by_http_client() -> object:
        plain.request("POST", PATH, json.dumps({"rows": [ROW]}), {"content-type": "application/json"})
        return json.loads(plain.getresponse().read())["predictions"]

    found = fastest(
        {
            "raw socket": by_raw,
            "http.client": by_http_client,
            "Client.predict": lambda: client.predict("churn", ROW)["propensity"],
            "of this: without the wire": lambda: alone.predict("churn", ROW)["propensity"],
            "httpx.Client().post": lambda: whole.post(url + PATH, json={"rows": [ROW]}).json()["predictions"],
        }
    )
    for name, microseconds in found.items():
        print(f"{name:<28}{microseconds:8.1f} us")
    client.close()
    whole.close()
    plain.close()
    raw.close()
    server.terminate()
    server.join()


if __name__ == "__main__":
    main()
