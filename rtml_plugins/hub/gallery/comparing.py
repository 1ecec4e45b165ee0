"""Two versions side by side: figures, signature, training data, graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rtml_core.baseline import BaselineEntry, ColumnBaseline
from rtml_core.client.records import Version
from rtml_core.display.wording import count, number, shown, size
from rtml_core.package import Manifest
from rtml_plugins.hub import signatures
from rtml_plugins.hub.gallery import differences, known
from rtml_plugins.hub.gallery.rendering import percent
from rtml_plugins.hub.gallery.steps import Kept, graph_of

if TYPE_CHECKING:
    from rtml_plugins.hub.api.context import Context

#: figures of which it is known what is better; of all others nothing is said
_MORE: Final = frozenset(
    {"accuracy", "balanced_accuracy", "auc", "roc_auc", "auroc", "pr_auc", "average_precision", "f1", "precision", "recall", "r2"}
    | {"gini", "lift", "spearman", "pearson"}
)
_LESS: Final = frozenset(
    {"log_loss", "logloss", "cross_entropy", "brier", "brier_score", "mae", "mse", "rmse", "rmsle", "mape", "smape"}
    | {"error", "error_rate"}
)
_PARTS: Final = ("train", "test", "validation", "valid", "val", "holdout", "cv")
#: share of missing values, and of a category, from which on a difference is told
_MUCH: Final = 0.05
_GRAPHS: Final = Kept[differences.Differences]()


@dataclass(frozen=True)
class Line:
    """A line of the table: what, of the version before and after, and which is better: "before", "after" or "" when it is not
    known."""

    name: str
    before: str
    after: str
    better: str = ""

    @property
    def same(self) -> bool:
        return self.before == self.after


@dataclass(frozen=True)
class Comparison:
    """Two versions. metrics: of the author; facts: of the packages; signature: how it changed; data: what is different in the
    rows that they were made with, None when one of them says nothing of that."""

    before: Version
    after: Version
    metrics: Sequence[Line]
    facts: Sequence[Line]
    signature: Sequence[signatures.Difference]
    data: Sequence[str] | None


def compare(at: Context, before: Version, after: Version) -> Comparison:
    """Two versions of one service."""
    old, new = (known.manifest(at, version.package) for version in (before, after))
    data = None if old.baseline is None or new.baseline is None else list(_data(old.baseline, new.baseline))
    return Comparison(
        before,
        after,
        list(_metrics(old.metrics, new.metrics)),
        list(_facts(before, after, old, new)),
        signatures.compare(old, new),
        data,
    )


def graphs(at: Context, before: Version, after: Version) -> differences.Differences:
    """What is different between the graphs of two versions. Raises NotDrawn."""

    def make() -> differences.Differences:
        return differences.compare(graph_of(at, before.package), graph_of(at, after.package))

    return _GRAPHS.get(f"{before.package} {after.package}", make)


def direction(metric: str) -> int:
    """1 when more of a figure is better, -1 when less is, 0 when its name does not say."""
    name = metric.lower().replace("-", "_").replace(" ", "_")
    first, _, rest = name.partition("_")
    if first in _PARTS and rest:
        name = rest
    rest, _, last = name.rpartition("_")
    if last in _PARTS and rest:
        name = rest
    return 1 if name in _MORE else -1 if name in _LESS else 0


def _metrics(old: Mapping[str, float], new: Mapping[str, float]) -> Iterator[Line]:
    for name in dict.fromkeys((*old, *new)):
        one, two = old.get(name), new.get(name)
        better = ""
        if one is not None and two is not None and one != two and direction(name):
            better = "after" if (two > one) == (direction(name) > 0) else "before"
        yield Line(shown(name), figure(one), figure(two), better)


def figure(value: float | None) -> str:
    """A figure of an author: "0.825", "23,570", "-" for none."""
    return "-" if value is None else f"{value:,.6g}"


def _facts(before: Version, after: Version, old: Manifest, new: Manifest) -> Iterator[Line]:
    def nodes(manifest: Manifest) -> str:
        return number(sum(op.count for op in manifest.ops))

    def parity(manifest: Manifest) -> str:
        return f"{manifest.parity.rows:,} rows compared" if manifest.parity.checked else "not proved"

    def rows(manifest: Manifest) -> str:
        return "not kept" if manifest.baseline is None else f"{manifest.baseline.rows:,}"

    yield Line("ONNX nodes", nodes(old), nodes(new))
    yield Line("Size", size(before.size), size(after.size))
    yield Line("Fields", number(len(old.fields)), number(len(new.fields)))
    yield Line("Outputs", number(len(old.outputs)), number(len(new.outputs)))
    yield Line("Runs", old.portability, new.portability)
    yield Line("Parity", parity(old), parity(new))
    yield Line("Sample", rows(old), rows(new))
    yield Line("Plugins", _plugins(old), _plugins(new))
    yield Line("Opsets", _opsets(old), _opsets(new))
    yield Line("Compiled by", f"rtml {old.rtml}", f"rtml {new.rtml}")


def _plugins(manifest: Manifest) -> str:
    return shown(", ".join(f"{plugin.name} {plugin.version}" for plugin in sorted(manifest.plugins, key=lambda one: one.name)))


def _opsets(manifest: Manifest) -> str:
    return shown(", ".join(f"{domain or 'ai.onnx'} {opset}" for domain, opset in sorted(manifest.opsets.items())))


# ---- the rows that they were made with ----------------------------------------------------------------------------------------


def _data(old: BaselineEntry, new: BaselineEntry) -> Iterator[str]:
    """What is plainly different in the rows that two versions were made with, a sentence each."""
    for what, olds, news in (("field", old.inputs, new.inputs), ("output", old.outputs, new.outputs)):
        after = {column.name: column for column in news}
        for column in olds:
            if column.name in after:
                yield from (f"{what} {shown(column.name)}: {text}" for text in _column(column, after[column.name]))


def _column(old: ColumnBaseline, new: ColumnBaseline) -> Iterator[str]:
    if not old.rows or not new.rows:
        return
    missing = old.missing / old.rows, new.missing / new.rows
    if abs(missing[0] - missing[1]) >= _MUCH:
        yield f"{percent(missing[0])} were missing, {percent(missing[1])} are"
    if old.kind != new.kind:
        yield f"was a {old.kind}, is a {new.kind}"
    elif old.kind == "category":
        yield from _categories(old, new)
    elif old.quantiles and new.quantiles:
        middle, others = old.quantiles[3], new.quantiles[3]
        if not (new.quantiles[2] <= middle <= new.quantiles[4]) or not (old.quantiles[2] <= others <= old.quantiles[4]):
            yield f"half of the values were below {_value(old, middle)}, are below {_value(new, others)}"


def _categories(old: ColumnBaseline, new: ColumnBaseline) -> Iterator[str]:
    olds, news = _shares(old), _shares(new)
    moved = sorted(olds.keys() | news.keys(), key=lambda name: -abs(olds.get(name, 0) - news.get(name, 0)))
    for name in moved[:3]:
        if abs(olds.get(name, 0) - news.get(name, 0)) >= 2 * _MUCH:
            yield f"{percent(olds.get(name, 0))} were {shown(name)!r}, {percent(news.get(name, 0))} are"


def _shares(column: ColumnBaseline) -> dict[str, float]:
    total = sum(column.counts) or 1
    return {name: number / total for name, number in zip(column.values, column.counts, strict=False)}


def _value(column: ColumnBaseline, value: float) -> str:
    if column.kind == "time":
        from datetime import UTC, datetime

        try:
            return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M")
        except (OverflowError, OSError, ValueError):
            return f"{value:g} seconds since 1970"
    return f"{value:,.6g}"


def verdict(found: Comparison) -> str:
    """Whether callers may go on as they do, in a sentence."""
    breaking = sum(one.breaking for one in found.signature)
    if breaking:
        return f"{count(breaking, 'difference')} may break callers."
    return "Callers go on as they do." if found.signature else "Fields and outputs are the same."
