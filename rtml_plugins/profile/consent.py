"""What persons allow: collecting their events, and personalisation, which scoring is for.

LIGHT: the standard library and msgspec only.

Read from record data: consents.collect.val and consents.personalize.content.val (XDM's Consents and Preferences). The newest
statement of any identity of the person, in any dataset, stands, whatever the merge policy: by the time it was taken in; of one
moment, the refusal. "n" and "dn" (no, no by default) refuse; everything else, and silence, does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from rtml_plugins.profile.merging import value_at
from rtml_plugins.profile.person import Consent, Known

COLLECT: Final = "collect"
PERSONALIZE: Final = "personalize"
PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    COLLECT: ("consents", "collect", "val"),
    PERSONALIZE: ("consents", "personalize", "content", "val"),
}
#: values that refuse (data type Consents and Preferences of XDM, choice-value)
REFUSING: Final = frozenset({"n", "dn"})
#: where statements are kept that came in no record
DATASET: Final = "rtml:consent"


def document(**said: str | None) -> dict[str, Any]:
    """Record data that says something of consent, by purpose; None says nothing."""
    made: dict[str, Any] = {}
    for purpose, value in said.items():
        place = made
        *names, last = PATHS[purpose]
        for name in names if value is not None else ():
            place = place.setdefault(name, {})
        if value is not None:
            place[last] = value
    return made


def take(known: Known, document: Mapping[str, Any], at: int) -> bool:
    """Keep what a record says of consent with an identity; whether it says anything."""
    if "consents" not in document:
        return False
    said = False
    for purpose, path in PATHS.items():
        value = value_at(document, path)
        if isinstance(value, str):
            new, old = Consent(value, at), known.consents.get(purpose)
            if old is None or _weight(new) >= _weight(old):
                known.consents = {**known.consents, purpose: new}
            said = True
    return said


def _weight(said: Consent) -> tuple[int, bool, str]:
    return said.at, said.value in REFUSING, said.value


def stated(known: Iterable[Known]) -> dict[str, str]:
    """What stands for a person, by purpose."""
    stands: dict[str, Consent] = {}
    for one in known:
        for purpose, said in one.consents.items():
            if purpose not in stands or _weight(said) > _weight(stands[purpose]):
                stands[purpose] = said
    return {purpose: said.value for purpose, said in sorted(stands.items())}


def allows(known: Iterable[Known], purpose: str) -> bool:
    """Whether a person allows a purpose."""
    newest: Consent | None = None
    for one in known:
        if one.consents:
            said = one.consents.get(purpose)
            if said is not None and (newest is None or _weight(said) > _weight(newest)):
                newest = said
    return newest is None or newest.value not in REFUSING
