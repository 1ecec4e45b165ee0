"""Reading schema files: a folder, a file, a bundle (one JSON file with a list of schemas, or a zip). Nothing is ever fetched."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rtml_core.errors import describe
from rtml_plugins.xdm.errors import SchemaError

#: what one file, and all files of one zip, may weigh unpacked, in bytes: XDM's own 365 files weigh 4.5 MB together
MAX_BYTES = 64 * 1024 * 1024
#: how deep a file's JSON may nest: XDM's own deepest has 30 levels
MAX_DEPTH = 200
#: how files are named that hold schemas, and identity descriptors beside them
SUFFIXES = (".schema.json", ".descriptors.json")


@dataclass(frozen=True)
class Found:
    """One JSON object of a source, and where it was: a path, with the place in it where the file holds several."""

    document: dict[str, Any]
    where: str


def read(path: Path) -> Iterator[Found]:
    """All schemas and descriptors of a folder (its *.schema.json and *.descriptors.json, also in folders below), file or bundle.

    Raises SchemaError, naming the file, for what can't be read; a file of a folder that is broken stops the whole folder.
    """
    if path.is_dir():
        yield from _folder(path)
    elif not path.exists():
        raise SchemaError(f"There is no schema file or folder '{path}'.")
    elif zipfile.is_zipfile(path):
        yield from _zip(path)
    else:
        if path.stat().st_size > MAX_BYTES:
            raise SchemaError(f"{path} has {path.stat().st_size:,} bytes; a file of schemas may have {MAX_BYTES:,}.")
        yield from _documents(_parse(path.read_bytes(), str(path)), str(path))


def _folder(path: Path) -> Iterator[Found]:
    files = sorted(file for file in path.rglob("*.json") if file.name.endswith(SUFFIXES) and file.is_file())
    if not files:
        raise SchemaError(f"Folder '{path}' has no file *.schema.json. Give the folder with schema files, or name a file itself.")
    for file in files:
        yield from read(file)


def _zip(path: Path) -> Iterator[Found]:
    left = MAX_BYTES
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(SUFFIXES))
            if not names:
                raise SchemaError(f"Bundle '{path}' has no file *.schema.json in it.")
            for name in names:
                with archive.open(name) as file:
                    data = file.read(left + 1)
                left -= len(data)
                if left < 0:
                    raise SchemaError(
                        f"Bundle '{path}' unpacks to more than {MAX_BYTES:,} bytes, which no bundle of schemas needs."
                    )
                where = f"{path}:{name}"
                yield from _documents(_parse(data, where), where)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:  # damaged, odd compression, encrypted
        raise SchemaError(f"Bundle '{path}' can't be unpacked: {error}") from error


def _parse(data: bytes, where: str) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"), object_pairs_hook=_no_doubles, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise SchemaError(f"{where} is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}.") from error
    except json.JSONDecodeError as error:
        raise SchemaError(f"{where} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}.") from error
    except RecursionError as error:
        raise SchemaError(f"{where} nests deeper than {MAX_DEPTH} levels.") from error
    except ValueError as error:  # refused below, or a number with thousands of digits
        raise SchemaError(f"{where}: {error}") from error


class _Refused(ValueError):
    """What json would take and no schema may hold."""


def _no_constant(name: str) -> Any:
    raise _Refused(f"{name} is not JSON.")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Keys that stand twice are refused, but for words for people, which XDM's own files repeat."""
    found = dict(pairs)
    if len(found) < len(pairs):
        for name, value in pairs:
            if found[name] != value and not name.startswith(("meta:", "title", "description")):
                raise _Refused(f"the key '{name}' stands twice in one object; one of them would be lost.")
    return found


def _documents(value: Any, where: str) -> Iterator[Found]:
    """A schema, a list of schemas, or {"schemas": [...]}."""
    if isinstance(value, dict) and "$id" not in value and isinstance(value.get("schemas"), list):
        value = value["schemas"]
    several = value if isinstance(value, list) else [value]
    for number, document in enumerate(several):
        place = where if value is not several else f"{where}, schema {number + 1}"
        if not isinstance(document, dict):
            raise SchemaError(f'{place}: expected a schema, a JSON object with "$id", got {describe(document)}.')
        check_depth(document, place)
        _check_text(document, place)
        yield Found(document, place)


def _check_text(document: Any, where: str) -> None:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise SchemaError(f"{where} holds half a character (a lone surrogate), which is no text.") from error


def check_depth(document: Any, where: str, limit: int = MAX_DEPTH) -> None:
    """Raise SchemaError for JSON that nests deeper than `limit` levels. Without recursion."""
    level: list[Any] = [document]
    for _ in range(limit):
        level = [
            child
            for value in level
            for child in (value.values() if isinstance(value, dict) else value)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return
    raise SchemaError(f"{where} nests deeper than {limit} levels.")
