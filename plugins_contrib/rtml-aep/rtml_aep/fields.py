"""The fields of a request of a graph that has no source, worked out from its nodes.

A request has the columns that nodes name and no node before them makes. A column is a string, a timestamp or a boolean where a
node that names it says so (see uses). Any other column is a number. Every field may be null.
"""

from __future__ import annotations

from collections.abc import Container

from rtml_aep.uses import KINDS, SAY, Uses, given_as, uses_of
from rtml_core import Column, Graph, Operator
from rtml_core.errors import GraphError, RtmlError


def request_fields(graph: Graph, unsaid: Container[str] = ()) -> dict[str, str]:
    """Field -> type. Raises GraphError naming the node whose columns can't be known, and for a column that is two things.

    unsaid: columns of sources whose kind the nodes say, too.
    """
    said: dict[str, tuple[str, str]] = {}
    found: dict[str, None] = {}
    reached: dict[str, _Reached] = {}
    for name in graph.order():
        operator, label = graph.nodes[name], graph.label(name)
        incoming = _Reached.of([reached[before] for before in graph.before(name)])
        if operator.role == "source":
            reached[name] = incoming.behind_source(operator, unsaid, first=not graph.before(name))
            continue
        uses = uses_of(operator, label, incoming.made)
        for column, kind in uses.taken:
            origin = incoming.origin(column)
            if origin is None:
                continue
            found.setdefault(origin)
            if kind and said.setdefault(origin, (kind, label))[0] != kind:
                before, where = said[origin]
                raise GraphError(f"column '{origin}' is a {before} at {where} and a {kind} at {label}: {SAY}")
        reached[name] = incoming.after(operator, uses)
    if not found:
        raise GraphError(f"no node says which columns a request has: name them in 'features' or 'cols', or {SAY}")
    return {name: f"{KINDS[said.get(name, ('', ''))[0]]}?" for name in found}


class _Reached:
    """The columns that are known behind a node: those of the request by the names they have there, and those that nodes made.

    open: whether other columns of the request pass, too.
    """

    def __init__(self, request: dict[str, str], made: dict[str, Column], is_open: bool):
        self.request, self.made, self.open = request, made, is_open

    @classmethod
    def of(cls, parents: list[_Reached]) -> _Reached:
        """What reaches a node: the request when nothing is before it."""
        request = {name: origin for parent in parents for name, origin in parent.request.items()}
        made = {name: column for parent in parents for name, column in parent.made.items()}
        plain = {name: origin for name, origin in request.items() if name not in made}
        return cls(plain, made, not parents or any(parent.open for parent in parents))

    def origin(self, column: str) -> str | None:
        """The column of the request that this one is; None for one that was made, or that can't be there."""
        if column in self.made or (column not in self.request and not self.open):
            return None
        return self.request.setdefault(column, column)

    def behind_source(self, operator: Operator, unsaid: Container[str], *, first: bool) -> _Reached:
        """What a source adds; a first one says all columns."""
        fields = {entry.name: entry.column for entry in operator.source_fields() or ()}
        made = {name: column for name, column in fields.items() if name not in unsaid}
        request = {name: name for name in fields if name in unsaid}
        return _Reached(self.request | request, self.made | made, self.open and not first)

    def after(self, operator: Operator, uses: Uses) -> _Reached:
        """What comes out of a node."""
        if uses.closed:
            return _Reached({}, {}, False)
        made = self.made | self._made(operator, uses)
        request = {name: origin for name, origin in self.request.items() if name not in made}
        for old, new in uses.renamed.items():
            origin, column = request.pop(old, None), made.pop(old, None)
            if column is not None:
                made[new] = column.renamed(new)
            elif origin is not None:
                request[new] = origin
        return _Reached(request, made, self.open)

    def _made(self, operator: Operator, uses: Uses) -> dict[str, Column]:
        """The columns that a node makes or replaces, as its lowering says; without one the compiler refuses the graph later."""
        given = given_as(uses.taken, self.made)
        try:
            found = operator.schema(given)
        except RtmlError:
            return {name: Column(name, "float64", True) for name in uses.replaced}
        names = set(uses.renamed.values())
        return {
            name: column for name, column in found.items() if (name not in given or name in uses.replaced) and name not in names
        }
