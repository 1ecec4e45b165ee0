"""The way from a Pandas node to ONNX: pick the method's lowering, fold it into lookups, place the results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rtml_core.errors import ColumnError, NotLowerableError, RtmlError
from rtml_core.lowering.builder import Builder
from rtml_core.lowering.symbolic import Symbolic
from rtml_core.lowering.trace import require_column
from rtml_plugins.pandas_ops.refusals import not_lowerable

if TYPE_CHECKING:
    from rtml_plugins.pandas_ops.node import Pandas


@dataclass(frozen=True)
class Call:
    """One node being lowered: `columns` are the names it works on, `arguments` what the method gets, defaults included."""

    b: Builder
    node: Pandas
    frame: dict[str, Symbolic]
    columns: list[str]
    arguments: dict[str, Any]

    @property
    def name(self) -> str:
        """The method, as the node names it."""
        name: str = self.node.target.name
        return name

    @property
    def whole(self) -> bool:
        """Whether the method is applied to the whole frame."""
        return self.node.params.cols is None

    @property
    def symbols(self) -> list[Symbolic]:
        """The columns it works on."""
        return [require_column(self.frame, column) for column in self.columns]

    def get(self, argument: str, default: Any = None) -> Any:
        """An argument, or its default."""
        return self.arguments.get(argument, default)

    def only(self, *allowed: str) -> None:
        """Refuse arguments that were given and have no compiled form."""
        for argument, value in self.node.bound.items():
            if argument not in allowed and value != self.defaults.get(argument, _ABSENT):
                raise NotLowerableError(f"argument '{argument}' has no compiled form here; leave it out")

    @property
    def defaults(self) -> dict[str, Any]:
        """Defaults of the method's arguments."""
        from rtml_plugins.pandas_ops.names import defaults

        return defaults(self.node.target)

    def one(self, column: str) -> Call:
        """The same call on one of its columns."""
        return replace(self, columns=[column])


_ABSENT = object()


def lower(node: Pandas, b: Builder, frame: dict[str, Symbolic]) -> dict[str, Symbolic]:
    """The node's whole output frame. Raises NotLowerableError with reason and cure, ColumnError for a missing column."""
    from rtml_plugins.pandas_ops.methods import COLUMN_METHODS, FRAME_METHODS, SEVERAL_COLUMNS
    from rtml_plugins.pandas_ops.names import defaults

    name = node.target.name
    columns = node.params.columns
    call = Call(b, node, frame, list(frame) if columns is None else columns, {**defaults(node.target), **node.bound})
    if name in FRAME_METHODS and (columns is None or node.target.on_frame):
        for column in columns or ():
            require_column(frame, column)
        return FRAME_METHODS[name](call)
    method = COLUMN_METHODS.get(name)
    if method is not None or name in SEVERAL_COLUMNS:
        _require_accessor(name, columns or (), frame)
    if name in SEVERAL_COLUMNS and columns is not None:
        return _place_several(call, SEVERAL_COLUMNS[name])
    if name == "to_datetime" and columns is None:
        raise NotLowerableError("puts dates together from columns of the frame here; name the columns of texts in 'cols'")
    if method is None or (node.target.on_frame and columns is not None):
        raise not_lowerable(name, along_rows=call.get("axis") in (1, "columns"))
    return _place(call, method)


#: accessor -> the dtypes that have it, and how to come by one
_ACCESSORS = {
    "str": (("string",), 'make texts of it first, e.g. Pandas(import_="astype", kwargs={"dtype": "str"})'),
    "dt": (("timestamp", "timedelta"), 'read times first, e.g. Pandas(import_="to_datetime")'),
}


def _require_accessor(name: str, columns: Sequence[str], frame: dict[str, Symbolic]) -> None:
    """Refuse a column that has not the accessor of the method, where pandas raises AttributeError."""
    dtypes, cure = _ACCESSORS.get(name.partition(".")[0] if "." in name else "", ((), ""))
    for column in columns if dtypes else ():
        dtype = require_column(frame, column).dtype
        if dtype not in dtypes:
            raise NotLowerableError(f"column '{column}' is {dtype}, and {name} takes a {' or '.join(dtypes)}; {cure}")


def _place(call: Call, method: Any) -> dict[str, Symbolic]:
    from rtml_plugins.pandas_ops.eager import targets

    call.symbols  # noqa: B018 - a missing column is an error before anything is emitted
    names = call.columns if call.whole else targets(call.node, call.columns, list(call.frame))
    results = dict(call.frame)
    if len(names) != len(call.columns):
        raise NotLowerableError(f"gives {len(call.columns)} column(s); 'into' names {len(names)}")
    for name, symbolic in zip(names, _lowered_columns(call, method), strict=True):
        results[name] = symbolic
    return results


def _place_several(call: Call, step: Callable[[Call, Symbolic], list[Symbolic]]) -> dict[str, Symbolic]:
    """A method that gives several columns for each one: named by `into`, or numbered."""
    from rtml_plugins.pandas_ops.eager import targets

    names = targets(call.node, call.columns, list(call.frame))
    named = call.node.params.target_names is not None
    results = dict(call.frame)
    for position, (column, symbolic) in enumerate(zip(call.columns, call.symbols, strict=True)):
        try:
            made = step(call.one(column), symbolic)
        except ColumnError:
            raise
        except RtmlError as error:
            raise at_column(column, error) from error
        chosen = names if len(call.columns) == 1 else [names[position]]
        if len(chosen) != len(made):
            if named and len(made) > 1:
                raise NotLowerableError(f"gives {len(made)} columns; 'into' names {len(chosen)}")
            chosen = chosen if len(made) == 1 else [f"{chosen[0]}_{number}" for number in range(len(made))]
        results.update(zip(chosen, made, strict=True))
    return results


def _lowered_columns(call: Call, method: Any) -> list[Symbolic]:
    """One result a column: through its lookup where it has one, else by the method's lowering, together."""
    from rtml_plugins.pandas_ops.folding import fold

    folded: dict[str, Symbolic] = {}
    if method.foldable and not call.whole:
        for column, symbolic in zip(call.columns, call.symbols, strict=True):
            made = fold(call, column, symbolic)
            if made is not None:
                folded[column] = made
    rest = [column for column in call.columns if column not in folded]
    if rest:
        folded.update(zip(rest, method.lower(replace(call, columns=rest)), strict=True))
    return [folded[column] for column in call.columns]


def at_column(column: str, error: RtmlError) -> NotLowerableError:
    """The refusal of one column, which it names."""
    text = str(error)
    return NotLowerableError(text if text.startswith(("column '", "cannot ")) else f"column '{column}': {text}")
