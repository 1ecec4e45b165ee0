"""Events and people of a shop, the same for every run: the number of a record says everything of it."""

from __future__ import annotations

from typing import Final

import msgspec

from rtml_plugins.profile.identity import Identity
from rtml_plugins.profile.records import Record

#: events of a person, on average; every eleventh record is a person's own data
EACH: Final = 10
#: events of a visit, and visits that go on at the same time: half of them are those of new people, half of anybody's
VISIT: Final = 5
AT_ONCE: Final = 50
#: one in so many people gives an email address with an event
KNOWN: Final = 6

AGGREGATES: Final = (
    {"count": {"eventType": "web.webpagedetails.pageViews"}, "window": "30d"},
    {"sum": "commerce.order.priceTotal", "where": {"eventType": "commerce.purchases"}},
    {"recency": {"eventType": "commerce.purchases"}},
)
#: name -> path of what is looked up
ATTRIBUTES: Final = {
    "first": "person.name.firstName",
    "last": "person.name.lastName",
    "born": "person.birthYear",
    "country": "homeAddress.country",
    "city": "homeAddress.city",
    "post": "homeAddress.postalCode",
    "tier": "loyalty.tier",
    "points": "loyalty.points",
    "language": "preferredLanguage",
    "segment": "segment",
}

_BEGIN: Final = 1_735_689_600  # 2025-01-01
_TYPES: Final = (
    ("web.webpagedetails.pageViews",) * 6 + ("commerce.productViews",) * 2 + ("commerce.productListAdds", "commerce.purchases")
)
_CITIES: Final = ("Berlin", "Lyon", "Porto", "Gent", "Malmö", "Graz", "Łódź", "Delft", "Bergen", "Turin")
_MASK: Final = (1 << 64) - 1
_decode = msgspec.json.Decoder().decode


def _mixed(number: int) -> int:
    """64 bits that look random (the finisher of splitmix64)."""
    x = (number + 1) * 0x9E3779B97F4A7C15 & _MASK
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & _MASK
    return x ^ (x >> 31)


def identity(person: int) -> Identity:
    """Of a person by number."""
    return Identity("ECID", f"{_mixed(person + (1 << 40)):020d}{person:018d}")


def record(number: int) -> Record:
    """The record with a number: with number n there are about n / 11 people and 10 n / 11 events."""
    newest, place = divmod(number, EACH + 1)
    seconds, micros = divmod(number * 2_500_000, 1_000_000)
    if place == 0:
        return _person(newest, (_BEGIN + seconds) * 1_000_000 + micros)
    random = _mixed(number)
    person = _visitor(newest * EACH + place - 1)
    day, second = divmod(seconds, 86_400)
    month, day = divmod(day, 28)
    hour, minute = second // 3600, second // 60 % 60
    stamp = f"{2025 + month // 12}-{month % 12 + 1:02}-{day + 1:02}T{hour:02}:{minute:02}:{second % 60:02}.{micros // 1000:03}Z"
    kind = _TYPES[random % len(_TYPES)]
    product, price = random >> 8 & 0xFFF, (random >> 32) % 20_000 / 100
    email = order = ""
    if person % KNOWN == 0 and random & 1:
        email = f',"Email":[{{"id":"p{person}@shop.example","authenticatedState":"authenticated"}}]'
    if kind == _TYPES[-1]:
        order = f',"commerce":{{"order":{{"priceTotal":{price},"currencyCode":"EUR","purchaseID":"{random:016x}"}}}}'
    raw = (
        f'{{"_id":"{random:016x}-{number}","timestamp":"{stamp}","eventType":"{kind}",'
        f'"identityMap":{{"ECID":[{{"id":"{identity(person).id}","primary":true}}]{email}}},'
        f'"web":{{"webPageDetails":{{"URL":"https://shop.example/products/{product}?ref={random >> 50}",'
        f'"name":"product {product}"}},"webReferrer":{{"URL":"https://search.example/?q={random >> 44}"}}}},'
        f'"productListItems":[{{"SKU":"sku-{product:05}","quantity":{1 + (random >> 60)},"priceTotal":{price}}}],'
        f'"device":{{"screenHeight":{600 + (random >> 28 & 0x1FF)},"type":"mobile"}}{order}}}'
    ).encode()
    at = (_BEGIN + seconds) * 1_000_000 + micros
    return Record("event", "web", f"{random:016x}-{number}", at, at, _decode(raw), raw)


def _visitor(event: int) -> int:
    """Whose an event is. Each block of events is of so many visits, whose events come in turns."""
    block, place = divmod(event, VISIT * AT_ONCE)
    visit = place % AT_ONCE
    fresh = VISIT * AT_ONCE // EACH
    if visit < fresh:
        return block * fresh + visit
    return (_mixed(block * AT_ONCE + visit + (1 << 42)) >> 20) % ((block + 1) * fresh)


def _person(person: int, at: int) -> Record:
    random = _mixed(person + (1 << 41))
    raw = (
        f'{{"_id":"person-{person}","identityMap":{{"ECID":[{{"id":"{identity(person).id}","primary":true}}]}},'
        f'"person":{{"name":{{"firstName":"First{random % 997}","lastName":"Last{random >> 10 & 0xFFFF}"}},'
        f'"birthYear":{1940 + (random >> 30) % 65}}},'
        f'"homeAddress":{{"country":"DE","city":"{_CITIES[random % 10]}","postalCode":"{random >> 12 & 0xFFFF:05}"}},'
        f'"loyalty":{{"tier":"{"gold" if random & 1 else "silver"}","points":{random >> 33 & 0xFFFF}}},'
        f'"preferredLanguage":"de-DE","segment":"s{random >> 55}"}}'
    ).encode()
    return Record("record", "crm", f"person-{person}", 0, at, _decode(raw), raw)
