"""What is different between the graphs of two versions, in words and as one picture.

Nodes are matched by what they do, not by their ids, which are numbers where the author gave none and shift when a node is put in:
first those that do the same, then those that are most alike in operator, id, parameters and neighbours.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from rtml_core.display.parameters import leaves, text_of
from rtml_core.display.wording import count, shown
from rtml_plugins.hub.gallery.steps import Drawn, Step

#: how alike two nodes have to be at least to be taken for one that changed
_ALIKE: Final = 4.0
#: differences of one node that are told, and characters of a value in them
_TOLD: Final = 12
_SHORT: Final = 80


@dataclass(frozen=True)
class Change:
    """A node that is different. kind: a key of drawing.DIFFERS; texts: what changed, a short sentence each; outside: the same
    without a value of a parameter or of what was learned, for who may not have the package."""

    kind: str
    before: Step | None
    after: Step | None
    texts: Sequence[str] = ()
    outside: Sequence[str] = ()

    @property
    def step(self) -> Step:
        """The node as it is, or was."""
        step = self.after or self.before
        assert step is not None, "a change is of a node"
        return step


@dataclass(frozen=True)
class Differences:
    """What is different. changes: of nodes, in order of execution; texts: of edges and outputs; same: how many nodes are as
    before. merged: both graphs as one; differs and edges_differ: what drawing.draw marks in it.
    """

    changes: Sequence[Change]
    texts: Sequence[str]
    same: int
    merged: Drawn
    differs: Mapping[str, str] = field(default_factory=dict)
    edges_differ: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.changes or self.texts)


def compare(before: Drawn, after: Drawn) -> Differences:
    """The differences from one graph to another one."""
    pairs = match(before, after)
    back = {right: left for left, right in pairs.items()}
    found: dict[str, Change] = {}  # by key in the merged graph
    for key, step in after.steps.items():
        change = Change("added", None, step) if key not in back else _changed(before, after, back[key], key, pairs)
        if change is not None:
            found[key] = change
    gone = {key: _fresh(f"{key} (before)", after.steps) for key in before.steps if key not in pairs}
    places = {**pairs, **gone}
    found |= {gone[key]: Change("removed", before.steps[key], None) for key in gone}
    order = _order(before, after, gone, places)
    gone_edges, new_edges = _edges(before, after, pairs, back)
    kept = [(places[a], places[b]) for a, b in before.edges if a in gone or b in gone]
    merged = Drawn(
        after.package,
        {key: after.steps[key] if key in after.steps else replace(found[key].step, key=key) for key in order},
        _without_cycles(list(after.edges), [*kept, *gone_edges]),
        after.fields,
        after.outputs,
        after.named,
    )
    texts = [
        *(f"{_name(after, a)} does not feed {_name(after, b)} any more" for a, b in gone_edges),
        *(f"{_name(after, a)} feeds {_name(after, b)}, which it did not" for a, b in new_edges),
        *_outputs(before.named, after.named),
    ]
    return Differences(
        changes=[found[key] for key in order if key in found],
        texts=texts,
        same=sum(1 for key in back if key not in found),
        merged=merged,
        differs={key: change.kind for key, change in found.items()},
        edges_differ={**dict.fromkeys(gone_edges, "removed"), **dict.fromkeys(new_edges, "added")},
    )


# ---- matching -----------------------------------------------------------------------------------------------------------------


def match(before: Drawn, after: Drawn) -> dict[str, str]:
    """Key of a node before -> its key after, for those that are still there."""
    pairs: dict[str, str] = {}
    by_meaning: dict[str, list[str]] = {}
    for key, step in after.steps.items():
        by_meaning.setdefault(_meaning(step), []).append(key)
    left: dict[str, list[str]] = {}
    for key, step in before.steps.items():
        left.setdefault(_meaning(step), []).append(key)
    for meaning, keys in left.items():
        others = by_meaning.get(meaning, [])
        named = [key for key in keys if key in others]
        pairs |= {key: key for key in named}
        rest = ([key for key in keys if key not in named], [key for key in others if key not in named])
        pairs |= dict(zip(*rest, strict=False))
    for _ in range(3):  # each time more neighbours are known
        taken = set(pairs.values())
        olds = [step for key, step in before.steps.items() if key not in pairs]
        news = [step for key, step in after.steps.items() if key not in taken]
        scored = _scored(before, after, olds, news, pairs)
        chosen: dict[str, str] = {}
        used: set[str] = set()
        for _, _, old, new in scored:
            if old not in chosen and new not in used:
                chosen[old] = new
                used.add(new)
        if not chosen:
            break
        pairs |= chosen
    return pairs


def _scored(
    before: Drawn, after: Drawn, olds: list[Step], news: list[Step], pairs: Mapping[str, str]
) -> list[tuple[float, int, str, str]]:
    """Pairs that may be one node, the most alike first; among equals, those nearest in order."""
    params = {id(step): {(path, json.dumps(value)) for path, value in leaves(step.params)} for step in (*olds, *news)}
    mapped = {step.key: [{pairs.get(key, "") for key in keys} for keys in _around(before, step)] for step in olds}
    around = {step.key: [set(keys) for keys in _around(after, step)] for step in news}
    found = []
    for old in olds:
        for new in news:
            if old.operator != new.operator:
                continue
            mine, other = params[id(old)], params[id(new)]
            most = max(len(mine), len(other))
            alike = len(mine & other) / most if most else 1.0
            if old.label != new.label and alike < 0.5:
                continue
            score = 3.0 * (old.id == new.id) + 2.0 * (old.label == new.label) + 2 * alike
            score += sum(2 * _shared(one, two) for one, two in zip(mapped[old.key], around[new.key], strict=True))
            if score >= _ALIKE:
                found.append((-score, abs(old.number - new.number), old.key, new.key))
    return sorted(found)


def _around(drawn: Drawn, step: Step) -> tuple[list[str], list[str]]:
    return drawn.before(step.key), drawn.after(step.key)


def _shared(one: Collection[str], two: Collection[str]) -> float:
    if not one and not two:
        return 0.5
    return len(set(one) & set(two)) / max(len(one), len(two))


def _meaning(step: Step) -> str:
    return json.dumps([step.operator, step.version, step.params], sort_keys=True)


# ---- words --------------------------------------------------------------------------------------------------------------------


def _changed(before: Drawn, after: Drawn, old_key: str, new_key: str, pairs: Mapping[str, str]) -> Change | None:
    old, new = before.steps[old_key], after.steps[new_key]
    texts = list(_params(old.params, new.params))
    others = len(texts)
    outside = [f"{count(others, 'parameter')} {'is' if others == 1 else 'are'} not as before"] if texts else []
    if old.version != new.version:
        texts.append(f"the meaning of {new.operator} was version {old.version}, is version {new.version}")
    if [pairs.get(key) for key in before.before(old_key)] != (fed := after.before(new_key)) and _same_items(
        [pairs.get(key, "") for key in before.before(old_key)], fed
    ):
        texts.append("its inputs come in another order")
    kind = "changed" if texts else "learned"
    outside += texts[others:]
    if old.digest != new.digest:
        texts += list(_learned(old, new))
        outside.append("learned anew" if old.digest and new.digest else texts[-1])
    if not texts:
        return None
    if len(texts) > _TOLD:
        texts = [*texts[:_TOLD], f"and {len(texts) - _TOLD:,} more"]
    return Change(kind, old, new, [shown(text) for text in texts], [shown(text) for text in outside])


def _params(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    mine, other = dict(leaves(old)), dict(leaves(new))
    for path in dict.fromkeys((*mine, *other)):
        if path not in other:
            yield f"{path} was {_short(mine[path])}, is not set"
        elif path not in mine:
            yield f"{path} is {_short(other[path])}, was not set"
        elif json.dumps(mine[path]) != json.dumps(other[path]):
            yield f"{path}: {_values(mine[path], other[path])}"


def _values(old: Any, new: Any) -> str:
    if isinstance(old, list) and isinstance(new, list):
        olds, news = ([json.dumps(item, sort_keys=True) for item in items] for items in (old, new))
        gone = [item for item, text in zip(old, olds, strict=True) if text not in news]
        more = [item for item, text in zip(new, news, strict=True) if text not in olds]
        parts = [f"without {_short(gone)}"] * bool(gone) + [f"with {_short(more)}"] * bool(more)
        if parts:
            return " and ".join(parts)
        return "in another order" if len(old) == len(new) else f"{len(new)} entries, were {len(old)}"
    one, two = _short(old), _short(new)
    if one == two:
        one, two = (json.dumps(value, ensure_ascii=False) for value in (old, new))
    return f"was {one}, is {two}" if len(one) + len(two) <= 4 * _SHORT else "was something else"


def _learned(old: Step, new: Step) -> Iterator[str]:
    if not old.digest or not new.digest:
        yield "has learned, had not" if new.digest else "has not learned, had"
        return
    if old.learned is not None and new.learned is not None:
        told = list(_params(old.learned, new.learned))
        if len(told) <= 4 and sum(map(len, told)) < 400:
            yield from (f"learned {text}" for text in told)
            return
    yield "learned anew"


def _short(value: Any) -> str:
    text = text_of(value)
    return text if len(text) <= _SHORT else text[:_SHORT].rstrip() + "…"


def _outputs(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys((*old, *new)):
        if name in old and name in new and old[name] != new[name]:
            yield f"the output {name} was the column {old[name]}, is the column {new[name]}"


def _name(drawn: Drawn, key: str) -> str:
    step = drawn.steps[key]
    return f"{step.number}. {step.label}"


def summary(found: Differences) -> str:
    """The differences in one sentence."""
    if not found:
        return f"The graphs are the same: {count(found.same, 'node')}."
    counts = {
        kind: sum(1 for change in found.changes if change.kind == kind) for kind in ("added", "removed", "changed", "learned")
    }
    words = {"added": "added", "removed": "removed", "changed": "changed", "learned": "learned anew"}
    parts = [f"{number} {words[kind]}" for kind, number in counts.items() if number]
    return f"{count(found.same, 'node')} as before{', ' if parts else ''}{', '.join(parts)}."


# ---- edges and the merged graph -----------------------------------------------------------------------------------------------


def _edges(
    before: Drawn, after: Drawn, pairs: Mapping[str, str], back: Mapping[str, str]
) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Edges between nodes that are still there, as keys after: those that are gone, and new ones. What only goes through a node
    that was put in between, or directly since one was taken out, is neither."""
    old = {(pairs[a], pairs[b]) for a, b in before.edges if a in pairs and b in pairs}
    new = {(a, b) for a, b in after.edges if a in back and b in back}
    through_new = _through(after, set(back))
    through_old = {(pairs[a], pairs[b]) for a, b in _through(before, set(pairs))}
    return sorted(old - new - through_new), sorted(new - old - through_old)


