"""What checking a document may cost: schemas whose alternatives multiply at every level are refused before they are run.

Each alternative of anyOf and oneOf looks at the whole value again, and so does each pattern that a key matches. Below each other
they multiply: thirty levels of two alternatives would look a thousand million times at one value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from rtml_plugins.xdm.errors import SchemaError
from rtml_plugins.xdm.nodes import Node

#: how often one value of a document may be looked at, at worst
MAX_LOOKS: Final = 4096


def check_cost(root: Node, nodes: Iterable[Node]) -> None:
    """Raise SchemaError where alternatives of a schema multiply beyond MAX_LOOKS, or without end. nodes: all of the schema."""
    if not any(_looks(node) > 1 or node.shape.branches for node in nodes):
        return
    group = _cycles(root)
    members: dict[int, list[Node]] = {}
    for node, number in group.items():
        members.setdefault(number, []).append(node)
    worst: dict[int, int] = {}
    for number, together in members.items():  # numbered from the leaves up
        worst[number] = 1
        for node in together:
            _check_return(node, group)
            for child in node.children():
                if group[child] != number:
                    worst[number] = max(worst[number], worst[group[child]] * _looks(node))
        if worst[number] > MAX_LOOKS:
            raise SchemaError(
                f"{_where(together[0])}: its alternatives (anyOf, oneOf, patterns) multiply: one value would be looked "
                f"at up to {worst[number]:,} times, and {MAX_LOOKS:,} are allowed. Make them fields of one object instead."
            )


def _looks(node: Node) -> int:
    shape = node.shape
    patterns = len(shape.patterns) + (1 if shape.properties else 0) if shape.patterns else 1
    return max(1, sum(len(nodes) for _, nodes in shape.branches)) * patterns


def _check_return(node: Node, group: dict[Node, int]) -> None:
    """A node that holds itself again may do so by one way for each key, and never at the same place."""
    own = group[node]
    back: dict[str, int] = {}
    waiting = [child for _, nodes in node.shape.branches for child in nodes]
    seen: set[Node] = set()
    while waiting:
        alternative = waiting.pop()
        if alternative is node:
            raise SchemaError(f"{_where(node)} is an alternative of itself at the same place, so it never ends.")
        if alternative in seen:
            continue
        seen.add(alternative)
        for key in _ways_back(alternative, own, group):
            back[key] = back.get(key, 0) + 1
        waiting.extend(child for _, nodes in alternative.shape.branches for child in nodes)
    for key in _ways_back(node, own, group):
        back[key] = back.get(key, 0) + (1 if node.shape.branches else 0)
    twice = [key for key, count in back.items() if count > 1]
    if twice or sum(group[child] == own for child in node.shape.patterns.values()) > 1:
        place = f" (at {twice[0]})" if twice else ""
        raise SchemaError(
            f"{_where(node)} holds itself again by several alternatives at once{place}: looking at a document "
            "would take twice as long with every level. Let one alternative hold it."
        )


def _ways_back(node: Node, own: int, group: dict[Node, int]) -> list[str]:
    shape = node.shape
    back = [name for name, child in shape.properties.items() if group.get(child) == own]
    if isinstance(shape.additional, Node) and group.get(shape.additional) == own:
        back.append("{}")
    items = [shape.items] if isinstance(shape.items, Node) else shape.items or []
    if any(group.get(item) == own for item in items):
        back.append("[]")
    return back


def _cycles(root: Node) -> dict[Node, int]:
    """Node -> number of its strongly connected component, numbered from the leaves up (Tarjan 1972), without recursion."""
    index: dict[Node, int] = {}
    low: dict[Node, int] = {}
    group: dict[Node, int] = {}
    stack: list[Node] = []
    waiting: list[tuple[Node, list[Node]]] = []

    def enter(node: Node) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        waiting.append((node, list(node.children())))

    enter(root)
    components = 0
    while waiting:
        node, children = waiting[-1]
        if children:
            child = children.pop()
            if child not in index:
                enter(child)
            elif child not in group:
                low[node] = min(low[node], index[child])
            continue
        waiting.pop()
        if waiting:
            above = waiting[-1][0]
            low[above] = min(low[above], low[node])
        if low[node] == index[node]:
            while True:
                member = stack.pop()
                group[member] = components
                if member is node:
                    break
            components += 1
    return group


def _where(node: Node) -> str:
    return node.shape.sources[0] if node.shape.sources else "A part of the schema"
