"""What a simulator is made from on the command line: a package, a graph, a signature, a profile, or real rows."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rtml_core.errors import RtmlError, describe
from rtml_core.timestamps import format_timestamp, parse_timestamp
from rtml_plugins.flow.simulator import Simulator

if TYPE_CHECKING:
    import pandas as pd

    from rtml_core.columns import Field
    from rtml_core.package import Archive

#: a number without doubt: no leading zero, so that "02134" stays a code
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")
#: parameters of encoders that list the values of their columns
_LISTS: Final = ("categories", "keep", "order")
_KINDS: Final = "a package (.rtml), rows (.csv, .jsonl, .parquet), or JSON (.json) of a signature, a profile or a graph"


def simulator_of(path: str, min_count: int) -> Simulator:
    """A simulator for a file; RtmlError when it is none of these kinds, or nothing can be learned from it."""
    suffix = Path(path).suffix.lower()
    if suffix == ".rtml":
        return of_package(path)
    if suffix == ".json":
        return _of_json(path)
    if suffix in (".csv", ".jsonl", ".ndjson", ".parquet"):
        frame = read_rows(path)
        try:
            return Simulator(min_count=min_count).fit(frame)
        except RtmlError as error:
            raise RtmlError(f"{path}: {error}") from None
    raise RtmlError(f"{path}: rows are simulated from {_KINDS}")


def _bytes(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        what = "does not exist" if isinstance(error, FileNotFoundError) else f"can't be read: {error.strerror}"
        raise RtmlError(f"{path} {what}") from None


def _text(path: str) -> str:
    try:
        return _bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RtmlError(f"{path} is not UTF-8 text") from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


# ---- JSON ---------------------------------------------------------------------------------------------------------------


def _of_json(path: str) -> Simulator:
    try:
        document = _parsed(_text(path))
    except ValueError as error:
        raise RtmlError(f"{path} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise RtmlError(f"{path} must hold an object, a signature, a profile or a graph; got {describe(document)}")
    try:
        if isinstance(document.get("nodes"), list):
            return _of_graph(document)
        if isinstance(document.get("fields"), dict):
            return Simulator(profile=document)
        return Simulator(schema=document)
    except RtmlError as error:
        raise RtmlError(f"{path}: {error}") from None


def _of_graph(document: Mapping[str, Any]) -> Simulator:
    from rtml_core.graph import Graph

    graph = Graph.from_dsl(dict(document))
    sources = [graph.nodes[name] for name in graph.order() if graph.nodes[name].role == "source"]
    for operator in sources:
        if isinstance(operator, Simulator):
            return operator
    fields = {entry.name: entry for operator in sources for entry in operator.source_fields() or ()}
    if not fields:
        raise RtmlError("the graph has no source that declares its fields; simulate from rows instead")
    return _plausible(list(fields.values()), document, [])


# ---- packages -----------------------------------------------------------------------------------------------------------


def of_package(path: str) -> Simulator:
    """The simulator a package was authored on, else one for its fields, from what the graph lists and its sample rows."""
    from rtml_core.package import read_archive

    archive: Archive = read_archive(_bytes(path), path)
    document, sample = json.loads(archive.graph), json.loads(archive.sample)
    for node in document.get("nodes", ()):
        if node.get("operator") == "Simulator":
            simulator = Simulator(params=node.get("params", {}))
            simulator.state = node.get("state")
            return simulator
    return _plausible([entry.field for entry in archive.manifest.fields], document, sample.get("rows", []))


def _plausible(fields: Sequence[Field], document: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Simulator:
    """A simulator of declared fields, with values that a graph's encoders list and that its sample rows have."""
    from rtml_core.columns import signature_spec

    spec = signature_spec(fields)
    for entry in fields:
        details = _details(entry, _listed(document, entry.name), [row.get(entry.name) for row in rows])
        if details:
            known = spec[entry.name]
            spec[entry.name] = {**(known if isinstance(known, dict) else {"type": known}), **details}
    return Simulator(schema=spec)


