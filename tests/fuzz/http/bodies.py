# ruff: noqa: E501 (lists of byte strings read better in long lines)
"""Bodies that are wrong: mutated JSON of rows, and mutated requests of the Open Inference Protocol."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from random import Random
from typing import Any

ROW = {"age": 41.5, "visits": 3, "score": None, "member": True, "country": "de", "seen_at": "2026-11-21T10:15:00Z"}
VALID = [
    json.dumps(ROW).encode(),
    json.dumps({"rows": [ROW, {**ROW, "plan": "gold"}]}).encode(),
    json.dumps({"columns": {name: [value, value] for name, value in ROW.items()}}).encode(),
    json.dumps({name: {"0": value, "1": value} for name, value in ROW.items()}).encode(),
    json.dumps({"a": 1.5, "b": None, "more": [1, {"x": 2}]}).encode(),
]
#: pieces of JSON that go where a value or a name stood
PIECES = [
    *(b"null", b"true", b"1", b"-0", b"1e308", b"1e309", b"-1e999", b"1E-999", b"NaN", b"Infinity", b"-Infinity", b"0x10", b"01", b".5"),
    *(b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"1" * 400, b"0." + b"1" * 4000, b"1e" + b"9" * 30),
    *(b'""', b'"\\u0000"', b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\ufdd0"', "\ufdd0".encode(), b'"\xff\xfe"', b'"\xed\xa0\x80"', b'"\xc0\x80"'),
    *(b'"\xf4\x90\x80\x80"', b'"\x00"', b'"\n"', b'"' + b"x" * 70_000 + b'"', b'"unfinished', b"'single'", b'"\\x41"', b'"\\u12"'),
    *(b"[]", b"{}", b"[[]]", b"[" * 200, b"[" * 100_000, b'{"a":' * 50_000, b"{" * 10, b"]", b"}", b",", b":", b"[1,]", b'{"a":1,}'),
    *(b'"2026-02-30T00:00:00Z"', b'"9999-12-31T23:59:59-23:59"', b'"0000-01-01"', b'"2026-11-21T25:00"', b'"\xd9\xa1\xd9\xa2"'),
    *(b'{"0": 1, "0": 2}', b'{"rows": []}', b'{"rows": {}}', b'{"columns": []}', b"/* */ 1", b"\xef\xbb\xbf", b'{"1": 1, "01": 2}'),
]  # fmt: skip


def mutated(random: Random, body: bytes) -> bytes:
    """A body with one to four changes: bytes flipped, cut, doubled, pieces put in."""
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(body) + 1)
        match random.randrange(7):
            case 0:
                body = body[:at] + bytes([random.randrange(256)]) + body[at + 1 :]
            case 1:
                body = body[:at] + body[at + random.randint(1, 20) :]
            case 2:
                body = body[:at] + body[max(0, at - random.randint(1, 60)) :]
            case 3:
                body = body[:at] + random.choice(PIECES) + body[at:]
            case 4:
                body = _value_replaced(random, body)
            case 5:
                body = body[:at]
            case 6:
                body = body[:at] + random.randbytes(random.randint(1, 30)) + body[at:]
        body = body or b" "
    return body[:400_000]


def _value_replaced(random: Random, body: bytes) -> bytes:
    """A body in which what follows a colon is another piece of JSON."""
    colons = [at for at, byte in enumerate(body) if byte == 0x3A]
    if not colons:
        return body + random.choice(PIECES)
    at = random.choice(colons) + 1
    end = min((found for found in (body.find(mark, at) for mark in (b",", b"}")) if found > 0), default=len(body))
    return body[:at] + random.choice(PIECES) + body[end:]


def structured(random: Random) -> bytes:
    """JSON that is well formed and means nothing, or something else."""
    match random.randrange(9):
        case 0:
            return json.dumps(anything(random, 4)).encode("utf-8", "surrogatepass")
        case 1:
            return json.dumps({**ROW, random.choice(list(ROW)): anything(random, 3)}).encode()
        case 2:
            return json.dumps({"rows": [anything(random, 2) for _ in range(random.randrange(5))]}).encode()
        case 3:
            return json.dumps({"columns": {name: anything(random, 2) for name in ROW}}).encode()
        case 4:
            lengths = {name: [value] * random.randrange(4) for name, value in ROW.items()}
            return json.dumps(random.choice([lengths, {"columns": lengths}])).encode()
        case 5:
            return json.dumps({name: {str(random.randrange(-2, 10**9)): value} for name, value in ROW.items()}).encode()
        case 6:
            names = list(ROW) * 2
            random.shuffle(names)
            return b"{" + b",".join(json.dumps(name).encode() + b":" + json.dumps(ROW[name]).encode() for name in names) + b"}"
        case 7:
            return json.dumps({**ROW, "k" * random.choice([10, 1000, 100_000]): 1}).encode()
        case _:
            return json.dumps({"rows": [ROW] * random.choice([0, 1, 300]), random.choice(["extra", "columns"]): 1}).encode()


def anything(random: Random, depth: int) -> Any:
    """A JSON value."""
    if depth and random.random() < 0.5:
        if random.random() < 0.5:
            return [anything(random, depth - 1) for _ in range(random.randrange(4))]
        names = [*ROW, "rows", "columns", "", "a\x00b", "\ud800", "é"]
        return {random.choice(names): anything(random, depth - 1) for _ in range(random.randrange(4))}
    return random.choice([None, True, False, 0, -1, 1.5, 2**63, -(2**70), 1e308, "", "x", "de", "\ud83d", "2026-11-21", "é" * 40])


def coded(random: Random, body: bytes) -> tuple[str, bytes]:
    """(Content-Encoding, body): compressed, damaged, or not at all what it says."""
    packed = gzip.compress(body, 1)
    match random.randrange(7):
        case 0:
            return "gzip", packed[: random.randrange(len(packed))]
        case 1:
            at = random.randrange(len(packed))
            return "gzip", packed[:at] + bytes([random.randrange(256)]) + packed[at + 1 :]
        case 2:
            return "gzip", body
        case 3:
            return "gzip", _BOMB
        case 4:
            return "deflate", zlib.compress(body)
        case 5:
            return random.choice(["br", "zstd", "gzip, gzip", "identity", "", "\t", "x" * 500]), body
        case _:
            return "gzip", packed + random.randbytes(9)


#: inflates to more than a body may have
_BOMB = gzip.compress(b" " * (12 << 20), 9)

DATATYPES = ["BOOL", "INT64", "FP64", "FP32", "BYTES", "UINT8", "FP16", "", "bytes", "nonsense"]


def infer(random: Random) -> bytes:
    """A V2 request that is mostly wrong."""
    inputs = []
    for name in ("a", "b", *random.sample(["age", "c", "", "a"], random.randrange(2))):
        shape = random.choice([[1], [1, 1], [-1], [0], [2**40], [2**70], [1] * 50, [], None, [1.5], ["1"]])
        data = random.choice([[1.5], [[1.5]], [None], [], ["x"], {}, None, [10**400], [[1], [2, 3]], [True], 7])
        entry = {"name": name, "shape": shape, "datatype": random.choice(DATATYPES), "data": data}
        if random.random() < 0.3:
            entry["parameters"] = anything(random, 2)
        inputs.append(entry)
    document = {
        "inputs": inputs,
        "id": random.choice(["1", 7, None]),
        "outputs": random.choice([[], None, [{"name": "c"}], [{}], 3]),
    }
    text = json.dumps(document).encode()
    return mutated(random, text) if random.random() < 0.4 else text


def infer_binary(random: Random) -> tuple[str, bytes]:
    """(Inference-Header-Content-Length, body) of a V2 request with binary tensors that don't fit."""
    sizes = [random.choice([0, 8, 7, 16, 2**31, 2**63, -1, 10**30]) for _ in range(2)]
    inputs = [
        {
            "name": name,
            "shape": random.choice([[1], [1, 1], [2], [2**62], [-1], [0]]),
            "datatype": random.choice(DATATYPES),
            "parameters": {"binary_data_size": random.choice([size, str(size), None, 1.5])},
        }
        for name, size in zip("ab", sizes, strict=True)
    ]
    text = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": random.choice([True, 1, "x"])}}).encode()
    length = random.choice(
        [len(text), len(text) - 1, len(text) + 5, 0, -1, 10**20, "x", "", "0x10", " 7", f"{len(text)}.0", "\u0667"]
    )
    tensors = struct.pack("<dd", 1.5, 2.5) if random.random() < 0.5 else random.randbytes(random.randrange(40))
    return str(length), text + tensors
