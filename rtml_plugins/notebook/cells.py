"""`%%rtml_operator`: the operators that a cell defines, registered while they are being written, or saved as a package."""

from __future__ import annotations

import ast
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Final

from rtml_core import Operator, developing
from rtml_core.developing import Developed
from rtml_core.errors import RtmlError
from rtml_core.params import describe_params
from rtml_plugins.notebook.saving import GIVEN, CellError, standalone
from rtml_plugins.notebook.tables import html_table

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

HELP: Final = """%%rtml_operator [--save FOLDER] [--name NAME]

Registers the operators that the cell defines: op.NAME works at once, in graphs, when compiling and publishing. Running the cell
again replaces them. Operator, Params, doc, ParamError, Annotated, Any and Literal need no import. examples() are tried.

  --save FOLDER   write a package with a plugin into FOLDER, too, ready for pip install -e
  --name NAME     name of that plugin; made from the first operator's unless given

Example:
  %%rtml_operator
  class Half(Operator):
      \"\"\"Half of a number column.\"\"\"

      class Params(Params):
          col: Annotated[str, doc("column of numbers")]

      def columns(self):
          return [self.params.col]

      def compute(self, xp, x):
          return {"half": x / 2.0}"""


class Operators(Sequence[Developed]):
    """What a cell brought. note: what was written, with --save."""

    def __init__(self, found: Sequence[Developed], note: str = ""):
        self._found, self.note = tuple(found), note

    def __getitem__(self, key: Any) -> Any:
        return self._found[key]

    def __len__(self) -> int:
        return len(self._found)

    def __repr__(self) -> str:
        return "\n\n".join([*map(str, self._found), *([self.note] if self.note else [])])

    def _repr_html_(self) -> str:
        note = f'<pre style="white-space:pre-wrap">{escape(self.note)}</pre>' if self.note else ""
        return "".join(map(_html, self._found)) + note


def _html(found: Developed) -> str:
    state = "" if found.well else " - does not hold what it says"
    again = ", replaces the one before" if found.replaced else ""
    rows = [
        {
            "parameter": info.encode_name,
            "type": info.expected,
            "default": "required" if info.required else repr(info.default),
            "meaning": info.text,
        }
        for info in describe_params(found.cls.Params)
    ]
    remarks = [{"": remark.level, "what": remark.what, "cure": remark.cure} for remark in found.remarks]
    parts = [f"<p><b>op.{escape(found.name)}</b>{escape(again)}{escape(state)}<br>{escape(found.form)}</p>"]
    parts += [html_table(("parameter", "type", "default", "meaning"), rows)] if rows else []
    parts += [html_table(("", "what", "cure"), remarks)] if remarks else []
    return "".join(parts)


# ---- running a cell ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """The body of a cell. file, above: its lines are those of `file`, behind so many others."""

    body: str
    file: str
    above: int


def run(shell: InteractiveShell, line: str, body: str | None) -> Operators | None:
    """Define what the cell defines, and register its operators. None when help was asked for: by --help, or without a body."""
    words = _options(line)
    if words is None or body is None:
        print(HELP)
        return None
    cell = _cell(shell, line, body)
    tree = _parsed(cell)
    ast.increment_lineno(tree, cell.above)
    if not tree.body:
        raise CellError("the cell is empty: define a class of operators in it, see %%rtml_operator --help")
    classes, lines = _defined(shell, tree, cell)
    try:
        found = developing.develop(classes, files=[cell.file])
    except RtmlError as error:
        raise _at_line(error, classes, lines) from None
    note = ""
    if "--save" in words:
        note = developing.save(classes, standalone(shell.user_ns, body), words["--save"], words.get("--name"))
    return Operators(found, note)


def _options(line: str) -> Mapping[str, str] | None:
    """The options of the magic's line; None for --help."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise CellError(f"%%rtml_operator {line}: {error}") from None
    found: dict[str, str] = {}
    rest = [part for word in words for part in (word.split("=", 1) if word.startswith("--") else [word])]
    while rest:
        word = rest.pop(0)
        if word in ("--help", "-h", "help"):
            return None
        if word not in ("--save", "--name") or not rest:
            raise CellError(f"%%rtml_operator takes --save FOLDER and --name NAME; got {line.strip()!r}")
        found[word] = rest.pop(0)
    if "--name" in found and "--save" not in found:
        raise CellError("--name is the name of a package: give --save FOLDER, too")
    return found


def _cell(shell: InteractiveShell, line: str, body: str) -> Cell:
    """The cell as Python's tools know it, so that tracebacks name its lines as the notebook numbers them."""
    head = f"%%rtml_operator {line}".rstrip()
    number = max(1, len(shell.user_ns.get("In", ())) - 1)  # execution_count is that of the next cell in some releases of IPython
    return Cell(body, shell.compile.cache(f"{head}\n{body}", number), 1)


def _parsed(cell: Cell) -> ast.Module:
    try:
        return ast.parse(cell.body, cell.file)
    except SyntaxError as error:
        where = f"line {(error.lineno or 1) + cell.above} of the cell"
        raise CellError(f"{where} is no Python: {error.msg}: {(error.text or '').strip()}") from None


def _defined(shell: InteractiveShell, tree: ast.Module, cell: Cell) -> tuple[list[type[Operator]], dict[str, int]]:
    """The operator classes that the cell defines, and the lines of their definitions."""
    namespace = shell.user_ns
    for name, module in GIVEN.items():
        if name not in namespace:
            namespace[name] = getattr(__import__(module, fromlist=[name]), name)
    before = dict(namespace)
    exec(compile(tree, cell.file, "exec", shell.compile.flags, True), namespace)
    made = [
        value
        for name, value in namespace.items()
        if isinstance(value, type)
        and issubclass(value, Operator)
        and value is not before.get(name)
        and value.__module__ == namespace.get("__name__")
        and not name.startswith("_")
    ]
    # a class that others of the cell are made from, and that does nothing by itself, is no operator
    classes = [cls for cls in dict.fromkeys(made) if _works(cls) or not any(cls in other.__mro__[1:] for other in made)]
    if not classes:
        raise CellError("the cell defines no class of operators: class Half(Operator): ..., see %%rtml_operator --help")
    lines = {node.name: node.lineno for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    return classes, lines


def _works(cls: type[Operator]) -> bool:
    return cls.has_formula() or cls.process is not Operator.process or cls.transform is not Operator.transform


def _at_line(error: RtmlError, classes: Sequence[type[Operator]], lines: Mapping[str, int]) -> RtmlError:
    """The error with the line of the class that it names."""
    text = str(error)
    for cls in classes:
        if f"operator {cls.name}" in text or f"operator '{cls.name}'" in text or f"operator {cls.__qualname__}" in text:
            return type(error)(f"{text} (line {lines.get(cls.__name__, 1)} of the cell)")
    return error