def _listed(document: Mapping[str, Any], field: str) -> list[str]:
    """Texts that encoders of this field list or have learned."""
    found: list[Any] = []
    for node in document.get("nodes", ()):
        params, state = node.get("params") or {}, node.get("state") or {}
        columns = params.get("cols")
        if field not in ([columns] if isinstance(columns, str) else columns or []):
            continue
        for name in _LISTS:
            for given in (params.get(name), state.get(name)):
                found += given if isinstance(given, list) else (given or {}).get(field, [])
        for pairs in ((state.get("values") or {}).get(field), ((state.get("counts") or {}).get(field) or {}).get("values")):
            found += [pair[0] for pair in pairs if isinstance(pair, list)] if isinstance(pairs, list) else []
    return list(dict.fromkeys(text for text in found if isinstance(text, str) and text))


def _details(entry: Field, listed: list[str], values: list[Any]) -> dict[str, Any]:
    """What is plausible in a field. The outer sixths of sample rows are left out: a third of these rows tries odd values."""
    there = [value for value in values if value is not None]
    if entry.type == "string" and entry.categories is None:
        seen = Counter(value for value in there if isinstance(value, str) and value)
        choices = {text: float(1 + seen[text]) for text in listed}
        choices |= {text: float(count) for text, count in seen.items() if count > 1 and text not in choices}
        return {"choices": choices} if choices else {}
    if entry.type == "timestamp":
        micros = sorted(found for value in there if (found := parse_timestamp(str(value))) is not None)
        inner = micros[len(micros) // 6 : len(micros) - len(micros) // 6]
        return {"range": [format_timestamp(inner[0]), format_timestamp(inner[-1])]} if inner else {}
    if entry.type in ("float", "int"):
        numbers = sorted(value for value in there if isinstance(value, (int, float)) and abs(value) <= 2**53)
        middle = numbers[len(numbers) // 6 : len(numbers) - len(numbers) // 6]
        if not middle:
            return {}
        whole = sum(float(value).is_integer() for value in middle) * 2 > len(middle)
        return {"range": [middle[0], middle[-1]], **({"decimals": 0 if whole else 2} if entry.type == "float" else {})}
    return {}


# ---- rows ---------------------------------------------------------------------------------------------------------------


def read_rows(path: str) -> pd.DataFrame:
    """The rows of a .csv, .jsonl or .parquet file. Cells of a CSV column are numbers or booleans where all of them are."""
    import pandas as pd

    suffix = Path(path).suffix.lower()
    if suffix == ".parquet":
        _bytes(path)
        try:
            return pd.read_parquet(path)
        except ImportError:
            raise RtmlError(f'to read {path} rtml needs pyarrow: pip install "rtml[parquet]"') from None
        except (ValueError, OSError) as error:
            raise RtmlError(f"{path} is no parquet file that can be read: {error}") from None
    if suffix == ".csv":
        return _from_csv(path, _text(path))
    rows = []
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = _parsed(line)
        except ValueError as error:
            raise RtmlError(f"{path}, line {number} is not JSON: {error}") from None
        if not isinstance(row, dict):
            raise RtmlError(f"{path}, line {number} must be a JSON object; got {describe(row)}")
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})


def _from_csv(path: str, text: str) -> pd.DataFrame:
    import pandas as pd

    try:
        lines = [cells for cells in csv.reader(io.StringIO(text), strict=True) if cells]
    except csv.Error as error:
        raise RtmlError(f"{path} is no CSV file that can be read: {error}") from None
    if not lines:
        raise RtmlError(f"{path} is empty: the first line must be a header with the names of the columns")
    header, *rows = lines
    uneven = next((number for number, cells in enumerate(rows, start=2) if len(cells) != len(header)), None)
    if uneven is not None:
        raise RtmlError(f"{path}: row {uneven} does not have {len(header)} cells, as the header has")
    return pd.DataFrame({name: _typed([cells[i] for cells in rows]) for i, name in enumerate(header)})


def _typed(cells: list[str]) -> pd.Series:
    import pandas as pd

    there = [cell for cell in cells if cell]
    convert: Any = str
    if there and all(cell.lower() in ("true", "false") for cell in there):
        convert = "true".__eq__
        cells = [cell.lower() for cell in cells]
    elif there and all(map(_WHOLE.fullmatch, there)):
        convert = int
    elif there and all(map(_NUMBER.fullmatch, there)):
        convert = float
    return pd.Series([convert(cell) if cell else None for cell in cells], dtype=object)
