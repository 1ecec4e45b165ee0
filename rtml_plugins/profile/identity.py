"""Identities: a namespace and an id, how they are read from documents, and which ids are refused because they name nobody.

LIGHT: the standard library, msgspec and rtml_core.errors only.

Two forms are read: identityMap of XDM, {namespace: [{"id", "authenticatedState", "primary"}]}, and the older
endUserIDs._experience.{mcid, aaid, ...}.{"id", "namespace": {"code"}, "primary"}; and fields that a schema's identity descriptors
name (`Descriptor`). Namespaces are codes ("ECID") or URIs, and compared without case; ids are compared as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from rtml_core.errors import RtmlError, describe, listing

#: identities of one record (a guardrail of the field): a record with more says too much to be about one person
MOST_IN_RECORD: Final = 20
#: characters of an id (the bound of XDM) and of a namespace
LONGEST_ID: Final = 1024
LONGEST_NAMESPACE: Final = 255

#: XDM's authenticatedState, from weak to strong; the first is what is meant when nothing is said
STATES: Final = ("ambiguous", "loggedOut", "authenticated")
_STRONGER: Final = STATES[1:]
#: namespace code of the older form when it gives none
_OLDER: Final[Mapping[str, str]] = {"mcid": "ECID", "aaid": "AAID", "acid": "AACUSTOMID"}

#: what programs write when they have no id, in lower case. Taken as an id, each of them would make one person of thousands.
#: Those of zeros, dashes and blanks alone (0, 0000, 00000000-0000-0000-0000-000000000000, -) are refused as well.
PLACEHOLDERS: Final = frozenset(
    [
        *["null", "(null)", "none", "nil", "undefined", "nan", "n/a", "unknown", "anonymous", "invalid", "true", "false", "-1"],
        *["na", "guest", "test", "{}", "[]", "''", '""', "#"],
        *["not set", "(not set)", "[object object]", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    ]
)
#: what makes no id alone; the last ones are letters that show nothing (fillers of Hangul, a blank of Braille, zero-width ones)
_NOTHING: Final = "0- \u115f\u1160\u2800\u3164\uffa0\u200b\u200c\u200d\u2060\ufeff"
#: one character so many times is what a program or a tester fills in
_REPEATED: Final = 16
_LONGEST_PLACEHOLDER: Final = 40
#: what keys of a namespace begin with, of namespaces that were looked at
_PREFIXES: Final[dict[str, str]] = {}
_MOST_PREFIXES: Final = 1000


class IdentityError(RtmlError):
    """An identity that is none: says where, what was expected and what came."""


class Identity(NamedTuple):
    """One identity of a record. namespace as it was written; state: one of STATES."""

    namespace: str
    id: str
    primary: bool = False
    state: str = STATES[0]

    @property
    def key(self) -> str:
        """What it is known by; two identities are the same when their keys are equal."""
        return key(self.namespace, self.id)

    def __str__(self) -> str:
        return f"{self.namespace}:{self.id}"


class Descriptor(NamedTuple):
    """A field that a schema declares to be an identity (xdm:descriptorIdentity). path: the keys down to it."""

    path: tuple[str, ...]
    namespace: str
    primary: bool = False


def key(namespace: str, id: str) -> str:
    """The key of an identity: namespace in lower case, ":", id; ":" and "%" in a namespace are written %3A and %25."""
    name = namespace.lower()
    if ":" in name or "%" in name:
        name = name.replace("%", "%25").replace(":", "%3A")
    return f"{name}:{id}"


def namespace_key(namespace: str) -> str:
    """A namespace as it stands in keys, before the ":"."""
    return key(namespace, "")[:-1]


def split_key(key: str) -> tuple[str, str]:
    """Namespace (in lower case) and id of a key."""
    name, _, id = key.partition(":")
    return name.replace("%3A", ":").replace("%25", "%"), id


def make(namespace: Any, id: Any, *, primary: bool = False, state: str = STATES[0], at: str = "") -> Identity:
    """An identity that was looked at. at: where it stands, for the message. Raises IdentityError."""
    said = problem(namespace, id)
    if said is not None:
        raise IdentityError(f"{at + ': ' if at else ''}{said}")
    return Identity(namespace, id, primary, state)


def problem(namespace: Any, id: Any) -> str | None:
    """What is wrong with an identity, in one sentence; None when it can be used."""
    said = _wrong_id(id)
    return said if said is not None or _prefix(namespace) is not None else _wrong_namespace(namespace)


def _prefix(namespace: Any) -> str | None:
    """What keys of a namespace begin with; None when it can't be used."""
    if type(namespace) is not str:
        return None
    found = _PREFIXES.get(namespace)
    if found is None and 0 < len(namespace) <= LONGEST_NAMESPACE and namespace.isprintable() and not namespace.isspace():
        found = key(namespace, "")
        if len(_PREFIXES) < _MOST_PREFIXES:
            _PREFIXES[namespace] = found
    return found


