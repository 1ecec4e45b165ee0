"""Events as a shop's pages send them, and documents as nobody should: made from a seed, so that every run sees the same."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator
from typing import Any

_PAGES = ("home", "category", "product", "search", "cart", "checkout", "order", "blog", "account", "help")
_CITIES = (
    ("london", "lnd", "UK"),
    ("bath", "bas", "UK"),
    ("münchen", "by", "DE"),
    ("são paulo", "sp", "BR"),
    ("東京", "13", "JP"),
)
_AGENTS = ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)", "Mozilla/5.0 (Windows NT 10.0; Win64; x64)")


def events(count: int, seed: int = 7) -> list[dict[str, Any]]:
    """ExperienceEvents of 1 to 3 kB as JSON text, nested up to six levels, each with its own choice of some ninety fields."""
    draw = random.Random(seed)
    return [_event(draw, number) for number in range(count)]


def _event(draw: random.Random, number: int) -> dict[str, Any]:
    page = draw.choice(_PAGES)
    url = f"https://shop.example/content/shop/en/{page}/{draw.randrange(10**6)}.html"
    city, state, country = draw.choice(_CITIES)
    when = f"2026-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}T{draw.randrange(24):02}:{draw.randrange(60):02}:00"
    items = [_item(draw) for _ in range(draw.choice((0, 0, 0, 1, 1, 2, 5)))]
    event: dict[str, Any] = {
        "_id": f"{number:08X}-{draw.getrandbits(64):016X}",
        "timestamp": when + draw.choice(("Z", "Z", "+01:00", "+13:00")),
        "productListItems": items,
        "identityMap": {"ECID": [{"id": str(draw.getrandbits(120)), "primary": True}]},
        "endUserIDs": _identities(draw),
        "web": {
            "webPageDetails": {"name": f"shop: {page}", "URL": url, "isHomePage": page == "home", "pageViews": {"value": 1.0}},
            "webReferrer": {"type": draw.choice(("internal", "search", "typed_bookmarked"))},
        },
        "placeContext": {
            "geo": {
                "city": city,
                "stateProvince": state,
                "countryCode": country,
                "postalCode": f"{draw.randrange(10**5):05}",
                "_schema": {"latitude": round(draw.uniform(-60, 60), 6), "longitude": round(draw.uniform(-180, 180), 6)},
            }
        },
        "environment": _environment(draw),
        "_experience": {"analytics": _analytics(draw, url, page)},
        "device": {"screenWidth": float(draw.choice((375, 1280, 1680))), "screenHeight": 1050.0, "colorDepth": 24.0},
    }
    if page in ("cart", "checkout", "order"):
        total = round(sum(item["priceTotal"] for item in items), 2)
        event["commerce"] = {f"{page}s": {"value": 1.0}, "order": {"currencyCode": "USD", "priceTotal": total}}
    if draw.random() < 0.2:
        event["marketing"] = {"trackingCode": "spring", "campaign": {"name": "spring sale", "channel": "email"}}
    if draw.random() < 0.3:
        event["search"] = {"isPaid": draw.random() < 0.5, "keywords": draw.choice(("yoga mat", "shoes", "1.10"))}
    return event


def _item(draw: random.Random) -> dict[str, Any]:
    return {
        "SKU": f"{draw.randrange(10**4):04}",
        "name": "harmony strength band kit",
        "quantity": draw.randint(1, 3),
        "priceTotal": round(draw.uniform(1, 200), 2),
    }


def _identities(draw: random.Random) -> dict[str, Any]:
    return {
        "_experience": {
            "mcid": {"id": str(draw.getrandbits(120)), "namespace": {"code": "ECID"}, "primary": True},
            "aaid": {"id": f"{draw.getrandbits(64):X}", "namespace": {"code": "AAID"}, "primary": False},
        }
    }


def _environment(draw: random.Random) -> dict[str, Any]:
    browser = {
        "userAgent": f"{draw.choice(_AGENTS)} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
        "acceptLanguage": draw.choice(("en-gb", "de", "pt-br")),
        "javaScriptEnabled": True,
        "javaScriptVersion": "1.6",
        "cookiesEnabled": draw.random() < 0.9,
        "javaEnabled": False,
        "viewportWidth": float(draw.randint(300, 2000)),
        "viewportHeight": float(draw.randint(300, 1200)),
    }
    return {"browserDetails": browser, "ipV4": f"203.0.113.{draw.randrange(256)}", "operatingSystem": "unknown"}


def _analytics(draw: random.Random, url: str, page: str) -> dict[str, Any]:
    began = 1_700_000_000_000 + draw.randrange(10**10)
    chosen = {f"eVar{at}": draw.choice((url, page, "unknown site section")) for at in draw.sample(range(1, 25), 6)}
    return {
        "endUser": {
            "firstTimestamp": began,
            "firstWeb": {"webPageDetails": {"name": "shop: home", "URL": "https://shop.example/"}, "webReferrer": {"type": "6"}},
        },
        "environment": {"browserID": draw.randint(-(2**31), 2**31), "operatingSystemID": draw.randint(-(2**31), 2**31)},
        "customDimensions": {
            "postalCode": "::hash::0",
            "eVars": chosen,
            "props": {"prop59": "pv", "prop75": "2.9.0|3.3.0|1.5.0"},
        },
        "session": {
            "timestamp": began,
            "num": draw.randint(1, 30),
            "depth": draw.randint(1, 60),
            "web": {"webReferrer": {"type": "typed_bookmarked"}},
            "search": {"isPaid": False, "pageDepth": 0},
        },
    }


# ---- odd and hostile ----------------------------------------------------------------------------------------------

_KEYS = ("", "a", "b", "a.b", "a[0]", "[0]", "0", "-1", "~", "~_", ".", "@id", "xdm:a", "http://x.y/z", '"', "\\", "\0", "\ud800")
_TEXTS = (
    *("", "02134", "1.10", "true", "null", "NaN", "2018-11-12T10:00:00+13:00"),
    *("\0", "\ufdd0", "ü", "\U0001d4b3", "\u2028", "a" * 300, "\udc00"),
)
_NUMBERS = (0, -1, 2**53 + 1, 2**63, -(2**63), 94 * 10**20, 10**400, 1.0, -0.0, 1e308, 5e-324, 0.1, True, False, None)


def odd(draw: random.Random, deep: int = 6) -> Any:
    """A value of JSON of any kind: odd keys, mixed arrays, huge numbers, texts that look like others."""
    kind = draw.randrange(8) if deep else draw.randrange(3)
    if kind == 0:
        return draw.choice(_NUMBERS)
    if kind == 1:
        return draw.choice((draw.uniform(-1e9, 1e9), draw.getrandbits(draw.choice((8, 40, 70, 200))), draw.randint(-9, 9)))
    if kind == 2:
        return draw.choice((draw.choice(_TEXTS), "".join(draw.choices(string.printable, k=draw.randrange(9)))))
    size = draw.choice((0, 1, 1, 2, 3, 5))
    if kind in (3, 4):
        return [odd(draw, deep - 1) for _ in range(size)]
    return {draw.choice((draw.choice(_KEYS), chr(draw.randrange(32, 0xD7FF)))): odd(draw, deep - 1) for _ in range(size)}


def hostile(count: int, seed: int = 11) -> Iterator[bytes]:
    """Texts: documents, nearly documents, and none. Two in three are JSON; one in three is broken in one of the ways below."""
    draw = random.Random(seed)
    for _ in range(count):
        document = {draw.choice(_KEYS): odd(draw) for _ in range(draw.randrange(5))}
        text = json.dumps(document, ensure_ascii=draw.random() < 0.5, separators=draw.choice(((",", ":"), (", ", ": "))))
        body = text.encode("utf-8", "surrogatepass")
        yield body if draw.random() < 0.67 else draw.choice(_BROKEN)(draw, body)


def _nested(draw: random.Random, body: bytes) -> bytes:
    levels = draw.choice((10, 99, 150, 190, 199, 201, 500, 990, 5_000, 100_000))
    opened, closed = draw.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")))
    return b'{"a":' + opened * levels + b"1" + closed * levels + b"}"


def _huge(draw: random.Random, body: bytes) -> bytes:
    return draw.choice(
        (
            lambda: b'{"a":' + b"9" * draw.choice((400, 4_300, 4_301, 50_000)) + b"}",
            lambda: b'{"a":1e' + b"9" * draw.choice((2, 3, 30)) + b"}",
            lambda: b'{"a":"' + b"x" * 200_000 + b'"}',
            lambda: json.dumps({f"k{number}": number for number in range(500)}).encode(),
            lambda: json.dumps({"a": list(range(20_000))}).encode(),
        )
    )()


def _flipped(draw: random.Random, body: bytes) -> bytes:
    changed = bytearray(body)
    for _ in range(draw.randint(1, 3)):
        if changed:
            changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def _encoded(body: bytes, encoding: str) -> bytes:
    return body.decode("utf-8", "surrogatepass").encode(encoding, "replace")


_BROKEN = (
    _nested,
    _huge,
    _flipped,
    _flipped,
    _flipped,
    lambda draw, body: body[: draw.randrange(len(body) + 1)],
    lambda draw, body: body + draw.choice((b" ", b"x", b"{}", b"\0")),
    lambda draw, body: b'{"a":1,' + body[1:] if len(body) > 2 else b'{"a":1,"a":2}',
    lambda draw, body: b'{"a":{"b":1,"b":' + body + b"}}",
    lambda draw, body: draw.choice((b'{"a":NaN}', b'{"a":-Infinity}', b'{"a":01}', b"{'a':1}", b"", b" ", b"null", b"[]")),
    lambda draw, body: _encoded(body, draw.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7"))),
    lambda draw, body: b'{"a":"\\ud800"}' if draw.random() < 0.5 else b'{"\\udfff":"\\u0000"}',
)
