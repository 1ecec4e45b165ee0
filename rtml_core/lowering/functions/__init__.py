"""Python functions, read from their source: a tree that runs on Python values (the eager reference) and that compiles.

`PythonFunction.read(function)` reads one, `PythonFunction(document)` takes the JSON form that a graph keeps (see tree). The
eager form is the function itself, as far as anything can tell; the compiled form gives the same in every row, and refuses the
rows in which it would raise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rtml_core.errors import ParamError
from rtml_core.lowering.functions.tree import Node, check_function, walk
from rtml_core.lowering.functions.vocabulary import LIBRARY

if TYPE_CHECKING:
    from rtml_core.lowering.builder import Builder
    from rtml_core.lowering.functions.columns import Missing
    from rtml_core.lowering.symbolic import Symbolic


class PythonFunction:
    """A function as a tree. `args`: names of its arguments; `columns`: those that it takes from a row, if it takes one."""

    def __init__(self, document: Mapping[str, Any]):
        """Raises ParamError, naming the place, for a document that is no function."""
        check_function(document)
        self.document = dict(document)
        self.name: str = document["name"]
        self.args: list[str] = list(document["args"])
        self.body: list[Node] = document["body"]
        self.row: bool = document.get("row", False)
        self.functions: Mapping[str, Any] = document.get("functions", {})

    @classmethod
    def read(cls, function: Any, *, row: bool = False) -> PythonFunction:
        """A def, lambda, functools.partial or listed built-in, read from its source; a document or a PythonFunction as it is.

        row: its one argument is a row of the frame. Raises ParamError with the line, the reason and the cure.
        """
        if isinstance(function, PythonFunction):
            return function
        if isinstance(function, Mapping):
            return cls(function)
        if not callable(function):
            raise ParamError(f"a function must be a def, a lambda or the object that stands for one in JSON; got {function!r}")
        from rtml_core.lowering.functions.reader import read

        return cls(read(function, row=row))

    def to_json(self) -> dict[str, Any]:
        """The document, JSON values only."""
        return self.document

    @property
    def columns(self) -> list[str]:
        """Columns that a function of a row takes, in the order in which they first stand in it."""
        names = [node[1] for node in walk(self.body) if node[0] == "column" and len(node) == 2 and isinstance(node[1], str)]
        return list(dict.fromkeys(names))

    @property
    def inexact(self) -> bool:
        """Whether it goes through the mathematical library, where Python and onnxruntime differ in the last place."""
        trees = [self.body, *(helper["body"] for helper in self.functions.values())]
        return any(
            (node[0] == "call" and len(node) == 3 and node[1] in LIBRARY) or (node[0] == "binary" and node[1:2] == ["**"])
            for tree in trees
            for node in walk(tree)
        )

    def __call__(self, *values: Any) -> Any:
        """What the function gives for these values, by its tree; raises what the function raises."""
        from rtml_core.lowering.functions.interpreter import Interpreter

        if self.row:
            (row,) = values
            return Interpreter(self.functions, row).run([], self.body, [])
        if len(values) != len(self.args):
            raise TypeError(f"{self.name}() takes {len(self.args)} arguments ({', '.join(self.args)}); got {len(values)}")
        return Interpreter(self.functions).run(self.args, self.body, values)

    def lower(
        self, b: Builder, columns: Sequence[Symbolic], missing: Missing, results: Sequence[str] | None = None
    ) -> list[Symbolic]:
        """Emit the function on columns, one for each argument (or for each of `columns`, of a row).

        missing: what it sees for a missing cell. results: the columns that its answer, a tuple or dict, is unpacked into; None:
        the answer is one column. Raises NotLowerableError with line, reason and cure.
        """
        from rtml_core.lowering.functions.compiling import lower_function

        return lower_function(self, b, columns, missing, results)

    @property
    def result_names(self) -> list[str] | None:
        """The keys of the dict that it gives wherever it returns; None when it returns something else."""
        given = [node[2] for node in walk(self.body) if node[0] == "return" and len(node) == 3]
        found: list[str] | None = None
        for value in given:
            pairs = value[1] if value[0] == "dict" else []
            names = [key[1] for key, _ in pairs if key[0] == "const" and isinstance(key[1], str)]
            if not pairs or len(names) != len(pairs) or (found is not None and sorted(names) != sorted(found)):
                return None
            found = found or names
        return found

    def __repr__(self) -> str:
        return f"<function {self.name}({', '.join(self.args) if not self.row else 'row'})>"


__all__ = ["PythonFunction"]
