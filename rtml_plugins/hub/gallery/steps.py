"""The authored graph of a package, as its pages show it: read from the archive's JSON, without loading an operator.

So nothing of a package runs here, and graphs of plugins that the hub does not have can be looked at. Format: docs/reference/dsl.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import msgspec

from rtml_core.display.layout import NotDrawn, layers_of
from rtml_core.display.naming import made, taken
from rtml_core.package import FieldEntry, Manifest, OutputEntry, read_archive, sha256

if TYPE_CHECKING:
    from rtml_plugins.hub.api.context import Context

T = TypeVar("T")
#: nodes of a graph that is drawn; a larger one is a table
MOST_NODES: Final = 400
#: bytes of what a node has learned that are kept to be shown and compared; of more only the digest is
MOST_LEARNED: Final = 64 << 10
#: bytes of a parameter that are kept; of a longer one only its size and digest are
MOST_VALUE: Final = 128 << 10
#: packages whose graphs are kept in memory
_KEPT: Final = 64


class _Node(msgspec.Struct):
    id: str
    operator: str
    params: dict[str, msgspec.Raw] = {}
    state: msgspec.Raw = msgspec.Raw(b"null")
    version: str = "1"
    plugin: str | None = None
    distribution: str | None = None

    def values(self) -> dict[str, Any]:
        """The parameters; {"$large": [bytes, SHA-256]} for one that is too long to be shown."""
        return {
            name: msgspec.json.decode(raw) if len(text := bytes(raw)) <= MOST_VALUE else {"$large": [len(text), sha256(text)]}
            for name, raw in self.params.items()
        }


class _Document(msgspec.Struct):
    nodes: list[_Node]
    edges: list[tuple[str, str]] = []
    outputs: dict[str, str] | None = None


@dataclass(frozen=True)
class Column:
    """A column that a node gives. dtype: "" where the package does not say. told: the package can say its values for a row."""

    name: str
    dtype: str = ""
    nullable: bool = False
    told: bool = True


@dataclass(frozen=True)
class Step:
    """A node. key: its own in a picture, which is its id unless two graphs are drawn as one. number: as in errors, "node 5".

    label: "Pandas fillna". release: the plugin's version when the package was made. kind, onnx_nodes: how it was lowered, "" and
    None when the package does not say. learned: what it has learned, None when that is nothing or more than MOST_LEARNED bytes;
    digest: of it, "" for nothing. takes: columns that its parameters name; gives: what it gives and did not get; left_out:
    (columns, why) not told; inner: nodes of a graph inside, as steps whose ids begin with "outer/".
    """

    key: str
    id: str
    number: int
    operator: str
    label: str
    params: Mapping[str, Any]
    version: str = "1"
    plugin: str = ""
    distribution: str = ""
    release: str = ""
    kind: str = ""
    onnx_nodes: int | None = None
    learned: Any = None
    digest: str = ""
    learned_bytes: int = 0
    takes: Sequence[str] = ()
    gives: Sequence[Column] = ()
    left_out: Sequence[tuple[Sequence[str], str]] = ()
    checks: Sequence[str] = ()
    inner: Sequence[Step] = ()

    @property
    def portable(self) -> bool | None:
        """Whether it needs no plugin's code at run time."""
        return self.kind not in ("python", "native") if self.kind else None


