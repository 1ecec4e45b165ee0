"""Where the boxes of a graph stand and its edges run: in layers, from top to bottom, after Sugiyama, Tagawa and Toda (1981).

Layers by the longest path; an edge over several layers passes each of them at a bend of its own; within layers boxes are sorted
by the medians of their neighbours, as often as that takes crossings away (Gansner, Koutsofios, North and Vo, 1993); and they are
moved sideways until edges are as straight as can be: least squares, one layer after the other, with the distances between boxes
as bounds (pooling neighbours that would overlap, as isotonic regression does). The same graph always looks the same.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from rtml_core.errors import RtmlError

#: distances in pixels: between boxes of a layer, between layers, around the picture
BESIDE: Final = 20
BELOW: Final = 36
MARGIN: Final = 12
#: room that an edge has where it passes a layer
_PASS: Final = 14
#: bends at most: beyond them nobody can follow an edge
MOST_BENDS: Final = 6000
_SWEEPS: Final = 12
#: how much nearer to a box a bend may come where that makes its edge straight
_NEARER: Final = 6
#: how much an edge wants to be straight: by how many of its ends are bends
_STRAIGHT: Final = (1.0, 2.0, 8.0)
_ASIDE: Final = 0.02


class NotDrawn(RtmlError):
    """A graph that can't be drawn: it has a cycle, an edge to nowhere, or is too large."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its upper left corner and its size in pixels, its layer from 0."""

    x: float
    y: float
    width: float
    height: float
    layer: int


@dataclass(frozen=True)
class Placed:
    """The picture. routes: of an edge the points (x, y) that it goes through, two for each layer; between the second of a layer
    and the first of the next it may be curved, as nothing else is there."""

    boxes: Mapping[str, Box]
    routes: Mapping[tuple[str, str], Sequence[tuple[float, float]]]
    width: float
    height: float


@dataclass
class _Item:
    """A box or a bend (box None) in a layer."""

    layer: int
    width: float
    height: float = 0.0
    box: str | None = None
    x: float = 0.0
    aside: bool = False


def place(
    sizes: Mapping[str, tuple[float, float]],
    edges: Iterable[tuple[str, str]],
    aside: Collection[str] = frozenset(),
    apart: float = BELOW,
) -> Placed:
    """Place boxes of (width, height). aside: boxes that make way for the others; apart: the distance between layers. Raises
    NotDrawn for a cycle, an edge to nowhere or too many bends."""
    wanted = list(dict.fromkeys(edges))
    layers = layers_of(list(sizes), wanted)
    items = [_Item(layers[name], width, height, name, aside=name in aside) for name, (width, height) in sizes.items()]
    at = {item.box: index for index, item in enumerate(items) if item.box is not None}
    chains = _chains(wanted, at, items)
    up: list[list[int]] = [[] for _ in items]
    down: list[list[int]] = [[] for _ in items]
    for chain in chains.values():
        for above, below in pairwise(chain):
            down[above].append(below)
            up[below].append(above)
    rows: list[list[int]] = [[] for _ in range(max(layers.values(), default=-1) + 1)]
    for index in _first_order(items, down):
        rows[items[index].layer].append(index)
    rows = _uncross(rows, up, down)
    _straighten(rows, items, up, down)
    _align(rows, items, chains.values())
    return _picture(items, rows, chains, apart)


