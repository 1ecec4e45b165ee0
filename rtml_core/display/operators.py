"""An operator as a form: each parameter with its value, what it expects and what it means; what the operator has learned."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Final

from markupsafe import Markup

from rtml_core.display import schemas
from rtml_core.display.nodes import label_of, learning_of, plugin_of
from rtml_core.display.parameters import Row, rows_of
from rtml_core.display.pruned import pruned
from rtml_core.display.tables import Cell, folded, joined, parts, table, text, value
from rtml_core.display.wording import count, listed
from rtml_core.errors import RtmlError
from rtml_core.graph import Graph
from rtml_core.operator import Operator
from rtml_core.params import HIDDEN, ParamInfo, describe_params, holds_secret
from rtml_core.plugins import current

_HEAD: Final = Markup("<h4>{}</h4><p>{}</p><p>{}</p>")
_BADGE: Final = Markup('<span class="badge {}">{}</span>')
#: parts of what was learned that are shown, and values of each; fields of a source that are not folded
_ENTRIES: Final = 40
_LEARNED: Final = 300
_FIELDS: Final = 30
_COLUMNS: Final = ("parameter", "value", "must be", "meaning")


def body(operator: Operator) -> Markup:
    """An operator with its parameters."""
    badges = _badges(type(operator), plugin_of(operator), operator.id)
    if learning := learning_of(operator):
        badges += _BADGE.format("good" if learning == "learned" else "warn", learning)
    head = _HEAD.format(text(label_of(operator)), badges, text(_first_line(type(operator))))
    rows = [_line(info, _given(operator, info)) for info in _infos(type(operator))]
    shown = table(f"Parameters of {operator.name}", _COLUMNS, rows) if rows else _NO_PARAMETERS
    return head + shown + _fields(operator) + _inner(operator) + _learned(operator)


def body_of_class(cls: type[Operator]) -> Markup:
    """A class of operators with the parameters that it takes."""
    plugins = current()
    entry = plugins.registry.entry(cls.name) if plugins is not None and cls.name in plugins.registry else None
    plugin = entry.origin.plugin if entry is not None and entry.cls is cls else ""
    head = _HEAD.format(text(cls.name), _badges(cls, plugin, None), text(_first_line(cls)))
    rows = [_line(info, None) for info in _infos(cls)]
    return head + (table(f"Parameters of {cls.name}", ("parameter", "default", *_COLUMNS[2:]), rows) if rows else _NO_PARAMETERS)


_NO_PARAMETERS: Final = Markup('<p class="soft">It has no parameters.</p>')


def _badges(cls: type[Operator], plugin: str, node: str | None) -> Markup:
    told = [f"plugin {plugin}" if plugin else "of no plugin", cls.role, *([f"node {node}"] if node is not None else [])]
    return joined(_BADGE.format("", text(one)) for one in told)


def _first_line(cls: type[Operator]) -> str:
    """The first paragraph of what an operator says of itself."""
    return inspect.cleandoc(cls.__doc__ or "").partition("\n\n")[0].replace("\n", " ")


# ---- parameters --------------------------------------------------------------------------------------------------------------


def _infos(cls: type[Operator]) -> tuple[ParamInfo, ...]:
    try:
        return describe_params(cls.Params)
    except RtmlError:  # an annotation that is none, of an operator that is being written: there is nothing to be said of them
        return ()


def _given(operator: Operator, info: ParamInfo) -> Row | None:
    """The value of a parameter; None when it is the default."""
    if holds_secret(info.type):
        return Row(info.encode_name, HIDDEN)
    found = getattr(operator.params, info.name, None)
    if not info.required and _same(found, info.default):
        return None
    if isinstance(found, Graph) or _is_document(found):
        return Row(info.encode_name, f"a graph of {count(_nodes_in(found), 'node')}")
    return rows_of({info.encode_name: pruned(found)})[0]


def _same(one: Any, other: Any) -> bool:
    """Whether a value is the default; arrays, and whatever else can't be compared, are not."""
    try:
        return one is other or (type(one) is type(other) and bool(one == other))
    except Exception:  # a stranger's __eq__ may do anything
        return False


def _is_document(found: Any) -> bool:
    """Whether a value is the document of a graph."""
    return isinstance(found, Mapping) and "rtml" in found and isinstance(found.get("nodes"), list)


def _nodes_in(found: Any) -> int:
    return len(found.nodes) if isinstance(found, Graph) else len(found["nodes"])


def _line(info: ParamInfo, given: Row | None) -> tuple[object, ...]:
    if given is not None:
        cell = Cell("", value(given))
    elif info.required:
        cell = Cell("default", "required")
    else:
        cell = Cell("default", value(rows_of({info.encode_name: pruned(info.default)})[0]))
    return info.encode_name, cell, info.expected, info.text


# ---- what it holds -----------------------------------------------------------------------------------------------------------


def _fields(operator: Operator) -> Markup:
    """Of a source, the fields of a request that it declares."""
    try:
        declared = operator.source_fields() if operator.role == "source" else None
    except Exception:  # of a stranger's operator
        declared = None
    found = list(declared or ())
    what = f"It declares {count(len(found), 'field')}"
    if len(found) > _FIELDS:
        return folded(what, schemas.fields(found))
    return Markup("<h5>{}</h5>{}").format(what, schemas.fields(found)) if found else Markup("")


def _inner(operator: Operator) -> Markup:
    """The graph inside, as a picture of its own."""
    from rtml_core.display import graphs

    try:
        graph = operator.subgraph()
    except Exception:  # of a stranger's operator
        graph = None
    return folded(f"The graph inside: {count(len(graph.nodes), 'node')}", graphs.body(graph)) if graph is not None else Markup("")


def _learned(operator: Operator) -> Markup:
    try:
        state = operator.state
    except Exception:  # a property of a stranger's
        return Markup("")
    if not isinstance(state, Mapping) or not state:
        return Markup("")
    rows = rows_of({str(name): pruned(value, _LEARNED) for name, value in list(state.items())[:_ENTRIES]})
    return folded(f"It has learned: {listed(_in_short(rows), 6)}", parts(rows))


def _in_short(rows: list[Row]) -> Iterator[str]:
    """Parts of a state, each in a few words: a model by its class."""
    for row in rows:
        yield f"{row.name} {row.text}" if len(row.text) <= 40 else row.name
