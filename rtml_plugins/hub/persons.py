"""Persons at a hub: what edges predicted of them goes into profiles and datasets, and all of a person goes when it is erased."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_core.errors import RtmlError, listing
from rtml_core.timestamps import format_timestamp
from rtml_plugins.hub import enriching
from rtml_plugins.hub.errors import HubError
from rtml_plugins.hub.predicted import Kept, PredictionLog
from rtml_plugins.profile.store import StoreError
from rtml_plugins.serving.logs import logger

if TYPE_CHECKING:
    from rtml_plugins.hub.feed import Feed
    from rtml_plugins.hub.hub import Hub
    from rtml_plugins.profile.enriching import Enrichment
    from rtml_plugins.profile.records import Changed

_LOG: Final = logger("rtml.hub")
#: what the extra rtml[xdm] installs
_NEEDED: Final = ("jsonschema_rs", "pyarrow")
#: before the name of a service, in the dataset of its predictions; the class of its records
DATASET: Final = "rtml-predictions-"
_LONGEST: Final = 63
#: seconds between tries to empty the logs of the files after an erasure
_AGAIN: Final = 1.0
_SCHEMA: Final = "https://rtml.example/xdm/classes/event"


class NotInstalled(HubError):
    """What this hub is asked for needs a part of rtml that is not installed here."""


def dataset_of(service: str) -> str:
    """The dataset of a service's predictions; of a long name its beginning, with a digest of the whole."""
    name = f"{DATASET}{service}"
    if len(name) <= _LONGEST:
        return name
    digest = sha256(service.encode()).hexdigest()[:12]
    return f"{name[: _LONGEST - 13]}-{digest}"


@dataclass(slots=True)
class Erased:
    """What was erased. found: whether there was something. digest: HMAC-SHA256 of the identity's key, under which the audit log
    tells it. identities, events, fragments: of profiles; records: of datasets, predictions included."""

    found: bool
    digest: str
    identities: int = 0
    events: int = 0
    fragments: int = 0
    records: int = 0


