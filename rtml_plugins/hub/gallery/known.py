"""What pages know of packages without reading their manifests again: a package never changes, so it is looked at once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import msgspec

from rtml_core.errors import describe
from rtml_core.package import Manifest, ParityEntry
from rtml_plugins.hub import reading
from rtml_plugins.hub.errors import NotFound

if TYPE_CHECKING:
    from rtml_plugins.hub.api.context import Context

T = TypeVar("T")
#: packages that are kept in mind
ABOUTS: Final = 10_000
MANIFESTS: Final = 100
#: dtypes of columns for people
WORDS: Final = {
    "float64": "number",
    "float32": "number",
    "int64": "whole number",
    "string": "text",
    "bool": "yes or no",
    "timestamp": "time",
    "timedelta": "duration",
}


@dataclass(frozen=True, slots=True)
class Output:
    """What a package predicts. words: its type for people."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class About:
    """A package in short. operators, plugins: names, in alphabetical order, of those that its graph was authored with; operators
    is empty for packages that do not say. needs: plugins, by name, whose code runs when it scores. portability: in words. nodes:
    of the graph, None where it is not said. metrics: how good the author found the model."""

    package: str
    fields: int
    outputs: tuple[Output, ...]
    operators: tuple[str, ...]
    plugins: tuple[str, ...]
    needs: tuple[str, ...]
    portable: bool
    portability: str
    parity: ParityEntry
    nodes: int | None
    metrics: Mapping[str, float]
    baseline: bool


class _Kept(Generic[T]):
    """The values that were used last, at most `most`, by key; for many threads."""

    def __init__(self, most: int):
        self._most = most
        self._values: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Collection[str]) -> dict[str, T]:
        """Those of the keys that are kept."""
        with self._lock:
            found = {key: self._values[key] for key in keys if key in self._values}
            for key in found:
                self._values.move_to_end(key)
        return found

    def put(self, values: Mapping[str, T]) -> None:
        with self._lock:
            for key, value in values.items():
                self._values[key] = value
                self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)


_abouts: Final = _Kept[About](ABOUTS)
_manifests: Final = _Kept[Manifest](MANIFESTS)


def about(at: Context, package: str) -> About:
    """A package in short. Raises NotFound for one that was never published here."""
    return abouts(at, [package])[package]


def abouts(at: Context, packages: Collection[str]) -> dict[str, About]:
    """Packages in short, by id; those that are not known yet are read with one question. Raises NotFound."""
    wanted = set(packages)
    found = _abouts.get(wanted)
    unknown = wanted - found.keys()
    if unknown:
        with at.hub.database.read() as connection:
            read = {package: _about(package, text) for package, text in reading.manifest_texts(connection, sorted(unknown))}
        _abouts.put(read)
        found |= read
    missing = wanted - found.keys()
    if missing:
        raise NotFound(f"package {describe(min(missing))} was never published here")
    return found


def manifest(at: Context, package: str) -> Manifest:
    """The manifest of a package, kept for some. Raises NotFound."""
    found = _manifests.get([package]).get(package)
    if found is None:
        found = at.hub.manifest(package)
        _manifests.put({package: found})
    return found


def _about(package: str, text: str) -> About:
    read = msgspec.json.decode(text, type=Manifest)
    nodes = () if read.explain is None else read.explain.nodes
    return About(
        package=package,
        fields=len(read.fields),
        outputs=tuple(Output(one.name, WORDS.get(one.dtype, one.dtype)) for one in read.outputs),
        operators=tuple(sorted({node.operator.partition(" ")[0] for node in nodes})),  # "Pandas fillna" is Pandas
        plugins=tuple(sorted({plugin.name for plugin in read.plugins} | {node.plugin for node in nodes if node.plugin})),
        needs=tuple(sorted({op.plugin for op in read.foreign if op.plugin})),
        portable=read.portable,
        portability=read.portability,
        parity=read.parity,
        nodes=None if read.explain is None else len(nodes),
        metrics=read.metrics,
        baseline=read.baseline is not None,
    )
