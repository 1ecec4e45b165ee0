"""How what several datasets say of a person becomes one answer: trees of attributes with their times, and merge policies.

LIGHT: the standard library and msgspec only.

A tree is a document in which every leaf is [value, us when it was taken in]. Leaves are scalars and whole arrays; objects merge
key by key, whether they are objects or maps in the schema. Null and empty objects say nothing (XDM accepts neither).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, Final, Literal

import msgspec

from rtml_core.errors import RtmlError, close_match, describe
from rtml_plugins.profile.person import Tree

#: what is kept elsewhere, or names the record and not the person
NOT_ATTRIBUTES: Final = frozenset({"_id", "@id", "identityMap", "xdm:identityMap"})
#: levels of objects in a record
DEEPEST: Final = 64
#: before all times
_NEVER: Final = -(2**62)


class MergeError(RtmlError):
    """A merge policy that is none, or attributes that can't be kept."""


# ---- trees ----------------------------------------------------------------------------------------------------------


def tree_of(document: Mapping[str, Any], at: int) -> Tree:
    """The attributes of a record as a tree. Raises MergeError when it is nested deeper than DEEPEST."""
    return _tree({name: value for name, value in document.items() if name not in NOT_ATTRIBUTES}, at, DEEPEST)


def _tree(document: Mapping[str, Any], at: int, levels: int) -> Tree:
    if not levels:
        raise MergeError(f"the record has objects more than {DEEPEST} levels deep; attributes of a profile go no deeper")
    made: Tree = {}
    for name, value in document.items():
        if isinstance(value, dict):
            inner = _tree(value, at, levels - 1)
            if inner:
                made[name] = inner
        elif value is not None:
            made[name] = [value, at]
    return made


def newest(old: Tree, new: Tree) -> Tree:
    """Two trees as one: what was taken in last stands, per attribute; of the same moment, what `new` says. `old` is changed."""
    for name, its in new.items():
        mine = old.get(name)
        if mine is None:
            old[name] = its
        elif type(mine) is dict and type(its) is dict:
            newest(mine, its)
        elif _is_leaf(mine) and _is_leaf(its):
            if its[1] >= mine[1]:
                old[name] = its
        else:
            old[name] = _met(mine, its)
    return old


def _is_leaf(item: Any) -> bool:
    return type(item) is list and len(item) == 2


def _met(mine: Any, its: Any) -> Any:
    """A scalar or array and an object of the same name, each of which wipes out what was said of the other before.

    What is left of an object that came after a leaf is [object, us of that leaf, 0], so that what is older still and comes later
    is wiped out as well.
    """
    (old, wiped), (new, cut) = _parts(mine), _parts(its)
    whole = newest(_newer(old, cut + 1), _newer(new, wiped))
    if whole:
        return [whole, max(wiped, cut), 0]
    leaves = [item for item in (mine, its) if _is_leaf(item)]
    return max(reversed(leaves), key=lambda leaf: leaf[1])


def _parts(item: Any) -> tuple[Tree, int]:
    """The object that an item is, and the moment before which nothing counts."""
    if type(item) is dict:
        return item, _NEVER
    return (item[0] if len(item) == 3 else {}), item[1]


def _newer(tree: Tree, at: int) -> Tree:
    """What of a tree was taken in at a moment or later."""
    made: Tree = {}
    for name, item in tree.items():
        if _is_leaf(item):
            if item[1] >= at:
                made[name] = item
        else:
            inner, wiped = _parts(item)
            left = _newer(inner, at)
            if left:
                made[name] = [left, wiped, 0] if wiped >= at else left
    return made


def plain(tree: Tree) -> dict[str, Any]:
    """The document of a tree: its values without times."""
    return {name: item[0] if _is_leaf(item) else plain(_parts(item)[0]) for name, item in tree.items()}


def statements(tree: Tree, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any, int]]:
    """What a tree says: path, value and time of each leaf."""
    for name, item in tree.items():
        if _is_leaf(item):
            yield (*path, name), item[0], item[1]
        else:
            yield from statements(_parts(item)[0], (*path, name))