class Persons:
    """The data while it is open."""

    def __init__(self, folder: Path, hub: Hub, feed: Feed, profiles_url: str | None):
        missing = [name for name in _NEEDED if find_spec(name) is None]
        if missing:
            raise NotInstalled(
                f"this hub keeps no data of persons, as {listing(missing)} is not installed where it runs: pip install"
                f" 'rtml[xdm]' there, and start it again"
            )
        from rtml_plugins.profile.home import open_home

        self._hub = hub
        self._feed = feed
        self._closing = threading.Event()
        self.home = open_home(folder, profiles_url)
        try:
            self.home.profiles.on_change(self._changed)
            path = folder / "predictions.db"
            self.log = PredictionLog(path, enrich=self._enrich, keep=self._keep, digests=self._digests)
            try:
                for number, keys, actor in self.log.unfinished():
                    self._erase(number, keys, actor)
            except BaseException:
                self.log.close()
                raise
        except BaseException:
            self.home.close()
            raise

    def _changed(self, changed: Sequence[Changed]) -> None:
        self._feed.changed([key for one in changed for key in one.keys])

    def close(self) -> None:
        self._closing.set()
        try:
            self.log.close()
        finally:
            self.home.close()

    # ---- predictions ------------------------------------------------------------------------------------------------------

    def _writing(self, rows: Sequence[Kept]) -> dict[str, enriching.Writing]:
        with self._hub.database.read() as connection:
            return enriching.writing(connection, sorted({row.prediction.service for row in rows}))

    def _enrich(self, rows: Sequence[Kept]) -> None:
        """Write predictions to profiles, those of services that say where."""
        from rtml_plugins.profile.enriching import Enrichment
        from rtml_plugins.profile.identity import IdentityError, parse

        services = self._writing(rows)
        said = []
        for row in rows:
            one = row.prediction
            writing = services.get(one.service)
            if writing is None or not writing.outputs:
                continue
            try:
                identity = parse(one.identity)[0]  # the others are no news: what links persons are records
            except IdentityError:
                continue
            model, at = writing.packages.get(one.version, ""), format_timestamp(one.at)
            for path, value in enriching.statements(one.service, writing.outputs, one.outputs, model, one.version, at):
                said.append(Enrichment(identity, path, value, one.service, one.at))
        if said:
            self._say(said)

    def _say(self, said: Sequence[Enrichment]) -> None:
        """Write to profiles; what can't be written whatever happens is passed over, so that it holds up nothing else."""
        try:
            self.home.profiles.enrich_many(said)
        except StoreError:
            raise
        except RtmlError as error:
            if len(said) == 1:
                _LOG.warning("a prediction can't be written to a profile", service=said[0].source, reason=str(error))
                return
            for one in said:
                self._say([one])

    def _keep(self, rows: Sequence[Kept]) -> None:
        """Add predictions to the datasets of their services, but for those about persons who refused personalisation."""
        from rtml_plugins.profile.identity import read
        from rtml_plugins.xdm.datasets_batch import Incoming

        services = self._writing(rows)
        by_service: dict[str, list[Incoming]] = {}
        refused: dict[str, bool] = {}
        for row in rows:
            one = row.prediction
            keys = tuple(identity.key for identity in read({"identityMap": one.identity}).identities)
            if any(self._refused(key, refused) for key in keys):
                continue
            writing = services.get(one.service)
            model = "" if writing is None else writing.packages.get(one.version, "")
            text = msgspec.json.encode(document(row, model))
            by_service.setdefault(one.service, []).append(Incoming(text, row.id, one.at, keys))
        datasets = self.home.datasets
        for service, records in by_service.items():
            name = dataset_of(service)
            if datasets.find(name) is None:
                datasets.create(name, _SCHEMA, "event", profile=False)
            datasets.append(name, records)
            datasets.compact(name)

    def _refused(self, key: str, known: dict[str, bool]) -> bool:
        """Whether the person of an identity refused personalisation. known: by identity, of before."""
        from rtml_plugins.profile.identity import Identity, split_key

        found = known.get(key)
        if found is None:
            view = self.home.profiles.view([Identity(*split_key(key))], {})
            found = known[key] = view is not None and not view.consent
        return found

    def _digests(self, identity: Mapping[str, Any]) -> list[str]:
        from rtml_plugins.profile.identity import read

        return self._digest_of([one.key for one in read({"identityMap": identity}).identities])

    def _digest_of(self, keys: Sequence[str]) -> list[str]:
        from rtml_plugins.profile.erasing import digests

        return digests(self.home.profiles.store, keys)

    # ---- a person's own ---------------------------------------------------------------------------------------------------

    def erase(self, keys: Sequence[str], actor: str) -> Erased:
        return self._erase(self.log.begin_erasure(keys, actor), keys, actor)

    def _erase(self, number: int, asked: Sequence[str], actor: str) -> Erased:
        from rtml_plugins.profile.identity import Identity, split_key
        from rtml_plugins.profile.identity import key as make_key

        profiles = self.home.profiles
        identities = [Identity(*split_key(key)) for key in asked]
        keys = set(asked)
        for one in identities:
            keys |= {make_key(known.namespace, known.id) for known in profiles.identities(one)[0]}
        # first what waits, so that nothing of before comes after
        self.log.forget(self._digest_of(sorted(keys)), profiles.clock())
        gone = Erased(found=False, digest=self._digest_of(asked)[0])
        for one in identities:
            of_profiles, records = self.home.erase(one, actor)
            gone.found |= bool(of_profiles.persons or records)
            gone.identities += len(of_profiles.keys)
            gone.events += of_profiles.events
            gone.fragments += of_profiles.fragments
            gone.records += records
            keys |= set(of_profiles.keys)
        self._feed.changed(keys)
        with self._hub.database.write(actor) as change:
            counts = {name: getattr(gone, name) for name in ("identities", "events", "fragments", "records")}
            change.audit("profile.erase", gone.digest[:16], **counts)
        self.log.end_erasure(number)
        if not self._purge():
            threading.Thread(target=self._purge_later, name="rtml-purge", daemon=True).start()
        return gone

    def _purge(self) -> bool:
        """Leave no bytes of who was erased in the logs of the files; whether that could be done."""
        done = [purge() for purge in (self.home.profiles.store.purge, self.log.purge, self.home.datasets.catalog.purge)]
        return all(done)

    def _purge_later(self) -> None:
        """Somebody was reading; at the latest they are emptied when the data is closed."""
        while not self._closing.wait(_AGAIN):
            try:
                if self._purge():
                    return
            except Exception as error:
                if not self._closing.is_set():
                    _LOG.warning("what was erased is not gone from the logs of the files yet", reason=str(error))


def document(row: Kept, model: str) -> dict[str, Any]:
    """A prediction as a record of a dataset. model: id of the package, "" when it is not known any more."""
    one = row.prediction
    about = {
        "service": one.service,
        "version": one.version,
        "model": model,
        "request": one.id,
        "event": one.event,
        "region": row.region,
        "edge": row.edge,
        "values": one.values,
        "outputs": one.outputs,
    }
    return {
        "_id": row.id,
        "timestamp": format_timestamp(one.at),
        "eventType": "rtml.prediction",
        "identityMap": one.identity,
        "_rtml": {"prediction": {name: value for name, value in about.items() if value not in ("", None)}},
    }
