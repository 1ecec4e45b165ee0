"""Requests that no client should send, from a seed: python -m tests.integration.hub.malformed PORT COUNT SEED sends them."""

from __future__ import annotations

import json
import random
import socket
import sys
from collections import Counter
from typing import Any, Final

_PATHS: Final = (
    *("/v1/services", "/v1/services/churn", "/v1/services/churn/traffic", "/v1/services/churn/versions", "/v1/keys", "/v1/audit"),
    *("/v1/services/churn/versions/1", "/v1/services/churn/versions/1/package", "/v1/services/churn/rollout", "/v1/hub", "/"),
    *("/v1/services/churn/deprecate", "/v1/services/churn/rollback", "/v1/services/churn/predict", "/v1/edges/na-1", "/v1/edges"),
    *(
        "/v1/regions/na/state",
        "/v1/regions",
        "/v1/packages/" + "0" * 64,
        "/openapi.json",
        "/v1/health/ready",
        "/v2",
        "/v1/keys/x",
    ),
)
_METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW", "get", "\x00", "P\u00d6ST")
_PARTS: Final = (
    "%00",
    "%ff",
    "..",
    "%2e%2e%2f",
    "\u00e9",
    "%",
    "//",
    ";",
    "x" * 3000,
    "{name}",
    "'--",
    "%0d%0aX: y",
    "-1",
    "9" * 400,
)
_QUERIES: Final = (
    *(
        "",
        "limit=0",
        "limit=9999999999999999999",
        "after=-1",
        "wait=nan",
        "wait=-1",
        "wait=1e400",
        "q=%00",
        "q=%ff",
        "q=" + "a" * 5000,
    ),
    *(
        "state=x",
        "region=",
        "region=%00",
        "to=1.5",
        "share=2",
        "traffic=x",
        "before=0",
        "force=maybe",
        "overlap=inf",
        "&&&==",
        "%",
    ),
)
_VALUES: Final = (
    *(None, True, 0, -1, 1e308, 10**30, "", "x", "\x00", "\ud800", "\U0001f600", [], {}, [[]], {"champion": 1}, "a" * 20_000),
)
_FIELDS: Final = (
    "champion",
    "canary",
    "split",
    "shadow",
    "sticky",
    "description",
    "owner",
    "regions",
    "reason",
    "name",
    "scopes",
)
_REPORT: Final = {
    "region": "na",
    "url": "http://x:1",
    "ready": True,
    "revision": 1,
    "workers": 1,
    "rtml": "0",
    "started": "2026-11-21T10:15:00.000Z",
}


def request(source: random.Random) -> tuple[bytes, bool]:
    """One request, and whether its body is as long as it says."""
    path = source.choice(_PATHS)
    if source.random() < 0.3:
        at = source.randrange(len(path) + 1)
        path = path[:at] + source.choice(_PARTS) + path[at:]
    if source.random() < 0.4:
        path += "?" + "&".join(source.choices(_QUERIES, k=source.randrange(1, 4)))
    body = _body(source)
    hosts = ("Host: localhost", "Host: 127.0.0.1:1", "Host: evil.example", "Host:", "Host: \x01")
    lengths, whole = _length(source, body)
    headers = [*source.choices(hosts, (20, 5, 1, 1, 1)), *lengths]
    headers += source.sample(
        [
            *("Content-Type: application/json", "Content-Type: \u00ff", "Content-Type: text/plain", "Expect: 100-continue"),
            *("Authorization: Bearer \u00ff", "Authorization: Bearer rtml_" + "a" * 9000, "Origin: http://[", "Origin: null"),
            *("X-Request-Id: \u00e9", "X-Request-Id: " + "y" * 500, "Accept-Encoding: gzip;q=x", "Content-Encoding: gzip"),
            *("Range: bytes=-", 'If-None-Match: "', "Connection: upgrade", "Upgrade: h2c", "Cookie: " + "c" * 20_000, "NoColon"),
            *("Access-Control-Request-Method: PUT", "Transfer-Encoding: x", ": empty", "X: \r\n folded"),
        ],
        source.choice((0, 0, 0, 1, 2, 3)),
    )
    version = source.choices(("HTTP/1.1", "HTTP/1.0", "HTTP/9", ""), (20, 2, 1, 1))[0]
    method = source.choice(_METHODS[:6] if source.random() < 0.9 else _METHODS)
    head = "\r\n".join([f"{method} {path} {version}", *headers, "Connection: close"])
    return head.encode("latin-1", "replace") + b"\r\n\r\n" + body, whole


def _length(source: random.Random, body: bytes) -> tuple[list[str], bool]:
    kind = source.random()
    if kind < 0.9:
        return [f"Content-Length: {len(body)}"], True
    if kind < 0.94:
        return ["Transfer-Encoding: chunked"], False
    return [f"Content-Length: {source.choice((len(body) + 7, -1, 'x', 2**70, max(0, len(body) - 3)))}"], False


def _body(source: random.Random) -> bytes:
    kind = source.randrange(8)
    if kind == 0:
        return b""
    if kind == 1:
        return source.randbytes(source.randrange(1, 2000))
    if kind == 2:
        return source.choice((b"[", b'{"a":', b'{"stats":')) * source.choice((10, 1000, 50_000))
    if kind == 3:
        return source.choice((b"NaN", b"{'a': 1}", b'"\\ud800"', b"\xff\xfe{}", b"1" * 5000, b"\xef\xbb\xbf{}", b"null", b"[1,]"))
    if kind == 4:
        deep = b'{"x":' * 3000 + b"1" + b"}" * 3000
        return json.dumps(_REPORT).encode()[:-1] + b',"stats":' + deep + b"}"
    chosen = {source.choice(_FIELDS): source.choice(_VALUES) for _ in range(source.randrange(1, 5))}
    if kind == 5:
        chosen = {**_REPORT, source.choice(list(_REPORT)): source.choice(_VALUES)}
    return json.dumps(chosen).encode()


def send(port: int, data: bytes, whole: bool) -> tuple[int, bytes]:
    """(status, everything) of the answer; status 0 when the connection was closed without one."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        try:
            connection.sendall(data)
            if not whole:  # the hub would wait for the rest
                connection.shutdown(socket.SHUT_WR)
        except OSError:  # it answered before it had read all
            pass
        try:
            while part := connection.recv(1 << 16):
                received += part
        except ConnectionError:
            pass
    if received.startswith(b"HTTP/1.1 100"):
        received = received.partition(b"\r\n\r\n")[2]
    words = received[:20].split(b" ")
    return (int(words[1]), received) if len(words) > 1 and words[1].isdigit() else (0, received)


def run(port: int, count: int, seed: int) -> Counter[int]:
    """Send them; how often each status came. AssertionError for a 5xx that is not a deliberate 503."""
    source = random.Random(seed)
    statuses: Counter[int] = Counter()
    for _ in range(count):
        data, whole = request(source)
        status, received = send(port, data, whole)
        deliberate = status == 503 and b"retry-after:" in received.lower()
        assert status < 500 or deliberate, (data[:2000], received[:2000])
        statuses[status] += 1
    return statuses


if __name__ == "__main__":
    arguments: Any = [int(argument) for argument in sys.argv[1:]]
    print(dict(run(*arguments)))
