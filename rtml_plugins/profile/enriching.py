"""What models say of persons, written into profiles as attributes of a dataset of their own.

LIGHT: the standard library and msgspec only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple

from rtml_core.errors import RtmlError, describe
from rtml_plugins.profile import consent
from rtml_plugins.profile.applying import Writer
from rtml_plugins.profile.erasing import Trail
from rtml_plugins.profile.gathering import Gathering, Prepared
from rtml_plugins.profile.identity import Identity
from rtml_plugins.profile.merging import NOT_ATTRIBUTES, tree_of
from rtml_plugins.profile.records import Record

#: before the name of what enriches, in the dataset that its statements make
PREFIX: Final = "rtml:"
#: enrichments of one commit
_CHUNK: Final = 500

Outcome = Literal["written", "unknown", "refused"]


class EnrichmentError(RtmlError):
    """An enrichment that can't be written: a path that is none, or one that is not for models to say."""


class Enrichment(NamedTuple):
    """One statement. path: keys down to where it stands in the profile; source: who says so; at_us: when."""

    identity: Identity
    path: Sequence[str]
    value: Any
    source: str
    at_us: int


def enrich(writer: Writer, enrichments: Iterable[Enrichment], trail: Trail, *, create: bool) -> list[Outcome]:
    """Write statements, in order. Of one path of one source the newest stands, whichever comes first.

    create: make persons of identities that nobody owns; else, and when the person was erased after the statement was made, the
    answer is "unknown". "refused": the person refused
    personalisation, which scoring is for. Raises EnrichmentError before anything is written.
    """
    wanted = [(one, _prepared(number, one)) for number, one in enumerate(enrichments)]
    outcomes: list[Outcome] = []
    for first in range(0, len(wanted), _CHUNK):
        part = [prepared for _, prepared in wanted[first : first + _CHUNK]]
        outcomes += writer.attempt(lambda part=part: _written(writer, part, trail, create))  # type: ignore[misc]
    return outcomes


def _prepared(number: int, one: Enrichment) -> Prepared:
    path = list(one.path)
    if not path or not all(isinstance(step, str) for step in path):
        raise EnrichmentError(f"an enrichment goes to a path of keys, e.g. _acme.churn.score; got {describe(one.path)}")
    if path[0] in NOT_ATTRIBUTES or path[0] == "consents":
        raise EnrichmentError(
            f"{describe(path[0])} is not for models to say; use a path under your tenant, e.g. _acme.churn.score"
        )
    document: Any = one.value
    for step in reversed(path):
        document = {step: document}
    record = Record("record", PREFIX + one.source, "", one.at_us, one.at_us, document)
    return Prepared(number, record, (one.identity,), (one.identity.key,), 0, (), tree_of(document, one.at_us), names=False)


def _written(writer: Writer, part: Sequence[Prepared], trail: Trail, create: bool) -> list[Outcome] | None:
    gathering = writer.gather({one.keys[0] for one in part})
    outcomes: list[Outcome] = []
    try:
        for one in part:
            outcomes.append(_say(gathering, one, trail, create))
    except BaseException:
        writer.forget(gathering)
        raise
    return outcomes if writer.commit(gathering) else None


def _say(gathering: Gathering, one: Prepared, trail: Trail, create: bool) -> Outcome:
    owner = gathering.owners[one.keys[0]]
    if owner is None:
        erased = trail.erased_at(one.keys[0]) if create else None
        if not create or (erased is not None and erased >= one.record.ingested_us):
            return "unknown"
    if owner is not None and not consent.allows(gathering.people[owner].person.known.values(), consent.PERSONALIZE):
        return "refused"
    gathering.add(one)
    return "written"
