"""Writes docs/reference/what-lowers-pandas.md: every public name of pandas, what it becomes, or why it does not compile.

The table is made by compiling an example of every method; what it says of exactness is what the operator declares, and the
tests hold it against pandas on the examples' rows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pandas_examples import COLUMN, IN_WORDS, WHOLE, example

from rtml_core.assemble import assemble, kind_of
from rtml_core.errors import RtmlError
from rtml_core.frames import schema_of
from rtml_core.lowering.scratch import lower_alone
from rtml_plugins.pandas_ops import catalogue
from rtml_plugins.pandas_ops.lowered.python_only import FALLBACKS
from rtml_plugins.pandas_ops.methods import compiled_methods
from rtml_plugins.pandas_ops.names import all_names
from rtml_plugins.pandas_ops.refusals import NO_EXACT_FORM

FORMS = ("column", "list", "frame")
#: why a method that declares a tolerance is not equal bit by bit
_LIBRARY = "the machine's mathematical library may differ in the last digit"
_SPECIAL = {
    "pow": f"squares, roots and whole powers of whole numbers are exact; of others {_LIBRARY}",
    "rpow": _LIBRARY,
    "dt.total_seconds": "the last digit of a division",
    "eval": f"exact; with functions such as exp and with `**`, {_LIBRARY}",
    "assign": f"exact; with functions such as exp and with `**`, {_LIBRARY}",
    "sum": "exact: added from the first column to the last, which pandas leaves to the memory's order",
    "mean": "exact: added from the first column to the last, which pandas leaves to the memory's order",
    "prod": "exact: multiplied from the first column to the last, which pandas leaves to the memory's order",
    "product": "exact: multiplied from the first column to the last, which pandas leaves to the memory's order",
}
_LABELS = "A request has no labels of rows. Pick and name columns with `filter`, `drop`, `rename` and `reindex`."
#: group -> title, and what is said of each name
_REASONS: dict[str, tuple[str, Mapping[str, str]]] = {
    "no exact form": ("Row-wise, but without an exact form", NO_EXACT_FORM),
    "needs other rows": ("Needs other rows", catalogue.OTHER_ROWS),
    "needs all rows": ("Needs all rows", catalogue.ALL_ROWS),
    "changes the rows": ("Changes which rows there are", catalogue.CHANGES_ROWS),
    "about labels of rows": ("About the labels of rows", dict.fromkeys(catalogue.LABELS, _LABELS)),
    "gives no column": ("Gives no column", catalogue.NO_COLUMN),
    "about categories": ("About categorical columns, which a frame between two nodes has not", catalogue.CATEGORIES),
    "takes a function": ("Takes a function", {}),
    "outside the graph": ("Reads or writes outside the graph", {}),
}


@dataclass(frozen=True)
class Line:
    """One method: the forms in which it compiles, how exact it is, by which kinds of ONNX operators, and how many of them."""

    name: str
    forms: tuple[str, ...]
    exactness: str
    kinds: tuple[str, ...]
    nodes: int
    arguments: dict[str, Any]


def became(node: Any, rows: Any) -> tuple[set[str], int]:
    """Kinds of the ONNX operators that a node lowered alone becomes, and their number."""
    lowered = lower_alone(node, schema_of(rows))
    b = lowered.builder
    made = {f"out:{name}": b.take(s.tensor, [s.index]) for name, s in lowered.result.items() if s.tensor.producer() is not None}
    if not made and not b.checks:
        return set(), 0
    assembled = assemble(b, made)
    return {kind_of(domain, assembled.custom_ops) for domain, _ in assembled.ops}, assembled.node_count


def line(name: str) -> Line:
    """What the examples of a method say."""
    found = {form: made for form in FORMS if (made := example(name, form)) is not None}
    if not found:
        raise RtmlError(f"'{name}' compiles and has no example: add one to docs/_ext/pandas_examples.py")
    node, rows = next(iter(found.values()))
    kinds, nodes = became(node, rows)
    tolerance = node.tolerance
    if name in FALLBACKS or name in ("astype", "str.extract"):
        kinds.add("python")
    declared = "exact" if tolerance == (0.0, 0.0) else f"within {tolerance[0]:g}: {_LIBRARY}"
    if name in _SPECIAL:
        declared = _SPECIAL[name] if tolerance == (0.0, 0.0) else f"within {tolerance[0]:g}: {_SPECIAL[name]}"
    arguments = COLUMN[name][1] if name in COLUMN else WHOLE[name][1]
    return Line(name, tuple(found), declared, tuple(sorted(kinds)), nodes, arguments)


def page() -> str:
    """The page as Markdown."""
    lines = [line(name) for name in compiled_methods()]
    text = [
        "# Methods of pandas",
        "",
        "Every public method and function of pandas, generated from what the operator [Pandas](operators/Pandas.md) declares, by",
        "compiling an example of each. `rtml compile --explain` says the same of a graph of yours.",
        "",
        f"Of {len(all_names())} names {len(lines)} compile.",
        "",
        "## What compiles",
        "",
        "*Forms*: `cols` with one column, with a list, or the whole frame. *Exact* means equal to pandas bit by bit (0.0",
        "and -0.0 count as equal, and texts are those of pandas' Python strings, not pyarrow's), on every",
        "row, missing values, infinities and all of Unicode included. *ONNX*: `core` operators, those of onnxruntime-extensions",
        "(`extension`), or an operator that runs `python`, with which a package is not portable; and how many nodes the example",
        "in the last column takes by itself. In a graph they are fewer: neighbours share, and lookups fold into one.",
        "",
        "| method | column | list | frame | exactness | ONNX | example |",
        "|---|---|---|---|---|---|---|",
        *[_row(entry) for entry in lines],
        "",
        "Arguments that an example does not show mostly compile too; what does not is refused when compiling, with the",
        "argument's name, the reason and what to write instead. With `axis` 1, `sum` and its kin are about one row's columns.",
        "",
        "## What is refused",
        "",
    ]
    for group, (title, _) in _REASONS.items():
        text += [f"### {title}", "", *refused(group), ""]
    return "\n".join(text)


def _row(entry: Line) -> str:
    kinds = " + ".join(kind if kind != "python" or len(entry.kinds) == 1 else "python for the rest" for kind in entry.kinds)
    onnx = f"{kinds}, {entry.nodes}" if kinds else "no node"
    marks = ["yes" if form in entry.forms else "" for form in FORMS]
    cells = (f"`{entry.name}`", *marks, entry.exactness, onnx, f"`{shown(entry)}`" if entry.arguments else "")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') or ' ' for cell in cells)} |"


def shown(entry: Line) -> str:
    """Arguments as JSON, keys that are no text included; a Python function as one writes it."""
    from rtml_plugins.pandas_ops.values import to_json

    arguments = entry.arguments
    return IN_WORDS.get(entry.name) or json.dumps(
        {name: to_json(value, name) for name, value in arguments.items()}, ensure_ascii=False
    )


def refused(group: str) -> list[str]:
    """Lines for the names of a group: those with one cure together."""
    names = [name for name in all_names() if _group(name) == group]
    if group == "outside the graph":
        return [f"Refused when the node is written: {_code(names)}."]
    if group == "takes a function":
        return [f"{_code(names)} take functions of whole columns; map and apply take readable ones, of a cell or a row."]
    together: dict[str, list[str]] = {}
    for name in names:
        together.setdefault(_REASONS[group][1][name], []).append(name)
    return [
        "| names | why, or what to use |",
        "|---|---|",
        *[f"| {_code(members)} | {why} |" for why, members in together.items()],
    ]


def _group(name: str) -> str:
    try:
        return catalogue.group_of(name)
    except KeyError:
        raise RtmlError(f"'{name}' of pandas is in no group of rtml_plugins.pandas_ops.catalogue") from None


def _code(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def write(target: Path, text: str) -> None:
    """Write the page when it changed."""
    if not target.exists() or target.read_text() != text:
        target.write_text(text)


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("builder-inited", lambda built: write(Path(built.srcdir) / "reference" / "what-lowers-pandas.md", page()))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
