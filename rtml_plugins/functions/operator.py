"""Function: a Python function of the author, row by row, as new columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from rtml_core import Operator, Params, doc
from rtml_core.columns import missing_column
from rtml_core.errors import ColumnError, ExecutionError, ParamError, describe
from rtml_core.lowering.functions import PythonFunction

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic

#: agreement of functions that go through the machine's mathematical library: (relative, absolute)
LIBRARY_TOLERANCE = (1e-13, 1e-13)


class FunctionParams(Params):
    """See Function."""

    function: Annotated[
        Any,
        doc("The function: a def, a lambda, a functools.partial; in JSON the object that it was read into.", "a function"),
    ]
    into: Annotated[
        str | list[str] | None,
        doc(
            "The new column; several for a function that returns a tuple. By default the function's name, or the keys of the dict"
            " that it returns. A column of that name is replaced.",
            "a column name or a list of them",
        ),
    ] = None
    cols: Annotated[
        list[str] | None,
        doc("The columns that its arguments take, in order; by default those of the arguments' names.", "a list of column names"),
    ] = None

    def validate(self) -> None:
        function = PythonFunction.read(self.function)
        if function.row:
            raise ParamError("parameter 'function' must take cells, not a row; for rows there is Pandas \"apply\" with axis=1")
        self.function = function.to_json()
        if not function.args:
            raise ParamError("parameter 'function' must take an argument at least: a column")
        if self.cols is not None and len(self.cols) != len(function.args):
            raise ParamError(
                f"parameter 'cols' must name a column for each of {', '.join(function.args)}; got {describe(self.cols)}"
            )
        self._check_into(function)

    def _check_into(self, function: PythonFunction) -> None:
        if self.into is None and function.result_names is None and not function.name.isidentifier():
            raise ParamError("parameter 'into' must name the new column: a lambda has no name")
        if isinstance(self.into, list) and (not self.into or len(set(self.into)) < len(self.into)):
            raise ParamError(f"parameter 'into' must hold different names; got {describe(self.into)}")
        if self.into is not None and function.result_names is not None:
            raise ParamError("parameter 'into' must be left out: the keys of the dict that the function returns name the columns")


class Function(Operator):
    """A Python function, row by row: its arguments are columns, its answer is a new column.

    Arguments are the columns of their names, or those in `cols`; one that has a default, or that a functools.partial gave, is
    a constant. A cell is an int, float, bool, str or pandas Timestamp, and None where it is missing; an answer of None or NaN
    is a missing cell. A function that returns a tuple fills the columns that `into` lists; one that returns a dict with the
    same keys everywhere, the columns of these names.

    The function is read from its source when the node is made, never pickled: assignments, if, elif and else, conditional
    expressions, arithmetic, comparisons, and, or, not, in, methods of texts, functions of math, loops over constants, early
    return, raise and assert, calls of other such functions. Constants that it closes over are taken as they are then. What
    can't be read is refused at its line. Compiled, every branch becomes part of the graph, and rows in which the function would
    raise are refused. Whole numbers are those of int64: a row that goes beyond them is refused, too. Exact, but for functions of
    math and powers, which agree to 1e-13.
    """

    Params = FunctionParams

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator with rows."""
        from rtml_core.testing import frame

        return [(cls(function=lambda visits: visits * 2 if visits < 1000 else 0, into="eager"), frame(visits="int", rows=40))]

    def setup(self) -> None:
        """Build the tree; a function that goes through the mathematical library has a tolerance."""
        self.function = PythonFunction(self.params.function)
        if self.function.inexact:
            self.tolerance = LIBRARY_TOLERANCE  # type: ignore[misc]

    @property
    def sources(self) -> list[str]:
        """The columns that its arguments take."""
        return self.params.cols or self.function.args

    @property
    def several(self) -> list[str] | None:
        """The columns that its answer is unpacked into; None when the answer is one column."""
        if self.function.result_names is not None:
            return self.function.result_names
        return self.params.into if isinstance(self.params.into, list) else None

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Call the function for every row. Raises ExecutionError naming the row in which it raises."""
        from rtml_core.frames import canonical
        from rtml_core.lowering.functions.rows import cells, column, run_rows

        for name in self.sources:
            if name not in frame.columns:
                raise ColumnError(missing_column(name, map(str, frame.columns)))
        given = canonical(frame[list(dict.fromkeys(self.sources))])
        columns = {arg: cells(given[name], None) for arg, name in zip(self.function.args, self.sources, strict=True)}
        answers = run_rows(self.function, columns, len(frame))
        made = frame.copy(deep=False)
        for name, values in self._unpacked(answers).items():
            made[name] = column(values, frame.index, name, lambda name=name: self._dtype(given, name))  # type: ignore[misc]
        return made

    def _unpacked(self, answers: list[Any]) -> dict[str, list[Any]]:
        names = self.several
        if names is None:
            odd = next((answer for answer in answers if isinstance(answer, (tuple, list, dict, set))), None)
            if odd is not None:
                raise ExecutionError(f"'{self.function.name}' gives {describe(odd)}; name its columns in a list, 'into'")
            return {self.params.into or self.function.name: answers}
        rows = [list(map(answer.get, names)) if isinstance(answer, dict) else answer for answer in answers]
        odd = next((row for row in rows if not isinstance(row, (tuple, list)) or len(row) != len(names)), None)
        if odd is not None or any(row is None for row in rows):
            raise ExecutionError(f"'{self.function.name}' gives {describe(odd)}; wanted are {len(names)} values in every row")
        return {name: [row[place] for row in rows] for place, name in enumerate(names)}

    def _dtype(self, frame: pd.DataFrame, name: str) -> str:
        """The dtype that the compiled form gives a column, for frames in which every row of it is missing."""
        from rtml_core.frames import schema_of
        from rtml_core.lowering.scratch import lower_alone

        return lower_alone(self, schema_of(frame)).result[name].dtype

    def lower(self, b: Builder, columns: Mapping[str, Symbolic]) -> dict[str, Symbolic]:
        """The function's branches as conditions. Raises NotLowerableError with line, reason and cure."""
        from rtml_core.lowering.trace import require_column

        given = [require_column(dict(columns), name) for name in self.sources]
        names = self.several
        made = self.function.lower(b, given, "none", names)
        return {**columns, **dict(zip(names or [self.params.into or self.function.name], made, strict=True))}

    def __repr__(self) -> str:
        return f"Function({self.function.name}, into={self.params.into!r}, cols={self.params.cols!r})"
