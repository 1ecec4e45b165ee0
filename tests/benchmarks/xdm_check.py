"""python -m tests.benchmarks.xdm_check: documents checked a second against a schema, valid ones and refused ones.

Events of about 1.5 kB, made here, decoded beforehand; processor time of one process, the best of several turns. Beside it
json.loads of the same texts, as a measure of the machine.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any, Final

from rtml_plugins.xdm.schema import builtin
from rtml_plugins.xdm.validate import Validator

EVENTS: Final = 5_000
TURNS: Final = 5


def event(rng: random.Random, number: int) -> dict[str, Any]:
    """An order of a few products, with what browsers and collectors add."""
    return {
        "_id": f"{number:032x}",
        "timestamp": f"2026-11-{rng.randint(1, 28):02d}T10:{rng.randint(0, 59):02d}:00.{rng.randint(0, 999):03d}+01:00",
        "eventType": "commerce.purchases",
        "identityMap": {
            "ECID": [{"id": str(rng.getrandbits(120)), "primary": True}],
            "Email": [{"id": f"p{number}@a.example"}],
        },
        "commerce": {"purchases": {"value": 1}, "order": {"purchaseID": str(number), "currencyCode": "EUR", "priceTotal": 99.5}},
        "productListItems": [
            {"SKU": f"SKU-{rng.randint(1, 9999)}", "name": "Canvas shoe, low", "quantity": rng.randint(1, 5), "priceTotal": 19.9}
            for _ in range(5)
        ],
        "web": {
            "webPageDetails": {
                "name": "checkout: thanks",
                "URL": "https://shop.example.com/thanks",
                "pageViews": {"value": 1},
            },
            "webReferrer": {"URL": "https://shop.example.com/checkout/payment", "type": "internal"},
        },
        "placeContext": {"geo": {"countryCode": "CH", "postalCode": "6300", "_schema": {"latitude": 47.2, "longitude": 8.5}}},
        "device": {"type": "desktop", "screenHeight": 1080, "screenWidth": 1920, "colorDepth": 24},
        "environment": {
            "browserDetails": {
                "userAgent": "Mozilla/5.0 (X11)",
                "acceptLanguage": "de-CH,de;q=0.9",
                "viewportWidth": 1300,
            },
            "ipV4": "192.0.2.1",
        },
    }


def best(work: Callable[[Any], Any], values: list[Any]) -> float:
    """Values worked through in a second of processor time, in the best turn."""
    turns = []
    for _ in range(TURNS):
        start = time.process_time()
        for value in values:
            work(value)
        turns.append(time.process_time() - start)
    return len(values) / min(turns)


def main() -> None:
    rng = random.Random(0)
    events = [event(rng, number) for number in range(EVENTS)]
    odd = [{**valid, "timestamp": "yesterday", "evntType": "x"} for valid in events]
    texts = [json.dumps(valid) for valid in events]
    schema = builtin().get("shop-event")
    start = time.process_time()
    validator = Validator(schema)
    compiled = time.process_time() - start
    assert not any(map(validator.check, events))
    assert all(len(validator.check(one)) == 2 for one in odd)
    standard = schema.translator.translate
    size = sum(map(len, texts)) / EVENTS
    print(f"{len(schema.fields())} fields, compiled in {compiled * 1000:.1f} ms; events of {size:.0f} bytes")
    print(f"valid     {best(validator.check, events):10,.0f} documents/s")
    print(f"refused   {best(validator.check, odd):10,.0f} documents/s, each with 2 violations")
    print(f"respelled {best(lambda one: standard(one, 'standard'), events):10,.0f} documents/s")
    print(f"json.loads{best(json.loads, texts):10,.0f} documents/s")


if __name__ == "__main__":
    main()
