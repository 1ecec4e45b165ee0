"""NumpyArrays: columns as one array, numpy functions on it, columns again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from rtml_core import Operator, Params, doc
from rtml_core.errors import ParamError, RtmlError

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.symbolic import Symbolic
    from rtml_plugins.numpy_ops.steps import Step

#: agreement of what goes through the machine's mathematical library or a matrix product: (relative, absolute)
TOLERANCE = (1e-9, 1e-9)


class NumpyArraysParams(Params):
    """See NumpyArrays."""

    function: Annotated[str | None, doc('The function of numpy, e.g. "log1p", "sum" or "dot"; or give `steps`.')] = None
    args: Annotated[list[Any], doc("Its arguments after the array, by position.", "a list of values")] = []  # noqa: RUF012
    kwargs: Annotated[dict[str, Any], doc("Its arguments by name.", "an object of argument names and values")] = {}  # noqa: RUF012
    cols: Annotated[
        Any,
        doc(
            'The columns of the array, by name, by position (0 is the first, -1 the last) or by slice ("1:4"); without it, all.',
            "a column, or a list of names, positions and slices, or null",
        ),
    ] = None
    steps: Annotated[
        list[Any] | None,
        doc(
            "Several functions, one after the other, each on what the one before gave.",
            'a list of function names and objects such as {"function": "clip", "args": [0, 1]}',
        ),
    ] = None
    into: Annotated[
        str | list[str] | None,
        doc("Names of the columns that come out; one name for several gives name_0, name_1.", "a column name or a list of them"),
    ] = None

    def validate(self) -> None:
        from rtml_plugins.encoders.values import plain
        from rtml_plugins.numpy_ops.arrays import check_selection

        self.args, self.kwargs = [_listed(value) for value in self.args], {k: _listed(v) for k, v in self.kwargs.items()}
        self.steps = None if self.steps is None else plain(_listed(self.steps))
        if self.cols is not None:
            self.cols = plain(self.cols)
            check_selection(self.cols)
        if (self.function is None) == (not self.steps):
            raise ParamError("parameter 'function' must be given, or 'steps', and not both")
        if self.function is None and (self.args or self.kwargs):
            raise ParamError("parameter 'args' must be left out with 'steps', where each step has its own")
        names = [self.into] if isinstance(self.into, str) else self.into
        if names is not None and (not names or len(set(names)) < len(names)):
            raise ParamError(f"parameter 'into' must hold different names, at least one; got {names!r}")
        self.read()

    def read(self) -> list[Step]:
        """The steps, checked."""
        from rtml_plugins.numpy_ops.steps import read

        if self.function is not None:
            return [read({"function": self.function, "args": self.args, "kwargs": self.kwargs})]
        steps = []
        for number, given in enumerate(self.steps or [], start=1):
            try:
                steps.append(read(given))
            except ParamError as error:
                raise ParamError(f"step {number}: {error}") from None
        return steps


def _listed(value: Any) -> Any:
    """numpy arrays and scalars as lists and numbers, in lists and objects too."""
    if isinstance(value, dict):
        return {name: _listed(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_listed(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value


class NumpyArrays(Operator):
    """Columns as one array, functions of numpy on it, and the array as columns again.

    The array has a row for each row and a column for each of `cols`, in float64; booleans are 0 and 1, missing values NaN.
    In the compiled graph it is one tensor, so a step costs the same for one column and for a hundred.

    Functions of elements: those of a formula (log1p, sqrt, sin, floor, isnan, ...), clip, round, nan_to_num, where; add,
    subtract, multiply, divide, power, mod, minimum, maximum, hypot, arctan2, less, greater, equal and their like take a second
    operand: a number, one number for each column, or other columns, {"cols": [...]}. Functions along the row: sum, mean, std,
    var, median, min, max, ptp, prod, argmin, argmax, norm, any, all, count_nonzero, nansum, nanmean, nanmin, nanmax, cumsum,
    diff, sort, flip, softmax. With constant tables: dot (a vector or matrix), polyval, digitize, searchsorted, interp; and
    take and concatenate, for columns of the array and more of them.

    What comes out is named by `into`. Without it, an array as wide as it was goes back into its columns, and a single column is
    named after the function. Comparisons and tests give booleans; argmin, argmax, count_nonzero, digitize and searchsorted
    int64; all else float64.

    Sums along a row are added in numpy's order, so that they are equal bit by bit; functions of the mathematical library, dot,
    softmax and interp agree within the declared tolerance. What needs other rows, or another shape, is refused.
    """

    Params = NumpyArraysParams

    @classmethod
    def examples(cls) -> list[Any]:
        """One operator, with the edge values of its columns' dtypes as rows."""
        from rtml_core.testing import frame

        rows = frame(price="float?", rows=40)
        return [(cls(function="log1p", cols="price"), rows)]

    def setup(self) -> None:
        from rtml_plugins.numpy_ops.steps import exact

        self.steps = self.params.read()
        if not exact(self.steps):
            self.tolerance = TOLERANCE  # type: ignore[misc]

    @property
    def _selection(self) -> list[str | int] | None:
        from rtml_plugins.numpy_ops.arrays import check_selection

        return None if self.params.cols is None else check_selection(self.params.cols)

    def _place(self, number: int) -> str:
        name = self.steps[number].function
        return f"step {number + 1} ('{name}')" if len(self.steps) > 1 else f"'{name}'"

    def transform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The functions on the frame's columns; the frame itself stays as it is."""
        import warnings

        import numpy as np
        import pandas as pd

        from rtml_core.frames import canonical
        from rtml_plugins.numpy_ops.arrays import from_frame, names_of_result, select
        from rtml_plugins.numpy_ops.steps import run

        frame = canonical(frame)
        known = list(frame.columns)
        names = select(self._selection, known)
        values = from_frame(frame, names)
        for number, step in enumerate(self.steps):
            try:
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # numpy warns of rows that are all NaN
                    values = run(step, values, lambda cols: from_frame(frame, select(cols, known)))
            except RtmlError as error:
                error.args = (f"{self._place(number)}: {error}",)
                raise
        result = names_of_result(names, values.shape[1], self.params.into, self.steps[-1].function, known)
        made = {name: frame[name] for name in known}
        made |= {name: np.ascontiguousarray(values[:, position]) for position, name in enumerate(result)}
        return pd.DataFrame(made, index=frame.index)

    def lower(self, b: Builder, columns: dict[str, Symbolic]) -> dict[str, Symbolic]:
        from rtml_core.lowering.symbolic import unpack
        from rtml_plugins.numpy_ops.arrays import from_columns, names_of_result, select
        from rtml_plugins.numpy_ops.steps import lower

        known = list(columns)
        names = select(self._selection, known)
        values = from_columns(b, columns, names)
        for number, step in enumerate(self.steps):
            try:
                values = lower(step, b, values, lambda cols: from_columns(b, columns, select(cols, known)))
            except RtmlError as error:
                error.args = (f"{self._place(number)}: {error}",)
                raise
        result = names_of_result(names, values.width, self.params.into, self.steps[-1].function, known)
        floats = values.dtype == "float64"
        made = unpack(values.tensor, values.dtype, nullable=floats and values.nan, finite=not floats or values.finite)
        return {**columns, **dict(zip(result, made, strict=True))}
