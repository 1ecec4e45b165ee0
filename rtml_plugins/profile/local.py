"""Profiles of this very process, read as an edge reads its projections: for graphs in Python, replays and tests.

LIGHT.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rtml_plugins.profile.aggregates import Aggregate
from rtml_plugins.profile.identity import Identity, split_key
from rtml_plugins.serving.projections import Projection

if TYPE_CHECKING:
    from rtml_plugins.profile.profiles import Profiles


class LocalProfiles:
    """`resources["profiles"]` over Profiles: `runtime.score_request(request, {"profiles": LocalProfiles(profiles)})`.

    Every lookup reads the store, so it is never behind.
    """

    def __init__(self, profiles: Profiles):
        self.profiles = profiles
        self._paths: dict[str, str] = {}
        self._aggregates: set[str] = set()

    def choose(self, paths: Iterable[str], aggregates: Iterable[Aggregate]) -> None:
        """What is read from now on, beside what was: paths in profiles, and aggregates."""
        self._paths |= {path: path for path in paths}
        self._aggregates |= {aggregate.id for aggregate in aggregates}

    def lookup(self, keys: tuple[str, ...], now_us: int, /) -> Projection | None:
        """The person of the identities; the moment is not used, as the profiles know nothing newer than what they took."""
        view = self.profiles.view([Identity(*split_key(key)) for key in keys], self._paths, self._aggregates)
        if view is None:
            return None
        return Projection(
            key=keys[0],
            found=True,
            person=view.person,
            attributes=dict(view.attributes),
            aggregates=dict(view.states),
            consent=view.consent,
            version=view.version,
        )
