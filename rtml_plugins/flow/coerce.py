"""Rows as people write them -> a canonical frame of declared fields, by the very rules of the runtime's boundary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rtml_core.columns import MISSING_STRING, Field, missing_column
from rtml_core.errors import ColumnError, InputError, InputProblem, RtmlError, describe

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.runtime.signature import Signature


def coerce(fields: Sequence[Field], data: Any, *, extra: str) -> pd.DataFrame:
    """A frame with a column for each field, in its canonical dtype.

    data: a DataFrame (whose other columns stay, behind the fields: a training frame holds labels), a row {field: value},
    a list of rows, or columns {field: [values]} or {field: {row: value}}. extra: "refuse" or "ignore" other fields of rows.
    Raises InputError naming row, field, expected and got; ColumnError for a column that a frame lacks.
    """
    import pandas as pd

    if isinstance(data, pd.DataFrame):
        return _from_frame(fields, data)
    from rtml_core.runtime.signature import Signature

    signature = Signature.of_fields(fields, ignore_extra=extra == "ignore")
    if isinstance(data, Mapping):
        columns = as_columns(data)
        feed = signature.row(data) if columns is None else signature.columns(_named(fields, columns, extra))
    elif isinstance(data, (list, tuple)):
        feed = signature.rows(data)
    else:
        raise InputError([InputProblem("/", "a frame, a row (an object) or a list of rows", describe(data))])
    return _frame(fields, signature, feed)


def check_defaults(fields: Sequence[Field]) -> None:
    """Raise RtmlError for a default that is no value of its field; columns.parse_signature knows all but timestamps."""
    from rtml_core.timestamps import EXPECTED, parse_timestamp

    for entry in fields:
        if entry.type == "timestamp" and entry.default is not None and parse_timestamp(entry.default) is None:
            raise RtmlError(f"field '{entry.name}': default must be {EXPECTED}; got {entry.default!r}")


def as_columns(data: Mapping[str, Any]) -> dict[str, list[Any]] | None:
    """{field: [values]} and {field: {row: value}} as {field: [values]}; None when the object is one row.

    Rows are those of all columns, in the order in which they first appear; a value that a column lacks is None.
    """
    import numpy as np

    kinds = {type(values) for values in data.values()}
    if data and all(issubclass(kind, (list, tuple, np.ndarray)) for kind in kinds):
        return {name: list(values) for name, values in data.items()}
    if data and all(issubclass(kind, Mapping) for kind in kinds):
        labels = dict.fromkeys(label for values in data.values() for label in values)
        return {name: [values.get(label) for label in labels] for name, values in data.items()}
    return None


def _named(fields: Sequence[Field], columns: Mapping[str, Any], extra: str) -> dict[str, Any]:
    known = {entry.name for entry in fields}
    return {name: values for name, values in columns.items() if name in known or extra != "ignore"}


def _frame(fields: Sequence[Field], signature: Signature, feed: Mapping[str, Any], index: Any = None) -> pd.DataFrame:
    import pandas as pd

    from rtml_core.frames import canonical, from_carrier

    columns = {entry.name: from_carrier(feed[entry.name][:, 0], entry.column.dtype) for entry in fields}
    return canonical(pd.DataFrame(columns, index=index))


def _from_frame(fields: Sequence[Field], frame: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    from rtml_core.frames import canonical

    names = [str(name) for name in frame.columns]
    for entry in fields:
        if entry.name not in names and not entry.optional:
            raise ColumnError(missing_column(entry.name, names))
    frame = canonical(frame)
    slow = [entry for entry in fields if entry.name not in names or not _fits(entry, frame[entry.name])]
    coerced = frame
    if slow:
        from rtml_core.runtime.signature import Signature

        signature = Signature.of_fields(slow)
        given = {e.name: _values(frame[e.name]) if e.name in names else [e.default] * len(frame) for e in slow}
        feed = signature.columns(given)
        coerced = _frame(slow, signature, feed, frame.index)
    done = {entry.name for entry in slow}
    wanted = [entry.name for entry in fields]
    columns = {name: coerced[name] if name in done else frame[name] for name in wanted}
    columns |= {name: frame[name] for name in frame.columns if name not in columns}
    return frame if not slow and list(columns) == list(frame.columns) else pd.DataFrame(columns, index=frame.index)


def _values(series: pd.Series) -> Any:
    """A canonical series as the boundary takes it: arrays where they say it all, else Python values with None."""
    import numpy as np

    if isinstance(series.dtype, np.dtype) and series.dtype.kind in "fiMb" and not series.isna().any():
        return series.to_numpy()
    return series.astype(object).where(series.notna(), None).tolist()


def _fits(entry: Field, series: pd.Series) -> bool:
    """Whether a canonical series is already what the field says, so that no value needs a look."""
    import numpy as np
    import pandas as pd

    if not entry.nullable and series.isna().any():
        return False
    dtype = series.dtype
    if isinstance(dtype, pd.StringDtype):
        texts = set(series.dropna())
        listed = entry.categories is None or texts <= set(entry.categories)
        return entry.type == "string" and listed and _sendable(texts)
    if entry.minimum is not None or entry.maximum is not None:
        return False  # the boundary looks at every number
    if entry.type == "float" or (entry.type == "int" and entry.nullable):
        whole = entry.type == "float" or bool((series.dropna() % 1 == 0).all() and (series.abs().dropna() <= 2**53).all())
        return bool(dtype == np.float64) and not np.isinf(series.to_numpy()).any() and whole
    return str(dtype) == {"int": "int64", "bool": "bool", "timestamp": "datetime64[us]"}.get(entry.type)


def _sendable(texts: Iterable[str]) -> bool:
    """Whether all texts can cross the boundary: no reserved character, nothing that is not UTF-8."""
    try:
        together = "".join(texts)
        together.encode()
    except UnicodeEncodeError:
        return False
    return MISSING_STRING not in together and "\0" not in together