def _wrong_namespace(namespace: Any) -> str:
    if isinstance(namespace, str) and len(namespace) > LONGEST_NAMESPACE:
        return f"a namespace has at most {LONGEST_NAMESPACE} characters; this one has {len(namespace)}"
    return f"a namespace is a code such as ECID, or a URI, in printable characters; got {describe(namespace)}"


def _wrong_id(id: Any) -> str | None:
    if type(id) is not str:
        return f"the id of an identity is a string; got {describe(id)}. Write numbers in quotes"
    if len(id) > LONGEST_ID:
        return f"the id of an identity has at most {LONGEST_ID} characters; this one has {len(id)}"
    if is_placeholder(id):
        return f"{describe(id)} is what programs write when they have no id, and would make one person of many. Leave it out"
    if not id.isprintable():
        return f"the id of an identity has printable characters only; got {describe(id)}"
    return None


def is_placeholder(id: str) -> bool:
    """Whether an id is blank, or one of those that stand for no id."""
    if not id.strip(_NOTHING) or id.isspace():
        return True
    if id[0] == id[-1] and len(id) >= _REPEATED and id.count(id[0]) + id.count("-") == len(id):
        return True
    return len(id) <= _LONGEST_PLACEHOLDER and id.strip().lower() in PLACEHOLDERS


class Found(NamedTuple):
    """Identities of a document, by key. refused: pointer and sentence of those that can't be used."""

    by_key: dict[str, Identity]
    refused: list[tuple[str, str]]

    @property
    def identities(self) -> list[Identity]:
        """Each once, in the order of the document."""
        return list(self.by_key.values())

    def add(self, one: Identity) -> None:
        """One more; what is said twice is primary if either says so, and in the stronger of its states."""
        name = key(one.namespace, one.id)
        other = self.by_key.get(name)
        if other is not None and other[2:] != one[2:]:
            state = max(other.state, one.state, key=STATES.index)
            one = Identity(other.namespace, other.id, other.primary or one.primary, state)
        self.by_key[name] = one


def read(document: Mapping[str, Any], descriptors: Sequence[Descriptor] = ()) -> Found:
    """The identities of a record; what can't be used is told, and left out."""
    found = Found({}, [])
    given = document.get("identityMap")
    if given:
        _read_map(given, found)
    older = document.get("endUserIDs")
    if older:
        _read_older(older, found)
    for descriptor in descriptors:
        _read_field(document, descriptor, found)
    return found


def _read_map(given: Any, found: Found) -> None:
    if not isinstance(given, Mapping):
        found.refused.append(("/identityMap", f"identityMap is an object of namespaces; got {describe(given)}"))
        return
    by_key = found.by_key
    for namespace, items in given.items():
        prefix = _prefix(namespace)
        for number, item in enumerate(items if type(items) is list else (items,)):
            if type(item) is not dict:
                said = f'expected a list of identities, {{"{namespace}": [{{"id": "..."}}]}}; got {describe(item)}'
                found.refused.append((f"/identityMap/{_token(namespace)}", said))
                continue
            id: Any = item.get("id")
            wrong = _wrong_id(id)
            if wrong is not None or prefix is None:
                at = f"/identityMap/{_token(namespace)}/{number}/id"
                found.refused.append((at, wrong or _wrong_namespace(namespace)))
                continue
            state = item.get("authenticatedState")
            one = Identity(namespace, id, item.get("primary") is True, state if state in _STRONGER else STATES[0])
            name = prefix + id
            if name in by_key:
                found.add(one)
            else:
                by_key[name] = one


