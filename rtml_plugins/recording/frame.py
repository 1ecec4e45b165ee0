"""RecordedFrame: a DataFrame whose statements run on pandas at once and become the nodes of a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from rtml_core.columns import missing_column
from rtml_core.errors import close_match
from rtml_plugins.recording.arguments import constants, is_column, is_scalar, native_of, plain, refuse_rows
from rtml_plugins.recording.columns import RecordedColumn
from rtml_plugins.recording.errors import asked_by, refuse
from rtml_plugins.recording.forms import Constantly
from rtml_plugins.recording.showing import frame_html
from rtml_plugins.recording.tape import Tape, TrainingConstants, about_label
from rtml_plugins.recording.values import Value

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.graph import Graph

#: what looks at a frame and changes nothing
LOOKS: Final = (
    "dtypes", "shape", "size", "ndim", "index", "describe", "info", "memory_usage", "empty", "keys", "plot", "hist",
    "boxplot", "corr", "cov", "value_counts", "axes", "duplicated", "style", "attrs",
)  # fmt: skip


def record(
    frame: pd.DataFrame, label: str | Sequence[str] | None = None, schema: Mapping[str, Any] | None = None
) -> RecordedFrame:
    """Record pandas: what is written on the frame that comes back runs on pandas, and becomes a graph.

        with rtml.record(df, label="bought") as t:
            t["hour"] = t["seen_at"].dt.hour
        graph = t.graph >> op.ScikitLearn(model=model, label="bought")
        graph.fit(df)

    label: the column (or columns) to learn, which no request has. schema: types of fields, as in Receiver, where they should be
    others than those that the frame shows. Raises RecordingError at the line that can't be recorded, with the cure.
    """
    tape = Tape(frame, label, schema)
    return RecordedFrame._of(tape.frame.copy(), dict(tape.sources), tape)


class RecordedFrame:
    """A DataFrame that is being recorded. `graph` is the graph of its columns, `frame` the real DataFrame."""

    __slots__ = ("_native", "_tape", "_values")
    __array_priority__ = 10_000
    __pandas_priority__ = 10_000
    _native: pd.DataFrame
    _values: dict[Any, Value]
    _tape: Tape

    @classmethod
    def _of(cls, native: pd.DataFrame, values: Mapping[Any, Value], tape: Tape) -> RecordedFrame:
        """A frame with these columns; `values` has one for each, under the same names."""
        made = cls.__new__(cls)
        object.__setattr__(made, "_native", native)
        object.__setattr__(made, "_values", {name: values[name] for name in native.columns})
        object.__setattr__(made, "_tape", tape)
        return made

    # ---- the recording --------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        from rtml_plugins.recording.wrapping import wrap

        wrap()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        from rtml_plugins.recording.wrapping import unwrap

        unwrap()
        self._tape.closed = True
        if kind is None and self._tape.unseen:
            from rtml_plugins.recording.emitting import refuse_label

            refuse_label(self._tape, self._native)

    @property
    def graph(self) -> Graph:
        """A new graph: a Receiver of the fields, the operations, and at its end the columns of this frame, without labels."""
        from rtml_plugins.recording.emitting import graph_of

        return graph_of(self._tape, self._values, self._native)

    @property
    def frame(self) -> pd.DataFrame:
        """The real DataFrame with all columns, labels too, to train on and to look at."""
        return self._native.copy(deep=False)

    @property
    def constants(self) -> TrainingConstants:
        """What was computed from the training frame: it stands in the graph as a constant."""
        return TrainingConstants(self._tape.constants)

    # ---- columns --------------------------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Any:
        from rtml_plugins.recording.framewise import picked

        if isinstance(key, (str, int)) and not isinstance(key, bool):
            return self._column(key)
        if is_column(key) or (isinstance(key, slice) and key != slice(None)):
            refuse_rows_picked()
        if isinstance(key, RecordedFrame):
            refuse("a frame of conditions can't be recorded; use .where on the columns")
        return picked(self, self._native[key] if not isinstance(key, slice) else self._native)

    def _column(self, name: Any) -> RecordedColumn:
        if name not in self._values:
            raise KeyError(missing_column(name, map(str, self._values)))
        return RecordedColumn(self._native[name], self._values[name], self._tape, of_frame=True)

    def __setitem__(self, key: Any, value: Any) -> None:
        if isinstance(key, (str, int)) and not isinstance(key, bool):
            self._set(key, value)
        elif is_column(key) or isinstance(key, RecordedFrame):
            refuse('rows can\'t be set like that; write t.loc[condition, "column"] = value')
        else:
            self._set_several(constants(key), value)

    def _set(self, name: Any, value: Any) -> None:
        self._tape.check_open()
        if isinstance(value, RecordedFrame):
            if len(value._values) != 1:
                refuse(f"one column takes one column; this frame has {len(value._values)}. Name as many, t[[...]] = ...")
            value = value._column(next(iter(value._values)))
        if name in self._tape.labels:
            self._set_label(name, value)
            return
        if is_column(value):
            made = value._value
        elif is_scalar(value) or hasattr(value, "isoformat"):
            made = self._constant(name, plain(value))
        else:
            refuse_rows(value)
        if made.refusal is not None:
            refuse(made.refusal)
        if not self._tape.knows(made):
            refuse("a column of another recording can't be part of this one; record both in one block")
        self._native[name] = native_of(value)
        self._values[name] = made
        made.named(str(name))

    def _set_label(self, name: Any, value: Any) -> None:
        self._tape.unseen = [label for label in self._tape.unseen if label != name]
        self._native[name] = native_of(value)
        self._values[name] = Value(None, self._native[name], str(name), refusal=about_label(name), is_label=True)

    def _constant(self, name: Any, value: Any) -> Value:
        native = self._native[[]].assign(x=value)["x"]
        beside = next((item for item in self._tape.sources.values() if item.refusal is None), None)
        if beside is None:
            refuse("a constant column needs a frame with at least one field")
        return self._tape.record("assign", [Constantly(value, beside)], [native], hint=str(name))[0]

    def _set_several(self, names: Sequence[Any], value: Any) -> None:
        if isinstance(value, RecordedFrame):
            if len(value._values) != len(names):
                refuse(f"{len(names)} columns take {len(names)} columns; this frame has {len(value._values)}")
            columns = [value._column(name) for name in value._values]
        elif is_scalar(value):
            columns = [value for _ in names]
        elif isinstance(value, (list, tuple)) and len(value) == len(names) and all(is_scalar(item) for item in value):
            columns = list(value)
        else:
            refuse_rows(value)
        for name, column in zip(names, columns, strict=True):
            self._set(name, column)

    def __delitem__(self, name: Any) -> None:
        del self._native[name]
        del self._values[name]

    def __contains__(self, name: Any) -> bool:
        return name in self._values

    def __iter__(self) -> Iterator[Any]:
        return iter(self._native.columns)

    def __len__(self) -> int:
        return len(self._native)

    # ---- attributes -----------------------------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        from rtml_plugins.recording import framewise
        from rtml_plugins.recording.looking import PICKS, picked
        from rtml_plugins.recording.methods import refuse_method

        if name.startswith("_"):
            raise AttributeError(name)
        if name in LOOKS:
            return getattr(self._native, name)
        if name in PICKS:
            return picked(self._native, name)
        if name == "iloc" and asked_by("sklearn"):
            self.__array__()
        if name == "values":
            return self.to_numpy()
        method = framewise.METHODS.get(name)
        if method is not None:

            def call(*args: Any, **kwargs: Any) -> Any:
                return method(self, *args, **kwargs)

            return call
        if not hasattr(type(self._native), name):
            if name in self._values:
                return self._column(name)
            raise AttributeError(f"'DataFrame' object has no attribute '{name}'.{close_match(name, dir(self._native))}")
        refuse_method(name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "columns":
            from rtml_plugins.recording.framewise import replaced

            replaced(self, self._native.set_axis(native_of(value), axis=1), list(self._values.values()))
        elif name in self._values:
            self[name] = value
        else:
            refuse(f"a frame takes columns as items; write t[{name!r}] = ...")

    @property
    def columns(self) -> Any:
        """Names of the columns."""
        return self._native.columns

    @property
    def loc(self) -> Any:
        """t.loc[condition, "column"] = value, and t.loc[:, "column"]."""
        from rtml_plugins.recording.locating import Located

        return Located(self)

    def __dir__(self) -> list[str]:
        return sorted({"graph", "frame", "constants", *(name for name in dir(self._native) if not name.startswith("_"))})

    def __repr__(self) -> str:
        return f"{self._native!r}\n(recorded: {len(self._tape.steps)} operations)"

    def _repr_html_(self) -> str:
        return frame_html(self._native, len(self._tape.steps))

    # ---- operators ------------------------------------------------------------------------------------------------------

    def __invert__(self) -> Any:
        return self._each(lambda column: ~column)

    def __neg__(self) -> Any:
        return self._each(lambda column: -column)

    def __abs__(self) -> Any:
        return self._each(abs)

    def _each(self, function: Callable[[RecordedColumn], Any]) -> RecordedFrame:
        from rtml_plugins.recording.framewise import each

        return each(self, function)

    __hash__ = None  # type: ignore[assignment]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if len(inputs) == 1 and method == "__call__" and not kwargs:
            return self._each(ufunc)
        refuse(f"np.{ufunc.__name__} of frames can't be recorded; use it on the columns")

    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> NoReturn:
        refuse(
            f"np.{function.__name__} of a frame can't be recorded; use it on the columns, or the method of the frame with axis=1"
        )

    def __array__(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse(
            "an array of the frame's values leaves pandas, and a request has one row; use methods of the columns. What scales or"
            " encodes by training rows comes behind the graph and learns in fit: t.graph >> op.ScikitLearn(model=...,"
            " features=[...]), op.Scaler, op.OneHotEncoder"
        )

    def __bool__(self) -> NoReturn:
        refuse("a frame is not one truth value; ask for a column, or for len(t)")


class RecordedTable(RecordedFrame):
    """What `.values` of a frame gives: a table of numpy, whose columns go by their place."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, tuple) or len(key) != 2 or key[0] != slice(None) or not isinstance(key[1], int):
            refuse("of a table a column can be taken, values[:, 0]; rows can't: a request has one row")
        return self._column(list(self._values)[key[1]]).to_numpy()

    def __iter__(self) -> Iterator[Any]:
        refuse("a loop over rows can't be recorded: a request has one row; use methods of the columns, or apply with axis=1")


def refuse_rows_picked() -> NoReturn:
    """Raise RecordingError for a selection of rows."""
    from rtml_plugins.pandas_ops.refusals import not_lowerable

    refuse(f"picking rows {not_lowerable('query')} For a statistic of some training rows take t.frame[...]")


def _operator(sign: str, *, reflected: bool = False) -> Callable[[RecordedFrame, Any], Any]:
    def method(self: RecordedFrame, other: Any) -> Any:
        from rtml_plugins.recording.framewise import combined

        return combined(self, sign, other, reflected=reflected)

    return method


def _define_operators() -> None:
    names = {"+": "add", "-": "sub", "*": "mul", "/": "truediv", "//": "floordiv", "%": "mod", "**": "pow", "&": "and", "|": "or",
             "^": "xor"}  # fmt: skip
    for sign, name in names.items():
        setattr(RecordedFrame, f"__{name}__", _operator(sign))
        setattr(RecordedFrame, f"__r{name}__", _operator(sign, reflected=True))
    for sign, name in {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}.items():
        setattr(RecordedFrame, f"__{name}__", _operator(sign))


_define_operators()