def _overlaid(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Objects merged key by key; elsewhere `over` stands. `under` is changed."""
    for name, its in over.items():
        mine = under.get(name)
        if type(mine) is dict and type(its) is dict:
            under[name] = _overlaid(mine, its)
        else:
            under[name] = its
    return under


# ---- policies -------------------------------------------------------------------------------------------------------


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A merge policy.

    id: a name. attributes: "timestampOrdered" (what was taken in last stands) or "dataSetPrecedence" (the first dataset of
    `order` that says something; datasets that are not listed are not merged at all, those of enrichment, "rtml:<service>",
    included). graph: "pdg", the whole person, or "none", the identity that was asked for alone. default: applies where none is
    named.
    """

    id: str
    name: str = ""
    attributes: Literal["timestampOrdered", "dataSetPrecedence"] = "timestampOrdered"
    order: tuple[str, ...] = ()
    graph: Literal["pdg", "none"] = "pdg"
    default: bool = False

    def check(self) -> Policy:
        """This policy; raises MergeError for what can't be."""
        if not self.id or len(self.id) > 100 or not self.id.isprintable() or "/" in self.id:
            raise MergeError(f"the id of a merge policy is a short name without '/', e.g. 'web-first'; got {describe(self.id)}")
        if self.attributes == "dataSetPrecedence" and not self.order:
            raise MergeError(
                f"policy '{self.id}' orders datasets and names none: give them in order, the one that counts most first"
            )
        if self.attributes == "timestampOrdered" and self.order:
            raise MergeError(f"policy '{self.id}' goes by time; an order of datasets belongs to dataSetPrecedence")
        twice = next((name for name in self.order if self.order.count(name) > 1), None)
        if twice is not None:
            raise MergeError(f"policy '{self.id}' names the dataset '{twice}' twice")
        return self


#: what there is when nothing was set
DEFAULT: Final = Policy(id="default", name="Last taken in stands", default=True)


def read_policy(given: Any) -> Policy:
    """A policy from its JSON form; raises MergeError."""
    try:
        return msgspec.convert(given, Policy).check()
    except msgspec.ValidationError as error:
        kinds = ("timestampOrdered", "dataSetPrecedence")
        said = given.get("attributes") if isinstance(given, Mapping) else None
        hint = close_match(said, kinds) if isinstance(said, str) else ""
        raise MergeError(
            f'a merge policy is {{"id": ..., "attributes": "{kinds[0]}" or "{kinds[1]}", ...}}: {error}.{hint}'
        ) from None


def merged(fragments: Iterable[tuple[str, str, Tree]], policy: Policy) -> dict[str, Any]:
    """The attributes of a person. fragments: dataset, key, tree; decoded for this call, as they are changed.

    Of the same moment the later dataset by name stands, then the later key.
    """
    ordered = sorted(fragments, key=lambda fragment: fragment[:2])
    if policy.attributes == "timestampOrdered":
        return plain(_all(tree for _, _, tree in ordered))
    document: dict[str, Any] = {}
    for dataset in reversed(policy.order):
        document = _overlaid(document, plain(_all(tree for name, _, tree in ordered if name == dataset)))
    return document


def _all(trees: Iterable[Tree]) -> Tree:
    whole: Tree = {}
    for tree in trees:
        whole = newest(whole, tree)
    return whole


# ---- choosing -------------------------------------------------------------------------------------------------------


def value_at(document: Any, path: Sequence[str | int]) -> Any:
    """What is at a path in a document; None where there is nothing."""
    for part in path:
        if type(document) is dict:
            document = document.get(part)
        elif type(document) is list and type(part) is int and -len(document) <= part < len(document):
            document = document[part]
        else:
            return None
        if document is None:
            return None
    return document


def chosen(document: dict[str, Any], paths: Iterable[Sequence[str | int]]) -> dict[str, Any]:
    """The parts of a document at some paths, nested as they were; what isn't there is left out. An index takes the array."""
    made: dict[str, Any] = {}
    for path in paths:
        names = [part for part in takewhile(lambda part: isinstance(part, str), path) if isinstance(part, str)]
        found = value_at(document, names) if names else None
        if found is None:
            continue
        place = made
        for name in names[:-1]:
            inner = place.get(name)
            if type(inner) is not dict:
                inner = place[name] = {}
            place = inner
        place[names[-1]] = found
    return made