def _read_older(given: Any, found: Found) -> None:
    inner = given.get("_experience") if isinstance(given, Mapping) else None
    if not isinstance(inner, Mapping):
        return
    for name, item in inner.items():
        if not isinstance(item, Mapping) or item.get("id") is None:
            continue
        said_code = item.get("namespace")
        code = said_code.get("code") if isinstance(said_code, Mapping) else None
        namespace = code or _OLDER.get(name) or name
        said = problem(namespace, item["id"])
        if said is not None:
            found.refused.append((f"/endUserIDs/_experience/{_token(name)}", said))
        else:
            found.add(Identity(namespace, item["id"], item.get("primary") is True))


def _read_field(document: Mapping[str, Any], descriptor: Descriptor, found: Found) -> None:
    value: Any = document
    for part in descriptor.path:
        value = value.get(part) if isinstance(value, Mapping) else None
        if value is None:
            return
    for item in value if isinstance(value, list) else (value,):
        said = problem(descriptor.namespace, item)
        if said is not None:
            found.refused.append(("/" + "/".join(map(_token, descriptor.path)), said))
        else:
            found.add(Identity(descriptor.namespace, item, descriptor.primary))


def _token(part: Any) -> str:
    """A key as it stands in a JSON pointer (RFC 6901)."""
    return str(part).replace("~", "~0").replace("/", "~1")


def parse(given: Any) -> list[Identity]:
    """The identities of a request: {"ECID": "38652"}, {"ECID": ["38652", ...]} or XDM's identityMap; the primary ones first.

    Raises IdentityError for one that can't be used, and when there is none: whoever asks means this very identity.
    """
    if not isinstance(given, Mapping) or not given:
        raise IdentityError(f'an identity is an object such as {{"ECID": "38652"}} or XDM\'s identityMap; got {describe(given)}')
    whole: dict[str, list[Any]] = {}
    for namespace, items in given.items():
        listed = items if isinstance(items, list) else [items]
        whole[namespace] = [{"id": item} if not isinstance(item, Mapping) else item for item in listed]
    found = read({"identityMap": whole})
    if found.refused:
        at, said = found.refused[0]
        raise IdentityError(f"{at.removeprefix('/identityMap')}: {said}")
    if not found.by_key:
        raise IdentityError(f'no identity in {describe(given)}: expected at least one id, as in {{"ECID": "38652"}}')
    if len(found.by_key) > MOST_IN_RECORD:
        raise IdentityError(too_many(found.identities))
    return sorted(found.identities, key=lambda one: not one.primary)


def parse_text(text: str) -> Identity:
    """An identity as people type it: NAMESPACE:ID, or a key. Where the namespace is a URI with "://", the id is after the last
    ":".

    Raises IdentityError.
    """
    namespace, colon, id = text.partition(":")
    if id.startswith("//"):
        namespace, colon, id = text.rpartition(":")
    if not colon:
        raise IdentityError(f"an identity is NAMESPACE:ID, e.g. ECID:38652; got {describe(text)}")
    namespace = re.sub("%3a", ":", namespace, flags=re.IGNORECASE).replace("%25", "%")
    return make(namespace, id)


def too_many(identities: Iterable[Identity]) -> str:
    """The sentence for a record with more identities than one may have."""
    known = list(identities)
    spaces = listing(sorted({one.namespace for one in known}), 5)
    return (
        f"a record has at most {MOST_IN_RECORD} identities; this one has {len(known)}, of {spaces}. Keep those of the person that"
        f" it is about"
    )
