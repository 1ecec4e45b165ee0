"""API keys: made, listed, rotated, revoked in the hub's database, and who a request comes from.

Only the digest of a secret is kept. Every change reaches the edges with the next state of their region. Keys with which the hub
itself asks edges are kept here, too: they open nothing at the hub, and are not listed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from rtml_core.client.records import Key, NewKey
from rtml_core.errors import describe, listing
from rtml_plugins.hub import times
from rtml_plugins.hub.database import Change, Database
from rtml_plugins.hub.errors import Conflict, HubError, NotFound
from rtml_plugins.hub.expiry import expiry
from rtml_plugins.hub.tables import api_keys
from rtml_plugins.serving.keys import SCOPES, digest, matches, new_secret
from rtml_plugins.serving.names import check_name
from rtml_plugins.serving.problems import Problem

#: who acts on a hub that asks for no keys
LOCAL: Final = "local"
#: seconds that the old secret goes on after a rotation, unless told otherwise
OVERLAP: Final = 3600.0
_LONGEST_OVERLAP: Final = 90 * 86_400.0
_SECRET: Final = re.compile(r"rtml_([0-9a-f]{12})_[a-z2-7]{52}")
_NOBODY: Final = digest("nobody")
#: scopes that may be limited to services; the others are about the hub as a whole
_LIMITABLE: Final = frozenset({"predict", "publish", "debug"})
#: the scope that may be limited to regions
_REGIONAL: Final = frozenset({"edge"})
#: which scopes allow what a scope is asked for
_INCLUDED_IN: Final = {scope: frozenset({scope, "admin"}) for scope in SCOPES}


class KeyRefused(HubError):
    """A key that can't be made as asked for."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from. key: id of the key, None on an open hub. services, regions: None for all. rate: requests a
    second."""

    name: str
    scopes: frozenset[str]
    key: str | None = None
    services: frozenset[str] | None = None
    rate: float | None = None
    regions: frozenset[str] | None = None

    @classmethod
    def anyone(cls) -> Caller:
        """On a hub that asks for no keys."""
        return cls(LOCAL, frozenset(SCOPES))

    @classmethod
    def nobody(cls) -> Caller:
        """Without a key, where none is asked for."""
        return cls("nobody", frozenset())

    def needs(self, *scopes: str) -> None:
        """Problem 403 unless the key has one of the scopes, or admin."""
        if not any(self.scopes & _INCLUDED_IN[scope] for scope in scopes):
            has = listing(sorted(self.scopes))
            challenge = f'Bearer realm="rtml", error="insufficient_scope", scope="{" ".join(scopes)}"'
            raise Problem(
                403,
                "forbidden",
                f"the key '{self.name}' lacks the scope {' or '.join(scopes)}; it has {has}",
                headers=[("WWW-Authenticate", challenge)],
            )

    def check_service(self, service: str) -> None:
        """Problem 403 unless the key is for this service."""
        if self.services is not None and service not in self.services:
            raise Problem(
                403, "forbidden", f"the key '{self.name}' is not for '{service}' but for {listing(sorted(self.services))}"
            )

    def check_region(self, region: str) -> None:
        """Problem 403 unless the key is for this region."""
        if self.regions is not None and region not in self.regions:
            raise Problem(
                403, "forbidden", f"the key '{self.name}' is not for region '{region}' but for {listing(sorted(self.regions))}"
            )


class Keys:
    """The keys of a hub."""

    def __init__(self, database: Database):
        self._database = database
        self._any = False

    @property
    def surely_asked_for(self) -> bool:
        """Whether it is known without a look at the database that requests need a key."""
        return self._any

    def asked_for(self) -> bool:
        """Whether requests need a key: as soon as one was ever made, so that a key that expires opens nothing."""
        if not self._any:
            with self._database.read() as connection:
                self._any = connection.execute(select(api_keys.c.id).limit(1)).first() is not None
        return self._any

    def authenticate(self, secret: str | None) -> Caller:
        """Who a secret belongs to; Problem 401, with one same sentence for missing, unknown, expired and revoked ones, and for
        the hub's own, which edges get to see."""
        found = _SECRET.fullmatch(secret or "")
        row = None
        if found is not None:
            with self._database.read() as connection:
                row = connection.execute(select(api_keys).where(api_keys.c.id == found[1])).first()
        fits = matches(secret or "", _NOBODY if row is None else row.hash)
        if row is None or not fits or row.edges_only or not is_valid(row, self._database.clock()):
            raise Problem(
                401,
                "unauthorized",
                "a valid API key is needed: send one as Authorization: Bearer rtml_...; whoever runs the hub makes them with"
                " rtml keys create",
                headers=[("WWW-Authenticate", 'Bearer realm="rtml"')],
            )
        return caller_of(row)

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        services: Iterable[str] | None = None,
        expires: str | None = None,
        rate: float | None = None,
        regions: Iterable[str] | None = None,
        actor: str = LOCAL,
        first_is_admin: bool = False,
        edges_only: bool = False,
    ) -> NewKey:
        """A new key with its secret. expires: see expiry. rate: requests a second. regions: those of an edge's key. edges_only:
        one of the hub's own.

        Raises KeyRefused; Conflict for a name that another valid key has and, with first_is_admin, for a first key that would
        lock everybody out.
        """
        wanted = {**_checked(name, scopes, services, rate, regions), "edges_only": edges_only}
        with self._database.write(actor) as change:
            wanted["expires"] = expiry(expires, change.now)
            rows = change.execute(select(api_keys)).fetchall()
            if any(row.name == name and is_valid(row, change.now) for row in rows):
                raise Conflict(f"there is a valid key '{name}' already: choose another name, rotate it or revoke it first")
            if first_is_admin and not rows and "admin" not in msgspec.json.decode(wanted["scopes"]):
                raise Conflict(
                    "from the first key on the hub asks everybody for one, so the first needs the scope admin: make it first"
                )
            made = self._insert(change, wanted)
            change.audit("key.create", name, **_told(made.key))
            change.bump_all()
        return made

    def list(self) -> tuple[Key, ...]:
        """All keys, newest first, those that expired or were revoked, too; not the hub's own, of which the audit log tells."""
        statement = select(api_keys).where(api_keys.c.edges_only.is_(False))
        with self._database.read() as connection:
            rows = connection.execute(statement.order_by(api_keys.c.created.desc(), api_keys.c.id)).fetchall()
        return tuple(_key(row) for row in rows)

    def revoke(self, key: str, *, force: bool = False, actor: str = LOCAL) -> Key:
        """End a key, by its id, now; a revoked one stays as it is. Raises NotFound; Conflict for the last key of scope admin."""
        with self._database.write(actor) as change:
            row = _found(change.connection, key)
            if row.revoked is not None:
                return _key(row)
            if not force and _is_last_admin(change, row):
                raise Conflict(
                    f"'{row.name}' is the last valid key with the scope admin: without it nobody can manage keys over HTTP. Make"
                    f" another first, or force it; then rtml keys create --home DIR, on the hub's machine, makes a new one"
                )
            change.execute(update(api_keys).where(api_keys.c.id == key).values(revoked=change.at))
            change.audit("key.revoke", row.name, id=key)
            change.bump_all()
            return _key(_found(change.connection, key))

    def rotate(self, key: str, *, overlap: float = OVERLAP, actor: str = LOCAL) -> NewKey:
        """A new secret for a key, with a new id; the old one goes on for `overlap` seconds. A limited life starts anew.

        Raises NotFound, KeyRefused, and Conflict for a key that is not valid any more, or is the hub's own.
        """
        if not 0.0 <= overlap <= _LONGEST_OVERLAP:
            raise KeyRefused(f"the overlap is {overlap:g} s: expected 0 to {_LONGEST_OVERLAP:,.0f} (90 days)")
        with self._database.write(actor) as change:
            row = _found(change.connection, key)
            if row.edges_only:
                raise Conflict(
                    f"the key '{row.name}' ({key}) is the hub's own, and nobody else's: revoke it, and the hub makes another one"
                )
            if not is_valid(row, change.now) or row.replaced_by is not None:
                state = "revoked" if row.revoked else "rotated" if row.replaced_by else "expired"
                raise Conflict(f"the key '{row.name}' ({key}) was {state}; make a new one with rtml keys create")
            life = None if row.expires is None else times.seconds(row.expires) - times.seconds(row.created)
            wanted = {name: getattr(row, name) for name in ("name", "scopes", "services", "rate", "regions")}
            wanted["expires"] = None if life is None else times.text(change.now + life)
            made = self._insert(change, wanted)
            until = change.now + overlap
            ends = until if row.expires is None else min(until, times.seconds(row.expires))
            old = {"replaced_by": made.key.id, "expires": times.text(ends)}
            change.execute(update(api_keys).where(api_keys.c.id == key).values(**old))
            change.audit("key.rotate", row.name, id=key, replaced_by=made.key.id, until=old["expires"])
            change.bump_all()
        return made

    def has_admin(self) -> bool:
        """Whether a valid key has the scope admin."""
        with self._database.read() as connection:
            rows = connection.execute(select(api_keys)).fetchall()
        return any(_is_admin(row) and is_valid(row, self._database.clock()) for row in rows)

    @staticmethod
    def _insert(change: Change, wanted: dict[str, Any]) -> NewKey:
        identity, secret = new_secret()
        kept = {
            "id": identity,
            "hash": digest(secret),
            "created": change.at,
            "created_by": change.actor,
            "last_four": secret[-4:],
        }
        change.execute(insert(api_keys).values(**wanted, **kept))
        return NewKey(_key(_found(change.connection, identity)), secret)


