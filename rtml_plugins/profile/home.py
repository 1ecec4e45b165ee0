"""The data of persons on one machine: schemas, datasets and profiles in one folder, open in one process at a time.

<folder>/schemas/*.schema.json   schemas beside those that ship with rtml
<folder>/datasets/               checked records (rtml_plugins.xdm.datasets)
<folder>/profiles.db             profiles, unless they are in another store
<folder>/data.lock               held by the process that has it open
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from rtml_plugins.profile.identity import Identity
from rtml_plugins.profile.joining import Joining
from rtml_plugins.profile.profiles import Profiles
from rtml_plugins.profile.records import Erased
from rtml_plugins.profile.store import open_store
from rtml_plugins.profile.taking import Taker
from rtml_plugins.xdm.datasets import Datasets, Listed
from rtml_plugins.xdm.datasets_catalog import Committed, Info
from rtml_plugins.xdm.datasets_folder import FolderLock, default_data
from rtml_plugins.xdm.schema import Schemas, builtin, load, short_name
from rtml_plugins.xdm.sources import read

__all__ = ["DataHome", "default_data", "open_home"]

#: batches of one mark: a mark counts to 2^24
_OF_ONE_MARK: Final = 1 << 23


def open_home(folder: Path | str, profiles_url: str | None = None, *, schemas: Sequence[Path | str] = ()) -> DataHome:
    """Open the data in a folder, made when it is not there, for this process alone; what a crash left half-done is finished.

    profiles_url: the store of profiles; SQLite in the folder when it is None. schemas: files, folders and bundles to be taken in
    for good. Raises DatasetError when another process has it, and what schemas, datasets and stores raise.
    """
    place = Path(folder)
    lock = FolderLock(place)
    opened: list[Any] = [lock]
    try:
        datasets = Datasets(place / "datasets")
        opened.append(datasets)
        profiles = Profiles(open_store(profiles_url or f"sqlite:///{(place / 'profiles.db').absolute()}"))
        opened.append(profiles)
        home = DataHome(place, lock, datasets, profiles)
        for path in schemas:
            home.add_schemas([found.document for found in read(Path(path))])
        home.apply_pending()
        return home
    except BaseException:
        for one in reversed(opened):
            one.close()
        raise


class DataHome:
    """What open_home() opens. schemas: all that are known; datasets; profiles; joining: takes small inputs. Usable from several
    threads; close() it."""

    def __init__(self, folder: Path, lock: FolderLock, datasets: Datasets, profiles: Profiles) -> None:
        self.folder = folder
        self.datasets = datasets
        self.profiles = profiles
        self._lock = lock
        #: held while batches go from datasets into profiles, so that they do in their order
        self._applying = threading.RLock()
        self.joining = Joining(self)
        self._kept = folder / "schemas"
        self.schemas = self._load()
        self._takers: dict[str, Taker] = {}

    # ---- schemas -------------------------------------------------------------------------------------------------

    def _load(self) -> Schemas:
        return builtin() | load(self._kept) if any(self._kept.glob("*.json")) else builtin()

    def add_schemas(self, documents: Iterable[Mapping[str, Any]]) -> list[str]:
        """Keep schemas and identity descriptors; their $ids. One whose $id is known takes the place of the older one.

        Raises SchemaError, and then nothing has changed.
        """
        given = list(documents)
        tried = Schemas()
        ids = [tried.add(document) for document in given]
        known = builtin()
        fresh = [(id, document) for id, document in zip(ids, given, strict=True) if id not in known or known.raw(id) != document]
        for id, document in fresh:
            if id in known:
                known.add(document)  # raises: what ships with rtml is not replaced
        self._kept.mkdir(mode=0o700, exist_ok=True)
        for id, document in fresh:
            content = msgspec.json.format(msgspec.json.encode(document), indent=1)
            named = "$id" in document
            about = hashlib.sha256(id.encode() if named else content).hexdigest()[:12]
            file = self._kept / f"{_plain(short_name(id))}-{about}.{'schema' if named else 'descriptors'}.json"
            unfinished = file.with_name(f".{file.name}.part")
            unfinished.write_bytes(content)
            unfinished.replace(file)
        if fresh:
            self.schemas = self._load()
            self._takers = {}
        return ids

    def taker(self, schema: str) -> Taker:
        """What checks and reads records of a schema, compiled once. Raises SchemaError for one that is not known."""
        found = self._takers.get(schema)
        if found is None:
            found = self._takers[schema] = Taker(self.schemas.get(schema))
        return found

    # ---- datasets into profiles ----------------------------------------------------------------------------------

    def apply_pending(self, name: str | None = None) -> None:
        """Apply the batches that profiles do not have yet, of a dataset or of all.

        A batch is applied once, however often its process dies on the way: what of it was applied is marked in the store.
        """
        with self._applying:
            for info in [self.datasets.get(name)] if name is not None else self.datasets.catalog.datasets():
                if not info.profile:
                    continue
                for batch in self.datasets.catalog.batches(info.uid, self._applied(info)):
                    self._apply(info, batch)

    def follow(self, name: str) -> None:
        """Apply what is pending of a dataset, and make few parts of its many small ones."""
        with self._applying:
            if self.datasets.get(name).profile:
                self.apply_pending(name)
            self.compact(name)

    def compact(self, name: str) -> None:
        """Make few parts of the many small ones of a dataset, as far as profiles have them; not while a batch is open."""
        with self._applying:
            info = self.datasets.get(name)
            applied = self._applied(info)
            self.datasets.compact(name, through=applied if info.profile or applied else None, wait=False)

    def _applied(self, info: Info) -> int:
        """The number of the last batch that profiles have."""
        last = self.datasets.catalog.last_batch(info.uid)
        for era in range(last // _OF_ONE_MARK, -1, -1):
            found = self.profiles.marked(_mark(info, era))
            if found:
                return era * _OF_ONE_MARK + found - 1
        return 0

    def _apply(self, info: Info, batch: Committed) -> None:
        taker = self.taker(info.schema)
        era, number = divmod(batch.number, _OF_ONE_MARK)
        rows = self.datasets.batch(info.name, batch)
        self.profiles.apply((taker.record(info.name, row) for row in rows), (_mark(info, era), number + 1))

    # ---- persons -------------------------------------------------------------------------------------------------

    def erase(self, identity: Identity, actor: str) -> tuple[Erased, int]:
        """Erase a person from datasets and profiles; what was erased from profiles, and how many records from datasets.

        Profiles come last: as long as they know the person, an erasure that was broken off can be asked for again.
        """
        with self._applying:
            self.apply_pending()
            known, _ = self.profiles.identities(identity)
            keys = sorted({identity.key, *(Identity(one.namespace, one.id).key for one in known)})
            records = sum(self.datasets.erase(info.name, keys) for info in self.datasets.catalog.datasets())
            return self.profiles.erase(identity, actor), records

    def delete_dataset(self, name: str) -> Listed:
        """Remove a dataset; what it was. Profiles keep what they have learnt from it."""
        with self._applying:
            return self.datasets.delete(name)

    # ---- end -----------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let go of everything; a second time is nothing."""
        with self._applying:
            self.profiles.close()
            self.datasets.close()
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _mark(info: Info, era: int) -> str:
    return f"dataset:{info.uid}:{era}"


def _plain(name: str) -> str:
    """A name as part of a file's name."""
    return "".join(character if character.isalnum() and character.isascii() else "-" for character in name)[:60] or "schema"
