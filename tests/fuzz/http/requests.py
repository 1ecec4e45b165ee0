# ruff: noqa: E501 (lists of byte strings read better in long lines)
"""Requests that are wrong as HTTP, or right as HTTP with something wrong inside."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from tests.fuzz.http import bodies

PREDICT = ["/v1/services/visits/predict", "/v1/services/lenient/predict", "/v1/services/visits/versions/1/predict"]
INFER = "/v2/models/lenient/infer"
HOST = b"127.0.0.1"
CONTENT_TYPES = [
    *("application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "text/plain", "text/json", "application/x-www-form-urlencoded"),
    *("multipart/form-data", "application/octet-stream", "application/json; charset=utf-16", "", ";", "a" * 3000, "application/jsonx", "*/*"),
]  # fmt: skip


class Case(NamedTuple):
    """One broken request. kind: what is broken about it. framed: whether a server can tell where it ends, so that it goes on."""

    kind: str
    data: bytes
    framed: bool


def framed(
    method: bytes | str, path: bytes | str, body: bytes = b"", headers: list[tuple[str, str]] | None = None, host: bytes = HOST
) -> bytes:
    """A request whose frame is right."""
    method = method.encode() if isinstance(method, str) else method
    path = path.encode("utf-8", "surrogateescape") if isinstance(path, str) else path
    lines = [method + b" " + path + b" HTTP/1.1", b"Host: " + host, b"Content-Length: %d" % len(body)]
    lines += [f"{name}: {value}".encode("latin-1", "replace") for name, value in headers or []]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def case(random: Random) -> Case:
    """A broken request of any kind."""
    return random.choices(_KINDS, _WEIGHTS)[0](random)


# ---- right frame ----------------------------------------------------------------------------------------------------


def _json_body(random: Random) -> Case:
    body = bodies.mutated(random, random.choice(bodies.VALID)) if random.random() < 0.6 else bodies.structured(random)
    return Case("body", framed("POST", random.choice(PREDICT), body, [("Content-Type", "application/json")]), True)


def _content_type(random: Random) -> Case:
    body = random.choice(bodies.VALID) if random.random() < 0.5 else random.randbytes(random.randrange(200))
    return Case(
        "content type", framed("POST", random.choice(PREDICT), body, [("Content-Type", random.choice(CONTENT_TYPES))]), True
    )


def _coding(random: Random) -> Case:
    coding, body = bodies.coded(random, random.choice(bodies.VALID))
    headers = [("Content-Type", "application/json"), ("Content-Encoding", coding)]
    return Case("content coding", framed("POST", random.choice([*PREDICT, INFER]), body, headers), True)


def _infer(random: Random) -> Case:
    if random.random() < 0.5:
        return Case("v2 json", framed("POST", INFER, bodies.infer(random), [("Content-Type", "application/json")]), True)
    length, body = bodies.infer_binary(random)
    return Case("v2 binary", framed("POST", INFER, body, [("Inference-Header-Content-Length", length)]), True)


def _path(random: Random) -> Case:
    pieces = [
        *("v1", "v2", "services", "models", "visits", "predict", "versions", "1", "0", "-1", "9" * 30, "..", ".", "", "infer", "health"),
        *("%00", "%ff", "%2e%2e", "%2F", "%", "%zz", "é", "\\", "*", "a" * 200, "%F0%9F%92%A9", "visits;a=b", "repository", "index"),
        *("live", "ready", "config", "metrics", "openapi.json", "docs", "null", "'--", "<script>", "${jndi}", "x" * 5000),
    ]  # fmt: skip
    path = "/" + "/".join(random.choice(pieces) for _ in range(random.randint(0, 7)))
    if random.random() < 0.3:
        path = random.choice([*PREDICT, INFER, "/metrics", "/v1/services"]) + random.choice(
            ["/", "//", "%20", ";", "/..", "/%2e", "\\"]
        )
    if random.random() < 0.4:
        path += "?" + random.choice(
            ["explain=columns", "explain", "&&&", "%", "a=" + "b" * 3000, "explain=columns&explain=columns", "=", "é=1"]
        )
    method = random.choice(
        ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "QUERY", "get", "X" * 300, "M-SEARCH"]
    )
    body = random.choice(bodies.VALID) if method not in ("GET", "HEAD") else b""
    return Case("path and method", framed(method, path, body), method != "HEAD")


def _odd_headers(random: Random) -> Case:
    odd = ["", " ", "x" * 4000, "\t", "é", "a,b,,", '"', "\x7f", "%00", "=?utf-8?b?", "null", "-1", "1" * 50, "*", "W/"]
    names = [
        *("Authorization", "X-Request-Id", "X-Rtml-Key", "Traceparent", "Tracestate", "Accept", "If-None-Match", "Accept-Encoding", "Origin"),
        *("Content-Encoding", "Inference-Header-Content-Length", "Range", "If-Modified-Since", "Cookie", "Forwarded", "X-Forwarded-Host"),
        *("Access-Control-Request-Method", "Expect", "TE", "Upgrade", "Connection", "Via", "Max-Forwards", "Content-Range", "Date"),
    ]  # fmt: skip
    known = [
        *(("Authorization", "Bearer rtml_x_y"), ("Authorization", "Bearer " + "z" * 3000), ("Origin", "null"), ("Origin", "https://evil.example")),
        *(("Traceparent", "00-" + "0" * 32 + "-" + "0" * 16 + "-00"), ("Range", "bytes=0-"), ("Accept", "application/openmetrics-text;q=nan")),
        *(("X-Request-Id", "a" * 200), ("X-Request-Id", "ok\x01"), ("Connection", "keep-alive, close, x")),
    ]  # fmt: skip
    headers = [(random.choice(names), random.choice(odd)) for _ in range(random.randint(1, 8))]
    headers += random.sample(known, random.randrange(3))
    headers = [h for h in headers if h[0] not in ("Expect", "Connection", "Upgrade", "TE") or random.random() < 0.2]
    host = random.choice([HOST, HOST, b"evil.example", b"", b"[", b"127.0.0.1:99999", b"a" * 2000, b"localhost:\xff"])
    path = random.choice(
        [*PREDICT, INFER, "/metrics", "/openapi.json", "/v1/services", "/v1/services/visits", "/v1/health/ready"]
    )
    method = "POST" if path.endswith(("predict", "infer")) else random.choice(["GET", "OPTIONS"])
    body = random.choice(bodies.VALID) if method == "POST" else b""
    return Case("odd headers", framed(method, path, body, headers, host), False)


# ---- wrong frame ----------------------------------------------------------------------------------------------------


def _length(random: Random) -> Case:
    body = random.choice(bodies.VALID)
    wrong = random.choice(
        [b"-1", b"+5", b"0x10", b"", b"1e3", b"99999999999999999999", b"5, 5", b"%d" % (len(body) + 50), b"3", b"9" * 400]
    )
    lines = [b"POST " + random.choice(PREDICT).encode() + b" HTTP/1.1", b"Host: " + HOST, b"Content-Length: " + wrong]
    if random.random() < 0.3:
        lines.append(b"Content-Length: %d" % random.randrange(2000))
    if random.random() < 0.2:
        lines.append(b"Content-Length: %d" % (200 << 20))
    return Case("content length", b"\r\n".join(lines) + b"\r\n\r\n" + body, False)


def _chunked(random: Random) -> Case:
    body = random.choice(bodies.VALID)
    chunk = random.choice([
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body), b"zz\r\nabc\r\n0\r\n\r\n", b"-5\r\nabc", b"ffffffffffffffffffff\r\nabc\r\n",
        b"%x\r\n%b\r\n" % (len(body), body), b"5;ext=" + b"e" * 3000 + b"\r\nabcde\r\n0\r\n\r\n", b"5\nabcde\n0\n\n", b"0\r\n\r\n", b"",
        b"3\r\nabcde\r\n0\r\n\r\n", b"1\r\n{\r\n" * 200 + b"0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n", b"%x\r\n%b\r\n0\r\n" % (len(body), body),
    ])  # fmt: skip
    coding = random.choice(
        [b"chunked", b"chunked", b"chunked", b"Chunked", b"chunked, chunked", b"gzip, chunked", b"identity", b"xchunked", b""]
    )
    lines = [
        b"POST " + random.choice([*PREDICT, INFER]).encode() + b" HTTP/1.1",
        b"Host: " + HOST,
        b"Transfer-Encoding: " + coding,
    ]
    if random.random() < 0.3:
        lines.append(b"Content-Length: %d" % random.randrange(100))
    return Case("chunks", b"\r\n".join(lines) + b"\r\n\r\n" + chunk, False)


def _head(random: Random) -> Case:
    path = random.choice(PREDICT).encode()
    line = random.choice([
        b"POST " + path + b" HTTP/1.1", b"POST " + path, b"POST " + path + b" HTTP/9.9", b"POST  " + path + b" HTTP/1.1", b"\x00\x00",
        b"POST http://evil.example" + path + b" HTTP/1.1", b"CONNECT evil.example:443 HTTP/1.1", b"PRI * HTTP/2.0", b"OPTIONS * HTTP/1.1",
        b"POST " + path + b"\x00 HTTP/1.1", b"GET /" + b"a" * 70_000 + b" HTTP/1.1", b"POST " + path + b" HTTP/1.0", b"GET \xff\xfe HTTP/1.1",
        b"GET / HTTP/1.1 extra", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"", b"GET",
    ])  # fmt: skip
    header = random.choice([
        b"Host: 127.0.0.1", b"Host: a\r\nHost: b", b"No colon here", b": empty", b"A\x00B: x", b"A: x\x00y", b" folded: x", b"A: x\r\n folded",
        b"A: \rx", b"A: x\ny: z", b"\xff\xfe: x", b"A: " + b"x" * 100_000, b"\r\n".join(b"H%d: x" % n for n in range(300)),
        b"\r\n".join(b"H%d: " % n + b"x" * 500 for n in range(1000)), b"A B: x", b"Host : x", b"Content-Length : 5", b"Transfer-Encoding\x0b: chunked",
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13",
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk", b"Expect: 100-continue\r\nContent-Length: 5",
    ])  # fmt: skip
    end = random.choice([b"\r\n\r\n", b"\r\n\r\n", b"\n\n", b"\r\n", b"", b"\r\r"])
    return Case("request head", line + b"\r\n" + header + end, False)


def _pipelined(random: Random) -> Case:
    good = framed("POST", PREDICT[0], bodies.VALID[0], [("Content-Type", "application/json")])
    tail = random.choice(
        [random.randbytes(random.randint(1, 300)), b"\r\n\r\n", good[: random.randrange(len(good))], b"GET / HTT", b"\x00" * 50]
    )
    return Case("pipelined", good * random.randint(1, 5) + tail, False)


def _noise(random: Random) -> Case:
    return Case("noise", random.randbytes(random.randint(1, 2000)), False)


_KINDS = [_json_body, _content_type, _coding, _infer, _path, _odd_headers, _length, _chunked, _head, _pipelined, _noise]
_WEIGHTS = [40, 5, 5, 14, 12, 6, 4, 5, 5, 2, 2]