def _through(drawn: Drawn, kept: set[str]) -> set[tuple[str, str]]:
    """Pairs of kept nodes with a way from one to the other through nodes that are not kept."""
    found = set()
    for first in kept:
        waiting, seen = [key for key in drawn.after(first) if key not in kept], set()
        while waiting:
            key = waiting.pop()
            if key in seen:
                continue
            seen.add(key)
            for other in drawn.after(key):
                if other in kept:
                    found.add((first, other))
                else:
                    waiting.append(other)
    return found


def _without_cycles(edges: list[tuple[str, str]], more: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Edges and those of `more` that close no cycle: nodes that changed places would."""
    after: dict[str, set[str]] = {}
    for first, second in edges:
        after.setdefault(first, set()).add(second)
    made = list(edges)
    for first, second in more:
        waiting, seen = [second], {second}
        while waiting:
            fresh = after.get(waiting.pop(), set()) - seen
            seen |= fresh
            waiting += fresh
        if first not in seen and second not in after.get(first, ()):
            after.setdefault(first, set()).add(second)
            made.append((first, second))
    return made


def _order(before: Drawn, after: Drawn, gone: Mapping[str, str], places: Mapping[str, str]) -> list[str]:
    """Keys of the merged graph: as after, what is gone before what it fed."""
    order = list(after.steps)
    for key in reversed([key for key in before.steps if key in gone]):
        fed = [order.index(places[other]) for other in before.after(key) if places[other] in order]
        order.insert(min(fed, default=len(order)), gone[key])
    return order


def _fresh(key: str, taken: Mapping[str, Step]) -> str:
    while key in taken:
        key += "'"
    return key


def _same_items(one: Sequence[str], two: Sequence[str]) -> bool:
    return sorted(one) == sorted(two)
