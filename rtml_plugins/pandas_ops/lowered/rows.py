"""Statistics along a row, axis=1: one value out of the columns of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import onnx_ir as ir

from rtml_core.errors import ColumnError, NotLowerableError
from rtml_core.lowering import rowwise
from rtml_core.lowering.symbolic import Symbolic, lookup, new
from rtml_plugins.pandas_ops.lower import Call
from rtml_plugins.pandas_ops.refusals import not_lowerable

Step = Callable[[Call, bool], Symbolic]


def _place(call: Call, skipna: bool) -> Symbolic:
    """idxmax, idxmin: the name of the column, a lookup over its number."""
    if not skipna:
        raise NotLowerableError("skipna=False fails on every row with a missing value; fill the columns first")
    name = call.name.removeprefix("idx")

    def refuse(ok: ir.Value) -> None:
        call.b.check(ok, f"all of {', '.join(call.columns)} are missing, and none is the {name}imum")

    number = new("int64", rowwise.place(call.b, call.symbols, name, refuse))
    names = tuple(call.columns)
    return lookup(call.b, number, dict(enumerate(names)), names[0], "string", nullable=False, categories=names)


_STEPS: Final[Mapping[str, Step]] = {
    "sum": lambda call, skipna: rowwise.total(call.b, call.symbols, skipna=skipna),
    "mean": lambda call, skipna: rowwise.mean(call.b, call.symbols, skipna=skipna),
    **dict.fromkeys(("prod", "product"), lambda call, skipna: rowwise.product(call.b, call.symbols, skipna=skipna)),
    **dict.fromkeys(("min", "max"), lambda call, skipna: rowwise.extreme(call.b, call.symbols, call.name, skipna=skipna)),
    **dict.fromkeys(("any", "all"), lambda call, skipna: rowwise.truth(call.b, call.symbols, call.name, skipna=skipna)),
    "count": lambda call, skipna: rowwise.count(call.b, call.symbols),
    **dict.fromkeys(("idxmax", "idxmin"), _place),
}
#: methods of a row that compile
ROW_METHODS: Final = tuple(_STEPS)


def along_row(call: Call) -> dict[str, Symbolic]:
    """A statistic with axis=1; without it, it is about all rows and refused."""
    if call.get("axis") not in (1, "columns"):
        raise not_lowerable(call.name)
    call.only("axis", "skipna")
    skipna = call.get("skipna", True)
    if not isinstance(skipna, bool):
        raise NotLowerableError(f"argument 'skipna' must be true or false; got {skipna!r}")
    return {**call.frame, new_name(call): _STEPS[call.name](call, skipna)}


def new_name(call: Call) -> str:
    """The name of the one column that a method of the whole frame gives."""
    named: list[str] | None = call.node.params.target_names
    if named and len(named) != 1:
        raise NotLowerableError(f"'{call.name}' gives one column; 'into' names {len(named)}")
    name = named[0] if named else call.node.target.method
    if not named and name in call.frame:
        raise ColumnError(f"Column '{name}' is there already; name the new one with 'into'")
    return name