def layers_of(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The layer of each box: below all that lead to it, and next to what it leads to when that makes edges shorter."""
    after: dict[str, list[str]] = {name: [] for name in names}
    before: dict[str, list[str]] = {name: [] for name in names}
    for first, second in edges:
        if first not in after or second not in after:
            raise NotDrawn(f"an edge leads from {first!r} to {second!r}, and there is no such node")
        after[first].append(second)
        before[second].append(first)
    waiting = {name: len(before[name]) for name in names}
    ready = [name for name in names if not waiting[name]]
    layer = dict.fromkeys(ready, 0)
    for name in ready:  # grows while it is walked
        for other in after[name]:
            layer[other] = max(layer.get(other, 0), layer[name] + 1)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    if len(ready) < len(names):
        stuck = next(name for name in names if waiting[name])
        raise NotDrawn(f"the graph has a cycle, through or before node {stuck!r}")
    for name in reversed(ready):
        if len(after[name]) > len(before[name]):
            layer[name] = min(layer[other] for other in after[name]) - 1
    return layer


def _chains(edges: list[tuple[str, str]], at: Mapping[str, int], items: list[_Item]) -> dict[tuple[str, str], list[int]]:
    """Of each edge the items it goes through; bends are added to items."""
    chains = {}
    boxes = len(items)
    for first, second in edges:
        passed = range(items[at[first]].layer + 1, items[at[second]].layer)
        if len(items) - boxes + len(passed) > MOST_BENDS:
            raise NotDrawn("the graph has too many long edges to be drawn")
        bends = range(len(items), len(items) + len(passed))
        items.extend(_Item(layer, _PASS) for layer in passed)
        chains[first, second] = [at[first], *bends, at[second]]
    return chains


def _first_order(items: Sequence[_Item], down: Sequence[Sequence[int]]) -> list[int]:
    """Items in the order in which a walk down the edges meets them: what belongs together begins side by side."""
    seen: dict[int, None] = {}
    roots = sorted(range(len(items)), key=lambda index: items[index].layer)
    for root in roots:
        stack = [root]
        while stack:
            index = stack.pop()
            if index not in seen:
                seen[index] = None
                stack.extend(reversed(down[index]))
    return list(seen)


# ---- crossings ----------------------------------------------------------------------------------------------------------------


def _uncross(rows: list[list[int]], up: list[list[int]], down: list[list[int]]) -> list[list[int]]:
    """The best order of the layers that sweeps find."""
    best, least = [list(row) for row in rows], crossings(rows, down)
    rows = [list(row) for row in rows]
    for sweep in range(_SWEEPS):
        if least == 0:
            break
        downwards = sweep % 2 == 0
        neighbours = up if downwards else down
        for level in range(1, len(rows)) if downwards else range(len(rows) - 2, -1, -1):
            fixed = {index: place for place, index in enumerate(rows[level - 1 if downwards else level + 1])}
            rows[level] = _by_median(rows[level], fixed, neighbours, last_wins=sweep % 4 > 1)
        found = crossings(rows, down)
        if found < least:
            best, least = [list(row) for row in rows], found
    return best


def _by_median(row: list[int], fixed: Mapping[int, int], neighbours: list[list[int]], *, last_wins: bool) -> list[int]:
    """A layer sorted by the medians of where its neighbours are; items without neighbours stay where they are."""
    medians = {}
    for index in row:
        places = sorted(fixed[other] for other in neighbours[index])
        if places:
            medians[index] = _median(places)
    moving = [index for index in (reversed(row) if last_wins else row) if index in medians]
    ordered = iter(sorted(moving, key=medians.__getitem__))
    return [next(ordered) if index in medians else index for index in row]


def _median(places: Sequence[int]) -> float:
    """The median; of an even number the middle weighted to the side where places lie closer together."""
    count, middle = len(places), len(places) // 2
    if count % 2 or count == 2:
        return (places[middle] + places[(count - 1) // 2]) / 2
    left, right = places[middle - 1] - places[0], places[-1] - places[middle]
    if left + right == 0:
        return (places[middle - 1] + places[middle]) / 2
    return (places[middle - 1] * right + places[middle] * left) / (left + right)


def crossings(rows: Sequence[Sequence[int]], down: Sequence[Sequence[int]]) -> int:
    """How often edges cross between layers."""
    total = 0
    for row, below in pairwise(rows):
        place = {index: number for number, index in enumerate(below)}
        tree = [0] * (len(below) + 1)  # a Fenwick tree: how many edges end at or before a place
        ended = 0
        for index in row:
            ends = [place[other] for other in down[index]]
            for end in ends:
                at, before = end + 1, 0
                while at:
                    before += tree[at]
                    at &= at - 1
                total += ended - before
            for end in ends:
                at = end + 1
                while at <= len(below):
                    tree[at] += 1
                    at += at & -at
                ended += 1
    return total


# ---- coordinates --------------------------------------------------------------------------------------------------------------


def _straighten(rows: list[list[int]], items: list[_Item], up: list[list[int]], down: list[list[int]]) -> None:
    """Set x of all items, their middles."""
    for row in rows:
        at = 0.0
        for index in row:
            items[index].x = at + items[index].width / 2
            at += items[index].width + BESIDE
        for index in row:
            items[index].x -= at / 2
    for sweep in range(4 * _SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _settle(row, items, up, down)


def _settle(row: list[int], items: list[_Item], up: list[list[int]], down: list[list[int]]) -> None:
    """Move the items of a layer to where their edges are shortest, and no nearer to each other than they may be."""
    blocks: list[tuple[float, float, int]] = []  # sum of weight * wish, weight, items
    offset = 0.0
    offsets = []
    for place, index in enumerate(row):
        item = items[index]
        if place:
            offset += (items[row[place - 1]].width + item.width) / 2 + BESIDE
        offsets.append(offset)
        wish, weight = _wish(index, items, up, down)
        blocks.append(((wish - offset) * weight, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] >= blocks[-1][0] / blocks[-1][1]:
            last, other = blocks.pop(), blocks.pop()
            blocks.append((last[0] + other[0], last[1] + other[1], last[2] + other[2]))
    place = 0
    for total, weight, count in blocks:
        for _ in range(count):
            items[row[place]].x = total / weight + offsets[place]
            place += 1


def _align(rows: list[list[int]], items: list[_Item], chains: Iterable[Sequence[int]]) -> None:
    """Put the bends of an edge under each other, as many in a row as the boxes beside them leave room for."""
    beside = {index: (row, place) for row in rows for place, index in enumerate(row)}
    for chain in chains:
        waiting = list(chain[1:-1])
        while waiting:
            low, high = -math.inf, math.inf
            taken = 0
            for index in waiting:
                least, most = _room(items, *beside[index])
                if max(low, least) > min(high, most):
                    break
                low, high, taken = max(low, least), min(high, most), taken + 1
            first, last = items[chain[0]].x, items[chain[-1]].x
            middle = sum(items[index].x for index in waiting[:taken]) / taken
            wish = next((x for x in (last, first) if low <= x <= high), min(max(middle, low), high))
            for index in waiting[:taken]:
                items[index].x = wish
            waiting = waiting[taken:]


def _room(items: list[_Item], row: list[int], place: int) -> tuple[float, float]:
    """Between which middles an item of a layer can be without coming too near to those beside it."""
    item = items[row[place]]
    low, high = item.x, item.x  # where it is, whatever was rounded
    if place == 0:
        low = -math.inf
    else:
        left = items[row[place - 1]]
        low = min(low, left.x + (left.width + item.width) / 2 + BESIDE - _NEARER)
    if place + 1 == len(row):
        high = math.inf
    else:
        right = items[row[place + 1]]
        high = max(high, right.x - (right.width + item.width) / 2 - BESIDE + _NEARER)
    return low, high


def _wish(index: int, items: list[_Item], up: list[list[int]], down: list[list[int]]) -> tuple[float, float]:
    """Where an item would be, and how much it matters."""
    total = weight = 0.0
    for other in (*up[index], *down[index]):
        matters = _STRAIGHT[(items[index].box is None) + (items[other].box is None)]
        if items[index].aside or items[other].aside:
            matters = _ASIDE
        total += matters * items[other].x
        weight += matters
    return (total / weight, weight) if weight else (items[index].x, 0.1)


def _picture(items: list[_Item], rows: list[list[int]], chains: Mapping[tuple[str, str], list[int]], apart: float) -> Placed:
    left = min((item.x - item.width / 2 for item in items), default=0.0)
    tops, heights = [], []
    at = float(MARGIN)
    for row in rows:
        tops.append(at)
        heights.append(max(items[index].height for index in row))
        at += heights[-1] + apart
    boxes = {}
    for item in items:
        item.x = round(item.x - left + MARGIN, 1)
        if item.box is not None:
            y = tops[item.layer] + (heights[item.layer] - item.height) / 2
            boxes[item.box] = Box(item.x - item.width / 2, y, item.width, item.height, item.layer)
    routes = {}
    for (first, second), chain in chains.items():
        start, end = boxes[first], boxes[second]
        points = [(items[chain[0]].x, start.y + start.height), (items[chain[0]].x, tops[start.layer] + heights[start.layer])]
        for index in chain[1:-1]:
            item = items[index]
            points += [(item.x, tops[item.layer]), (item.x, tops[item.layer] + heights[item.layer])]
        points += [(items[chain[-1]].x, tops[end.layer]), (items[chain[-1]].x, end.y)]
        routes[first, second] = points
    right = max((item.x + item.width / 2 for item in items), default=0.0)
    return Placed(boxes, routes, right + MARGIN, at - apart + MARGIN if rows else 2 * MARGIN)
