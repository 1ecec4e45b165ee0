"""The hub's data of persons: schemas, datasets and profiles in the folder data of its home, made when they are first asked for.

One process has them open at a time: the hub, or `rtml ingest` and its like while no hub runs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rtml_core.errors import RtmlError
from rtml_plugins.hub import projecting
from rtml_plugins.hub.ageing import Ageing
from rtml_plugins.hub.errors import Unavailable
from rtml_plugins.hub.feed import Feed
from rtml_plugins.hub.persons import Erased, NotInstalled, Persons
from rtml_plugins.serving.logs import logger
from rtml_plugins.serving.predictions import Predictions
from rtml_plugins.serving.projections import Projection

if TYPE_CHECKING:
    from rtml_core.package import Manifest
    from rtml_plugins.hub.hub import Hub
    from rtml_plugins.profile.home import DataHome
    from rtml_plugins.profile.identity import Identity

_LOG: Final = logger("rtml.hub")
#: stored events over which new aggregates are counted before a publication is answered
_AT_ONCE: Final = 100_000
#: regions of which it is kept what they are told
_REGIONS: Final = 1000


class HubData:
    """The data of persons of one hub, for many threads. folder: where it is; profiles_url: where profiles are, if not there;
    keep_events: days that profiles keep events, None for ever."""

    def __init__(self, folder: Path, hub: Hub, *, profiles_url: str | None = None, keep_events: float | None = None):
        self.folder = folder
        self.feed = Feed()
        self._hub = hub
        self._profiles_url = profiles_url
        self._keep_events = keep_events
        self._ageing: Ageing | None = None
        self._lock = threading.Lock()
        self._opened: Persons | None = None
        self._closed = False
        self._told: dict[str, tuple[int, projecting.Setting]] = {}
        self._telling = threading.Lock()

    # ---- open and closed --------------------------------------------------------------------------------------------------

    @property
    def home(self) -> DataHome:
        """Schemas, datasets and profiles. Raises NotInstalled, Unavailable."""
        return self._open().home

    def open_soon(self) -> None:
        """Open what is there in the background, so that erasures and batches that a crash broke off are ended, and events that
        are too old go, whether or not anybody asks."""
        if self.folder.is_dir():
            threading.Thread(target=self._open_quietly, name="rtml-open-data", daemon=True).start()

    def _open_quietly(self) -> None:
        try:
            self._open()
        except Exception as error:  # who asks for persons is told the same
            if not self._closed:
                _LOG.warning("the data of persons can't be opened yet", reason=str(error))

    def _open(self) -> Persons:
        found = self._opened
        if found is not None:
            return found
        with self._lock:
            if self._opened is None:
                if self._closed:
                    raise Unavailable("the hub is stopping")
                try:
                    self._opened = Persons(self.folder, self._hub, self.feed, self._profiles_url)
                    if self._keep_events is not None:
                        self._ageing = Ageing(self._opened.home.profiles, self._keep_events)
                except NotInstalled:
                    raise
                except (RtmlError, OSError) as error:
                    raise Unavailable(f"the data of persons in {self.folder} can't be opened: {error}") from error
            return self._opened

    def close(self) -> None:
        """Finish what waits and let go of everything; a second time is nothing."""
        with self._lock:
            self._closed = True
            found, self._opened = self._opened, None
            ageing, self._ageing = self._ageing, None
        if ageing is not None:
            ageing.close()
        if found is not None:
            found.close()

    # ---- edges ------------------------------------------------------------------------------------------------------------

    def follow(self, edge: str, region: str, keys: Iterable[str]) -> tuple[str, int]:
        """An edge is told from now on when these identities change: (epoch, cursor) of the feed."""
        self._open()
        self._setting(region)
        return self.feed.follow(edge, region, keys)

    def projected(self, region: str, keys: Iterable[str]) -> list[Projection]:
        """Persons by keys of identities as a region may see them, in the order of the keys. Of who refused personalisation
        nothing else is told."""
        from rtml_plugins.profile.identity import Identity, split_key

        setting = self._setting(region)
        paths = {path: path for path in setting.attributes}
        profiles = self.home.profiles
        found = []
        for key in keys:
            view = profiles.view([Identity(*split_key(key))], paths, setting.aggregates)
            if view is None:
                found.append(Projection(key, ttl=setting.ttl))
                continue
            attributes, states = (view.attributes, view.states) if view.consent else ({}, {})
            one = Projection(key, True, view.person, attributes, states, view.consent, view.version, setting.ttl)
            found.append(one)
        return found

    def _setting(self, region: str) -> projecting.Setting:
        """What edges of a region are told, kept until what they serve changes. When it is something else, they ask anew."""
        revision = self._hub.revision(region)
        kept = self._told.get(region)
        if kept is not None and kept[0] == revision:
            return kept[1]
        with self._hub.database.read() as connection:
            setting = projecting.told(connection, region)
        with self._telling:
            left = next(iter(self._told), "") if region not in self._told and len(self._told) >= _REGIONS else ""
            self._told.pop(left, None)
            self._told[region] = (revision, setting)
        if left:  # it won't be noticed when what they are told becomes something else
            self.feed.renew(left)
        if kept is not None and kept[1] != setting:
            self.feed.renew(region)
        return setting

    def changed(self) -> None:
        """The hub has changed: edges whose services read something else now, or for whose region that was chosen, ask anew."""
        with self._telling:
            regions = list(self._told)
        for region in regions:
            self._setting(region)

    def take(self, edge: str, given: Predictions) -> int:
        """Keep predictions of an edge; the highest number of the run that is kept."""
        return self._open().log.take(edge, given)

    # ---- publishing -------------------------------------------------------------------------------------------------------

    def keep_aggregates(self, manifest: Manifest) -> str:
        """Have the aggregates that the readers of a package ask for kept from now on, with what is known of before; why that
        can't be, in words, or "". Where much is known of before it is counted later, while the hub goes on."""
        wanted = projecting.aggregates_read(manifest)
        if not wanted:
            return ""
        try:
            profiles = self.home.profiles
            known = {one.id for one in profiles.aggregates}
            fresh = [one for one in wanted if one.id not in known]
            if fresh:
                at_once = profiles.store.count().get("events", 0) <= _AT_ONCE
                profiles.aggregates.add(*fresh, backfill=at_once)
                self.feed.renew()
                if not at_once:
                    threading.Thread(target=self._fill, name="rtml-backfill", daemon=True).start()
        except RtmlError as error:
            return f"the aggregates that it reads are not kept: {error}"
        return ""

    def _fill(self) -> None:
        try:
            _LOG.info("aggregates counted over stored events", persons=self.home.profiles.aggregates.fill())
            self.feed.renew()
        except Exception as error:
            _LOG.warning("aggregates can't be counted over stored events", reason=str(error))

    # ---- a person's own ---------------------------------------------------------------------------------------------------

    def erase(self, identity: Identity, actor: str) -> Erased:
        """Erase a person everywhere: profiles, datasets, predictions that wait, what edges hold. Audited under a keyed digest.

        What fails half-way is taken up again when the data is opened next; asking again does the same.
        """
        return self._open().erase([identity.key], actor)