def _checked(
    name: str, scopes: Iterable[str], services: Iterable[str] | None, rate: float | None, regions: Iterable[str] | None
) -> dict[str, Any]:
    """The values of a key's row as asked for; raises KeyRefused, NameRefused."""
    if not (1 <= len(name) <= 100 and name.isprintable() and name == name.strip()) or name == LOCAL:
        raise KeyRefused(
            f"{describe(name)} is no name of a key: expected 1 to 100 characters that can be printed, e.g. 'shop front';"
            f" '{LOCAL}' stands for callers without a key"
        )
    asked = set(scopes)
    unknown = asked - set(SCOPES)
    if unknown or not asked:
        got = f"got {describe(sorted(unknown)[0])}" if unknown else "got none"
        raise KeyRefused(f"the scopes of a key are some of {', '.join(SCOPES)}; {got}")
    limited: Sequence[str] | None = None
    if services is not None:
        limited = sorted({check_name(service) for service in services})
        if not limited:
            raise KeyRefused("a key for no service is of no use: name services, or none of them to allow all")
        if asked - _LIMITABLE:
            what = " and ".join(sorted(asked - _LIMITABLE))
            raise KeyRefused(f"the scope {what} is about the whole hub: it can't be limited to services")
    where = None if regions is None else _checked_regions(regions, asked)
    if rate is not None and not (math.isfinite(rate) and 0.001 <= rate <= 1e6):
        raise KeyRefused(f"the rate of a key is {rate:g}: expected 0.001 to 1,000,000 requests a second")
    return {
        "name": name,
        "scopes": msgspec.json.encode([scope for scope in SCOPES if scope in asked]).decode(),
        "services": None if limited is None else msgspec.json.encode(limited).decode(),
        "rate": rate,
        "regions": None if where is None else msgspec.json.encode(where).decode(),
    }


