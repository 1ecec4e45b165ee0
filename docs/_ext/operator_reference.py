"""Writes docs/reference/operators from the registry: a page for each operator, and the list of them.

The docstring of an operator and the declarations of its parameters are its documentation; nothing is written twice.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from rtml_core.operator import Operator
from rtml_core.params import ParamInfo, describe_params
from rtml_core.plugins import plugins
from rtml_core.registry import Entry

_ROLES = {
    "source": "source: makes the frame out of a request",
    "transform": "transform: frame in, frame out",
    "model": "model",
    "sink": "sink: takes the outputs away",
    "authoring": "authoring: for training and testing, never compiled",
}
_FORMS = {
    "core": "yes, to standard ONNX operators",
    "extension": "yes, partly to operators of onnxruntime-extensions",
    "function": "yes, to ONNX functions that travel in the model",
    "python": "yes, to an operator that runs Python; such a package is not portable",
}


def pages() -> dict[str, str]:
    """File name -> Markdown, for every operator that ships with rtml, and `index.md`."""
    registry = plugins().registry
    shipped = {name: registry.entry(name) for name in registry if registry.entry(name).origin.distribution == "rtml"}
    made = {f"{name}.md": operator_page(entry) for name, entry in shipped.items()}
    return {"index.md": index_page(shipped), **made}


def index_page(entries: dict[str, Entry]) -> str:
    """The list of all operators, by plugin."""
    lines = [
        "# Operators",
        "",
        "Every operator that ships with rtml, generated from the operators themselves. `rtml operators list` shows those that",
        "are installed where you are, and `rtml operators show NAME` a page like these.",
        "",
        "| operator | what it does | plugin | role | compiles |",
        "|---|---|---|---|---|",
    ]
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].origin.plugin, item[0])):
        compiles = entry.cls.lowering_kind if compiles_at_all(entry.cls) else "no"
        facts = (f"[{name}]({name}.md)", cell(summary(entry.cls)), entry.origin.plugin, entry.cls.role, compiles)
        lines.append(f"| {' | '.join(facts)} |")
    toctree = ["", "```{toctree}", ":hidden:", "", *entries, "```", ""]
    return "\n".join([*lines, *toctree])


def operator_page(entry: Entry) -> str:
    """The page of one operator: docstring, facts, parameters."""
    cls = entry.cls
    rtol, atol = cls.tolerance
    facts = [
        ("Plugin", f"`{entry.origin.plugin}`, from {entry.origin.distribution} {entry.origin.version}"),
        ("Version of its meaning", cls.version),
        ("Role", _ROLES[cls.role]),
        ("Compiles", _FORMS[cls.lowering_kind] if compiles_at_all(cls) else "no: it runs when authoring and training"),
        ("Learns in `fit`", learns(cls)),
    ]
    if compiles_at_all(cls):
        declared = (
            f"relative {rtol:g}, absolute {atol:g}" if rtol or atol else "none, unless a node declares one: equal bit by bit"
        )
        facts.append(("Tolerance of its numbers", declared))
    lines = [f"# {cls.name}", "", markdown(inspect.getdoc(cls) or ""), ""]
    lines += [f":{name}: {text}" for name, text in facts]
    return "\n".join([*lines, "", "## Parameters", "", *parameters(cls), ""])


def compiles_at_all(cls: type[Operator]) -> bool:
    """Whether a graph with this operator can be compiled."""
    return cls.lowers() and cls.role != "authoring"


def learns(cls: type[Operator]) -> str:
    """Whether an operator learns; one that overrides `fit` may leave it to its parameters."""
    if cls.fit is Operator.fit:
        return "no"
    return "yes" if cls.learns is True else "what its parameters leave open"


def parameters(cls: type[Operator]) -> list[str]:
    """Lines for the declared parameters, each with what it must be, its default and its meaning."""
    declared = describe_params(cls.Params)
    if not declared:
        return ["None."]
    lines = ["| name | must be | default | meaning |", "|---|---|---|---|"]
    for info in declared:
        lines.append(f"| `{info.encode_name}` | {cell(info.expected)} | {cell(default_of(info))} | {cell(markdown(info.text))} |")
    if any(info.name.endswith("_") for info in declared):
        lines += ["", 'As a Python keyword, a name that Python reserves ends in an underscore: `import_="fillna"`.']
    return lines


def default_of(info: ParamInfo) -> str:
    """A default as JSON, or that there is none."""
    if info.required:
        return "required"
    return f"`{json.dumps(info.default, ensure_ascii=False, default=repr)}`"


def summary(cls: type[Operator]) -> str:
    """The first sentence of a docstring."""
    first = (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")
    return markdown(first)


def markdown(text: str) -> str:
    """Plain text of a docstring as Markdown: what would be markup outside of code is escaped."""
    return "\n".join(line if line.startswith("    ") else _escaped(line) for line in text.splitlines())


def _escaped(line: str) -> str:
    parts = line.split("`")
    for position in range(0, len(parts), 2):
        for sign in ("<", "*", "_", "[", "]", "{", "}", "$"):
            parts[position] = parts[position].replace(sign, f"\\{sign}")
    return "`".join(parts)


def cell(text: str) -> str:
    """Text for a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ") or " "


def write(folder: Path) -> None:
    """Write the pages that changed and remove those of operators that are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    made = pages()
    for page in folder.glob("*.md"):
        if page.name not in made:
            page.unlink()
    for name, text in made.items():
        page = folder / name
        if not page.exists() or page.read_text() != text:
            page.write_text(text)


def setup(app: Any) -> dict[str, bool]:
    """Called by Sphinx."""
    app.connect("builder-inited", lambda built: write(Path(built.srcdir) / "reference" / "operators"))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