@dataclass(frozen=True)
class Drawn:
    """A graph to be drawn. steps: by key, in order of execution; edges: between keys. fields: of the request; outputs: of the
    answer; named: the columns that they are. onnx_nodes: of the whole model."""

    package: str
    steps: Mapping[str, Step]
    edges: Sequence[tuple[str, str]]
    fields: Sequence[FieldEntry] = ()
    outputs: Sequence[OutputEntry] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    onnx_nodes: int = 0

    @property
    def told(self) -> bool:
        """Whether the package says how nodes were lowered."""
        return any(step.kind for step in self.steps.values())

    @cached_property
    def _around(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        before: dict[str, list[str]] = {key: [] for key in self.steps}
        after: dict[str, list[str]] = {key: [] for key in self.steps}
        for first, second in self.edges:
            after[first].append(second)
            before[second].append(first)
        return before, after

    def before(self, key: str) -> list[str]:
        """Keys of the nodes that feed a node, in the order of its inputs."""
        return list(self._around[0].get(key, ()))

    def after(self, key: str) -> list[str]:
        """Keys of the nodes that it feeds."""
        return list(self._around[1].get(key, ()))

    @property
    def starts(self) -> list[str]:
        """Keys of the nodes that nothing feeds."""
        return [key for key in self.steps if not self._around[0][key]]

    @property
    def ends(self) -> list[str]:
        """Keys of the nodes that nothing follows."""
        return [key for key in self.steps if not self._around[1][key]]


class Kept(Generic[T]):
    """What was made of packages, which never change, by a key; the least used of many is forgotten. From many threads at once."""

    def __init__(self, most: int = _KEPT):
        self._most = most
        self._lock = Lock()
        self._kept: OrderedDict[str, T] = OrderedDict()

    def get(self, key: str, make: Callable[[], T]) -> T:
        """What is kept under a key, or what `make` makes now."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return made


_GRAPHS: Final = Kept[Drawn]()


def graph_of(at: Context, package: str) -> Drawn:
    """The graph of a package, by its id. Raises NotFound when there is none, NotDrawn when its graph is damaged or too large."""

    def make() -> Drawn:
        archive = read_archive(at.hub.package(package), f"package {package[:12]}")
        return read(package, archive.graph, archive.manifest)

    return _GRAPHS.get(package, make)


def read(package: str, graph: bytes, manifest: Manifest) -> Drawn:
    """The graph of an archive's graph.json and manifest. Raises NotDrawn."""
    try:
        document = msgspec.json.decode(graph, type=_Document)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotDrawn(f"the graph in package {package[:12]} can't be read: {error}. Build the package again") from None
    if len(document.nodes) > MOST_NODES:
        raise NotDrawn(f"the graph in package {package[:12]} has {len(document.nodes):,} nodes; up to {MOST_NODES} are shown")
    if len({node.id for node in document.nodes}) < len(document.nodes):
        raise NotDrawn(f"the graph in package {package[:12]} has two nodes of one id: the package is damaged. Build it again")
    edges = list(dict.fromkeys(document.edges))
    order = _order([node.id for node in document.nodes], edges, manifest)
    nodes = {node.id: node for node in document.nodes}
    steps: dict[str, Step] = {}
    known: dict[str, dict[str, None]] = {}
    parents: dict[str, list[str]] = {name: [] for name in order}
    for first, second in edges:
        parents[second].append(first)
    about = _About(manifest)
    for number, name in enumerate(order, 1):
        coming = {column: None for parent in parents[name] for column in known[parent]}
        if not parents[name]:
            coming = {entry.name: None for entry in manifest.fields}
        step = _step(nodes[name], name, number, coming, about)
        steps[name] = step
        known[name] = {**coming, **dict.fromkeys(column.name for column in step.gives)}
    return Drawn(
        package, steps, edges, manifest.fields, manifest.outputs, document.outputs or {}, sum(op.count for op in manifest.ops)
    )


def _order(names: list[str], edges: list[tuple[str, str]], manifest: Manifest) -> list[str]:
    """Ids in order of execution: as the package says, where it does."""
    try:
        layers = layers_of(names, edges)
    except NotDrawn as error:
        raise NotDrawn(f"{error}: the package is damaged") from None
    if manifest.explain is not None:
        told = [entry.node for entry in manifest.explain.nodes if entry.node in layers]
        place = {name: number for number, name in enumerate(told)}
        if len(place) == len(names) and all(place[first] < place[second] for first, second in edges):
            return told
    return sorted(names, key=layers.__getitem__)


class _About:
    """What the manifest says, by node."""

    def __init__(self, manifest: Manifest):
        explain = manifest.explain
        self.entries = {} if explain is None else {entry.node: entry for entry in explain.nodes}
        self.releases = {plugin.name: plugin.version for plugin in manifest.plugins}
        self.columns: dict[str, list[Column]] = {}
        self.left_out: dict[str, list[tuple[Sequence[str], str]]] = {}
        self.checks: dict[str, list[str]] = {}
        for column in explain.columns if explain is not None else ():
            self.columns.setdefault(column.node, []).append(Column(column.name, column.dtype, column.nullable))
        for gone in explain.left_out if explain is not None else ():
            self.left_out.setdefault(gone.node, []).append((gone.columns, gone.why))
            self.columns.setdefault(gone.node, []).extend(Column(name, told=False) for name in gone.columns)
        for check in manifest.checks:
            self.checks.setdefault(check.node, []).append(check.message)


def _step(node: _Node, name: str, number: int, coming: Mapping[str, None], about: _About) -> Step:
    entry = about.entries.get(name)
    params = node.values()
    method = params.get("import")
    learned = bytes(node.state)
    small = learned != b"null" and len(learned) <= MOST_LEARNED
    gives = about.columns.get(name) or [Column(one) for one in made(params)]
    if not about.entries and not about.columns:
        gives = [Column(column.name, told=False) for column in gives]
    plugin = (entry.plugin if entry is not None else "") or node.plugin or ""
    return Step(
        key=name,
        id=name,
        number=number,
        operator=node.operator,
        label=f"{node.operator} {method}" if isinstance(method, str) else node.operator,
        params=params,
        version=node.version,
        plugin=plugin,
        distribution=node.distribution or "",
        release=about.releases.get(plugin, ""),
        kind=entry.kind if entry is not None else "",
        onnx_nodes=entry.onnx_nodes if entry is not None else None,
        learned=msgspec.json.decode(learned) if small else None,
        digest="" if learned == b"null" else sha256(learned),
        learned_bytes=0 if learned == b"null" else len(learned),
        takes=taken(params, coming),
        gives=gives,
        left_out=about.left_out.get(name, ()),
        checks=about.checks.get(name, ()),
        inner=_inner(params.get("graph"), name, number, about),
    )


def _inner(graph: Any, outer: str, number: int, about: _About) -> list[Step]:
    """The nodes of a graph inside a node, which the document has as a parameter."""
    try:
        document = msgspec.json.decode(msgspec.json.encode(graph), type=_Document)
    except (msgspec.DecodeError, RecursionError):
        return []
    return [_step(node, f"{outer}/{node.id}", number, {}, about) for node in document.nodes[:MOST_NODES]]
