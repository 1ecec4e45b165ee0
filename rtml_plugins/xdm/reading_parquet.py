"""Rows of a Parquet file as JSON texts of documents.

Columns are the fields at the top. What is null is left out, and so is an object of which nothing is left: XDM has no nulls. A
timestamp without a zone means UTC; digits of nanoseconds stay. Decimals become numbers with the digits that they have.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

import msgspec

from rtml_core.errors import describe
from rtml_plugins.xdm.reading_json import Problem, token

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS: Final = 1000


class _Wrong(Exception):
    def __init__(self, message: str) -> None:
        self.at = ""
        self.message = message


#: a value as Arrow gives it -> what msgspec writes as JSON; None: it is left out
_Turn = Callable[[Any], Any]


def texts(stream: io.BufferedReader, name: str) -> Iterator[tuple[bytes, Problem | None]]:
    """The JSON text of each row, or a problem.

    Raises ReadingError for a file that is no Parquet, or has columns of a type that JSON can't say.
    """
    from rtml_plugins.xdm.reading import ReadingError

    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ReadingError(f"{name}: reading Parquet needs pyarrow: pip install 'rtml[parquet]'") from None
    with tempfile.TemporaryFile() as kept:
        source: Any = stream
        if not stream.seekable():
            shutil.copyfileobj(stream, kept)
            source = kept
        try:
            file = pq.ParquetFile(source)
            turn = _turn(pa.struct(list(file.schema_arrow)))
        except (pa.ArrowException, OSError) as error:
            raise ReadingError(f"{name} is no Parquet file that can be read: {error}") from None
        except _Wrong as wrong:
            raise ReadingError(f"{name}: column {wrong.at.lstrip('/')}: {wrong.message}") from None
        encode = msgspec.json.Encoder().encode
        try:
            for batch in file.iter_batches(_ROWS):
                for row in batch.to_pylist(maps_as_pydicts=None):
                    try:
                        yield encode(turn(row) or {}), None
                    except _Wrong as wrong:
                        yield b"", Problem(wrong.at, "type", wrong.message)
        except (pa.ArrowException, OSError) as error:
            raise ReadingError(f"{name} is damaged: {error}") from None


def _turn(kind: pa.DataType) -> _Turn:
    """How values of an Arrow type are written. Raises _Wrong for a type that JSON can't say."""
    import pyarrow.types as at

    if at.is_dictionary(kind):
        return _turn(kind.value_type)
    if at.is_struct(kind):
        return _struct({field.name: _under(field.name, field.type) for field in kind})
    if at.is_map(kind):
        return _map(_turn(kind.item_type))
    if at.is_list(kind) or at.is_large_list(kind) or at.is_fixed_size_list(kind):
        return _list(_turn(kind.value_type))
    if at.is_floating(kind):
        return _float
    if at.is_timestamp(kind):
        return _timestamp
    if at.is_decimal(kind):
        return lambda value: msgspec.Raw(format(value, "f").encode())
    if at.is_date(kind) or at.is_time(kind):
        return lambda value: value.isoformat()
    if at.is_binary(kind) or at.is_large_binary(kind):
        return _binary
    if at.is_boolean(kind) or at.is_integer(kind) or at.is_string(kind) or at.is_large_string(kind) or at.is_null(kind):
        return lambda value: value
    raise _Wrong(f"values of type {kind} have no form in JSON; leave the column out, or write it as text")


def _under(name: str, kind: pa.DataType) -> _Turn:
    try:
        return _turn(kind)
    except _Wrong as wrong:
        wrong.at = f"/{token(name)}{wrong.at}"
        raise


def _struct(fields: dict[str, _Turn]) -> _Turn:
    def turn(value: dict[str, Any]) -> dict[str, Any] | None:
        made = {}
        for name, inner in value.items():
            if inner is not None and (turned := _inside(name, fields[name], inner)) is not None:
                made[name] = turned
        return made or None

    return turn


def _map(item: _Turn) -> _Turn:
    def turn(value: list[tuple[Any, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, inner in value:
            if not isinstance(name, str):
                raise _Wrong(f"a map whose key is {describe(name)}; keys are texts")
            if name in made:
                raise _Wrong(f"a map in which {describe(name)} stands twice")
            if inner is not None:
                made[name] = _inside(name, item, inner)
        return made

    return turn


def _list(item: _Turn) -> _Turn:
    def turn(value: list[Any]) -> list[Any]:
        made = []
        for index, inner in enumerate(value):
            turned = None if inner is None else _inside(str(index), item, inner)
            made.append({} if turned is None and inner is not None else turned)  # places in a list mean something
        return made

    return turn


def _inside(name: str, turn: _Turn, value: Any) -> Any:
    try:
        return turn(value)
    except _Wrong as wrong:
        wrong.at = f"/{token(name)}{wrong.at}"
        raise


def _float(value: float) -> float:
    if not isfinite(value):
        raise _Wrong(f"{value}, which JSON does not have: leave a field without a value null")
    return float(value)


def _timestamp(value: Any) -> str:
    """RFC 3339. value: a datetime, or pandas' Timestamp where there are nanoseconds."""
    text: str = value.isoformat()
    if value.tzinfo is None:
        return text + "Z"
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def _binary(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _Wrong("bytes that are no UTF-8; text is expected") from None
