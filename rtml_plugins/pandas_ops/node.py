"""The Pandas operator: its parameters, its eager form, and the way into its lowerings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from rtml_core import Operator, Params, doc
from rtml_core.errors import ParamError, describe

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic
    from rtml_plugins.pandas_ops.names import Target

#: agreement of what goes through the machine's mathematical library: (relative, absolute)
LIBRARY_TOLERANCE = (1e-13, 1e-13)


class PandasParams(Params):
    """See Pandas."""

    import_: Annotated[
        str,
        doc(
            'The method: a name of DataFrame or Series ("fillna"), of an accessor ("str.lower", "dt.hour"), or a function of'
            ' pandas ("to_datetime").',
            "the name of a pandas method or function",
        ),
    ]
    kwargs: Annotated[dict[str, Any], doc("Arguments of the method by name.", "an object of argument names and values")] = {}  # noqa: RUF012
    args: Annotated[list[Any], doc("Arguments of the method by position.", "a list of values")] = []  # noqa: RUF012
    cols: Annotated[
        str | list[str] | None,
        doc(
            "The column or columns it is applied to, one by one; without it, the whole frame.", "a column name or a list of them"
        ),
    ] = None
    inplace: Annotated[
        bool | str,
        doc(
            "true: the result replaces the column. false: it becomes a new column, named by 'into' or <column>_<method>."
            " A text: the "
            "name of the new column.",
            "true, false or the name of a new column",
        ),
    ] = False
    into: Annotated[
        str | list[str] | None,
        doc("Name or names of the new columns, one for each of 'cols'.", "a column name or a list of them"),
    ] = None
    categories: Annotated[
        dict[str, list[Any]] | None,
        doc("For get_dummies: the fixed vocabulary of each encoded column.", "an object of column names and lists of values"),
    ] = None

    def validate(self) -> None:
        from rtml_plugins.pandas_ops.functions import kept
        from rtml_plugins.pandas_ops.values import to_json

        self.args, self.kwargs = kept(self.import_, self.cols, self.args, self.kwargs)
        self.kwargs = {name: to_json(value, name) for name, value in self.kwargs.items()}
        self.args = [to_json(value, f"number {position + 1}") for position, value in enumerate(self.args)]
        if isinstance(self.inplace, str) and self.into is not None:
            raise ParamError(f"parameter 'into' must be left out when 'inplace' names the column; got {self.into!r}")
        if self.inplace is True and self.into is not None:
            raise ParamError(f"parameter 'inplace' must be false when 'into' names the new column; got into={self.into!r}")
        if self.cols == []:
            raise ParamError("parameter 'cols' must be a column name or a list of them; got an empty list")
        self._check_targets()
        self._check_categories()

    def _check_targets(self) -> None:
        names = self.target_names
        along_rows = self.kwargs.get("axis") in (1, "columns")
        if names is None or self.cols is None or along_rows:
            return
        wanted = len(self.columns or [])
        if len(names) != wanted and not (wanted == 1 and len(names) > 1):
            raise ParamError(f"parameter 'into' must name one new column for each of the {wanted} in 'cols'; got {names!r}")
        if len(set(names)) != len(names):
            raise ParamError(f"parameter 'into' must hold different names; got {names!r}")

    def _check_categories(self) -> None:
        if self.categories is None:
            return
        if self.import_ != "get_dummies":
            raise ParamError(f"parameter 'categories' must be left out: it is for get_dummies, not for '{self.import_}'")
        encoded = self.columns or self.kwargs.get("columns")
        if encoded is not None and not isinstance(encoded, list):
            raise ParamError(f"argument 'columns' must be a list of column names; got {describe(encoded)}")
        spare = [name for name in self.categories if encoded is not None and name not in encoded]
        if spare:
            raise ParamError(f"parameter 'categories' must name columns that are encoded; got '{spare[0]}', which is not")

    @property
    def columns(self) -> list[str] | None:
        """`cols` as a list; None for the whole frame."""
        return [self.cols] if isinstance(self.cols, str) else self.cols

    @property
    def target_names(self) -> list[str] | None:
        """The new columns that the parameters name; None when they name none."""
        given = self.inplace if isinstance(self.inplace, str) else self.into
        return [given] if isinstance(given, str) else given


class Pandas(Operator):
    """Any method of a pandas DataFrame or Series, or function of pandas, on one, several or all columns.

    With `cols`, the method is applied to each of these columns: the result replaces it (`inplace` true) or becomes a new
    column, named by `into` or <column>_<method> ("seen_at" and "dt.hour" give "seen_at_hour"). Without `cols` it is
    applied to the frame, and the result is the frame from there on; a result of one value a row becomes a column.

    Arguments are those of pandas. `other`, `lower`, `upper`, `left`, `right` and the value of fillna may be another
    column: {"column": "name"}, or just its name where the node's own column is not of strings. The condition of `where`
    and `mask` is an expression ("age > 18"), `case_when` takes a list of [condition, value], `others` of str.cat names
    columns, and a value of `assign` or `insert` may be an expression: {"eval": "price / km"}. `drop`, `filter`,
    `rename` and `get_dummies` take `cols` as the columns they are about. `map` and `apply` take a Python function that can be
    read from its source (see the operator Function): of a cell, which is NaN where it is missing as in pandas, or with axis=1 and
    without `cols` of a row, whose cells are Python values.

    What is row-wise compiles, exactly as pandas computes it: arithmetic, comparisons, missing values, map, replace, isin,
    where, mask, case_when, clip, round, astype, cut, eval, to_datetime, to_numeric, parts and roundings of times, text
    methods, sums and the like over the columns of a row (axis=1), and what picks, drops or renames columns. What needs
    other rows (shift, rolling, groupby, dropna, median, ...) runs when authoring and is refused by the compiler, which
    names the operator to use instead. A method that gives several columns for one (str.partition, str.extract,
    dt.isocalendar) names them by `into`, or numbers them.

    Where pandas looks at a whole column or at the memory, a row has an answer of its own: to_datetime reads each text by
    itself, as ISO 8601 in UTC or by its `format`; to_numeric gives float64 for texts, whatever the others hold; sum, mean
    and prod along a row go from the first column to the last; str.split gives the columns that `into` names; intervals of
    `cut` without labels become text. What ONNX can't say exactly (title case, floats as text, patterns that look ahead,
    ...) becomes a Python operator: the package is not portable then, and compile says so.
    """

    Params = PandasParams

    @classmethod
    def examples(cls) -> list[Any]:
        """Operators with rows."""
        from rtml_core.testing import frame

        rows = frame(price="float?", seen_at="timestamp?", title="string?", rows=40)
        examples: list[dict[str, Any]] = [
            {"import": "fillna", "cols": "price", "kwargs": {"value": 1.0}, "inplace": True},
            {"import": "dt.hour", "cols": "seen_at", "into": "hour"},
            {"import": "str.lower", "cols": "title"},
        ]
        return [(cls(params=params), rows) for params in examples]

    def setup(self) -> None:
        """Resolve the method and bind its arguments. Raises UnknownNameError, ParamError."""
        from rtml_core.errors import RtmlError

        try:
            self.target, self.bound = self._resolve()
        except RtmlError as error:
            error.args = (f"{self.name}: {error}",)
            raise
        if self._inexact():
            self.tolerance = LIBRARY_TOLERANCE  # type: ignore[misc]

    def _resolve(self) -> tuple[Target, dict[str, Any]]:
        from rtml_plugins.pandas_ops import functions
        from rtml_plugins.pandas_ops.arguments import normalise
        from rtml_plugins.pandas_ops.names import bind, resolve
        from rtml_plugins.pandas_ops.values import from_json

        kwargs = {name: from_json(value) for name, value in self.params.kwargs.items()}
        target = resolve(self.params.import_, columns=self.params.cols is not None, axis=kwargs.get("axis"))
        bound = bind(target, from_json(self.params.args), normalise(target.name, kwargs))
        bound = normalise(target.name, bound)
        if target.name in functions.METHODS:
            functions.check(target.name, bound)
        return target, bound

    def _inexact(self) -> bool:
        """Whether the method ends in the mathematical library, where numpy and onnxruntime may differ in the last place."""
        from rtml_core.lowering.expressions import uses_functions
        from rtml_core.lowering.functions import PythonFunction

        if self.target.name in ("pow", "rpow", "dt.total_seconds"):
            return True
        function = self.bound.get("func")
        if isinstance(function, PythonFunction):
            return function.inexact
        texts = [value for value in self.bound.values() if isinstance(value, str)] if self.target.name == "eval" else []
        texts += [v["eval"] for v in self.bound.values() if isinstance(v, dict) and set(v) == {"eval"}]
        return any(uses_functions(text) for text in texts)

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Run pandas on the frame; the frame itself stays as it is."""
        from rtml_plugins.pandas_ops.eager import run

        return run(self, frame)

    def lower(self, b: Builder, columns: Mapping[str, Symbolic]) -> dict[str, Symbolic]:
        """Emit ONNX for a row-wise method; NotLowerableError says why for the others."""
        from rtml_plugins.pandas_ops.lower import lower

        return lower(self, b, dict(columns))
