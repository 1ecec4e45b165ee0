"""t.groupby of a recorded frame: statistics of the training rows, to be looked up by a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from rtml_plugins.recording.arguments import is_column, is_recorded, plain
from rtml_plugins.recording.errors import refuse
from rtml_plugins.recording.forms import Method

if TYPE_CHECKING:
    from rtml_plugins.recording.columns import RecordedColumn
    from rtml_plugins.recording.frame import RecordedFrame

#: statistics of groups: one value for each group
STATISTICS: Final = (
    "mean", "median", "min", "max", "sum", "std", "var", "sem", "count", "size", "nunique", "first", "last", "prod", "quantile",
    "agg", "aggregate", "describe", "any", "all", "skew", "value_counts", "unique", "idxmin", "idxmax", "ngroups", "groups",
)  # fmt: skip
_BY_GROUP: Final = (
    "mean", "median", "min", "max", "sum", "std", "var", "sem", "count", "size", "nunique", "first", "last", "prod", "any", "all",
    "skew",
)  # fmt: skip
_HISTORY: Final = (
    "cannot run in real time: it needs other rows of the frame. Compute the value when the event is stored, as a profile"
    " aggregate, and read it with ProfileReader."
)


class Grouped:
    """The groups of the training rows. Statistics of them are constants; transform("mean") looks them up."""

    def __init__(self, frame: RecordedFrame, native: Any, keys: list[RecordedColumn], shown: str):
        self._frame = frame
        self._native = native
        self._keys = keys
        self._shown = shown

    @classmethod
    def of(cls, frame: RecordedFrame, by: Any, options: Mapping[str, Any]) -> Grouped:
        """frame.groupby(by, **options)"""
        names = by if isinstance(by, (list, tuple)) else [by]
        if any(not is_column(name) and is_recorded(name) for name in names) or (callable(by) and not is_column(by)):
            refuse("groupby takes names of columns, or columns of t")
        keys = [name if is_column(name) else frame._column(name) for name in names]
        native_by = [name._native if is_column(name) else name for name in names]
        native = frame._native.groupby(native_by if isinstance(by, (list, tuple)) else native_by[0], **options)
        return cls(frame, native, keys, f"groupby({', '.join(key._value.shown for key in keys)})")

    def __getitem__(self, key: Any) -> Grouped:
        return Grouped(self._frame, self._native[key], self._keys, f"{self._shown}[{key!r}]")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in ("ngroups", "groups"):
            return getattr(self._native, name)
        if name in STATISTICS:
            member = getattr(self._native, name)

            def call(*args: Any, **kwargs: Any) -> Any:
                return self._frame._tape.constant(f"{self._shown}.{name}()", member(*args, **kwargs))

            return call
        if name in self._frame._values:
            return self[name]
        if not hasattr(self._native, name):
            raise AttributeError(f"'groupby' has no attribute '{name}'")
        refuse(f"'groupby.{name}' {_HISTORY}")

    def __iter__(self) -> Any:
        refuse("a loop over groups can't be recorded; take statistics of the groups, or loop over t.frame.groupby(...)")

    def transform(self, func: Any, *args: Any, **kwargs: Any) -> RecordedColumn:
        """The statistic of its group for each row: in a graph, looked up among the groups of the training frame."""
        import pandas as pd

        from rtml_plugins.recording.columns import RecordedColumn

        if not isinstance(func, str) or func not in _BY_GROUP:
            refuse(
                "'groupby.transform' with a function can't be recorded; take the statistic of the groups and look it up, e.g."
                " t[key].map(t.groupby(key)[column].mean()), and go on with that column"
            )
        native = self._native.transform(func, *args, **kwargs)
        if not isinstance(native, pd.Series):
            refuse("'groupby.transform' of several columns can't be recorded; pick one, groupby(...)[\"column\"]")
        found = getattr(self._native, func)(*args, **kwargs)
        if not isinstance(found, pd.Series):
            refuse("'groupby.transform' with as_index=False can't be recorded; leave it out")
        self._frame._tape.constant(f"{self._shown}.{func}()", found)
        key, table = self._looked_up(found)
        shown = "_".join(item._value.shown for item in self._keys)
        hint = f"{self._native.obj.name if isinstance(self._native.obj, pd.Series) else 'group'}_{func}_by_{shown}"
        (value,) = self._frame._tape.record("map", [Method("map", key._value, {"func": table})], [native], hint=hint)
        return RecordedColumn(native, value, self._frame._tape)

    def _looked_up(self, found: Any) -> tuple[RecordedColumn, dict[Any, Any]]:
        """The column to look up, and what stands under each of its values; several keys become one text."""
        values = [plain(value) for value in found.tolist()]
        if len(self._keys) == 1:
            return self._keys[0], dict(zip((plain(group) for group in found.index), values, strict=True))
        groups = [tuple(str(plain(part)) for part in group) for group in found.index]
        between = "|" if not any("|" in part for group in groups for part in group) else "\x1f"
        if any(key._native.dtype.kind in "Mmc" for key in self._keys) or any(
            between in part for group in groups for part in group
        ):
            refuse(
                "'groupby.transform' over several columns can be recorded for texts and numbers; make texts of the columns first"
            )
        texts = [key if _holds_texts(key) else key.astype(str) for key in self._keys]
        joined = texts[0]
        for text in texts[1:]:
            joined = joined + between + text
        return joined, dict(zip((between.join(group) for group in groups), values, strict=True))


def _holds_texts(key: RecordedColumn) -> bool:
    return key._value.column is not None and key._value.column.dtype == "string"
