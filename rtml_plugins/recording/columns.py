"""RecordedColumn: a column of the recorded frame. What is done to it runs on pandas at once, and is recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NoReturn

from rtml_core.errors import close_match
from rtml_plugins.recording import methods, operators
from rtml_plugins.recording.errors import refuse
from rtml_plugins.recording.showing import column_html

if TYPE_CHECKING:
    import pandas as pd

    from rtml_plugins.recording.tape import Tape
    from rtml_plugins.recording.values import Value

#: what looks at a column and changes nothing
LOOKS: Final = (
    "dtype", "dtypes", "size", "shape", "ndim", "index", "head", "tail", "describe", "hasnans", "is_unique", "empty",
    "memory_usage", "info", "sample", "nbytes", "is_monotonic_increasing", "is_monotonic_decreasing", "plot", "hist",
)  # fmt: skip
#: what makes a constant of the rows of the training frame
STATISTICS: Final = (
    "mean", "median", "mode", "std", "var", "sem", "min", "max", "sum", "prod", "product", "count", "quantile", "nunique",
    "unique", "value_counts", "skew", "kurt", "kurtosis", "any", "all", "idxmin", "idxmax", "argmin", "argmax", "agg",
    "aggregate", "corr", "cov", "nlargest", "nsmallest", "item", "first_valid_index", "last_valid_index", "autocorr",
)  # fmt: skip
#: what leaves pandas with one value for each row of the training frame
_VALUES: Final = ("array", "tolist", "to_list", "items", "to_dict", "iloc", "iat", "at", "loc", "keys")


class RecordedColumn:
    """A column that is being recorded. It behaves like the pandas Series that it holds."""

    __slots__ = ("_native", "_of_frame", "_tape", "_value")
    __array_priority__ = 10_000
    __pandas_priority__ = 10_000

    def __init__(self, native: pd.Series, value: Value, tape: Tape, *, of_frame: bool = False):
        """of_frame: it was picked from a frame, so that a change of it in place would change nothing."""
        self._of_frame = of_frame
        self._native = native
        self._value = value
        self._tape = tape

    # ---- what it is -----------------------------------------------------------------------------------------------------

    @property
    def name(self) -> Any:
        """The name of the Series."""
        return self._native.name

    @property
    def series(self) -> pd.Series:
        """The real values, for looking at."""
        return self._native.copy(deep=False)

    def __len__(self) -> int:
        return len(self._native)

    def __dir__(self) -> list[str]:
        return [name for name in dir(self._native) if not name.startswith("_")]

    def __repr__(self) -> str:
        return f"{self._native!r}\n(recorded)"

    def _repr_html_(self) -> str:
        return column_html(self._native)

    # ---- methods --------------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in ("str", "dt", "cat"):
            from rtml_plugins.recording.accessors import accessor

            return accessor(self, name)
        if name in LOOKS:
            return getattr(self._native, name)
        if name in STATISTICS:
            return statistic(self, name)
        if name == "values":
            return methods.call(self, "to_numpy", (), {})
        if name in _VALUES:
            self._no_values(f".{name}")
        if not hasattr(self._native, name):
            raise AttributeError(f"'Series' object has no attribute '{name}'.{close_match(name, dir(self._native))}")
        if not callable(getattr(self._native, name)):
            methods.refuse_method(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return methods.call(self, name, args, kwargs)

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        if name in RecordedColumn.__slots__:
            object.__setattr__(self, name, value)
        elif name == "name":
            self._native = self._native.rename(value)
        else:
            refuse(f"a column has nothing to set under '{name}'; write to the frame, t[...] = ...")

    # ---- operators ------------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        return operators.binary(self, "+", other)

    def __radd__(self, other: Any) -> Any:
        return operators.binary(self, "+", other, reflected=True)

    def __sub__(self, other: Any) -> Any:
        return operators.binary(self, "-", other)

    def __rsub__(self, other: Any) -> Any:
        return operators.binary(self, "-", other, reflected=True)

    def __mul__(self, other: Any) -> Any:
        return operators.binary(self, "*", other)

    def __rmul__(self, other: Any) -> Any:
        return operators.binary(self, "*", other, reflected=True)

    def __truediv__(self, other: Any) -> Any:
        return operators.binary(self, "/", other)

    def __rtruediv__(self, other: Any) -> Any:
        return operators.binary(self, "/", other, reflected=True)

    def __floordiv__(self, other: Any) -> Any:
        return operators.binary(self, "//", other)

    def __rfloordiv__(self, other: Any) -> Any:
        return operators.binary(self, "//", other, reflected=True)

    def __mod__(self, other: Any) -> Any:
        return operators.binary(self, "%", other)

    def __rmod__(self, other: Any) -> Any:
        return operators.binary(self, "%", other, reflected=True)

    def __pow__(self, other: Any) -> Any:
        return operators.binary(self, "**", other)

    def __rpow__(self, other: Any) -> Any:
        return operators.binary(self, "**", other, reflected=True)

    def __and__(self, other: Any) -> Any:
        return operators.binary(self, "&", other)

    def __rand__(self, other: Any) -> Any:
        return operators.binary(self, "&", other, reflected=True)

    def __or__(self, other: Any) -> Any:
        return operators.binary(self, "|", other)

    def __ror__(self, other: Any) -> Any:
        return operators.binary(self, "|", other, reflected=True)

    def __xor__(self, other: Any) -> Any:
        return operators.binary(self, "^", other)

    def __rxor__(self, other: Any) -> Any:
        return operators.binary(self, "^", other, reflected=True)

    def __lt__(self, other: Any) -> Any:
        return operators.binary(self, "<", other)

    def __le__(self, other: Any) -> Any:
        return operators.binary(self, "<=", other)

    def __gt__(self, other: Any) -> Any:
        return operators.binary(self, ">", other)

    def __ge__(self, other: Any) -> Any:
        return operators.binary(self, ">=", other)

    def __eq__(self, other: Any) -> Any:
        return operators.binary(self, "==", other)

    def __ne__(self, other: Any) -> Any:
        return operators.binary(self, "!=", other)

    __hash__ = None  # type: ignore[assignment]

    def __neg__(self) -> Any:
        return operators.unary(self, "-")

    def __pos__(self) -> Any:
        return operators.unary(self, "+")

    def __invert__(self) -> Any:
        return operators.unary(self, "~")

    def __abs__(self) -> Any:
        return methods.call(self, "abs", (), {})

    def __round__(self, digits: int = 0) -> Any:
        return methods.call(self, "round", (digits,), {})

    # ---- numpy ----------------------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from rtml_plugins.recording.numpy_functions import ufunc_called

        return ufunc_called(ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Mapping[str, Any]) -> Any:
        from rtml_plugins.recording.numpy_functions import function_called

        return function_called(function, args, kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._no_values("an array of its values")

    # ---- what a column can't do -----------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Any]:
        self._no_values("a loop over its values")

    def __bool__(self) -> NoReturn:
        refuse(
            "a column is not one truth value: 'if', 'and', 'or', 'not' see one row of a request at a time. Use & | ~ for"
            " conditions, np.where or .where to choose, or apply a function of one cell"
        )

    def __contains__(self, item: Any) -> bool:
        refuse("'in' asks for the labels of rows, and a request has none. Use .isin([...]), or .unique() for the training rows")

    def __getitem__(self, key: Any) -> NoReturn:
        refuse(
            "picking rows of a column can't be recorded: every request gets one answer. Use .where(condition) to keep values,"
            " or t.frame for a statistic of some training rows"
        )

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        refuse('rows of a column can\'t be set like that; write t.loc[condition, "column"] = value')

    def _no_values(self, what: str) -> NoReturn:
        if self._tape.closed:
            refuse(
                f"{what} leaves pandas, and the with block has ended: inside of the block functions such as pd.cut know recorded"
                " columns. To look at the values take t.frame"
            )
        refuse(
            f"{what} leaves pandas: it has one value for each row of this frame, and a request has one row. Use methods of the"
            " column, apply a function of one cell, or look at t.frame. What scales or encodes by training rows comes behind"
            " t.graph: op.Scaler, op.OrdinalEncoder and the like learn in fit"
        )


class RecordedArray(RecordedColumn):
    """What a function of numpy gave: an array, which has fewer methods than a column."""

    __slots__ = ()
    _HAS: Final = ("astype", "clip", "round", "copy", "dtype", "size", "shape", "ndim", "mean", "std", "var", "min", "max", "sum",
                   "any", "all", "prod")  # fmt: skip

    @property
    def name(self) -> Any:
        """An array has no name."""
        raise AttributeError("'numpy.ndarray' object has no attribute 'name'")

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name not in self._HAS:
            if name in ("values", "tolist", "item", "T", "reshape", "ravel", "flatten"):
                self._no_values(f".{name}")
            raise AttributeError(f"'numpy.ndarray' object has no attribute '{name}'; write it to the frame first, t[...] = ...")
        return super().__getattr__(name)

    def __dir__(self) -> list[str]:
        return list(self._HAS)


def statistic(column: RecordedColumn, name: str) -> Any:
    """A statistic of the training rows; what it gives is a constant of the graph."""
    from rtml_plugins.recording.arguments import native_of

    member = getattr(column._native, name)
    called = f"{column._value.shown}.{name}"

    def call(*args: Any, **kwargs: Any) -> Any:
        result = member(*native_of(args), **native_of(kwargs))
        return column._tape.constant(f"{called}({', '.join(map(repr, args))})", result)

    return call
