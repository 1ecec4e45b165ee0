"""Pages of a person's events: where the next one begins, in the order of time and id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from rtml_core.errors import describe
from rtml_core.timestamps import format_timestamp
from rtml_plugins.hub.api.json_bodies import wrong
from rtml_plugins.serving.problems import Problem

if TYPE_CHECKING:
    from rtml_plugins.profile.identity import Identity
    from rtml_plugins.profile.profiles import Profiles
    from rtml_plugins.profile.records import Event

#: events of one moment among which a page may begin
_OF_ONE_MOMENT: Final = 10_000
#: the place of an event: its time in us, its id, the key of its identity
Place = tuple[int, str, str]


def read(text: str) -> Place:
    """The place that an `after` tells. Raises Problem 422."""
    try:
        return msgspec.json.decode(text, type=tuple[int, str, str])
    except (msgspec.DecodeError, UnicodeError):
        raise wrong("query: after", "what the answer before had as `after`", describe(text)) from None


def further(last: Event, following: Event, descending: bool) -> tuple[str, str]:
    """(next, after) of a page that ends with an event, before the one that follows. They may be of one moment."""
    return format_timestamp(last.at + 1 if descending else following.at), msgspec.json.encode(_place(last)).decode()


def page(
    profiles: Profiles,
    identity: Identity,
    between: tuple[int | None, int | None],
    limit: int,
    descending: bool,
    policy: str | None,
    after: Place | None,
) -> tuple[list[Event], Event | None]:
    """At most `limit` events after a place, and the one that follows. Events of one moment and id, of several identities of the
    person, are told apart by these. Raises Problem 422 for more events of the place's moment than can be passed over."""
    start, end = between
    if after is None:
        found = profiles.events(identity, start, end, limit + 1, descending, policy)
        return found[:limit], found[limit] if len(found) > limit else None
    at = after[0]
    if (start is None or start <= at) and (end is None or at < end):
        same = profiles.events(identity, at, at + 1, _OF_ONE_MOMENT, descending, policy)
        if len(same) == _OF_ONE_MOMENT:
            raise Problem(
                422,
                "too-many-events",
                f"this person has {_OF_ONE_MOMENT:,} events or more of {format_timestamp(at)}: go on from a later time, or export"
                " the person",
            )
        left = _beyond(same, after, descending)
    else:
        left = []
    rest = (start, at if end is None else min(at, end)) if descending else (at + 1 if start is None else max(at + 1, start), end)
    if len(left) <= limit and _holds(rest):
        left += profiles.events(identity, rest[0], rest[1], limit + 1 - len(left), descending, policy)
    return left[:limit], left[limit] if len(left) > limit else None


def _beyond(same: list[Event], after: Place, descending: bool) -> list[Event]:
    """Of events of one moment, in their order, those behind a place; when it is not there any more, those behind where it was."""
    places = [_place(one) for one in same]
    if after in places:
        return same[places.index(after) + 1 :]
    return [one for one in same if (one.id < after[1] if descending else one.id > after[1])]


def _place(event: Event) -> Place:
    return event.at, event.id, event.key


def _holds(between: tuple[int | None, int | None]) -> bool:
    return between[0] is None or between[1] is None or between[0] < between[1]
