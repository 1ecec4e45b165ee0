"""The one way of records into the house: read, checked, kept in a dataset as one batch, applied to profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import msgspec

from rtml_core.errors import describe
from rtml_plugins.profile.identity import Identity
from rtml_plugins.xdm.datasets import as_line, now_us
from rtml_plugins.xdm.datasets_batch import Appended, Incoming
from rtml_plugins.xdm.datasets_folder import DatasetError
from rtml_plugins.xdm.errors import SpellingError
from rtml_plugins.xdm.reading import Format, Read, read_records
from rtml_plugins.xdm.reading_json import Problem

if TYPE_CHECKING:
    from rtml_plugins.profile.home import DataHome
    from rtml_plugins.profile.taking import Taker
    from rtml_plugins.xdm.datasets_catalog import Info

#: share of refused records up to which the others are taken
THRESHOLD: Final = 0.1
#: refused records that an answer names; a file gets all
TOLD: Final = 1000
_AT_ONCE: Final = 1000


class Refused(msgspec.Struct, frozen=True, omit_defaults=True):
    """A record that was refused. record: its number in the input, from 1; line: where it begins, 0 where there are no lines; id:
    its `_id`, "" when it has none; problems: pointer, keyword and sentence of each."""

    record: int
    line: int
    id: str
    problems: tuple[Problem, ...]


class Collected(msgspec.Struct):
    """What became of an input.

    taken: False when more than the threshold was refused and nothing was taken. read = accepted + duplicates + withheld +
    refused_count. accepted: records that are in the dataset now; duplicates: that were there before; withheld:
    events of persons who refused that they are collected; refused: the first ones. batch: the number of the batch in the dataset,
    0 when nothing is new. nameless: accepted records without an identity, which are in no profile.
    """

    dataset: str
    schema: str
    taken: bool = True
    read: int = 0
    accepted: int = 0
    duplicates: int = 0
    withheld: int = 0
    refused_count: int = 0
    refused: list[Refused] = []
    batch: int = 0
    nameless: int = 0
    profiles: bool = True

    def is_within(self, threshold: float) -> bool:
        """Whether no larger share than this was refused."""
        return self.refused_count <= threshold * self.read + 1e-6  # 0.29 of 100 is 29


RefusedFiles = Callable[["Read", Refused], None]
Progress = Callable[[Collected], None]


class Collector:
    """Takes inputs into a home; usable from several threads."""

    def __init__(self, home: DataHome, *, clock: Callable[[], int] = now_us) -> None:
        self._home = home
        self._clock = clock

    def collect(
        self,
        source: IO[bytes] | Path | str | bytes,
        schema: str,
        dataset: str,
        *,
        format: Format | None = None,
        threshold: float = THRESHOLD,
        refused_to: Path | str | None = None,
        profile: bool | None = None,
        progress: Progress | None = None,
    ) -> Collected:
        """Take the records of an input, all of them or none; the dataset is made when it is not there. An input of fewer than a
        thousand records shares its batch with others that come at the same time, a larger one is a batch of its own.

        schema: $id, short name or title. threshold: share of refused records; when more are refused, nothing is taken.
        refused_to: the refused records, as JSON lines that can be taken again when they are mended; beside it FILE.reasons.jsonl,
        line by line. profile: whether profiles are built from the dataset; None: as it is, True for a new one. progress: called
        now and then.

        Raises ReadingError, SchemaError and DatasetError, and then nothing was taken.
        """
        taker = self._home.taker(schema)
        info = self._dataset(dataset, taker, profile)
        done = Collected(dataset, taker.schema.id, profiles=info.profile)
        with refused_files(refused_to) as keep:
            intake = _Intake(self._home, taker, done, keep, self._clock())
            records = read_records(source, format)
            chunk = list(islice(records, _AT_ONCE))
            if len(chunk) < _AT_ONCE:
                trouble = self._joined(info, intake, chunk, threshold)
            else:
                trouble = None
                self._alone(info, intake, chain([chunk], _chunks(records)), threshold, progress)
        if trouble is not None:
            raise trouble
        if done.batch and len(chunk) == _AT_ONCE:
            self._home.follow(dataset)
        return done

    def _joined(self, info: Info, intake: _Intake, chunk: Sequence[Read], threshold: float) -> BaseException | None:
        """Take a small input, in one batch with others that come now; why profiles do not have it, when they do not."""
        done = intake.done
        held = intake.checked(chunk)
        done.taken = done.is_within(threshold)
        if held and done.taken:
            joined = self._home.joining.take(info, held)
            intake.count(joined.fresh)
            done.batch = joined.batch if any(joined.fresh) else 0
            return joined.trouble
        done.accepted = len(held)
        return None

    def _alone(
        self, info: Info, intake: _Intake, chunks: Iterable[Sequence[Read]], threshold: float, progress: Progress | None
    ) -> None:
        """Take an input of any size as a batch of its own."""
        done = intake.done
        with self._home.datasets.begin(info.name) as batch:
            for chunk in chunks:
                intake.count(batch.add(intake.checked(chunk)))
                if progress is not None:
                    progress(done)
            done.taken = done.is_within(threshold)
            if done.taken:
                kept: Appended = batch.commit()
                done.batch = kept.batch

    def _dataset(self, name: str, taker: Taker, profile: bool | None) -> Info:
        datasets = self._home.datasets
        info = datasets.find(name)
        if info is None:
            try:
                return datasets.create(name, taker.schema.id, taker.kind, profile=profile is not False)
            except DatasetError:
                info = datasets.find(name)
                if info is None:  # else another thread made it in between
                    raise
        if info.schema != taker.schema.id and not datasets.reuse(info, taker.schema.id, taker.kind):
            raise DatasetError(
                f"dataset '{name}' holds records of the schema {info.schema}, not of {taker.schema.id}: name another dataset, or"
                f" its schema"
            )
        if profile is not None and profile != info.profile:
            datasets.set_profile(name, profile)
            info = datasets.get(name)
            self._home.apply_pending(name)
        return info


class _Intake:
    """Records on their way into a batch, and what became of them."""

    def __init__(self, home: DataHome, taker: Taker, done: Collected, keep: RefusedFiles, now: int) -> None:
        self.done = done
        self._home = home
        self._taker = taker
        self._keep = keep
        self._now = now
        self._asks = done.profiles and taker.kind == "event"

    def checked(self, chunk: Sequence[Read]) -> list[Incoming]:
        """Those of the records that can be taken."""
        done = self.done
        done.read += len(chunk)
        held: list[Incoming] = []
        persons: list[Sequence[Identity]] = []
        for read in chunk:
            found = self._read(read)
            if isinstance(found, tuple):
                held.append(found[0])
                persons.append(found[1])
            else:
                self._refuse(read, found)
        if self._asks:
            allowed = self._home.profiles.may_collect_each(persons)
            kept = [record for record, may in zip(held, allowed, strict=True) if may]
            done.withheld += len(held) - len(kept)
            held = kept
        done.nameless += sum(not record.identities for record in held)
        return held

    def count(self, fresh: Sequence[bool]) -> None:
        """Some of the records are in the batch now. fresh: which of them are new."""
        new = sum(fresh)
        self.done.accepted += new
        self.done.duplicates += len(fresh) - new

    def _read(self, read: Read) -> tuple[Incoming, Sequence[Identity]] | list[Problem]:
        """The record as it is kept, with its identities, or what is wrong with it."""
        document = read.document
        if document is None:
            return [] if read.problem is None else [read.problem]
        if read.schema is not None and read.schema.rstrip("#") != self._taker.schema.id:
            said = f"the envelope names the schema {describe(read.schema)}; the dataset holds records of {self._taker.schema.id}"
            return [Problem("", "schemaRef", said)]
        problems = self._taker.problems(document, self._now)
        if problems:
            return problems
        try:
            found = self._taker.identities(document)
        except SpellingError as error:
            return [Problem("", "spelling", str(error))]
        return self._taker.incoming(document, read.text, found), found.identities

    def _refuse(self, read: Read, problems: Sequence[Problem]) -> None:
        id = "" if read.document is None else self._taker.id_of(read.document)
        refused = Refused(read.number, read.line, id if isinstance(id, str) else "", tuple(problems))
        self.done.refused_count += 1
        if len(self.done.refused) < TOLD:
            self.done.refused.append(refused)
        self._keep(read, refused)


def _chunks(records: Iterator[Read]) -> Iterator[list[Read]]:
    while chunk := list(islice(records, _AT_ONCE)):
        yield chunk


def reasons_file(path: Path | str) -> Path:
    """Where the reasons for the records of a file of refused records stand."""
    return Path(f"{path}.reasons.jsonl")


class _Files:
    """Keeps refused records and the reasons; the files appear at the end, and only if there is something in them."""

    def __init__(self, path: Path | str) -> None:
        self._files = (Path(path), reasons_file(path))
        self._unfinished = [file.with_name(f".{file.name}.part") for file in self._files]
        self._opened: list[IO[bytes]] = []
        self._encode = msgspec.json.Encoder().encode

    def __call__(self, read: Read, refused: Refused) -> None:
        with self._said():
            if not self._opened:
                self._opened.extend(file.open("wb") for file in self._unfinished)
            self._opened[0].write(as_line(read.raw))
            self._opened[1].write(self._encode(refused) + b"\n")

    def finish(self) -> None:
        with self._said():
            for opened in self._opened:
                opened.close()
            if self._opened:
                for part, file in zip(self._unfinished, self._files, strict=True):
                    part.replace(file)

    def close(self) -> None:
        """Let go of what was not finished."""
        for opened in self._opened:
            opened.close()
        for part in self._unfinished if self._opened else ():
            part.unlink(missing_ok=True)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise DatasetError(f"{self._files[0]}: refused records can't be kept there: {error.strerror or error}") from None


@contextmanager
def refused_files(path: Path | str | None) -> Iterator[RefusedFiles]:
    """A function that keeps a refused record in a file, and the reason in another; or nowhere, without a path."""
    if path is None:
        yield lambda read, refused: None
        return
    files = _Files(path)
    try:
        yield files
        files.finish()
    finally:
        files.close()
