"""The columns of a bare get_dummies, by the features of the model behind it.

get_dummies makes a column for each value that the rows have, and one row has one value. Nobody takes other columns than those
that the nodes behind it name: the feature `brand_VW` is the value `VW` of the column `brand`. So the vocabulary of `brand` is
known, and what pandas would make of any other value goes nowhere. A node whose categories are given is left as it is.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from rtml_aep.uses import uses_of
from rtml_core import Graph, Schema, operators
from rtml_core.errors import GraphError, RtmlError, listing


def with_vocabularies(graph: Graph, unsaid: Container[str] = ()) -> Graph:
    """The graph, with the values of every bare get_dummies that the nodes behind it name. GraphError where they are not clear.

    Where nodes behind it name no columns, get_dummies stays as it is, and the compiler refuses it. unsaid: columns whose type
    nobody knows so far.
    """
    if not any(_bare(operator) for operator in graph.nodes.values()):
        return graph
    made = Graph(graph.outputs)
    made.nodes, made.edges = dict(graph.nodes), list(graph.edges)
    reached: dict[str, Schema | None] = {}
    for name in made.order():
        incoming = _merged([reached[before] for before in made.before(name)])
        if _bare(made.nodes[name]):
            made.nodes[name] = _mended(made, name, incoming, unsaid)
        reached[name] = _behind(made, name, incoming)
    return made


def _bare(operator: Any) -> bool:
    """Whether it is a get_dummies that has a column without categories, as far as is seen without a frame."""
    if operator.name != "Pandas" or operator.target.name != "get_dummies":
        return False
    given = operator.params.categories
    columns = _encoded(operator, None)
    return given is None or (columns is not None and any(column not in given for column in columns))


def _encoded(operator: Any, incoming: Schema | None) -> list[str] | None:
    """The columns that are encoded: the named ones, else all texts; None when that is not known."""
    named: list[str] | None = operator.params.columns or operator.bound.get("columns")
    if named is not None:
        return [named] if isinstance(named, str) else list(named)
    return None if incoming is None else [name for name, column in incoming.items() if column.dtype == "string"]


def _merged(parents: list[Schema | None]) -> Schema | None:
    """What reaches a node; None when it is not known."""
    known = [parent for parent in parents if parent is not None]
    if not parents or len(known) < len(parents):
        return None
    return Schema({name: column for parent in known for name, column in parent.items()}.values())


def _behind(graph: Graph, name: str, incoming: Schema | None) -> Schema | None:
    """What comes out of a node; None when it is not known, or refused, which the compiler will say."""
    operator = graph.nodes[name]
    if operator.role == "source":
        own = Schema(entry.column for entry in operator.source_fields() or ())
        return _merged([incoming, own]) if graph.before(name) else own
    try:
        return None if incoming is None else operator.schema(incoming)
    except RtmlError:
        return None


# ---- a node ---------------------------------------------------------------------------------------------------------------


def _mended(graph: Graph, name: str, incoming: Schema | None, unsaid: Container[str]) -> Any:
    """The node with the categories that are asked for; the node itself where that is not known."""
    node: Any = graph.nodes[name]
    columns, features = _encoded(node, incoming), _asked(graph, name)
    given: dict[str, list[Any]] = node.params.categories or {}
    begins = _begins(node, columns or [])
    nothing = [f"{begin}nan" for begin in begins.values()] if node.bound.get("dummy_na") else []
    # a column of what is missing, and a first value that is left out, are other things beside a vocabulary of the model's
    if not columns or not features or any(feature in features for feature in nothing):
        return node
    if given and node.bound.get("drop_first"):
        return node
    found: dict[str, list[str]] = {column: [] for column in columns if column not in given}
    for feature, taker in features.items():
        if incoming is not None and feature in incoming and feature not in columns:
            continue
        owners = [column for column in columns if _owns(feature, begins[column], given.get(column))]
        if len(owners) > 1:
            raise GraphError(
                f"{graph.label(name)}: '{feature}', which {taker} takes, may be a value of {listing(owners)}: say the values,"
                f' Pandas(..., categories={{"{owners[0]}": [...]}}), or tell them apart by "prefix"'
            )
        if owners and owners[0] in found:
            found[owners[0]].append(feature)
    values = {}
    for column, own in found.items():
        dtype = incoming[column].dtype if incoming is not None and column in incoming and column not in unsaid else ""
        values[column] = _values(graph.label(name), column, own, len(begins[column]), dtype)
    arguments = {key: value for key, value in node.bound.items() if key not in ("drop_first", "dummy_na")}
    return operators.Pandas(
        params={**node.to_json(), "args": [], "kwargs": arguments, "categories": {**given, **values}},
        id=name,
    )


def _asked(graph: Graph, name: str) -> dict[str, str]:
    """Column -> the node behind `name` that takes it, up to what lets no column through."""
    found: dict[str, str] = {}
    made: set[str] = set()
    stack, seen = [name], {name}
    while stack:
        here = stack.pop(0)
        for after in (b for a, b in graph.edges if a == here and b not in seen):
            seen.add(after)
            operator, label = graph.nodes[after], graph.label(after)
            try:
                uses = uses_of(operator, label, {})
            except GraphError:  # what it takes is not to be seen
                stack.append(after)
                continue
            for column in [*(column for column, _ in uses.taken), *_dropped(operator)]:
                if column not in made:
                    found.setdefault(column, label)
            made.update(uses.renamed.values())
            if not uses.closed:
                stack.append(after)
    return found


def _dropped(operator: Any) -> list[str]:
    """What a node drops has to be there, too."""
    if operator.name != "Pandas" or operator.target.name != "drop":
        return []
    named = operator.params.columns or operator.bound.get("columns") or operator.bound.get("labels") or []
    return [named] if isinstance(named, str) else list(named)


def _begins(node: Any, columns: list[str]) -> dict[str, str]:
    """Column -> what the names of its dummies begin with."""
    prefixes = _of_each(node.bound.get("prefix"), columns, columns)
    separators = _of_each(node.bound.get("prefix_sep"), columns, ["_"] * len(columns))
    return {column: f"{prefixes[column]}{separators[column]}" for column in columns}


def _of_each(given: Any, columns: list[str], default: list[str]) -> dict[str, str]:
    """prefix and prefix_sep as pandas takes them: one for all, a list, or an object."""
    if given is None:
        return dict(zip(columns, default, strict=True))
    if isinstance(given, str):
        return dict.fromkeys(columns, given)
    if isinstance(given, Mapping):
        return {column: str(given.get(column, known)) for column, known in zip(columns, default, strict=True)}
    return dict(zip(columns, [*map(str, given), *default][: len(columns)], strict=True))


def _owns(feature: str, begin: str, known: Iterable[Any] | None) -> bool:
    if not feature.startswith(begin):
        return False
    return known is None or feature[len(begin) :] in {str(value) for value in known}


def _values(label: str, column: str, features: list[str], begin: int, dtype: str) -> list[Any]:
    """The values that the features of a column stand for: numbers where the column has numbers, else texts. dtype "": unknown."""
    texts = [feature[begin:] for feature in features]
    numbers = [_number(text) for text in texts]
    if not dtype:
        return texts if None in numbers else numbers
    if dtype == "bool":
        raise GraphError(
            f'{label}: column \'{column}\' has booleans, which can\'t be categories: put Pandas(params={{"import": "map",'
            f' "kwargs": {{"arg": {{true: "True", false: "False"}}}}, ...}}) before it'
        )
    if dtype not in ("int64", "float64"):
        return texts
    if None in numbers:
        raise GraphError(
            f"{label}: column '{column}' has numbers, and '{features[numbers.index(None)]}', which is taken behind it, is none"
            " of them: train with numbers, too, or make texts of them before it"
        )
    return numbers


def _number(text: str) -> int | float | None:
    """The number that pandas writes as this text, None when there is none."""
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if str(number) == text and number == number:
            return number
    return None