def _checked_regions(regions: Iterable[str], scopes: Collection[str]) -> list[str]:
    where = sorted({check_name(region, "region") for region in regions})
    if not where:
        raise KeyRefused("a key for no region is of no use: name regions, or none of them to allow all")
    if others := set(scopes) - _REGIONAL:
        raise KeyRefused(f"only keys of scope edge can be limited to regions: the scope {' and '.join(sorted(others))} is wider")
    return where


def _found(connection: Connection, key: str) -> Any:
    row = connection.execute(select(api_keys).where(api_keys.c.id == key)).first()
    if row is None:
        listed = select(func.count()).select_from(api_keys).where(api_keys.c.edges_only.is_(False))
        known = connection.execute(listed).scalar_one()
        raise NotFound(f"there is no key with the id {describe(key)}; rtml keys list shows all {known}")
    return row


def caller_of(row: Any) -> Caller:
    """Who has the key of a row of api_keys."""
    services = None if row.services is None else frozenset(msgspec.json.decode(row.services))
    regions = None if row.regions is None else frozenset(msgspec.json.decode(row.regions))
    return Caller(row.name, frozenset(msgspec.json.decode(row.scopes)), row.id, services, row.rate, regions)


def is_valid(row: Any, now: float) -> bool:
    """Whether the key of a row of api_keys may be used at a time, in seconds since 1970."""
    return row.revoked is None and (row.expires is None or times.seconds(row.expires) > now)


def _is_admin(row: Any) -> bool:
    return "admin" in msgspec.json.decode(row.scopes)


def _is_last_admin(change: Change, row: Any) -> bool:
    if not (_is_admin(row) and is_valid(row, change.now)):
        return False
    others = change.execute(select(api_keys).where(api_keys.c.id != row.id)).fetchall()
    return not any(_is_admin(other) and is_valid(other, change.now) for other in others)


def _key(row: Any) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        scopes=tuple(msgspec.json.decode(row.scopes)),
        services=None if row.services is None else tuple(msgspec.json.decode(row.services)),
        created=row.created,
        created_by=row.created_by,
        expires=row.expires,
        revoked=row.revoked,
        rate=row.rate,
        last_four=row.last_four,
        regions=None if row.regions is None else tuple(msgspec.json.decode(row.regions)),
    )


def _told(key: Key) -> dict[str, Any]:
    """What the audit log says of a new key."""
    services = None if key.services is None else list(key.services)
    told = {"id": key.id, "scopes": list(key.scopes), "services": services, "expires": key.expires, "rate": key.rate}
    return told if key.regions is None else {**told, "regions": list(key.regions)}
